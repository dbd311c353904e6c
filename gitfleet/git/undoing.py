"""Putting a worktree back after git was stopped in the middle of changing it, without a note by which git itself could.

A filter that fails, a hook that refuses the new commit, a ref that is locked, a killed git: each leaves new files below the
old HEAD. Only what git wrote is taken away or overwritten, and the caller is told where that is not all. Leaves to `merging`
what git has a note of (`merge --abort`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from gitfleet.base import files, ids
from gitfleet.git.program import Git, nul_ended

_TIME = 1800.0
_KEPT = "gitfleet-filtered."


class PathChange(NamedTuple):
    """One path: `letter` is A, M, D or T; `gitlink` whether it is a submodule on either side; `oid` what it is then."""

    path: str
    letter: str
    gitlink: bool
    oid: str


class Kept:
    """Files that git may not be able to write again (see `filters`), as they are before a change, beside git's own files for it."""

    def __init__(self, here: Git, paths: Iterable[str]) -> None:
        """Keep a copy of each of the paths that is a file. Raises LocalStorage; then nothing is kept."""
        self._top = here.cwd
        self._folder = os.path.join(here.git_dir, f"{_KEPT}{ids.ulid()}")
        self.copies: dict[str, str] = {}
        try:
            for number, path in enumerate(paths):
                self._keep(path, os.path.join(self._folder, str(number)))
        except BaseException:
            self.drop()
            raise

    def _keep(self, path: str, aside: str) -> None:
        place = os.path.join(self._top, path)
        if os.path.isfile(place) and not os.path.islink(place):
            files.folder(self._folder, mode=0o700)
            with files.storage(aside):
                shutil.copy2(place, aside)
            self.copies[path] = aside

    def same(self, path: str) -> bool:
        """Whether the file is there as it was kept."""
        place, aside = os.path.join(self._top, path), self.copies.get(path)
        if aside is None or os.path.islink(place) or not os.path.isfile(place):
            return False
        return os.stat(place).st_size == os.stat(aside).st_size and files.read(place) == files.read(aside)

    def bring_back(self, path: str) -> None:
        """Put the file back as it was; what stands there is replaced."""
        place = os.path.join(self._top, path)
        files.folder(os.path.dirname(place))
        beside = f"{place}.{ids.ulid()}.tmp"
        with files.storage(place):
            shutil.copy2(self.copies[path], beside)
            os.replace(beside, place)

    def drop(self) -> None:
        """Let the copies go."""
        shutil.rmtree(self._folder, ignore_errors=True)


def sweep(git_dir: str) -> None:
    """Take away copies that somebody who died has left; the caller holds the worktrees' lock."""
    for name in files.names(git_dir):
        if name.startswith(_KEPT):
            shutil.rmtree(os.path.join(git_dir, name), ignore_errors=True)


@contextmanager
def index_aside(git: Git, data: bytes | None = None) -> Iterator[dict[str, str]]:
    """The environment in which git uses another index than the worktree's, with this content at first; gone at the end."""
    path = os.path.join(git.git_dir, f"gitfleet-index.{ids.ulid()}")
    try:
        if data is not None:
            files.replace(path, data)
        yield {"GIT_INDEX_FILE": path}
    finally:
        files.remove(path)


def put_back(here: Git, index: bytes | None, moved: Sequence[PathChange], kept: Kept) -> bool:
    """Undo what was begun of the change `moved`; whether all is as it was. `index` is the whole index from before.

    Nothing of what `moved` names may have been changed or in the way before. Raises GitFailed, LocalStorage.
    """
    path = os.path.join(here.git_dir, "index")
    if os.path.lexists(f"{path}.lock"):
        return not _touched(here, moved, kept)
    if index is not None and files.read(path) != index:
        files.replace(path, index)
    touched = _touched(here, moved, kept)
    added = {change.path for change in touched if change.letter == "A"}
    ours = written(here, {change.path: change.oid for change in touched})
    for name in added & set(ours):
        _remove(here.cwd, name)
    again = [change.path for change in touched if change.letter != "A"]
    again = [name for name in again if name in ours or not stands(here.cwd, name)]
    for name in [name for name in again if name in kept.copies]:
        kept.bring_back(name)
        again.remove(name)
    if again:
        here.ask("checkout-index", "--force", "-z", "--stdin", data=nul_ended(again), timeout=_TIME)
    return not (touched and _touched(here, moved, kept))


def _touched(here: Git, moved: Sequence[PathChange], kept: Kept) -> list[PathChange]:
    """What of the change is there already: new files, and files that are not those of the index or were kept.

    The index itself stays to the byte: what it knows of the files is brought up to date in a copy.
    """
    quick = ("-c", "core.splitIndex=false", "-c", "core.fsmonitor=false")
    with index_aside(here, files.read(os.path.join(here.git_dir, "index")) or b"") as env:
        here.ask(*quick, "update-index", "-q", "--refresh", env=env, timeout=_TIME)
        differ = ("diff-files", "--name-only", "-z", "--ignore-submodules=all")
        others = set(os.fsdecode(here.run(*quick, *differ, env=env, timeout=_TIME)).split("\0"))
    return [
        change
        for change in moved
        if (
            stands(here.cwd, change.path) and not change.gitlink
            if change.letter == "A"
            else change.path in others and not kept.same(change.path)
        )
    ]


def written(here: Git, wanted: dict[str, str]) -> list[str]:
    """Those of the paths at which just the wanted blob stands."""
    there = [name for name in wanted if stands(here.cwd, name)]
    return [name for name, oid in hashed(here, there).items() if wanted[name] == oid]


def hashed(here: Git, names: Sequence[str]) -> dict[str, str]:
    """The blob that each file would be committed as; without those that cannot be told."""
    links = [name for name in names if os.path.islink(os.path.join(here.cwd, name))]
    found = {
        name: _line(here, "--stdin", os.fsencode(os.readlink(os.path.join(here.cwd, name)))) for name in links
    }
    plain = [name for name in names if name not in found and "\n" not in name]
    data = b"".join(os.fsencode(name) + b"\n" for name in plain)
    oids = _line(here, "--stdin-paths", data).split("\n") if plain else []
    if len(oids) != len(plain):  # a filter failed for one of them
        oids = [_line(here, "--stdin-paths", os.fsencode(name) + b"\n") for name in plain]
    return found | dict(zip(plain, oids, strict=True))


def _line(here: Git, source: str, data: bytes) -> str:
    done = here.ask("hash-object", source, data=data, timeout=_TIME)
    return done.stdout.decode("ascii", "replace").strip() if done.code == 0 else ""


def stands(top: str, name: str) -> bool:
    where = os.path.join(top, name)
    return os.path.islink(where) or os.path.isfile(where)


def _remove(top: str, path: str) -> None:
    """Remove a file, and the folders above it that are empty then."""
    os.unlink(os.path.join(top, path))
    with suppress(OSError):
        while "/" in path:
            path = path.rpartition("/")[0]
            os.rmdir(os.path.join(top, path))
