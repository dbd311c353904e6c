"""The other nodes as this clone last saw them at the hub: their heartbeats, and what they say of their sessions.

Reads only what was fetched, without lock or network. Nothing that another node wrote breaks a command: what cannot be
believed is passed over, and named in `warnings`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TypeVar

from gitfleet.base.ids import is_name
from gitfleet.base.text import display
from gitfleet.errors import Corrupt, NewerFormat
from gitfleet.git import fleetrefs, refs
from gitfleet.git.objects import BulkObjects, open_objects
from gitfleet.git.repository import Repository
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes import records
from gitfleet.nodes.observed import NodeJudgement, Observation, Pulse
from gitfleet.nodes.records import Detail, Heartbeat

MAX_OBJECT = 1024 * 1024

_Found = TypeVar("_Found")


class Peers:
    """The other nodes of one clone's fleet. Close it, or use it as a context manager. Looks at nothing until asked.

    `patience` (seconds) is how old this clone's own looks at the hub may be to say anything.
    """

    def __init__(self, repository: Repository, ledger: Ledger, *, patience: int) -> None:
        self.warnings: list[str] = []
        self._repository = repository
        self._node = ledger.node
        self._bulk = isinstance(ledger.objects, BulkObjects)
        self._opened: Objects | None = None
        self._pulse = Pulse(ledger.state, patience)
        self._trees: dict[str, Snapshot | None] = {}
        self._heartbeats: dict[str, Heartbeat | None] = {}
        self._details: dict[tuple[str, str], Detail | None] = {}

    @cached_property
    def tips(self) -> dict[str, str]:
        """Where the ref of each node was when the hub was last asked, this node's own included."""
        found = {}
        if self._node.hub:
            prefix = fleetrefs.seen_nodes(self._node.hub)
            for ref, oid in refs.read(self._repository.git, prefix).items():
                node = ref.removeprefix(prefix)
                if is_name(node):
                    found[node] = oid
                else:
                    self._warn(f"the hub has a node ref with a name that no node has: {display(node[:80])}")
        return found

    @property
    def nodes(self) -> list[str]:
        """The ids of the other nodes, sorted."""
        return sorted(self.tips.keys() - {self._node.id})

    def judgement(self, node: str) -> NodeJudgement:
        """Whether the node is alive, as far as this machine has watched it."""
        return self._pulse.judge(self._observations.get(node))

    def heartbeat(self, node: str) -> Heartbeat | None:
        """The node's last heartbeat; None when there is none that can be believed."""
        if node not in self._heartbeats:
            data = self._record(node, records.HEARTBEAT)
            self._heartbeats[node] = self._believed(lambda told: records.heartbeat(told, node), data)
        return self._heartbeats[node]

    def detail(self, node: str, session_id: str) -> Detail | None:
        """What the node last said of one of its sessions; None when it says nothing that can be believed."""
        key = node, session_id
        if key not in self._details:
            data = self._record(node, records.detail_path(session_id)) if self.heartbeat(node) else None
            self._details[key] = self._believed(lambda told: records.detail(told, node, session_id), data)
        return self._details[key]

    def idle(self, node: str, detail: Detail) -> int | None:
        """Seconds without activity: as that node measured them, and since its last beat as we measure."""
        beat, judgement = self.heartbeat(node), self.judgement(node)
        if beat is None or judgement.since is None:
            return None
        return max(0, beat.at - detail.active_at) + self._pulse.ago(judgement.since)

    def close(self) -> None:
        """Let go of processes and files."""
        if self._opened:
            self._opened.close()
            self._opened = None

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _observations(self) -> Mapping[str, Observation]:
        return self._pulse.load()

    def _record(self, node: str, path: str) -> bytes | None:
        try:
            tree = self._tree(node)
            return tree.get(path) if tree else None
        except (Corrupt, KeyError, ValueError) as error:
            words = str(error)
            self._warn(f"the report of node {node} cannot be read ({words}). It was skipped.")
            return None

    def _tree(self, node: str) -> Snapshot | None:
        if node not in self._trees:
            self._trees[node] = None
            oid = self.tips.get(node)
            if oid:
                if self._opened is None:
                    self._opened = open_objects(
                        self._repository.common_dir, bulk=self._bulk, limit=MAX_OBJECT
                    )
                self._trees[node] = Snapshot(self._opened, tree_of(self._opened, oid))
        return self._trees[node]

    def _believed(self, parse: Callable[[bytes], _Found], data: bytes | None) -> _Found | None:
        if data is None:
            return None
        try:
            return parse(data)
        except (Corrupt, NewerFormat) as error:
            self._warn(error.message)
            return None

    def _warn(self, words: str) -> None:
        if words not in self.warnings:
            self.warnings.append(words)


def tree_of(objects: Objects, oid: str) -> str:
    """The tree of a commit. Raises KeyError when it is not there, ValueError when it is no commit."""
    kind, data = objects.read(oid)
    line = data.partition(b"\n")[0]
    if kind != "commit" or not line.startswith(b"tree ") or len(line) != 45:
        raise ValueError(f"{oid} is no commit")
    return line[5:].decode("ascii", "replace")
