"""`start`, `stop`, `restart`, `reload`, `logs`: a manager in the background, from other processes; and one that is killed."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import clock, identity
from gitfleet.base.identity import ProcessIdentity
from gitfleet.jobs.daemon import presence
from gitfleet.jobs.daemon.presence import RunningManager
from tests import forms
from tests.workbench import PATIENCE, Entrant, Gitfleet, Race, overlaid
from tests.workbench import run as run_program

AGENT = "command: [sh, -c, {script!r}]\nworking_directory: ..\nlimits: {{grace: 1s}}\n"


@pytest.fixture
def ada(member: Path, gitfleet: Gitfleet) -> Iterator[Path]:
    (member / "agents").mkdir()
    os.mkfifo(member / ".git/ready")
    os.mkfifo(member / ".git/gate")
    write(member, "tidy", "echo one")
    write(
        member,
        "long",
        f"echo on > {member}/.git/ready; echo ready; read -r _ < {member}/.git/gate; echo over",
    )
    yield member
    gitfleet(member, "stop", "--no-wait").ok()


def write(ada: Path, name: str, script: str) -> None:
    (ada / f"agents/{name}.yaml").write_text(AGENT.format(script=script))


def told(gitfleet: Gitfleet, ada: Path, *args: str) -> Any:
    return forms.held(gitfleet(ada, *args, "--json").ok().json())


def state(ada: Path) -> str:
    return str(ada / ".git/gitfleet/jobs")


def running(ada: Path) -> RunningManager:
    found = presence.present(state(ada))
    assert found is not None
    return found


def gone(who: ProcessIdentity | None) -> None:
    """Wait for its end."""
    assert who is not None
    try:
        handle = os.pidfd_open(who.pid)
    except ProcessLookupError:
        return
    try:
        assert identity.state(who) == "dead" or select.select([handle], [], [], PATIENCE)[0]
    finally:
        os.close(handle)


def job_of(gitfleet: Gitfleet, ada: Path, agent: str) -> str:
    return str(told(gitfleet, ada, "trigger", agent)["job"]["id"])


def test_manager_in_the_background_runs_what_is_triggered_until_it_is_stopped(
    ada: Path, gitfleet: Gitfleet
) -> None:
    started = told(gitfleet, ada, "start")
    assert (started["started"], started["jobs"]) == (True, {"active": 0, "queued": 0})
    assert told(gitfleet, ada, "start") == {**started, "started": False}
    assert "are run by process" in gitfleet(ada, "run").ended(20).stderr
    who = running(ada).process
    assert who is not None
    assert os.getsid(who.pid) == who.pid
    assert Path(state(ada), "manager.pid").read_text() == f"{who.pid}\n"
    job = job_of(gitfleet, ada, "tidy")
    assert gitfleet(ada, "job", "logs", "-f", job).ok().stdout == "one\n"
    stopped = gitfleet(ada, "stop").ok()
    assert stopped.stdout == f"stopped process {who.pid}\n"
    gone(who)
    assert told(gitfleet, ada, "job", "show", job)["job"]["status"] == "completed"
    assert told(gitfleet, ada, "stop") == {"stopped": None}
    assert not {"manager.json", "manager.pid"} & set(os.listdir(state(ada)))


def test_stop_waits_for_jobs_and_says_so_and_cancels_them_after_its_time(
    ada: Path, gitfleet: Gitfleet
) -> None:
    told(gitfleet, ada, "start")
    first = job_of(gitfleet, ada, "long")
    (ada / ".git/ready").read_text()
    argv, env = gitfleet.argv("stop", "--timeout", "never"), overlaid(gitfleet.environment())
    with subprocess.Popen(argv, cwd=ada, env=env, stderr=subprocess.PIPE, text=True) as stopping:
        assert stopping.stderr is not None
        assert stopping.stderr.readline() == "waiting for 1 job\n"
        (ada / ".git/gate").write_text("go\n")
        stopping.communicate()
    assert stopping.returncode == 0
    assert told(gitfleet, ada, "job", "show", first)["job"]["status"] == "completed"
    told(gitfleet, ada, "start")
    second = job_of(gitfleet, ada, "long")
    (ada / ".git/ready").read_text()
    gitfleet(ada, "stop", "--timeout", "0").ok()
    assert told(gitfleet, ada, "job", "show", second)["job"]["status"] == "cancelled"
    assert "no length of time" in gitfleet(ada, "stop", "--timeout", "soon").ended(2).stderr


@pytest.mark.parametrize("how", ["restart", "killed", "left"])
def test_job_goes_on_over_another_manager(ada: Path, gitfleet: Gitfleet, how: str) -> None:
    told(gitfleet, ada, "start")
    job = job_of(gitfleet, ada, "long")
    (ada / ".git/ready").read_text()
    before = running(ada)
    if how == "restart":
        assert told(gitfleet, ada, "restart")["jobs"]["active"] == 1
    else:
        if how == "killed":
            os.kill(before.pid, signal.SIGKILL)
        else:
            gitfleet(ada, "stop", "--leave-running").ok()
        gone(before.process)
        assert presence.present(state(ada)) is None
        assert told(gitfleet, ada, "job", "show", job)["job"]["status"] == "running"
        told(gitfleet, ada, "start")
    gone(before.process)
    assert running(ada).instance != before.instance
    (ada / ".git/gate").write_text("go\n")
    assert gitfleet(ada, "job", "logs", "-f", job).ok().stdout == "ready\nover\n"
    gitfleet(ada, "stop", "--timeout", "never").ok()
    shown = told(gitfleet, ada, "job", "show", job)["job"]
    assert (shown["status"], len(shown["attempts"])) == ("completed", 1)


def test_answers_are_the_same_whether_a_manager_runs_or_not(ada: Path, gitfleet: Gitfleet) -> None:
    job = job_of(gitfleet, ada, "tidy")
    gitfleet(ada, "run", "--until-idle").ok()
    waiting = job_of(gitfleet, ada, "tidy")
    gitfleet(ada, "job", "cancel", waiting).ok()
    asked = [
        *(("job", "show", one) for one in (job, waiting)), ("job", "list"), ("job", "list", "--status", "completed"),
        ("job", "logs", job), ("history", job), ("agent", "list"), ("agent", "show", "tidy"), ("schedule", "list"), ("pool", "list"),
    ]  # fmt: skip
    alone = [told(gitfleet, ada, *args) for args in asked]
    told(gitfleet, ada, "start")
    assert [told(gitfleet, ada, *args) for args in asked] == alone
    long = job_of(gitfleet, ada, "long")
    (ada / ".git/ready").read_text()
    seen = gitfleet(ada, "job", "logs", "--tail", "1", long).ok().stdout  # comes back while it runs
    assert seen in {"", "ready\n"}
    (ada / ".git/gate").write_text("go\n")
    assert gitfleet(ada, "job", "logs", "-f", long).ok().stdout == "ready\nover\n"
    assert gitfleet(ada, "job", "logs", "-f", "-n1", long).ok().stdout == "over\n"
    assert gitfleet(ada, "job", "logs", "--tail", "1", long).ok().stdout == "over\n"


def test_signals_stop_it_and_have_it_read_the_files_again(ada: Path, gitfleet: Gitfleet) -> None:
    told(gitfleet, ada, "start")
    there = running(ada)
    following = gitfleet.start(ada, "logs", "-f", "--json")
    write(ada, "other", "echo two")
    os.kill(there.pid, signal.SIGHUP)
    end = clock.elapsed() + PATIENCE
    while "config:reloaded" not in gitfleet(ada, "logs", "--json").ok().stdout:
        assert clock.elapsed() < end
    assert gitfleet(ada, "job", "logs", "-f", job_of(gitfleet, ada, "other")).ok().stdout == "two\n"
    os.kill(there.pid, signal.SIGTERM)
    gone(there.process)
    entries = told(gitfleet, ada, "logs", "--tail", "1")["entries"]
    assert [one["message"] for one in entries] == ["stopped: SIGTERM"]
    while "stopped: SIGTERM" not in following.said():
        assert clock.elapsed() < end
        clock.wait(0.02)
    following.send(signal.SIGINT)
    lines = [json.loads(line) for line in following.ended().ok().stdout.splitlines()]
    for line in lines:
        forms.held(line)
    assert [line["data"]["entries"][0]["event"] for line in lines][:2] == ["started", "config:reloaded"]


def test_reload_answers_with_the_changes_or_with_every_finding(ada: Path, gitfleet: Gitfleet) -> None:
    assert "Nobody runs jobs here" in gitfleet(ada, "reload").ended(20).stderr
    told(gitfleet, ada, "start")
    write(ada, "other", "echo two")
    assert told(gitfleet, ada, "reload") == {"changes": ["agent:other added"]}
    assert gitfleet(ada, "reload").ok().stdout == "nothing has changed\n"
    waits = job_of(gitfleet, ada, "long")
    (ada / ".git/ready").read_text()
    job = job_of(gitfleet, ada, "long")
    (ada / "agents/long.yaml").unlink()
    told(gitfleet, ada, "reload")
    assert "why: there is no agent long any more" in gitfleet(ada, "job", "show", job).ok().stdout
    assert told(gitfleet, ada, "job", "show", waits)["job"]["waits"] == ""
    (ada / "agents/other.yaml").write_text("comand: x\n")
    assert "other.yaml:1: comand: there is no such key" in gitfleet(ada, "reload").ended(2).stderr
    assert told(gitfleet, ada, "job", "list", "--status", "running")["jobs"][0]["id"] == waits


def test_start_that_cannot_be_says_why_and_leaves_nothing(ada: Path, gitfleet: Gitfleet) -> None:
    (ada / "agents/tidy.yaml").write_text("comand: x\n")
    assert "comand" in gitfleet(ada, "start").ended(2).stderr
    write(ada, "tidy", "echo one")
    os.makedirs(ada / ".git/gitfleet/jobs/log/000000000001.jsonl")
    said = gitfleet(ada, "start").ended(20).stderr
    assert "000000000001.jsonl" in said
    assert presence.present(state(ada)) is None
    os.rmdir(ada / ".git/gitfleet/jobs/log/000000000001.jsonl")
    told(gitfleet, ada, "start")


def test_manager_in_the_background_holds_nothing_of_whoever_started_it(ada: Path, gitfleet: Gitfleet) -> None:
    listens, says = os.pipe()
    os.set_inheritable(says, True)
    env = {**gitfleet.environment(), "GITFLEET_SESSION": "somebody", "ALSO": "here"}
    with subprocess.Popen(
        gitfleet.argv("start"), cwd=ada, env=overlaid(env), pass_fds=[says], stdout=subprocess.PIPE, text=True
    ) as start:
        os.close(says)
        assert start.communicate()[0].startswith("runs now")
    assert os.read(listens, 1) == b""
    os.close(listens)
    names = identity.environment_names(running(ada).pid)
    assert "ALSO" in names
    assert "GITFLEET_SESSION" not in names


def test_two_that_start_at_once_meet_one_manager(ada: Path, gitfleet: Gitfleet, race: Race) -> None:
    argv = gitfleet.argv("start", "--json")
    ran = race([Entrant(argv, ada, gitfleet.environment())] * 3)
    answers = [forms.held(one.ok().json()) for one in ran]
    assert {answer["manager"]["pid"] for answer in answers} == {running(ada).pid}
    assert sorted(answer["started"] for answer in answers) == [False, False, True]


def test_reader_of_the_log_that_goes_away_ends_it_quietly(ada: Path, gitfleet: Gitfleet) -> None:
    told(gitfleet, ada, "start")
    said = run_program(
        ["sh", "-c", f"{shlex.join(gitfleet.argv('logs', '-f'))} | head -n 1"],
        ada,
        env=gitfleet.environment(),
    ).ok()
    assert said.stdout.endswith("fleet: started\n")
    assert said.stderr == ""


def test_foreground_manager_is_stopped_from_elsewhere(ada: Path, gitfleet: Gitfleet) -> None:
    ran = gitfleet.start(ada, "run", "--json")
    job = job_of(gitfleet, ada, "tidy")
    gitfleet(ada, "job", "logs", "-f", job).ok()
    assert told(gitfleet, ada, "stop")["stopped"]["pid"] == ran.pid
    assert ran.ended().ok().json()["data"]["completed"] == 1
