"""What the other nodes tell of their jobs, as last fetched here; and the streams of these jobs, from the hub.

Nothing that another node wrote breaks a command: what cannot be read is passed over, and named in `warnings`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from typing import NamedTuple

from gitfleet.base.ids import is_name
from gitfleet.base.text import display
from gitfleet.errors import Corrupt, Unverifiable
from gitfleet.git import fleetrefs, refs
from gitfleet.git.objects import open_objects
from gitfleet.git.program import GitFailed
from gitfleet.git.repository import Repository
from gitfleet.git.scratch import Scratch, scratch
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes import job_refs
from gitfleet.nodes.archives import MOST_BYTES, files_of
from gitfleet.nodes.peers import MAX_OBJECT, tree_of

_MOST_NAMES = 100_000


class SeenJob(NamedTuple):
    """A job that a node tells of. Anything may be behind it."""

    id: str
    node: str


class JobsSeen:
    """Close it, or use it as a context manager. Looks at nothing until asked; asks the hub for streams alone."""

    def __init__(self, repository: Repository, ledger: Ledger) -> None:
        self.warnings: list[str] = []
        self._repository, self._node = repository, ledger.node
        self._opened: Objects | None = None

    def newest(self) -> Iterator[SeenJob]:
        """All of them, by falling ids. Reads no more than it is asked for."""
        each = [self._of(node, tree) for node, tree in self._trees.items()]
        yield from heapq.merge(*each, key=lambda job: job.id, reverse=True)

    def where(self, job_id: str) -> list[SeenJob]:
        """Who tells of this job."""
        return [
            SeenJob(job_id, node) for node in self._trees if self.record(SeenJob(job_id, node)) is not None
        ]

    def record(self, job: SeenJob) -> bytes | None:
        """What the node says of it; None where that cannot be read."""
        try:
            return self._trees[job.node].get(job_refs.path_of(job.id))
        except (Corrupt, KeyError, ValueError):
            self._warn(job.node)
            return None

    def streams(self, node: str, oid: str) -> dict[str, bytes] | None:
        """The files of the archive `oid` of a node; None where the hub does not have it. Costs one connection.

        Raises the hub's errors, and Corrupt for one that is none.
        """
        ref = fleetrefs.streams(node)
        with scratch(self._repository.git, self._node.hub) as place:
            if not self._fetched(place, oid, ref):
                return None
            with closing(open_objects(place.git.git_dir, limit=MOST_BYTES)) as objects:
                return files_of(objects, oid, ref)

    def _fetched(self, place: Scratch, oid: str, ref: str) -> bool:
        """Bring the archive here: by its id, or all of the node's where the hub knows refs alone."""
        for wanted, depth in ((oid, 1), (ref, 2)):
            try:
                place.fetch([wanted], depth=depth)
                place.git.run("rev-parse", "--verify", "--quiet", f"{oid}^{{commit}}")
            except (Unverifiable, GitFailed):
                continue
            return True
        return False

    @cached_property
    def _trees(self) -> dict[str, Snapshot]:
        """What each other node tells."""
        found: dict[str, Snapshot] = {}
        prefix = fleetrefs.seen_jobs(self._node.hub)
        known = refs.read(self._repository.git, prefix) if self._node.hub else {}
        for ref, oid in known.items():
            node = ref.removeprefix(prefix)
            if node == self._node.id or not is_name(node):
                continue
            try:
                found[node] = Snapshot(self._objects, tree_of(self._objects, oid))
            except (Corrupt, KeyError, ValueError):
                self._warn(node)
        return found

    @property
    def _objects(self) -> Objects:
        if self._opened is None:
            self._opened = open_objects(self._repository.common_dir, limit=MAX_OBJECT)
        return self._opened

    def _of(self, node: str, tree: Snapshot) -> Iterator[SeenJob]:
        left = _MOST_NAMES
        try:
            for folder, is_folder in reversed(tree.names("")):
                for name, below in reversed(tree.names(folder)) if is_folder else ():
                    left -= 1
                    job_id = name.removesuffix(".json")
                    if left >= 0 and not below and job_refs.path_of(job_id) == f"{folder}/{name}":
                        yield SeenJob(job_id, node)
        except (Corrupt, KeyError, ValueError):
            self._warn(node)

    def _warn(self, node: str) -> None:
        words = f"what node {display(node)} tells of its jobs cannot be read. It was skipped."
        if words not in self.warnings:
            self.warnings.append(words)

    def close(self) -> None:
        """Let go of processes and files."""
        if self._opened:
            self._opened.close()
            self._opened = None

    def __enter__(self) -> JobsSeen:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
