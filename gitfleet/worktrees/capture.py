"""What lies in a worktree, seen without git's filters: every file, link and folder that an archive has to hold.

Owns the walk, the classification (tracked, untracked, ignored), and the list of obstacles: whatever cannot be archived
faithfully means that the worktree stays. Leaves content to `archive`. Changes nothing: no index is refreshed, and no
link is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gitfleet.base.text import counted, display
from gitfleet.git.program import Git
from gitfleet.worktrees import ignored, submodules
from gitfleet.worktrees.ignored import Size

FILE, LINK, FOLDER, PIPE = "f", "l", "d", "p"
MAX_BYTES = 1 << 30
CHANGED = 1  # where in a stamp the time of the last change to the content is, in nanoseconds


class Item(NamedTuple):
    """One thing in a tree. `mode` has the permission bits; `stamp` changes whenever the thing does."""

    kind: str
    mode: int
    size: int
    stamp: tuple[int, ...]


class Staged(NamedTuple):
    """One entry of an index. `hidden`: git was told not to look at the file (assume-unchanged, skip-worktree)."""

    mode: str
    oid: str
    stage: int
    path: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Capture:
    """What a worktree holds. `items` are to be archived, by path; `staged` is its index.

    `changed`: it holds something that is not in its HEAD. `left_out`: ignored entries that were not chosen, sockets, other
    worktrees; safe to show. `obstacles`: why it cannot be archived; then nothing may be removed. `ignored`: those of the items
    that git ignores; `everything`: all that lies there (as `walked` says).
    """

    items: Mapping[str, Item]
    staged: Sequence[Staged]
    changed: bool
    left_out: Sequence[str] = ()
    obstacles: Sequence[str] = ()
    size: int = 0
    ignored: frozenset[str] = frozenset()
    everything: Mapping[str, Item] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many files and links are to be archived."""
        return sum(item.kind in {FILE, LINK} for item in self.items.values())


@dataclass(slots=True)
class _Walk:
    """What one walk finds. Paths are relative to `top`."""

    top: str
    units: frozenset[str]
    others: frozenset[str]
    found: dict[str, tuple[Item, str]] = field(default_factory=dict)
    nested: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)


def look(git: Git, words: Sequence[str] = (ignored.SMALL,), others: frozenset[str] = frozenset()) -> Capture:
    """Everything in the worktree that `git` works in; `words` say which ignored files to take (`ignored.check`).

    `others` are folders below it (relative) that are worktrees of their own, to be passed over. Raises GitFailed where git cannot read the worktree. Costs two git processes and a walk.
    """
    staged = index(git)
    rows = [row for row in os.fsdecode(git.run(*submodules.STATUS, timeout=600)).split("\0") if row]
    units = frozenset(row[3:] for row in rows if row.startswith("!! "))
    walk = _walked(git.cwd, units, others)
    tracked = {entry.path for entry in staged}
    loose = {
        path: unit
        for path, (item, unit) in walk.found.items()
        if unit and path not in tracked and item.kind != FOLDER
    }
    sizes = _sizes(walk, loose)
    chosen = ignored.choose(sizes, words)
    empty, obstacles = _nested(walk, git, staged)
    items = {
        path: item
        for path, item in _chosen(walk, tracked, chosen).items()
        if not any(path.startswith(f"{module}/") for module in empty)
    }
    size = sum(item.size for item in items.values() if item.kind != FOLDER)
    left_out = [
        f"{display(unit)} (ignored, {counted(sizes[unit].files, 'file')}, {sizes[unit].size} bytes)"
        for unit in sorted(sizes.keys() - chosen)
    ]
    left_out += [f"{display(path)} (a socket)" for path in walk.sockets]
    left_out += [f"{display(path)} (another worktree)" for path in sorted(others)]
    left_out += [f"{display(path)} (a submodule with nothing of its own)" for path in empty]
    return Capture(
        items=items,
        staged=staged,
        changed=_changed(rows, staged, items, tracked),
        left_out=left_out,
        obstacles=[*obstacles, *_obstacles(walk, git, size)],
        size=size,
        ignored=frozenset(path for path in items if walk.found[path][1] and path not in tracked),
        everything=_everything(walk),
    )


def index(git: Git) -> list[Staged]:
    """The entries of the index, every stage of a conflict, in git's order."""
    found = []
    for row in os.fsdecode(
        git.run("-c", "core.fsmonitor=false", "ls-files", "-z", "--stage", "-v", timeout=600)
    ).split("\0"):
        if row:
            head, path = row.split("\t", 1)
            tag, mode, oid, stage = head.split(" ")
            found.append(Staged(mode, oid, int(stage), path, tag.islower() or tag in "Ss"))
    return found


def walked(top: str) -> dict[str, Item]:
    """Everything below `top`, ignored or not, by path. What cannot be read is not among it."""
    return _everything(_walked(top))


def _everything(walk: _Walk) -> dict[str, Item]:
    found = {path: item for path, (item, _) in walk.found.items()}
    return found | {path: Item("s", 0, 0, ()) for path in walk.sockets}


def _walked(top: str, units: frozenset[str] = frozenset(), others: frozenset[str] = frozenset()) -> _Walk:
    """Walk everything below `top`. What cannot be read is odd, and so is what lies on another file system."""
    walk, device = _Walk(top, units, others), os.lstat(top).st_dev
    todo = [("", "")]
    while todo:
        folder, unit = todo.pop()
        try:
            entries = sorted(os.scandir(os.path.join(walk.top, folder)), key=lambda entry: entry.name)
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if path == ".git" or path in walk.others:
                    continue
                if entry.name == ".git":
                    walk.nested.append(folder)
                    continue
                seen = entry.stat(follow_symlinks=False)
                mine = unit or next((name for name in (path, f"{path}/") if name in walk.units), "")
                kind = _note(walk, path, seen, mine)
                if kind == FOLDER and seen.st_dev == device:
                    todo.append((path, mine))
                elif kind == FOLDER:
                    walk.odd.append(f"another file system is mounted at {display(path)}")
        except OSError as error:
            walk.odd.append(f"{display(folder) or 'its folder'} cannot be read: {error.strerror}")
    return walk


def _note(walk: _Walk, path: str, seen: os.stat_result, unit: str) -> str:
    mode = seen.st_mode
    for test, kind in (
        (stat.S_ISREG, FILE),
        (stat.S_ISLNK, LINK),
        (stat.S_ISDIR, FOLDER),
        (stat.S_ISFIFO, PIPE),
    ):
        if test(mode):
            stamp = (seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns)
            walk.found[path] = Item(kind, stat.S_IMODE(mode), seen.st_size, stamp), unit
            return kind
    if stat.S_ISSOCK(mode):
        walk.sockets.append(path)
    else:
        walk.odd.append(f"{display(path)} is a device")
    return ""


def _sizes(walk: _Walk, loose: Mapping[str, str]) -> dict[str, Size]:
    sizes: dict[str, Size] = {}
    for path, unit in loose.items():
        files, size = sizes.get(unit, Size(0, 0))
        sizes[unit] = Size(files + 1, size + walk.found[path][0].size)
    return sizes


def _chosen(walk: _Walk, tracked: set[str], chosen: set[str]) -> dict[str, Item]:
    """What is taken along: all that is not ignored, the chosen of the ignored, and the folders above each."""
    items = {
        path: item
        for path, (item, unit) in walk.found.items()
        if not unit or unit in chosen or (path in tracked and item.kind != FOLDER)
    }
    for path in list(items):
        above = path.rpartition("/")[0]
        while above and above not in items:
            items[above] = walk.found[above][0]
            above = above.rpartition("/")[0]
    return items


def _changed(
    rows: Sequence[str], staged: Sequence[Staged], items: Mapping[str, Item], tracked: set[str]
) -> bool:
    """Whether there is something that HEAD does not have. Git's own word is not enough where it was told to look away."""
    if any(not row.startswith("!! ") for row in rows) or any(entry.hidden for entry in staged):
        return True
    return any(item.kind != FOLDER and path not in tracked for path, item in items.items())


def _nested(walk: _Walk, git: Git, staged: Sequence[Staged]) -> tuple[list[str], list[str]]:
    """The submodules whose files need not be archived, and what stands in the way of archiving the rest."""
    wanted = {entry.path: entry.oid for entry in staged if entry.mode == "160000" and entry.stage == 0}
    empty, obstacles = [], []
    for path in walk.nested:
        if any(path.startswith(f"{above}/") for above in walk.nested):
            continue  # the one above answers for it
        words = (
            submodules.own(git, path, wanted[path])
            if path in wanted
            else f"it contains another repository: {display(path)}"
        )
        if words:
            obstacles.append(words)
        else:
            empty.append(path)
    if (
        submodules.others(git.git_dir, [submodules.repository(walk.top, path) for path in empty])
        and not obstacles
    ):
        obstacles.append("it has repositories of submodules that are not checked out")
    return empty, obstacles


def _obstacles(walk: _Walk, git: Git, size: int) -> list[str]:
    found = list(walk.odd)
    if os.path.exists(os.path.join(git.git_dir, "index.lock")):
        found.append("its index is locked (index.lock)")
    if size > MAX_BYTES:
        found.append(f"it holds {size >> 20} MiB, which is too much to archive ({MAX_BYTES >> 20} MiB)")
    return found
