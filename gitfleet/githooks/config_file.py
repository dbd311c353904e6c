"""core.hooksPath in one of the repository's own config files, changed so that it can be changed back to the byte.

Which bytes a new value makes is left to git, working on a copy; what differs is remembered as lines, and taken
out again as lines, wherever they stand by then. The file is replaced under git's own lock for it.

The lock is taken with the complete new file: a crash can leave it behind, and the next run knows it by its
content. Never touches a config file outside of the repository. One caller at a time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from gitfleet.base import clock, files
from gitfleet.codec import TEXT, Maybe, Struct, Text, field
from gitfleet.errors import LockHeld
from gitfleet.git.program import Git, failed

KEY = "core.hooksPath"
LINES: Text[str] = Text(1 << 20)
_PATIENCE = 1.0
_PAUSE = 0.02


class ConfigEdit(Struct):
    """One change that was made, or is about to be.

    `file` is relative to the common dir; `slug` names the folder of ours that `ours` is the path of; `old` and
    `new` are the lines that the file had and got; `before` is the value that the file itself gave (None: none),
    `chosen` the folder that was in force, wherever it was set (None: git's default).
    """

    file: str = field(TEXT)
    slug: str = field(TEXT)
    ours: str = field(TEXT)
    old: str = field(LINES)
    new: str = field(LINES)
    before: str | None = field(Maybe(TEXT))
    chosen: str | None = field(Maybe(TEXT))


class ConfigFile:
    """One config file of the repository. A link is followed, as git does. The file need not exist."""

    def __init__(self, git: Git, path: str) -> None:
        self._git = git
        self._path = os.path.realpath(path)
        self._copy = f"{self._path}.gitfleet"
        self._lock = f"{self._path}.lock"

    def read(self) -> bytes:
        """Its content now; b"" when there is no file."""
        return files.read(self._path) or b""

    def values(self) -> list[str]:
        """What the file itself says for core.hooksPath, as written, includes not followed."""
        return self._values(self._path)

    def value_in(self, content: bytes) -> str | None:
        """What `content` itself says for core.hooksPath, as written; None when it does not say."""
        self._write_copy(content)
        values = self._values(self._copy)
        files.remove(self._copy)
        return values[-1] if values else None

    def with_value(self, content: bytes, value: str) -> bytes:
        """`content` with core.hooksPath = `value` in force, also over what the file includes. Changes nothing."""
        self._write_copy(content)
        if self._ask("core.hooksPath", value) and self._effective() == value:
            return self._take_copy()
        self._write_copy(b"")
        self._run("core.hooksPath", value)
        gap = b"\n" if content and not content.endswith(b"\n") else b""
        return content + gap + self._take_copy()

    def without(self, content: bytes, edit: ConfigEdit) -> bytes:
        """`content` as it was before `edit`; what else changed since stays. Changes nothing."""
        old, new = os.fsencode(edit.old), os.fsencode(edit.new)
        start = content.find(new)
        if new and start >= 0 and content.count(new) == 1 and _splices(content, start, new, old):
            rest = content[start + len(new) :]
            gap = b"\n" if rest and old and not old.endswith(b"\n") else b""
            return content[:start] + old + gap + rest
        self._write_copy(content)
        self._ask("--fixed-value", "--unset-all", KEY, edit.ours)
        if edit.before is not None and not self._values(self._copy):
            self._run(KEY, edit.before)
        return self._take_copy()

    def without_sections(self, content: bytes, names: Iterable[str]) -> bytes:
        """`content` without the sections of these names (`hook.x`), however often they are there. Changes nothing."""
        self._write_copy(content)
        for name in names:
            while self._ask("--remove-section", name):
                pass
        return self._take_copy()

    def commit(self, old: bytes, new: bytes) -> bool:
        """Replace the file's content `old` by `new`. False, and no change, when it is not `old` any more.

        Raises LockHeld when another program keeps git's lock on the file for a second.
        """
        self.clean()
        files.replace(self._copy, new, mode=self._mode())
        self._acquire()
        if self.read() != old:
            files.remove(self._lock)
            return False
        os.rename(self._lock, self._path)
        files.remove(self._copy)
        files.sync_folder(os.path.dirname(self._path))
        return True

    def clean(self) -> None:
        """Take away what a crash of ours may have left behind, the lock included."""
        copy = files.read(self._copy)
        if copy is not None and files.read(self._lock) == copy:
            files.remove(self._lock)
        folder, name = os.path.split(self._copy)
        for other in os.listdir(folder):
            if other.startswith(f"{name}."):  # a copy of the copy, or git's lock on it
                files.remove(os.path.join(folder, other))
        files.remove(self._copy)

    def _acquire(self) -> None:
        end = clock.elapsed() + _PATIENCE
        while not self._try_lock():
            if clock.elapsed() > end:
                files.remove(self._copy)
                raise LockHeld(
                    f"{self._lock} exists: another program is changing that file, or died doing so.",
                    hint="If no git command is running in this clone, remove that file; then run the same command again.",
                    lock=self._lock,
                    holder="",
                )
            clock.wait(_PAUSE)

    def _try_lock(self) -> bool:
        try:
            os.link(self._copy, self._lock)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            return self._try_lock_by_writing()
        return True

    def _try_lock_by_writing(self) -> bool:
        try:
            handle = os.open(self._lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._mode())
        except FileExistsError:
            return False
        with os.fdopen(handle, "wb") as file:
            file.write(files.read(self._copy) or b"")
            file.flush()
            os.fsync(file.fileno())
        return True

    def _mode(self) -> int:
        try:
            return stat.S_IMODE(os.stat(self._path).st_mode)
        except FileNotFoundError:
            return 0o644

    def _write_copy(self, content: bytes) -> None:
        files.replace(self._copy, content, mode=self._mode())

    def _take_copy(self) -> bytes:
        content = files.read(self._copy) or b""
        files.remove(self._copy)
        return content

    def _ask(self, *arguments: str) -> bool:
        return self._git.ask("config", "--file", self._copy, *arguments).code == 0

    def _run(self, *arguments: str) -> None:
        done = self._git.ask("config", "--file", self._copy, *arguments)
        if done.code:
            raise failed(done)

    def _values(self, path: str) -> list[str]:
        done = self._git.ask("config", "--file", path, "--null", "--get-all", KEY)
        return os.fsdecode(done.stdout).split("\0")[:-1]

    def _effective(self) -> str | None:
        done = self._git.ask("config", "--file", self._copy, "--includes", "--null", "--get", KEY)
        return os.fsdecode(done.stdout).removesuffix("\0") if done.code == 0 else None


def lines_that_differ(old: bytes, new: bytes) -> tuple[str, str]:
    """The lines of `old`, and those of `new`, between what both begin and end with."""
    a, b = old.splitlines(keepends=True), new.splitlines(keepends=True)
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    before, after = a[start : len(a) - end], b[start : len(b) - end]
    return os.fsdecode(b"".join(before)), os.fsdecode(b"".join(after))


def _splices(content: bytes, start: int, new: bytes, old: bytes) -> bool:
    """Whether the lines `new` stand alone, and can go without what follows falling into another section."""
    if start and content[start - 1 : start] != b"\n":
        return False
    headers = [line for line in new.splitlines() if line.lstrip().startswith(b"[")]
    if not headers or any(line.lstrip().startswith(b"[") for line in old.splitlines()):
        return True
    rest = content[start + len(new) :].lstrip()
    return not rest or rest.startswith(b"[")
