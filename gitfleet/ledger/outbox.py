"""The node's outbox: operations that were left to be decided, on disk before anything else happens.

Folders below `<common dir>/gitfleet/outbox`: `new` (left by callers), `taken` (a leader has them in hand),
`tentative` (accepted while the hub was out of reach), `unread` (files that are no operation, kept for people), and
`results` beside them. A file moves between them by rename only, so an operation is always in exactly one place.

While a push is under way, `attempt` names the commit it started from: after a crash or a broken connection the
next leader looks from there on for our own operation ids on the hub, before it decides anything again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from gitfleet.base import canonical, clock, files, ids
from gitfleet.base.text import display
from gitfleet.codec import Struct, replace
from gitfleet.errors import Corrupt, NewerFormat
from gitfleet.ledger.model import Answer, Operation, Result, operation_from, result_from
from gitfleet.ledger.operations import Registry

_NONE = Registry(())
KEEP_RESULTS = 86400
PLACES = ("new", "taken", "tentative", "unread")


class UnsurePush(Struct):
    """Pushes whose outcome is not known: the commit that the first of them started from, and operations that they carried."""

    base: str
    operations: frozenset[str]


class Outbox:
    """The outbox of one node. Only `leave`, `withdraw`, `result` and `warnings` may be called without the lock."""

    def __init__(self, state: str, kinds: Registry = _NONE) -> None:
        """`kinds` are needed to read results."""
        self._kinds = kinds
        self.root = os.path.join(state, "outbox")
        self._results = os.path.join(state, "results")
        self._attempt = os.path.join(self.root, "attempt")
        self.warnings: list[str] = []

    def prepare(self) -> None:
        """Make the folders."""
        for name in PLACES:
            files.folder(os.path.join(self.root, name))
        files.folder(self._results)

    def leave(self, operation: Operation) -> None:
        """Keep `operation` for the next leader. A crash of this process cannot lose it (of the machine, it can: nobody
        has been told yet that it was accepted).
        """
        files.replace(self._at("new", operation.id), canonical.dump(operation.encode()), durable=False)

    def restore(self, operation: Operation) -> None:
        """Keep an operation that had been agreed and must be decided again; its session is told if it loses."""
        files.replace(self._at("tentative", operation.id), canonical.dump(operation.encode()))

    def withdraw(self, operation: Operation) -> bool:
        """Take `operation` back. False when a leader has it in hand already: it may still happen."""
        return files.remove(self._at("new", operation.id))

    def holds(self, operation: Operation) -> bool:
        """Whether it still waits to be decided."""
        return any(os.path.exists(self._at(place, operation.id)) for place in PLACES[:3])

    def take(self) -> list[Operation]:
        """Take everything in hand, in order: what was accepted tentatively, what an earlier leader had, what is new."""
        new = os.path.join(self.root, "new")
        for name in files.names(new):
            with suppress(FileNotFoundError):  # its caller has just withdrawn it
                os.rename(os.path.join(new, name), os.path.join(self.root, "taken", name))
        kept = self._read("tentative")
        known = {operation.id for operation in kept}
        return [*kept, *(operation for operation in self._read("taken") if operation.id not in known)]

    def tentative(self) -> list[Operation]:
        """What was accepted tentatively and is not decided yet. Reads only, so that it needs no lock."""
        return self._read("tentative", tidy=False)

    def keep_tentative(self, operation: Operation, *, whole: bool = True) -> None:
        """Keep an operation in hand until the hub answers; `whole` if its caller is told that it got all it wanted.

        It is durable when this returns.
        """
        record = operation.encode() | ({} if whole else {"whole": False})
        files.replace(self._at("tentative", operation.id), canonical.dump(record))
        files.remove(self._at("taken", operation.id))

    def is_tentative(self, operation: Operation) -> bool:
        """Whether its caller has already been told that it was accepted tentatively."""
        return os.path.exists(self._at("tentative", operation.id))

    def was_whole(self, operation: Operation) -> bool:
        """Whether its caller has been told, tentatively, that it got all it wanted."""
        data = files.read(self._at("tentative", operation.id))
        return data is not None and canonical.load(data).get("whole") is not False

    def finish(self, result: Result) -> None:
        """Leave a result for its caller and let the operation go.

        What was accepted is told first and let go then: after a crash in between it is found on the hub and told
        again. What was not is let go first: after a crash its caller finds nothing and asks anew.
        """
        if result.ok:
            self._tell(result)
        for place in ("taken", "tentative", "new"):
            files.remove(self._at(place, result.operation))
        if not result.ok:
            self._tell(result)

    def tell(self, result: Result) -> None:
        """Leave a result without letting the operation go (a tentative one)."""
        self._tell(result)

    def result(self, operation: Operation) -> Result | None:
        """The result left for `operation`, taken away; None when there is none yet, or none that can be read."""
        path = os.path.join(self._results, f"{operation.id}.json")
        data = files.read(path)
        if data is None:
            return None
        files.remove(path)
        try:
            kind = self._kinds.get(operation.kind)
            return result_from(canonical.load(data), kind.answer if kind else Answer)
        except ValueError:
            return None

    def begin_attempt(self, base: str, operations: Iterable[str]) -> UnsurePush | None:
        """Note that a push of `operations` from `base` starts. An earlier note that is not resolved is added to, and answered."""
        before = self.attempt()
        known = before or UnsurePush(base, frozenset())
        self._note(replace(known, operations=known.operations | set(operations)))
        return before

    def undo_attempt(self, before: UnsurePush | None) -> None:
        """The push that began last did nothing for certain: what was noted before it (`begin_attempt`) is noted again."""
        if before is None:
            self.end_attempt()
        else:
            self._note(before)

    def _note(self, attempt: UnsurePush) -> None:
        lines = [attempt.base, *sorted(attempt.operations), ""]
        files.replace(self._attempt, "\n".join(lines).encode(), durable=False)

    def attempt(self) -> UnsurePush | None:
        """Where the oldest push began whose outcome was never learned, and what it and later ones carried; or None."""
        base, *operations = (files.read(self._attempt) or b"").decode("ascii", "replace").split()[
            :100_000
        ] or [""]
        return UnsurePush(base, frozenset(operations)) if base else None

    def end_attempt(self) -> None:
        """The outcome of all pushes is known."""
        files.remove(self._attempt)

    def sweep(self) -> None:
        """Remove what crashed processes left a day ago: results that nobody came for, files that were never finished."""
        old = clock.now() - KEEP_RESULTS
        for folder in (self._results, self.root, *(os.path.join(self.root, place) for place in PLACES)):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                with suppress(OSError):  # gone already, or a folder that somebody made
                    if (folder == self._results or name.endswith(".tmp")) and os.stat(path).st_mtime < old:
                        files.remove(path)

    def _tell(self, result: Result) -> None:
        # Not synced: after a crash the operation itself is looked up again.
        path = os.path.join(self._results, f"{result.operation}.json")
        files.replace(path, canonical.dump(result.encode()), durable=False)

    def _read(self, place: str, *, tidy: bool = True) -> list[Operation]:
        found = []
        for name in files.names(os.path.join(self.root, place)):
            where = f"outbox/{place}/{display(name)}"
            try:
                operation = self._load(place, name, where)
            except NewerFormat as error:
                self._warn(error.message)
            except (ValueError, Corrupt, OSError):
                if tidy:
                    self._put_aside(place, name)
            else:
                found += [operation] if operation else []
        return found

    def _load(self, place: str, name: str, where: str) -> Operation | None:
        """One operation; None when it has just gone. Raises for anything else that may lie there."""
        path = os.path.join(self.root, place, name)
        if os.path.lexists(path) and not os.path.isfile(path):
            raise ValueError("a folder, a pipe or the like")
        data = files.read(path)
        if data is None:
            return None
        operation = operation_from(canonical.load(data), where)
        if name != f"{operation.id}.json":
            raise ValueError("an operation under another's name")
        return operation

    def _put_aside(self, place: str, name: str) -> None:
        aside = os.path.join(self.root, "unread", name)
        if os.path.lexists(aside):
            aside = f"{aside}.{ids.ulid()}"
        os.rename(os.path.join(self.root, place, name), aside)
        self._warn(f"outbox/{place}/{display(name)} is not an operation; it was set aside in outbox/unread")

    def _warn(self, words: str) -> None:
        if words not in self.warnings:
            self.warnings.append(words)

    def _at(self, place: str, operation_id: str) -> str:
        return os.path.join(self.root, place, f"{operation_id}.json")
