"""docs/reference/fleet-manager.md: each method is called, each event seen with its payload, each error provoked, as its tables say."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import gitfleet
from gitfleet import FleetManager, FleetManagerError
from gitfleet.jobs.events import StopProgress
from gitfleet.jobs.words import JobStatus
from tests.workbench import PATIENCE, ROOT

PAGE = (ROOT / "docs/reference/fleet-manager.md").read_text(encoding="utf-8")
QUICK = "echo one; echo two > $GITFLEET_SESSION.txt"  # a path of its own: claims stay with the branch
CODE = re.compile(r"`([^`]+)`")


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in rows[2:]]


def words(cell: str) -> list[str]:
    return CODE.findall(cell)


METHODS = {words(row[1])[0]: row for row in table("Methods")}
EVENTS = {words(row[0])[0]: words(row[2]) for row in table("Events")}
ERRORS = {words(row[0])[0]: (words(row[1])[0], words(row[2])) for row in table("Errors")}
VALUES = {words(row[0])[0]: words(row[1]) for row in table("Values")}


@pytest.fixture
def place(member: Path) -> Path:
    (member / "agents").mkdir()
    write(member, "tidy", QUICK, "schedules: {often: {interval: 1s, enabled: false}}\n")
    write(member, "wrong", "exit 3")
    write(member, "slow", "echo ready; exec sleep 1000")
    return member


def write(place: Path, name: str, script: str, more: str = "") -> None:
    text = f"command: [sh, -c, {script!r}]\nworking_directory: ..\nlimits: {{grace: 1s}}\ncommit: {{push: false}}\n{more}"
    (place / "agents" / f"{name}.yaml").write_text(text)


def manager(place: Path, **more: Any) -> FleetManager:
    return FleetManager(config_path=str(place / "agents"), **more)


class Heard:
    """What a manager has told, and when the next of its kind comes."""

    def __init__(self, fleet: FleetManager) -> None:
        self.found: dict[str, list[Any]] = {name: [] for name in EVENTS}
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        for name in EVENTS:
            fleet.on(name, partial(self._hear, name))

    def _hear(self, name: str, event: Any) -> None:
        self.found[name].append(event)
        task = asyncio.get_running_loop().create_task(self._ring())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ring(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, name: str, count: int = 1) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.found[name]) >= count)


async def all_of(stream: AsyncIterator[Any], enough: Callable[[list[Any]], bool]) -> list[Any]:
    found: list[Any] = []
    async for one in stream:
        found.append(one)
        if enough(found):
            break
    return found


async def play(place: Path, fleet: FleetManager) -> tuple[Heard, dict[str, Any]]:
    """Call every method of the table once at least; what they answer, by their names."""
    heard = Heard(fleet)
    answers: dict[str, Any] = {}
    fleet.on("started", print)
    fleet.off("started", print)
    await fleet.initialize()
    await fleet.start()
    answers |= dict.fromkeys(["on(event, listener)", "off(event, listener)", "initialize()", "start()"])
    answers["state"] = fleet.state
    job = answers["trigger(agent_name, schedule_name, prompt_override, work_items)"] = await fleet.trigger(
        "tidy", "often", prompt_override="Now", work_items=[{"title": "The first"}]
    )
    await heard.until("job:completed")
    await fleet.trigger("wrong")
    await heard.until("job:failed")
    slow = await fleet.trigger("slow")
    await heard.until("agent:started", 3)
    answers["cancel_job(job_id)"] = await fleet.cancel_job(slow.id)
    answers[
        "fork_job(job_id, prompt_override, priority, agent_name, working_directory)"
    ] = await fleet.fork_job(job.id, prompt_override="Again")
    await heard.until("job:completed", 2)
    answers["enable_schedule(agent_name, schedule_name)"] = await fleet.enable_schedule("tidy", "often")
    await heard.until("schedule:triggered")
    await heard.until("schedule:skipped")
    answers["disable_schedule(agent_name, schedule_name)"] = await fleet.disable_schedule("tidy", "often")
    write(place, "another", QUICK)
    answers["reload()"] = await fleet.reload()
    answers |= {
        "get_status()": fleet.get_status(),
        "get_agents()": fleet.get_agents(),
        "get_agent(name)": fleet.get_agent("tidy"),
        "get_jobs(agent_name, status, since, until, limit)": fleet.get_jobs(agent_name="tidy", limit=2),
        "get_job(job_id)": fleet.get_job(job.id),
        "get_schedules()": fleet.get_schedules(),
        "get_schedule(agent_name, schedule_name)": fleet.get_schedule("tidy", "often"),
        "stream_logs(level)": await all_of(fleet.stream_logs(level="info"), bool),
        "stream_job_output(job_id)": await all_of(fleet.stream_job_output(job.id), lambda _: False),
        "stream_agent_logs(agent_name)": await all_of(fleet.stream_agent_logs("tidy"), bool),
    }
    pending: list[StopProgress] = []
    await fleet.trigger("slow")
    await heard.until("job:created", 5)
    await fleet.stop(timeout=1, on_progress=pending.append)
    answers["stop(wait_for_jobs, timeout, on_progress)"] = None
    assert pending[0].pending_jobs >= 1
    return heard, answers


def test_every_method_event_and_value_is_as_the_page_says(place: Path) -> None:
    own_file = QUICK.replace(
        "two.txt", "$$.txt"
    )  # what the first job left on its branch is not the second one's
    write(place, "tidy", f"{own_file}; sleep 1.5", "schedules: {often: {interval: 1s, enabled: false}}\n")

    async def main() -> tuple[Heard, dict[str, Any]]:
        return await play(place, manager(place))

    heard, answers = asyncio.run(main())
    assert answers.keys() == METHODS.keys()
    for name, fields in EVENTS.items():
        for event in heard.found[name]:
            assert {one.name for one in event.FIELDS} >= set(fields), name
        assert heard.found[name], name
    values = {
        "FleetStatus": answers["get_status()"],
        "AgentInfo": answers["get_agent(name)"],
        "Job": answers["get_job(job_id)"],
        "ScheduleInfo": answers["get_schedule(agent_name, schedule_name)"],
        "LogEntry": answers["stream_logs(level)"][0],
    }
    assert values.keys() == VALUES.keys()
    for kind, fields in VALUES.items():
        for field in fields:
            assert any(_has(one, field) for one in _parts(values[kind])), (kind, field)
    assert "one" in "".join(answers["stream_job_output(job_id)"])
    assert answers["reload()"] == ["agent:another added"]


def _parts(value: Any) -> Iterator[Any]:
    yield value
    yield from (getattr(value, one.name) for one in value.FIELDS)


def _has(value: Any, field: str) -> bool:
    return field in value if isinstance(value, Mapping) else hasattr(value, field)


@pytest.mark.parametrize("signature", METHODS)
def test_method_takes_what_the_page_says_and_is_awaited_as_it_says(signature: str) -> None:
    name, _, rest = signature.partition("(")
    found = inspect.getattr_static(FleetManager, name)
    if isinstance(found, property):
        assert not rest
        return
    known = inspect.signature(found).parameters
    assert {one.strip() for one in rest.rstrip(")").split(",") if one.strip()} <= known.keys()
    assert inspect.iscoroutinefunction(found) == METHODS[signature][2].startswith("await")


@pytest.mark.parametrize("row", table("Options"), ids=lambda row: row[0].strip("`"))
def test_option_is_taken_by_each_of_its_names(place: Path, row: list[str]) -> None:
    values: dict[str, Any] = {"config_path": str(place), "state_dir": str(place / "s"), "auto_start": False}
    for word in words(row[1]):
        name, _, group = word.partition("=")
        inner = re.findall(r'"(\w+)"', group)
        value: Any = {inner[0]: 1000} if inner else values.get(name, None if name == "logger" else 3)
        FleetManager(**{"config_path": str(place / "agents"), name: value})


async def _wrong_file(place: Path) -> None:
    (place / "agents/tidy.yaml").write_text("comand: [true]\n")
    await manager(place).initialize()


async def _in(place: Path, act: Callable[[FleetManager], Awaitable[object]]) -> None:
    fleet = manager(place)
    async with fleet:
        try:
            await act(fleet)
        finally:
            await fleet.stop(wait_for_jobs=False)


async def _two_at_once(fleet: FleetManager) -> None:
    await fleet.trigger("slow", queue=False)
    await fleet.trigger("slow", queue=False)


PROVOKED: Mapping[str, Callable[[Path], Coroutine[Any, Any, None]]] = {
    "ConfigurationError": _wrong_file,
    "AgentNotFoundError": lambda place: _in(place, lambda fleet: fleet.trigger("nobody")),
    "JobNotFoundError": lambda place: _in(place, lambda fleet: fleet.cancel_job("job-123")),
    "ScheduleNotFoundError": lambda place: _in(place, lambda fleet: fleet.trigger("tidy", "never")),
    "InvalidStateError": lambda place: _in(place, lambda fleet: fleet.start()),
    "ConcurrencyLimitError": lambda place: _in(place, _two_at_once),
    "ArgumentError": lambda place: _in(place, lambda fleet: fleet.trigger("tidy", priority="high")),  # type: ignore[arg-type]
}


def test_page_has_every_error_that_can_be_provoked() -> None:
    assert ERRORS.keys() == {"FleetManagerError", *PROVOKED}


@pytest.mark.parametrize("name", PROVOKED)
def test_error_has_its_code_and_its_facts(place: Path, name: str) -> None:
    code, fields = ERRORS[name]
    with pytest.raises(FleetManagerError) as caught:
        asyncio.run(PROVOKED[name](place))
    error = caught.value
    assert type(error) is getattr(gitfleet, name)
    assert error.code == code
    assert set(fields) <= error.context.keys()
    assert all(getattr(error, one) is not None for one in fields)


def test_job_that_may_not_wait_leaves_nothing_behind(place: Path) -> None:
    async def main() -> None:
        fleet = manager(place)
        async with fleet:
            with pytest.raises(gitfleet.ConcurrencyLimitError):
                await _two_at_once(fleet)
            assert [job.status for job in fleet.get_jobs()] == [JobStatus.RUNNING]
            await fleet.stop(wait_for_jobs=False)

    asyncio.run(main())


def test_statuses_are_those_of_the_document() -> None:
    said = PAGE.partition("A job's `status` is one of")[2].partition(".")[0]
    assert words(said) == [str(one) for one in JobStatus]
