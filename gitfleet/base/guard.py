"""Runs one program to its end, and ends all that it leaves behind. A program itself: `python -I -S guard.py`.

Its maker says on standard input, in one line of JSON, what is to be run, and keeps that open: when it closes (the maker has
been killed), or says one word more, everything is ended. So nothing of the program outlives whoever wanted it. On
standard output it answers in lines of JSON: `{"pid": …}`, now and then `{"line": …, "seconds": …}`, at last `{"end": …}`.

It stands between its maker and the program since only a parent is told of orphans: on Linux, what the program's children
leave becomes a child of this process, whatever session or group it has gone to. Elsewhere what is known of is the program's
group, and what `ps` shows below it. Nothing of gitfleet is imported: it starts in some 20 ms, and needs nothing installed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import select
import signal
import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypedDict

    class GuardOrder(TypedDict):
        """What is to be run: `limit` and `grace` in seconds, `log_limit` in bytes, `tail` in lines; `folders` that it writes to."""

        argv: list[str]
        cwd: str
        env: dict[str, str]
        limit: int
        grace: int
        log: str
        log_limit: int
        tail: int
        folders: list[str]

    class GuardEnd(TypedDict, total=False):
        """How it went; see `gates.runner`."""

        code: int | None
        why: str
        errno: int
        said: str
        left: int
        stubborn: int
        room: int
        seconds: float
        tail: list[str]
        full: bool


_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LINUX = sys.platform == "linux"
_TICK = 1.0
_STUBBORN = 10.0
"""Seconds that what cannot be ended is tried to be."""
_RECENT = 64 * 1024
_NO_ROOM = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EFBIG])


class _Kept:
    """The end of what goes by, some `most` bytes of it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = bytearray()
        self.cut = 0

    def add(self, data: bytes) -> None:
        """Take in more; now and then, since each time would be a copy of all."""
        self._kept += data
        if len(self._kept) > 2 * self._most + _RECENT:
            self.value()

    def value(self) -> bytes:
        """What there is."""
        over = max(0, len(self._kept) - self._most)
        del self._kept[:over]
        self.cut += over
        return bytes(self._kept)


class Log:
    """What the program writes: its beginning on disk at once, its end when it has ended, and a note of what lay between."""

    def __init__(self, path: str, limit: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        self._room = limit // 2
        self._rest, self._recent = _Kept(limit // 2), _Kept(_RECENT)
        self.full = False

    def add(self, data: bytes) -> None:
        """Take in what was written just now."""
        self._recent.add(data)
        now, rest = data[: self._room], data[self._room :]
        self._room -= len(now)
        self._write(now)
        self._rest.add(rest)

    def close(self) -> None:
        """Write the end, too."""
        rest = self._rest.value()
        if self._rest.cut:
            self._write(b"\n[gitfleet left out %d bytes here]\n" % self._rest.cut)
        self._write(rest)
        os.close(self._file)

    def line(self) -> str:
        """The last line."""
        lines = self._recent.value()[-4096:].rstrip(b"\r\n").replace(b"\r", b"\n").split(b"\n")
        return lines[-1].decode("utf-8", "replace")

    def tail(self, most: int) -> list[str]:
        """The last lines."""
        text = self._recent.value().decode("utf-8", "replace").removesuffix("\n")
        return text.split("\n")[-most:] if text else []

    def _write(self, data: bytes) -> None:
        try:
            while data and not self.full:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self.full = True


class Guard:
    """One program, from its start to the end of all that it left."""

    def __init__(self, spec: GuardOrder) -> None:
        self._spec = spec
        self._log = Log(spec["log"], spec["log_limit"])
        self._code: int | None = None
        self._end: GuardEnd = {
            "code": None,
            "why": "",
            "errno": 0,
            "left": 0,
            "stubborn": 0,
            "room": -1,
        }
        self._start = time.monotonic()
        self._pid = 0
        self._output, self._theirs = os.pipe()
        self._open = True
        os.set_blocking(self._output, False)
        self._wake, wakes = os.pipe()
        for handle in (self._wake, wakes):
            os.set_blocking(handle, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        self._stopped = False
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: object) -> None:
        self._stopped = True

    def run(self) -> GuardEnd:
        """Run it, and answer how that went."""
        if not self._begin():
            self._log.close()
            return self._end
        say({"pid": self._pid})
        why = self._watch()
        seconds = time.monotonic() - self._start
        self._measure()
        self._clear(float(self._spec["grace"]) if why else 1.0)
        self._drain()
        self._log.close()
        tail = self._log.tail(self._spec["tail"])
        self._end |= {
            "why": why,
            "code": self._code,
            "seconds": seconds,
            "tail": tail,
            "full": self._log.full,
        }
        return self._end

    def _begin(self) -> bool:
        spec = self._spec
        libc = ctypes.CDLL(None) if _LINUX else None
        if libc is not None:
            libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

        def die_with_us() -> None:
            if libc is not None:
                libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)

        try:
            process = subprocess.Popen(
                spec["argv"], cwd=spec["cwd"], env=spec["env"], stdin=subprocess.DEVNULL, stdout=self._theirs,
                stderr=self._theirs, start_new_session=True, preexec_fn=die_with_us,  # noqa: PLW1509 - there is one thread
            )  # fmt: skip
        except (OSError, ValueError) as error:
            self._end |= {"why": "start", "errno": getattr(error, "errno", 0) or 0, "said": str(error)}
            return False
        finally:
            os.close(self._theirs)
        process.returncode = 0  # `_reap` hears of its end, with that of everything else
        self._pid = process.pid
        return True

    def _watch(self) -> str:
        """Wait for the program's end, or for the reason to end it: `limit`, `stop`."""
        limit = self._spec["limit"]
        ends = self._start + limit if limit else None
        told = self._start
        while self._code is None:
            now = time.monotonic()
            if ends is not None and now >= ends:
                return "limit"
            left = _TICK if ends is None else min(_TICK, ends - now)
            if 0 in self._wait(left, [0]) or self._stopped:
                return "stop"
            if time.monotonic() - told >= _TICK:
                told = time.monotonic()
                self._measure()
                if not say({"line": self._log.line(), "seconds": told - self._start}):
                    return "stop"
        return ""

    def _wait(self, seconds: float, others: list[int]) -> list[int]:
        """Take in what is written and who ends, for at most so long; which of the others has something to say."""
        output = [self._output] if self._open else []
        ready = select.select([*output, self._wake, *others], [], [], max(0.0, seconds))[0]
        if self._output in ready:
            self._take()
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 4096)
        self._reap()
        return ready

    def _take(self) -> None:
        try:
            data = os.read(self._output, 1 << 16)
        except BlockingIOError:
            return
        self._open = bool(data)
        self._log.add(data)

    def _reap(self) -> bool:
        """Bury who has ended; whether there is anybody left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self._pid:
                self._code = os.waitstatus_to_exitcode(status)

    def _clear(self, grace: float) -> None:
        """End everybody: first kindly, then for good."""
        left = _below(os.getpid())
        self._end["left"] = len(left - {self._pid})
        start = time.monotonic()
        if left:
            self._signal(left, signal.SIGTERM)
        while self._reap() and time.monotonic() - start < grace:
            self._wait(0.05, [])
        while self._reap() and time.monotonic() - start < grace + _STUBBORN:
            self._signal(_below(os.getpid()), signal.SIGKILL)
            self._wait(0.02, [])
        with contextlib.suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)
        self._end["stubborn"] = len(_below(os.getpid()))

    def _signal(self, pids: set[int], number: signal.Signals) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._pid, number)
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, number)

    def _drain(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._output, 1 << 16):
                self._log.add(data)

    def _measure(self) -> None:
        """The least room, in bytes, that was seen where the program writes."""
        for folder in self._spec["folders"]:
            with contextlib.suppress(OSError):
                found = os.statvfs(folder)
                room = found.f_bavail * found.f_frsize if found.f_blocks else -1
                if found.f_files and not found.f_favail:
                    room = 0
                if room >= 0 and (self._end["room"] < 0 or room < self._end["room"]):
                    self._end["room"] = room


def say(words: Mapping[str, object]) -> bool:
    """Tell our maker; whether it listens."""
    try:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True


def _below(top: int) -> set[int]:
    """All processes below one, but for those that have ended."""
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    todo = [top]
    while todo:
        for pid in children.get(todo.pop(), ()):
            if pid not in found:
                found.add(pid)
                todo.append(pid)
    return found


def _processes() -> list[tuple[int, int]]:
    if not _LINUX:
        rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, check=False).stdout
        pairs = [row.split() for row in rows.splitlines()]
        return [(int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2]
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with (
                contextlib.suppress(OSError, ValueError, IndexError),
                open(f"/proc/{name}/stat", "rb") as file,
            ):
                state, parent = file.read().rpartition(b")")[2].split()[:2]
                if state != b"Z":
                    found.append((int(name), int(parent)))
    return found


def main() -> None:
    """Read what is to be run, run it, and say how that went."""
    said = b""
    while b"\n" not in said:
        data = os.read(0, 1 << 16)
        if not data:
            return
        said += data
    line, _, more = said.partition(b"\n")
    if not more:
        say({"end": Guard(json.loads(line)).run()})


if __name__ == "__main__":
    main()
