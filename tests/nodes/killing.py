"""A process that is killed before a line of a module of ours, whichever."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from gitfleet.fleet.fleet import Fleet


def lines_of(module: ModuleType, action: Callable[[], object], stop: int = -1) -> int:
    """Run `action`, and kill this process before the line of `module` with the number `stop`; how many lines there were."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "line":
            if count == stop:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
        return trace

    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(None)
    return count


def killed(clone: Path, module: ModuleType, action: Callable[[Fleet], object], stop: int) -> None:
    """The same in a process of its own, with a fleet of its own."""
    pid = os.fork()
    if not pid:
        try:
            with Fleet.open(str(clone)) as fleet:
                lines_of(module, lambda: action(fleet), stop)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
