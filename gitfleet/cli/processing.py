"""`queue process`: a runner of the merge queue in the foreground."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from gitfleet.base.text import counted
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.errors import HubError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import queue as views
from gitfleet.fleet.views.queue import QueueProcessAnswer
from gitfleet.gates import judging
from gitfleet.mergequeue.listening import Listener
from gitfleet.mergequeue.processor import Processed, Processor

PARTIAL, QUEUED = 21, 11
_EVERY = 15.0

Watch = Annotated[bool, Option("--watch", help="Go on when nothing is left to do, until interrupted.")]


def process(watch: Watch = False) -> Reply:
    """Test what waits in the queue and land what passes, until nothing more can be done. Any number of clones may do so at once.

    Ends with 0 when all went well, 21 when entries were rejected or conflict, 11 when some wait.
    """
    listener = Listener(_say, lambda line, passed: render.progress(f"{judging.took(passed)}: {line}"))
    with Fleet.open(announce=render.note) as fleet:
        runner = fleet.queue.processor(fleet.gates, listener)
        with _stopping(runner) as stopped:
            try:
                done = runner.work()
                while watch and not stopped.wait(_EVERY):
                    done = _next(runner, done)
            finally:
                render.progress("")
        data = views.processed(fleet, done)
        return Reply(data, _lines(done, data), code=_code(done))


def _say(text: str) -> None:
    render.progress("")
    render.note(text)


def _next(runner: Processor, before: Processed) -> Processed:
    """One more round, after a look at the hub. What fails is said, and tried again at the next one."""
    try:
        return before.with_(runner.work())
    except HubError as error:
        _say(f"warning: {error.message}")
        return before


@contextmanager
def _stopping(runner: Processor) -> Iterator[threading.Event]:
    """SIGTERM ends the runner in good order: a gate that runs is ended, and its ticket given back."""
    stopped = threading.Event()

    def stop(number: int, frame: object) -> None:
        del number, frame
        stopped.set()
        runner.stop()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGTERM, before)


def _lines(done: Processed, data: QueueProcessAnswer) -> list[str]:
    counts = [
        (len(done.landed), "landed"), (len(done.rejected), "rejected"), (len(done.conflicted), "conflicted"),
        (len(done.held), "held"), (len(data["waiting"]), "waiting"),
    ]  # fmt: skip
    what = ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing to do"
    why = f" ({done.halted})" if done.halted else ""
    return [f"{what}; {counted(done.runs, 'gate run')}{why}"]


def _code(done: Processed) -> int:
    if done.rejected or done.conflicted:
        return PARTIAL
    return QUEUED if done.waiting else 0
