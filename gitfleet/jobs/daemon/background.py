"""A manager in the background: started, and stopped, from any other process."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base import advice, clock, files, plain_json, processes
from gitfleet.base.watching import Bell
from gitfleet.jobs.daemon import presence, requests
from gitfleet.jobs.daemon.presence import RunningManager
from gitfleet.jobs.daemon.requests import ManagerRequest
from gitfleet.jobs.errors import FleetManagerError
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.sessions.local import VARIABLE

LOG = "manager.log"
_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")
_HANDLE = 3
_PATIENCE = 60.0
_MOST = 1 << 20
_LOOK = 0.25
_NOT_OURS = frozenset([VARIABLE, "TRACEPARENT"])


class StartedManager(NamedTuple):
    """Who runs the jobs now; `ours`: it was started by this, and did not run already."""

    manager: RunningManager
    ours: bool


def start(store: JobStore, config_path: str, environ: Mapping[str, str]) -> StartedManager:
    """Start a manager that goes on without us; it runs when this comes back. Raises FleetManagerError with its own reason.

    Of several that are started at once one runs, and all get the same answer.
    """
    files.folder(store.folder, mode=0o700)
    log = os.path.join(store.folder, LOG)
    with suppress(OSError):
        if os.path.getsize(log) > _MOST:
            os.replace(log, f"{log}.1")
    env = {name: value for name, value in environ.items() if name not in _NOT_OURS}
    argv = [sys.executable, "-P", _PROGRAM, os.path.abspath(config_path), store.folder, str(_HANDLE)]
    listens, says = os.pipe()
    try:
        with files.storage(log):
            pid = processes.detach(argv, env=env, handles={_HANDLE: says}, log=log)
    except BaseException:
        os.close(listens)
        raise
    finally:
        os.close(says)
    said = _heard(listens, pid, log)
    found = presence.met(store.folder)
    if found is not None:
        return StartedManager(found, found.pid == pid)
    if "message" in said:
        raise FleetManagerError(str(said["message"]), hint=str(said.get("hint", "")))
    raise FleetManagerError(
        "The manager of the jobs here started, and ended at once.",
        hint=f"Its log says more: {advice.JOBS_LOG}.",
    )


def _heard(handle: int, pid: int, log: str) -> dict[str, object]:
    """The word of the new process. Raises FleetManagerError where none comes."""
    until, data = clock.elapsed() + _PATIENCE, b""
    with os.fdopen(handle, "rb", buffering=0) as pipe:
        while not data.endswith(b"\n"):
            left = until - clock.elapsed()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise FleetManagerError(
                    f"Process {pid}, which is to run the jobs here, has not said within {_PATIENCE:.0f} s that it does.",
                    hint=f"Look at {log}.",
                )
            part = pipe.read(1 << 16)
            if not part:
                raise FleetManagerError(
                    "The process that was to run the jobs here ended before it could say why.",
                    hint=f"Look at the end of {log}.",
                )
            data += part
    said = plain_json.load(data)
    return said if isinstance(said, dict) else {}


def stop(
    store: JobStore,
    who: RunningManager,
    request: ManagerRequest,
    *,
    patience: float | None,
    on_progress: Callable[[int], object] = lambda _: None,
) -> bool:
    """Have the manager stop, and wait until it has, at most `patience` seconds (None: for ever); whether it has.

    `on_progress` hears how many jobs still run, whenever that changes. Raises FleetManagerError where it refuses.
    """
    with suppress(FleetManagerError):  # it ended before it answered: that was the wish
        requests.ask(store.folder, who, request)
    until = None if patience is None else clock.elapsed() + patience
    told, news = -1, True
    with Bell() as bell:
        while True:
            bell.arm([store.folder, os.path.join(store.folder, "open")])
            there = presence.present(store.folder)
            if there is None or there.instance not in {who.instance, ""}:
                return True
            if until is not None and clock.elapsed() >= until:
                return False
            if news and not request.leave:
                left = sum(job.status is JobStatus.RUNNING for job in store.open_jobs())
                if left != told:
                    on_progress(left)
                told = left
            news = bell.wait(_LOOK)
