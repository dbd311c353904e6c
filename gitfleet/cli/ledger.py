"""`sync`, `log`, `fsck`, `doctor`: the ledger itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from gitfleet.base import clock, delivery
from gitfleet.base.names import Oid
from gitfleet.cli import boundary, completing, render
from gitfleet.cli.answer import Answer
from gitfleet.cli.claiming import as_of, freshness
from gitfleet.cli.messages import losses
from gitfleet.cli.options import Json, OfSession
from gitfleet.errors import EXIT_CODES
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import doctor as doctor_views
from gitfleet.fleet.views import log as views
from gitfleet.fleet.views.ledger import FsckAnswer, SyncAnswer
from gitfleet.fleet.views.log import OperationRow
from gitfleet.ledger.log import UNREADABLE

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
Repair = Annotated[bool, typer.Option("--repair", help="Repair what can be repaired without loss.")]


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
            done = fleet.sync()
        told, failure, lost = done.exchange, done.failure, losses(fleet)
        if failure is not None and not (lost.lines or told.warnings or told.settled):
            raise failure
        mended = [f"{failure.message} {failure.hint}"] if failure else done.mended
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


def _log(path: str | None, session: str | None, kind: str | None, limit: int) -> Answer:
    with Fleet.open(bulk=True) as fleet:
        found = views.operations(fleet.log(path, session=session, kind=kind, limit=limit or None))
        lines = [_line(row) for row in found["operations"]] or ["nothing"]
        state = fleet.current()
        old = freshness(fleet, state.age, len(state.tentative))
        return Answer("log", found, [*lines, *as_of(fleet, state.age)], warnings=old)


def _line(row: OperationRow) -> str:
    when = "?" if row["kind"] == UNREADABLE else clock.iso(row["at"])
    return f"{row['generation']:>6}  {when:<20}  {row['node']}  {row['subject']}"


def _fsck() -> Answer:
    with Fleet.open(bulk=True) as fleet:
        checked = fleet.fsck(lambda done: render.note(f"{done} commits verified"))
        tip = fleet.current().tip
        data: FsckAnswer = {"verified": checked, "commit": Oid(tip.oid), "generation": tip.generation}
        return Answer(
            "fsck", data, [f"all {checked} commits of the ledger verify; generation {tip.generation}"]
        )


def _doctor(*, repair: bool) -> Answer:
    with Fleet.open(bulk=True, announce=render.note) as fleet:
        done = fleet.doctor(repair=repair)
        lines = [f"repaired: {words}" for words in done.repaired]
        for finding in done.findings:
            lines.append(f"{'ok     ' if finding.ok else 'problem'}  {finding.what}: {finding.words}")
            lines += [f"         next: {finding.advice}"] if finding.advice and not finding.ok else []
        code = 0 if done.sound else 20
        return Answer("doctor", doctor_views.diagnosed(done), lines, "problems" if code else "ok", code)
