"""Who may ask: whoever has the token of this clone; and, to look only, its read-only token.

Each is made at the first start and kept with what the clone keeps for itself, so that scripts need to be told once. A file
that others can read is no secret any more, and is refused.
"""

from __future__ import annotations

import hmac
import os
import secrets
from typing import Self

from gitfleet.base import files
from gitfleet.codec import Struct
from gitfleet.errors import Blocked

PRIVATE = 0o600
_LEAST = 32
"""Characters that a token has at least, whoever wrote it."""


class Tokens(Struct):
    """Both tokens, and the files that hold them (mode 0600)."""

    full: str
    read_only: str
    full_file: str
    read_only_file: str

    @classmethod
    def of(cls, state: str) -> Self:
        """Those of the clone that keeps its own things in the folder `state`, made if need be. Two at once agree.

        Raises Blocked for a file that others can read, or that holds no token; LocalStorage.
        """
        folder = files.folder(os.path.join(state, "web"), mode=0o700)
        paths = [os.path.join(folder, name) for name in ("token", "token-read-only")]
        full, read_only = (_kept(path) for path in paths)
        return cls(full, read_only, *paths)

    def may(self, given: str) -> str:
        """What a token allows: `change`, `look`, or "" for nothing. Takes the same time for every wrong one."""
        text = given.encode("utf-8", "surrogateescape")
        is_full = hmac.compare_digest(text, self.full.encode())
        is_read_only = hmac.compare_digest(text, self.read_only.encode())
        return "change" if is_full else "look" if is_read_only else ""


def _kept(path: str) -> str:
    """The token in a file; a new one where there is no file."""
    if not os.path.lexists(path):
        files.create(path, f"{secrets.token_urlsafe(32)}\n".encode(), mode=PRIVATE)
    with files.storage(path):
        token = (files.read(path) or b"").decode("ascii", "replace").strip()
        there = os.stat(path)
    if there.st_mode & 0o077 or there.st_uid != os.geteuid():
        raise _unfit(path, "others can read it")
    if len(token) < _LEAST or not token.isascii() or not token.isprintable():
        raise _unfit(path, "it does not hold one")
    return token


def _unfit(path: str, why: str) -> Blocked:
    words = f"The token in {path} cannot be used: {why}."
    return Blocked(words, hint="Remove that file: the next start makes a new token.")
