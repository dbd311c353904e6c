"""The process of a manager in the background: it tells whoever started it that it runs, or why it does not, and goes on alone."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from typing import IO

from gitfleet.errors import FleetError
from gitfleet.jobs.daemon import serving
from gitfleet.jobs.fleet_manager import WAIT, FleetManager

READY = "ready"
_MOST = 1 << 20


def main(arguments: Sequence[str]) -> int:
    """Run the jobs of the state directory `arguments[1]` by the agent files `arguments[0]`; the handle takes one line about the start."""
    config_path, state, handle = arguments
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.set_inheritable(int(handle), False)
    os.chdir("/")
    _log(os.path.join(state, "manager.log"))
    with os.fdopen(int(handle), "w", encoding="utf-8", errors="surrogateescape") as word:
        try:
            asyncio.run(_serve(config_path, state, word))
        except FleetError as error:
            _say(word, {"message": error.message, "hint": error.hint})
            return error.exit_code
        except OSError as error:
            _say(word, {"message": f"The state directory cannot be used: {error}."})
            raise
    return 0


def _log(path: str) -> None:
    """Have what no log of jobs takes kept in a file of bounded size: what Python itself complains of."""
    handler = RotatingFileHandler(path, maxBytes=_MOST, backupCount=1, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)


async def _serve(config_path: str, state: str, word: IO[str]) -> None:
    fleet = FleetManager(config_path=config_path, state_dir=state)
    await fleet.initialize()
    await fleet.start()
    await serving.until_stopped(
        fleet, limit=WAIT, reloads=True, on_ready=lambda: _say(word, {"state": READY})
    )


def _say(word: IO[str], said: dict[str, str]) -> None:
    if not word.closed:
        try:
            word.write(json.dumps(said) + "\n")
            word.close()
        except BrokenPipeError:  # nobody waits for it
            return
