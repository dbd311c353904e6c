"""A /proc made of files, for what no real process can be made to show here."""

from __future__ import annotations

import os
from pathlib import Path

from gitfleet.onhost import procfs


class FakeProc:
    """A folder that reads like /proc."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._file("sys/kernel/random/boot_id", "boot-1\n")
        self._file("uptime", "1000.00 2000.00\n")
        self._file("net/tcp", "  sl  local_address rem_address   st\n")
        self.process(1, name="systemd", uid=0)

    def _file(self, name: str, text: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else os.fsencode(text))

    def process(
        self, pid: int, *, name: str = "sleep", ppid: int = 0, uid: int | None = None, environ: bytes = b"A=1\0",
        state: str = "S", start: int = 100, cgroup: str = "0::/\n", flags: int = 0,
    ) -> None:  # fmt: skip
        """A process with one thread, without files."""
        owner = os.getuid() if uid is None else uid
        fields = [state, ppid, pid, pid, 0, -1, flags, 0, 0, 0, 0, 7, 3, 0, 0, 20, 0, 1, 0, start, 0, 5]
        self._file(f"{pid}/stat", f"{pid} ({name}) {' '.join(map(str, fields))}\n")
        self._file(
            f"{pid}/status", f"Name:\tx\nUid:\t{owner}\t{owner}\t{owner}\t{owner}\nVmSwap:\t   12 kB\n"
        )
        self._file(f"{pid}/cmdline", f"{name}\0".encode())
        self._file(f"{pid}/environ", environ)
        self._file(f"{pid}/io", "rchar: 10\nwchar: 20\n")
        self._file(f"{pid}/cgroup", cgroup)
        for folder in ("fd", f"task/{pid}", "ns"):
            (self.root / str(pid) / folder).mkdir(parents=True, exist_ok=True)
        for link, target in (("exe", "/bin/sh"), ("cwd", "/"), ("ns/pid", "pid:[1]"), ("ns/mnt", "mnt:[2]")):
            path = self.root / str(pid) / link
            if not path.is_symlink():
                path.symlink_to(target)

    def without(self, pid: int, name: str) -> None:
        """Take a file of a process away."""
        (self.root / str(pid) / name).unlink()


def made(root: Path) -> FakeProc:
    """One with init alone; to be had by `procfs.Folder` and everything above it."""
    assert str(root) != procfs.PROC
    return FakeProc(root)
