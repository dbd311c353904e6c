"""The managed worktrees as the facade has them: all that `gitfleet worktree` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitfleet.worktrees import archive_store, archiving, cleanup, ignored, restore
from gitfleet.worktrees.archive import Archive
from gitfleet.worktrees.removable import CleanupTerms
from gitfleet.worktrees.service import Selection, Worktrees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitfleet.worktrees.archive_store import Shelf
    from gitfleet.worktrees.cleanup import Cleaned
    from gitfleet.worktrees.restore import Restored


class FleetWorktrees(Worktrees):
    """The managed worktrees of a clone. Threads, like processes, take turns where they change something."""

    def cleanup(
        self, terms: CleanupTerms | None = None, selection: Selection | None = None, *, base: str = ""
    ) -> Cleaned:
        """Remove those that are idle and whose work is safe, and archive what else they hold; see `cleanup.clean`.

        All of them, unless there is a `selection`.
        """
        selection = selection or Selection(everything=True)
        return cleanup.clean(self, selection, terms or CleanupTerms(), base=base, announce=self._announce)

    def archive(self, place: str | None = None, *, ignored_files: Sequence[str] = ()) -> Archive:
        """Keep all that a worktree holds in one commit of this clone: that of a path or session, or the one opened in.

        `ignored_files`: `small` (default), `all`, `none`, or patterns. Raises UsageError, Blocked.
        """
        return archiving.take(self.repository, place, ignored.check(ignored_files))

    def archives(self) -> Shelf:
        """The archives of this clone, the oldest first."""
        return archive_store.everything(self.repository.git)

    def restore(self, archive_id: str, path: str | None = None) -> Restored:
        """Bring an archived worktree back, byte for byte, to `path` or where it was. Overwrites nothing."""
        with self.lock.held(60.0, self._announce):
            return restore.restore(self.repository, archive_id, path)

    def drop(self, archive_id: str) -> Archive:
        """Let an archive go, for good; which it was. Raises UsageError when there is none."""
        found = archive_store.find(self.repository.git, archive_id)
        archive_store.drop(self.repository.git, found)
        return found
