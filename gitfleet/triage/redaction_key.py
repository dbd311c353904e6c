"""The key with which hosts hide words, and plans are sealed. It stays in the clone that made it, in a file for its user alone.

Equal words of one clone's plans stay equal, so that the same leak on two hosts is seen to be the same; without the key nothing can
be guessed from them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets

from gitfleet.base import files, ids

_BYTES = 32


def key(state: str) -> bytes:
    """The key of this clone; made at first use, and one even if two make it at once. Raises LocalStorage."""
    path = os.path.join(files.folder(os.path.join(state, "triage"), mode=0o700), "key")
    found = files.read(path)
    if found is None or len(found) != _BYTES:
        _make(path, again=found is not None)
        found = files.read(path)
    return found or b""


def _make(path: str, *, again: bool) -> None:
    """Put a new key there, unless another process is faster; `again` in place of what is none."""
    aside = f"{path}.{ids.ulid()}"
    files.replace(aside, secrets.token_bytes(_BYTES), mode=0o600)
    with files.storage(path):
        if again:
            os.rename(aside, path)
            return
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            files.remove(aside)


def derived(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose, from which the others cannot be told."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).digest()
