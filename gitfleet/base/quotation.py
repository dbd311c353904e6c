"""Words of others, put so that an agent reads them as something said, and not as something to do.

An agent obeys what it reads. So what others wrote is one line, short, between quotation marks that it cannot close, without control
characters, backticks and the brackets that markup for agents is made of. Pure.
"""

from __future__ import annotations

from gitfleet.base.text import display

LIMIT = 80
_HARMLESS = str.maketrans({'"': "'", "<": "‹", ">": "›", "⟨": "‹", "⟩": "›", "`": "'", "\\": "/"})


class Fenced(str):
    """A line of ours around a quotation: it is shown as it is, and never quoted again."""

    __slots__ = ()


def quoted(text: str, limit: int = LIMIT) -> str:
    """`text` as a quotation: one line of at most `limit` characters, between double quotes that it cannot close."""
    line = display(" ".join(text.split())).translate(_HARMLESS)
    return f'"{line if len(line) <= limit else line[: limit - 1] + "…"}"'


def told(text: str, limit: int = LIMIT) -> str:
    """What a session is told, for an agent: as it is where it is fenced, else as a quotation."""
    return text if isinstance(text, Fenced) else quoted(text, limit)
