"""One job at work, in the event loop: started or taken up again, its output told, its end waited for and judged."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.jobs import outputs
from gitfleet.jobs.attempts import conclusion, postponing, start
from gitfleet.jobs.attempts.alive import SessionsAlive
from gitfleet.jobs.beside_loop import BesideLoop
from gitfleet.jobs.events import AgentStarted, AgentStopped, JobOutput, Listeners
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.shepherd.control import Shepherd
from gitfleet.jobs.streams import reader

OUTPUT = "job:output"


class JobWork:
    """`call` does what blocks beside the loop, `tell` tells of an event, `alive` renews the session of its attempt."""

    def __init__(
        self,
        store: JobStore,
        job: JobRecord,
        call: BesideLoop,
        tell: Callable[[str, Struct], None],
        listeners: Listeners,
        alive: SessionsAlive,
    ) -> None:
        self._store, self._job, self._call, self._tell = store, job, call, tell
        self._listeners, self._alive = listeners, alive

    async def run(self) -> JobRecord:
        """The job after its attempt has ended: ended, too, or queued for another one."""
        job, failure = self._job, ""
        environ = dict(os.environ)
        try:
            shepherd = await self._call(start.start, self._store, job.id, environ)
        except start.AttemptOver:
            await self._call(_ended, self._store, job.id)
        except (FleetError, OSError) as error:
            failure = _why_not(error)
            if isinstance(error, postponing.PASSING):
                await self._call(postponing.note, self._folder, failure)
            await self._call(_ended, self._store, job.id)
        else:
            await self._watched(shepherd)
        ended = await self._call(lambda: conclusion.conclude(self._store, job.id, environ, failure=failure))
        self._tell("agent:stopped", AgentStopped(job.agent_name, job.id, _outcome(ended)))
        return ended

    @property
    def _folder(self) -> str:
        return self._store.attempt_folder(self._job.id, len(self._job.attempts))

    async def _watched(self, shepherd: Shepherd) -> None:
        job = self._job
        self._tell("agent:started", AgentStarted(job.agent_name, job.id))
        self._alive.add(job.id)
        said = asyncio.create_task(self._said()) if self._listeners.any(OUTPUT) else None
        try:
            await _gone(shepherd)
            await self._call(shepherd.wait)
            if said is not None:
                await said
        finally:
            self._alive.drop(job.id)
            if said is not None:
                said.cancel()  # of use only where we are left in the middle
            shepherd.close()

    async def _said(self) -> None:
        path = outputs.streams(self._store, self._job.id)[-1]
        folder = os.path.dirname(path)
        async for line in reader.follow_in_loop(path, ended=lambda: not control.alive(folder)):
            if chunk := outputs.text(line):
                self._tell(OUTPUT, JobOutput(self._job.id, chunk))


def _outcome(job: JobRecord) -> str:
    return str(job.attempts[-1].outcome if job.attempts else job.outcome)


def _why_not(error: FleetError | OSError) -> str:
    """Why it was not started, and what can be done about that."""
    hint = error.hint if isinstance(error, FleetError) else ""
    return f"{error} {hint}".strip() if hint else str(error)


def _ended(store: JobStore, job_id: str) -> None:
    """Have an attempt that was not let go end, and wait for it."""
    folder = store.attempt_folder(job_id, len(store.get(job_id).attempts))
    shepherd = Shepherd(folder)
    shepherd.stop()
    shepherd.wait()
    shepherd.close()


async def _gone(shepherd: Shepherd) -> None:
    """Wait for the end of a shepherd without a thread, where the system tells of it."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    try:
        handle = shepherd.fileno()
    except (AttributeError, OSError):
        return
    loop.add_reader(handle, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(handle)
