"""What looks like a secret in a word of a command line: by its name, by its shape, or by being too random. Pure.

Errs on the side of finding one. What is random and long enough is taken for a secret, whatever it is.
"""

from __future__ import annotations

import math
import re

NAMED = re.compile(
    r"(?:^|[-_.])pass(?:$|[-_.0-9])|pass(?:w(?:or)?d|wd|phrase|code)|pwd|secret|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key|^sas$"
    r"|auth|bearer|cookie|session[-_]?(?:key|id)|signature|salt|dsn|conn(?:ection)?[-_]?str|jwt|otp|\bpin\b|webhook"
    r"|database[-_]?url|redis[-_]?url|(?:^|[-_.])key$|account[-_]?key|(?:^|[-_])(?:db|my)?pw$|userpass|mnemonic",
    re.IGNORECASE,
)
"""Names of options and variables whose value is one."""

_ALONE = re.compile(
    r"(?:my|the)?(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|bearer|basic|authorization)[:=]?",
    re.IGNORECASE,
)

_TELLING = re.compile(
    r"(?:.*[/:])?[A-Za-z0-9_.-]*[-_](?:[A-Za-z]*token|password|passwd|secret|secret[-_]key|access[-_]key|api[-_]key|private[-_]key)",
    re.IGNORECASE,
)
"""Names of settings, which are set to the next word: `aws_secret_access_key x`."""

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
_SLASHED = re.compile(r"[0-9A-Za-z+/]{32,}={0,2}")
_SESSION = re.compile(r"[a-z]{2,20}-[0-9a-hjkmnp-tv-z]{8}\Z")
_LEAST_BITS = 2.8
_KNOWN_SHARE = 0.75
"""So much of a piece with letters of both cases, or with digits, is words where it is no secret."""


def named(name: str) -> bool:
    """Whether an option or a variable of this name holds a secret."""
    return bool(NAMED.search(name.lstrip("-")))


def introduces(word: str) -> bool:
    """Whether a word by itself says that a secret comes next, as in `password = x`."""
    return bool(_ALONE.fullmatch(word) or _TELLING.fullmatch(word))


def holds(text: str) -> bool:
    """Whether anything in it looks like a secret."""
    if SHAPES.search(text) or any(_random(piece.strip("-_=~")) for piece in _PIECE.findall(text)):
        return True
    return any(_classes(run) == 3 and not _mostly_words(run) for run in _SLASHED.findall(text))


def _random(piece: str) -> bool:
    """Whether a piece is too even to be words, and long enough to be a key."""
    if _HEX.match(piece):
        return True
    if _SESSION.match(piece):
        return False
    return (
        len(piece) >= 12
        and _classes(piece) > 1
        and entropy(piece) >= _LEAST_BITS
        and not _mostly_words(piece)
    )


def _classes(piece: str) -> int:
    return sum(bool(re.search(kind, piece)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))


def _mostly_words(piece: str) -> bool:
    letters = re.sub(r"[^0-9A-Za-z]", "", piece)
    return sum(len(word) for word in _WORD.findall(piece)) >= len(letters) * _KNOWN_SHARE


def entropy(text: str) -> float:
    """Bits for each character, by how often each occurs in it."""
    if not text:
        return 0.0
    shares = [text.count(one) / len(text) for one in set(text)]
    return -sum(share * math.log2(share) for share in shares)
