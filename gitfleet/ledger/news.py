"""Whether the hub may have news beside the ledger: of its trunk, or of its HEAD, which says what the trunk is.

A push of the ledger hears what branches there are and where they stand, and nothing of HEAD. What it heard is compared with
what was heard when HEAD was asked for last: a fetch is due when branches have come or gone, when the trunk is
somewhere that this clone does not know, when HEAD is seen to have moved, and when nobody has asked for a while.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gitfleet.base import clock, files
from gitfleet.base.digests import sha256
from gitfleet.base.ids import ulid
from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git

if TYPE_CHECKING:
    from gitfleet.git.advertisement import Shown

PATIENCE = 300
"""Seconds for which HEAD is taken to stay while the hub's branches stay the same."""


class News:
    """What one clone remembers of what its hub showed. `heard` and `note` need the node's lock."""

    def __init__(self, state: str, git: Git, hub: str) -> None:
        self._folder = os.path.join(state, "outbox")
        self._path = os.path.join(state, "hub-branches")
        self._git, self._hub = git, hub

    @contextmanager
    def trace(self) -> Iterator[str]:
        """The path of a file for one trace, which is gone afterwards. What a crash leaves there is swept with the outbox."""
        path = os.path.join(self._folder, f"trace.{ulid()}.tmp")
        try:
            yield path
        finally:
            with suppress(OSError):
                os.unlink(path)

    def is_due(self, shown: Shown | None, trunk: str) -> bool:
        """Whether trunk and HEAD should be fetched, after a push that has `shown` this (None: nothing that was understood)."""
        if shown is None:
            return True
        before = (files.read(self._path) or b"").decode("ascii", "replace").split()
        now = _digest(shown, trunk)
        if shown.head in shown.branches and shown.head != trunk:
            return True
        if before == now:
            return not 0 <= clock.now() + 1 - os.stat(self._path).st_mtime <= PATIENCE
        if (before and before[0] != now[0]) or not self._is_here(trunk, now[1]):
            return True
        self.note(shown, trunk)
        return False

    def note(self, shown: Shown, trunk: str) -> None:
        """Remember this: HEAD was heard with it."""
        words = "\n".join([*_digest(shown, trunk), ""])
        files.replace(self._path, words.encode(), durable=False)

    def heard(self) -> None:
        """HEAD was heard just now."""
        with suppress(OSError):
            os.utime(self._path)

    def _is_here(self, trunk: str, oid: str) -> bool:
        """Whether this clone has seen the hub's trunk there."""
        names = fleetrefs.seen_trunk(self._hub), f"refs/remotes/{self._hub}/{trunk}"
        return oid == "-" or any(refs.read(self._git, name).get(name) == oid for name in names)


def _digest(shown: Shown, trunk: str) -> list[str]:
    """The names of all branches, and where the trunk is ("-": it does not show)."""
    names = "\n".join(sorted(shown.branches))
    return [
        sha256(names.encode("utf-8", "surrogateescape")).hexdigest(),
        shown.branches.get(trunk, "-"),
    ]
