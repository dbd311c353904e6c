"""Jobs that are not to wait: they start when they are made, or there is none."""

from __future__ import annotations

from collections.abc import Callable

from gitfleet.jobs.dispatcher import Dispatcher
from gitfleet.jobs.errors import ConcurrencyLimitError, InvalidStateError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.words import SkipReason


async def submitted(dispatcher: Dispatcher, new: JobRecord, submit: Callable[[], JobRecord]) -> JobRecord:
    """The `new` job, once `submit` has kept it, which happens only where it starts at the next look.

    Raises ConcurrencyLimitError, and InvalidStateError where something else keeps jobs back; then nothing was kept.
    """
    kept: list[JobRecord] = []

    def keep() -> str:
        kept.append(submit())
        return ""

    why = await dispatcher.offer(new, keep)
    if why == SkipReason.CONCURRENCY_LIMIT:
        running, limit = dispatcher.load(new.agent_name)
        raise ConcurrencyLimitError(
            f"{running} of {limit} jobs run, and it was to start at once.",
            hint="Trigger it when one has ended, or have it queued.",
            agent_name=new.agent_name, current_jobs=running, limit=limit,
        )  # fmt: skip
    if why:
        raise InvalidStateError(
            f"It was to start at once, and cannot now: {why}.", hint="Have it queued.",
            current_state=why, expected_state="free", operation="trigger",
        )  # fmt: skip
    return kept[0]
