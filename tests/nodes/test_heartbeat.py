"""Two nodes tell each other of their sessions through a bare hub, with real processes and real git."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.errors import HubUnreachable
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import status
from gitfleet.fleet.views.status import SessionStatus, StatusAnswer
from gitfleet.git import fleetrefs
from gitfleet.nodes import records
from gitfleet.nodes.liveness import Liveness
from gitfleet.sessions.service import Start
from tests.fleetbench import Fleets
from tests.operations import raw
from tests.workbench import Git

NewProcess = Callable[[], "subprocess.Popen[bytes]"]


def exchange(clone: Path) -> list[str]:
    with Fleet.open(str(clone)) as fleet:
        fleet.ledger.sync(*fleet.node_ref.wanted)
        return fleet.node_ref.exchange()


def node(clone: Path) -> str:
    with Fleet.open(str(clone)) as fleet:
        return fleet.ledger.node.id


def look(clone: Path, *, tail: int = 0, bulk: bool = True) -> tuple[StatusAnswer, list[str]]:
    with Fleet.open(str(clone), bulk=bulk) as fleet:
        return status.look(fleet, tail=tail)


def row(clone: Path, session: str, *, tail: int = 0) -> SessionStatus:
    with Fleet.open(str(clone)) as fleet:
        fleet.ledger.sync()
    return next(one for one in look(clone, tail=tail)[0]["sessions"] if one["id"] == session)


def liveness(clone: Path, session: str) -> str:
    found = row(clone, session)
    return str(Liveness(found["liveness"], found["quiet_for"]))


def begin(clone: Path, session: str, process: subprocess.Popen[bytes], *, log: str = "") -> None:
    with Fleet.open(str(clone)) as fleet:
        fleet.sessions.start(Start(id=session, pid=process.pid, agent="codex", log=log))


def time_passes(clone: Path, seconds: int, *fields: str) -> None:
    """As if what was observed had been observed so much earlier."""
    path = clone / ".git/gitfleet/pulse.json"
    seen = json.loads(path.read_text())
    for item in seen["nodes"].values():
        for field in fields:
            item[field] -= seconds
    path.write_text(json.dumps(seen))


def test_session_elsewhere_is_unknown_until_its_node_has_moved_while_we_watched(
    fleets: Fleets, process: NewProcess
) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    begin(bob, "s1", process())
    seen = [liveness(ada, "s1")]
    for clone in (bob, ada, bob, ada):
        assert exchange(clone) == []
        seen.append(liveness(ada, "s1"))
    assert seen == ["unknown", "unknown", "unknown", "unknown", "alive"]


def test_session_on_a_node_that_does_not_move_is_quiet_for_as_long_as_we_watched(
    fleets: Fleets, process: NewProcess
) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    begin(bob, "s1", process())
    for clone in (bob, ada, bob, ada):
        exchange(clone)
    time_passes(ada, 720, "since")
    assert liveness(ada, "s1") == "quiet for 12m"
    exchange(ada)
    assert liveness(ada, "s1") == "quiet for 12m"
    exchange(bob)
    exchange(ada)
    assert liveness(ada, "s1") == "alive"


def test_session_elsewhere_is_unknown_when_we_have_not_looked_for_long(
    fleets: Fleets, process: NewProcess
) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    begin(bob, "s1", process())
    for clone in (bob, ada, bob, ada):
        exchange(clone)
    time_passes(ada, 3600, "since", "seen")
    assert liveness(ada, "s1") == "unknown"


def test_session_elsewhere_whose_process_was_killed_is_dead_however_quiet_its_node(
    fleets: Fleets, process: NewProcess
) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    agent = process()
    begin(bob, "s1", agent)
    exchange(bob)
    agent.kill()
    agent.wait()
    exchange(bob)
    exchange(ada)
    assert liveness(ada, "s1") == "dead"
    begin(bob, "s1", process())  # it goes on with another process, of which bob has not told yet
    assert liveness(ada, "s1") == "unknown"


def test_detail_of_a_session_elsewhere_is_what_its_node_told(
    fleets: Fleets, process: NewProcess, git: Git, tmp_path: Path
) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    log = tmp_path / "s1.log"
    log.write_text("".join(f"\x1b[32mstep {n}\x1b[0m\n" for n in range(100)))
    git(bob, "switch", "--quiet", "-c", "work")
    git.commit(bob, {"new.py": "1\n"})
    (bob / "dirty.py").write_text("2\n")
    begin(bob, "s1", process(), log=str(log))
    exchange(bob)
    exchange(ada)
    record = row(ada, "s1", tail=200)
    assert (record["branch"], record["ahead"], record["behind"], record["dirty"]) == ("work", 1, 0, 1)
    assert record["log_tail"] == [f"step {n}" for n in range(50, 100)]
    assert record["idle"] is not None
    assert record["idle"] < 60


def test_log_of_long_lines_is_told_up_to_its_limit(
    fleets: Fleets, process: NewProcess, git: Git, tmp_path: Path
) -> None:
    bob = fleets.clone("bob")
    log = tmp_path / "s1.log"
    log.write_bytes(b"x" * 100_000 + b"\n" + b"\x00" * 5000)
    begin(bob, "s1", process(), log=str(log))
    exchange(bob)
    path = records.detail_path("s1")
    told = json.loads(git(bob, "cat-file", "blob", f"{fleetrefs.node(node(bob))}:{path}"))
    assert 5000 < len(told["log_tail"]) <= 8192


def test_beats_leave_no_history_and_keep_what_else_is_in_the_tree(fleets: Fleets, git: Git) -> None:
    ada = fleets.clone("ada")
    ref = fleetrefs.node(node(ada))
    exchange(ada)
    blob = git(ada, "hash-object", "-w", "--stdin", stdin="a job")
    rows = git(ada, "ls-tree", ref) + f"\n100644 blob {blob}\tjob.json"
    tree = git(ada, "mktree", stdin=rows)
    git(ada, "update-ref", ref, git(ada, "commit-tree", tree, "-m", "with a job"))
    exchange(ada)
    exchange(ada)
    assert git(fleets.hub, "rev-list", "--count", ref) == "1"
    assert git(fleets.hub, "cat-file", "blob", f"{ref}:job.json") == "a job"
    told = json.loads(git(fleets.hub, "cat-file", "blob", f"{ref}:{records.HEARTBEAT}"))
    assert told["beat"] == 3
    assert git(ada, "rev-parse", ref) == git(fleets.hub, "rev-parse", ref)


def test_beats_follow_each_other_where_refs_may_only_move_forward(fleets: Fleets, git: Git) -> None:
    ref = f"refs/fleet/nodes/{node(fleets.clone('ada'))}"
    update = 'case $2 in *[1-9a-f]*) git merge-base --is-ancestor "$2" "$3" || exit 1;; esac'
    (fleets.hub / "hooks").mkdir(exist_ok=True)
    (fleets.hub / "hooks/update").write_text(f"#!/bin/sh\n{update}\n")
    (fleets.hub / "hooks/update").chmod(0o755)
    for number in range(1, 5):
        assert exchange(fleets.clone("ada")) == []
        assert int(git(fleets.hub, "rev-list", "--count", ref)) == number
    assert exchange(fleets.clone("bob")) == []
    before = git(fleets.hub, "rev-parse", ref)
    shutil.copytree(fleets.clone("ada"), fleets.root / "copy")
    assert exchange(fleets.clone("ada")) == []
    assert "another clone uses the id" in exchange(fleets.root / "copy")[0]
    assert git(fleets.hub, "rev-parse", f"{ref}~1") == before


def test_beat_that_a_hub_refuses_for_good_is_a_warning_in_its_words(fleets: Fleets, git: Git) -> None:
    assert exchange(fleets.clone("ada")) == []
    (fleets.hub / "hooks").mkdir(exist_ok=True)
    (fleets.hub / "hooks/update").write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    (fleets.hub / "hooks/update").chmod(0o755)
    (told,) = exchange(fleets.clone("ada"))
    assert "not today" in told
    (fleets.hub / "hooks/update").unlink()
    assert exchange(fleets.clone("ada")) == []
    ref = f"refs/fleet/nodes/{node(fleets.clone('ada'))}"
    assert git(fleets.hub, "rev-list", "--count", ref) == "1"


def test_session_that_ended_is_no_longer_told_of(fleets: Fleets, process: NewProcess, git: Git) -> None:
    bob = fleets.clone("bob")
    begin(bob, "s1", process())
    exchange(bob)
    with Fleet.open(str(bob)) as fleet:
        fleet.sessions.end(SessionId("s1"))
    exchange(bob)
    assert records.detail_path("s1") not in git(
        bob, "ls-tree", "-r", "--name-only", fleetrefs.node(node(bob))
    )


def test_refs_of_others_are_never_fetched_over_our_own(fleets: Fleets, git: Git) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    exchange(ada)
    exchange(bob)
    mine = fleetrefs.node(node(ada))
    git(fleets.hub, "update-ref", mine, git(fleets.hub, "rev-parse", "main"))
    before = git(ada, "rev-parse", mine)
    with Fleet.open(str(ada)) as fleet:
        fleet.ledger.sync(*fleet.node_ref.wanted)
    assert git(ada, "for-each-ref", "--format=%(refname)", fleetrefs.NODES) == mine
    assert git(ada, "rev-parse", mine) == before


def test_node_that_is_gone_from_the_hub_is_forgotten(fleets: Fleets, git: Git) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    exchange(bob)
    exchange(ada)
    assert [item["node"] for item in look(ada)[0]["nodes"]] == [node(bob)]
    git(fleets.hub, "update-ref", "-d", fleetrefs.node(node(bob)))
    exchange(ada)
    assert look(ada)[0]["nodes"] == []


# The same node id twice.


def test_copy_of_a_clone_is_warned_and_overwrites_nothing(fleets: Fleets, git: Git) -> None:
    ada, copy = fleets.clone("ada"), fleets.root / "copy"
    exchange(ada)
    shutil.copytree(ada, copy, symlinks=True)
    assert exchange(ada) == []
    ref = fleetrefs.node(node(ada))
    theirs = git(fleets.hub, "rev-parse", ref)
    warned = exchange(copy)
    assert len(warned) == 1
    assert node(ada) in warned[0]
    assert advice.INIT in warned[0]
    assert advice.UNINSTALL not in warned[0]  # it would end the sessions of the original
    assert git(fleets.hub, "rev-parse", ref) == theirs
    assert warned[0] in look(copy)[1]
    assert exchange(ada) == []
    assert not any("another clone" in words for words in look(ada)[1])


def test_copy_made_before_the_first_beat_is_warned_too(fleets: Fleets) -> None:
    ada, copy = fleets.clone("ada"), fleets.root / "copy"
    shutil.copytree(ada, copy, symlinks=True)
    assert exchange(copy) == []
    assert len(exchange(ada)) == 1


def test_clone_that_was_moved_goes_on(fleets: Fleets) -> None:
    ada, moved = fleets.clone("ada"), fleets.root / "moved"
    exchange(ada)
    ada.rename(moved)
    assert exchange(moved) == []


def test_push_whose_answer_was_lost_is_no_other_clone(fleets: Fleets, git: Git) -> None:
    ada = fleets.clone("ada")
    exchange(ada)
    hook = fleets.hub / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    warned = exchange(ada)
    assert len(warned) == 1
    assert "the hub refused it" in warned[0]
    hook.unlink()
    ref = fleetrefs.node(node(ada))
    git(ada, "push", "--quiet", "--force", "origin", ref)  # it had arrived after all
    assert exchange(ada) == []
    assert git(ada, "rev-parse", ref) == git(fleets.hub, "rev-parse", ref)


# Where the hub is not there.


def test_exchange_with_a_hub_out_of_reach_says_so_and_the_next_one_works(fleets: Fleets) -> None:
    ada = fleets.clone("ada")
    exchange(ada)
    away = fleets.root / "away.git"
    fleets.hub.rename(away)
    with pytest.raises(HubUnreachable):
        exchange(ada)
    assert look(ada)[0]["sessions"]
    away.rename(fleets.hub)
    assert exchange(ada) == []


def test_beat_of_sessions_that_are_as_they_were_makes_three_objects(
    fleets: Fleets, process: NewProcess, git: Git
) -> None:
    clone = fleets.clone("alone")
    for number in range(5):
        begin(clone, f"s{number}", process())
    exchange(clone)
    before = git(clone, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    exchange(clone)
    after = git(clone, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    kinds = sorted(line.split()[1] for line in set(after) - set(before))
    assert kinds == ["blob", "commit", "tree"]


def test_exchange_without_a_hub_writes_the_local_ref(fleets: Fleets, git: Git) -> None:
    alone = fleets.clone("alone")
    assert exchange(alone) == []
    told = git(alone, "cat-file", "blob", f"{fleetrefs.node(node(alone))}:{records.HEARTBEAT}")
    assert json.loads(told)["node"] == node(alone)


# What others wrote.


def forge(hub: Path, git: Git, name: str, files: dict[str, bytes]) -> None:
    """Put a commit with these files where a node's ref should be, with plain git."""
    index = {"GIT_INDEX_FILE": str(hub / "forging")}
    for path, data in files.items():
        (hub / "content").write_bytes(data)
        blob = git(hub, "hash-object", "-w", "content")
        git(hub, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
    tree = git(hub, "write-tree", env=index)
    git(hub, "update-ref", fleetrefs.NODES + name, git(hub, "commit-tree", tree, "-m", "forged"))


GOOD = {"v": 1, "kind": "heartbeat", "beat": 1, "at": 1, "boot": "b", "host": "evil\x1b[2J", "nonce": "n"}
DETAIL: dict[str, Any] = {
    "v": 1, "kind": "session-detail", "id": "s1", "liveness": "alive", "pid": 1, "start": 1, "branch": None,
    "ahead": None, "behind": None, "dirty": None, "active_at": 0, "log_tail": "",
}  # fmt: skip


@pytest.mark.sample(6)
@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "plain"])
@pytest.mark.parametrize(
    ("beat", "detail"),
    [
        (b"", b""),
        (b"\x00\xff garbage", b"{}"),
        (b" " * (2 << 20), b"{}"),
        (None, b"[" * 200_000),
        (None, b" " * (2 << 20)),
        (None, json.dumps({**DETAIL, "log_tail": "x" * 100_000}).encode()),
        (None, json.dumps({**DETAIL, "liveness": "\x1b[2J"}).encode()),
        (None, json.dumps({**DETAIL, "v": 99}).encode()),
        (None, json.dumps({**DETAIL, "ahead": 10**30}).encode()),
        (None, b'{"v": ' + b"9" * 5000 + b"}"),
    ],
    ids=["empty", "binary", "huge-beat", "deep", "huge-detail", "long-tail", "odd-word", "newer", "big-number", "digits"],
)  # fmt: skip
def test_heartbeat_of_garbage_is_named_and_breaks_nothing(
    fleets: Fleets, process: NewProcess, git: Git, beat: bytes | None, detail: bytes, *, bulk: bool
) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    begin(bob, "s1", process())
    good = json.dumps({**GOOD, "node": node(bob)}).encode()
    forge(
        fleets.hub,
        git,
        node(bob),
        {records.HEARTBEAT: good if beat is None else beat, records.detail_path("s1"): detail},
    )
    assert exchange(ada) == []
    assert liveness(ada, "s1") == "unknown"
    _, warnings = look(ada, tail=5, bulk=bulk)
    assert any(node(bob) in words for words in warnings), warnings


def test_node_ref_that_is_no_commit_is_named_and_breaks_nothing(
    fleets: Fleets, process: NewProcess, git: Git
) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    begin(bob, "s1", process())
    blob = git(fleets.hub, "hash-object", "-w", "--stdin", stdin="no commit")
    git(fleets.hub, "update-ref", fleetrefs.node(node(bob)), blob)
    git(fleets.hub, "update-ref", fleetrefs.NODES + "a/b", blob)
    git(fleets.hub, "update-ref", fleetrefs.NODES + "-odd", blob)
    assert exchange(ada) == []
    assert liveness(ada, "s1") == "unknown"
    warned = look(ada)[1]
    assert any(node(bob) in words for words in warned)
    assert any("a/b" in words for words in warned)
    assert any("-odd" in words for words in warned)


def test_session_record_forged_for_our_node_makes_us_publish_no_file(
    fleets: Fleets, git: Git, tmp_path: Path
) -> None:
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    secret, elsewhere = tmp_path / "id_rsa", tmp_path / "elsewhere"
    secret.write_text("SECRET\n")
    git(tmp_path, "init", "--quiet", "elsewhere")
    (elsewhere / "untracked").write_text("x")
    body = {
        "worktree": str(elsewhere),
        "log": str(secret),
        "pid": 1,
        "start": 1,
        "boot": "b",
        "resume": False,
    }
    with Fleet.open(str(bob)) as fleet:
        forged = raw("session.start", node(ada), "s1", body)
        assert fleet.ledger.submit([forged])[0].error is None
    found = row(ada, "s1", tail=5)
    assert found["log_tail"] == []
    assert found["dirty"] is None
    exchange(ada)
    ref = fleetrefs.node(node(ada))
    assert records.detail_path("s1") in git(fleets.hub, "ls-tree", "-r", "--name-only", ref)
    assert "SECRET" not in git(fleets.hub, "cat-file", "blob", f"{ref}:{records.detail_path('s1')}")
