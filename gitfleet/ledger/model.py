"""Operations, what becomes of them, and the words in which callers are told.

Pure: no clock, no process, no file. An operation is one intended change with its precondition; its kind (`operations`)
decides it on a snapshot; a *transaction* is the operations that one ledger commit carries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Generic, Literal, Protocol, TypeVar

from gitfleet import errors
from gitfleet.base.names import NodeId, Oid, RefName, SessionId
from gitfleet.codec import (
    FIELDS,
    JSON,
    TEXT,
    WHOLE,
    Broken,
    Choice,
    Many,
    Maybe,
    One,
    Shape,
    Struct,
    Table,
    Text,
    field,
    local,
    replace,
)  # fmt: skip
from gitfleet.errors import Corrupt, FleetError, NewerFormat

FORMAT = 1
"""The format of records: what a record says of itself before anything else in it is believed."""
SCHEMA = 1
"""The vocabulary of operations: raised when the body or the meaning of a kind changes."""
FLEET = "fleet.json"
TRANSACTION = "transaction.json"

Who = Literal["session", "person", "node"]
SESSION: Who = "session"
PERSON: Who = "person"
NODE: Who = "node"

SESSION_ID: Shape[SessionId] = Text(256)
NODE_ID: Shape[NodeId] = Text(256)
NAME = Text[str](256)
_WORDS = Text[str](1_000_000)


Changes = dict[str, bytes | None]
"""What happens to records, by path: the new bytes, or None where one goes."""


class View(Protocol):
    """The records that a decision may read. `trees.Snapshot` is one."""

    def get(self, path: str) -> bytes | None:
        """Content of one record file, or None."""
        ...

    def names(self, path: str) -> list[tuple[str, bool]]:
        """Names in a folder, each with whether it is a folder."""
        ...

    def files(self, path: str) -> Iterator[str]:
        """Paths of all files below a folder."""
        ...

    def load(self, path: str, depth: int | None = None) -> None:
        """Have the files of a folder ready to be read, and of folders at most `depth` below it, where that is faster together."""
        ...


class Actor(Struct):
    """Who makes an operation: a session, a person (by the session that is the person's own), or a node for itself."""

    kind: Who = field(Choice[Who](SESSION, PERSON, NODE))
    id: str = field(NAME)

    @property
    def session(self) -> SessionId:
        """The session that acts; "" where a node does."""
        return SessionId("" if self.kind == NODE else self.id)


class Timing(Struct):
    """By what a node measures leases: its clock that nobody sets (`base.uptime`), and its policy's margin and greatest age in seconds."""

    uptime: str = field(Text[str](128), default="")
    margin: int = field(WHOLE, default=0)
    max_age: int = field(WHOLE, default=0)


NO_TIMING = Timing()


class Operation(Struct):
    """One intended change of the ledger.

    `kind` is the name of its kind, `id` a ULID made by the caller, `at` the caller's wall clock in seconds (shown, never compared
    across nodes). `body` is as written; its kind reads it. `nonce` makes two otherwise equal operations differ. `timing` tells
    more of the moment; `heard` names the messages that the session has been shown.
    """

    kind: str = field(NAME)
    id: str = field(NAME)
    node: NodeId = field(NODE_ID)
    actor: Actor = field(One(Actor))
    at: int = field(WHOLE)
    body: Mapping[str, object] = field(FIELDS)
    nonce: str = field(NAME, default="")
    timing: Timing = field(One(Timing), default=NO_TIMING, omit=True)
    heard: tuple[str, ...] = field(Many(NAME, most=1000), default=(), omit=True)
    v: int = field(WHOLE, default=FORMAT)

    @property
    def session(self) -> SessionId:
        """The session that acts; "" where a node does."""
        return self.actor.session


def operation_from(raw: Mapping[str, object], where: str) -> Operation:
    """The operation in a record. Raises NewerFormat for a version above ours, Corrupt for anything unreadable."""
    version = raw.get("v")
    if isinstance(version, int) and version > FORMAT:
        raise NewerFormat(
            f"{where} holds an operation of format {version}; this gitfleet reads up to {FORMAT}. It was left alone.",
            hint="Upgrade gitfleet on this machine.",
            where=where,
            version=version,
            understood=FORMAT,
        )
    if version != FORMAT:
        raise Corrupt(f"{where} holds something that is not an operation. It was left alone.", where=where)
    try:
        return Operation.decode(raw)
    except Broken as error:
        raise Corrupt(
            f"{where} holds a broken operation ({error}). It was left alone.", where=where
        ) from error


class Status(Enum):
    """How far an operation has come."""

    TENTATIVE = (
        "tentative"  # accepted in our outbox while the hub is out of reach, decided on what was last seen
    )
    CONFIRMED = "confirmed"  # on the hub, by the hub's own word
    REFUSED = "refused"  # decided against, on a verified state
    FAILED = "failed"  # not decided: the reason is in the error, and nothing was changed


class Receipt(Struct):
    """How far an operation has come. `commit` and `generation` name the transaction that carries it (else "" and -1).

    `hub_error` says why it is tentative, where it is.
    """

    operation: str = ""
    status: Status = Status.FAILED
    commit: Oid = Oid("")
    generation: int = -1
    hub_error: str = ""


class Answer(Struct):
    """What an operation that was accepted tells its caller, with how far it has come. Each kind has its own."""

    receipt: Receipt = local(default=Receipt(), kw_only=True)

    @property
    def status(self) -> Status:
        """How far it has come."""
        return self.receipt.status

    @property
    def tentative(self) -> bool:
        """Whether the hub has yet to agree."""
        return self.receipt.status is Status.TENTATIVE

    @property
    def commit(self) -> Oid:
        """The ledger commit that carries it, or ""."""
        return self.receipt.commit

    @property
    def generation(self) -> int:
        """The generation of that commit, or -1."""
        return self.receipt.generation


A = TypeVar("A", bound=Answer)
A_co = TypeVar("A_co", bound=Answer, covariant=True)


class Move(Struct):
    """One ref of the hub that an operation moves: from `old` to `new`. "" for `old`: it must not be there; for `new`: it goes."""

    ref: RefName
    new: Oid
    old: Oid


class Accepted(Struct, Generic[A_co]):
    """The decision is yes: record files to put (bytes) or delete (None), and the caller's answer.

    `lacking` says in words what the caller wanted and did not get, where yes may be less than all. `moves` are refs that move
    with the ledger, all or nothing.
    """

    changes: Mapping[str, bytes | None]
    answer: A_co
    subject: str
    lacking: str = ""
    moves: tuple[Move, ...] = ()


class Refused(Struct):
    """The decision is no; nothing changes. `error` is what the caller raises."""

    error: FleetError


class _StatusWord(Shape[Status]):
    plain = False

    def decode(self, raw: object) -> Status:
        try:
            return Status(raw)
        except ValueError as error:
            raise Broken("a status was expected") from error

    def encode(self, value: Status) -> object:
        return value.value


class _Answered(Shape[Answer | None]):
    """Written as it is; what it was written from, only its kind can tell (`result_from`)."""

    plain = False

    def decode(self, raw: object) -> None:
        del raw

    def encode(self, value: Answer | None) -> object:
        return value and value.encode()


class ErrorRecord(Struct):
    """An error as data, under the nearest class that `errors` draws; facts that are no JSON become text."""

    name: str = field(_WORDS, key="class")
    message: str = field(_WORDS)
    unharmed: str = field(_WORDS)
    hint: str = field(_WORDS)
    facts: Mapping[str, object] = field(Table(JSON))

    @classmethod
    def of(cls, error: FleetError) -> ErrorRecord:
        """The record of an error."""
        known = next(kind for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
        facts = {name: _plain(value) for name, value in error.facts.items()}
        return cls(known.__name__, error.message, error.unharmed, error.hint, facts)

    @property
    def error(self) -> FleetError:
        """The error; one of a class that this version does not know becomes InternalError with the same words."""
        kind = getattr(errors, self.name, errors.InternalError)
        if not (isinstance(kind, type) and issubclass(kind, FleetError)):
            kind = errors.InternalError
        return kind.told(self.message, self.hint, self.unharmed, self.facts)


class _Error(Shape[FleetError]):
    plain = False

    def decode(self, raw: object) -> FleetError:
        return ErrorRecord.decode(raw).error

    def encode(self, value: FleetError) -> object:
        return ErrorRecord.of(value).encode()


class Result(Struct):
    """What became of one operation: `answer` where it was accepted, at least tentatively, else `error`."""

    operation: str = field(TEXT)
    status: Status = field(_StatusWord())
    answer: Answer | None = field(_Answered(), default=None)
    error: FleetError | None = field(Maybe(_Error()), default=None)
    commit: str = field(TEXT, default="")
    generation: int = field(WHOLE, default=-1)
    hub_error: str = field(_WORDS, default="")

    @property
    def ok(self) -> bool:
        """Whether it was accepted, at least tentatively."""
        return self.error is None

    def answered(self, kind: type[A]) -> A:
        """The answer of an operation of such a kind, with how far it has come. Raises the error that there is instead."""
        if self.error is not None:
            raise self.error
        assert isinstance(self.answer, kind)
        return replace(self.answer, receipt=self.receipt)

    @property
    def receipt(self) -> Receipt:
        """How far it has come."""
        return Receipt(self.operation, self.status, Oid(self.commit), self.generation, self.hub_error)


def result_from(raw: object, answer: type[Answer]) -> Result:
    """The result in `raw`, of an operation that is answered so. Raises Broken."""
    result = Result.decode(raw)
    told = raw.get("answer") if isinstance(raw, Mapping) else None
    return result if told is None else replace(result, answer=answer.decode(told))


def _plain(value: object) -> object:
    if isinstance(value, (str, int, bool)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value)
