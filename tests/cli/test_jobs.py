"""The commands for jobs, without a daemon, with one, and with one that is asked to stop."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from gitfleet.cli import schemas
from gitfleet.codec import replace
from gitfleet.fleet.views import schema
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from tests.workbench import Gitfleet


@pytest.fixture
def ada(member: Path) -> Path:
    agents = member / "agents"
    agents.mkdir()
    (agents / "fleet.yaml").write_text(
        "default_agent: tidy\ndefaults: {working_directory: .., limits: {grace: 1s}}\n"
    )
    (agents / "tidy.yaml").write_text(
        "command: [sh, -c, 'cat > task.txt; printf \"said \\033[31mred\\n\"']\n"
    )
    (agents / "slow.yaml").write_text("command: [sh, -c, 'echo ready; : > $HOME/ready; exec sleep 1000']\n")
    return member


def test_task_goes_from_its_instruction_to_its_history(ada: Path, gitfleet: Gitfleet) -> None:
    told = gitfleet(ada, "enqueue", "--working-dir", ada, "Tidy up", "--json").ok().json()
    job = told["data"]["job"]["id"]
    schema.validate(schemas.COMMANDS["enqueue"].data, told["data"])
    assert "nobody runs jobs here" in gitfleet(ada, "job").ok().stdout
    waits = gitfleet(ada, "job", "show", job).ok().stdout
    assert "prompt: Tidy up\n" in waits
    assert "why: nobody runs jobs here" in waits
    ran = gitfleet(ada, "run", "--until-idle", "--json").ok().json()
    assert ran["data"] == {"completed": 1, "failed": 0, "cancelled": 0}
    shown = gitfleet(ada, "job", "show", job, "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["job show"].data, shown)
    assert Path(shown["job"]["attempts"][0]["worktree"], "task.txt").read_text() == "Tidy up"
    assert gitfleet(ada, "job", "logs", job).ok().stdout == "said \\x1b[31mred\n"
    for command in (("history", job), ("job", "list"), ("job", "logs", job)):
        data = gitfleet(ada, *command, "--json").ok().json()["data"]
        schema.validate(schemas.COMMANDS[" ".join(word for word in command if word != job)].data, data)
    assert "stdout raw" in gitfleet(ada, "history", job).ok().stdout


def test_job_that_waits_is_cancelled_without_a_daemon(ada: Path, gitfleet: Gitfleet) -> None:
    job = gitfleet(ada, "trigger", "slow", "--json").ok().json()["data"]["job"]["id"]
    assert "cancelled" in gitfleet(ada, "job", "cancel", job).ok().stdout
    assert "ended already" in gitfleet(ada, "job", "cancel", job).ended(20).stderr
    assert job in gitfleet(ada, "job", "list", "--status", "cancelled", "--agent", "slow").ok().stdout


def test_list_shows_what_is_open_before_newer_jobs_that_have_ended(ada: Path, gitfleet: Gitfleet) -> None:
    store = JobStore(str(ada / ".git/gitfleet/jobs"))
    made = [store.create(JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED)) for _ in range(4)]
    for job in made[1:]:
        store.update(job.id, lambda one: replace(one, status=JobStatus.COMPLETED))
    listed = gitfleet(ada, "job", "list", "--limit", "2", "--json").ok().json()["data"]["jobs"]
    assert [one["id"] for one in listed] == [made[0].id, made[3].id]


def test_job_that_was_cancelled_is_retried_and_forked(ada: Path, gitfleet: Gitfleet) -> None:
    (ada / "agents/tidy.yaml").write_text("command: [sh, -c, 'cat > $GITFLEET_SESSION.txt']\n")
    job = gitfleet(ada, "enqueue", "Tidy up", "--json").ok().json()["data"]["job"]["id"]
    assert "has not ended" in gitfleet(ada, "job", "retry", job).ended(20).stderr
    gitfleet(ada, "job", "cancel", job).ok()
    told = gitfleet(ada, "job", "retry", job, "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["job retry"].data, told)
    assert (told["job"]["status"], told["job"]["completed_at"]) == ("queued", 0)
    told = gitfleet(ada, "job", "fork", job, "--prompt", "Only docs", "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["job fork"].data, told)
    assert (told["job"]["prompt"], told["job"]["forked_from"]) == ("Only docs", job)
    ran = gitfleet(ada, "run", "--until-idle", "--json").ok().json()
    assert ran["data"] == {"completed": 2, "failed": 0, "cancelled": 0}


def test_bad_requests_say_what_is_known(ada: Path, gitfleet: Gitfleet) -> None:
    assert "slow, tidy" in gitfleet(ada, "trigger", "nobody").ended(2).stderr
    assert "../x" in gitfleet(ada, "job", "show", "../x").ended(2).stderr
    gitfleet(ada, "job", "list", "--status", "odd").ended(2)
    assert "Name a folder" in gitfleet(ada, "enqueue", "--working-dir", "/", "Tidy").ended(2).stderr
    assert "Name a folder" in gitfleet(ada, "trigger", "tidy", "--working-dir", "/").ended(2).stderr
    told = gitfleet(ada, "trigger", "tidy", "--working-dir", "src", "--json").ok().json()["data"]["job"]
    assert told["working_directory"] == str(ada / "src")
    (ada / "agents/lost.yaml").write_text('command: ["true"]\nworking_directory: /no/such\n')
    told = gitfleet(ada, "trigger", "lost", "--json").ended(2).json()
    assert told["status"] == "configuration-error"
    assert "agent lost: working_directory: /no/such is not in a git" in told["data"]["error"]["message"]
    (ada / "agents/lost.yaml").unlink()
    (ada / "agents/tidy.yaml").write_text("comand: x\n")
    assert "command" in gitfleet(ada, "run").ended(2).stderr


def test_job_of_a_daemon_that_was_killed_is_cancelled_by_the_command_line(
    ada: Path, gitfleet: Gitfleet, tmp_path: Path
) -> None:
    job = gitfleet(ada, "trigger", "slow", "--json").ok().json()["data"]["job"]["id"]
    gate = ada / ".git/ready"

    os.mkfifo(gate)
    (ada / "agents/slow.yaml").write_text(f"command: [sh, -c, 'echo on > {gate}; exec sleep 1000']\n")
    daemon = gitfleet.start(ada, "run")
    assert gate.read_text() == "on\n"
    daemon.send(signal.SIGKILL)
    daemon.ended()
    assert "running" in gitfleet(ada, "job", "show", job).ok().stdout
    assert "cancelled" in gitfleet(ada, "job", "cancel", job).ok().stdout


def test_daemon_that_is_asked_to_stop_twice_cancels_what_runs(ada: Path, gitfleet: Gitfleet) -> None:

    gate = ada / ".git/ready"
    os.mkfifo(gate)
    (ada / "agents/slow.yaml").write_text(f"command: [sh, -c, 'echo on > {gate}; exec sleep 1000']\n")
    gitfleet(ada, "trigger", "slow").ok()
    daemon = gitfleet.start(ada, "run", "--json")
    assert gate.read_text() == "on\n"
    daemon.send(signal.SIGINT)
    daemon.send(signal.SIGTERM)
    assert daemon.ended().ok().json()["data"]["cancelled"] == 1


def test_run_until_idle_says_that_jobs_failed(ada: Path, gitfleet: Gitfleet) -> None:
    (ada / "agents/wrong.yaml").write_text("command: [sh, -c, 'exit 3']\n")
    for name in ("wrong", "tidy"):
        gitfleet(ada, "trigger", name, "--prompt", "x").ok()
    told = gitfleet(ada, "run", "--until-idle", "--json").ended(21).json()
    schema.validate(schemas.COMMANDS["run"].data, told["data"])
    assert (told["status"], told["data"]) == ("partial", {"completed": 1, "failed": 1, "cancelled": 0})
    gitfleet(ada, "run", "--until-idle").ok()
