"""Which manager runs the jobs of a state directory. Whether one does is decided by the lock; who it is, is written beside it.

lock          held by the manager for as long as it runs
manager.json  which process it is, since when, and by which agent files
manager.pid   its process id, for people; nothing goes by it
"""

from __future__ import annotations

import os

from gitfleet.base import clock, files, identity, ids, statefile
from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.locks import NodeLock
from gitfleet.base.statefile import PROCESS
from gitfleet.codec import TEXT, WHOLE, Struct, Text, field
from gitfleet.jobs.errors import FleetManagerError

RECORD, PID, LOCK = "manager.json", "manager.pid", "lock"
_PATIENCE, _LOOK = 10.0, 0.01
_LONG: Text[str] = Text(1 << 16)


class RunningManager(Struct):
    """`instance` is another for each start; "" for one that is about to begin or to end. `since` in milliseconds since 1970."""

    instance: str = field(TEXT, default="")
    process: ProcessIdentity | None = field(PROCESS, default=None)
    since: int = field(WHOLE, default=0)
    config_path: str = field(_LONG, default="")

    @property
    def pid(self) -> int:
        """Its process id; 0 where it is not known."""
        return self.process.pid if self.process else 0

    @property
    def words(self) -> str:
        """Who it is, for people."""
        return f"process {self.pid}" if self.process else "another process"


def lock(state: str) -> NodeLock:
    """The lock of the manager of the state directory."""
    return NodeLock(os.path.join(state, LOCK))


def announce(state: str, config_path: str) -> RunningManager:
    """Write down that this process runs the jobs here; its lock is held. Raises LocalStorage."""
    pid = os.getpid()
    found = RunningManager(ids.ulid(), identity.identify(pid), clock.milliseconds(), config_path)
    statefile.save(os.path.join(state, RECORD), found, mode=0o600, durable=False)
    files.replace(os.path.join(state, PID), f"{pid}\n".encode(), mode=0o600, durable=False)
    return found


def left(state: str) -> RunningManager | None:
    """The manager before, where it was killed; the lock is held by its successor."""
    return statefile.load(RunningManager, os.path.join(state, RECORD))


def withdraw(state: str) -> None:
    """Take that away; the lock is still held."""
    for name in (PID, RECORD):
        files.remove(os.path.join(state, name))


def met(state: str) -> RunningManager | None:
    """The same as `present`; one that is about to begin or to end is waited for. Raises FleetManagerError where it stays unknown."""
    until = clock.elapsed() + _PATIENCE
    while (there := present(state)) is not None and not there.instance:
        if clock.elapsed() >= until:
            raise FleetManagerError(
                f"Something has the lock of the jobs in {state}, and does not say who it is: {lock(state).holder()}.",
                hint="Let that process go on, or end it.",
            )
        clock.wait(_LOOK)
    return there


def present(state: str) -> RunningManager | None:
    """The manager that runs the jobs here now; None where none does."""
    if not lock(state).taken():
        return None
    found = statefile.load(RunningManager, os.path.join(state, RECORD)) or RunningManager()
    dead = (
        found.process is not None and identity.state(found.process) == "dead"
    )  # its last thread is about to end
    return None if dead else found
