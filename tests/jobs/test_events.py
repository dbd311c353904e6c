"""Who listens to events, and what listeners may do."""

from __future__ import annotations

import asyncio
import logging

import pytest

from gitfleet.jobs.events import JobCancelled, Listeners


def test_listener_that_leaves_or_fails_in_its_call_keeps_others_from_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listeners, heard = Listeners(logging.getLogger("gitfleet.test")), []
    event = JobCancelled("job-1")

    def once(_: object) -> None:
        heard.append("once")
        listeners.remove("job:cancelled", once)
        listeners.remove("job:cancelled", once)

    def fails(_: object) -> None:
        raise RuntimeError

    def joins(_: object) -> None:
        listeners.add("job:cancelled", lambda _: heard.append("joined"))
        listeners.remove("job:cancelled", joins)

    for one in (once, fails, joins, lambda _: heard.append("last")):
        listeners.add("job:cancelled", one)
    listeners.tell("job:cancelled", event)
    listeners.tell("job:cancelled", event)
    assert heard == ["once", "last", "last", "joined"]
    assert caplog.text.count("a listener to job:cancelled failed") == 2
    with pytest.raises(ValueError, match="There is no event 'job:canceled'"):
        listeners.add("job:canceled", once)
    with pytest.raises(ValueError, match="function"):
        listeners.add("job:cancelled", None)  # type: ignore[arg-type]


def test_listener_that_is_asynchronous_is_awaited_and_a_failure_of_it_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listeners, heard = Listeners(logging.getLogger("gitfleet.test")), []

    async def slowly(event: JobCancelled) -> None:
        await asyncio.sleep(0)
        heard.append(event.job_id)

    async def fails(_: object) -> None:
        await asyncio.sleep(0)
        raise RuntimeError

    async def ends(_: object) -> None:
        await listeners.settle()  # for the others alone
        heard.append("settled")

    async def main() -> None:
        for one in (slowly, fails):
            listeners.add("job:cancelled", one)
        listeners.add("stopped", ends)
        listeners.tell("job:cancelled", JobCancelled("job-1"))
        assert heard == []
        listeners.tell("stopped", JobCancelled("job-1"))
        await listeners.settle()

    asyncio.run(main())
    assert heard == ["job-1", "settled"]
    assert caplog.text.count("a listener to job:cancelled failed") == 1
