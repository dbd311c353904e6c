"""What a FleetManager can be asked: answers from the store and the agent files, the same whether it runs or not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

from gitfleet.codec import replace
from gitfleet.jobs import outputs, submission, waiting
from gitfleet.jobs.archives import everywhere
from gitfleet.jobs.archives.everywhere import Replay
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.errors import ArgumentError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.schedules import information
from gitfleet.jobs.schedules.information import ScheduleInfo
from gitfleet.jobs.shared.offering import fleet_of
from gitfleet.jobs.standing import AgentInfo, FleetState, agent_info, fleet_state
from gitfleet.jobs.streams.cursors import BEGINNING, StreamCursor
from gitfleet.jobs.words import JobStatus


class FleetQueries(ABC):
    """Needs no event loop."""

    store: JobStore
    _near: str

    def get_status(self) -> FleetState:
        """How it all stands. Raises InvalidStateError before `initialize`."""
        known = self._known("get_status")
        scheduler = information.scheduler(self.store.folder, known)
        return replace(fleet_state(self.store, known, *self._standing()), scheduler=scheduler)

    def get_agents(self) -> list[AgentInfo]:
        """Every agent with what it is at. Raises InvalidStateError."""
        known, jobs = self._known("get_agents"), self.store.open_jobs()
        return [
            agent_info(self.store, agent, jobs, self._limit(agent.name)) for agent in known.agents.values()
        ]

    def get_agent(self, name: str) -> AgentInfo:
        """One of them. Raises AgentNotFoundError, InvalidStateError."""
        agent = submission.agent_of(self._known("get_agent"), name)
        return agent_info(self.store, agent, self.store.open_jobs(), self._limit(name))

    def get_schedules(self) -> list[ScheduleInfo]:
        """Every schedule, with when it fires next. Raises InvalidStateError."""
        return information.schedules(self.store.folder, self._known("get_schedules"))

    def get_schedule(self, agent_name: str, schedule_name: str) -> ScheduleInfo:
        """One of them. Raises AgentNotFoundError, ScheduleNotFoundError, InvalidStateError."""
        known = self._known("get_schedule")
        return information.schedule(self.store.folder, known, agent_name, schedule_name)

    def get_jobs(
        self,
        *,
        agent_name: str = "",
        status: str | Collection[str] = (),
        since: int = 0,
        until: int = 0,
        limit: int = 0,
    ) -> list[JobRecord]:
        """The jobs that are asked for, newest first; times in milliseconds since 1970. Those of other nodes as last heard of here.

        Raises ArgumentError for what is no status, or no number.
        """
        try:
            statuses = tuple(map(JobStatus, (status,) if isinstance(status, str) else status))
        except (TypeError, ValueError) as error:
            raise ArgumentError(
                f"{status!a:.80} is no status.", hint=f"There are: {', '.join(JobStatus)}.", argument="status"
            ) from error
        for name, number in (("since", since), ("until", until), ("limit", limit)):
            if type(number) is not int or number < 0:
                raise ArgumentError(
                    f"`{name}` has to be a whole number, and is {number!a:.40}.", argument=name
                )
        wanted = JobFilter(agent_name, statuses, since, until, limit)
        with fleet_of(self._near) as clone:
            return everywhere.find(self.store, clone, wanted)

    def get_job(self, job_id: str) -> JobRecord:
        """The job, with what its agent wrote as `output`, if it did so here. Raises JobNotFoundError."""
        with fleet_of(self._near) as clone:
            job = everywhere.get(self.store, clone, job_id)
        return replace(job, output=outputs.whole(self.store, job_id)) if self.store.has(job_id) else job

    def get_history(self, job_id: str, start: StreamCursor = BEGINNING) -> Replay:
        """The job with each line of its agents from `start` on, each behind the number of its attempt. Raises JobNotFoundError.

        Lines are read as they are asked for. Those of another node come from the hub, whose errors it raises; `missing` says why there are none.
        """
        with fleet_of(self._near) as clone:
            return everywhere.replay(self.store, clone, job_id, start)

    def get_waiting(self) -> dict[str, str]:
        """Why each job that is queued here does not start, in words, by id."""
        return waiting.reasons(self.store, self.store.open_jobs())

    @abstractmethod
    def _known(self, operation: str) -> Configuration:
        """The agent files as they hold now. Raises InvalidStateError."""

    @abstractmethod
    def _limit(self, agent_name: str) -> int:
        """How many of its jobs may run at once."""

    @abstractmethod
    def _standing(self) -> tuple[str, int]:
        """The manager's state, and for how long it runs, in milliseconds."""
