"""Identifiers that are made locally, without asking anybody.

A ULID is 48 bits of milliseconds and 80 random bits in Crockford's base 32: 26 characters that sort by the
maker's own clock. Within one process they rise strictly, so that files named after them keep their order.
"""

from __future__ import annotations

import os

from gitfleet.base import clock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
_last = 0


def ulid() -> str:
    """A new id. Two processes collide with probability 2^-80 in the same millisecond."""
    global _last
    value = (clock.milliseconds() << 80) | int.from_bytes(os.urandom(10), "big")
    step = 1 + int.from_bytes(os.urandom(8), "big")  # not 1: forked processes all start from one `_last`
    value = max(value, _last + step)
    _last, mine = value, value  # from here on our own: other threads go on with `_last`
    return _text(mine)


def _text(value: int) -> str:
    text = ""
    for _ in range(26):
        text = ALPHABET[value & 31] + text
        value >>= 5
    return text


def at(milliseconds: int, rest: bytes) -> str:
    """The ULID of a moment (since 1970) with these ten bytes behind it."""
    return _text((milliseconds << 80) | int.from_bytes(rest, "big"))


def made_at(text: str) -> int:
    """When a ULID was made, by its maker's clock, in milliseconds since 1970."""
    value = 0
    for character in text[:10]:
        value = value << 5 | ALPHABET.index(character)
    return value


def named(word: str) -> str:
    """A short id that says whose it is: `codex-7h3k9q2m`. Two are the same with probability 2^-40.

    It has a digit and a letter behind its dash, so that it looks neither like a word nor like a date that somebody chose.
    """
    while True:
        end = "".join(ALPHABET[byte & 31] for byte in os.urandom(8)).lower()
        if not end.isdecimal() and not end.isalpha():
            return f"{word}-{end}"


def is_ulid(text: str) -> bool:
    """Whether `text` has the form of a ULID (upper case)."""
    return len(text) == 26 and text[0] <= "7" and not text.strip(ALPHABET)


def is_oid(text: str) -> bool:
    """Whether `text` is the id of a git object in full."""
    return len(text) == 40 and not text.strip("0123456789abcdef")


def is_name(text: str) -> bool:
    """Whether `text` may be an id that people choose: 1 to 64 of `A-Za-z0-9._-`, starting with a letter or digit."""
    return (
        0 < len(text) <= 64
        and text[0].isascii()
        and text[0].isalnum()
        and not text.strip(_NAME)
        and ".." not in text
        and not text.endswith((".", ".lock"))
    )


def shard(identifier: str) -> str:
    """The folder, one of 256, that a record with this id is filed in.

    From a hash and never from the leading characters: those of a ULID are time, and a burst would land in
    one folder. The hash is FNV-1a folded to 8 bits: stable, and without an import.
    """
    value = 2166136261
    for byte in identifier.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return f"{(value ^ (value >> 8) ^ (value >> 16) ^ (value >> 24)) & 0xFF:02x}"
