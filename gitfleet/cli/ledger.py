"""`sync`, `log`, `fsck`, `doctor`: the ledger itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from gitfleet.base import clock, delivery
from gitfleet.base.names import Oid
from gitfleet.cli import boundary, completing, gates, render
from gitfleet.cli.answer import Answer
from gitfleet.cli.claiming import as_of, freshness
from gitfleet.cli.messages import losses
from gitfleet.cli.options import Json, OfSession
from gitfleet.cli.setup import put_hooks
from gitfleet.clone import RULES
from gitfleet.errors import EXIT_CODES, Corrupt, FleetError, NoFleet
from gitfleet.fleet import doctor as doctors
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import doctor as doctor_views
from gitfleet.fleet.views import log as views
from gitfleet.fleet.views.doctor import DoctorAnswer
from gitfleet.fleet.views.ledger import FsckAnswer, SyncAnswer
from gitfleet.fleet.views.log import OperationRow
from gitfleet.githooks.agents import ready
from gitfleet.ledger import replay
from gitfleet.ledger.log import UNREADABLE
from gitfleet.trunk import hub_head
from gitfleet.upkeep import exchange

SomePath = Annotated[
    str | None,
    typer.Argument(
        metavar="[PATH]", help="Only operations that meet this path.", autocompletion=completing.claimed
    ),
]
Kind = Annotated[
    str | None,
    typer.Option("--kind", metavar="KIND", help="Only this kind: claim, claim.release, session, …"),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=0, help="How many at most; 0 is all.")]
Repair = Annotated[bool, typer.Option("--repair", help="Mend what can be mended without losing anything.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sync")(sync)
    app.command("log")(log)
    app.command("fsck")(fsck)
    app.command("doctor")(doctor)


def sync(as_json: Json = False) -> int:
    """Bring what waits here to the hub, and the hub's state here; say what was lost meanwhile (exit code 12)."""
    return boundary.run("sync", _sync, as_json=as_json)


def log(
    path: SomePath = None,
    session: OfSession = None,
    kind: Kind = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> int:
    """Show the audit log, newest first: every operation that the fleet has agreed."""
    return boundary.run("log", lambda: _log(path, session, kind, limit), as_json=as_json)


def fsck(as_json: Json = False) -> int:
    """Replay the whole ledger and check every commit; the first bad one is named (exit code 20)."""
    return boundary.run("fsck", _fsck, as_json=as_json)


def doctor(repair: Repair = False, as_json: Json = False) -> int:
    """Look for what is wrong with this clone's part of the fleet; with --repair, mend it."""
    return boundary.run("doctor", lambda: _doctor(repair=repair), as_json=as_json)


def _sync() -> Answer:
    with Fleet.open(announce=render.note) as fleet:
        with _losses_told(fleet):
            told = exchange.sync(fleet)
        lost = losses(fleet)
        mended, failure = _mended(fleet)
        if failure is not None and not (lost.lines or told.warnings or told.settled):
            raise failure
        hub_head.heard(fleet.ledger)
        lines = [
            f"generation {told.generation}, {told.brought} of this clone's operations brought to the hub"
        ]
        lines += told.settled
        lines += [f"lost: {text}" for text in lost.lines]
        data: SyncAnswer = {
            "generation": told.generation,
            "commit": Oid(told.commit),
            "brought": told.brought,
            "lost": lost.lines,
            "settled": list(told.settled),
        }
        code = 12 if lost.concerns else failure.exit_code if failure else 0
        return Answer(
            "sync",
            data,
            lines,
            EXIT_CODES[code][0] if code else "ok",
            code,
            [*told.warnings, *mended, *fleet.ledger.outbox.warnings],
        )


@contextmanager
def _losses_told(fleet: Fleet) -> Iterator[None]:
    """Where the exchange fails half-way, be it by a bug, what was lost until then is told all the same."""
    whole = False
    try:
        yield
        whole = True
    finally:
        if not whole:
            for text in losses(fleet).lines:
                render.note(f"lost: {text}")
            delivery.done()


def _mended(fleet: Fleet) -> tuple[list[str], FleetError | None]:
    """The hooks are put in place again, for another tool may have put its own there; what was done, or why it was not."""
    try:
        return put_hooks(fleet.repository), None
    except FleetError as error:
        return [f"{error.message} {error.hint}"], error


def _log(path: str | None, session: str | None, kind: str | None, limit: int) -> Answer:
    with Fleet.open(bulk=True) as fleet:
        found = views.operations(fleet, path=path, session=session, kind=kind, limit=limit)
        lines = [_line(row) for row in found["operations"]] or ["nothing"]
        state = fleet.current()
        old = freshness(fleet, state.age, len(state.tentative))
        return Answer("log", found, [*lines, *as_of(fleet, state.age)], warnings=old)


def _line(row: OperationRow) -> str:
    when = "?" if row["kind"] == UNREADABLE else clock.iso(row["at"])
    return f"{row['generation']:>6}  {when:<20}  {row['node']}  {row['subject']}"


def _fsck() -> Answer:
    with Fleet.open(bulk=True) as fleet:
        tip = fleet.ledger.tip()
        if tip is None:
            raise NoFleet("This clone has no ledger yet.", hint="Run `gitfleet init` here.")
        checked, problem = replay.check(
            fleet.ledger.objects, RULES, tip, progress=lambda done: render.note(f"{done} commits verified")
        )
        if problem is not None:
            raise Corrupt(
                f"Ledger commit {problem.commit} (generation {problem.generation}) does not verify: {problem.words} "
                f"The {checked} commits before it do.",
                hint="`gitfleet doctor` looks whether the hub has the same chain.",
                where=problem.commit,
                generation=problem.generation,
                verified=checked,
            )
        data: FsckAnswer = {"verified": checked, "commit": Oid(tip.oid), "generation": tip.generation}
        return Answer(
            "fsck", data, [f"all {checked} commits of the ledger verify; generation {tip.generation}"]
        )


def _doctor(*, repair: bool) -> Answer:
    with Fleet.open(bulk=True, announce=render.note) as fleet:
        done = doctors.repair(fleet) if repair else []
        if repair:
            done += put_hooks(fleet.repository)
        findings = [*doctors.examine(fleet), gates.finding(fleet), *_agents(fleet)]
        bad = [finding for finding in findings if not finding.ok]
        lines = [f"repaired: {words}" for words in done]
        for finding in findings:
            lines.append(f"{'ok     ' if finding.ok else 'problem'}  {finding.what}: {finding.words}")
            lines += [f"         next: {finding.advice}"] if finding.advice and not finding.ok else []
        data: DoctorAnswer = {"repaired": done, "findings": doctor_views.findings(findings)}
        code = 20 if bad else 0
        return Answer("doctor", data, lines, "problems" if bad else "ok", code)


def _agents(fleet: Fleet) -> list[doctors.Finding]:
    """What the clients say of our hooks in their settings; nothing of clients that have none."""
    found = []
    for look in ready.looks(fleet.repository):
        if look.state == "absent":
            continue
        words = f"{look.path} is {look.state}" + (f" ({look.problem})" if look.problem else "")
        advice = "gitfleet agent status; see docs/guides/agents.md on trust"
        found.append(doctors.Finding(f"{look.agent} hooks", look.state == "in place", words, advice))
    return found
