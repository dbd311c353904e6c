"""The node's outbox: operations that were left to be decided, on disk before anything else happens.

Folders below `<common dir>/gitfleet/outbox`: `new` (left by callers), `taken` (a leader has them in hand),
`tentative` (accepted while the hub was out of reach), `unread` (files that are no operation, kept for people), and
`results` beside them. A file moves between them by rename only, so an operation is always in exactly one place.

While a push is under way, `attempt` names the commit it started from: after a crash or a broken connection the
next leader looks from there on for our own operation ids on the hub, before it decides anything again.
"""

from __future__ import annotations

import os

from gitfleet.base import canonical, clock, files
from gitfleet.base.text import display
from gitfleet.errors import Corrupt, NewerFormat
from gitfleet.ledger.model import Operation, Result, operation_from, result_from

KEEP_RESULTS = 86400


class Outbox:
    """The outbox of one node. Only `leave`, `withdraw`, `result` and `warnings` may be called without the lock."""

    def __init__(self, state: str) -> None:
        self.root = os.path.join(state, "outbox")
        self._results = os.path.join(state, "results")
        self._attempt = os.path.join(self.root, "attempt")
        self.warnings: list[str] = []

    def prepare(self) -> None:
        """Make the folders."""
        for name in ("new", "taken", "tentative", "unread"):
            files.folder(os.path.join(self.root, name))
        files.folder(self._results)

    def leave(self, operation: Operation) -> None:
        """Keep `operation` for the next leader. A crash of this process cannot lose it (of the machine, it can: nobody
        has been told yet that it was accepted).
        """
        files.replace(self._at("new", operation.id), canonical.dump(operation.as_record()), durable=False)

    def restore(self, operation: Operation) -> None:
        """Keep an operation that had been agreed and must be decided again; its session is told if it loses."""
        files.replace(self._at("tentative", operation.id), canonical.dump(operation.as_record()))

    def withdraw(self, operation: Operation) -> bool:
        """Take `operation` back. False when a leader has it in hand already: it may still happen."""
        return files.remove(self._at("new", operation.id))

    def holds(self, operation: Operation) -> bool:
        """Whether it still waits to be decided."""
        return any(os.path.exists(self._at(place, operation.id)) for place in ("new", "taken", "tentative"))

    def take(self) -> list[Operation]:
        """Take everything in hand, in order: what was accepted tentatively, what an earlier leader had, what is new."""
        new = os.path.join(self.root, "new")
        for name in files.names(new):
            os.rename(os.path.join(new, name), os.path.join(self.root, "taken", name))
        kept = self._read("tentative")
        known = {operation.id for operation in kept}
        return [*kept, *(operation for operation in self._read("taken") if operation.id not in known)]

    def tentative(self) -> list[Operation]:
        """What was accepted tentatively and is not decided yet."""
        return self._read("tentative")

    def keep_tentative(self, operation: Operation) -> None:
        """Keep an operation in hand until the hub answers. It is durable when this returns."""
        files.replace(self._at("tentative", operation.id), canonical.dump(operation.as_record()))
        files.remove(self._at("taken", operation.id))

    def is_tentative(self, operation: Operation) -> bool:
        """Whether its caller has already been told that it was accepted tentatively."""
        return os.path.exists(self._at("tentative", operation.id))

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
        """The result left for `operation`, taken away; None when there is none yet."""
        path = os.path.join(self._results, f"{operation.id}.json")
        data = files.read(path)
        if data is None:
            return None
        files.remove(path)
        return result_from(canonical.load(data))

    def begin_attempt(self, base: str) -> None:
        """Note that a push from `base` starts. An earlier note that is not resolved stays: it reaches further back."""
        if files.read(self._attempt) is None:
            files.replace(self._attempt, base.encode() + b"\n", durable=False)

    def attempt(self) -> str | None:
        """Where the oldest push began whose outcome was never learned, or None."""
        data = files.read(self._attempt)
        return data.decode("ascii", "replace").strip() if data else None

    def end_attempt(self) -> None:
        """The outcome of all pushes is known."""
        files.remove(self._attempt)

    def sweep(self) -> None:
        """Remove results that nobody came for within a day."""
        for name in files.names(self._results):
            path = os.path.join(self._results, name)
            try:
                if clock.now() - os.stat(path).st_mtime > KEEP_RESULTS:
                    files.remove(path)
            except FileNotFoundError:
                continue

    def _tell(self, result: Result) -> None:
        # Not synced: after a crash the operation itself is looked up again.
        path = os.path.join(self._results, f"{result.operation}.json")
        with files.storage(path):
            with open(f"{path}.tmp", "wb") as file:
                file.write(canonical.dump(result.as_record()))
            os.rename(f"{path}.tmp", path)

    def _read(self, place: str) -> list[Operation]:
        found = []
        for name in files.names(os.path.join(self.root, place)):
            path = os.path.join(self.root, place, name)
            where = f"outbox/{place}/{display(name)}"
            try:
                operation = operation_from(canonical.load(files.read(path) or b""), where)
            except NewerFormat as error:
                self.warnings.append(error.message)
            except (ValueError, Corrupt):
                self._put_aside(place, name)
            else:
                if name == f"{operation.id}.json":
                    found.append(operation)
                else:
                    self._put_aside(place, name)
        return found

    def _put_aside(self, place: str, name: str) -> None:
        os.rename(os.path.join(self.root, place, name), os.path.join(self.root, "unread", name))
        self.warnings.append(
            f"outbox/{place}/{display(name)} is no operation; it was put aside in outbox/unread"
        )

    def _at(self, place: str, operation_id: str) -> str:
        return os.path.join(self.root, place, f"{operation_id}.json")
