"""Operations, what becomes of them, and the words in which callers are told.

Pure: no clock, no process, no file. An operation is one intended change with its precondition; a *rule* decides it
on a snapshot; a *transaction* is the operations that one ledger commit carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol

from gitfleet import errors
from gitfleet.errors import Corrupt, FleetError, NewerFormat

FORMAT = 1
FLEET = "fleet.json"
TRANSACTION = "transaction.json"


class View(Protocol):
    """The records that a rule may read. `trees.Snapshot` is one."""

    def get(self, path: str) -> bytes | None:
        """Content of one record file, or None."""
        ...

    def names(self, path: str) -> list[tuple[str, bool]]:
        """Names in a folder, each with whether it is a folder."""
        ...

    def files(self, path: str) -> Iterator[str]:
        """Paths of all files below a folder."""
        ...


class Operation(NamedTuple):
    """One intended change of the ledger.

    `id` is a ULID made by the caller, `at` the caller's wall clock in seconds (shown, never compared across nodes),
    `body` the kind's own fields. `nonce` makes two otherwise equal operations differ.
    """

    kind: str
    id: str
    node: str
    session: str
    at: int
    body: Mapping[str, Any]
    nonce: str = ""
    version: int = FORMAT

    def as_record(self) -> dict[str, Any]:
        """As it is written into outbox and ledger."""
        return {
            "v": self.version,
            "kind": self.kind,
            "id": self.id,
            "nonce": self.nonce,
            "node": self.node,
            "session": self.session,
            "at": self.at,
            "body": dict(self.body),
        }


def operation_from(raw: Mapping[str, Any], where: str) -> Operation:
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
    texts = [raw.get(name) for name in ("kind", "id", "nonce", "node", "session")]
    body, at = raw.get("body"), raw.get("at")
    if version != FORMAT or not isinstance(body, dict) or not isinstance(at, int) or isinstance(at, bool):
        raise Corrupt(f"{where} holds something that is not an operation. It was left alone.", where=where)
    if not all(isinstance(text, str) and len(text) <= 256 for text in texts):
        raise Corrupt(f"{where} holds an operation with broken fields. It was left alone.", where=where)
    kind, id_, nonce, node, session = (str(text) for text in texts)
    return Operation(kind=kind, id=id_, nonce=nonce, node=node, session=session, at=at, body=body)


class Accepted(NamedTuple):
    """The rule says yes: record files to put (bytes) or delete (None), and the caller's answer (JSON-ready).

    `lacking` says in words what the caller wanted and did not get, where yes may be less than all.
    """

    changes: Mapping[str, bytes | None]
    answer: Mapping[str, Any]
    subject: str
    lacking: str = ""


class Refused(NamedTuple):
    """The rule says no; nothing changes. `error` is what the caller raises."""

    error: FleetError


Decision = Accepted | Refused
Rule = Callable[[View, Operation, int], Decision]
"""`rule(view, operation, generation)`: generation is that of the commit which would carry it. Pure."""


class Status(Enum):
    """How far an operation has come."""

    TENTATIVE = (
        "tentative"  # accepted in our outbox while the hub is out of reach, decided on what was last seen
    )
    CONFIRMED = "confirmed"  # on the hub, by the hub's own word
    REFUSED = "refused"  # decided against, on a verified state
    FAILED = "failed"  # not decided: the reason is in the error, and nothing was changed


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one operation. `commit` and `generation` name the transaction that carries it (else "" and -1)."""

    operation: str
    status: Status
    answer: Mapping[str, Any] = field(default_factory=dict)
    error: FleetError | None = None
    commit: str = ""
    generation: int = -1

    @property
    def ok(self) -> bool:
        """Whether it was accepted, at least tentatively."""
        return self.error is None

    def as_record(self) -> dict[str, Any]:
        """As it is left for the caller that waits."""
        return {
            "operation": self.operation,
            "status": self.status.value,
            "answer": dict(self.answer),
            "error": error_record(self.error) if self.error else None,
            "commit": self.commit,
            "generation": self.generation,
        }


def result_from(raw: Mapping[str, Any]) -> Result:
    """The result that `Result.as_record` wrote. Raises KeyError or ValueError for anything else."""
    error = raw["error"]
    return Result(
        operation=str(raw["operation"]),
        status=Status(raw["status"]),
        answer=dict(raw["answer"]),
        error=error_from(error) if error else None,
        commit=str(raw["commit"]),
        generation=int(raw["generation"]),
    )


def error_record(error: FleetError) -> dict[str, Any]:
    """An error as data, under the nearest class that `errors` draws; facts that are no JSON become text."""
    known = next(kind for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    return {
        "class": known.__name__,
        "message": error.message,
        "unharmed": error.unharmed,
        "hint": error.hint,
        "facts": {name: _plain(value) for name, value in error.facts.items()},
    }


def error_from(raw: Mapping[str, Any]) -> FleetError:
    """The error in `raw`; a class that this version does not know becomes InternalError with the same words."""
    kind = getattr(errors, str(raw["class"]), errors.InternalError)
    if not (isinstance(kind, type) and issubclass(kind, FleetError)):
        kind = errors.InternalError
    said = {name: str(raw[name]) for name in ("message", "hint", "unharmed")}
    return kind(**said, **dict(raw["facts"]))


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, bool)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value)
