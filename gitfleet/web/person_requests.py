"""What people may ask from the page: queries and bodies, checked as all requests are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gitfleet.fleet.attention.item import ItemKind
from gitfleet.mergequeue.model import MAX_TITLE
from gitfleet.sessions.inbox import MAX_MESSAGE
from gitfleet.web.requests import Lines, RequestFields, SessionName

Entry = Annotated[
    str, Field(min_length=1, max_length=1000, description="Its id, the end of that, or its branch.")
]
Reason = Annotated[str, Field(max_length=1000, description="Why; the log keeps it.")]
Asker = Annotated[SessionName | None, Field(description="Who asks; null: the person who started the server.")]
Oid = Annotated[
    str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$", description='Only if its head is still this commit; "": whatever it is.')
]  # fmt: skip
Priority = Annotated[
    int, Field(ge=0, le=100, description="80-100 hotfix, 60-79 security, 40-59 feature, 0-39 backlog.")
]
ItemIds = Annotated[
    list[Annotated[str, Field(min_length=4, max_length=64)]],
    Field(min_length=1, max_length=1000, description="Their ids, or how these begin."),
]


class ReviewQuery(RequestFields):
    """Whose work; with `diff` 1, the whole diff too."""

    session_id: SessionName
    diff: Lines = Field(0, le=1, description="1: with the diff.")


class InboxQuery(RequestFields):
    """`kind`: only items of this kind."""

    kind: ItemKind | Literal[""] = ""


class AcceptBody(RequestFields):
    """The work of a session that was reviewed, to be queued."""

    session_id: SessionName
    branch: str = Field("", max_length=1000, description='The branch; "": that of the session.')
    head: Oid = ""
    priority: Priority | None = Field(None, description="null: as before, else 50.")
    title: str | None = Field(
        None, max_length=MAX_TITLE, description="null: as before, else that of the session."
    )
    by: Asker = None


class EntryBody(RequestFields):
    """An entry of the queue."""

    entry: Entry
    by: Asker = None


class ReasonedBody(RequestFields):
    """An entry of the queue, and why."""

    entry: Entry
    reason: Reason = ""
    by: Asker = None


class BumpBody(RequestFields):
    """An entry of the queue, and the priority that it is to have."""

    entry: Entry
    priority: Priority
    by: Asker = None


class ApproveBody(RequestFields):
    """An entry of the queue that waits for the approval of a person."""

    entry: Entry
    head: Oid = ""
    by: Asker = None


class PauseBody(RequestFields):
    """How the whole queue is to be kept back: nothing is tested (`paused`), nothing lands (`frozen`), nothing is added (`draining`)."""

    reason: str = Field(min_length=1, max_length=1000, description="Why; shown to those who ask.")
    mode: Literal["paused", "frozen", "draining"] = "paused"
    floor: int = Field(101, ge=0, le=101, description="Entries with this priority or more go on.")
    by: Asker = None


class ResumeBody(RequestFields):
    """The whole queue goes on."""

    by: Asker = None


class TellBody(RequestFields):
    """A message for a session."""

    session_id: SessionName
    text: str = Field(
        min_length=1, max_length=MAX_MESSAGE, description="Shown at its next command, as words of who asks."
    )
    by: Asker = None


class EndBody(RequestFields):
    """A session that is to be ended: one of this clone; with `lost`, one of another clone, by a person."""

    session_id: SessionName
    lost: bool = Field(
        False, description="It is of another clone, whose machine is lost; `reason` and `by` are for that."
    )
    reason: Reason = ""
    by: Asker = None


class RadarBody(RequestFields):
    """A round of the radar."""

    fetch: bool = Field(True, description="false: go by what was last seen of the hub.")
    tell: bool = Field(True, description="false: only look, and tell no session of what is found.")


class ItemsBody(RequestFields):
    """Items of the inbox."""

    ids: ItemIds


class ReadBody(RequestFields):
    """Items of the inbox: by their ids, or all of a kind."""

    ids: ItemIds | None = None
    kind: ItemKind | None = Field(None, description="All of this kind, instead of ids.")
