"""What the owner of a host has said is to be left alone: patterns of command lines, in files of his own.

They hold for every scan and every act on this host, whoever asks and whatever he sends. A file that is there and cannot be read
protects everything.
"""

from __future__ import annotations

import fnmatch
import os
from typing import Iterable, Sequence

from gitfleet.onhost.records import HostProcess
from gitfleet.onhost.signatures import pattern_of

UNREADABLE = "\0unreadable"
"""Stands for patterns that are there and could not be read."""

_LONGEST = 1 << 16


def files() -> tuple[str, ...]:
    """Where the patterns are: for the whole machine, and for this user. `~/.config` counts wherever `XDG_CONFIG_HOME` points, and the other
    way round: a login by ssh often has another environment than the one in which the file was written.
    """
    homes = os.path.join(os.path.expanduser("~"), ".config"), os.environ.get("XDG_CONFIG_HOME", "")
    own = [os.path.join(home, "gitfleet", "protect") for home in homes if os.path.isabs(home)]
    return tuple(dict.fromkeys(["/etc/gitfleet/protect", *own]))


def protected(asked: Iterable[str] = (), paths: Sequence[str] | None = None) -> tuple[str, ...]:
    """The patterns of the asker and those of this host: one a line, `#` begins a comment line."""
    found = list(asked)
    for path in files() if paths is None else paths:
        try:
            with open(path, encoding="utf-8-sig") as file:
                text = file.read(_LONGEST + 1)
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            return (UNREADABLE, *found)
        if len(text) > _LONGEST:
            return (UNREADABLE, *found)
        lines = (line.strip() for line in text.splitlines())
        found += [line for line in lines if line and not line.startswith("#")]
    return tuple(found)


def reason(members: Iterable[HostProcess], patterns: Sequence[str]) -> str:
    """Why these are protected; empty if they are not. A pattern is as of a shell, and is held against the whole command line and against
    what scans show as the program (`npm run dev`).
    """
    if UNREADABLE in patterns:
        return "what this host protects cannot be read"
    if not patterns:
        return ""
    for one in members:
        names = " ".join(one.command).strip() or one.name, pattern_of(one.command, one.name)
        if any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns):
            return "protected by a pattern"
    return ""
