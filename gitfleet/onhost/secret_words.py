"""What looks like a secret in a word of a command line: by its name, by its shape, or by being too random. Pure.

Errs on the side of finding one. What is random and long enough is taken for a secret, whatever it is.
"""

from __future__ import annotations

import math
import re

NAMED = re.compile(
    r"pass(?:w(?:or)?d|phrase|code)?(?:$|[-_0-9])|pwd|secret|token|credential|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|auth|bearer|cookie|session[-_]?(?:key|id)|signature|salt|dsn|conn(?:ection)?[-_]?str|jwt|otp|\bpin\b|webhook"
    r"|database[-_]?url|redis[-_]?url|(?:^|[-_])key$",
    re.IGNORECASE,
)
"""Names of options and variables whose value is one."""

SHAPES = re.compile(
    r"(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[0-9A-Z]{12,}"
    r"|gh[pousr]_[0-9A-Za-z]{16,}|github_pat_[0-9A-Za-z_]{16,}|glpat-[0-9A-Za-z_-]{12,}|glptt-[0-9A-Za-z_-]{12,}"
    r"|sk-[0-9A-Za-z_-]{12,}|sk_(?:live|test)_[0-9A-Za-z]{8,}|rk_(?:live|test)_[0-9A-Za-z]{8,}|pk_live_[0-9A-Za-z]{8,}"
    r"|xox[abeoprs]-[0-9A-Za-z-]{8,}|xapp-[0-9A-Za-z-]{8,}|AIza[0-9A-Za-z_-]{20,}|ya29\.[0-9A-Za-z_-]{10,}"
    r"|eyJ[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*)*|npm_[0-9A-Za-z]{16,}|pypi-[0-9A-Za-z_-]{16,}|hf_[0-9A-Za-z]{16,}"
    r"|SG\.[0-9A-Za-z_.-]{16,}|dop_v1_[0-9a-f]{16,}|hvs\.[0-9A-Za-z_-]{8,}|AGE-SECRET-KEY-[0-9A-Z]+|-----BEGIN.*"
    r"|lin_api_[0-9A-Za-z]{8,}|sq0[a-z]{3}-[0-9A-Za-z_-]{8,}|dckr_pat_[0-9A-Za-z_-]{8,}|tskey-[0-9A-Za-z-]{8,}",
    re.DOTALL,
)
"""Keys and tokens that say by their beginning what they are."""

_PIECE = re.compile(r"[0-9A-Za-z+_~!%^*=-]{12,}")
_HEX = re.compile(r"[0-9a-fA-F]{16,}\Z")
_WORD = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{3,}|[0-9]{1,4}(?![0-9])")
_LEAST_BITS, _LONG, _KNOWN_SHARE = 2.8, 20, 0.6


def named(name: str) -> bool:
    """Whether an option or a variable of this name holds a secret."""
    return bool(NAMED.search(name.lstrip("-")))


def holds(text: str) -> bool:
    """Whether anything in it looks like a secret."""
    return bool(SHAPES.search(text)) or any(_random(piece) for piece in _PIECE.findall(text))


def _random(piece: str) -> bool:
    """Whether a piece is too even to be words, and long enough to be a key."""
    if _HEX.match(piece):
        return True
    classes = sum(bool(re.search(kind, piece)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    if classes < 2 or entropy(piece) < _LEAST_BITS:
        return False
    words = sum(len(word) for word in _WORD.findall(piece))
    if classes == 3:
        return words < len(piece) * 0.75
    return len(piece) >= _LONG and words < len(piece) * _KNOWN_SHARE


def entropy(text: str) -> float:
    """Bits for each character, by how often each occurs in it."""
    if not text:
        return 0.0
    shares = [text.count(one) / len(text) for one in set(text)]
    return -sum(share * math.log2(share) for share in shares)
