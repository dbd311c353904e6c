"""The entry point: the quick lane where it serves, the full command line otherwise."""

from __future__ import annotations

import os
import signal
import sys

from gitfleet.base import delivery
from gitfleet.cli import fast_args


def main() -> int:
    """Run the command line of this process; its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, every git seems to have ended with 0
    try:
        return _run()
    except KeyboardInterrupt:  # before or after the command itself, which answers in its own way
        return 130


def _run() -> int:
    for name in ("stdout", "stderr"):  # closed by the caller: there is nobody to tell
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for the rest of the process
            delivery.nobody_hears()
    arguments = sys.argv[1:]
    code = fast_args.run(arguments)
    if code is not None:
        return code
    from gitfleet.cli.app import run  # typer and rich: 100 ms

    return run(arguments)
