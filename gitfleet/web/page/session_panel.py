"""One session beside the list: what to do about it, its worktree, the end of its log, its claims, and what it did last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.base.text import counted
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import claim_rows, line, session_log_rows
from gitfleet.fleet.views.claim_rows import ClaimRow
from gitfleet.fleet.views.line import TicketRow
from gitfleet.fleet.views.status import SessionStatus
from gitfleet.mergequeue import model
from gitfleet.web.page import questions
from gitfleet.web.page.moment import PageMoment

TAIL = 60
EVENTS = 8


class CallLine(Struct):
    """What is to be done: `tone` as `call` has it, what is so, and what that means; `step` as `advice` names it."""

    tone: str
    words: str
    why: str
    step: str


class HeldLine(Struct):
    """A claim: `until` when it lapses (0: it does not), `share` of its lease is left."""

    key: str
    pattern: str
    mode: str
    reason: str
    until: int
    share: float
    tentative: bool
    waiting: int


class WantedLine(Struct):
    """What the session waits for, at which place in the whole line, and who is in its way."""

    key: str
    patterns: Sequence[str]
    place: int
    behind: Sequence[str]


class EventLine(Struct):
    """One thing that the session did in the ledger."""

    key: str
    at: int
    subject: str


class SessionPanel(Struct):
    """All of it. `gone`: there is no such session now, and only `key` and `events` say something."""

    key: str
    gone: bool = False
    state: str = ""
    title: str = ""
    call: CallLine | None = None
    row: SessionStatus | None = None
    liveness: str = ""
    active_at: int = 0
    entry: str = ""
    entry_state: str = ""
    tail: Sequence[str] = ()
    claims: Sequence[HeldLine] = ()
    wanted: Sequence[WantedLine] = ()
    events: Sequence[EventLine] = ()


def look(fleet: Fleet, moment: PageMoment, session: str, states: Mapping[str, str]) -> SessionPanel:
    """The panel of a session. Raises NoFleet, NewerFormat, Corrupt."""
    events = [
        EventLine(one.operation or one.commit, one.at, _own(one.subject, session))
        for one in moment.log
        if one.session == session
    ][:EVENTS]
    row = next((one for one in moment.status.answer["sessions"] if one["id"] == session), None)
    if row is None:
        return SessionPanel(session, gone=True, events=events)
    claims, _ = claim_rows.listing(fleet, session=SessionId(session))
    held = [_held(moment, one) for one in claims["claims"] if "problem" not in one]
    entry = moment.of_ledger("entries", lambda: _entries(fleet)).get(row["branch"])
    quiet = "" if row["quiet_for"] is None else "its node has not moved for a while"
    return SessionPanel(
        session, False, states[session], row["title"] or row["branch"] or session, _call(moment, row, states[session]), row,
        quiet or row["liveness"], moment.memory.steady(("panel", session, row["last_activity"]), moment.at - (row["idle"] or 0)),
        entry.id if entry else "", entry.state if entry else "", _tail(fleet, row), held, _wanted(moment, session), events,
    )  # fmt: skip


def _call(moment: PageMoment, row: SessionStatus, state: str) -> CallLine | None:
    """The one thing to do about it, if there is any."""
    if state == "dead":
        left = (
            f"What it has not committed ({counted(row['dirty'], 'path')}) stays in its worktree."
            if row["dirty"]
            else "Its worktree stays."
        )
        return CallLine(
            "", "Its process is gone; what it claims stays claimed.", left, advice.END.of(row["id"])
        )
    if asked := questions.by_session(moment).get(row["id"]):
        words = asked["text"].strip() or "It waits for an answer, and does not say what it asks."
        return CallLine("", words, "Nothing is assumed from silence.", advice.JOB_ANSWER.of(asked["job"]))
    if row["conflicts"]:
        one = row["conflicts"][0]
        more = f" and {len(row['conflicts']) - 1} more" if len(row["conflicts"]) > 1 else ""
        words = f"Its branch will conflict with {one['branch']}{more}."
        return CallLine("a", words, ", ".join(one["paths"][:5]), advice.RADAR)
    if state == "quiet":
        words = "Its node has not moved for a while; whether it lives cannot be told from here."
        return CallLine("a", words, f"Look after it on {row['node']}.", "")
    return None


def _held(moment: PageMoment, one: ClaimRow) -> HeldLine:
    until = 0 if one.get("retained") else moment.memory.steady(("claim", one["id"]), moment.at + one["left"])
    share = min(1.0, max(0.0, one["left"] / one["ttl"])) if one["ttl"] else 1.0
    waiting = sum(
        any(by["session"] == one["session"] and by["held"] == one["pattern"] for by in ticket["blocked_by"])
        for ticket in _tickets(moment)
    )
    return HeldLine(
        one["id"], one["pattern"], one["mode"], one["reason"], until, round(share, 2), one["tentative"], waiting
    )  # fmt: skip


def _wanted(moment: PageMoment, session: str) -> list[WantedLine]:
    return [
        WantedLine(
            ticket["id"],
            [want["pattern"] for want in ticket["paths"]],
            ticket["place"],
            list(
                dict.fromkeys(
                    str(by["session"]) or "a record that cannot be read" for by in ticket["blocked_by"]
                )
            ),
        )
        for ticket in _tickets(moment)
        if ticket["session"] == session
    ]


def _tickets(moment: PageMoment) -> Sequence[TicketRow]:
    return moment.of_ledger("waiting", lambda: line.waiting(moment.fleet)[0]["tickets"])


def _entries(fleet: Fleet) -> Mapping[str, model.QueueEntry]:
    """The live entries by branch."""
    return {entry.branch: entry for entry in model.readable(fleet.current().view)}


def _tail(fleet: Fleet, row: SessionStatus) -> Sequence[str]:
    if not row["log"] and not row["log_tail"]:
        return ()
    try:
        return session_log_rows.tail(fleet, row["id"], TAIL)
    except FleetError:  # it has just ended
        return ()


def _own(subject: str, session: str) -> str:
    """What it did, without its name at the beginning."""
    return subject.removeprefix(f"{session} ").removeprefix(f"session {session} ")
