"""Sessions: every one of them, those that need a person first, and one of them beside the list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from gitfleet.claims import tickets
from gitfleet.codec import Struct
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views.status import SessionStatus
from gitfleet.web.page.page import PageQuery

ShownAs = Literal["needs-input", "dead", "quiet", "paused", "waiting", "unknown", "working", "person", "idle"]
ORDER: Sequence[ShownAs] = (
    "needs-input", "dead", "quiet", "paused", "waiting", "unknown", "working", "person", "idle",
)  # fmt: skip
"""Those that need a person first."""
WORKING_FOR = 300
"""Seconds since its last sign of activity for which a session counts as working."""


class SessionLine(Struct):
    """A session in the list. `said`: the last line of its log; `trouble`: "conflict" where one is to come, else ""."""

    key: str
    state: ShownAs
    title: str
    said: str
    agent: str
    node: str
    branch: str
    ahead: int | None
    behind: int | None
    dirty: int | None
    claims: int
    waits: int
    trouble: str
    active_at: int
    open: bool


class StateCount(Struct):
    """How many sessions are in a state."""

    state: ShownAs
    count: int


class SessionsView(Struct):
    """The list and what is above it."""

    title: str
    sessions: Sequence[SessionLine]
    states: Sequence[StateCount]
    total: int
    nodes: int


def look(fleet: Fleet, asked: PageQuery) -> SessionsView:
    """The sessions. Raises NoFleet, NewerFormat, Corrupt."""
    lines = listed(fleet, asked, open=asked.get("id"))
    return SessionsView("Sessions", lines, counted(lines), len(lines), len({one.node for one in lines}))


def listed(fleet: Fleet, asked: PageQuery, *, open: str = "") -> list[SessionLine]:
    """Every session as a line, those that need a person first, then those that were active last."""
    moment = asked.now(fleet)
    waits = Counter(str(ticket.session) for ticket in tickets.line(fleet.current().view))
    asking: Collection[str] = ()
    lines = [_line(row, waits, asking, open) for row in moment.status.answer["sessions"]]
    lines.sort(key=lambda one: (ORDER.index(one.state), one.key))
    return lines


def counted(lines: Sequence[SessionLine]) -> list[StateCount]:
    """How many there are in each state that somebody is in."""
    found = Counter(one.state for one in lines)
    return [StateCount(state, found[state]) for state in ORDER if found[state]]


def _line(row: SessionStatus, waits: Mapping[str, int], asking: Collection[str], open: str) -> SessionLine:
    return SessionLine(
        key=row["id"], state=state_of(row, waits=waits, asking=asking), title=row["title"] or row["branch"] or row["id"],
        said=row["log_tail"][-1] if row["log_tail"] else "", agent=row["agent"], node=row["node"], branch=row["branch"],
        ahead=row["ahead"], behind=row["behind"], dirty=row["dirty"], claims=row["claim_count"], waits=waits.get(row["id"], 0),
        trouble="conflict" if row["conflicts"] else "", active_at=row["last_activity"], open=row["id"] == open,
    )  # fmt: skip


def state_of(row: SessionStatus, *, waits: Mapping[str, int], asking: Collection[str]) -> ShownAs:
    """What a session is doing, as far as that can be told. Pure."""
    table: Sequence[tuple[bool, ShownAs]] = (
        (row["liveness"] == "dead", "dead"),
        (row["id"] in asking, "needs-input"),
        (row["liveness"] == "quiet", "quiet"),
        (bool(waits.get(row["id"])), "waiting"),
        (row["liveness"] == "unknown", "unknown"),
        (row["idle"] is not None and row["idle"] < WORKING_FOR, "working"),
        (row["person"], "person"),
    )
    return next((state for holds, state in table if holds), "idle")
