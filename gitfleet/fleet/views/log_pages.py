"""The audit log in pieces, as a page shows it: some operations, and where the older ones begin.

A look reads a bounded part of the chain, whatever is asked for: what matches nothing must not read all of it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gitfleet.base import clock
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.fleet import history
from gitfleet.fleet.views.log_rows import OperationRow
from gitfleet.fleet.views.rows import row_of
from gitfleet.ledger.log import UNREADABLE

if TYPE_CHECKING:
    from gitfleet.fleet.fleet import Fleet
    from gitfleet.ledger.log import Line

COUNT = 60
"""Operations that are shown at once."""
REACH = 4000
"""Generations that one look reads at most."""
PATIENCE = 1.0
"""Seconds after which a look ends with what it has found."""
LOG_KINDS = (
    "claim",
    "ticket",
    "session",
    "queue",
    "gate",
    "job",
    "message",
    "offer",
    "pool",
    "radar",
    "risk",
    "work",
)
"""What the names of operations begin with."""


class LogAsk(Struct):
    """Which operations: of a kind (`claim`, `claim.release`), of a session, with all of these words, of generations below `before` (0: of all).

    A word with a slash is a path, too: then whatever meets it counts, as a claim on a folder above it does.
    """

    words: str = ""
    kind: str = ""
    session: str = ""
    before: int = 0
    count: int = COUNT


class LogPiece(Struct):
    """Operations, newest first. `older`: the generation below which the older ones are (0: there are none); `newest`: the ledger's own.

    `full`: as many were found as were asked for; else the look ended at its bound, or at the beginning.
    """

    rows: tuple[OperationRow, ...]
    newest: int
    older: int
    full: bool


def look(fleet: Fleet, asked: LogAsk) -> LogPiece:
    """A piece of the log as this clone knows it. No network. Raises NoFleet, Corrupt."""
    newest = fleet.current().tip.generation
    top = min(asked.before, newest + 1) if asked.before > 0 else newest + 1
    floor, until = max(0, top - REACH), clock.elapsed() + PATIENCE
    wanted = _wanted(fleet, asked)
    rows: list[OperationRow] = []
    reached, full, late = top, False, False
    for line in history.between(fleet, range(floor, top), session=asked.session, kind=asked.kind):
        if line.generation != reached:  # a generation is shown whole: the next piece begins below it
            full, late = len(rows) >= asked.count, clock.elapsed() > until and reached != top
            if full or late:
                break
            reached = line.generation
        if wanted(line):
            rows.append(row_of(OperationRow, line))
    older = reached if full or late else floor
    return LogPiece(tuple(rows), newest, older if older > 1 else 0, full)


def _wanted(fleet: Fleet, asked: LogAsk) -> Callable[[Line], bool]:
    words = asked.words.casefold().split()
    paths = dict(_paths(fleet, asked.words.split()))

    def admits(line: Line) -> bool:
        if not words or line.kind == UNREADABLE:
            return not words
        text = f"{line.generation} {line.commit} {line.kind} {line.session} {line.node} {line.subject} {' '.join(line.paths)}"
        text = text.casefold()
        return all(word in text or (word in paths and any(map(paths[word], line.paths))) for word in words)

    return admits


def _paths(fleet: Fleet, words: list[str]) -> Iterator[tuple[str, Callable[[str], bool]]]:
    for word in words:
        if "/" in word:
            try:
                yield word.casefold(), history.meeting(fleet, word)
            except FleetError:
                continue  # it is no path: then it is a word as the others are
