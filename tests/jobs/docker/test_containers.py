"""The runtime docker, with a docker that notes what it is told and whose containers outlive its client."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

from gitfleet.errors import Blocked, UsageError
from gitfleet.jobs.attempts import containers, plan, start
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.shepherd.agent import AgentProcess
from gitfleet.jobs.shepherd.containers import LABEL, ContainerWatch
from gitfleet.jobs.shepherd.records import ContainerSpec
from gitfleet.jobs.streams import reader
from gitfleet.jobs.words import AttemptOutcome, JobStatus
from tests.jobs.acp.test_talking import AGENT
from tests.jobs.attempts.test_attempts import Bench
from tests.jobs.shepherd.agents import PYTHON, runs
from tests.workbench import PATIENCE, Git

IMAGE = "example/agent:1"
BOX = {"image": IMAGE}


class Docker:
    """The docker of a test, and what it was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(Path(__file__).parent / "program.py", folder / "program.py")
        (folder / "docker").write_text(f'#!/bin/sh\nexec {PYTHON} -IS {folder}/program.py "$@"\n')
        (folder / "docker").chmod(0o755)

    def told(self, word: str) -> list[tuple[list[str], dict[str, str]]]:
        """The calls of a command, with their environment."""
        path = self.folder / "told.jsonl"
        calls = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [(argv[1:], env) for argv, env in calls if argv[0] == word]

    def containers(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "containers").glob("*"))


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    made = Docker(tmp_path / "docker-of-the-test")
    monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
    return made


@pytest.fixture
def bench(member: Path, docker: Docker) -> Bench:
    return Bench(member)


def boxed(**more: Any) -> dict[str, Any]:
    return {"runtime": "docker", "docker": {**BOX, **more}}


def started(bench: Bench, script: str, **more: Any) -> tuple[JobRecord, control.Shepherd, int]:
    """An attempt whose agent has said its process id."""
    job, shepherd = bench.started(f"echo pid $$; {script}", **boxed(), **more)
    path = f"{bench.folder(job)}/stream.jsonl"
    for line in reader.follow(path, ended=lambda: not control.alive(bench.folder(job))):
        if line.text.startswith("pid "):
            return job, shepherd, int(line.text.split()[1])
    raise AssertionError(list(reader.read(path)))


@pytest.mark.always
def test_agent_works_in_a_container_with_the_worktree_and_gits_folder_where_they_are(
    bench: Bench, docker: Docker, git: Git
) -> None:
    job = bench.ran("cat; echo; echo $IMAGE; git rev-parse --show-toplevel; echo new > new.txt", **boxed())
    attempt = job.attempts[0]
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, AttemptOutcome.SUCCESS)
    assert bench.said(job) == ["Tidy up", IMAGE, attempt.worktree]
    assert git(bench.clone, "show", f"{attempt.branch}:new.txt") == "new"
    ((argv, _),) = docker.told("run")
    at = argv.index(IMAGE)
    assert argv[at + 1 :][:2] == ["sh", "-c"]
    assert {
        "--rm", "--init", "--interactive", "--cap-drop=ALL", "--security-opt=no-new-privileges",
        f"--name=gitfleet-{attempt.session}-1", f"--workdir={attempt.worktree}", f"--user={os.getuid()}:{os.getgid()}",
        f"--mount=type=bind,source={attempt.worktree},target={attempt.worktree}",
        f"--mount=type=bind,source={bench.clone}/.git,target={bench.clone}/.git,readonly",
        f"--mount=type=bind,source={attempt.worktree}/.git,target={attempt.worktree}/.git,readonly",
        f"--mount=type=bind,source={bench.clone}/.git/gitfleet/empty,target={bench.clone}/.git/gitfleet,readonly",
    } <= set(argv[:at])  # fmt: skip
    assert docker.containers() == []
    assert list((bench.clone / ".git/gitfleet/empty").iterdir()) == []


def test_agent_of_the_protocol_is_talked_to_in_its_container(bench: Bench, docker: Docker, git: Git) -> None:
    command = [PYTHON, "-I", "-S", AGENT, "say=hello", "ask=edit"]
    job = bench.ran("", command=command, permissions="allow", **boxed(runs="acp"))
    (attempt,) = job.attempts
    assert (job.outcome, attempt.text, attempt.conversation) == (
        AttemptOutcome.SUCCESS,
        "answered id-allow_once",
        "session-1",
    )
    assert git(bench.clone, "show", f"{attempt.branch}:edit.txt") == "edit"
    assert docker.containers() == []


def test_variables_go_by_their_names_and_this_machines_paths_stay_outside(
    bench: Bench, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret-of-mine")
    env = {"allow": "MY_*", "set": {"OTHER": "secret-of-the-file", "HOME": "/home/agent"}}
    job = bench.ran("echo $MY_TOKEN $OTHER $HOME $GITFLEET_SESSION $TRACEPARENT", env=env, **boxed())
    told = bench.said(job)[0].split()
    assert told[:3] == ["secret-of-mine", "secret-of-the-file", "/home/agent"]
    ((argv, client),) = docker.told("run")
    assert "secret" not in " ".join(argv)
    assert {"--env=MY_TOKEN", "--env=OTHER", "--env=HOME=/home/agent", "--env=GITFLEET_SESSION"} <= set(argv)
    assert not {"--env=PATH", "--env=TMPDIR", "--env=XDG_CONFIG_HOME"} & set(argv)
    assert client["HOME"] == os.environ["HOME"]


def test_what_the_file_says_of_the_container_is_told(bench: Bench, docker: Docker) -> None:
    box = boxed(
        mounts=["/etc/hosts:/hosts:ro", "cache:/cache", "/a,b:/c"],
        network="none",
        cpus=1.5,
        user="agent",
        git="write",
    )
    bench.ran("true", limits={"memory": "1G"}, **box)
    ((argv, _),) = docker.told("run")
    assert {
        "--network=none", "--cpus=1.5", "--user=agent", "--memory=1073741824", "--memory-swap=1073741824",
        "--mount=type=bind,source=/etc/hosts,target=/hosts,readonly", "--mount=type=volume,source=cache,target=/cache",
        '--mount=type=bind,"source=/a,b",target=/c', f"--mount=type=bind,source={bench.clone}/.git,target={bench.clone}/.git",
    } <= set(argv)  # fmt: skip


def test_limit_of_memory_that_docker_cannot_hold_is_said(bench: Bench, docker: Docker) -> None:
    (docker.folder / "unlimited").touch()
    job = bench.ran("true", limits={"memory": "1G"}, **boxed())
    assert "limits.memory is not enforced" in job.attempts[0].notes[0]


def test_setup_and_verify_run_in_containers_of_their_own(bench: Bench, docker: Docker) -> None:
    job = bench.ran(
        "echo new > new.txt", setup={"command": ["sh", "-c", "echo made in $IMAGE"]}, verify=["test", "-n", "x"], **boxed()
    )  # fmt: skip
    assert job.outcome is AttemptOutcome.SUCCESS
    parts = [next(word for word in argv if word.startswith("--name=")) for argv, _ in docker.told("run")]
    assert [name.rpartition("-")[2] for name in parts] == ["setup", "1", "verify"]
    assert f"made in {IMAGE}" in [line.text for line in reader.read(f"{bench.folder(job)}/stream.jsonl")]


def test_failure_of_the_container_is_that_of_the_attempt(bench: Bench) -> None:
    job = bench.ran("echo no such thing >&2; exit 127", **boxed())
    assert job.outcome is AttemptOutcome.FAILED
    assert "no such thing" in job.error


def test_agent_that_ends_at_term_is_cancelled_in_its_container(bench: Bench, docker: Docker) -> None:
    job, shepherd, pid = started(bench, "exec sleep 1000")
    shepherd.stop(grace=100_000)
    assert shepherd.wait(PATIENCE)
    shepherd.close()
    assert bench.conclude(job).outcome is AttemptOutcome.CANCELLED
    assert not runs(pid)
    assert docker.told("rm") == []


def test_container_that_outlives_its_client_is_removed_before_the_attempt_is_over(
    bench: Bench, docker: Docker
) -> None:
    job, shepherd, pid = started(bench, "trap '' TERM; while :; do sleep 1; done")
    shepherd.stop(grace=100)
    end = shepherd.wait(PATIENCE)
    shepherd.close()
    assert end is not None
    assert (end.killed, end.containers) == (True, ())
    assert (runs(pid), docker.containers()) == (False, [])
    assert bench.conclude(job).status is JobStatus.CANCELLED


def test_container_whose_shepherd_was_killed_is_removed_when_that_is_seen(
    bench: Bench, docker: Docker
) -> None:
    job, shepherd, pid = started(bench, "trap '' TERM; while :; do sleep 1; done")
    os.kill(shepherd.pid, 9)
    shepherd.wait(PATIENCE)
    shepherd.close()
    job = bench.conclude(job)
    assert (job.outcome, job.attempts[0].kept) == (AttemptOutcome.INTERRUPTED, "")
    assert (runs(pid), docker.containers()) == (False, [])


@pytest.mark.parametrize("trouble", ["stuck", "silent"])
def test_container_that_cannot_be_removed_keeps_the_worktree_and_is_told(
    bench: Bench, docker: Docker, trouble: str
) -> None:
    retry = {"attempts": 2, "outcomes": ["interrupted"]}
    job, shepherd, pid = started(bench, "trap '' TERM; while :; do sleep 1; done", retry=retry)
    (docker.folder / trouble).touch()
    os.kill(shepherd.pid, 9)
    shepherd.wait(PATIENCE)
    shepherd.close()
    job = bench.conclude(job)
    os.kill(pid, 9)
    assert job.status is JobStatus.INTERRUPTED  # and nothing follows
    assert "containers that could not be removed" in job.attempts[0].kept
    assert ("label" in job.attempts[0].kept) == (trouble == "silent")


def test_machine_without_docker_is_told_so(bench: Bench, tmp_path: Path) -> None:
    job = bench.taken("true", **boxed())
    agent = plan.agent_of(bench.folder(job))
    with pytest.raises(UsageError, match="docker"):
        containers.call(agent, job.attempts[0], {"PATH": str(tmp_path)})


def test_docker_that_does_not_answer_is_told_before_anything_begins(bench: Bench, docker: Docker) -> None:
    (docker.folder / "silent").touch()
    job = bench.taken("true", **boxed())
    with pytest.raises(Blocked, match="Cannot connect to the Docker daemon"):
        start.start(bench.store, job.id, os.environ)
    job = bench.conclude(job, failure="no docker")
    assert (job.status, job.attempts[0].kept) == (JobStatus.FAILED, "")


class Reaped:
    """An agent that has ended; its helpers are waited for."""

    def __init__(self) -> None:
        self.helpers: dict[int, int | None] = {}

    def wait(self) -> None:
        for pid, status in self.helpers.items():
            if status is None:
                self.helpers[pid] = os.waitpid(pid, 0)[1]


@pytest.mark.parametrize("trouble", ["stuck", "silent"])
def test_docker_that_removes_nothing_is_given_up_on_after_a_while(
    docker: Docker, tmp_path: Path, trouble: str
) -> None:
    (docker.folder / "containers").mkdir()
    (docker.folder / "containers" / ("a" * 64)).write_text(json.dumps([f"{LABEL}=mine", 0]))
    (docker.folder / trouble).touch()
    box = ContainerSpec(f"{docker.folder}/docker", "mine", {"PATH": os.environ["PATH"]})
    watch, agent, now = ContainerWatch(box, str(tmp_path)), Reaped(), 100.0
    while not watch.look(cast("AgentProcess", agent), now, over=True):
        agent.wait()
        now += 20
    assert now < 300
    assert watch.due() is None
    (left,) = watch.left
    assert ("aaa" in left) == (trouble == "stuck")
