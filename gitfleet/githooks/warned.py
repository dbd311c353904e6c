"""What a commit was warned about already: several gates look at one commit, and each would say the same.

`pre-commit` and `prepare-commit-msg` both judge what is staged, since some ways of committing pass the one by and some the
other; the reference-transaction gate judges once more. A file of the worktree keeps what was said last, and on which
HEAD: a commit moves that, so the next one is warned anew.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from gitfleet.base import files
from gitfleet.base.console import note
from gitfleet.clone import Clone
from gitfleet.errors import LocalStorage

_PASSING = re.compile(r" - [^\n]* left\b")
"""What is another thing a moment later, and no news: how much time a claim has left."""


class Warned:
    """Says warnings of one worktree. What it keeps is a courtesy: where it cannot be kept, a warning comes twice."""

    def __init__(self, fleet: Clone) -> None:
        here = fleet.repository
        self._path = os.path.join(fleet.ledger.state, f"warned-{os.path.basename(here.git_dir)}")
        self._head = here.here.line("rev-parse", "--verify", "--quiet", "HEAD") or "none"

    def first(self, text: str) -> None:
        """Say it, as the first gate of a commit."""
        note(text)
        with suppress(LocalStorage, PermissionError):
            files.replace(self._path, self._line(text), durable=False)

    def again(self, text: str) -> None:
        """Say it as a later gate of the same commit: nothing where that was said."""
        if files.read(self._path) != self._line(text):
            self.first(text)

    def last(self, text: str) -> None:
        """The same, where nothing may be written."""
        if files.read(self._path) != self._line(text):
            note(text)

    def _line(self, text: str) -> bytes:
        return os.fsencode(f"{self._head} {_PASSING.sub('', text)}\n")
