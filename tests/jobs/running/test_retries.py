"""Jobs that are tried again, by the rules of their agent file: with real agents, and clients that are small programs."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.jobs.errors import AgentNotFoundError, InvalidStateError
from gitfleet.jobs.words import AttemptOutcome, JobStatus
from tests.workbench import Git, Gitfleet

TERMINAL = ("job:completed", "job:failed", "job:cancelled")
THIRD_TIME = "echo try >> tries.txt; test $(wc -l < tries.txt) -ge 3 || exit 3"
CLAUDE = """#!/bin/sh
printf '%s\\n' "$*" >> {notes}/argv
cat >> {notes}/prompts; echo >> {notes}/prompts
case "$*" in
*--resume=*) exec cat {notes}/second ;;
esac
echo work >> work.txt
cat {notes}/first
exit 1
"""
"""A client that fails in its first conversation, and says what a file has when it goes on with one."""
CONVERSATION = "11111111-2222-4333-8444-555555555555"


def line(**facts: Any) -> str:
    return json.dumps({"session_id": CONVERSATION, **facts}) + "\n"


def result(subtype: str = "success", **more: Any) -> str:
    usage = {"input_tokens": 5, "output_tokens": 2}
    facts: dict[str, Any] = {"type": "result", "subtype": subtype, "num_turns": 1, "usage": usage}
    return line(**{"is_error": subtype != "success", "result": "done", **facts, **more})


INIT = line(type="system", subtype="init", model="m", tools=[])


class Place:
    """A clone with agents, and what its events say."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ends: list[str] = []
        (path / "agents").mkdir()

    def agent(self, name: str, text: str) -> None:
        limits = "limits: {grace: 1s}\n"
        (self.path / "agents" / f"{name}.yaml").write_text(f"working_directory: ..\n{limits}{text}")

    def manager(self) -> FleetManager:
        fleet = FleetManager(config_path=str(self.path / "agents"))
        for name in TERMINAL:
            fleet.on(name, partial(self._heard, name))
        return fleet

    def _heard(self, name: str, event: object) -> None:
        del event
        self.ends.append(name)


@pytest.fixture
def place(member: Path) -> Place:
    return Place(member)


def test_job_is_tried_again_where_it_was_until_it_ends_well_and_ends_once(place: Place, git: Git) -> None:
    place.agent(
        "flaky",
        f"command: [sh, -c, {THIRD_TIME!r}]\nretry: {{attempts: 5, backoff: 1ms, outcomes: [failed]}}\n"
        "claims: tries.txt\n",
    )

    async def main() -> None:
        async with place.manager() as fleet:
            job = await fleet.trigger("flaky")
            await fleet.until_idle()
        job = fleet.get_job(job.id)
        assert (job.status, job.outcome, job.error) == (JobStatus.COMPLETED, AttemptOutcome.SUCCESS, "")
        assert [one.outcome for one in job.attempts] == ["failed", "failed", "success"]
        assert len({one.session for one in job.attempts}) == 3
        assert len({(one.worktree, one.branch) for one in job.attempts}) == 1
        assert git(place.path, "show", f"{job.attempts[-1].branch}:tries.txt") == "try\ntry\ntry"

    asyncio.run(main())
    assert place.ends == ["job:completed"]


def test_job_that_never_ends_well_ends_with_its_last_attempt(place: Place) -> None:
    place.agent(
        "bad", "command: [sh, -c, 'exit 3']\nretry: {attempts: 2, backoff: 1ms, outcomes: [failed]}\n"
    )

    async def main() -> None:
        async with place.manager() as fleet:
            job = await fleet.trigger("bad")
            await fleet.until_idle()
        job = fleet.get_job(job.id)
        assert (job.status, len(job.attempts)) == (JobStatus.FAILED, 2)
        assert "exit code 3" in job.error

    asyncio.run(main())
    assert place.ends == ["job:failed"]


def test_job_that_waits_to_be_tried_again_survives_its_manager_and_is_cancelled_as_any_other(place: Place) -> None:  # fmt: skip
    place.agent("bad", "command: [sh, -c, 'exit 3']\nretry: {attempts: 2, backoff: 1h, outcomes: [failed]}\n")

    async def first() -> str:
        async with place.manager() as fleet:
            over = asyncio.Event()
            fleet.on("agent:stopped", lambda _: over.set())
            job = await fleet.trigger("bad")
            await over.wait()
            return job.id

    async def second(job_id: str) -> None:
        async with place.manager() as fleet:
            job = fleet.get_job(job_id)
            assert (job.status, job.outcome, len(job.attempts)) == (JobStatus.QUEUED, None, 1)
            assert not fleet._dispatcher.idle.is_set()
            assert (await fleet.cancel_job(job_id)).status is JobStatus.CANCELLED
            await fleet.until_idle()

    asyncio.run(second(asyncio.run(first())))
    assert place.ends == ["job:cancelled"]


def test_client_goes_on_with_its_own_conversation(place: Place) -> None:
    notes, job = conversed(place, INIT + result(result="finished"))
    assert job.status is JobStatus.COMPLETED, job.error
    first, second = (notes / "argv").read_text().splitlines()
    assert "--resume" not in first
    assert f"--resume={CONVERSATION}" in second
    prompts = (notes / "prompts").read_text()
    assert "Go on where you stopped" in prompts
    assert prompts.count("Tidy up") == 2
    assert [one.resumed for one in job.attempts] == ["", CONVERSATION]
    assert Path(job.attempts[1].worktree, "work.txt").read_text() == "work\n"


def test_client_whose_conversation_is_gone_begins_a_new_one(place: Place) -> None:
    said = f"No conversation found with session ID: {CONVERSATION}"
    gone = result("error_during_execution", errors=[said], num_turns=0, usage={})
    notes, job = conversed(place, gone)
    assert [one.lost for one in job.attempts] == [False, True, False]
    assert ["--resume" in one for one in (notes / "argv").read_text().splitlines()] == [False, True, False]
    assert "An earlier attempt" in (notes / "prompts").read_text()


def test_job_that_failed_is_retried_by_hand_and_a_copy_of_it_begins_anew(place: Place, git: Git) -> None:
    place.agent("odd", f"command: [sh, -c, {THIRD_TIME!r}]\n")

    async def main() -> None:
        async with place.manager() as fleet:
            created: list[str] = []
            fleet.on("job:created", lambda event: created.append(event.job.id))
            job = await fleet.trigger("odd", prompt_override="Tidy up", priority=3)
            for _ in range(2):
                await fleet.until_idle()
                assert (await fleet.retry_job(job.id)).status is JobStatus.QUEUED
            await fleet.until_idle()
            job = fleet.get_job(job.id)
            assert (job.status, job.error, len(job.attempts)) == (JobStatus.COMPLETED, "", 3)
            with pytest.raises(InvalidStateError, match="ended well"):
                await fleet.retry_job(job.id)
            copy = await fleet.fork_job(job.id, priority=5)
            assert (copy.prompt, copy.priority, copy.forked_from) == ("Tidy up", 5, job.id)
            other = await fleet.fork_job(job.id, prompt_override="Only the guides")
            assert (other.prompt, other.priority) == ("Only the guides", 3)
            with pytest.raises(AgentNotFoundError):
                await fleet.fork_job(job.id, agent_name="nobody")
            await fleet.until_idle()
            copy = fleet.get_job(copy.id)
            assert (copy.status, len(copy.attempts)) == (JobStatus.FAILED, 1)
            assert copy.attempts[0].branch != job.attempts[0].branch
            assert git(place.path, "show", f"{job.attempts[-1].branch}:tries.txt") == "try\ntry\ntry"
            assert created == [job.id, job.id, job.id, copy.id, other.id]

    asyncio.run(main())
    ends = ["job:failed", "job:failed", "job:completed", "job:failed", "job:failed"]
    assert place.ends == ends


def test_job_whose_worktree_was_taken_away_meanwhile_goes_on_on_its_branch(place: Place, git: Git) -> None:
    place.agent("odd", "command: [sh, -c, 'echo 1 >> runs.txt; exit 3']\n")

    async def main() -> None:
        async with place.manager() as fleet:
            job = await fleet.trigger("odd")
            await fleet.until_idle()
            git(place.path, "worktree", "remove", "--force", fleet.get_job(job.id).attempts[0].worktree)
            await fleet.retry_job(job.id)
            await fleet.until_idle()
        first, second = fleet.get_job(job.id).attempts
        assert (first.worktree, first.branch) == (second.worktree, second.branch)
        assert git(place.path, "show", f"{second.branch}:runs.txt") == "1\n1"

    asyncio.run(main())


def test_job_that_waits_to_be_tried_again_is_tried_at_once_when_somebody_asks_from_another_process(
    place: Place, gitfleet: Gitfleet
) -> None:
    place.agent("bad", "command: [sh, -c, 'exit 3']\nretry: {attempts: 2, backoff: 1h, outcomes: [failed]}\n")

    async def main() -> None:
        async with place.manager() as fleet:
            over = asyncio.Event()
            fleet.on("agent:stopped", lambda _: over.set())
            job = await fleet.trigger("bad")
            await over.wait()
            await asyncio.to_thread(lambda: gitfleet(place.path, "job", "retry", job.id).ok())
            await fleet.until_idle()
            assert len(fleet.get_job(job.id).attempts) == 2

    asyncio.run(main())
    assert place.ends == ["job:failed"]


def conversed(place: Place, second: str) -> tuple[Path, Any]:
    notes = place.path / ".git/notes"
    notes.mkdir()
    client = notes / "client"
    client.write_text(CLAUDE.format(notes=notes))
    client.chmod(0o755)
    (notes / "first").write_text(INIT + result("error_during_execution", errors=["overloaded"]))
    (notes / "second").write_text(second)
    place.agent(
        "one",
        f"runtime: claude\ncommand: [{client}]\nprompt: Tidy up\n"
        "retry: {attempts: 2, backoff: 1ms, outcomes: [failed]}\n",
    )

    async def main() -> Any:
        async with place.manager() as fleet:
            job = await fleet.trigger("one")
            await fleet.until_idle()
        return fleet.get_job(job.id)

    return notes, asyncio.run(main())
