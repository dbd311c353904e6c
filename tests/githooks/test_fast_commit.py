"""The quick gate never says yes where the full one would say no, and says it with next to nothing loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from gitfleet.base import canonical, clock, delivery, identity
from gitfleet.base.ids import ulid
from gitfleet.base.names import NodeId, SessionId
from gitfleet.claims import model
from gitfleet.claims.model import Claim
from gitfleet.errors import FleetError
from gitfleet.git import fleetrefs, refs
from gitfleet.git.trees import Snapshot
from gitfleet.githooks import check_paths, fast_commit, full_gate, index
from gitfleet.githooks.catfile import Unexpected
from gitfleet.githooks.shims import GATED, OPTIONAL
from gitfleet.ledger import commits
from gitfleet.patterns import language
from gitfleet.sessions import session_records
from gitfleet.sessions.local import Here, mark
from tests.gatebench import GATE, Copies, Gated, hook, refused
from tests.sampling import examples
from tests.workbench import Ran, run

NAMES = st.sampled_from(["a", "A", "b.py", "é", "e\u0301", "x y", "[1]", ".hid"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.one_of(
    PATHS.map(lambda path: language.literal(path).text),
    PATHS.map(lambda path: language.literal(path + "/").text),
    st.sampled_from(
        [
            "*",
            "*.py",
            "a/*",
            "**/b.py",
            "a/**",
            "[ab]*",
            "?/",
            "A/",
            "[1]",
            "[1]/b.py",
            "[ab]",
            "a/[1]/",
            "[1]/*",
        ]
    ),
)


def quick(clone: Gated) -> bool:
    """What the quick gate says, in this process."""
    before, place = dict(os.environ), Path.cwd()
    os.environ["GITFLEET_SESSION"] = clone.session
    os.chdir(clone.path)
    try:
        return fast_commit.quick(["pre-commit"])
    except (Unexpected, OSError, ValueError, LookupError, TypeError, RecursionError, FleetError):
        return False
    finally:
        os.chdir(place)
        os.environ.clear()
        os.environ.update(before)


def slow(clone: Gated) -> bool:
    """Whether the full gate would let the same commit pass."""
    with clone.open() as fleet:
        try:
            state = fleet.current()
            if session_records.find(state.view, clone.session) is None:
                return False
            paths = index.differing(fleet.repository.here, "HEAD")
            found = check_paths.judge(fleet, state, clone.session, paths)
        except FleetError:
            return False
        return not (found.free or found.theirs or found.unverifiable or found.lapsed)


def rewrite(clone: Gated, changes: dict[str, bytes | None]) -> None:
    """Put a ledger commit with these records where the agreed state is, whatever the rules would say."""
    with clone.open() as fleet:
        tip = fleet.ledger.tip()
        assert tip is not None
        tree = Snapshot(fleet.ledger.objects, tip.tree)
        tree.change(changes)
        made = commits.write(fleet.ledger.objects, tree, tip, [], ["test"], node="test", at=clock.now())
        fleet.ledger.objects.flush()
        refs.move(fleet.repository.git, fleetrefs.COORD, new=made.oid, old=tip.oid)


def claim_on(pattern: str, session: str, *, age: int = 0, ttl: int = 2700, **more: Any) -> Claim:
    fields = {"nonce": ulid(), "reason": "", "branch": "", "operation": ulid(), **more}
    return Claim(
        id=ulid(), session=SessionId(session), node=NodeId("alone"), pattern=pattern, mode="exclusive", token=7, ttl=ttl,
        granted_at=clock.now() - age, **fields,
    )  # fmt: skip


def session_record(clone: Gated, *, age: int) -> dict[str, bytes | None]:
    """The session's record, renewed so many seconds ago."""
    with clone.open() as fleet:
        found = session_records.find(fleet.current().view, clone.session)
        assert found is not None
        record = {**found.encode(), "renewed_at": clock.now() - age}
    return {session_records.path(clone.session): canonical.dump(record)}


@pytest.fixture(scope="module")
def bench(hooked_fleet: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Gated, str]:
    """One clone for many examples, and the ledger commit that each of them starts from."""
    clone = Copies(hooked_fleet, tmp_path_factory.mktemp("quick") / "fleet").clone("alone")
    tip = clone.fleets.tip("alone")
    assert tip is not None
    return clone, tip


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    claims=st.lists(st.tuples(PATTERNS, st.booleans()), max_size=5),
    staged=st.sets(PATHS, min_size=1, max_size=3),
    age=st.sampled_from([0, 10, 100, 880, 901, 2579, 2581, 2701, -50]),
    ttl=st.sampled_from([60, 300, 2700]),
)
def test_quick_yes_is_a_yes_of_the_full_gate(
    bench: tuple[Gated, str], claims: list[tuple[str, bool]], staged: set[str], age: int, ttl: int
) -> None:
    clone, tip = bench
    clone.git("update-ref", fleetrefs.COORD, tip).ok()
    changes = session_record(clone, age=age)
    for pattern, mine in claims:
        session = clone.session if mine else clone.other
        changes |= model.put(claim_on(pattern, session, age=max(age, 0), ttl=ttl))
    rewrite(clone, changes)
    clone.out("read-tree", "HEAD")
    blob = clone.out("hash-object", "-w", "--stdin", stdin="x\n")
    rows = "".join(f"100644 {blob}\t{path}\0" for path in sorted(staged))
    clone.out("update-index", "--add", "--replace", "-z", "--index-info", stdin=rows)
    fast, right = quick(clone), slow(clone)
    assert right or not fast
    if right and 0 <= age < ttl / 3:
        assert fast  # the lane is of use: it does say yes to what is plain


DAMAGE: dict[str, Any] = {
    "other-version": {"v": 2},
    "other-kind": {"kind": "ticket"},
    "no-mode": {"mode": "loose"},
    "id-of-another": {"id": "01M7Y4FRND66Q1HQNN63XPMCHF"},
    "token-is-text": {"token": "7"},
    "token-is-true": {"token": True},
    "ttl-is-text": {"ttl": "2700"},
    "reason-is-number": {"reason": 7},
    "reason-too-long": {"reason": "x" * 5000},
    "pattern-elsewhere": {"pattern": "src/"},
    "pattern-is-two": {"pattern": "{README.md,LICENSE}"},
    "pattern-is-no-path": {"pattern": "../README.md"},
    "no-session": {"session": None},
}


@pytest.mark.sample(5)
@pytest.mark.parametrize("damage", DAMAGE)
def test_quick_gate_believes_no_claim_that_the_full_one_does_not(alone: Gated, damage: str) -> None:
    alone.write("README.md")
    claim = claim_on("README.md", alone.session)
    changes = {**session_record(alone, age=0), **model.put(claim)}
    rewrite(alone, changes)
    assert quick(alone)
    assert slow(alone)
    rewrite(alone, {claim.where: canonical.dump({**claim.encode(), **DAMAGE[damage]})})
    assert not quick(alone)
    assert not slow(alone)
    refused(alone.commit())


@pytest.mark.parametrize("data", [b"", b"{", b"[]\n", b"\xff\n", b"[" * 100_000, b"null\n", b'{"v":1}\n'])
def test_quick_gate_hands_garbage_near_the_path_to_the_full_one(alone: Gated, data: bytes) -> None:
    alone.write("src/api/a.py")
    rewrite(alone, {f"claims/=src/@{ulid()}.json": data})
    refused(alone.commit(), "It was left alone")


def test_garbage_elsewhere_is_in_nobodys_way(alone: Gated) -> None:
    rewrite(alone, {f"claims/=docs/@{ulid()}.json": b"{", f"claims/=src/=api/=b.py/@{ulid()}.json": b"{"})
    alone.claim("src/api/a.py")
    alone.write("src/api/a.py")
    alone.commit().ok()


@pytest.mark.parametrize(
    ("path", "data"),
    [
        (
            "fleet.json",
            {"v": 1, "kind": "fleet", "id": "fleet", "nonce": "", "min_reader": 2, "min_writer": 1},
        ),
        ("fleet.json", {"v": 2, "kind": "fleet"}),
        ("fleet.json", None),
    ],
    ids=["reader", "format", "missing"],
)
def test_quick_gate_obeys_a_fleet_that_wants_a_newer_one(alone: Gated, path: str, data: Any) -> None:
    alone.claim("README.md")
    alone.write("README.md")
    assert quick(alone)
    rewrite(alone, {path: canonical.dump(data) if data else None})
    assert not quick(alone)
    refused(alone.commit())


@pytest.mark.parametrize(
    "damage", [{"v": 2}, {"node": "elsewhere"}, {"renewed_at": "now"}, {"id": "alone-2"}]
)
def test_quick_gate_believes_no_session_that_the_full_one_does_not(
    alone: Gated, damage: dict[str, Any]
) -> None:
    alone.claim("README.md")
    alone.write("README.md")
    assert quick(alone)
    (data,) = session_record(alone, age=0).values()
    assert data is not None
    place = session_records.path(alone.session)
    rewrite(alone, {place: canonical.dump({**json.loads(data), **damage})})
    assert not quick(alone)
    refused(alone.commit())


def test_quick_gate_leaves_to_the_full_one_what_is_not_plain(alone: Gated) -> None:
    alone.claim("README.md")
    alone.write("README.md")
    state = alone.fleets.state("alone")
    assert quick(alone)
    (state / "outbox/tentative/x").touch()
    assert not quick(alone)
    (state / "outbox/tentative/x").unlink()
    with alone.open() as fleet:
        fleet.ledger.notices.leave(alone.session, "news", kind="lost")
    assert not quick(alone)
    with alone.open() as fleet:
        assert fleet.ledger.notices.fresh(alone.session) == ["news"]
    assert not quick(alone)
    delivery.done()
    with alone.open() as fleet:
        fleet.claims.tell(alone.other, alone.session, "hello")
        assert not quick(alone)
        (told,) = fleet.messages(alone.session)
        assert told.endswith(f'{alone.other} says: "hello"')
        assert not quick(alone)
    delivery.done()
    assert quick(alone)
    (alone.path / ".git/MERGE_HEAD").write_text(alone.out("rev-parse", "HEAD") + "\n")
    assert not quick(alone)
    (alone.path / ".git/MERGE_HEAD").unlink()
    alone.policy(case_sensitive=True)
    assert not quick(alone)
    (state / "policy.json").unlink()
    assert quick(alone)


# Who commits, where nobody is named.


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"])


def at_work(
    clone: Gated, session: str, process: identity.ProcessIdentity | None, *, person: bool = False
) -> None:
    """Register a session of the clone's worktree with the clone itself, and mark the worktree."""
    with clone.open() as fleet:
        worktree = fleet.repository.worktree or ""
        fleet.sessions.local.remember(Here(SessionId(session), worktree, person, process))
        mark(fleet.repository.git_dir, fleet.sessions.local, worktree)


def unnamed(clone: Gated) -> Ran:
    return clone.git("commit", "-qm", "unnamed", env=clone.as_session(None))


def test_session_of_the_worktree_commits_without_being_named(alone: Gated) -> None:
    alone.claim("README.md")
    alone.write("README.md")
    process = sleeper()
    try:
        at_work(alone, alone.session, identity.identify(process.pid))
        unnamed(alone).ok()
    finally:
        process.kill()
        process.wait()
    assert f"Fleet-Session: {alone.session}" in alone.trailers()


def test_session_whose_agent_was_killed_commits_nothing_more(alone: Gated) -> None:
    alone.claim("README.md")
    alone.write("README.md")
    process = sleeper()
    at_work(alone, alone.other, None, person=True)
    at_work(alone, alone.session, identity.identify(process.pid))
    mark_file = alone.path / ".git/gitfleet-session"
    assert mark_file.read_text() == f"{alone.session}\n"
    process.kill()
    process.wait()
    refused(unnamed(alone), alone.session)  # the dead agent's claim, and the person is meant
    assert mark_file.read_text() == f"{alone.other}\n"


def test_quick_gate_takes_an_empty_variable_for_none(alone: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.claim("README.md")
    at_work(alone, alone.session, None, person=True)
    alone.write("README.md")
    monkeypatch.setenv("GITFLEET_SESSION", "")
    monkeypatch.chdir(alone.path)
    assert fast_commit.quick(["pre-commit"])
    alone.git("commit", "-qm", "x", env={"GITFLEET_SESSION": ""}).ok()
    assert f"Fleet-Session: {alone.session}" in alone.trailers()


def test_sessions_of_one_worktree_are_told_apart_by_name_only(alone: Gated) -> None:
    alone.claim("README.md")
    alone.claim("docs/", session=alone.other)
    one, other = sleeper(), sleeper()
    try:
        at_work(alone, alone.session, identity.identify(one.pid))
        at_work(alone, alone.other, identity.identify(other.pid))
        alone.write("README.md")
        refused(unnamed(alone), alone.session, alone.other, "GITFLEET_SESSION")
        refused(alone.git("commit", "-qm", "x", env=alone.as_session(alone.other)), "README.md")
        alone.commit().ok()
        alone.write("docs/readme.md")
        alone.out("config", "fleet.session", alone.other)
        unnamed(alone).ok()
        assert f"Fleet-Session: {alone.other}" in alone.trailers()
        alone.out("config", "--unset", "fleet.session")
        other.kill()
        other.wait()
        alone.write("README.md", "again\n")
        unnamed(alone).ok()
        assert f"Fleet-Session: {alone.session}" in alone.trailers()
    finally:
        for process in (one, other):
            process.kill()
            process.wait()


@pytest.mark.parametrize("how", ["config", "include", "command", "environment", "worktree", "global"])
def test_quick_gate_and_full_one_agree_about_the_session_that_is_configured(
    alone: Gated, tmp_path: Path, how: str
) -> None:
    """The mark says one session, git's configuration another; but what is set for all clones means none."""
    alone.claim("README.md")
    alone.claim("docs/", session=alone.other)
    at_work(alone, alone.session, None, person=True)
    alone.write("docs/readme.md")
    env: dict[str, str | None] = {"GITFLEET_SESSION": None}
    options: tuple[str, ...] = ()
    if how == "config":
        alone.out("config", "FLEET.session", alone.other)
    elif how == "include":
        (tmp_path / "more").write_text(f"[fleet]\n\tsession = {alone.other}\n")
        alone.out("config", "include.path", str(tmp_path / "more"))
    elif how == "command":
        options = ("-c", f"fleet.session={alone.other}")
    elif how == "environment":
        env |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "fleet.session",
            "GIT_CONFIG_VALUE_0": alone.other,
        }
    elif how == "worktree":
        alone.out("config", "extensions.worktreeConfig", "true")
        alone.out("config", "--worktree", "fleet.session", alone.other)
    else:
        alone.out("config", "--global", "fleet.session", alone.other)
    ran = alone.git(*options, "commit", "-qm", "configured", env=env)
    if how == "global":
        refused(ran, alone.other)
    else:
        assert f"Fleet-Session: {alone.other}" in alone.trailers(), ran


def test_quick_gate_reads_the_ledger_itself_and_no_replacement(alone: Gated) -> None:
    alone.claim("README.md")
    with_claim = alone.fleets.tip("alone")
    alone.release()
    without = alone.fleets.tip("alone")
    assert with_claim
    assert without
    alone.out("replace", without, with_claim)
    alone.write("README.md")
    refused(alone.commit(), "has not claimed")


# What is loaded on the way.


@pytest.mark.parametrize("name", ["pre-commit", "prepare-commit-msg"])
def test_quick_gate_on_the_way_to_yes_loads_the_standard_library_alone(
    alone: Gated, tmp_path: Path, name: str
) -> None:
    alone.claim("README.md")
    alone.claim("src/*.py")
    alone.claim("docs/")
    alone.write("README.md")
    alone.write("src/x.py")
    alone.write("docs/y.md")
    at_work(alone, alone.session, identity.identify(os.getpid()))
    message = tmp_path / "message"
    message.write_text("subject\n")
    words = [sys.executable, "-X", "importtime", "-I", "-S", str(GATE), name, str(message), "message"]
    said = run(words, alone.path, env={"GITFLEET_SESSION": None}).ok().stderr.splitlines()
    loaded = {line.rsplit("|", 1)[1].strip() for line in said if line.startswith("import time:")}
    assert "gitfleet.githooks.fast_commit" in loaded
    assert "gitfleet.githooks.full_gate" not in loaded
    assert not loaded & {
        "re",
        "json",
        "dataclasses",
        "enum",
        "pathlib",
        "subprocess",
        "logging",
        "typing",
        "site",
    }
    foreign = {one for one in loaded if one.split(".")[0] not in sys.stdlib_module_names | {"gitfleet"}}
    assert foreign <= {"imported package"}
    if name == "prepare-commit-msg":
        assert message.read_text().count("Fleet-Claim: ") == 3


def test_full_gate_knows_every_hook_that_is_put_in() -> None:
    assert {*GATED, *OPTIONAL} <= set(full_gate.HOOKS)


def test_hook_of_a_clone_where_a_merge_is_under_way_elsewhere_is_not_confused(
    alone: Gated, tmp_path: Path
) -> None:
    alone.out("worktree", "add", "--quiet", "-b", "side", tmp_path / "side")
    (alone.path / ".git/worktrees/side/MERGE_HEAD").write_text("0" * 40 + "\n")
    alone.claim("README.md")
    alone.write("README.md")
    assert quick(alone)
    hook(alone.path, "pre-commit", env={"GITFLEET_SESSION": alone.session}).ok()
