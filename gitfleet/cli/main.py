"""The entry point."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # all of `signal`, with a table of all of them, takes a twentieth of a claim
import os
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def process() -> NoReturn:
    """Be the process of one command: run it, and end at once. To take the interpreter down in order costs a tenth of a claim."""
    if sys.argv[1:2] != ["on-host"]:  # which loads nothing of ours but what runs there
        from gitfleet.base import collecting

        collecting.seldom()
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever wrote to it, or closed it, has seen to that
            stream.flush()
    os._exit(code)


def main() -> int:
    """Run the command line of this process; its exit code."""
    _signal.signal(
        _signal.SIGCHLD, _signal.SIG_DFL
    )  # where it is ignored, every git seems to have ended with 0
    try:
        return _run()
    except KeyboardInterrupt:  # before or after the command itself, which answers in its own way
        return 130


def _run() -> int:
    for name in ("stdout", "stderr"):  # closed by the caller: there is nobody to tell
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for the rest of the process
            from gitfleet.base import delivery  # seldom

            delivery.nobody_hears()
    if sys.argv[1:2] == [
        "on-host"
    ]:  # started by another host, and for it alone: nothing of the command line is needed
        from gitfleet.onhost import __main__ as on_host

        return on_host.main(sys.argv[2:])
    if sys.argv[1:] == ["mcp"]:  # one for each agent's session: small, and soon there
        from gitfleet.cli import becoming

        becoming.server()
    from gitfleet.cli import app  # a Ctrl-C from here on is answered by `main`

    return app.run(sys.argv[1:])
