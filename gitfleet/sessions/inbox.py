"""A session's inbox: short messages in the ledger, shown at its next command or hook, once.

Pure. Messages are filed with the session (`sessions/…/<id>/inbox/<id>.json`) and end with it. What was shown is
remembered where the session lives, and taken out of the ledger with its next transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gitfleet.base import canonical
from gitfleet.base.text import one_line
from gitfleet.errors import Corrupt, FleetError, UsageError
from gitfleet.ledger import format
from gitfleet.ledger.model import FORMAT, Accepted, Decision, Operation, View
from gitfleet.sessions import model, rules

MAX_MESSAGE = 2000
MAX_WAITING = 200
"""Messages that an inbox holds; the oldest go first, so that nobody can fill the ledger through it."""
_DROPPED = "0" * 26
"""What the name of the note about messages that went begins with: it sorts before every message."""


class Message(NamedTuple):
    """One message: its file's name, who sent it (a session id, or "" for the fleet itself), and what it says."""

    name: str
    sender: str
    text: str
    at: int

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        record = {
            "v": FORMAT,
            "kind": "message",
            "id": self.name.split("-")[0],
            "sender": self.sender,
            "text": self.text,
            "at": self.at,
        }
        return canonical.dump(record)

    @property
    def words(self) -> str:
        """The message for people, on one line: no part of it can pass for a line of ours."""
        text = " ".join(self.text.split())
        return f"{self.sender} says: {text}" if self.sender else text


def folder(session_id: str) -> str:
    """Where a session's messages are."""
    return f"{model.folder(session_id)}/inbox"


def read(view: View, session_id: str) -> Iterator[Message]:
    """The messages of a session, oldest first. One that cannot be read is passed over, and stays."""
    for name, is_folder in view.names(folder(session_id)):
        where = f"{folder(session_id)}/{name}"
        if is_folder:
            continue
        try:
            raw = format.record(view.get(where) or b"", where, "message")
            yield Message(name, str(raw["sender"]), str(raw["text"])[:MAX_MESSAGE], int(raw["at"]))
        except (Corrupt, FleetError, KeyError, TypeError, ValueError):
            continue


def post(
    view: View, session_id: str, text: str, operation: Operation, *, number: int = 0, sender: str = ""
) -> dict[str, bytes | None]:
    """The changes that leave a message for a session; none when the session is gone.

    `number` tells several messages of one operation to one session apart.
    """
    if model.find(view, session_id) is None:
        return {}
    where = folder(session_id)
    names = [name for name, is_folder in view.names(where) if not is_folder]
    changes = _make_room(view, session_id, names, operation) if len(names) >= MAX_WAITING else {}
    message = Message(f"{operation.id}-{number:03d}.json", sender, text[:MAX_MESSAGE], operation.at)
    changes[f"{where}/{message.name}"] = message.as_bytes()
    return changes


def take_back(view: View, session_id: str, operation_id: str) -> dict[str, bytes | None]:
    """The changes that take away what an operation left for a session (number 0): there is nothing more to say of it."""
    where = f"{folder(session_id)}/{operation_id}-000.json"
    return {where: None} if operation_id and view.get(where) is not None else {}


def _make_room(
    view: View, session_id: str, names: list[str], operation: Operation
) -> dict[str, bytes | None]:
    """The changes that let the oldest messages go, and say how many went; room for one more is left."""
    where = folder(session_id)
    notes = [name for name in names if name.startswith(_DROPPED)]
    oldest = [name for name in names if name not in notes][: len(names) - len(notes) + 2 - MAX_WAITING]
    before = max((_count(name) for name in notes), default=0)
    changes: dict[str, bytes | None] = dict.fromkeys((f"{where}/{name}" for name in [*notes, *oldest]), None)
    count = before + len(oldest)
    words = f"{count} older messages were dropped unread: an inbox holds {MAX_WAITING}."
    note = Message(f"{_DROPPED}-{count:09d}.json", "", words, operation.at)
    changes[f"{where}/{note.name}"] = note.as_bytes()
    return changes


def _count(name: str) -> int:
    digits = name.removesuffix(".json").partition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def tell(view: View, operation: Operation, generation: int) -> Decision:
    """`session.tell`: `to` gets `text` from the session. Raises NoSession when there is no such session."""
    del generation
    text = str(operation.body["text"]).strip()
    if not text or len(text) > MAX_MESSAGE:
        words = f"A message has 1 to {MAX_MESSAGE} characters. Nothing was sent."
        raise UsageError(words, hint="Say it shorter.")
    to = rules.recipient(view, str(operation.body["to"]))
    changes = post(view, to.id, text, operation, sender=operation.session)
    return Accepted(
        changes, {"to": to.id, "text": text}, one_line(f"{operation.session} tells {to.id}: {text}")
    )


def clear(view: View, operation: Operation) -> dict[str, bytes | None]:
    """The changes that take away the messages which the operation's session has been shown (`seen` lists their names)."""
    seen = operation.body.get("seen")
    if not isinstance(seen, list):
        return {}
    where = folder(operation.session)
    known = {name for name, _ in view.names(where)}
    return {f"{where}/{name}": None for name in seen if name in known}


RULES = {"session.tell": tell}
