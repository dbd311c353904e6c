"""`sync`, `fsck`, `doctor`: the ledger itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from gitfleet.base import delivery
from gitfleet.base.commands import spoken
from gitfleet.base.names import Oid
from gitfleet.base.text import counted, display
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.messages import losses
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import doctor_rows
from gitfleet.fleet.views.ledger import FsckAnswer, SyncAnswer

if TYPE_CHECKING:
    from gitfleet.upkeep.exchange import Exchange

Repair = Annotated[bool, Option("--repair", help="Repair what can be repaired without loss.")]


def sync() -> Reply:
    """Send what waits here to the hub, and fetch the hub's state; show what was lost meanwhile (exit code 12)."""
    with Fleet.open(announce=render.note) as fleet:
        with _losses_told(fleet):
            done = fleet.sync()
        told, failure, lost = done.exchange, done.failure, losses(fleet)
        if failure is not None and not (lost.lines or told.warnings or told.settled):
            raise failure
        mended = [f"{failure.message} {failure.hint}"] if failure else done.mended
        lines = [_in_step(fleet.ledger.node.hub, told)]
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
        return Reply(
            data,
            lines,
            code=code,
            warnings=[*told.warnings, *mended, *fleet.ledger.outbox.warnings],
        )


def _in_step(hub: str, told: Exchange) -> str:
    """How the exchange went."""
    if not hub:
        return f"this clone is the hub; the ledger is at generation {told.generation}"
    sent = (
        f"{counted(told.brought, 'operation')} of this clone sent" if told.brought else "nothing waited here"
    )
    return f"in step with the hub '{display(hub)}' at generation {told.generation}; {sent}"


def fsck() -> Reply:
    """Replay the whole ledger and check every commit; the first bad one is named (exit code 20)."""
    with Fleet.open(bulk=True) as fleet:
        checked = fleet.fsck(lambda done: render.note(f"{done} commits verified"))
        tip = fleet.current().tip
        data: FsckAnswer = {"verified": checked, "commit": Oid(tip.oid), "generation": tip.generation}
        return Reply(data, [f"all {checked} commits of the ledger verify; generation {tip.generation}"])


def doctor(repair: Repair = False) -> Reply:
    """Find what is wrong with this clone's part of the fleet; with --repair, repair it."""
    with Fleet.open(bulk=True, announce=render.note) as fleet:
        done = fleet.doctor(repair=repair)
        lines = [f"repaired: {words}" for words in done.repaired]
        for finding in done.findings:
            lines.append(f"{'ok     ' if finding.ok else 'problem'}  {finding.what}: {finding.words}")
            lines += [f"         next: {spoken(finding.advice)}"] if finding.advice and not finding.ok else []
        code = 0 if done.sound else 20
        return Reply(doctor_rows.diagnosed(done), lines, "problems" if code else "ok", code)


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
