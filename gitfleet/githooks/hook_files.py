"""One hooks folder: our scripts into it and out again, and nobody's hook lost, run twice, or left out meanwhile.

The hook that stood at our place is kept, under its own name, in a folder beside that hooks folder: at the same
depth, so that relative links still lead where they led, and with links to what lies beside it, so that a script
finds its neighbours by `$0`. Each step is one rename or link, after which git still runs what the user wants run;
whatever state a crash leaves behind, settling or clearing once more ends where it should.

Other tools move our script: pre-commit and prek to `<hook>.legacy`, which they go on running, lefthook to `<hook>.old`,
which it does not. Hence three positions for each hook. Where the script of such a framework stands in front,
ours is at home in `<hook>.legacy`, so that both installers can be run again in any order.

Leaves which folder git looks into to `hooks_path`, and what the scripts do to themselves. One caller at a time.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping

from gitfleet.base import files
from gitfleet.codec import Struct
from gitfleet.errors import LocalStorage
from gitfleet.githooks import shims
from gitfleet.githooks.shims import GATED, ON_HUBS, OPTIONAL

_POSITIONS = ("", ".legacy", ".old")
_OURS = (*GATED, *OPTIONAL, *ON_HUBS)


class HooksFolder(Struct):
    """`folder` is where git looks, `before` where displaced hooks are kept, `staging` for files half written.

    All three must be on one file system. `known` are the fingerprints of the texts that were ever ours.
    """

    folder: str
    before: str
    staging: str
    known: frozenset[str]

    def look(self, position: str) -> shims.HookFile:
        """What stands at a position in the folder (`pre-commit`, `pre-commit.legacy`)."""
        return shims.look(os.path.join(self.folder, position), self.known)

    def home(self, hook: str) -> str:
        """The position at which our script for `hook` belongs, as things stand."""
        return f"{hook}.legacy" if self.look(hook).maker in shims.FRAMEWORKS else hook

    def kept(self, hook: str) -> str:
        """Where the hook that our script runs first is kept, if there is one."""
        return os.path.join(self.before, hook)

    def ours(self, hook: str) -> list[str]:
        """The positions at which an unchanged script of ours for `hook` stands, the front one first."""
        positions = [hook + suffix for suffix in _POSITIONS]
        return [position for position in positions if self.look(position).kind == "ours"]


def settle(place: HooksFolder, texts: Mapping[str, bytes]) -> list[str]:
    """Put our scripts in, keeping what stood there. Answers what people should be told; changes nothing if all is well."""
    notes: list[str] = []
    for hook, text in texts.items():
        notes += _settle(place, hook, text)
    _link_neighbours(place)
    return notes


def build(place: HooksFolder, texts: Mapping[str, bytes], paper: str, line: bytes) -> None:
    """Make a folder of scripts that is all ours, with the file `paper` that holds `line`; there whole or not at all."""
    staged = os.path.join(place.staging, "folder")
    from shutil import rmtree  # 2 ms, of no use to who looks

    rmtree(staged, ignore_errors=True)
    files.folder(staged)
    files.create(os.path.join(staged, paper), line)
    for hook, text in texts.items():
        files.create(os.path.join(staged, hook), text, program=True)
    files.folder(os.path.dirname(place.folder))
    os.rename(staged, place.folder)
    files.sync_folder(os.path.dirname(place.folder))


def _settle(place: HooksFolder, hook: str, text: bytes) -> list[str]:
    home = place.home(hook)
    path = os.path.join(place.folder, home)
    notes: list[str] = []
    found = place.look(home)
    if found.kind == "closed":
        raise LocalStorage(
            f"{path} cannot be read by this user, so gitfleet cannot tell whose hook it is. It was left as it is.",
            hint="Whoever made it: run `gitfleet init` here, after `git config core.sharedRepository group` where others work too.",
            path=path,
        )
    if found.kind == "folder":
        return [f"{path} is a folder: the {hook} gate does not run"]
    if found.kind == "edited":
        notes.append(_set_aside(place, path, f"{hook}.edited"))
    elif found.kind == "foreign":
        notes += _make_room(place, hook, home, found)
        _keep(path, place.kept(hook))
    if files.read(path) != text or not _runs(place, path):
        _put(place, path, text)
    for position in place.ours(hook):
        if position != home:
            files.remove(os.path.join(place.folder, position))
    return notes


def _runs(place: HooksFolder, path: str) -> bool:
    """Whether a script of ours may be run by all whom our own folder is for."""
    mode = os.stat(path).st_mode
    wanted = files.like(os.stat(os.path.dirname(place.staging)).st_mode, mode, program=True)
    return bool(mode & stat.S_IXUSR) and wanted & ~mode & 0o077 == 0


def _make_room(place: HooksFolder, hook: str, home: str, newcomer: shims.HookFile) -> list[str]:
    """Another tool took our place; decide what becomes of the hook that ours ran first until then."""
    path, kept, notes = os.path.join(place.folder, home), place.kept(hook), []
    if os.path.lexists(kept) and not _same(kept, path):
        moved = [position for position in place.ours(hook) if position != home]
        if _written_anew(place, hook, newcomer):
            files.remove(kept)
        elif moved:
            target = os.path.join(place.folder, moved[0])
            os.rename(kept, target)
            notes.append(
                f"{newcomer.maker or 'another tool'} replaced the {hook} hook; the old one is {target}"
            )
        else:
            aside = _free(place, f"{hook}.replaced")
            os.rename(kept, aside)
            notes.append(f"the {hook} hook was replaced; the old one is kept as {aside} and no longer runs")
    if newcomer.maker == shims.LEFTHOOK:
        _keep_backup(place, hook)
    return notes


def _written_anew(place: HooksFolder, hook: str, newcomer: shims.HookFile) -> bool:
    """Whether the kept hook is a former script of the very tool that made the newcomer: nothing of the user's."""
    return bool(newcomer.maker) and shims.look(place.kept(hook), place.known).maker == newcomer.maker


def _keep_backup(place: HooksFolder, hook: str) -> None:
    """Lefthook would overwrite its backup of the user's hook with our script, the next time it is installed."""
    backup = os.path.join(place.folder, f"{hook}.old")
    kept = place.kept(f"{hook}.old")
    if place.look(f"{hook}.old").kind == "foreign" and not os.path.lexists(kept):
        files.folder(place.before)
        os.rename(backup, kept)


def give_back(place: HooksFolder, hooks: Iterable[str]) -> list[str]:
    """Take out our scripts for `hooks` alone, where others of ours stay; `settle` follows. Answers what was set aside."""
    there = [h for h in hooks if os.path.lexists(place.kept(h)) or place.look(h).kind in {"ours", "edited"}]
    if not there:  # nothing to do means nothing is written
        return []
    notes = [note for hook in there for note in _clear(place, hook)]
    _unlink_neighbours(place)
    remove_if_empty(place.before)
    return notes


def clear(place: HooksFolder, hooks: Iterable[str]) -> list[str]:
    """Take our scripts out, giving back what stood there. Answers what was left, and why."""
    notes: list[str] = []
    for hook in hooks:
        notes += _clear(place, hook)
    _unlink_neighbours(place)
    return notes + _left(place, notes)


def _clear(place: HooksFolder, hook: str) -> list[str]:
    notes: list[str] = []
    ours = place.ours(hook)
    for suffix in _POSITIONS:
        if place.look(hook + suffix).kind == "edited":
            path = os.path.join(place.folder, hook + suffix)
            notes.append(_set_aside(place, path, f"{hook}.edited"))
            ours.append(hook + suffix)
    front, kept = os.path.join(place.folder, hook), place.kept(hook)
    if os.path.lexists(kept):
        if hook not in ours and _written_anew(place, hook, place.look(hook)):
            files.remove(kept)
        elif ours:
            os.rename(kept, os.path.join(place.folder, ours.pop(0)))
        elif not os.path.lexists(front):
            os.rename(kept, front)
        elif _same(kept, front):
            files.remove(kept)
    for position in ours:
        files.remove(os.path.join(place.folder, position))
    backup = os.path.join(place.folder, f"{hook}.old")
    if os.path.lexists(place.kept(f"{hook}.old")) and not os.path.lexists(backup):
        os.rename(place.kept(f"{hook}.old"), backup)
    return notes


def dissolve(place: HooksFolder, paper: str) -> list[str]:
    """Remove a folder that is all ours, `paper` included; what others put there is kept. Answers what was left."""
    notes: list[str] = []
    for name in sorted(os.listdir(place.folder)):
        path = os.path.join(place.folder, name)
        if name == paper or name.endswith(".tmp") or place.look(name).kind == "ours":
            files.remove(path)
        else:
            aside = _free(place, name)
            os.rename(path, aside)
            notes.append(f"{path} was not put there by gitfleet; it is kept as {aside}")
    remove_if_empty(place.folder)
    return notes + _left(place, notes)


def _left(place: HooksFolder, notes: list[str]) -> list[str]:
    """Remove the folder of kept hooks; what is still in it and was not spoken of."""
    if remove_if_empty(place.before):
        return []
    left = [os.path.join(place.before, name) for name in sorted(os.listdir(place.before))]
    return [f"left: {path}" for path in left if not any(path in note for note in notes)]


def _put(place: HooksFolder, path: str, text: bytes) -> None:
    staged = os.path.join(files.folder(place.staging), "script")
    files.replace(staged, text, program=True)
    os.rename(staged, path)
    files.sync_folder(place.folder)


def _keep(path: str, kept: str) -> None:
    """A second name for the hook at `path`; the file itself where the file system can, else an equal one."""
    if os.path.lexists(kept):
        return
    files.folder(os.path.dirname(kept))
    if os.path.islink(path):
        os.symlink(os.readlink(path), kept)
        return
    try:
        os.link(path, kept)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise
        files.replace(kept, files.read(path) or b"", mode=stat.S_IMODE(os.stat(path).st_mode))


def _set_aside(place: HooksFolder, path: str, name: str) -> str:
    """Keep a script of ours that somebody edited; answers the note about it."""
    aside = _free(place, name)
    _keep(path, aside)
    return f"{path} was edited since gitfleet put it there; the edited script is kept as {aside} and no longer runs"


def _free(place: HooksFolder, name: str) -> str:
    files.folder(place.before)
    count, path = 1, os.path.join(place.before, name)
    while os.path.lexists(path):
        count += 1
        path = os.path.join(place.before, f"{name}.{count}")
    return path


def _same(one: str, other: str) -> bool:
    if os.path.islink(one) or os.path.islink(other):
        return os.path.islink(one) and os.path.islink(other) and os.readlink(one) == os.readlink(other)
    if os.path.isdir(one) or os.path.isdir(other):
        return False
    equal_modes = stat.S_IMODE(os.stat(one).st_mode) == stat.S_IMODE(os.stat(other).st_mode)
    return os.path.samefile(one, other) or (equal_modes and files.read(one) == files.read(other))


# Links, in the folder of kept hooks, to what lay beside them.


def _link_neighbours(place: HooksFolder) -> None:
    _unlink_neighbours(place, stale=True)
    if os.path.dirname(place.folder) != os.path.dirname(place.before):
        return
    if not any(os.path.lexists(place.kept(hook)) for hook in _OURS):
        return
    gated = {hook + suffix for hook in _OURS for suffix in _POSITIONS}
    for name in sorted(os.listdir(place.folder)):
        link = os.path.join(place.before, name)
        if name not in gated and not name.endswith(".sample") and not os.path.lexists(link):
            os.symlink(_neighbour(place, name), link)


def _unlink_neighbours(place: HooksFolder, *, stale: bool = False) -> None:
    for name in files.names(place.before):
        link = os.path.join(place.before, name)
        ours = os.path.islink(link) and os.readlink(link) == _neighbour(place, name)
        if ours and not (stale and os.path.exists(link)):
            files.remove(link)


def _neighbour(place: HooksFolder, name: str) -> str:
    return os.path.join(os.pardir, os.path.basename(place.folder), name)


def remove_if_empty(folder: str) -> bool:
    """Take an empty folder away; answers whether there is no such folder afterwards."""
    if not os.path.lexists(folder):  # a read-only file system refuses even that
        return True
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
