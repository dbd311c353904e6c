"""Copies from one folder into another: never through a symbolic link, never over what is there, and sharing blocks where that can be.

Every folder on the way is entered by itself, and only if it is one: so nothing is read outside of the one folder or written
outside of the other, whatever lies there, or is put there meanwhile. `copy_file_range` lets file systems that can (btrfs, XFS)
share the blocks of both.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SOURCE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TARGET = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_ONCE = 1 << 30
_BUFFER = 1 << 20
_GIT = ".git"


class Copier:
    """Counts what it copied, and notes what it left out and why."""

    def __init__(self, source: str, target: str) -> None:
        self._source, self._target = source, target
        self.copied = 0
        self.passed: list[tuple[str, str]] = []

    def files(self, paths: Iterable[str]) -> None:
        """Copy these files, named from the source. Raises OSError for a disk that is full."""
        with _folder(self._source) as source, _folder(self._target) as target:
            for path in paths:
                self._one(path, source, target)

    def everything(self) -> None:
        """Copy all that is in the source, but for a `.git` at its top. Raises OSError."""
        with _folder(self._source) as source, _folder(self._target) as target:
            self._tree("", source, target)

    def _one(self, path: str, source: int, target: int) -> None:
        *parents, name = path.split("/")
        opened: list[int] = []
        try:
            for part in parents:
                source, target = _entered(source, target, part)
                opened += [source, target]
            self._entry(path, name, source, target)
        except (FileExistsError, NotADirectoryError):
            self.passed.append((path, "a folder on its way is a link or a file"))
        except FileNotFoundError:
            self.passed.append((path, "it is gone"))
        finally:
            for handle in opened:
                os.close(handle)

    def _tree(self, path: str, source: int, target: int) -> None:
        for name in sorted(os.listdir(source)):
            inner = f"{path}/{name}" if path else name
            if inner == _GIT:
                continue
            if not stat.S_ISDIR(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode):
                self._entry(inner, name, source, target)
                continue
            try:
                below = _entered(source, target, name)
            except (FileExistsError, NotADirectoryError):
                self.passed.append((inner, "there is a file of that name already"))
                continue
            try:
                self._tree(inner, *below)
            finally:
                for handle in below:
                    os.close(handle)

    def _entry(self, path: str, name: str, source: int, target: int) -> None:
        kind = os.stat(name, dir_fd=source, follow_symlinks=False).st_mode
        try:
            if stat.S_ISLNK(kind):
                os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            elif stat.S_ISREG(kind):
                _file(name, source, target)
            else:
                self.passed.append((path, "it is no file"))
                return
        except FileExistsError:
            self.passed.append((path, "something is there"))
        else:
            self.copied += 1


@contextmanager
def _folder(path: str) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _entered(source: int, target: int, name: str) -> tuple[int, int]:
    """The folder of that name in both, made in the target where it is not there. Raises NotADirectoryError for anything else."""
    inner = _opened(name, source)
    try:
        mode = stat.S_IMODE(os.fstat(inner).st_mode) & 0o777 | stat.S_IRWXU
        with suppress(FileExistsError):
            os.mkdir(name, mode, dir_fd=target)
        return inner, _opened(name, target)
    except OSError:
        os.close(inner)
        raise


def _opened(name: str, above: int) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=above)
    except OSError as error:
        if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
            raise NotADirectoryError(error.errno, error.strerror, name) from error
        raise


def _file(name: str, source: int, target: int) -> None:
    """One file with its permissions and its time. What was begun is taken away when it cannot be ended."""
    read = os.open(name, _SOURCE, dir_fd=source)
    try:
        known = os.fstat(read)
        written = os.open(name, _TARGET, stat.S_IMODE(known.st_mode) & 0o777, dir_fd=target)
        try:
            _bytes(read, written)
            os.utime(written, ns=(known.st_atime_ns, known.st_mtime_ns))
        except BaseException:
            os.unlink(name, dir_fd=target)
            raise
        finally:
            os.close(written)
    finally:
        os.close(read)


def _bytes(read: int, written: int) -> None:
    try:
        while os.copy_file_range(read, written, _AT_ONCE):
            pass
    except (
        AttributeError,
        OSError,
    ):  # no such thing here, or not between these two: both stand at the same place
        pass
    while data := os.read(read, _BUFFER):
        while data:
            data = data[os.write(written, data) :]
