"""Hashes as CPython itself has them: `hashlib` loads OpenSSL, which takes 2 ms of every process."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would cost hooks more than the hashes
if TYPE_CHECKING:
    from hashlib import sha1, sha256
else:
    try:
        from _sha1 import sha1
    except ImportError:
        from hashlib import sha1
    try:
        from _sha2 import sha256  # from Python 3.12 on
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256

__all__ = ["sha1", "sha256"]
