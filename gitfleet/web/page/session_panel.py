"""One session beside the list: what to do about it, its worktree, the end of its log, its claims, and what it did last."""

from __future__ import annotations

import os
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
CLAIMS = 50


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
    """All of it. `gone`: there is no such session now, and only `key` and `events` say something. `job`: the one whose output the tail is, or "". `others`: claims that are not shown."""

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
    job: str = ""
    tail: Sequence[str] = ()
    claims: Sequence[HeldLine] = ()
    others: int = 0
    wanted: Sequence[WantedLine] = ()
    events: Sequence[EventLine] = ()


def look(
    fleet: Fleet, moment: PageMoment, session: str, states: Mapping[str, str], title: str = ""
) -> SessionPanel:
    """The panel of a session, which is listed under `title`. Raises NoFleet, NewerFormat, Corrupt."""
    events = [
        EventLine(one.operation or one.commit, one.at, _own(one.subject, session))
        for one in moment.log
        if one.session == session
    ][:EVENTS]
    row = next((one for one in moment.status.answer["sessions"] if one["id"] == session), None)
    if row is None:
        return SessionPanel(session, gone=True, events=events)
    claims, _ = claim_rows.listing(fleet, session=SessionId(session))
    readable = [one for one in claims["claims"] if "problem" not in one]
    held = [_held(moment, one) for one in readable[:CLAIMS]]
    entry = moment.of_ledger(moment.memory.entries, lambda: _entries(fleet)).get(row["branch"])
    job, tail = ("", _tail(fleet, row)) if row["log"] or row["log_tail"] else _of_job(fleet, session)
    quiet = "" if row["quiet_for"] is None else "its node has been silent for a while"
    return SessionPanel(
        session, False, states[session], title, _call(moment, row, states[session]), row,
        quiet or row["liveness"], moment.active_at(row),
        entry.id if entry else "", entry.state if entry else "", job, tail, held, len(readable) - len(held), _wanted(moment, session), events,
    )  # fmt: skip


def _call(moment: PageMoment, row: SessionStatus, state: str) -> CallLine | None:
    """The one thing to do about it, if there is any."""
    if state == "dead":
        left = (
            f"What it has not committed ({counted(row['dirty'], 'path')}) stays in its worktree."
            if row["dirty"]
            else "Its worktree stays."
        )
        holds = ", and it still holds claims" if row["claim_count"] else ""
        return CallLine("", f"Its process is gone{holds}.", left, advice.END.of(row["id"]))
    if asked := questions.by_session(moment).get(row["id"]):
        words = asked["text"].strip() or "It waits for an answer, and does not say what it asks."
        return CallLine("", words, "Nothing is assumed from silence.", advice.JOB_ANSWER.of(asked["job"]))
    if row["conflicts"]:
        one = row["conflicts"][0]
        more = f" and {len(row['conflicts']) - 1} more" if len(row["conflicts"]) > 1 else ""
        words = f"Its branch will conflict with {one['branch']}{more}."
        return CallLine("a", words, ", ".join(one["paths"][:5]), advice.RADAR)
    if state == "quiet":
        words = "Its node has been silent for a while, so this clone cannot tell whether it is alive."
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
    return moment.of_ledger(moment.memory.waiting, lambda: line.waiting(moment.fleet)[0]["tickets"])


def _entries(fleet: Fleet) -> Mapping[str, model.QueueEntry]:
    """The live entries by branch."""
    return {entry.branch: entry for entry in model.readable(fleet.current().view)}


def _tail(fleet: Fleet, row: SessionStatus) -> Sequence[str]:
    try:
        return session_log_rows.tail(fleet, row["id"], TAIL)
    except FleetError:  # it has just ended
        return ()


def _of_job(fleet: Fleet, session: str) -> tuple[str, Sequence[str]]:
    """The job of this clone that a session works for, and the end of what its agent wrote: such a session has no log of its own."""
    if not os.path.isdir(os.path.join(fleet.repository.common_dir, "gitfleet", "jobs")):
        return "", ()
    from gitfleet.fleet.views import job_board, job_tail  # only where there are jobs

    cards = job_board.look(fleet).cards
    card = next((one for one in cards if one.session == session and not one.node), None)
    store = job_board.sources(fleet).store
    job = next(iter(store.those([card.id])), None) if card else None
    if job is None or not job.attempts:
        return "", ()
    pieces = job_tail.end(store, job.id, job.attempts[-1].number)
    return job.id, [one.text for one in pieces[-TAIL:]]


def _own(subject: str, session: str) -> str:
    """What it did, without its name at the beginning."""
    return subject.removeprefix(f"{session} ").removeprefix(f"session {session} ")
