"""Sessions: every one of them, those that need a person first; one of them beside the list is `session_panel`'s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from gitfleet.codec import Struct
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views.status import SessionStatus
from gitfleet.web.page import questions, reviews, session_panel
from gitfleet.web.page.moment import PageMoment
from gitfleet.web.page.page import PageQuery
from gitfleet.web.page.reviews import DiffFile, ReviewView
from gitfleet.web.page.session_panel import SessionPanel

ShownAs = Literal["needs-input", "dead", "quiet", "paused", "waiting", "unknown", "working", "person", "idle"]
ORDER: Sequence[ShownAs] = (
    "needs-input", "dead", "quiet", "paused", "waiting", "unknown", "working", "person", "idle",
)  # fmt: skip
"""Those that need a person first."""
WORKING_FOR = 300
"""Seconds since its last sign of activity for which a session counts as working."""


class SessionLine(Struct):
    """A session in the list. `said`: the last line of its log; `trouble`: what else is wrong, a state, or ""."""

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


class StateCount(Struct):
    """How many sessions are in a state."""

    state: ShownAs
    count: int


class SessionsView(Struct):
    """The list and what is above it."""

    sessions: Sequence[SessionLine]
    states: Sequence[StateCount]
    total: int
    nodes: int
    panel: SessionPanel | None
    may_change: bool
    own: bool
    away: bool
    """Whether the opened session may be on a machine that is lost: of another clone, without a sign of life."""
    review: ReviewView | None
    changes: Sequence[DiffFile]


def look(fleet: Fleet, asked: PageQuery) -> SessionsView:
    """The sessions. Raises NoFleet, NewerFormat, Corrupt."""
    moment = asked.now(fleet)
    lines = listed(moment)
    opened = asked.get("id")
    titles = {one.key: one.title for one in lines}
    panel = (
        session_panel.look(fleet, moment, opened, states(moment), titles.get(opened, "")) if opened else None
    )
    review, changes = reviews.look(fleet, opened) if opened and asked.get("tab") == "review" else (None, ())
    own = panel is not None and panel.row is not None and panel.row["node"] == fleet.ledger.node.id
    away = panel is not None and panel.row is not None and not own and panel.row["liveness"] != "alive"
    return SessionsView(
        lines, counted(lines), len(lines), len({one.node for one in lines}), panel, asked.may_change, own, away, review, changes,
    )  # fmt: skip


def listed(moment: PageMoment) -> Sequence[SessionLine]:
    """Every session as a line, those that need a person first."""
    found = states(moment)
    waits = Counter(str(ticket.session) for ticket in moment.line)
    lines = [
        _line(row, found[row["id"]], waits, moment.active_at(row)) for row in moment.status.answer["sessions"]
    ]
    return sorted(lines, key=lambda one: (ORDER.index(one.state), not one.trouble, one.key))


def counted(lines: Sequence[SessionLine]) -> list[StateCount]:
    """How many there are in each state that somebody is in."""
    found = Counter(one.state for one in lines)
    return [StateCount(state, found[state]) for state in ORDER if found[state]]


def at_work(moment: PageMoment) -> bool:
    """Whether a session was working in this moment; False where nobody has looked. Costs no look."""
    found = moment.looked()
    return found is not None and any(_works(row) for row in found.answer["sessions"])


def states(moment: PageMoment) -> dict[str, ShownAs]:
    """The state of each session."""
    waits = {str(ticket.session) for ticket in moment.line}
    asking = questions.by_session(moment)
    return {row["id"]: state_of(row, waits=waits, asking=asking) for row in moment.status.answer["sessions"]}


def state_of(row: SessionStatus, *, waits: Collection[str], asking: Collection[str]) -> ShownAs:
    """What a session is doing, as far as that can be told. Pure."""
    table: Sequence[tuple[bool, ShownAs]] = (
        (row["liveness"] == "dead", "dead"),
        (row["id"] in asking, "needs-input"),
        (row["liveness"] == "quiet", "quiet"),
        (row["id"] in waits, "waiting"),
        (row["liveness"] == "unknown", "unknown"),
        (row["person"], "person"),
        (_works(row), "working"),
    )
    return next((state for holds, state in table if holds), "idle")


def _works(row: SessionStatus) -> bool:
    return row["idle"] is not None and row["idle"] < WORKING_FOR


def title_of(row: SessionStatus) -> str:
    """What a session is listed under: what it works on; a person's name, since they are on the trunk mostly; else its branch."""
    return row["title"] or (row["agent"] if row["person"] else "") or row["branch"] or row["id"]


def _line(row: SessionStatus, state: ShownAs, waits: Mapping[str, int], active_at: int) -> SessionLine:
    return SessionLine(
        key=row["id"], state=state, title=title_of(row), said=row["log_tail"][-1] if row["log_tail"] else "",
        agent=row["agent"], node=row["node"], branch=row["branch"], ahead=row["ahead"], behind=row["behind"], dirty=row["dirty"],
        claims=row["claim_count"], waits=waits.get(row["id"], 0), trouble="conflict" if row["conflicts"] else "", active_at=active_at,
    )  # fmt: skip
