"""Files that are either there whole or not at all, for whom they are meant.

Owns replacement by write-aside, fsync and rename, and turns the system's refusals (disk full, read-only, no
permission) into `LocalStorage`, which says what is unharmed.

What is written without a mode is for whoever its folder is for: where that lets a group or others in (`git.sharing` sees to
it in a repository that is shared), so does the file, whatever the umask. What is secret gets its mode from the caller.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gitfleet.base import ids
from gitfleet.errors import FleetError, LocalStorage

_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EIO: "the disk reports an error",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.ENOTDIR: "there is a file where a folder must be",
    errno.EEXIST: "there is a file where a folder must be",
    errno.EISDIR: "there is a folder where a file must be",
    errno.EOPNOTSUPP: "this file system takes nothing new",
    errno.ENAMETOOLONG: "the name is too long for this file system",
}


@contextmanager
def storage(path: str) -> Iterator[None]:
    """Say in plain words what the system refused to do below `path`: true of that one file, whatever else happened."""
    try:
        yield
    except OSError as error:
        if error.errno not in _WORDS:
            raise
        raise LocalStorage(
            f"Could not write {path}: {_WORDS[error.errno]}. What was there is unchanged.",
            hint="Make room or give permission there, then run the same command again.",
            path=path,
        ) from error


@contextmanager
def after(happened: str) -> Iterator[None]:
    """Have what fails in the body tell first what has happened before it, and stands: that is what was changed."""
    try:
        yield
    except FleetError as error:
        raise error.again(f"{happened} But: {error.message}", unharmed="") from error


def tryout(path: str, *, durable: bool = True) -> None:
    """Raise LocalStorage unless `replace` could put a file at `path` now, `durable` or not. Leaves nothing behind.

    For what has to be written once others have agreed to something: what can fail here is tried before.
    """
    folder(os.path.dirname(path))
    with storage(path):
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        aside = f"{path}.{ids.ulid()}.tmp"
        try:
            _write(aside, b"tried out, and taken away again\n" * 8, 0o600, durable=durable)
        finally:
            remove(aside)


def may_write(folder: str) -> bool:
    """Whether this user may put something into a folder, as far as that is told without trying."""
    effective = os.access in os.supports_effective_ids
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=effective)


def forbidden(error: PermissionError) -> LocalStorage:
    """What an entry point says of a file that may not be read, such as one that was made with sudo."""
    path = os.fsdecode(error.filename or "a file of this clone")
    return LocalStorage(
        f"This user has no permission for {path}.",
        hint="Give it permission there (another user may have made it), then run the same command again.",
        path=path,
    )


def replace(
    path: str, data: bytes, *, mode: int | None = None, program: bool = False, durable: bool = True
) -> None:
    """Put `data` at `path`: a reader sees the old file or the new one, also after a crash.

    Two writers at once: the last rename wins, each file whole. The folder must exist. Without `durable` a crash of
    the machine (not of the process) may lose it. The file gets `mode` to the bit; without one it is for whoever its folder
    is for: to read and write; or, as a `program`, to read and run.
    """
    aside = f"{path}.{ids.ulid()}.tmp"
    with storage(path):
        try:
            _write(aside, data, mode, program=program, durable=durable)
            os.rename(aside, path)
            if durable:
                sync_folder(os.path.dirname(path))
        except OSError:
            remove(aside)
            raise


def create(path: str, data: bytes, *, mode: int | None = None, program: bool = False) -> bool:
    """Put `data` at `path` unless something is there. Answers whether it did; one of two racers wins. `mode`: see `replace`."""
    aside = f"{path}.{ids.ulid()}.tmp"
    with storage(path):
        try:
            _write(aside, data, mode, program=program)
            os.link(aside, path)
        except FileExistsError:
            return False
        finally:
            remove(aside)
        return True


def read(path: str) -> bytes | None:
    """The bytes at `path`, or None when nothing is there. Raises LocalStorage for a folder."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise LocalStorage(
            f"Could not read {path}: {_WORDS[errno.EISDIR]}.",
            hint="Move that folder away, then run the same command again.",
            path=path,
        ) from error


def stamp(path: str, *, follow: bool = True) -> tuple[int, ...] | None:
    """What differs once the file or folder that a path leads to has changed, its time in nanoseconds first; None where there is none.

    For comparison alone. Two changes within one tick of the file system's clock may bear the same stamp where neither makes a new file.
    Unless it is to `follow`, a link is looked at itself.
    """
    try:
        found = os.stat(path, follow_symlinks=follow)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def changed_at(path: str) -> int:
    """When the file or folder itself was last changed, in nanoseconds since 1970; 0 where there is none."""
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0


def remove(path: str) -> bool:
    """Take the file away. Answers whether it was there."""
    if not os.path.lexists(path):  # a read-only file system refuses to remove even what is not there
        return False
    with storage(path):
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        return True


def touch(path: str) -> None:
    """Have an empty file at `path` that was written to just now."""
    with storage(path):
        try:
            os.utime(path)
        except FileNotFoundError:
            create(path, b"")


def folder(path: str, *, mode: int | None = None) -> str:
    """Make the folder (and those above it) if need be; `path` back. With a `mode` it is for that alone, if it is new."""
    with storage(path):
        _make_folder(path, mode)
    return path


def _make_folder(path: str, mode: int | None) -> None:
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    if above:
        _make_folder(above, None)
    try:
        os.mkdir(path, 0o777 if mode is None else mode)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return
    except FileNotFoundError as error:
        if os.path.isdir(above or "."):  # as /proc answers
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path) from error
        raise
    if mode is None:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            follow(handle, above)
        finally:
            os.close(handle)


def follow(handle: int, above: str, *, program: bool = False) -> None:
    """Let those have the open file or folder whom the folder `above` is for, where that is shared beyond the umask."""
    there, now = os.stat(above or ".").st_mode, os.fstat(handle).st_mode
    _permit(handle, now, like(there, now, program=program))


def _permit(handle: int, now: int, wanted: int) -> None:
    if wanted != stat.S_IMODE(now):
        with suppress(PermissionError):  # a file system without modes; `git.sharing` looks whether it matters
            os.fchmod(handle, wanted)


def like(above: int, mode: int, *, program: bool = False) -> int:
    """The permissions of something new with `mode` in a folder with the mode `above`.

    Shared is a folder that hands on its group, or that the group may write to, unless everybody puts things there. Nobody
    may write to a program but its owner: whoever may write to its folder can replace it.
    """
    now = stat.S_IMODE(mode)
    if above & stat.S_ISVTX or not above & (stat.S_ISGID | stat.S_IWGRP):
        return now & ~0o022 if program else now
    if stat.S_ISDIR(mode):
        return now & 0o5700 | stat.S_IMODE(above) & 0o2077
    open_to = above & 0o066 if now & stat.S_IWUSR else above & 0o044
    return now & ~0o077 | (open_to & 0o044 | (open_to & 0o044) >> 2 if program else open_to)


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it, as both are spelled."""
    return path == folder or path.startswith(os.path.join(folder, ""))


def names(path: str) -> list[str]:
    """The names in a folder, sorted, without files that are still being written; empty when there is no folder."""
    try:
        return sorted(name for name in os.listdir(path) if not name.endswith(".tmp"))
    except (FileNotFoundError, NotADirectoryError):
        return []


def sync_folder(path: str) -> None:
    """Make renames in the folder durable, where the system can."""
    try:
        handle = os.open(path or ".", os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)


def _write(
    path: str, data: bytes, mode: int | None = None, *, program: bool = False, durable: bool = True
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    handle = os.open(path, flags, mode if mode is not None else 0o777 if program else 0o666)
    with os.fdopen(handle, "wb") as file:
        if mode is None:
            follow(handle, os.path.dirname(path), program=program)
        else:
            _permit(handle, os.fstat(handle).st_mode, mode)  # what the umask took from it
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())
