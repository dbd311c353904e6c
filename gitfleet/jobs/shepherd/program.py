"""The shepherd as a process: its lock, its signals, its files."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Sequence

from gitfleet.codec import Broken
from gitfleet.jobs.shepherd import endings, records
from gitfleet.jobs.shepherd.attempt import WatchedAttempt
from gitfleet.jobs.shepherd.records import Spec
from gitfleet.jobs.streams.writer import StreamWriter


def main(arguments: Sequence[str]) -> int:
    """Watch over the attempt in `arguments[0]`: 0 once its end is written down, 1 when it could not be, 2 when it is not ours."""
    folder = arguments[0]
    if len(arguments) > 1:
        os.set_inheritable(int(arguments[1]), False)  # the lock is ours alone: no agent may hold it
    elif not _locked(folder):
        return 2
    try:
        spec = records.load(Spec, folder, records.SPEC)
    except (OSError, ValueError) as error:
        return _refuse(folder, f"the spec could not be read: {_said(error)}")
    if spec is None:
        return _refuse(folder, "there is no spec")
    os.chdir("/")
    endings.reserve(folder)
    try:
        with StreamWriter(os.path.join(folder, records.STREAM)) as writer:
            attempt = WatchedAttempt(folder, spec, writer, _bell())
            _listen(attempt)
            end = attempt.run()
    except OSError as error:
        return _refuse(folder, f"the attempt could not be begun: {_said(error)}")
    return 0 if endings.write(folder, end) else 1


def _bell() -> int:
    """A pipe that can be read from when a signal has come."""
    inner, outer = os.pipe()
    for handle in (inner, outer):
        os.set_blocking(handle, False)
    signal.set_wakeup_fd(outer, warn_on_full_buffer=False)
    return inner


def _listen(attempt: WatchedAttempt) -> None:
    def asked(number: int, frame: object) -> None:
        del number, frame
        attempt.asked = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)

    def answered(number: int, frame: object) -> None:
        del number, frame
        attempt.answered = True

    signal.signal(signal.SIGHUP, answered)
    # a handler, since what is ignored would be so in the agent as well
    signal.signal(signal.SIGCHLD, lambda number, frame: None)


def _locked(folder: str) -> bool:
    """Take the attempt's lock, for as long as we live."""
    handle = os.open(os.path.join(folder, records.LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _refuse(folder: str, error: str) -> int:
    return 0 if endings.write(folder, endings.never_ran("start_failed", error)) else 1


def _said(error: Exception) -> str:
    return error.reason if isinstance(error, Broken) else getattr(error, "strerror", None) or str(error)
