"""What there is to say of the hooks of a clone, kept: it takes two git processes to find out, and seldom changes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitfleet.base import clock, files
from gitfleet.clone import Clone
from gitfleet.fleet import hooks
from gitfleet.git import noted_settings

HOLDS = 3600.0
"""Seconds after which git is asked although nothing has changed that is looked at: an included file of settings, or git itself, may have."""


class KeptHooks:
    """Asks again once settings or hooks have changed, as their files tell. For one thread."""

    def __init__(self) -> None:
        self._said: list[str] | None = None
        self._places: Sequence[str] = ()
        self._signs: object = None
        self._at = 0.0

    def warnings(self, clone: Clone) -> list[str]:
        """See `hooks.warnings`."""
        now = _signs(clone, self._places)
        if self._said is None or self._signs != now or clock.elapsed() - self._at >= HOLDS:
            self._said, self._places = hooks.look(clone)
            self._signs, self._at = _signs(clone, self._places), clock.elapsed()
        return self._said

    def doubt(self, seconds: float) -> None:
        """Ask again the next time unless that was done within so many seconds."""
        if clock.elapsed() - self._at >= seconds:
            self._said = None


def _signs(clone: Clone, places: Sequence[str]) -> object:
    """What differs once the settings that concern hooks have changed, or the hooks do. `places`: folders that were found to hold some."""
    common, state = clone.repository.common_dir, clone.ledger.state
    folders = [
        os.path.join(common, "hooks"),
        *(os.path.join(state, name) for name in ("gates", "hooks")),
        *places,
    ]
    of_hooks = [(folder, files.stamp(folder), *_within(folder)) for folder in dict.fromkeys(folders)]
    notes = [files.stamp(os.path.join(state, name)) for name in ("hooks.json", "launcher")]
    trees = os.path.join(common, "worktrees")
    own = [os.path.join(trees, name, "config.worktree") for name in files.names(trees)]
    settings = [files.stamp(path) for path in (*noted_settings.places(clone.repository.git), *own)]
    return of_hooks, notes, settings


def _within(folder: str) -> list[object]:
    try:
        return [(name, files.stamp(os.path.join(folder, name))) for name in files.names(folder)]
    except OSError:  # it may not be read
        return []
