"""Ledger commits: how a transaction is written as a commit, and read back.

The message says in one line what happened, for people; trailers carry generation, node, sessions and schema; the
operations themselves are `transaction.json` in the commit's tree. The root commit is the same everywhere, so that
two nodes which start a fleet at the same moment agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.base import canonical
from gitfleet.base.names import Oid
from gitfleet.base.text import one_line
from gitfleet.codec import TEXT, WHOLE, Broken, Many, Record, Shape, Struct, field
from gitfleet.errors import UNCHANGED, Corrupt, Damaged, NewerFormat
from gitfleet.git.trees import MEND, Objects, Snapshot, parse
from gitfleet.ledger import format
from gitfleet.ledger.format import UPGRADE
from gitfleet.ledger.model import FLEET, FORMAT, SCHEMA, TRANSACTION, Operation, operation_from

ROOT_TIME = 946684800
_ROOT_FLEET = {"v": FORMAT, "kind": "fleet", "id": "fleet", "nonce": "", "min_reader": 1, "min_writer": 1}


class Tip(Struct):
    """One ledger commit: its id, tree, parent (None for the root) and generation (the root's is 0)."""

    oid: Oid
    tree: Oid
    parent: Oid | None
    generation: int
    message: str

    @property
    def subject(self) -> str:
        """What happened, in one line; safe to show."""
        return one_line(self.message)


class _AsWritten(Shape[dict[str, object]]):
    """An operation as it was written."""

    def decode(self, raw: object) -> dict[str, object]:
        if type(raw) is not dict:
            raise Broken("fields were expected")
        return raw


class Transaction(Record):
    """What one commit carries. Its operations stay as they were written, those of newer formats included."""

    KIND = "transaction"
    generation: int = field(WHOLE)
    node: str = field(TEXT)
    at: int = field(WHOLE)
    raw: tuple[dict[str, object], ...] = field(Many(_AsWritten()), key="operations")
    schema: int = field(WHOLE)

    def operations(self, where: str) -> list[Operation]:
        """The operations. Raises NewerFormat or Corrupt at the first that cannot be read."""
        return [operation_from(raw, where) for raw in self.raw]

    @property
    def ids(self) -> set[str]:
        """The ids of all operations, read or not."""
        return {str(raw.get("id")) for raw in self.raw}


def write_root(objects: Objects) -> str:
    """Make the root commit; its id is the same in every repository. It is stored at the next `flush`."""
    tree = Snapshot(objects, None)
    tree.put(FLEET, canonical.dump(_ROOT_FLEET))
    tree.put(TRANSACTION, canonical.dump(Transaction(0, "", ROOT_TIME, (), SCHEMA)))
    message = "The fleet begins\n\nFleet-Generation: 0\nFleet-Schema: 1\n"
    return objects.write("commit", as_bytes(tree.write(), None, "gitfleet", ROOT_TIME, message))


def write(
    objects: Objects,
    tree: Snapshot,
    parent: Tip,
    operations: Sequence[Operation],
    subjects: Sequence[str],
    *,
    node: str,
    at: int,
) -> Tip:
    """Store the commit that follows `parent` with the records in `tree`. Nothing points at it yet."""
    generation = parent.generation + 1
    carried = Transaction(generation, node, at, tuple(op.encode() for op in operations), SCHEMA)
    tree.put(TRANSACTION, canonical.dump(carried))
    oid_tree = tree.write()
    message = _message(generation, node, operations, subjects)
    oid = objects.write("commit", as_bytes(oid_tree, parent.oid, node, at, message))
    objects.flush()
    return Tip(Oid(oid), Oid(oid_tree), parent.oid, generation, message)


def read(objects: Objects, oid: str) -> Tip:
    """The ledger commit `oid`. Raises Corrupt for anything that is none, Damaged where it is gone from this clone."""
    try:
        kind, data = objects.read(oid)
    except KeyError as error:
        raise Damaged(f"The ledger commit {oid} is missing in this clone.", hint=MEND, where=oid) from error
    except ValueError as error:
        raise _no_commit(oid, error) from error
    try:
        head, _, message = data.decode("utf-8", "replace").partition("\n\n")
        rows = [
            line.split(" ", 1) for line in head.split("\n")
        ]  # as git does; splitlines() ends lines elsewhere, too
        parents = [row[1] for row in rows if row[0] == "parent"]
        tree = next(row[1] for row in rows if row[0] == "tree")
        generation = int(trailer(message, "Fleet-Generation"))
        schema = int(trailer(message, "Fleet-Schema"))
    except (KeyError, ValueError, StopIteration, IndexError) as error:
        raise _no_commit(oid, error) from error
    if schema > SCHEMA:
        raise _newer(oid, schema)
    if kind != "commit" or len(parents) > 1 or generation < 0 or (generation == 0) != (not parents):
        raise Corrupt(f"{oid} is not a link of a ledger chain.", where=oid)
    return Tip(Oid(oid), Oid(tree), Oid(parents[0]) if parents else None, generation, message)


def _newer(oid: str, schema: int) -> NewerFormat:
    words = f"The ledger commit {oid} has schema {schema}; this gitfleet writes and reads {SCHEMA}."
    return NewerFormat(words, hint=UPGRADE, unharmed=UNCHANGED, where=oid, version=schema, understood=SCHEMA)


def _no_commit(oid: str, error: Exception) -> Corrupt:
    return Corrupt(f"{oid} is not a ledger commit ({type(error).__name__}).", where=oid)


def transaction(objects: Objects, tip: Tip) -> Transaction:
    """The transaction that `tip` carries. Raises Corrupt, NewerFormat."""
    try:
        entry = parse(objects.read(tip.tree)[1])[TRANSACTION]
        data = objects.read(entry.oid)[1]
    except (KeyError, ValueError) as error:
        raise Corrupt(f"The ledger commit {tip.oid} carries no transaction.", where=tip.oid) from error
    found = format.read(Transaction, data, tip.oid, of=", a commit of the ledger,")
    if found.schema > SCHEMA:
        raise _newer(tip.oid, found.schema)
    if found.generation != tip.generation:
        raise Corrupt(
            f"The ledger commit {tip.oid} carries the transaction of another generation.", where=tip.oid
        )
    return found


def trailer(message: str, name: str) -> str:
    """The value of a trailer, or "" when there is none."""
    for line in message.rstrip().split("\n")[::-1]:
        key, separator, value = line.partition(": ")
        if not separator:
            break
        if key == name:
            return value.strip()
    return ""


def _message(generation: int, node: str, operations: Sequence[Operation], subjects: Sequence[str]) -> str:
    subject = subjects[0] if len(subjects) == 1 else f"{len(subjects)} operations: {'; '.join(subjects)}"
    sessions = sorted({one_line(op.session, 64) for op in operations if op.session})
    lines = [one_line(subject, 160), "", *[one_line(s) for s in subjects if len(subjects) > 1]]
    lines += [""] * (len(subjects) > 1)
    lines += [f"Fleet-Session: {session}" for session in sessions]
    lines += [
        f"Fleet-Node: {one_line(node, 64)}",
        f"Fleet-Generation: {generation}",
        f"Fleet-Schema: {SCHEMA}",
        "",
    ]
    return "\n".join(lines)


def subjects(tip: Tip, count: int) -> list[str]:
    """What a commit's message says of each of its `count` operations, in their order; "" where it does not."""
    if count == 1:
        return [tip.subject]
    lines = tip.message.split("\n")[2 : count + 3]
    return (
        [one_line(line) for line in lines[:-1]] if len(lines) == count + 1 and not lines[-1] else [""] * count
    )


def as_bytes(tree: str, parent: str | None, node: str, at: int, message: str) -> bytes:
    """A commit by `node` as git stores it; `at` in seconds since 1970."""
    who = f"gitfleet <{one_line(node, 64)}@nodes.gitfleet.invalid> {at} +0000"
    parents = f"parent {parent}\n" if parent else ""
    return f"tree {tree}\n{parents}author {who}\ncommitter {who}\n\n{message}".encode(
        "utf-8", "backslashreplace"
    )
