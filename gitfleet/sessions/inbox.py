"""A session's inbox: short messages in the ledger, shown at its next command or hook, once.

Pure. Messages are filed with the session (`sessions/…/<id>/inbox/<id>.json`) and end with it. What was shown is
remembered where the session lives, and taken out of the ledger with its next transaction.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitfleet.base import canonical
from gitfleet.base.names import SessionId
from gitfleet.base.text import one_line
from gitfleet.codec import TEXT, WHOLE, Record, Struct, Text, field, local, replace
from gitfleet.errors import FleetError, PolicyRefused, UsageError
from gitfleet.ledger import format
from gitfleet.ledger.model import SESSION_ID, Accepted, Answer, Changes, Operation, View
from gitfleet.ledger.operations import Decision, operation
from gitfleet.sessions import session_records, session_rules

MAX_MESSAGE = 2000
MAX_WAITING = 200
"""Messages that an inbox holds; the oldest go first, so that nobody can fill the ledger through it."""
MAX_OF_ONE = 20
"""Messages of one session that may wait in another's inbox: none can crowd out what others say."""
_DROPPED = "0" * 26
"""What the name of the note about messages that went begins with: it sorts before every message."""


class Message(Record):
    """One message: who sent it (a session id, or "" for the fleet itself), and what it says; `name` is its file's."""

    KIND = "message"

    id: str = field(TEXT)
    sender: str = field(TEXT)
    text: str = field(Text[str](MAX_MESSAGE, cut=True))
    at: int = field(WHOLE)
    name: str = local(default="", kw_only=True)

    @property
    def words(self) -> str:
        """The message for people, on one line: no part of it can pass for a line of ours."""
        if not self.sender:
            return " ".join(self.text.split())
        from gitfleet.base.quotation import quoted  # only who reads one pays for it

        return f"{self.sender} says: {quoted(self.text, MAX_MESSAGE)}"


def folder(session_id: str) -> str:
    """Where a session's messages are."""
    return f"{session_records.folder(session_id)}/inbox"


def read(view: View, session_id: str) -> Iterator[Message]:
    """The messages of a session, oldest first. One that cannot be read is passed over, and stays."""
    for name, is_folder in view.names(folder(session_id)):
        where = f"{folder(session_id)}/{name}"
        if is_folder:
            continue
        try:
            yield replace(format.read(Message, view.get(where) or b"", where), name=name)
        except FleetError:
            continue


def post(
    view: View, session_id: str, text: str, operation: Operation, *, number: int = 0, sender: str = ""
) -> Changes:
    """The changes that leave a message for a session; none when the session is gone.

    `number` tells several messages of one operation to one session apart.
    """
    if session_records.find(view, session_id) is None:
        return {}
    where = folder(session_id)
    names = [name for name, is_folder in view.names(where) if not is_folder]
    changes = _make_room(view, session_id, names, operation) if len(names) >= MAX_WAITING else {}
    message = Message(operation.id, sender, text[:MAX_MESSAGE], operation.at)
    changes[f"{where}/{operation.id}-{number:03d}.json"] = canonical.dump(message)
    return changes


def take_back(view: View, session_id: str, operation_id: str) -> Changes:
    """The changes that take away what an operation left for a session (number 0): there is nothing more to say of it."""
    where = f"{folder(session_id)}/{operation_id}-000.json"
    return {where: None} if operation_id and view.get(where) is not None else {}


def _make_room(view: View, session_id: str, names: list[str], operation: Operation) -> Changes:
    """The changes that let the oldest messages go, and say how many went; room for one more is left."""
    where = folder(session_id)
    notes = [name for name in names if name.startswith(_DROPPED)]
    oldest = [name for name in names if name not in notes][: len(names) - len(notes) + 2 - MAX_WAITING]
    before = max((_count(name) for name in notes), default=0)
    changes: Changes = dict.fromkeys((f"{where}/{name}" for name in [*notes, *oldest]), None)
    count = before + len(oldest)
    words = f"{count} older messages were dropped unread: an inbox holds {MAX_WAITING}."
    note = Message(_DROPPED, "", words, operation.at)
    changes[f"{where}/{_DROPPED}-{count:09d}.json"] = canonical.dump(note)
    return changes


def _count(name: str) -> int:
    digits = name.removesuffix(".json").partition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


class Send(Struct):
    """A message for another session."""

    to: SessionId = field(SESSION_ID)
    text: str = field(Text[str](4 * MAX_MESSAGE))


class Sent(Answer):
    """The message as it was left."""

    to: SessionId = field(SESSION_ID)
    text: str = field(TEXT)


@operation("message.send", body=Send, answer=Sent)
def send(view: View, operation: Operation, body: Send, generation: int) -> Decision[Sent]:
    """`message.send`: another session gets a text from this one. Raises NoSession when one of them is not there, Conflict when the sender is another node's, PolicyRefused when it has MAX_OF_ONE of these."""
    del generation
    session_rules.own(view, operation)
    text = body.text.strip()
    if not text or len(text) > MAX_MESSAGE:
        raise unfit()
    to = session_rules.recipient(view, body.to)
    view.load(folder(to.id))
    if sum(one.sender == operation.session for one in read(view, to.id)) >= MAX_OF_ONE:
        raise PolicyRefused(
            f"{to.id} has {MAX_OF_ONE} messages of {operation.session} that it has not read, the most that an inbox holds of one sender.",
            hint=f"Wait until {to.id} has read some of them.",
            unharmed="Nothing was sent.",
        )
    changes = post(view, to.id, text, operation, sender=operation.session)
    return Accepted(changes, Sent(to.id, text), one_line(f"{operation.session} tells {to.id}: {text}"))


def unfit() -> UsageError:
    """The error for a text that no inbox takes."""
    return UsageError(f"A message has 1 to {MAX_MESSAGE} characters.", unharmed="Nothing was sent.")


def clear(view: View, operation: Operation) -> Changes:
    """The changes that take away the messages which the operation's session has been shown (`heard`)."""
    if not operation.heard:
        return {}
    where = folder(operation.session)
    known = {name for name, _ in view.names(where)}
    return {f"{where}/{name}": None for name in operation.heard if name in known}


KINDS = (send,)
