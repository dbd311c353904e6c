"""What the fleet looks like at one glance: own sessions with real processes, records that cannot be read, the ledger."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gitfleet.base import canonical
from gitfleet.base.names import NodeId, SessionId
from gitfleet.errors import HubAlarm, HubUnreachable
from gitfleet.fleet import joining
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import status
from gitfleet.fleet.views.status import SessionStatus, StatusAnswer
from gitfleet.git import fleetrefs
from gitfleet.git.repository import discover
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import commits
from gitfleet.sessions import session_records
from gitfleet.sessions.service import Start
from tests.fleetbench import Fleets
from tests.workbench import Git

NewProcess = Callable[[], "subprocess.Popen[bytes]"]


def look(clone: Path, *, tail: int = 0) -> tuple[StatusAnswer, list[str]]:
    with Fleet.open(str(clone), bulk=True) as fleet:
        return status.look(fleet, tail=tail)


def rows(clone: Path, *, tail: int = 0) -> Mapping[str, SessionStatus]:
    return {row["id"]: row for row in look(clone, tail=tail)[0]["sessions"]}


def begin(
    clone: Path,
    session: str,
    process: subprocess.Popen[bytes],
    *,
    agent: str = "",
    orchestrator: str = "",
    log: str = "",
) -> None:
    with Fleet.open(str(clone)) as fleet:
        fleet.sessions.start(
            Start(id=session, pid=process.pid, agent=agent, orchestrator=orchestrator, log=log)
        )


def test_session_here_is_alive_as_long_as_its_process(fleets: Fleets, process: NewProcess) -> None:
    alone, lasting, killed, ended = fleets.clone("alone"), process(), process(), process()
    for name, agent in (("lasting", lasting), ("killed", killed), ("ended", ended)):
        begin(alone, name, agent)
    assert {rows(alone)[name]["liveness"] for name in ("lasting", "killed", "ended")} == {"alive"}
    killed.kill()
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # and it stays a zombie
    ended.terminate()
    ended.wait()
    found = rows(alone)
    assert [found[name]["liveness"] for name in ("lasting", "killed", "ended")] == ["alive", "dead", "dead"]


def test_session_of_a_person_lives_with_no_process(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        fleet.sessions.start(Start(id="me", person=True))
    assert rows(fleets.clone("alone"))["me"]["liveness"] == "person"


def test_orchestrator_that_was_named_wins_over_what_is_inferred(fleets: Fleets, process: NewProcess) -> None:
    alone = fleets.clone("alone")
    begin(alone, "named", process(), agent="langgraph", orchestrator="CrewAI")
    begin(alone, "own", process(), agent="langgraph", orchestrator="my-own")
    begin(alone, "inferred", process(), agent="langgraph")
    begin(alone, "plain", process(), agent="codex")
    found = {name: item["orchestration_pattern"] for name, item in rows(alone).items()}
    assert found == {
        "named": "crewai", "own": "my-own", "inferred": "langgraph", "plain": "generic",
        "alone-1": "generic", "alone-2": "generic",
    }  # fmt: skip


def test_worktrees_of_this_clone_show_branch_distance_and_uncommitted_paths(
    fleets: Fleets, process: NewProcess, git: Git
) -> None:
    ada, other = fleets.clone("ada"), fleets.root / "ö ther"
    git(ada, "worktree", "add", "--quiet", "-b", "feature/x", other)
    git.commit(other, {"one.py": "1\n"})
    git.commit(other, {"two.py": "2\n"})
    git.commit(ada, {"main.py": "3\n"})
    git(ada, "push", "--quiet", "origin", "main")
    git(other, "mv", "one.py", "renamed.py")
    (other / "new\nline").write_text("x")
    begin(ada, "here", process())
    begin(other, "there", process())
    found = rows(ada)
    here, there = found["here"], found["there"]
    assert (here["branch"], here["ahead"], here["behind"], here["dirty"]) == ("main", 0, 0, 0)
    assert (there["branch"], there["ahead"], there["behind"], there["dirty"]) == ("feature/x", 2, 1, 3)
    git(other, "switch", "--quiet", "--detach")
    assert rows(other)["there"]["branch"] == ""


def test_worktree_that_is_gone_is_named(fleets: Fleets, process: NewProcess, git: Git) -> None:
    alone, other = fleets.clone("alone"), fleets.root / "other"
    git(alone, "worktree", "add", "--quiet", "-b", "other", other)
    begin(other, "there", process())
    other.rename(fleets.root / "renamed")
    found, warnings = look(alone)
    assert any(str(other) in words and "it is gone" in words for words in warnings)
    record = next(row for row in found["sessions"] if row["id"] == "there")
    assert (record["branch"], record["dirty"]) == ("other", None)


def test_repository_without_a_commit_is_no_reason_to_fail(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "--quiet", "empty")
    joining.join(discover(str(tmp_path / "empty")), None, lambda _: None)
    with Fleet.open(str(tmp_path / "empty")) as fleet:
        fleet.sessions.start(Start(id="me", person=True))
    record = rows(tmp_path / "empty")["me"]
    assert (record["branch"], record["ahead"], record["dirty"]) == ("main", None, 1)


def test_claims_are_listed_with_their_session(fleets: Fleets) -> None:
    fleets.claim("bob", "bob-1", "src/api/", "docs/readme.md")
    fleets.claim("ada", "ada-1", "README.md")
    found = rows(fleets.clone("ada"))
    assert [claim["pattern"] for claim in found["bob-1"]["claims"]] == [
        "docs/readme.md",
        "src/api/",
    ]
    assert found["ada-1"]["claim_count"] == 1
    assert found["ada-2"]["claims"] == []


def test_log_tail_is_read_from_the_end_and_safe_to_show(
    fleets: Fleets, process: NewProcess, tmp_path: Path
) -> None:
    alone, log = fleets.clone("alone"), tmp_path / "log"
    begin(alone, "s1", process(), log=str(log))
    assert rows(alone, tail=2)["s1"]["log_tail"] == []
    log.write_bytes(b"one\n\x1b[2J\x1b]0;x\x07two\n\xff\x00three\n")
    assert rows(alone, tail=2)["s1"]["log_tail"] == ["two", r"\xff\x00three"]
    assert rows(alone)["s1"]["log_tail"] == []


def forge(clone: Path, records: Mapping[str, bytes]) -> None:
    """Put records into the ledger of a clone that is its own hub, without any rule."""
    with Fleet.open(str(clone)) as fleet:
        tip = fleet.ledger.tip()
        assert tip is not None
        tree = Snapshot(fleet.ledger.objects, tip.tree)
        for path, data in records.items():
            tree.put(path, data)
        following = commits.write(fleet.ledger.objects, tree, tip, [], ["forged"], node="x", at=1)
        fleet.ledger.objects.flush()
        fleet.repository.git.run("update-ref", fleetrefs.COORD, following.oid, tip.oid)


def test_records_that_cannot_be_read_are_named_and_the_rest_is_shown(fleets: Fleets) -> None:
    alone = fleets.clone("alone")
    forge(
        alone,
        {
            session_records.path("broken"): b"\x00 garbage",
            session_records.path("newer"): b'{"v": 99, "kind": "session"}\n',
            session_records.path(
                "typed"
            ): b'{"v": 1, "kind": "session", "id": "typed", "node": 3, "worktree": ""}\n',
            "claims/=src/@01ARZ3NDEKTSV4RRFFQ69G5FAV.json": b"{}",
        },
    )
    found, warnings = look(alone)
    assert [row["id"] for row in found["sessions"]] == ["alone-1", "alone-2"]
    for name in ("broken", "newer", "typed", "01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        assert any(name in words for words in warnings), name


def test_numbers_out_of_all_bounds_in_a_record_break_nothing(fleets: Fleets) -> None:
    alone = fleets.clone("alone")
    with Fleet.open(str(alone)) as fleet:
        node = fleet.ledger.node.id
    forged = session_records.Session(
        id=SessionId("odd"), node=NodeId(node), worktree="\0", pid=-1, start=10**40, boot="\x1b", renewed_at=-(10**40), started_at=10**40,
        log="/etc/passwd",
    )  # fmt: skip
    forge(alone, {session_records.path("odd"): canonical.dump(forged)})
    found = rows(alone, tail=3)["odd"]
    assert found["liveness"] == "unknown"
    assert found["log_tail"] == []


def test_ledger_that_waits_for_its_hub_counts_what_is_tentative(fleets: Fleets) -> None:
    fleets.hub.rename(fleets.root / "away.git")
    fleets.claim("ada", "ada-1", "src/")
    found, _ = look(fleets.clone("ada"))
    assert found["ledger"]["tentative"] == 1
    assert found["ledger"]["hub"] == "origin"
    assert found["ledger"]["alarm"] is None
    row = next(row for row in found["sessions"] if row["id"] == "ada-1")
    assert [claim["pattern"] for claim in row["claims"]] == ["src/"]


def test_ledger_whose_hub_lost_it_shows_the_alarm_until_it_is_back(fleets: Fleets, git: Git) -> None:
    ada, tip = fleets.clone("ada"), fleets.tip()
    assert tip is not None
    git(fleets.hub, "update-ref", "-d", fleetrefs.COORD)
    with pytest.raises((HubAlarm, HubUnreachable)):
        fleets.claim("ada", "ada-1", "src/")
    alarm = look(ada)[0]["ledger"]["alarm"]
    assert alarm is not None
    assert alarm["kind"] == "vanished"
    assert "doctor" in str(alarm["hint"])
    git(fleets.hub, "update-ref", fleetrefs.COORD, tip)
    with fleets.open("ada") as fleet:
        fleet.ledger.sync()
    assert look(ada)[0]["ledger"]["alarm"] is None


def test_ledger_of_a_clone_alone_is_its_own_hub(fleets: Fleets) -> None:
    found, _ = look(fleets.clone("alone"))
    assert (found["ledger"]["hub"], found["ledger"]["age"], found["ledger"]["trunk"]) == (None, None, "main")
    assert found["nodes"] == []
