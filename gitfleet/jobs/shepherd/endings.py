"""How an attempt ended, judged and written down: the last thing that a shepherd does."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from gitfleet.base import clock
from gitfleet.codec import replace
from gitfleet.jobs.adapters.results import AgentExit, AgentResult
from gitfleet.jobs.shepherd import records
from gitfleet.jobs.shepherd.records import EndRecord
from gitfleet.jobs.words import AttemptOutcome, EndCause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gitfleet.jobs.adapters.protocol import Adapter

_RESERVED = 16 * 1024
_TRIES, _PAUSE = 120, 1.0
"""A disk that takes no end record is asked again for two minutes; after that the free lock says that the attempt was interrupted."""
_OUTCOMES = {
    EndCause.WALL: AttemptOutcome.TIMEOUT,
    EndCause.IDLE: AttemptOutcome.STALLED,
    EndCause.HANDSHAKE: AttemptOutcome.STALLED,
    EndCause.BUDGET: AttemptOutcome.BUDGET,
    EndCause.DISK: AttemptOutcome.FAILED,
    EndCause.CANCELLED: AttemptOutcome.CANCELLED,
    EndCause.TERMINATED: AttemptOutcome.INTERRUPTED,
    EndCause.START_FAILED: AttemptOutcome.FAILED,
    EndCause.FENCED: AttemptOutcome.INTERRUPTED,
}
_LIMITS = (EndCause.WALL, EndCause.IDLE, EndCause.AFTER_RESULT)


def judged(
    why: str, adapter: Adapter, status: int, *, waited: bool = False
) -> tuple[str, AgentResult, AgentExit]:
    """What came of an attempt: its outcome, the adapter's reading, and how the process ended by its wait `status`.

    An agent that had given its result before one of our limits ended it is judged by its result. `waited`: it waited for a person
    when it was stopped; if nobody came in all its time, that is the outcome.
    """
    code = os.waitstatus_to_exitcode(status)
    ended = AgentExit(code if code >= 0 else None, -code if code < 0 else None, stopped=why)
    if why in _LIMITS and adapter.finished:
        result = adapter.result(AgentExit(0))
        return result.outcome, result, ended
    result = adapter.result(AgentExit(ended.code, ended.signal) if why == EndCause.EXITED else ended)
    if why == EndCause.WALL and waited:
        return str(AttemptOutcome.NEEDS_INPUT), result, ended
    return str(_OUTCOMES.get(EndCause(why), result.outcome)), result, ended


def unprepared(said: str) -> str:
    """Why an agent never ran that something was to be made ready for, by the last lines of that."""
    return f"what `setup` asks for failed, and the agent was not started: {said or 'it was killed'}"


def reserve(folder: str) -> None:
    """Keep room on the disk for the end record."""
    with suppress(OSError), open(os.path.join(folder, records.RESERVE), "xb") as file:
        file.write(bytes(_RESERVED))


def write(folder: str, end: EndRecord, *, wait: Callable[[float], object] = time.sleep) -> bool:
    """Write the end record, in one piece; on a full disk into the room that was kept, shortened, and again for a while. Whether it is there.

    Where the folder is gone, nobody is to read it.
    """
    path = os.path.join(folder, records.RESERVE)
    for turn in range(_TRIES):
        try:
            records.save(folder, records.END, end, durable=True)
        except OSError:
            if not os.path.lexists(folder):
                return False
            end = _shortened(end) if turn else end
            with suppress(OSError):
                os.unlink(path)
            if turn:
                wait(_PAUSE)
        else:
            with suppress(OSError):
                os.unlink(path)
            return True
    return False


def never_ran(why: str, error: str) -> EndRecord:
    """The end of an attempt whose agent never ran."""
    now = clock.milliseconds()
    outcome = _OUTCOMES.get(EndCause(why), AttemptOutcome.FAILED)
    return EndRecord(why, str(outcome), started=now, ended=now, gone=now, error=error)


def _shortened(end: EndRecord) -> EndRecord:
    """Without what can be had from the stream again."""
    return replace(end, result=None, escaped=(), error=end.error[:1000])
