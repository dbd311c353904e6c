"""`queue process`: a runner of the merge queue in the foreground."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from gitfleet.base.stopping import SignalHandler
from gitfleet.base.text import counted
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.errors import FleetError, NewerFormat, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import queue as views
from gitfleet.fleet.views.queue import QueueProcessAnswer
from gitfleet.gates import judging
from gitfleet.mergequeue.listening import Listener
from gitfleet.mergequeue.processor import Processed, Processor

PARTIAL, QUEUED, INTERRUPTED = 21, 11, 130
_EVERY = 15.0

Watch = Annotated[bool, Option("--watch", help="Go on when nothing is left to do, until interrupted.")]


def process(watch: Watch = False) -> Reply:
    """Test what waits in the queue and land what passes, until nothing more can be done. Any number of clones may do so at once.

    Ends with 0 when all went well, 21 when entries were rejected or conflict, 11 when some wait, 130 when it was interrupted.
    """
    listener = Listener(_say, lambda line, passed: render.progress(f"{judging.took(passed)}: {line}"))
    with Fleet.open(announce=render.note) as fleet:
        runner = fleet.queue.processor(fleet.gates, listener)
        try:
            with _stopping(runner) as stopped:
                done = _watched(runner, stopped) if watch else runner.work()
        finally:
            render.progress("")
        data = views.processed(fleet, done)
        if stopped.is_set() and not watch:
            return Reply(data, ["interrupted", *_lines(done, data)], status="interrupted", code=INTERRUPTED)
        return Reply(data, _lines(done, data), code=_code(done))


def _say(text: str) -> None:
    render.progress("")
    render.note(text)


def _watched(runner: Processor, stopped: threading.Event) -> Processed:
    """Round after round, until it is stopped. What fails is said once, and tried again, later and later."""
    done, told, failed = Processed(), "", 0
    while not stopped.is_set():
        try:
            runner.work()
            told, failed = "", 0
        except (NewerFormat, UsageError):
            raise
        except FleetError as error:
            if error.message != told:
                _say(f"warning: {error.message}")
            told, failed = error.message, failed + 1
        done = done.with_(runner.done)
        stopped.wait(min(_EVERY, 2.0**failed) if failed else _EVERY)
    return done


@contextmanager
def _stopping(runner: Processor) -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM end the runner in good order: a gate that runs is ended, and its ticket given back. A second one ends it at once."""
    stopped = threading.Event()
    asked, asks = os.pipe()

    def stop(number: int, frame: object) -> None:
        del frame
        signal.signal(number, before[number])
        os.write(asks, b"!")

    def listen() -> None:
        """Apart from the handler, which may come while this thread's work holds what `stop` needs."""
        if os.read(asked, 1):
            stopped.set()
            runner.stop()

    before: dict[int, SignalHandler] = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN  # with `nohup`, say
    }
    for number in before:
        signal.signal(number, stop)
    listener = threading.Thread(target=listen, name="queue stop", daemon=True)
    listener.start()
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(asks)
        listener.join()
        os.close(asked)


def _lines(done: Processed, data: QueueProcessAnswer) -> list[str]:
    counts = [
        (len(done.landed), "landed"), (len(done.rejected), "rejected"), (len(done.conflicted), "conflicted"),
        (len(done.held), "held"), (len(data["waiting"]), "waiting"),
    ]  # fmt: skip
    idle = "nothing was decided here" if done.runs else "nothing to do"
    what = ", ".join(f"{count} {word}" for count, word in counts if count) or idle
    why = f" ({done.halted})" if done.halted else ""
    return [f"{what}; {counted(done.runs, 'gate run')}{why}"]


def _code(done: Processed) -> int:
    if done.rejected or done.conflicted:
        return PARTIAL
    return QUEUED if done.waiting else 0
