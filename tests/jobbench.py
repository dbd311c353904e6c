"""Real managers with real jobs, for the rows of `scripts/bench` that measure them: `python -m tests.jobbench WHAT PLACE …` prints JSON.

Each runs in a process of its own, so that what is measured of it is a manager's and nothing else's.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gitfleet import FleetManager
from gitfleet.base import ids
from gitfleet.base.names import SessionId
from gitfleet.jobs import asking, submission
from gitfleet.jobs.daemon import program
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.shared import offering
from gitfleet.jobs.words import AttemptOutcome, JobStatus

ENDS = ("job:completed", "job:failed")
PER_AGENT = 100
"""Ended jobs of each agent in a long history: as many as are kept."""


def measured(what: str, place: str, *numbers: int) -> Any:
    """What one of the functions below tells, of a process of its own."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    argv = [sys.executable, "-P", "-m", "tests.jobbench", what, place, *map(str, numbers)]
    env = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(argv, cwd=place, env=env, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def agent_file(place: str, name: str, *command: str, more: str = "") -> None:
    """Write an agent that runs a command."""
    os.makedirs(os.path.join(place, "agents"), exist_ok=True)
    text = f"runtime: command\ncommand: {json.dumps(command)}\nworking_directory: ..\n{more}"
    with open(os.path.join(place, "agents", f"{name}.yaml"), "w", encoding="utf-8") as file:
        file.write(text)


def store_of(place: str) -> JobStore:
    """The jobs of a clone."""
    return JobStore(os.path.join(place, ".git", "gitfleet", "jobs"))


def queue(place: str, agent: str, count: int) -> None:
    """Queue jobs of an agent, for the manager to come."""
    known, store = submission.load(os.path.join(place, "agents")), store_of(place)
    for _ in range(count):
        offering.submit(store, known, known.agents[agent], submission.new(known.agents[agent]))


def with_history(place: str, count: int) -> JobStore:
    """Fill a store with jobs that have ended, a minute apart, as the store itself files them; of a hundred each of as many agents as needed."""
    store, now = store_of(place), time.time_ns() // 1_000_000
    os.makedirs(os.path.join(store.folder, "open"), exist_ok=True)
    for number in range(count):
        at = now - (count - number) * 60_000
        word = _ulid_at(at, number)
        agent, bad = f"agent-{number % max(1, count // PER_AGENT)}", number % 4 == 0
        job = JobRecord(
            id=f"job-{word}", agent_name=agent, status=JobStatus.FAILED if bad else JobStatus.COMPLETED, prompt="Do it." * 20,
            created_at=at, started_at=at, completed_at=at + 1000,
            outcome=AttemptOutcome.FAILED if bad else AttemptOutcome.SUCCESS,
        )  # fmt: skip
        home = os.path.join(store.folder, "jobs", job.id[4:10], job.id[10:12], job.id)
        os.makedirs(home)
        with open(os.path.join(home, "record.json"), "w", encoding="utf-8") as file:
            file.write(json.dumps(job.encode()))
        os.makedirs(os.path.join(store.folder, "ended", agent), exist_ok=True)
        with open(os.path.join(store.folder, "ended", agent, f"{job.id}.{job.status}"), "wb"):
            pass
    return store


def _ulid_at(milliseconds: int, number: int) -> str:
    value = milliseconds << 80 | number
    return "".join(ids.ALPHABET[value >> 5 * place & 31] for place in reversed(range(26))).lower()


async def _managed(place: str, work: Callable[[FleetManager], Awaitable[Any]]) -> Any:
    fleet = FleetManager(config_path=os.path.join(place, "agents"), max_jobs_per_agent=10_000)
    await fleet.initialize()
    await fleet.start()
    try:
        return await work(fleet)
    finally:
        await fleet.stop(wait_for_jobs=False)


def one_by_one(place: str, count: str) -> list[float]:
    """Seconds from the trigger of a job of the agent `plain` until it has ended, each triggered when the one before has."""

    async def work(fleet: FleetManager) -> list[float]:
        taken, over = [], asyncio.Event()
        for name in ENDS:
            fleet.on(name, lambda _: over.set())
        for _ in range(int(count)):
            over.clear()
            begun = time.perf_counter()
            job = await fleet.trigger("plain")
            await over.wait()
            taken.append(time.perf_counter() - begun)
            if fleet.store.get(job.id).status is not JobStatus.COMPLETED:
                raise SystemExit(fleet.store.get(job.id).error)
        return taken

    return asyncio.run(_managed(place, work))


def some(place: str, count: str) -> dict[str, Any]:
    """Run `count` of the jobs that wait: seconds of CPU that each cost the manager itself, and from each end to the next dispatch."""
    ended: list[str] = []

    async def work(fleet: FleetManager) -> dict[str, Any]:
        over = asyncio.Event()

        def heard(event: Any) -> None:
            ended.append(event.job_id)
            if len(ended) == int(count):
                over.set()

        for name in ENDS:
            fleet.on(name, heard)
        cpu = time.process_time()
        await over.wait()
        cpu = time.process_time() - cpu
        jobs = [fleet.store.get(job_id) for job_id in ended]
        gaps = [b.started_at - a.completed_at for a, b in itertools.pairwise(jobs)]
        return {"cpu": cpu / len(jobs), "gaps": [gap / 1000 for gap in gaps]}

    return asyncio.run(_managed(place, work))


def pushes(place: str, count: str) -> list[float]:
    """Seconds that one push of the ledger takes: a claim through the library."""
    from gitfleet.fleet.fleet import Fleet  # a manager has no use for it, and its memory is measured

    taken = []
    with Fleet.open(place) as fleet:
        for number in range(int(count)):
            begun = time.perf_counter()
            fleet.claims.claim(SessionId("pusher"), [f"pushed/{number}"])
            taken.append(time.perf_counter() - begun)
    return taken


def pages(place: str, count: str) -> dict[str, list[float]]:
    """Seconds that a page of twenty jobs takes: of all, of one agent, of those that failed."""
    store = store_of(place)
    asked = {
        "all": JobFilter(limit=20),
        "agent": JobFilter("agent-0", limit=20),
        "failed": JobFilter(statuses=("failed",), limit=20),
    }
    found: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(int(count)):
        for name, wanted in asked.items():
            begun = time.perf_counter()
            store.find(wanted)
            found[name].append(time.perf_counter() - begun)
    return found


def at_work(store: JobStore) -> int:
    """How many agents run now, as their shepherds say."""
    states = [asking.phase(store, job) for job in store.open_jobs()]
    return sum(state is not None and state.phase == "running" for state in states)


@contextmanager
def daemon(place: str) -> Iterator[int]:
    """A manager in the background, for the body; its process. It notes each process that it starts in PLACE.started."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    hears, says = os.pipe()
    argv = [sys.executable, "-P", "-m", "tests.jobbench", "serve", place, str(says)]
    env = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(argv, cwd=place, env=env, pass_fds=[says]) as process:
        os.close(says)
        with os.fdopen(hears) as file:
            said = file.read()
        if json.loads(said or "{}").get("state") != program.READY:
            raise SystemExit(f"no manager: {said}")
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(120)


@contextmanager
def bare() -> Iterator[int]:
    """A Python that has run an event loop, for the body; its process."""
    script = "import asyncio\nasyncio.run(asyncio.sleep(0))\nprint(flush=True)\ninput()"
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.communicate(b"\n")


def started(place: str) -> int:
    """How many processes the manager of a clone has started."""
    with open(f"{place}.started", "ab+") as file:
        file.seek(0)
        return len(file.readlines())


def until(met: Callable[[], bool]) -> None:
    """Wait for something that a manager brings about."""
    end = time.monotonic() + 300
    while not met():
        if time.monotonic() > end:
            raise SystemExit("it did not come to it")
        time.sleep(0.2)


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def used(pid: int) -> float:
    """Seconds of CPU that a process has used, without its children."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def serve(place: str, handle: str) -> int:
    """Be that manager."""

    def noted(event: str, arguments: tuple[Any, ...]) -> None:
        if event in STARTS:
            with open(f"{place}.started", "a", encoding="utf-8") as file:
                file.write(f"{event} {arguments[:2]!r:.300}\n")

    sys.addaudithook(noted)
    return program.main([os.path.join(place, "agents"), store_of(place).folder, handle])


STARTS = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.system")
"""What Python tells of before it starts a process."""


def main(arguments: Sequence[str]) -> int:
    """Answer for `measured`."""
    what, place, *more = arguments
    if what == "serve":
        return serve(place, *more)
    json.dump(
        {"one_by_one": one_by_one, "some": some, "pushes": pushes, "pages": pages}[what](place, *more),
        sys.stdout,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
