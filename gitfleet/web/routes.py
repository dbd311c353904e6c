"""Every route of the API in one table: what it takes, what it answers, and what does it. Documents are made from it.

Answers are the envelope and the rows of the command line. Nothing here tells a session its messages: those are for the session,
not for who looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from gitfleet.base.names import SessionId
from gitfleet.claims.service import Terms
from gitfleet.codec import Struct
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import (
    claim_rows,
    grants,
    inbox_rows,
    queue,
    radar_rows,
    review_rows,
    session_log_rows,
    starting_rows,
    status,
)
from gitfleet.mergequeue.adding import Wanted
from gitfleet.telling import remarks
from gitfleet.web import person_acts, person_requests
from gitfleet.web.askers import is_agent
from gitfleet.web.outcome import WebAnswer
from gitfleet.web.requests import (
    ClaimBody,
    ClaimsQuery,
    LogsQuery,
    NothingAsked,
    QueueBody,
    ReleaseBody,
    StatusQuery,
)

_Asked = TypeVar("_Asked", bound=BaseModel)
API = "/api/v1/coordination/fleet"


class WebRoute(Struct):
    """A route: `command` names the command that does the same, `answer` the class of its row, `asks` what it takes.

    `GET` takes a query, `POST` a body of JSON; `act` blocks, and is called on any thread.
    """

    method: str
    path: str
    command: str
    words: str
    asks: type[BaseModel]
    answer: type
    act: Callable[[Fleet, BaseModel], WebAnswer]


def _route(
    method: str, path: str, command: str, words: str,
    asks: type[_Asked], answer: type, act: Callable[[Fleet, _Asked], WebAnswer],
) -> WebRoute:  # fmt: skip
    def checked(fleet: Fleet, asked: BaseModel) -> WebAnswer:
        assert isinstance(asked, asks)
        return act(fleet, asked)

    return WebRoute(method, path, command, words, asks, answer, checked)


def _status(fleet: Fleet, asked: StatusQuery) -> WebAnswer:
    found = fleet.status(tail=asked.tail)
    return WebAnswer(found.answer, found.warnings)


def _logs(fleet: Fleet, asked: LogsQuery) -> WebAnswer:
    return WebAnswer(*session_log_rows.look(fleet, SessionId(asked.session_id), asked.tail))


def _claims(fleet: Fleet, asked: ClaimsQuery) -> WebAnswer:
    session = SessionId(asked.session_id) if asked.session_id else None
    return WebAnswer(*claim_rows.listing(fleet, session=session))


def _claim(fleet: Fleet, asked: ClaimBody) -> WebAnswer:
    session = SessionId(asked.session_id)
    shared = None if asked.mode is None else asked.mode == "shared"
    done = fleet.claims.claim(session, asked.paths, Terms(shared=shared, reason=asked.reason))
    said = remarks.of_grant(fleet, done.granted, done.already_held)
    return WebAnswer(grants.claimed(session, done, said), said.words(fleet.ledger.node.hub), done.tentative)


def _release(fleet: Fleet, asked: ReleaseBody) -> WebAnswer:
    session = SessionId(asked.session_id)
    done = fleet.claims.release(session, asked.paths)
    return WebAnswer(grants.released(session, done), (), done.tentative)


def _queue(fleet: Fleet, _: NothingAsked) -> WebAnswer:
    return WebAnswer(*queue.listed(fleet))


def _enqueue(fleet: Fleet, asked: QueueBody) -> WebAnswer:
    session = SessionId(asked.session_id)
    wanted = Wanted(asked.branch, asked.title, asked.priority, (), not is_agent())
    done = fleet.queue.add(session, wanted)
    return WebAnswer(queue.added(fleet, session, done), done.warnings)


ROUTES: Sequence[WebRoute] = (
    _route("GET", f"{API}/status", "status", "Every session of the fleet, and what needs a person",
             StatusQuery, status.StatusAnswer, _status),
    _route("GET", f"{API}/logs", "session logs", "The end of one session's log",
             LogsQuery, session_log_rows.SessionLogAnswer, _logs),
    _route("GET", f"{API}/claims", "claims", "The claims of the fleet",
             ClaimsQuery, claim_rows.ClaimListAnswer, _claims),
    _route("POST", f"{API}/claims", "claim", "Claim paths for a session: all of them, or nothing",
             ClaimBody, grants.ClaimAnswer, _claim),
    _route("POST", f"{API}/claims/release", "release", "Release claims of a session",
             ReleaseBody, grants.ReleaseAnswer, _release),
    _route("GET", f"{API}/merge-queue", "queue list", "The merge queue: each entry with its place, and why it is there",
             NothingAsked, queue.QueueListAnswer, _queue),
    _route("POST", f"{API}/merge-queue", "queue add", "Queue a branch for landing; again, to change its entry",
             QueueBody, queue.QueueAddAnswer, _enqueue),
    _route("GET", f"{API}/review", "review", "What a session has done, and what comes next",
             person_requests.ReviewQuery, review_rows.ReviewAnswer, person_acts.review),
    _route("POST", f"{API}/merge-queue/accept", "queue accept", "Queue the work of a session that was reviewed, as a person",
             person_requests.AcceptBody, queue.QueueAddAnswer, person_acts.accept),
    _route("POST", f"{API}/merge-queue/hold", "queue hold", "Keep an entry from landing",
             person_requests.ReasonedBody, queue.QueueChangeAnswer, person_acts.hold),
    _route("POST", f"{API}/merge-queue/unhold", "queue unhold", "Let a held entry go on",
             person_requests.EntryBody, queue.QueueChangeAnswer, person_acts.unhold),
    _route("POST", f"{API}/merge-queue/drop", "queue drop", "Take an entry out",
             person_requests.ReasonedBody, queue.QueueChangeAnswer, person_acts.drop),
    _route("POST", f"{API}/merge-queue/retry", "queue retry", "Test again an entry that came back",
             person_requests.EntryBody, queue.QueueChangeAnswer, person_acts.retry),
    _route("POST", f"{API}/merge-queue/bump", "queue bump", "Give an entry another priority",
             person_requests.BumpBody, queue.QueueChangeAnswer, person_acts.bump),
    _route("POST", f"{API}/merge-queue/approve", "queue approve", "Approve an entry that takes away lines of others, as a person",
             person_requests.ApproveBody, queue.QueueChangeAnswer, person_acts.approve),
    _route("POST", f"{API}/merge-queue/pause", "queue pause", "Keep the whole queue back",
             person_requests.PauseBody, queue.QueuePauseAnswer, person_acts.pause),
    _route("POST", f"{API}/merge-queue/resume", "queue resume", "Let the queue go on",
             person_requests.ResumeBody, queue.QueuePauseAnswer, person_acts.resume),
    _route("POST", f"{API}/tell", "tell", "Leave a message for a session",
             person_requests.TellBody, grants.TellAnswer, person_acts.tell),
    _route("POST", f"{API}/sessions/end", "session end", "End a session: its claims are released, but those that its work keeps",
             person_requests.EndBody, starting_rows.SessionEndAnswer, person_acts.end),
    _route("POST", f"{API}/radar", "radar", "Look now for conflicts to come, as one round of the radar does",
             person_requests.RadarBody, radar_rows.RadarAnswer, person_acts.radar),
    _route("GET", f"{API}/inbox", "inbox list", "What needs a person",
             person_requests.InboxQuery, inbox_rows.InboxListAnswer, person_acts.inbox),
    _route("POST", f"{API}/inbox/read", "inbox read", "Take items of the inbox as read, in this clone",
             person_requests.ReadBody, inbox_rows.InboxReadAnswer, person_acts.read),
    _route("POST", f"{API}/inbox/unread", "inbox unread", "Take items of the inbox as unread again",
             person_requests.ItemsBody, inbox_rows.InboxReadAnswer, person_acts.unread),
)  # fmt: skip
"""The routes of the runbook, and those of what people do."""
