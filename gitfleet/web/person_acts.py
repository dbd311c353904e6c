"""What people do from the page: accept work, change entries, keep the queue back, tell sessions, and read their inbox."""

from __future__ import annotations

from collections.abc import Callable

from gitfleet.base.names import SessionId
from gitfleet.errors import UsageError
from gitfleet.fleet.attention.people_inbox import PeopleInbox
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import inbox_rows, queue, radar_rows, review_rows, starting_rows
from gitfleet.fleet.views.grants import TellAnswer
from gitfleet.mergequeue.adding import Wanted
from gitfleet.mergequeue.requests import EntryChanged
from gitfleet.web.askers import asker, is_agent
from gitfleet.web.outcome import WebAnswer
from gitfleet.web.person_requests import (
    AcceptBody,
    ApproveBody,
    BumpBody,
    EndBody,
    EntryBody,
    InboxQuery,
    ItemsBody,
    PauseBody,
    RadarBody,
    ReadBody,
    ReasonedBody,
    ResumeBody,
    ReviewQuery,
    TellBody,
)

Change = Callable[[SessionId], EntryChanged]


def review(fleet: Fleet, asked: ReviewQuery) -> WebAnswer:
    """`review`."""
    return WebAnswer(review_rows.review(fleet, SessionId(asked.session_id), diff=bool(asked.diff)))


def accept(fleet: Fleet, asked: AcceptBody) -> WebAnswer:
    """`queue accept`."""
    session = SessionId(asked.session_id)
    wanted = Wanted(
        asked.branch,
        asked.title,
        asked.priority,
        accepted_by=asker(fleet, asked.by),
        head=asked.head,
    )
    done = fleet.queue.add(session, wanted)
    return WebAnswer(queue.added(fleet, session, done), done.warnings)


def hold(fleet: Fleet, asked: ReasonedBody) -> WebAnswer:
    """`queue hold`."""
    return _changed(fleet, asked.by, lambda own: fleet.queue.hold(own, asked.entry, asked.reason))


def unhold(fleet: Fleet, asked: EntryBody) -> WebAnswer:
    """`queue unhold`."""
    return _changed(fleet, asked.by, lambda own: fleet.queue.unhold(own, asked.entry))


def drop(fleet: Fleet, asked: ReasonedBody) -> WebAnswer:
    """`queue drop`."""
    return _changed(fleet, asked.by, lambda own: fleet.queue.drop(own, asked.entry, asked.reason))


def retry(fleet: Fleet, asked: EntryBody) -> WebAnswer:
    """`queue retry`."""
    return _changed(fleet, asked.by, lambda own: fleet.queue.retry(own, asked.entry))


def bump(fleet: Fleet, asked: BumpBody) -> WebAnswer:
    """`queue bump`."""
    named = asked.by is not None and not is_agent()
    return _changed(
        fleet,
        asked.by,
        lambda own: fleet.queue.change(own, asked.entry, priority=asked.priority, by_another=named),
    )


def approve(fleet: Fleet, asked: ApproveBody) -> WebAnswer:
    """`queue approve`."""
    return _changed(fleet, asked.by, lambda own: fleet.queue.approve(own, asked.entry, asked.head))


def pause(fleet: Fleet, asked: PauseBody) -> WebAnswer:
    """`queue pause`."""
    own = asker(fleet, asked.by)
    done = fleet.queue.pause(own, asked.reason, mode=asked.mode, floor=asked.floor)
    return WebAnswer(queue.paused(own, done), (), done.tentative)


def resume(fleet: Fleet, asked: ResumeBody) -> WebAnswer:
    """`queue resume`."""
    own = asker(fleet, asked.by)
    done = fleet.queue.resume(own)
    return WebAnswer(queue.paused(own, done), (), done.tentative)


def tell(fleet: Fleet, asked: TellBody) -> WebAnswer:
    """`tell`."""
    own, to = asker(fleet, asked.by), SessionId(asked.session_id)
    sent = fleet.claims.tell(own, to, asked.text)
    data: TellAnswer = {"session": own, "to": to, "text": asked.text, "message": sent.receipt.operation}
    return WebAnswer(data, (), sent.tentative)


def end(fleet: Fleet, asked: EndBody) -> WebAnswer:
    """`session end`."""
    gone = SessionId(asked.session_id)
    if asked.lost:
        done = fleet.dismiss_session(asker(fleet, asked.by), gone, asked.reason)
        return WebAnswer(starting_rows.ended(done, []), (), done.tentative)
    if asked.reason or asked.by:
        words = "The request is not valid: `reason` and `by` are for what is `lost`."
        raise UsageError(words, hint="See /openapi.json.")
    ended = fleet.end_session(gone)
    data = starting_rows.ended(ended.result, list(ended.left), ended.running)
    return WebAnswer(data, (), ended.result.tentative)


def radar(fleet: Fleet, asked: RadarBody) -> WebAnswer:
    """`radar`."""
    found = fleet.radar.look(fetch=asked.fetch)
    told = fleet.radar.tell(found) if asked.tell else []
    return WebAnswer(radar_rows.answer(fleet, found, told), found.warnings)


def inbox(fleet: Fleet, asked: InboxQuery) -> WebAnswer:
    """`inbox list`."""
    found = PeopleInbox(fleet).look()
    return WebAnswer(inbox_rows.listed(found.only(kind=asked.kind)), found.warnings)


def read(fleet: Fleet, asked: ReadBody) -> WebAnswer:
    """`inbox read`."""
    if (asked.ids is None) == (asked.kind is None):
        raise UsageError("The request is not valid: it names ids, or a kind.", hint="See /openapi.json.")
    inbox = PeopleInbox(fleet)
    found = inbox.mark(asked.ids) if asked.ids else inbox.mark_all(kind=asked.kind or "")
    return WebAnswer(inbox_rows.marked(found), found.warnings)


def unread(fleet: Fleet, asked: ItemsBody) -> WebAnswer:
    """`inbox unread`."""
    found = PeopleInbox(fleet).unmark(asked.ids)
    return WebAnswer(inbox_rows.marked(found), found.warnings)


def _changed(fleet: Fleet, named: str | None, change: Change) -> WebAnswer:
    own = asker(fleet, named)
    done = change(own)
    return WebAnswer(queue.changed(fleet, own, done), (), done.tentative)
