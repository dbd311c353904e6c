"""Words of a command that is shown to be copied into a shell: the one place where names of others are put into one.

A branch may be called `$(reboot)`, a folder `a b`. Whoever shows a command writes every name in it through `word`. Nothing of ours is
ever run by a shell.
"""

from __future__ import annotations

from gitfleet.base.text import display

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./-_")


def word(text: str) -> str:
    """`text` as one word for a POSIX shell; where it has characters that cannot be shown, as bash, zsh and POSIX 2024 spell these."""
    if text and not set(text) - _SAFE:
        return text
    if display(text) == text:
        return "'" + text.replace("'", "'\"'\"'") + "'"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{display(escaped)}'"


def rooted(path: str) -> str:
    """A path from the root as our commands take it among their words: one that begins as options do is spelled from the root."""
    return f":/{path}" if path.startswith("-") else path


def line(words: Iterable[str]) -> str:
    """A whole command."""
    return " ".join(map(word, words))
