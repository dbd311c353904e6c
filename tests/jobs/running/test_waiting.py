"""Why jobs wait, and what agents wait for: with a manager that runs, and seen from other processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.base import clock, identity
from gitfleet.codec import replace
from gitfleet.jobs import job_now, spare_room, waiting
from gitfleet.jobs.asking import Question, Questions
from gitfleet.jobs.definitions.schema import Agent, FreeRules
from gitfleet.jobs.durations import size_words
from gitfleet.jobs.predecessors import Predecessors
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import records
from gitfleet.jobs.shepherd.records import AttemptState
from gitfleet.jobs.spare_room import SpareRoom
from gitfleet.jobs.waiting import HeldBack
from gitfleet.jobs.words import AttemptOutcome, JobStatus
from tests.workbench import Gitfleet

GIB = 1 << 30
ASKS = """echo '{"type": "needs_input", "text": "May I\\u001b[2J?"}'; read -r _ < %s; echo thanks; read -r _ < %s"""
AGENT = Agent.model_validate({"name": "tidy", "command": ["true"]})


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(str(tmp_path / "state"))


def queued(store: JobStore, agent: str = "tidy", **more: Any) -> JobRecord:
    return store.create(JobRecord(job_ids.new(), agent, JobStatus.QUEUED, **more))


def running(store: JobStore, agent: str = "tidy") -> JobRecord:
    return store.create(JobRecord(job_ids.new(), agent, JobStatus.RUNNING))


def test_agent_that_waits_for_a_person_is_told_of_and_shown_until_it_goes_on(
    member: Path, gitfleet: Gitfleet
) -> None:
    gates = [member / ".git/one", member / ".git/two"]
    for gate in gates:
        os.mkfifo(gate)
    (member / "agents").mkdir()
    script = ASKS % tuple(gates)
    (member / "agents/asks.yaml").write_text(
        f"command: [sh, -c, {json.dumps(script)}]\nworking_directory: ..\n"
    )

    async def main() -> None:
        async with FleetManager(config_path=str(member / "agents")) as fleet:
            asked, thanked = asyncio.Event(), asyncio.Event()
            told: list[Any] = []
            fleet.on("job:needs_input", told.append)
            fleet.on("job:needs_input", lambda _: asked.set())
            fleet.on("job:output", lambda event: thanked.set() if "thanks" in event.chunk else None)
            job = await fleet.trigger("asks")
            await asked.wait()
            (event,) = told
            assert (event.job_id, event.agent_name, event.text) == (job.id, "asks", "May I\x1b[2J?")
            now = job_now.of(fleet.store, [fleet.get_job(job.id)])[job.id]
            assert (now.phase, now.asks, now.asked_at) == ("needs_input", event.text, event.since)
            seen = await asyncio.to_thread(lambda: gitfleet(member, "status").ok().stdout)
            assert "needs-input  asks " in seen
            assert "asks: May I\\x1b[2J?" in seen
            assert f"gitfleet job answer {job.id}" in seen
            shown = await asyncio.to_thread(lambda: gitfleet(member, "job", "list").ok().stdout)
            assert "needs_input" in shown
            assert "\x1b" not in shown + seen
            gates[0].write_text("yes\n")
            await thanked.wait()
            gates[1].write_text("yes\n")
            await fleet.until_idle()
            assert len(told) == 1
            assert fleet.get_job(job.id).status is JobStatus.COMPLETED

    asyncio.run(main())


def test_job_for_which_there_is_no_room_waits_and_says_so_with_figures(member: Path) -> None:
    (member / "agents").mkdir()
    (member / "agents/fleet.yaml").write_text("free: {memory: 5000T}\n")
    (member / "agents/tidy.yaml").write_text("command: [sh, -c, 'echo 1 > one.txt']\nworking_directory: ..\n")

    async def main() -> None:
        async with FleetManager(config_path=str(member / "agents")) as fleet:
            job = await fleet.trigger("tidy")
            await fleet.until_idle()
            why = fleet.get_waiting()[job.id]
            assert why.startswith("needs 5120000 GiB free memory; ")
            assert why.endswith(" are free")
        assert fleet.get_job(job.id).status is JobStatus.QUEUED
        assert waiting.reasons(fleet.store, [fleet.get_job(job.id)]) == {job.id: waiting.NOBODY}

    asyncio.run(main())


def room(store: JobStore, rules: dict[str, Any], *, memory: int = 0, disk: int = 0) -> SpareRoom:
    made = SpareRoom(
        lambda: FreeRules.model_validate(rules), store.folder, free=lambda: memory, disk=lambda _: disk
    )
    made.refresh()
    return made


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({}, ""),
        ({"memory": "3G", "disk": "1G"}, ""),
        ({"memory": "4G"}, "needs 4 GiB free memory; 3 GiB are free"),
        ({"disk": "2G"}, "needs 2 GiB free disk; 1.5 GiB are free"),
    ],
)
def test_room_is_what_the_fleet_file_asks_for(store: JobStore, rules: dict[str, Any], why: str) -> None:
    assert room(store, rules, memory=3 * GIB, disk=3 * GIB // 2).why(queued(store), AGENT) == why


def test_room_that_an_attempt_will_take_counts_as_taken_from_its_start(store: JobStore) -> None:
    found = room(store, {"memory": "2G"}, memory=5 * GIB)
    first, second, third = (queued(store) for _ in range(3))
    assert [found.why(job, AGENT) for job in (first, second, first)] == ["", "", ""]
    assert "4 GiB of it for what has just begun" in found.why(third, AGENT)


def test_memory_is_what_the_control_groups_leave(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("4:memory:/elsewhere\n0::/outer/inner\n")
    groups = tmp_path / "groups"
    for name, limit in (("outer", str(3 * GIB // 1000)), ("outer/inner", "max")):
        (groups / name).mkdir(parents=True)
        (groups / name / "memory.max").write_text(f"{limit}\n")
        (groups / name / "memory.current").write_text("2000000\n")
        (groups / name / "memory.stat").write_text("anon 1\ninactive_file 500000\n")
    assert spare_room.memory(str(groups), str(own)) == 3 * GIB // 1000 - 1_500_000
    assert spare_room.memory(str(groups), str(tmp_path / "none")) > 3 * GIB // 1000


def test_amounts_are_said_in_the_largest_unit() -> None:
    assert [size_words(value) for value in (5, 2048, 512 << 20, 3 << 29)] == ["5 B", "2 KiB", "512 MiB", "1.5 GiB"]  # fmt: skip


def test_successor_waits_while_something_of_its_predecessor_runs(store: JobStore) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        process.poll()
        known = identity.identify(process.pid)
        assert known is not None
        attempt = AttemptRecord(1, "tidy-1", left=(process.pid,))
        job = queued(store, attempts=(attempt,))
        state = AttemptState("stopping", 1, process.pid, known.start, known.boot, "tidy-1")
        records.save(store.attempt_folder(job.id, 1), records.STATE, state)
        hold = Predecessors(store)
        hold.refresh()
        assert str(process.pid) in hold.why(job, AGENT)
        process.kill()
    assert hold.why(job, AGENT) == ""


def test_question_is_told_once_and_not_before_the_start_of_its_attempt() -> None:
    questions = Questions()
    asked, again = Question("May I?", 5), Question("May I now?", 9)
    assert questions.new({"j": asked}) == {}
    assert questions.begun("j")
    assert questions.new({"j": asked}) == {"j": asked}
    assert questions.new({"j": asked}) == {}
    assert questions.new({"j": again}) == {"j": again}
    assert questions.new({}) == {}
    questions.over("j")
    assert questions.new({"j": again}) == {}
    assert not Questions().begun("j")


def test_reason_is_the_first_thing_that_keeps_a_job_back(store: JobStore) -> None:
    at_work = {running(store, "busy").id: "busy" for _ in range(2)}
    due = clock.milliseconds() + 3_600_000
    failed = AttemptRecord(1, "tidy-1", outcome=AttemptOutcome.TIMEOUT)
    jobs = {
        "later": queued(store, attempts=(failed,), not_before=due),
        "held": queued(store),
        "gone": queued(store, "gone"),
        "busy": queued(store, "busy"),
        "next": queued(store),
    }
    assert set(waiting.reasons(store, [jobs["held"], running(store)]).values()) == {waiting.NOBODY}
    notice = waiting.HeldNotice(store)
    known = HeldBack(None, {"tidy": 3, "busy": 2}, None, at_work, {jobs["held"].id: "no money"})
    notice.tell(known)
    found = waiting.reasons(store, jobs.values())
    said = {name: found[job.id] for name, job in jobs.items()}
    assert said["later"].startswith("attempt 1 ended with timeout; the next one is due at ")
    assert said["held"] == "no money"
    assert "no agent gone" in said["gone"]
    assert said["busy"] == "2 of 2 jobs of busy run"
    assert said["next"] == "it is about to start"
    notice.tell(replace(known, fleet=2))
    said = waiting.reasons(store, [jobs["next"]])
    assert said[jobs["next"].id] == "2 of 2 jobs run; jobs before it: 1"
    notice.forget()
    assert waiting.reasons(store, [jobs["next"]])[jobs["next"].id] == waiting.NOBODY


def test_place_in_line_is_by_priority_then_by_coming_and_of_the_agent_where_that_is_full(
    store: JobStore,
) -> None:
    first, urgent, other = queued(store), queued(store, priority=5), queued(store, "other")
    last = queued(store)
    full = HeldBack(None, {"tidy": 1, "other": 9}, None, {running(store).id: "tidy"})
    notice = waiting.HeldNotice(store)
    for fleet, places in ((None, (1, 0, None, 2)), (1, (1, 0, 2, 3))):
        notice.tell(replace(full, fleet=fleet))
        found = waiting.reasons(store, [last, other, urgent, first])
        said = [found[job.id].partition(" run")[2] for job in (first, urgent, other, last)]
        assert said == [f"; jobs before it: {place}" if place else "" for place in places]


def test_notice_of_a_daemon_that_was_killed_counts_for_nothing(store: JobStore) -> None:
    job = queued(store)
    notice = waiting.HeldNotice(store)
    notice.tell(HeldBack(limits={"tidy": 1}))
    path = Path(store.folder, waiting.FILE)
    path.write_text(path.read_text().replace(f'"pid":{os.getpid()}', '"pid":1'))
    assert waiting.reasons(store, [job])[job.id] == waiting.NOBODY
