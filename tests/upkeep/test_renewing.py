"""Renewing the leases of live sessions in the background: who is renewed, who is not, and at what cost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.base.names import SessionId
from gitfleet.claims.service import Terms
from gitfleet.codec import replace
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.model import Actor
from gitfleet.sessions import session_records
from gitfleet.sessions.service import Start
from gitfleet.sessions.session_records import Session
from gitfleet.sessions.session_rules import Renew, renew
from gitfleet.upkeep.renewing import renew_live
from tests.fleetbench import Fleets

ONE = SessionId("one")

Process = Callable[[], "subprocess.Popen[bytes]"]
TTL = 900


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "agent.log"
    path.write_text("working\n")
    return path


def begin(fleet: Fleet, session: str, pid: int, log: Path | str = "", *, idle: int = TTL // 2) -> None:
    """A session that claimed something `idle` seconds ago: its operations are as they would have been made then."""
    fleet.sessions.start(Start(id=session, pid=pid, log=str(log)))
    fleet.claims.claim(SessionId(session), [f"src/{session}"], Terms(ttl=TTL))
    lived(fleet, session, idle)


def lived(fleet: Fleet, session: str, idle: int) -> None:
    """The last sign of life was so many seconds ago, on both clocks."""
    operation = fleet.ledger.operation(renew, Actor("session", session), Renew())
    boot, _, up = operation.timing.uptime.rpartition(":")
    timing = replace(operation.timing, uptime=f"{boot}:{max(0, int(up) - idle)}")
    (result,) = fleet.ledger.submit([replace(operation, at=operation.at - idle, timing=timing)])
    assert result.error is None


def record(fleet: Fleet, session: str) -> Session:
    found = session_records.find(fleet.current().view, session)
    assert found is not None
    return found


def test_live_sessions_at_work_are_renewed_in_one_transaction(
    fleets: Fleets, process: Process, log: Path
) -> None:
    with fleets.open("ada") as fleet:
        for session in ("one", "two"):
            begin(fleet, session, process().pid, log)
        before = fleet.current().tip.generation
        assert renew_live(fleet) == ["one", "two"]
        assert fleet.current().tip.generation == before + 1
        for session in ("one", "two"):
            assert clock.now() - record(fleet, session).renewed_at < 60
        assert renew_live(fleet) == []
        assert fleet.current().tip.generation == before + 1
    fleets.chain()


def test_work_in_the_worktree_is_a_sign_of_life(fleets: Fleets, process: Process) -> None:
    with fleets.open("ada") as fleet:
        begin(fleet, "one", process().pid)
        index = fleets.clone("ada") / ".git/index"
        os.utime(index, (1, clock.now() - TTL))
        for name in ("HEAD", "logs/HEAD", "COMMIT_EDITMSG"):
            path = fleets.clone("ada") / ".git" / name
            if path.exists():
                os.utime(path, (1, 1))
        assert renew_live(fleet) == []
        os.utime(index)
        assert renew_live(fleet) == ["one"]


@pytest.mark.sample(3)
@pytest.mark.parametrize("why", ["dead", "fresh", "quiet", "future", "no-claims", "person", "other-node"])
def test_session_that_needs_or_deserves_no_renewal_costs_no_commit(
    fleets: Fleets, process: Process, log: Path, why: str
) -> None:
    with fleets.open("ada") as fleet:
        holder = process()
        begin(fleet, "one", holder.pid, log, idle=10 if why == "fresh" else TTL // 2)
        quiet(fleets, fleet)
        if why == "dead":
            holder.kill()
            holder.wait()
        elif why in {"quiet", "future"}:
            stamp = clock.now() + (-TTL if why == "quiet" else 3600)
            os.utime(log, (stamp, stamp))
        elif why == "no-claims":
            fleet.claims.release(ONE, None)
            lived(fleet, "one", TTL)
        elif why == "person":
            fleet.sessions.end(ONE)
            fleet.sessions.start(Start(id="p", person=True))
            fleet.claims.claim(SessionId("p"), ["docs/"])
            lived(fleet, "p", TTL * 3)
        before = fleet.current().tip
        if why == "other-node":
            with fleets.open("bob") as other:
                other.ledger.sync()
                assert renew_live(other) == []
        else:
            assert renew_live(fleet) == []
        assert fleet.current().tip == before


def quiet(fleets: Fleets, fleet: Fleet) -> None:
    """Nothing in the git directory has changed lately."""
    for name in ("index", "HEAD", "logs/HEAD", "COMMIT_EDITMSG"):
        path = fleets.clone("ada") / ".git" / name
        if path.exists():
            os.utime(path, (1, 1))
    assert fleet.repository.worktree


def test_lapsed_claim_of_a_live_session_comes_back_with_a_new_token(
    fleets: Fleets, process: Process, log: Path
) -> None:
    with fleets.open("ada") as fleet:
        begin(fleet, "one", process().pid, log, idle=2 * TTL)
        (claim,) = fleet.claims.find(fleet.current(), session=ONE)
        assert renew_live(fleet) == ["one"]
        (again,) = fleet.claims.find(fleet.current(), session=ONE)
        assert again.token > claim.token  # type: ignore[union-attr]


def test_hub_out_of_reach_leaves_one_renewal_waiting_not_many(
    fleets: Fleets, process: Process, log: Path
) -> None:
    with fleets.open("ada") as fleet:
        begin(fleet, "one", process().pid, log)
        shutil.move(fleets.hub, fleets.root / "away.git")
        assert renew_live(fleet) == ["one"]
        for _ in range(3):
            assert renew_live(fleet) == []
        assert len([name for name in fleets.waiting() if name.startswith("tentative/")]) == 1
