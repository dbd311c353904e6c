"""What a gate has said of a tree, as records of the ledger.

Pure. A verdict is filed by what was tested (`verdicts/<2 hex>/<key>.json`): the same content, the same command, the same
environment, so whoever asks for the same finds it, on any node. How long a command takes is filed by the command
(`gates/lines/<line>.json`). Both are bounded: a verdict keeps the newest outcome of each sort, a shard its newest verdicts. What was
let go is tested again, and nothing else is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeVar

from gitfleet.base import canonical
from gitfleet.base.names import NodeId, Oid, SessionId
from gitfleet.codec import WHOLE, Broken, Choice, Many, Maybe, One, Record, Shape, Struct, Text, Whole, field
from gitfleet.errors import Corrupt, NewerFormat
from gitfleet.ledger import format
from gitfleet.ledger.model import NODE_ID, SESSION_ID, View

PASSED: Literal["passed"] = "passed"
FAILED: Literal["failed"] = "failed"
INDETERMINATE: Literal["indeterminate"] = "indeterminate"
GateResult = Literal["passed", "failed", "indeterminate"]
"""`indeterminate`: the machine failed, not what was tested. Nobody is blamed for it, and it may be run again."""

PROCESSOR: Literal["processor"] = "processor"
CI: Literal["ci"] = "ci"
BY_SESSION: Literal["session"] = "session"
Publisher = Literal["processor", "ci", "session"]
"""Whose run it was. Only a node, for itself, is a processor or CI; a session is always a session."""

VERDICTS = "verdicts"
LINES = "gates/lines"
MOST_IN_SHARD = 32
"""Verdicts in one of the 256 shards. The one that was changed longest ago goes first."""
MOST_LINES = 256
MOST_SECONDS = 20
"""Lengths of earlier runs that are kept of a command."""
TAIL_LINES, TAIL_WIDTH = 50, 300
"""Of the end of a log: so many lines, of so many characters."""
MOST_COMMAND = 16 * 1024

GATE_OID = Text[Oid](64)
_RESULT = Choice[GateResult](PASSED, FAILED, INDETERMINATE)
PUBLISHER = Choice[Publisher](PROCESSOR, CI, BY_SESSION)
WORDS: Shape[tuple[str, ...]] = Many(Text[str](4096), most=256)
_SECONDS = Whole(0, 10**7)
R = TypeVar("R", "Verdict", "GateHistory")


class GateSubject(Struct):
    """What is tested, and how: equal subjects have one verdict.

    `content` is the id of a tree, or of the inputs of a part (`keys.content`); `part` its name, "" where the gate has none.
    """

    content: str = field(Text[str](80, least=40))
    command: tuple[str, ...] = field(WORDS)
    part: str = field(Text[str](64), default="")
    environment: str = field(Text[str](1000), default="")

    def check(self) -> None:
        """Raise Broken for a command that is none, or too long."""
        if not self.command or sum(map(len, self.command)) > MOST_COMMAND:
            raise Broken(f"a command of at most {MOST_COMMAND} characters was expected", "command")

    @property
    def key(self) -> str:
        """The name of its verdict: 64 hexadecimal digits."""
        return _digest(self.encode())

    @property
    def line(self) -> str:
        """The name of its command, whatever is tested with it."""
        return _digest({**self.encode(), "content": ""})


class GateOutcome(Struct):
    """How the newest run of one sort of publisher with one result ended; `times` counts the runs that ended so.

    `seconds` it took, `at` by the clock of its node. `code` is its exit code (negative: the signal; None: it did not come so
    far), `reason` why the result is indeterminate. `tail` has the last lines of its log, without terminal escapes, and
    `log` names the whole of it on its node.
    """

    result: GateResult = field(_RESULT)
    by: Publisher = field(PUBLISHER)
    node: NodeId = field(NODE_ID)
    at: int = field(WHOLE)
    session: SessionId = field(SESSION_ID, default=SessionId(""), omit=True)
    commit: Oid = field(GATE_OID, default=Oid(""), omit=True)
    tree: Oid = field(GATE_OID, default=Oid(""), omit=True)
    seconds: int = field(_SECONDS, default=0)
    code: int | None = field(Maybe(WHOLE), default=None, omit=True)
    reason: str = field(Text[str](300, cut=True), default="", omit=True)
    tail: tuple[str, ...] = field(
        Many(Text[str](TAIL_WIDTH, cut=True), most=TAIL_LINES), default=(), omit=True
    )
    log: str = field(Text[str](200, cut=True), default="", omit=True)
    times: int = field(Whole(1, 10**9), default=1, omit=True)


class Verdict(Record):
    """All that runs have said of one subject: the newest outcome for each publisher and result, the newest last.

    `generation` is that of the ledger commit which changed it last.
    """

    KIND: ClassVar[str] = "verdict"

    subject: GateSubject = field(One(GateSubject))
    outcomes: tuple[GateOutcome, ...] = field(Many(One(GateOutcome), most=9))
    generation: int = field(WHOLE, default=0)

    def with_outcome(self, new: GateOutcome, generation: int) -> Verdict:
        """The same with one more outcome, which takes the place of an earlier one of its sort."""
        rest = tuple(one for one in self.outcomes if (one.by, one.result) != (new.by, new.result))
        return Verdict(self.subject, (*rest, new), generation, extra=self.extra)

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())


class GateHistory(Record):
    """How one command has fared on whatever it was run: the lengths of its latest runs that ended by themselves, in seconds,
    and counts of results. `flaky` counts the subjects that it said both of.
    """

    KIND: ClassVar[str] = "gate"

    command: tuple[str, ...] = field(WORDS)
    part: str = field(Text[str](64), default="")
    environment: str = field(Text[str](1000), default="")
    seconds: tuple[int, ...] = field(Many(_SECONDS, most=MOST_SECONDS), default=())
    passed: int = field(WHOLE, default=0)
    failed: int = field(WHOLE, default=0)
    indeterminate: int = field(WHOLE, default=0)
    flaky: int = field(WHOLE, default=0)
    generation: int = field(WHOLE, default=0)

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())


def verdict_path(key: str) -> str:
    """Where the verdict of a subject is."""
    return f"{VERDICTS}/{key[:2]}/{key}.json"


def history_path(line: str) -> str:
    """Where it is filed how a command has fared."""
    return f"{LINES}/{line}.json"


def verdict(view: View, key: str) -> Verdict | None:
    """The verdict of the subject with this key; None where there is none, or none that can be read: then it is tested again."""
    found = _read(view, Verdict, verdict_path(key))
    return found if found is not None and found.subject.key == key else None


def history(view: View, line: str) -> GateHistory | None:
    """How a command has fared; None where that is not known."""
    return _read(view, GateHistory, history_path(line))


def oldest(view: View, kind: type[R], folder: str, most: int) -> list[str]:
    """The records of a folder that go, so that there is room for one more: those changed longest ago, or not to be read."""
    names = [f"{folder}/{name}" for name, is_folder in view.names(folder) if not is_folder]
    if len(names) < most:
        return []
    view.load(folder)
    found = {where: _read(view, kind, where) for where in names}
    age = {where: record.generation if record else -1 for where, record in found.items()}
    return sorted(names, key=lambda where: (age[where], where))[: len(names) - most + 1]


def shorter(words: Sequence[str]) -> tuple[str, ...]:
    """The last lines of a log as an outcome keeps them."""
    return tuple(line[:TAIL_WIDTH] for line in words[-TAIL_LINES:])


def _read(view: View, kind: type[R], where: str) -> R | None:
    data = view.get(where)
    try:
        return format.read(kind, data, where) if data is not None else None
    except (Corrupt, NewerFormat):
        return None


def _digest(record: dict[str, object]) -> str:
    import hashlib  # OpenSSL: 5 ms, and every command of an agent loads the kinds

    return hashlib.sha256(canonical.dump(record)).hexdigest()
