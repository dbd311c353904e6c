"""What a FleetManager can be told to do while it runs: start jobs, end them, answer their agents, switch schedules."""

from __future__ import annotations

import asyncio
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial

from gitfleet.errors import UsageError
from gitfleet.jobs import at_once, reruns, restoring, submission
from gitfleet.jobs.archives import jobs_elsewhere
from gitfleet.jobs.attempts import answering, cancelling
from gitfleet.jobs.dispatcher import Dispatcher
from gitfleet.jobs.durations import milliseconds
from gitfleet.jobs.queries import FleetQueries
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.work_item import WorkItem
from gitfleet.jobs.restoring import RestoredJob
from gitfleet.jobs.schedules import information
from gitfleet.jobs.schedules.information import ScheduleInfo
from gitfleet.jobs.shared import offering
from gitfleet.jobs.shared.keeper import SharedJobs
from gitfleet.jobs.sources import triggering
from gitfleet.jobs.sources.task_desk import TaskDesk
from gitfleet.jobs.words import ManagerState


class FleetActions(FleetQueries):
    """For the event loop of the manager. Each raises InvalidStateError while it does not run."""

    _dispatcher: Dispatcher
    _shared: SharedJobs
    _tasks: TaskDesk

    async def trigger(  # noqa: PLR0913 - options, each by its name
        self,
        agent_name: str,
        schedule_name: str | None = None,
        *,
        prompt_override: str | None = None,
        priority: int | None = None,
        working_directory: str = "",
        anywhere: bool = False,
        queue: bool = True,
        work_items: Sequence[Mapping[str, str] | WorkItem] = (),
    ) -> JobRecord:
        """A new job of an agent, which runs as soon as limits admit. Raises AgentNotFoundError, ScheduleNotFoundError.

        `working_directory`: a folder of the repository that it is for, instead of the agent's own; raises NoRepository. `anywhere`: any
        node of the fleet may run it, as all jobs of an agent whose file says so; raises NoFleet, HubError.
        Without `queue` it starts at once, or there is no job: raises ConcurrencyLimitError, and InvalidStateError where something
        else keeps jobs back. `work_items`: the tasks that it is for; an agent with a work source takes the next one by itself. See
        `triggering.submit`.
        """
        self._expect("trigger", ManagerState.RUNNING)
        known = self._known("trigger")
        agent = submission.agent_of(known, agent_name)
        new = submission.new(
            agent, schedule=schedule_name or "", prompt=prompt_override, priority=priority,
            working_directory=working_directory and os.path.abspath(working_directory),
        )  # fmt: skip
        submit = partial(
            triggering.submit, self._tasks, known, agent, new, anywhere=anywhere, work_items=work_items
        )
        if queue:
            job = await self._dispatcher.call(submit)
        else:
            job = await at_once.submitted(self._dispatcher, new, submit)
        if job.offered:
            await self._dispatcher.call(self._shared.hear)
        await self._dispatcher.look()
        return job

    async def enqueue(
        self, instruction: str, *, working_directory: str = "", priority: int | None = None, anywhere: bool = False
    ) -> JobRecord:  # fmt: skip
        """A new job of the default agent, by what it is to do. Raises AgentNotFoundError where no agent is that, and as `trigger` does."""
        agent = submission.default_agent(self._known("enqueue"))
        return await self.trigger(
            agent.name, prompt_override=instruction, working_directory=working_directory, priority=priority,
            anywhere=anywhere,
        )  # fmt: skip

    async def enable_schedule(self, agent_name: str, schedule_name: str) -> ScheduleInfo:
        """Have a schedule fire, from now on and whatever its file says. Raises AgentNotFoundError, ScheduleNotFoundError."""
        return await self._switched(agent_name, schedule_name, enabled=True)

    async def disable_schedule(self, agent_name: str, schedule_name: str) -> ScheduleInfo:
        """Have it not fire, until it is enabled; a restart changes nothing. Raises AgentNotFoundError, ScheduleNotFoundError."""
        return await self._switched(agent_name, schedule_name, enabled=False)

    async def cancel_job(self, job_id: str) -> JobRecord:
        """Cancel a job; it comes back when nothing of it runs any more. Raises JobNotFoundError, InvalidStateError.

        One that runs on another node is cancelled by that: it comes back at once.
        """
        self._expect("cancel_job", ManagerState.RUNNING)
        there = await self._dispatcher.call(offering.cancel_elsewhere, self.store, self._near, job_id)
        if there is not None:
            await self._dispatcher.look()
            return there
        await self._dispatcher.call(jobs_elsewhere.own, self.store, self._near, job_id, "cancel_job")
        await self._dispatcher.call(cancelling.ask, self.store, job_id)
        if task := self._dispatcher.running.get(job_id):
            await asyncio.wait([task])
        await self._dispatcher.look()
        return self.store.get(job_id)

    async def answer_job(self, job_id: str, *, allow: bool, question: str = "") -> JobRecord:
        """Say yes or no to what a job's agent asks: to the question of that id, else the only one. Raises JobNotFoundError, InvalidStateError."""
        self._expect("answer_job", ManagerState.RUNNING)
        await self._dispatcher.call(jobs_elsewhere.own, self.store, self._near, job_id, "answer_job")
        told = partial(answering.answer, self.store, job_id, allow=allow, question=question)
        answered: JobRecord = await self._dispatcher.call(told)
        return answered

    async def retry_job(self, job_id: str) -> JobRecord:
        """Queue a job that has not ended well once more, to go on where it stopped; have one that waits for its next attempt try now.

        Raises JobNotFoundError, AgentNotFoundError, InvalidStateError.
        """
        self._expect("retry_job", ManagerState.RUNNING)
        retry = partial(reruns.retry, self.store, self._known("retry_job"), job_id, near=self._near)
        job = await self._dispatcher.call(retry)
        await self._dispatcher.look()
        return job

    async def fork_job(
        self, job_id: str, *, prompt_override: str | None = None, priority: int | None = None,
        agent_name: str | None = None, working_directory: str | None = None,
    ) -> JobRecord:  # fmt: skip
        """A new job that is a copy of this one but for what is given. Raises JobNotFoundError, AgentNotFoundError, NoRepository."""
        self._expect("fork_job", ManagerState.RUNNING)
        known = self._known("fork_job")
        job = await self._dispatcher.call(
            lambda: reruns.fork(
                self.store, known, job_id, agent_name=agent_name, prompt=prompt_override, priority=priority,
                working_directory=working_directory, near=self._near,
            )
        )  # fmt: skip
        await self._dispatcher.look()
        return job

    async def restore_jobs(
        self, *, within: int | str = restoring.WITHIN, dry_run: bool = False
    ) -> list[RestoredJob]:
        """Queue what the end of the machine has ended `within` that time, to go on where it stopped; with `dry_run` only say what that is.

        Raises UsageError, InvalidStateError.
        """
        self._expect("restore_jobs", ManagerState.RUNNING)
        try:
            time = milliseconds(within)
        except ValueError as error:
            raise UsageError(f"`within`: {error}.", hint="Such as 12h or 7d.") from error
        known = self._known("restore_jobs")
        restore = partial(
            restoring.restore, self.store, lambda: known, os.environ, within=time, dry_run=dry_run
        )
        found: list[RestoredJob] = await self._dispatcher.call(restore)
        await self._dispatcher.look()
        return found

    async def cancel_all(self) -> None:
        """Cancel every job that runs; it comes back when nothing of them does any more."""
        await self._dispatcher.cancel_all()

    async def _switched(self, agent_name: str, schedule_name: str, *, enabled: bool) -> ScheduleInfo:
        known, state = self._known("enable_schedule" if enabled else "disable_schedule"), self.store.folder
        switch = partial(information.switch, state, known, agent_name, schedule_name, enabled=enabled)
        return await asyncio.to_thread(switch)

    @abstractmethod
    def _expect(self, operation: str, *states: str) -> None:
        """Raise InvalidStateError unless the manager is in one of these states."""
