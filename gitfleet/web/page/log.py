"""The page of the log: every operation that the fleet has agreed, newest first, filtered and in pieces."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from gitfleet.base import clock
from gitfleet.codec import Struct, replace
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import log_pages
from gitfleet.fleet.views.log_pages import LOG_KINDS, LogAsk
from gitfleet.fleet.views.log_rows import OperationRow
from gitfleet.git import fleetrefs
from gitfleet.ledger.log import UNREADABLE
from gitfleet.web.page.page import PageQuery

ASKS = ("q", "kind", "session", "before")
"""The fields of its address."""
_DAY = 86_400
_DIGITS = 16


class LogLine(Struct):
    """A line of the log: an operation, or (`day`) the day that those below it are of. `group` is the first part of its kind."""

    key: str
    day: str = ""
    row: OperationRow | None = None
    group: str = ""
    unreadable: bool = False


class KindLink(Struct):
    """A kind of operations, and the address that shows these alone, or all again where it does already."""

    name: str
    href: str
    current: bool


class LogView(Struct):
    """The page. `older`, `newest`: addresses of other pieces, "" for none; `everyone`: that of the same for all sessions. `reached`: the generation that the look ended at."""

    log: tuple[LogLine, ...]
    kinds: tuple[KindLink, ...]
    filtered: bool
    session: str
    everyone: str
    before: int
    generation: int
    older: str
    newest: str
    full: bool
    reached: int
    ref: str


def look(fleet: Fleet, asked: PageQuery) -> LogView:
    """The page as it stands."""
    before = asked.get("before")
    at = int(before) if before.isdecimal() and len(before) < _DIGITS else 0
    wanted = LogAsk(asked.get("q"), asked.get("kind"), asked.get("session"), at)
    piece = log_pages.look(fleet, wanted)
    older = _address(wanted, before=piece.older) if piece.older else ""
    return LogView(
        log=tuple(_lines(piece.rows, clock.now())),
        kinds=tuple(_kinds(wanted)), filtered=bool(wanted.words or wanted.kind or wanted.session), session=wanted.session,
        everyone=_address(replace(wanted, session="")), before=wanted.before, generation=piece.newest, older=older,
        newest=_address(wanted) if wanted.before else "", full=piece.full, reached=piece.older,
        ref=fleetrefs.COORD,
    )  # fmt: skip


def _lines(rows: Sequence[OperationRow], now: int) -> Iterator[LogLine]:
    """The lines, each day under its name; days are of this machine's zone."""
    last = ""
    for row in rows:
        unreadable = row["kind"] == UNREADABLE
        day = last if unreadable else _day(row["at"], now)
        if day != last:
            last = day
            yield LogLine(f"day {row['generation']} {day}", day)
        group = row["kind"].partition(".")[0]
        yield LogLine(f"{row['generation']} {row['operation']}", "", row, group, unreadable)


def _day(at: int, now: int) -> str:
    try:
        then = time.localtime(at)
    except (OverflowError, ValueError, OSError):
        return "At no time that there is"
    names = {time.localtime(now)[:3]: "Today", time.localtime(now - _DAY)[:3]: "Yesterday"}
    return names.get(then[:3]) or time.strftime("%A, %Y-%m-%d", then)


def _kinds(asked: LogAsk) -> Iterator[KindLink]:
    for name in LOG_KINDS:
        current = asked.kind.partition(".")[0] == name
        kind = "" if current else name
        yield KindLink(name, _address(replace(asked, kind=kind)), current)


def _address(asked: LogAsk, *, before: int = 0) -> str:
    fields = {
        "q": asked.words, "kind": asked.kind, "session": asked.session, "before": str(before or ""),
    }  # fmt: skip
    query = urlencode({name: value for name, value in fields.items() if value})
    return f"/log?{query}" if query else "/log"
