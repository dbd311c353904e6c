"""The entry point: the quick lane where it serves, the full command line otherwise."""

from __future__ import annotations

import os
import sys

from gitfleet.cli import quick


def main() -> int:
    """Run the command line of this process; its exit code."""
    for name in ("stdout", "stderr"):  # closed by the caller: there is nobody to tell
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for the rest of the process
    arguments = sys.argv[1:]
    code = quick.run(arguments)
    if code is not None:
        return code
    from gitfleet.cli.app import run  # typer and rich: 100 ms

    return run(arguments)
