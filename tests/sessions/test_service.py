"""Sessions start, go on, are adopted and end, as real processes live and die."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base.ids import is_name
from gitfleet.base.names import SessionId
from gitfleet.errors import BadName, Conflict, NoSession, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions import session_records
from gitfleet.sessions.service import Start, shown_command
from tests.fleetbench import Fleets
from tests.workbench import Git

MINE_1 = SessionId("mine-1")
ONE_1 = SessionId("one-1")

Open = Callable[[str], Fleet]
Agent = Callable[[], "subprocess.Popen[bytes]"]


def record(fleet: Fleet, session: str) -> session_records.Session:
    found = session_records.find(fleet.current().view, session)
    assert found is not None
    return found


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_start_registers_what_is_known_of_process_and_worktree(opened: Open, agent: Agent, git: Git) -> None:
    fleet, process = opened("alone"), agent()
    start = Start(agent="codex", title="do it", orchestrator="crewai", log="out.log", pid=process.pid)
    told = fleet.sessions.start(start).session
    session = record(fleet, told.id)
    top = fleet.repository.worktree or ""
    assert session.id.startswith("codex-")
    assert (session.worktree, session.branch, session.base) == (
        top,
        "main",
        git(Path(top), "rev-parse", "HEAD"),
    )
    assert (session.pid, session.command, session.pattern) == (process.pid, "sleep 1000", "crewai")
    assert (session.title, session.user, session.log) == ("do it", "Ada Tester", os.path.abspath("out.log"))
    assert fleet.whoami() == session.id


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("agent --api-key=s3cr3t --model m", "agent --api-key=*** --model m"),
        ("agent --token s3cr3t --max-tokens 5", "agent --token *** --max-tokens 5"),
        ("env OPENAI_API_KEY=s3cr3t agent -p hi", "env OPENAI_API_KEY=*** agent -p hi"),
        ("agent https://ann:s3cr3t@host/x", "agent https://host/x"),
        ("python3 -m agent --keyboard us key.py", "python3 -m agent --keyboard us key.py"),
    ],
)
def test_command_that_the_fleet_may_read_has_no_secrets(typed: str, kept: str) -> None:
    assert shown_command(typed.split()) == kept


def test_start_takes_the_caller_for_the_process_and_its_program_for_the_agent(opened: Open) -> None:
    session = opened("alone").sessions.start(Start()).session
    assert session.pid > 0
    assert session.agent


@pytest.mark.parametrize("pid", [-1, 2**31 - 1, 2**40])
def test_start_for_a_process_that_is_not_there_is_refused(opened: Open, fleets: Fleets, pid: int) -> None:
    with pytest.raises(UsageError):
        opened("alone").sessions.start(Start(pid=pid))
    assert fleets.waiting("alone") == []


@pytest.mark.parametrize("name", ["../x", "-x", "a/b", "x" * 65, "a\nb", "\x1b", "a..b", ".x"])
def test_start_under_a_hostile_name_is_refused_before_anything_is_touched(
    opened: Open, fleets: Fleets, name: str
) -> None:
    before = sorted(str(path) for path in fleets.state("alone").rglob("*"))
    with pytest.raises(BadName):
        opened("alone").sessions.start(Start(id=name))
    assert sorted(str(path) for path in fleets.state("alone").rglob("*")) == before


def test_start_with_the_id_of_a_live_session_is_refused(opened: Open, agent: Agent) -> None:
    fleet = opened("alone")
    fleet.sessions.start(Start(id="mine-1", pid=agent().pid))
    with pytest.raises(Conflict) as caught:
        fleet.sessions.start(Start(id="mine-1", pid=agent().pid))
    assert "mine-1" in caught.value.message
    assert caught.value.exit_code == 10


def test_start_again_by_the_same_process_goes_on_where_it_was_killed_before_that_was_written_down(
    opened: Open, agent: Agent
) -> None:
    fleet, process = opened("alone"), agent()
    fleet.sessions.start(Start(id="mine-1", pid=process.pid, title="first"))
    fleet.sessions.local.forget(SessionId("mine-1"))
    told = fleet.sessions.start(Start(id="mine-1", pid=process.pid)).session
    assert told.title == "first"
    assert fleet.sessions.local.get(SessionId("mine-1")) is not None


def test_start_again_by_the_same_process_goes_on(opened: Open, agent: Agent) -> None:
    fleet, process = opened("alone"), agent()
    fleet.sessions.start(Start(id="mine-1", pid=process.pid, title="first"))
    fleet.claims.claim(MINE_1, ["src/"])
    told = fleet.sessions.start(Start(id="mine-1", pid=process.pid)).session
    assert told.title == "first"  # what is not said anew stays
    assert len(list(fleet.claims.find(fleet.current(), session=MINE_1))) == 1


def test_start_with_the_id_of_a_dead_session_goes_on_with_its_claims(opened: Open, agent: Agent) -> None:
    fleet, first, second = opened("alone"), agent(), agent()
    fleet.sessions.start(Start(id="mine-1", pid=first.pid))
    fleet.claims.claim(MINE_1, ["src/"])
    kill(first)
    told = fleet.sessions.start(Start(id="mine-1", pid=second.pid)).session
    assert told.pid == second.pid
    assert [c.pattern for c in fleet.claims.find(fleet.current(), session=MINE_1)] == ["src/"]
    assert fleet.whoami() == "mine-1"


def test_start_of_two_that_would_go_on_with_one_dead_session_lets_one(opened: Open, agent: Agent) -> None:
    fleet, first, second, third = opened("alone"), agent(), agent(), agent()
    fleet.sessions.start(Start(id="mine-1", pid=first.pid))
    seen = fleet.sessions.local.get("mine-1")
    assert seen is not None
    kill(first)
    fleet.sessions.start(Start(id="mine-1", pid=second.pid))
    fleet.sessions.local.remember(seen)  # the third looked before the second came
    with pytest.raises(Conflict):
        fleet.sessions.start(Start(id="mine-1", pid=third.pid))
    assert record(fleet, "mine-1").pid == second.pid


def test_start_with_the_id_of_another_node_is_refused(opened: Open, agent: Agent) -> None:
    ada, bob, process = opened("ada"), opened("bob"), agent()
    ada.sessions.start(Start(id="mine-1", pid=process.pid))
    kill(process)
    with pytest.raises(Conflict) as caught:
        bob.sessions.start(Start(id="mine-1", pid=agent().pid))
    assert ada.ledger.node.id in caught.value.message


def test_agent_never_becomes_the_person_whose_worktree_it_is(opened: Open, agent: Agent) -> None:
    fleet = opened("alone")
    person = fleet.sessions.start(Start(id="ann-1", agent="ann", person=True)).session
    assert (person.person, person.pid) == (True, 0)
    fleet.claims.claim(SessionId("ann-1"), ["src/"])
    with pytest.raises(Conflict):
        fleet.sessions.start(Start(id="ann-1", pid=agent().pid))
    assert fleet.sessions.start(Start(id="ann-1", agent="ann", person=True)).session.person


def test_resuming_in_another_worktree_leaves_no_mark_in_the_first(
    opened: Open, fleets: Fleets, agent: Agent, git: Git, tmp_path: Path
) -> None:
    git(fleets.clone("alone"), "worktree", "add", "--quiet", "-b", "two", tmp_path / "two")
    fleet, first = opened("alone"), agent()
    fleet.sessions.start(Start(id="mine-1", pid=first.pid))
    kill(first)
    with Fleet.open(str(tmp_path / "two")) as there:
        there.sessions.start(Start(id="mine-1", pid=agent().pid))
        assert there.whoami() == "mine-1"
    with pytest.raises(NoSession):
        fleet.whoami()
    assert not (fleets.clone("alone") / ".git/gitfleet-session").exists()
    assert (fleets.clone("alone") / ".git/worktrees/two/gitfleet-session").read_text() == "mine-1\n"


def test_sessions_of_linked_worktrees_are_their_own_and_claims_are_shared(
    opened: Open, fleets: Fleets, agent: Agent, git: Git, tmp_path: Path
) -> None:
    git(fleets.clone("alone"), "worktree", "add", "--quiet", "-b", "two", tmp_path / "two")
    fleet = opened("alone")
    one = fleet.sessions.start(Start(pid=agent().pid)).session.id
    fleet.claims.claim(one, ["src/"])
    with Fleet.open(str(tmp_path / "two")) as there:
        two = there.sessions.start(Start(pid=agent().pid)).session.id
        assert there.whoami() == two
        with pytest.raises(Conflict):
            there.claims.claim(two, ["src/api/a.py"])
    assert fleet.whoami() == one
    assert fleet.sessions.others_here(one) == []


def test_end_releases_forgets_and_marks_again(opened: Open, fleets: Fleets, agent: Agent) -> None:
    fleet = opened("alone")
    for name in ("one-1", "two-2"):
        fleet.sessions.start(Start(id=name, pid=agent().pid))
    assert [other.id for other in fleet.sessions.others_here(ONE_1)] == ["two-2"]
    fleet.claims.claim(ONE_1, ["src/", "README.md"])
    answer = fleet.sessions.end(ONE_1)
    assert {claim.pattern for claim in answer.released} == {"src/", "README.md"}
    assert fleet.whoami() == "two-2"
    assert (fleets.clone("alone") / ".git/gitfleet-session").read_text() == "two-2\n"
    with pytest.raises(NoSession):
        fleet.sessions.end(ONE_1)


def test_end_of_a_session_whose_worktree_is_gone_works(
    opened: Open, fleets: Fleets, agent: Agent, git: Git, tmp_path: Path
) -> None:
    git(fleets.clone("alone"), "worktree", "add", "--quiet", "-b", "two", tmp_path / "two")
    with Fleet.open(str(tmp_path / "two")) as there:
        there.sessions.start(Start(id="mine-1", pid=agent().pid))
    shutil.rmtree(tmp_path / "two")
    (tmp_path / "two").mkdir()
    opened("alone").sessions.end(MINE_1)


def test_names_that_are_made_up_are_names(opened: Open, agent: Agent) -> None:
    fleet = opened("alone")
    for given in ("codex", "/usr/bin/Claude Code", "é\x1b[31m", "x" * 500, "---"):
        told = fleet.sessions.start(Start(agent=given, pid=agent().pid)).session
        assert is_name(told.id)
        assert told.agent == given[:4096]
