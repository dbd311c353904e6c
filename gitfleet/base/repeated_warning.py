"""A warning that is written once, however often what it says is found again."""

from __future__ import annotations

import logging


class RepeatedWarning:
    """Warns when what is wrong has become another thing. For one thread at a time."""

    def __init__(self, log: logging.Logger, form: str = "%s") -> None:
        self._log, self._form = log, form
        self.words = ""
        """What is wrong; empty: nothing is."""

    def say(self, words: str) -> None:
        """What is wrong now; empty: nothing is any more."""
        if words and words != self.words:
            self._log.warning(self._form, words)
        self.words = words
