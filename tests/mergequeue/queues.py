"""A merge queue without disk or clock: what tests of its rules start from."""

from __future__ import annotations

from typing import Any

from gitfleet.base.ids import ulid
from gitfleet.codec import replace
from gitfleet.errors import FleetError
from gitfleet.ledger.model import Accepted
from gitfleet.mergequeue import model
from gitfleet.mergequeue.model import EntryPin, QueueEntry
from gitfleet.mergequeue.states import State
from tests.claims.world import World

BASE = "b" * 40
CANDIDATE = "c" * 40
TREE = "d" * 40


def head(number: int) -> str:
    """A commit's id."""
    return f"{number:040x}"


class Queues(World):
    """A world with a queue. `ada-1`, `bob-1` are sessions; `eve-1` is a person's, on node `eve`."""

    def __init__(self) -> None:
        super().__init__("ada-1", "bob-1")
        self.take("eve-1", "session.start", worktree="/eve-1", person=True)

    def add(self, branch: str, *, session: str = "ada-1", at: int = 1, **more: Any) -> QueueEntry:
        """A branch that is added, at commit number `at`."""
        body = {"branch": branch, "head": head(at), "target": "main", **more}
        return self.entry(self.take(session, "queue.add", **body)["entry"]["id"])

    def entry(self, entry_id: str) -> QueueEntry:
        found = model.find(self.view, entry_id)
        assert found is not None
        return found

    def put(self, entry: QueueEntry, state: State, **more: Any) -> QueueEntry:
        """The same entry in another state, whatever the rules say."""
        after = replace(entry, state=state, **more)
        self.view.change({model.live(entry.id): None, **model.put(after)})
        return after

    def land(self, *entries: QueueEntry, **more: Any) -> dict[str, Any]:
        """The answer of a landing that must be accepted."""
        return self.take("ada", "queue.land", **landing(*entries, **more))

    def refused(self, *entries: QueueEntry, **more: Any) -> FleetError:
        """The error of a landing that must be refused."""
        return self.refuse("ada", "queue.land", **landing(*entries, **more))

    def run(self, *entries: QueueEntry, node: str = "ada", **more: Any) -> str:
        """The id of a run that is taken."""
        body = {"target": "main", "base": BASE, "commit": CANDIDATE, "tree": TREE, "keys": ["k"], **more}
        answer = self.take(node, "queue.take", entries=[pin(entry) for entry in entries], **body)
        return str(answer["run"]["id"])


def pin(entry: QueueEntry) -> dict[str, Any]:
    return EntryPin(entry.id, entry.head).encode()


def landing(*entries: QueueEntry, proof: Any = None, **more: Any) -> dict[str, Any]:
    """The body of a landing without a gate."""
    rows = [{**pin(entry), "commit": CANDIDATE} for entry in entries]
    return {
        "target": "main",
        "base": BASE,
        "commit": CANDIDATE,
        "entries": rows,
        "proof": proof or {"gate": "none"},
        **more,
    }


def accepted(decision: object) -> bool:
    return isinstance(decision, Accepted)


__all__ = ["BASE", "CANDIDATE", "TREE", "Queues", "accepted", "head", "landing", "pin", "ulid"]
