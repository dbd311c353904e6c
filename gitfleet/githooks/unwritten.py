"""Trailers of a message that somebody is about to write: kept aside, and put in once it is written.

Where an editor is to open on an empty message, trailers in it would make git take for a message what is none, and so
commit where nobody has written a word. So `prepare-commit-msg` leaves them in a note of the worktree, and `commit-msg`,
which git calls when the editor was closed, puts them in if there is a message by then. The shim of `commit-msg` starts
nothing without such a note. Standard library only.
"""

from __future__ import annotations

import os

from gitfleet.githooks.catfile import ask

_CUT = b" ------------------------ >8 ------------------------\n"
_SIGNED_OFF = b"Signed-off-by: "


def leave(note: str, file: str, trailers: list[str]) -> None:
    """Keep `trailers` in `note` for the message in `file`, with what stands there before anybody writes."""
    with open(note, "wb") as kept:
        kept.write(os.fsencode("\n".join(trailers)) + b"\n\n" + _said(file))


def due(note: str, file: str) -> list[str]:
    """The trailers that belong into the message in `file` now; none where nobody has written one. Raises Unexpected, OSError."""
    with open(note, "rb") as kept:
        trailers, _, before = kept.read().partition(b"\n\n")
    return [] if _said(file) in {b"", before} else os.fsdecode(trailers).split("\n")


def _said(file: str) -> bytes:
    """What git would take for a message in `file`: no comments, nothing below its cut, no sign-off by itself."""
    with open(file, "rb") as message:
        text = message.read()
    cut = text.find(_CUT)
    text = text if cut < 0 else text[: text.rfind(b"\n", 0, cut) + 1]
    lines = ask("stripspace", "--strip-comments", feed=text).split(b"\n")
    return b"\n".join(line for line in lines if not line.startswith(_SIGNED_OFF)).strip()
