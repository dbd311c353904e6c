"""Files that are either there whole or not at all.

Owns replacement by write-aside, fsync and rename, and turns the system's refusals (disk full, read-only, no
permission) into `LocalStorage`, which says what is unharmed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from gitfleet.base import ids
from gitfleet.errors import Blocked, LocalStorage

_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EIO: "the disk reports an error",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.ENOTDIR: "a file stands where a folder has to be",
    errno.EEXIST: "a file stands where a folder has to be",
    errno.EISDIR: "a folder stands where a file has to be",
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
            f"Could not write {path}: {_WORDS[error.errno]}. What was there is as it was.",
            hint="Make room or give permission there, then run the same command again.",
            path=path,
        ) from error


@contextmanager
def after(happened: str) -> Iterator[None]:
    """Have what fails in the body tell first what has happened before it, and stands."""
    try:
        yield
    except Blocked as error:
        raise type(error)(f"{happened} But: {error.message}", hint=error.hint, **error.facts) from error


def tryout(path: str) -> None:
    """Raise LocalStorage unless `replace` could put a file at `path` now. Leaves nothing behind.

    For what has to be written once others have agreed to something: what can fail here is tried before.
    """
    folder(os.path.dirname(path))
    with storage(path):
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        aside = f"{path}.{ids.ulid()}.tmp"
        try:
            _write(aside, b"tried out, and taken away again\n" * 8, 0o600)
        finally:
            remove(aside)


def forbidden(error: PermissionError) -> LocalStorage:
    """What an entry point says of a file that may not be read, such as one that was made with sudo."""
    path = os.fsdecode(error.filename or "a file of this clone")
    return LocalStorage(
        f"This user has no permission for {path}.",
        hint="Give it permission there (another user may have made it), then run the same command again.",
        path=path,
    )


def replace(path: str, data: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Put `data` at `path`: a reader sees the old file or the new one, also after a crash.

    Two writers at once: the last rename wins, each file whole. The folder must exist. Without `durable` a crash of
    the machine (not of the process) may lose it.
    """
    aside = f"{path}.{ids.ulid()}.tmp"
    with storage(path):
        try:
            _write(aside, data, mode, durable=durable)
            os.rename(aside, path)
            if durable:
                sync_folder(os.path.dirname(path))
        except OSError:
            remove(aside)
            raise


def create(path: str, data: bytes, *, mode: int = 0o644) -> bool:
    """Put `data` at `path` unless something is there. Answers whether it did; one of two racers wins."""
    aside = f"{path}.{ids.ulid()}.tmp"
    with storage(path):
        try:
            _write(aside, data, mode)
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


def folder(path: str, *, mode: int = 0o755) -> str:
    """Make the folder (and those above it) if need be; `path` back."""
    with storage(path):
        os.makedirs(path, mode=mode, exist_ok=True)
    return path


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


def _write(path: str, data: bytes, mode: int, *, durable: bool = True) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())
