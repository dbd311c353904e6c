"""How often a command connects to the hub, and what it hears on the connection that it has."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.errors import Conflict
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger import contention
from gitfleet.ledger.model import Status
from gitfleet.telling import remarks
from gitfleet.upkeep import exchange
from tests.fleetbench import Fleets
from tests.operations import raw
from tests.places import git_server, needs_sshd, ssh_command
from tests.workbench import Git, Gitfleet

ADA_1 = SessionId("ada-1")

PROGRAM = '#!/bin/sh\necho {kind} >>"{log}"\nexec git-{kind} "$@"\n'


class Counter:
    """Counts the connections of one clone to its origin, by what they are for: "push" and "fetch"."""

    def __init__(self, clone: Path, folder: Path, git: Git) -> None:
        self._log = folder / f"connections-{clone.name}"
        for kind in ("upload-pack", "receive-pack"):
            program = folder / f"{clone.name}-{kind}"
            program.write_text(PROGRAM.format(kind=kind, log=self._log))
            program.chmod(0o755)
            git(clone, "config", f"remote.origin.{kind.replace('-', '')}", program)

    def take(self) -> list[str]:
        """Those since the last time, in order."""
        told = self._log.read_text().split() if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return ["push" if kind == "receive-pack" else "fetch" for kind in told]


@pytest.fixture
def count(tmp_path: Path, git: Git) -> Callable[[Path], Counter]:
    return lambda clone: Counter(clone, tmp_path, git)


@pytest.fixture
def ada(fleets: Fleets, count: Callable[[Path], Counter]) -> Counter:
    """The connections of ada, who has seen all that the hub has."""
    with fleets.open() as fleet:
        fleet.ledger.sync()
    return count(fleets.clone("ada"))


def away(fleets: Fleets, git: Git, *changes: str) -> None:
    """Somebody without gitfleet pushes to the hub's trunk."""
    other = fleets.root / "other"
    if not other.exists():
        git(fleets.root, "clone", "--quiet", "hub.git", "other")
    git.commit(other, {change: f"{change}\n" for change in changes})
    git(other, "push", "--quiet", "origin", "HEAD")


def test_uncontended_command_is_one_push(fleets: Fleets, ada: Counter, git: Git, gitfleet: Gitfleet) -> None:
    clone = fleets.clone("ada")
    for command in (
        ("claim", "src/a.py", "--session", "ada-1"),
        ("claim", "src/a.py", "--session", "ada-1"),
        ("claim", "src/b.py", "--session", "ada-1"),
        ("release", "src/a.py", "--session", "ada-1"),
        ("release", "--all", "--session", "ada-1"),
        ("session", "start", "--id", "ada-9"),
        ("session", "end", "ada-9"),
    ):
        gitfleet(clone, *command).ok()
        assert ada.take() == ["push"], command


def test_release_of_nothing_is_one_fetch(fleets: Fleets, ada: Counter, gitfleet: Gitfleet) -> None:
    for what in ("src/a.py", "--all"):
        gitfleet(fleets.clone("ada"), "release", what, "--session", "ada-1").ok()
        assert ada.take() == ["fetch"], what


def test_first_commands_after_init_are_one_push_each(
    fleets: Fleets, git: Git, gitfleet: Gitfleet, count: Callable[[Path], Counter]
) -> None:
    git(fleets.root, "clone", "--quiet", "hub.git", "carol")
    carol = fleets.root / "carol"
    gitfleet(carol, "init").ok()
    counter = count(carol)
    gitfleet(carol, "session", "start", "--id", "carol-1").ok()
    gitfleet(carol, "claim", "src/a.py", "--session", "carol-1").ok()
    assert counter.take() == ["push", "push"]


def test_refused_claim_is_one_fetch_also_when_nothing_has_changed(fleets: Fleets, ada: Counter) -> None:
    fleets.claim("bob", "bob-1", "src/a.py")
    for connections in (["push", "fetch"], ["fetch"]):  # the first does not know of bob's claim
        with pytest.raises(Conflict, match="bob-1"):
            fleets.claim("ada", "ada-1", "src/a.py")
        assert ada.take() == connections


def test_claim_of_what_its_holder_has_let_go_meanwhile_is_granted(fleets: Fleets, ada: Counter) -> None:
    fleets.claim("bob", "bob-1", "src/a.py")
    with fleets.open("ada") as fleet:
        fleet.ledger.sync()
    with fleets.open("bob") as fleet:
        fleet.claims.release(SessionId("bob-1"), ["src/a.py"])
    ada.take()
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED
    assert ada.take() == ["fetch", "push"]


def test_claim_on_a_state_that_is_old_looks_and_pushes_again_without_a_pause(
    fleets: Fleets, ada: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleets.claim("bob", "bob-1", "src/b.py")
    (fleets.clone("ada") / ".git/gitfleet/published").unlink(missing_ok=True)  # it has not published just now
    with monkeypatch.context() as patched:
        patched.setattr("gitfleet.base.clock.wait", lambda seconds: pytest.fail("nobody raced"))
        assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED
    assert ada.take() == ["push", "fetch", "push"]
    assert fleets.claim("ada", "ada-1", "docs/").status is Status.CONFIRMED
    assert ada.take() == ["push"]


def test_no_beside_a_yes_in_one_transaction_is_proved_by_its_push(fleets: Fleets, ada: Counter) -> None:
    fleets.claim("ada", "ada-1", "src/a.py")
    ada.take()
    with fleets.open() as fleet:
        asked = [
            raw("claim.release", fleet.ledger.node.id, "ada-1", {"patterns": ["src/a.py"]}),
            raw("claim.release", fleet.ledger.node.id, "nobody", {"patterns": None}),
        ]
        results = fleet.ledger.submit(asked)
    assert {result.status for result in results} <= {Status.CONFIRMED, Status.REFUSED}
    assert ada.take() == ["push"]


def test_sync_is_one_fetch_and_one_push(fleets: Fleets, ada: Counter, gitfleet: Gitfleet) -> None:
    fleets.claim("bob", "bob-1", "src/b.py")
    gitfleet(fleets.clone("ada"), "sync").ok()
    assert ada.take() == ["fetch", "push"]


def test_trunk_that_has_moved_is_fetched_once_and_what_is_behind_is_told(
    fleets: Fleets, ada: Counter, git: Git
) -> None:
    away(fleets, git, "src/api/a.py")
    with fleets.open() as fleet:
        result = fleet.claims.claim(ADA_1, ["src/api/a.py"])
        told = remarks.of_grant(fleet, result.granted)
        assert [item.pattern for item in told.behind] == ["src/api/a.py"]
    assert ada.take() == ["push", "fetch"]
    fleets.claim("ada", "ada-1", "docs/")
    assert ada.take() == ["push"]


def test_trunk_that_this_clone_has_pushed_itself_is_no_news(fleets: Fleets, ada: Counter, git: Git) -> None:
    clone = fleets.clone("ada")
    git.commit(clone, {"docs/new": "new\n"})
    git(clone, "-c", "core.hooksPath=/dev/null", "push", "--quiet", "--no-verify", "origin", "HEAD")
    ada.take()
    fleets.claim("ada", "ada-1", "docs/")
    assert ada.take() == ["push"]


def test_branch_that_has_come_or_gone_is_a_reason_to_ask_for_head_once(
    fleets: Fleets, ada: Counter, git: Git
) -> None:
    for change in (("branch", "new", "main"), ("branch", "-D", "new")):
        git(fleets.hub, *change)
        for connections in (["push", "fetch"], ["push"]):
            fleets.claim("ada", "ada-1", "src/a.py")
            assert ada.take() == connections


@pytest.mark.parametrize("back", [False, True])
def test_head_that_moves_among_branches_that_stay_is_followed_by_the_next_claim(
    fleets: Fleets, git: Git, ada: Counter, *, back: bool
) -> None:
    git(fleets.hub, "branch", "other", "main")
    with fleets.open() as fleet:
        fleet.ledger.sync()
    for name in ("other", "main")[: 1 + back]:
        git(fleets.hub, "symbolic-ref", "HEAD", f"refs/heads/{name}")
        fleets.claim("ada", "ada-1", "src/a.py")
        with fleets.open() as fleet:
            assert fleet.ledger.node.trunk == name


def test_head_that_names_no_branch_costs_no_more(fleets: Fleets, git: Git, ada: Counter) -> None:
    git(fleets.hub, "symbolic-ref", "HEAD", "refs/heads/nowhere")
    fleets.claim("ada", "ada-1", "src/a.py")
    assert ada.take() == ["push"]


@pytest.mark.parametrize("seconds", [-3600, 3600], ids=["after-a-while", "when-the-clock-was-set-back"])
def test_head_is_asked_for_again(fleets: Fleets, ada: Counter, seconds: int) -> None:
    fleets.claim("ada", "ada-1", "src/a.py")
    ada.take()
    then = time.time() + seconds
    os.utime(fleets.state() / "hub-branches", (then, then))
    for connections in (["push", "fetch"], ["push"]):
        fleets.claim("ada", "ada-1", "src/a.py")
        assert ada.take() == connections


def test_push_whose_trace_is_not_understood_is_followed_by_a_fetch(
    fleets: Fleets, ada: Counter, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitfleet.git.advertisement.tracing", lambda path: {})
    git(fleets.hub, "branch", "edge", "main")
    git(fleets.hub, "symbolic-ref", "HEAD", "refs/heads/edge")
    fleets.claim("ada", "ada-1", "src/a.py")
    assert ada.take() == ["push", "fetch", "fetch"]  # the last for the branch that is the trunk now
    with fleets.open() as fleet:
        assert fleet.ledger.node.trunk == "edge"


def test_fetch_after_a_push_that_fails_changes_nothing_of_what_was_granted(
    fleets: Fleets, ada: Counter, git: Git
) -> None:
    away(fleets, git, "src/api/a.py")
    git(fleets.clone("ada"), "config", "remote.origin.uploadpack", "false")
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED
    assert fleets.waiting() == []


def follows(fleets: Fleets, git: Git) -> None:
    """A claim hears of a trunk that was renamed, and of the new one's commits."""
    with fleets.open() as fleet:
        exchange.sync(fleet)
    git(fleets.hub, "branch", "-m", "main", "trunk")
    git(fleets.hub, "symbolic-ref", "HEAD", "refs/heads/trunk")
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED
    with fleets.open() as fleet:
        assert fleet.ledger.node.trunk == "trunk"
    assert list((fleets.state() / "outbox").glob("*.tmp")) == []


def test_renamed_trunk_is_followed_by_a_claim_over_http(fleets: Fleets, git: Git) -> None:
    git(fleets.hub, "config", "http.receivepack", "true")
    with git_server(fleets.root) as address:
        git(fleets.clone("ada"), "remote", "set-url", "origin", f"{address}/hub.git")
        follows(fleets, git)


@needs_sshd
def test_renamed_trunk_is_followed_by_a_claim_over_ssh(
    fleets: Fleets, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    monkeypatch.setenv("GIT_SSH", ssh_command(keys))
    git(fleets.clone("ada"), "remote", "set-url", "origin", f"root@loop:{fleets.hub}")
    follows(fleets, git)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_renamed_trunk_is_followed_by_a_claim_in_every_protocol(
    fleets: Fleets, git: Git, version: int
) -> None:
    git(fleets.clone("ada"), "config", "protocol.version", str(version))
    follows(fleets, git)


def test_hook_of_a_hub_here_hears_nothing_of_our_trace(fleets: Fleets, git: Git) -> None:
    hook = fleets.hub / "hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\ngit ls-remote . >/dev/null 2>"{fleets.root}/said"\n')
    hook.chmod(0o755)
    fleets.claim("ada", "ada-1", "src/a.py")
    assert (fleets.root / "said").read_text() == ""


def test_service_of_open_fleet_hears_of_the_trunk_for_every_caller(fleets: Fleets, git: Git) -> None:
    with fleets.open() as fleet:
        assert isinstance(fleet, Fleet)
        for number in range(2):
            away(fleets, git, f"src/api/{number}.py")
            result = fleet.claims.claim(ADA_1, [f"src/api/{number}.py"])
            told = remarks.of_grant(fleet, result.granted)
            assert [item.pattern for item in told.behind] == [f"src/api/{number}.py"]


@pytest.mark.parametrize(
    ("met", "long", "waits"), [(True, False, 1), (True, True, 1), (False, False, 0), (False, True, 1)]
)
def test_node_that_publishes_in_a_row_lets_others_go_first_if_it_has_met_any_or_goes_on_for_long(
    fleets: Fleets, ada: Counter, monkeypatch: pytest.MonkeyPatch, met: bool, long: bool, waits: int
) -> None:
    fleets.claim("ada", "ada-1", "src/a.py")
    state = fleets.clone("ada") / ".git/gitfleet"
    (state / "others").unlink(missing_ok=True)
    (state / "contended").unlink(missing_ok=True)
    if met:
        (state / "others").touch()
    (state / "row").touch()
    if long:
        os.utime(state / "row", (0, 0))
    pauses: list[float] = []
    monkeypatch.setattr("gitfleet.base.clock.wait", pauses.append)
    monkeypatch.setattr("gitfleet.ledger.contention.MOMENT", 60.0)
    monkeypatch.setattr("gitfleet.ledger.contention.ROW", 60.0)
    fleets.claim("ada", "ada-1", "src/b.py")
    assert len(pauses) == waits
    assert not long or met or 0 < pauses[0] <= contention.MAX_PAUSE


def test_sessions_beside_rules_that_have_not_landed_are_one_push_each(
    clone: Callable[[str], Path], gitfleet: Gitfleet, count: Callable[[Path], Counter]
) -> None:
    ada = clone("ada")
    gitfleet(ada, "init").ok()
    counter = count(ada)
    for command in (("start", "--id", "ada-1"), ("end", "ada-1"), ("start", "--id", "ada-2")):
        gitfleet(ada, "session", *command).ok()
        assert counter.take() == ["push"], command
    assert "ada-2" in gitfleet(ada, "claims", "gitfleet.yaml").ok().stdout
