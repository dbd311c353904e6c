"""Jobs of agents that speak the protocol, by the command line, from their files to their branches."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from gitfleet.jobs.definitions import configuration
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.records.store import JobStore
from tests.jobs.acp.test_talking import AGENT, asked
from tests.jobs.shepherd.agents import PYTHON
from tests.workbench import PATIENCE, ROOT, Git, Gitfleet

READS = {"command": ["sh", "-c", "cat; echo ready"]}
"""A setup that reads its input to the end: what the agent is told is not for it."""
Ran = Callable[..., dict[str, Any]]


@pytest.fixture
def ada(member: Path) -> Path:
    (member / "agents").mkdir()
    return member


def file(ada: Path, *words: str, **keys: Any) -> None:
    """The file of the agent `talker`, which does these words."""
    command = [PYTHON, "-I", "-S", AGENT, *words]
    values = {"runtime": "acp", "command": command, "working_directory": "..", "prompt": "Do it", **keys}
    (ada / "agents/talker.yaml").write_text(json.dumps(values))


def triggered(ada: Path, gitfleet: Gitfleet) -> str:
    job: str = gitfleet(ada, "trigger", "talker", "--json").ok().json()["data"]["job"]["id"]
    return job


@pytest.fixture
def ran(ada: Path, gitfleet: Gitfleet) -> Ran:
    """A job of such an agent, run to its end."""

    def job(*words: str, **keys: Any) -> dict[str, Any]:
        file(ada, *words, **keys)
        number = triggered(ada, gitfleet)
        gitfleet(ada, "run", "--until-idle").ended(0, 21)
        found: dict[str, Any] = gitfleet(ada, "job", "show", number, "--json").ok().json()["data"]["job"]
        return found

    return job


@pytest.mark.always
def test_work_of_an_agent_that_was_allowed_is_on_its_branch(ran: Ran, ada: Path, git: Git) -> None:
    job = ran(
        "say=hello",
        "ask=edit",
        "sh=echo B=3 > src/api/b.py",
        permissions="allow",
        options={"mode": "plan"},
        setup=READS,
    )
    (attempt,) = job["attempts"]
    assert (job["status"], job["outcome"], attempt["conversation"]) == ("completed", "success", "session-1")
    assert git(ada, "show", f"{attempt['branch']}:src/api/b.py") == "B=3"
    assert git(ada, "show", f"{attempt['branch']}:edit.txt") == "edit"


@pytest.mark.parametrize(
    ("words", "outcome", "error"),
    [
        (["say=done"], "no_change", ""),
        (["say=done", "ask=edit"], "failed", "nothing was changed; it was not allowed: the edit thing"),
        (["say=done", "free"], "failed", "nothing was changed; it told no usage"),
        (["say=Error: no model", "free"], "failed", "Error: no model"),
    ],
)
def test_end_of_a_turn_is_no_success_by_itself(ran: Ran, words: list[str], outcome: str, error: str) -> None:
    job = ran(*words, permissions={"default": "reject"})
    assert (job["outcome"], job["error"]) == (outcome, error)


class Asking:
    """A job, run by a daemon, whose agent asks for permissions and waits for a person."""

    def __init__(self, ada: Path, gitfleet: Gitfleet, *words: str) -> None:
        gate = ada / ".git/ready"
        os.mkfifo(gate)
        file(ada, f"ready={gate}", *words)
        self.job = triggered(ada, gitfleet)
        assert "asks nothing" in gitfleet(ada, "job", "answer", self.job).ok().stdout
        self.daemon = gitfleet.start(ada, "run", "--until-idle")
        assert gate.read_text() == "ready\n"
        self.folder = Path(JobStore(str(ada / ".git/gitfleet/jobs")).attempt_folder(self.job, 1))


def test_agent_that_asks_waits_until_a_person_answers(ada: Path, gitfleet: Gitfleet) -> None:
    asking = Asking(ada, gitfleet, "ask=edit", "ask=execute")
    asked(asking.folder, "101")
    told = gitfleet(ada, "job", "answer", asking.job, "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["job answer"].data, told)
    assert told["questions"] == [{"id": "101", "text": "edit: the edit thing"}]
    assert "waits for an answer (101): edit" in gitfleet(ada, "job", "show", asking.job).ok().stdout
    assert (
        "has not asked '7'"
        in gitfleet(ada, "job", "answer", asking.job, "--allow", "--question", "7").ended(20).stderr
    )
    assert "allowed" in gitfleet(ada, "job", "answer", asking.job, "--allow", "--question", "101").ok().stdout
    asked(asking.folder, "102")
    gitfleet(ada, "job", "answer", asking.job, "--reject").ok()
    asking.daemon.ended().ok()
    shown = gitfleet(ada, "job", "show", asking.job, "--json").ok().json()["data"]["job"]
    place = Path(shown["attempts"][0]["worktree"])
    assert (shown["outcome"], (place / "edit.txt").exists(), (place / "execute.txt").exists()) == (
        "success",
        True,
        False,
    )
    assert "waits for no answer" in gitfleet(ada, "job", "answer", asking.job, "--allow").ended(20).stderr


def test_answer_reaches_an_agent_whose_daemon_was_killed_and_the_next_one_ends_its_job(
    ada: Path, gitfleet: Gitfleet
) -> None:
    asking = Asking(ada, gitfleet, "ask=edit")
    asked(asking.folder, "101")
    asking.daemon.send(signal.SIGKILL)
    asking.daemon.ended()
    assert "allowed" in gitfleet(ada, "job", "answer", asking.job, "--allow").ok().stdout
    gitfleet(ada, "run", "--until-idle").ok()
    shown = gitfleet(ada, "job", "show", asking.job, "--json").ok().json()["data"]["job"]
    assert (shown["outcome"], len(shown["attempts"])) == ("success", 1)


def test_job_that_waits_for_a_person_is_cancelled_as_any_other(ada: Path, gitfleet: Gitfleet) -> None:
    asking = Asking(ada, gitfleet, "ask=edit")
    asked(asking.folder, "101")
    assert "cancelled" in gitfleet(ada, "job", "cancel", asking.job).ok().stdout
    asking.daemon.ended().ok()


def test_variables_of_a_known_agent_are_handed_on_and_the_file_has_the_last_word(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GEMINI_API_KEY", "COPILOT_MODEL", "GEMINI_CLI"):
        monkeypatch.setenv(name, "ours")
    job = ran(
        "sh=env > env.txt", options={"agent": "gemini"}, env={"set": {"GEMINI_CLI_TRUST_WORKSPACE": "false"}}
    )
    text = (Path(job["attempts"][0]["worktree"]) / "env.txt").read_text()
    found = dict(line.partition("=")[::2] for line in text.splitlines())
    assert found["GEMINI_API_KEY"] == "ours"
    assert found["GEMINI_CLI_NO_RELAUNCH"] == "true"
    assert found["GEMINI_CLI_TRUST_WORKSPACE"] == "false"
    assert not {"COPILOT_MODEL", "GEMINI_CLI"} & found.keys()


def test_template_is_a_file_that_can_be_used(tmp_path: Path) -> None:
    text = (ROOT / "templates/agents/acp.yaml").read_text()
    (tmp_path / "talker.yaml").write_text(text)
    agent = configuration.load(str(tmp_path), environ={}).agents["talker"]
    assert (agent.runtime, agent.permissions["execute"], agent.permissions["edit"]) == ("acp", "ask", "allow")


def test_job_that_is_tried_again_goes_on_with_its_conversation(
    ran: Ran, ada: Path, gitfleet: Gitfleet, tmp_path: Path
) -> None:
    job = ran("loads", "say=half", "die=3")
    assert (job["outcome"], job["attempts"][0]["conversation"]) == ("failed", "session-1")
    heard = tmp_path / "heard"
    file(ada, "loads", "say=whole", "sh=echo B=3 > src/api/b.py", env={"set": {"HEARD": str(heard)}})
    gitfleet(ada, "job", "retry", job["id"]).ok()
    gitfleet(ada, "run", "--until-idle").ok()
    shown = gitfleet(ada, "job", "show", job["id"], "--json").ok().json()["data"]["job"]
    first, second = shown["attempts"]
    assert (shown["outcome"], second["text"], second["conversation"]) == ("success", "whole", "session-1")
    assert first["worktree"] == second["worktree"]
    assert "You were stopped" in json.loads(heard.read_text())["prompt"][0]["text"]


def test_manager_tells_that_an_agent_asks_and_a_program_answers(ada: Path) -> None:
    file(ada, "ask=edit")

    async def main() -> None:
        fleet = FleetManager(config_path=str(ada / "agents"))
        asks: asyncio.Queue[Any] = asyncio.Queue()
        fleet.on("job:needs_input", asks.put_nowait)
        async with fleet:
            job = await fleet.trigger("talker")
            event = await asyncio.wait_for(asks.get(), PATIENCE)
            assert (event.job_id, event.text) == (job.id, "the edit thing")
            with pytest.raises(InvalidStateError):
                await fleet.answer_job(job.id, allow=True, question="no-such-question")
            await fleet.answer_job(job.id, allow=True)
            await fleet.until_idle()
            assert fleet.get_job(job.id).outcome == "success"

    asyncio.run(main())
