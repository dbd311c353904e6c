"""A file of ours at a place that the user names: whole or not at all, and never in the place of somebody else's."""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.errors import Blocked, LocalStorage


def put(path: str, data: bytes, mark: bytes, *, mode: int | None = None) -> None:
    """Replace the file at `path` in one step. Raises Blocked for a file that does not begin with `mark`, LocalStorage."""
    if not os.path.isdir(os.path.dirname(path)):
        words = f"There is no folder {display(os.path.dirname(path))}; nothing was written."
        raise LocalStorage(words, hint="Make it, or name another file.", path=path)
    with files.storage(path):
        there = files.read(path)
    if there and not there.startswith(mark):
        words = f"{display(path)} is there, and was not written by gitfleet: it was left as it is."
        raise Blocked(words, hint="Name another file.")
    files.replace(path, data, mode=mode, durable=False)
