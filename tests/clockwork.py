"""Runs a Python program on clocks that a test sets: stands in for the interpreter (see `clocks.Clock`).

`clockwork.py SETTINGS ITSELF [FLAG...] (-m MODULE | SCRIPT) [ARGUMENT...]`. The settings are read anew each time a
clock is looked at, so that time goes on while the program runs. Programs that it starts as itself have the same clocks.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import runpy
import sys
import time
from pathlib import Path
from typing import Any

BOOT = "/proc/sys/kernel/random/boot_id"
_FLAGS = {"-I", "-S", "-P"}
_wall, _gettime, _utime, _opened = time.time, time.clock_gettime, os.utime, builtins.open


def _settings() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(sys.orig_argv[3]).read_text())
    return found


def _now() -> float:
    said = _settings()
    return float(_wall() + said["wall"] if said["frozen"] is None else said["frozen"])


def _since_boot(which: int) -> float:
    return float(_gettime(which) + (_settings()["up"] if which == time.CLOCK_BOOTTIME else 0))


def _touch(path: Any, times: Any = None, **more: Any) -> None:
    """A file that is touched bears the time of this machine."""
    _utime(path, (_now(), _now()) if times is None and not more else times, **more)


def _open(file: Any, *args: Any, **more: Any) -> Any:
    """The kernel's boot id, too, is what the test says."""
    boot = _settings()["boot"] if file == BOOT else ""
    return io.BytesIO(f"{boot}\n".encode()) if boot else _opened(file, *args, **more)


def main(itself: str, rest: list[str]) -> None:
    """Become the program, on these clocks."""
    sys.executable = itself
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from gitfleet.base import identity

    boot = identity.boot_id
    changes: list[tuple[Any, str, Any]] = [
        (time, "time", _now), (time, "clock_gettime", _since_boot), (os, "utime", _touch), (builtins, "open", _open),
        (identity, "boot_id", lambda: _settings()["boot"] or boot()),
    ]  # fmt: skip
    for owner, name, changed in changes:
        setattr(owner, name, changed)
    while rest[0] in _FLAGS:
        rest = rest[1:]
    if rest[0] == "-m":
        sys.argv = rest[1:]
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = rest
        runpy.run_path(rest[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3:])
