"""For whom a repository is (`core.sharedRepository`), and whether what gitfleet keeps in it is for the same.

git passes over a hook that the one who commits or pushes may not run, without a word. So hooks, and the folder that their
gates read, get the permissions that git would give them, and afterwards are looked at: some file systems take no change.
What is written into these folders later follows them (`base.files`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from gitfleet.base.text import counted, display
from gitfleet.codec import Struct
from gitfleet.git.program import Git

PRIVATE = frozenset(["maintainer"])
"""Folders of the state that belong to one user: what its own crontab, or the like, runs."""
_PASSING = (os.path.join("gates", "asked"), "permits")
"""Folders with what gates leave for themselves: open to all, but what lies in them is of use to its user's git only."""
SETTING = "core.sharedRepository"
_NAMES = {"umask": 0, "group": 0o660, "all": 0o664, "world": 0o664, "everybody": 0o664}
_NUMBERS = {0: 0, 1: 0o660, 2: 0o664}
_SHOWN = 3


class Sharing(Struct):
    """What git is told: permissions to add, or, where `exact`, the very ones of files; `said` in the words of the setting."""

    bits: int = 0
    exact: bool = False
    said: str = ""

    def mode(self, mode: int) -> int:
        """The permissions that something with this mode should have (a folder, a program by its bits, or a file)."""
        now, bits = stat.S_IMODE(mode), self.bits
        if not bits:
            return now
        if stat.S_ISDIR(mode):
            bits |= (bits & 0o444) >> 2
            bits |= stat.S_ISGID if bits & 0o060 else 0
        elif now & stat.S_IXUSR:
            bits = bits & 0o644 | (bits & 0o444) >> 2  # nobody but its owner writes into a program
        elif not now & stat.S_IWUSR:
            bits &= 0o444
        return (now & ~0o777 if self.exact else now) | bits


def read(git: Git) -> Sharing:
    """What `core.sharedRepository` says, as git understands it; a value that git does not understand says nothing."""
    done = git.ask("config", "--null", "--get", SETTING)
    return parse(os.fsdecode(done.stdout)) if done.code == 0 else Sharing()


def parse(said: str) -> Sharing:
    """`said`: the value and a NUL, as git prints it; nothing before the NUL where the key stands alone."""
    value = said.removesuffix("\0")
    if value in _NAMES:
        return Sharing(_NAMES[value], said=value)
    try:
        number = int(value, 8)
    except ValueError:
        yes = value.lower() in {"", "true", "yes", "on"}
        return Sharing(0o660 if yes else 0, said=value or "true")
    if number in _NUMBERS:
        return Sharing(_NUMBERS[number], said=value)
    return Sharing(number & 0o666, exact=True, said=value) if number & 0o600 == 0o600 else Sharing()


def share(git: Git, trees: Sequence[str], alone: Iterable[str] = ()) -> list[str]:
    """Open what lies in `trees`, and the paths `alone`, to those whom the repository is for; what could not be opened.

    Nothing happens where the repository is its user's only. What belongs to another user is left as it is. Paths that are
    not there are left out, links are not followed.
    """
    sharing, alone = read(git), list(alone)
    if not sharing.bits:
        return []
    for path in _paths(trees, alone):
        with suppress(OSError):
            _open_up(path, sharing)
    return _lacking(sharing, trees, alone)


def lacking(sharing: Sharing, trees: Sequence[str], alone: Iterable[str] = ()) -> list[str]:
    """What there is closed to those whom the repository is for, in words; also what this very user may not look into."""
    return [*_lacking(sharing, trees, list(alone)), *_locked(trees)]


def _lacking(sharing: Sharing, trees: Sequence[str], alone: Sequence[str]) -> list[str]:
    if not sharing.bits:
        return []
    closed = [(path, now) for path, now, wanted in _modes(sharing, trees, alone) if wanted & ~now & 0o077]
    words = [
        f"{display(path)} has mode {now:04o}, and {SETTING} is {sharing.said}: other users may not use it"
        for path, now in closed[:_SHOWN]
    ]
    more = len(closed) - _SHOWN
    return [*words, f"and {counted(more, 'path')} more like it"] if more > 0 else words


def _locked(trees: Sequence[str]) -> list[str]:
    """Folders and files that this user may not read, whoever is meant to."""
    locked = [path for path in _paths(trees, ()) if not os.access(path, os.R_OK) and os.path.lexists(path)]
    return [f"{display(path)} may not be read by this user" for path in locked[:_SHOWN]]


def _modes(sharing: Sharing, trees: Sequence[str], alone: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Each path with its permissions and those that it should have."""
    for path in _paths(trees, alone):
        with suppress(OSError):  # it has gone, or its folder, which was told already, cannot be looked into
            mode = os.lstat(path).st_mode
            yield path, stat.S_IMODE(mode), sharing.mode(mode)


def _open_up(path: str, sharing: Sharing) -> None:
    """By the open file: whoever may write beside it could put a link in its place."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        there = os.fstat(handle)
        if stat.S_ISDIR(there.st_mode) or (stat.S_ISREG(there.st_mode) and there.st_nlink == 1):
            wanted = sharing.mode(there.st_mode)
            if wanted != stat.S_IMODE(there.st_mode):
                os.fchmod(handle, wanted)
    finally:
        os.close(handle)


def _paths(trees: Iterable[str], alone: Iterable[str]) -> Iterator[str]:
    """The paths that are there, folders before what lies in them."""
    for tree in trees:
        if os.path.isdir(tree):
            yield tree
        for folder, folders, names in os.walk(tree):
            folders[:] = [name for name in folders if folder != tree or name not in PRIVATE]
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            here = [] if folder in {os.path.join(tree, name) for name in _PASSING} else names
            ours = [name for name in (*folders, *here) if name not in links and not name.endswith(".tmp")]
            yield from (path for name in ours if not os.path.islink(path := os.path.join(folder, name)))
    yield from (path for path in alone if os.path.exists(path) and not os.path.islink(path))
