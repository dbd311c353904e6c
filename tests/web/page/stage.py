"""A fleet in which everything that the page can show is there at once, in words that would do harm if they were not text."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gitfleet.base import clock
from gitfleet.base.names import SessionId
from gitfleet.claims.service import Terms
from gitfleet.errors import Queued
from gitfleet.fleet.fleet import Fleet
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.ledger.notices import LOST
from gitfleet.sessions import told_conflicts
from gitfleet.sessions.service import Start
from gitfleet.sessions.told_conflicts import Alert, Alerts
from tests.fleet.views.test_plan_shelf import ended, planned
from tests.fleetbench import Fleets
from tests.operations import ask
from tests.workbench import UNSEEN, Git

LONG = "Donaudampfschifffahrts" * 18
HOSTILE = f"<img src=x onerror=alert(1)><script>alert(2)</script>\u202egnp\u2066 {LONG} '\"&amp;"
WORKER, WAITER, PERSON = SessionId("worker"), SessionId("waiter"), SessionId("mira")
LOG = 'say "hi" <b>\x1b[31mred\x1b[0m \u202e' + "y" * 300 + "\n"


def build(fleets: Fleets, git: Git) -> Path:
    """The clone `alone` with all of it. Its sessions live with this process."""
    clone = fleets.clone("alone")
    _work(clone, git)
    log = clone / "worker.log"
    log.write_text(LOG * 3, encoding="utf-8")
    with fleets.open("alone") as fleet:
        for start in (
            Start(WORKER, pid=os.getpid(), agent="codex", title=HOSTILE, log=str(log)),
            Start(WAITER, pid=os.getpid(), agent="claude", title="Waits"),
            Start(PERSON, person=True, agent="Mira"),
        ):
            fleet.sessions.start(start)
        _claims(fleet)
        _entries(fleet)
        _news(fleet)
        ended(fleet, planned(fleet, 60), "done", "survived")
    _jobs(fleets)
    return clone


def _work(clone: Path, git: Git) -> None:
    """Branches: `work` has a hostile diff, the others a file each. `work` is checked out."""
    (clone / "gitfleet.yaml").write_text("version: 1\nqueue: {gate: 'true'}\n")
    git(clone, *UNSEEN, "add", "gitfleet.yaml")
    git(clone, *UNSEEN, "commit", "--quiet", "--no-verify", "-m", "rules")
    for name in ("one", "two", "three", "work"):
        git(clone, *UNSEEN, "checkout", "--quiet", "-b", name, "main")
        (clone / f"{name}.txt").write_text(
            "one\n\ttwo <b>\x1b[31m\u202e\n" + "z" * 900 + "\n", encoding="utf-8"
        )
        if name == "work":
            place = clone / ("d" * 100) / "<img src=x>"
            place.mkdir(parents=True)
            (place / f"{'n' * 100}.py").write_text("x\n")
            (clone / "blob").write_bytes(bytes(range(256)))
        git(clone, *UNSEEN, "add", "--all")
        git(clone, *UNSEEN, "commit", "--quiet", "--no-verify", "-m", f"{name}: <b>{LONG}")
    (clone / "not-committed").touch()


def _claims(fleet: Fleet) -> None:
    fleet.claims.claim(WORKER, ["src/", "docs/<b>.md", f"{'deep/' * 30}file.py"])
    fleet.claims.claim(WORKER, [f"{'w' * 120}/x"], Terms(reason=HOSTILE[:900]))
    with suppress(Queued):
        fleet.claims.wait(WAITER, ["src/api/a.py"], limit=0.0)


def _entries(fleet: Fleet) -> None:
    """One that was rejected, one in conflict, one that is held, and one that waits."""
    git = fleet.repository.git
    base = git.line("rev-parse", "main")
    pins = []
    for name in ("one", "two", "three", "four", f"far/{'b' * 150}<i>"):
        head = git.line("rev-parse", name if name in {"one", "two"} else "three")
        body = {
            "branch": name,
            "head": head,
            "target": "main",
            "base": base,
            "title": f"{name} <b>{LONG}"[:200],
        }
        ask(fleet.ledger, "queue.add", WORKER, body)
        pins.append({"id": fleet.queue.find(name).id, "head": head})
    first, second, *_ = pins
    evidence = {"words": HOSTILE[:300], "log": LOG, "paths": ["a" * 200, "<i>.py"]}
    ask(fleet.ledger, "queue.reject", "", {"pin": first, "evidence": evidence})
    conflict = {
        "words": "it conflicts",
        "hunks": "<<<<<<< ours\n<b>\n=======\n\x1b[1m\n>>>>>>> theirs\n",
        "paths": ["x.py"],
    }
    found = [{"pin": second, "state": "conflicted", "reason": "conflict", "evidence": conflict}]
    ask(fleet.ledger, "queue.mark", "", {"found": found})
    fleet.queue.hold(PERSON, "three", HOSTILE[:300])


def _news(fleet: Fleet) -> None:
    told = Alert("p1", ("work", "main"), (WORKER, ""), ("blob", "<i>.py"), WORKER, "they conflict")
    fleet.ledger.request(told_conflicts.tell, fleet.ledger.itself, Alerts((told,)))
    for number in range(5):
        fleet.ledger.notices.leave(WAITER, f"{number} {HOSTILE}", kind=LOST, about=str(number))


def _jobs(fleets: Fleets) -> None:
    agents = fleets.clone("alone") / "agents"
    agents.mkdir()
    (agents / "fleet.yaml").write_text("defaults: {working_directory: ..}\nbudget: {money: 5}\n")
    (agents / "ada.yaml").write_text(
        "runtime: claude\nbudget: {money: 2}\nschedules: {hourly: {interval: 1h}}\n"
    )
    store, now = JobStore(str(fleets.state("alone") / "jobs")), clock.milliseconds()
    attempt = AttemptRecord(1, WORKER, started_at=now - 9000, ended_at=now, cost=1.25, error=HOSTILE)
    for status in (JobStatus.FAILED, JobStatus.COMPLETED, JobStatus.QUEUED):
        store.create(
            JobRecord(job_ids.new(), "ada", status, prompt=f"{HOSTILE}\n{HOSTILE}", attempts=(attempt,))
        )
