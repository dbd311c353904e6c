"""The runtime docker: the command line that runs an attempt's program in a container of its own.

The worktree and git's folder of the clone are mounted where they are outside, since a worktree names that folder by its path. The latter
cannot be written to, unless the agent file says so, and neither can the worktree's link to it: they decide what git runs outside,
and the gates of the clone, which a commit needs, are outside. Variables are handed on by their names alone, so no value is in an argument that others can see; those that tell of this machine (its
paths, its user) stay outside unless the agent file names them. The user inside is whoever runs gitfleet, without capabilities.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from gitfleet.base import files, processes
from gitfleet.codec import Struct
from gitfleet.errors import Blocked, UsageError
from gitfleet.git.program import redact
from gitfleet.git.repository import discover
from gitfleet.jobs.attempts import barrier, preparation
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.definitions.values import MOUNT
from gitfleet.jobs.records.job_record import AttemptRecord
from gitfleet.jobs.shepherd.containers import LABEL
from gitfleet.jobs.shepherd.records import ContainerSpec

_OUTSIDE = frozenset([
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME",
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "CODEX_HOME", "CLAUDE_CONFIG_DIR",
])  # fmt: skip
"""What is true of this machine only."""
_OF_THE_CLIENT = ("PATH", "HOME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "DOCKER_*")
_PROGRAM = "docker"
_PATIENCE = 20.0
_SHOWN = 500


class ContainedCall(Struct):
    """How programs of an attempt are run in containers: each has a name of its own, and all have the attempt's label."""

    box: ContainerSpec
    name: str
    options: tuple[str, ...]
    image: str

    def argv(self, command: Sequence[str], cwd: str, env: Iterable[str], part: str = "") -> list[str]:
        """The command line for `command` in `cwd`, with the variables `env`; `part` tells the container from the agent's."""
        name = f"{self.name}-{part}" if part else self.name
        start = [
            self.box.program, "run", "--rm", "--init", "--interactive", f"--name={name}", f"--label={LABEL}={self.box.label}",
            f"--workdir={cwd}",
        ]  # fmt: skip
        names = [f"--env={variable}" for variable in env]
        return [*start, *self.options, *names, self.image, *command]


def call(agent: Agent, attempt: AttemptRecord, environ: Mapping[str, str]) -> ContainedCall | None:
    """How the programs of this attempt are run; None where they run in no container. One docker process.

    Raises UsageError where there is no docker, Blocked where it does not answer.
    """
    if agent.docker is None:
        return None
    program = shutil.which(_PROGRAM, path=environ.get("PATH", os.defpath))
    if program is None:
        raise UsageError(
            "There is no program 'docker' here.", hint="Install docker, or choose another runtime."
        )
    environment = _of_the_client(environ)
    _demand_answer(program, environment)
    name = re.sub(r"[^a-zA-Z0-9_.-]", "_", f"gitfleet-{attempt.session}-{attempt.number}")
    box = ContainerSpec(os.path.abspath(program), name, environment)
    return ContainedCall(box, name, tuple(_options(agent, attempt)), agent.docker.image)


def outside(
    agent: Agent,
    attempt: AttemptRecord,
    command: Sequence[str],
    env: Mapping[str, str],
    environ: Mapping[str, str],
) -> tuple[list[str], dict[str, str]]:
    """How a command of the attempt other than its agent is run from here: its command line and its environment. Raises UsageError."""
    found = call(agent, attempt, environ)
    if found is None:
        return list(command), dict(env)
    argv = found.argv(command, attempt.worktree, variables(agent, env), "verify")
    return argv, with_client(agent, env, found.box)


def variables(agent: Agent, env: Mapping[str, str]) -> list[str]:
    """Which variables of an attempt's environment its program in the container gets: by name, but for paths that the file sets anew."""
    named = {name for name in agent.env.allow if not name.endswith("*")}
    known = {name for name in env if name not in _OUTSIDE or name in named} | preparation.variables(agent)
    anew = _OUTSIDE & agent.env.set.keys()
    return sorted(known - anew) + [f"{name}={agent.env.set[name]}" for name in sorted(anew)]


def with_client(agent: Agent, env: Mapping[str, str], box: ContainerSpec) -> dict[str, str]:
    """The environment of an attempt as the docker program gets it: its own paths are those of this machine."""
    anew = _OUTSIDE & agent.env.set.keys()
    return {**{name: value for name, value in env.items() if name not in anew}, **box.environment}


def unlimited(agent: Agent, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What is to be said where docker cannot limit memory. Asked once by each process."""
    if agent.limits.memory is None:
        return ()
    told = _limits_memory(tuple(sorted(_of_the_client(environ).items())))
    return (
        ()
        if told == "true"
        else ("limits.memory is not enforced: docker does not say that it can limit memory here",)
    )


def _options(agent: Agent, attempt: AttemptRecord) -> list[str]:
    box = agent.docker
    assert box is not None
    common = discover(attempt.worktree).common_dir
    options = [
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        f"--user={box.user or f'{os.getuid()}:{os.getgid()}'}",
    ]
    options.append(f"--oom-score-adj={barrier.WILLING}")
    options += [f"--network={box.network}"] if box.network else []
    options += [f"--cpus={box.cpus:g}"] if box.cpus else []
    memory = agent.limits.memory
    options += [f"--memory={memory}", f"--memory-swap={memory}"] if memory else []
    options.append(_mount(attempt.worktree, attempt.worktree))
    if box.git == "read":
        link = os.path.join(attempt.worktree, ".git")
        options += [_mount(common, common, "ro"), _mount(link, link, "ro")]
        options.append(_mount(*_hidden(common), "ro"))
    else:
        options.append(_mount(common, common))
    options += [_mount(folder, folder, "ro") for folder in _borrowed(common)]
    for text in box.mounts:
        found = MOUNT.fullmatch(text)
        assert found is not None
        options.append(_mount(found[1], found[2], found[3] or "rw"))
    return options


def _hidden(common: str) -> tuple[str, str]:
    """An empty folder, and what it is put over: other jobs are there, with what their agents said.

    No tmpfs, since not every docker leaves that empty. Raises LocalStorage.
    """
    ours = os.path.join(common, "gitfleet")
    return files.folder(os.path.join(ours, "empty")), ours


def _demand_answer(program: str, environ: Mapping[str, str]) -> None:
    """Before anything begins: of a docker that does not answer it cannot be told what runs in its containers."""
    try:
        done = processes.run(
            [program, "version", "--format={{.Server.Version}}"], cwd=None, env=environ, timeout=_PATIENCE
        )
        why = redact(done.stderr.decode("utf-8", "replace")).strip() if done.code else ""
    except (OSError, processes.TimedOut) as error:
        why = str(error)
    if why:
        raise Blocked(f"Docker does not answer: {why[:_SHOWN]}", hint="Start it, then trigger the job again.")


def _mount(source: str, target: str, mode: str = "rw") -> str:
    kind = "bind" if os.path.isabs(source) else "volume"
    fields = [f"type={kind}", _field("source", source), _field("target", target)]
    return f"--mount={','.join(fields)}" + (",readonly" if mode == "ro" else "")


def _field(key: str, value: str) -> str:
    """A field of a mount as docker reads it: with quotes where a comma or a quote asks for them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([f"{key}={value}"])
    return text.getvalue()


def _borrowed(common: str) -> list[str]:
    """The folders of objects that the clone borrows from."""
    try:
        with open(
            os.path.join(common, "objects", "info", "alternates"), encoding="utf-8", errors="surrogateescape"
        ) as file:
            found = [
                os.path.join(common, "objects", line.rstrip("\n"))
                for line in file
                if not line.startswith("#")
            ]
    except OSError:
        return []
    return [os.path.normpath(path) for path in found if os.path.isdir(path)]


def _of_the_client(environ: Mapping[str, str]) -> dict[str, str]:
    patterns = [name.removesuffix("*") for name in _OF_THE_CLIENT]
    found = {
        name: value
        for name, value in environ.items()
        if name in patterns or any(one.endswith("_") and name.startswith(one) for one in patterns)
    }
    settings = os.path.join(environ.get("HOME", ""), ".docker")
    if "DOCKER_CONFIG" not in found and os.path.isdir(settings):
        found["DOCKER_CONFIG"] = settings  # where an agent file sets another HOME
    return found


@cache
def _limits_memory(environ: tuple[tuple[str, str], ...]) -> str:
    env = dict(environ)
    argv = [
        shutil.which(_PROGRAM, path=env.get("PATH", os.defpath)) or _PROGRAM,
        "info",
        "--format={{.MemoryLimit}}",
    ]
    try:
        done = processes.run(argv, cwd=None, env=env, timeout=_PATIENCE)
    except (OSError, processes.TimedOut):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
