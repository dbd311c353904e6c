"""How agents and the whole stand: values made of one read of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.codec import Struct
from gitfleet.jobs.daemon import presence
from gitfleet.jobs.daemon.presence import RunningManager
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.words import JobStatus


class AgentInfo(Struct):
    """An agent: `state` is `running` or `idle`; ids of its jobs; `concurrency`: how many may run at once."""

    name: str
    description: str
    state: str
    running: Sequence[str]
    queued: Sequence[str]
    concurrency: int
    last_job: str = ""

    @property
    def current_job(self) -> str:
        """The job that it has run longest; "" where it is idle."""
        return self.running[0] if self.running else ""


class FleetState(Struct):
    """`uptime` in milliseconds; `agents`: total, running, idle; `jobs`: active, queued, and how many ended with each status.

    `scheduler`: `next_trigger` of all schedules (ms since 1970; None: none is to come), and how many `active_schedules` there are.
    `manager`: who runs the jobs of the state directory, in whichever process.
    """

    state: str
    uptime: int
    agents: Mapping[str, int]
    jobs: Mapping[str, int]
    scheduler: Mapping[str, int | None] = {}
    manager: RunningManager | None = None


def agent_info(store: JobStore, agent: Agent, jobs: Sequence[JobRecord], limit: int) -> AgentInfo:
    """What an agent is at; `jobs` are those that have not ended."""
    own = [job for job in jobs if job.agent_name == agent.name]
    running = [job.id for job in own if job.status is JobStatus.RUNNING]
    queued = [job.id for job in own if job.status is JobStatus.QUEUED]
    last = store.find(JobFilter(agent.name, limit=1))
    state = "running" if running else "idle"
    return AgentInfo(agent.name, agent.description, state, running, queued, limit, last[0].id if last else "")


def fleet_state(store: JobStore, known: Configuration, state: str, uptime: int) -> FleetState:
    """How it all stands."""
    jobs = store.open_jobs()
    at_work = {job.agent_name for job in jobs if job.status is JobStatus.RUNNING} & known.agents.keys()
    total = len(known.agents)
    counts = {"active": sum(job.status is JobStatus.RUNNING for job in jobs)}
    counts["queued"] = len(jobs) - counts["active"]
    agents = {"total": total, "running": len(at_work), "idle": total - len(at_work)}
    told = {"completed": 0, "failed": 0, **counts, **store.counts({job.id for job in jobs})}
    return FleetState(state, uptime, agents, told, manager=presence.present(store.folder))
