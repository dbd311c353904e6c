"""What differs once a status of a clone, or a page about it, would show something else.

The system tells of much that is shown nowhere: locks that come and go, a node's own beat, what a round of upkeep notes for the next one.
Who is told compares the signs from before its last look with those of now, and looks only where they differ.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from gitfleet.base import files
from gitfleet.clone import Clone
from gitfleet.git import fleetrefs, noted_settings
from gitfleet.nodes.checkout_signs import git_stamp

_SHOWN_NOWHERE = frozenset([
    "beat", "branches.json", "checkouts.json", "contended", "heartbeat.json", "hub-branches", "lock", "maintainer", "others", "outbox",
    "published", "pulse.json", "results", "row", "seen", "settings.json", "tried", "worktrees",
])  # fmt: skip
"""In a clone's state: what is nobody's to see, or is looked at below in another way. Whatever else is there counts."""


class SeenSigns:
    """The signs of one clone, for one thread."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self._maintained: object = None

    def now(self, places: Iterable[str]) -> object:
        """Those of now, to be compared; `places` are folders whose names matter, too. No process, and each costs a look at a file.

        Raises as `Clone.current`.
        """
        common, state = self._clone.repository.common_dir, self._clone.ledger.state
        known = self._clone.current()
        passed = {common, state, os.path.join(state, "maintainer")}
        folders = [files.stamp(place) for place in places if place not in passed]
        own = [
            (name, files.stamp(os.path.join(state, name)))
            for name in files.names(state)
            if name not in _SHOWN_NOWHERE
        ]
        settings = [files.stamp(path) for path in noted_settings.places(self._clone.repository.git)]
        return (
            known.tip.oid, known.tentative, folders, own, settings, files.stamp(os.path.join(common, "packed-refs")),
            git_stamp(common), self._is_old(), [*self._others()], self._maintainer(),
        )  # fmt: skip

    def _is_old(self) -> bool:
        """Whether what is known of the hub is so old that this is said."""
        age = self._clone.ledger.age()
        return age is not None and age > self._clone.policy.state_max_age

    def _others(self) -> Iterator[object]:
        """What was seen of the other nodes, and whether they were: of one that has not moved that is told by the time of the last look."""
        node = self._clone.ledger.node
        if not node.hub:
            return
        folder = os.path.join(self._clone.repository.common_dir, fleetrefs.seen_nodes(node.hub))
        others = [name for name in files.names(folder) if name.removesuffix(".lock") != node.id]
        if others:
            yield files.stamp(os.path.join(self._clone.ledger.state, "pulse.json"))
        yield from ((name, files.stamp(os.path.join(folder, name))) for name in others)

    def _maintainer(self) -> object:
        """How the last run of a maintainer that is installed has ended: not that one goes on, which is seen nowhere."""
        folder = os.path.join(self._clone.ledger.state, "maintainer")
        installed = files.stamp(os.path.join(folder, "installed.json"))
        if installed is None:
            return None
        from gitfleet.upkeep.maintainer import Maintainer  # schedulers: only where one was installed

        last = Maintainer(self._clone.repository).last()
        if last is not None and last.ended is not None:
            self._maintained = last.code, last.words, last.ended if last.code else 0
        return installed, self._maintained
