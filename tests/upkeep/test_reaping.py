"""Which sessions upkeep ends: those of this node whose process is gone for certain, and no others."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from gitfleet.base import identity
from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.names import NodeId, SessionId
from gitfleet.claims import model
from gitfleet.clients.notes import Note, Notes
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions import interrupted, session_records
from gitfleet.sessions.service import Start
from gitfleet.sessions.session_records import Session
from gitfleet.upkeep import reaping, round
from gitfleet.upkeep.maintainer import Options
from tests.fleetbench import Fleets

Process = Callable[[], subprocess.Popen[bytes]]


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def ids(fleet: Fleet) -> set[str]:
    return {one.id for one in session_records.everyone(fleet.current().view) if isinstance(one, Session)}


def start(fleet: Fleet, name: str, pid: int) -> None:
    fleet.sessions.start(Start(id=name, pid=pid))


def test_session_whose_process_has_ended_is_ended_and_its_claims_are_free(
    fleets: Fleets, process: Process
) -> None:
    dead, alive = process(), process()
    with fleets.open() as fleet:
        start(fleet, "dead", dead.pid)
        start(fleet, "alive", alive.pid)
        fleet.claims.claim(SessionId("dead"), ["src/api/"])
        end(dead)
        before = ids(fleet)
        assert [one.session for one in reaping.reap(fleet, dry_run=True)] == ["dead"]
        would = round.run(fleet, Options(), dry_run=True).words()
        assert "session dead would end: its process is gone" in would
        assert ids(fleet) == before
        (done,) = reaping.reap(fleet)
        assert (done.session, [claim.pattern for claim in done.released]) == ("dead", ["src/api/"])
        assert ids(fleet) == before - {"dead"}
        assert list(model.of_session(fleet.current().view, "dead")) == []
        assert fleet.sessions.local.get("dead") is None
        assert reaping.reap(fleet) == []


def test_session_of_another_node_and_of_a_person_stay(fleets: Fleets, process: Process) -> None:
    dead = process()
    with fleets.open("bob") as bob:
        start(bob, "theirs", dead.pid)
    with fleets.open() as fleet:
        fleet.sessions.start(Start(id="person", person=True))
        end(dead)
        fleet.ledger.sync()
        assert "theirs" in ids(fleet)
        assert reaping.reap(fleet) == []
        assert {"theirs", "person"} <= ids(fleet)


def test_session_that_is_taken_up_again_meanwhile_stays(
    fleets: Fleets, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, again = process(), process()
    judged = reaping.dead_for_certain
    with fleets.open() as fleet, fleets.open() as other:
        start(fleet, "phoenix", dead.pid)
        end(dead)

        def judge_and_wait(session: Session) -> bool:
            found = judged(session)
            if session.id == "phoenix":
                start(other, "phoenix", again.pid)
            return found

        monkeypatch.setattr(reaping, "dead_for_certain", judge_and_wait)
        assert reaping.reap(fleet) == []
        assert "phoenix" in ids(fleet)
        here = fleet.sessions.local.get("phoenix")
        assert here
        assert here.alive


def session(**facts: Any) -> Session:
    here = identity.identify(psutil.Process().pid)
    assert here
    known = {"pid": here.pid, "start": here.start, "boot": here.boot, "namespace": here.namespace}
    return Session(
        id=SessionId("x"), node=NodeId("n"), worktree="/x", **{**known, "started_at": 10**10, **facts}
    )


BOOTED = psutil.boot_time()


@pytest.mark.parametrize(
    ("facts", "dead"),
    [
        ({}, False),
        ({"start": 1}, True),
        ({"start": 1, "person": True}, False),
        ({"pid": 0}, False),
        ({"namespace": 4026531000, "start": 1}, False),
        ({"boot": "unknown"}, False),
        ({"boot": "4b3ab8a2-0000-4000-8000-000000000000", "started_at": int(BOOTED) - 1000}, True),
        ({"boot": "4b3ab8a2-0000-4000-8000-000000000000", "started_at": int(BOOTED) + 1000}, False),
    ],
    ids=["alive", "reused", "person", "none", "container", "no-boot", "before-boot", "other-machine"],
)
def test_process_counts_as_dead_only_beyond_doubt(facts: dict[str, Any], dead: bool) -> None:
    assert ProcessIdentity.from_record({"pid": 1, "start": 1, "boot": "x"})
    assert reaping.dead_for_certain(session(**facts)) is dead


@pytest.mark.parametrize(
    ("facts", "earlier"),
    [({}, False), ({"boot": "unknown"}, False), ({"pid": 0}, False), ({"boot": "4b3a"}, True)],
)
def test_session_of_an_earlier_boot_is_told_by_its_process(facts: dict[str, Any], earlier: bool) -> None:
    assert reaping.before_boot(session(**facts)) is earlier


def test_session_that_a_reboot_ended_is_noted_with_its_conversation_before_it_goes(
    fleets: Fleets, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, rebooted = process(), process()
    with fleets.open() as fleet:
        state = fleet.ledger.state
        for name, one in (("dead", dead), ("rebooted", rebooted)):
            start(fleet, name, one.pid)
            end(one)
        Notes(state).keep("claude", "abc", Note(SessionId("rebooted")))
        monkeypatch.setattr(reaping, "before_boot", lambda one: one.id == "rebooted")
        assert {one.session for one in reaping.reap(fleet)} == {"dead", "rebooted"}
        (found,) = interrupted.kept(state)
        assert (found.session, found.resumes) == ("rebooted", ("claude", "--resume", "abc"))


def test_leftover_of_a_session_that_the_fleet_has_no_more_is_forgotten(
    fleets: Fleets, process: Process
) -> None:
    dead = process()
    with fleets.open() as fleet:
        start(fleet, "left", dead.pid)
        here = fleet.sessions.local.get("left")
        assert here
        fleet.sessions.end(SessionId("left"))
        fleet.sessions.local.remember(here)
        end(dead)
        assert reaping.reap(fleet) == []
        assert fleet.sessions.local.get("left") is None
