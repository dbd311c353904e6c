"""The files of one attempt: what the shepherd is told, where it stands, and how it ended.

All lie in the attempt's folder, which only its user may enter:

    lock          held by the shepherd for as long as it lives, whatever happens to it
    spec.json     what is to be done (0600); the values of the environment are taken out once the agent has them
    answer-*.json a person's answer to a question of the agent's, until the shepherd has taken it
    stop.json     somebody wants it stopped: why, and how long the agent gets
    state.json    which processes these are, and what they are at
    stream.jsonl  all that the agent wrote
    go            a pipe at which the agent waits until it is let go; gone once it runs
    end.json      how it ended; the last thing that the shepherd writes
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress

from gitfleet.base import plain_json
from gitfleet.codec import (
    FLAG,
    JSON,
    TEXT,
    WHOLE,
    Many,
    Maybe,
    One,
    Struct,
    Table,
    Text,
    field,
    replace,
)
from gitfleet.jobs.adapters.results import AgentResult
from gitfleet.jobs.money.allowance import Allowance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    S = TypeVar("S", bound=Struct)

LOCK, SPEC, STOP, STATE = "lock", "spec.json", "stop.json", "state.json"
STREAM, END, RESERVE = "stream.jsonl", "end.json", "end.reserve"
SCOPE_START = "scope.json"
GATE = "go"
_ANSWER = "answer-"
_LONG: Text[str] = Text(1 << 26)
_MOST = 1 << 28


class AttemptLimits(Struct):
    """In milliseconds; None: no limit. `wall` for the whole, `idle` without a word from the agent (not while it waits for a person),
    `after_result` from the agent's result to its end; `grace` between TERM and KILL. `disk` in bytes, of the worktree.
    """

    wall: int | None = field(Maybe(WHOLE), default=None)
    idle: int | None = field(Maybe(WHOLE), default=None)
    after_result: int | None = field(Maybe(WHOLE), default=30_000)
    grace: int = field(WHOLE, default=10_000)
    disk: int | None = field(Maybe(WHOLE), default=None)


class ScopeSpec(Struct):
    """A systemd scope to run the agent in: its unit's name, and limits (bytes, tasks; None: none).

    `environment` is what `systemd-run` itself needs to find the user's manager.
    """

    unit: str = field(TEXT)
    memory: int | None = field(Maybe(WHOLE), default=None)
    tasks: int | None = field(Maybe(WHOLE), default=None)
    environment: Mapping[str, str] = field(Table(_LONG), default={})


class ContainerSpec(Struct):
    """The containers of an attempt: the docker program, the label that they have, and the environment that the program needs."""

    program: str = field(_LONG)
    label: str = field(TEXT)
    environment: Mapping[str, str] = field(Table(_LONG), default={})


class Spec(Struct):
    """One attempt. `env` is the agent's whole environment, `stdin` what it reads (None: closed), bytes as UTF-8 with surrogates.

    `marker` is the session id that `env` has in GITFLEET_SESSION: what carries it belongs to the attempt. `ends_escaped`: processes
    with the marker that have left the agent's session are ended with it; in any case they are reported. `adapter` is a word of
    `adapters.runtimes`, `brief` what that is told where it talks with the agent. `setup`: the line that ends what is made ready before
    the agent runs, on each of its outputs ("": nothing is). `worktree` is the folder that a limit of the disk is about. `bell` is a
    folder that has news when its agent begins or ceases to wait for a person ("": none). `container`: the agent runs in one. `lease`:
    where the note is (`lease.LeaseNote`) that says until when it may run; "": there is none. `allowance`: what it may spend (None: no
    budget is to be kept).
    """

    argv: tuple[str, ...] = field(Many(_LONG, least=1))
    cwd: str = field(_LONG)
    env: Mapping[str, str] = field(Table(_LONG))
    stdin: str | None = field(Maybe(_LONG), default=None)
    adapter: str = field(TEXT, default="command")
    model: str = field(TEXT, default="")
    limits: AttemptLimits = field(One(AttemptLimits), default=AttemptLimits())
    marker: str = field(TEXT, default="")
    ends_escaped: bool = field(FLAG, default=True)
    scope: ScopeSpec | None = field(Maybe(One(ScopeSpec)), default=None)
    brief: object = field(JSON, default=None)
    setup: str = field(TEXT, default="")
    worktree: str = field(_LONG, default="")
    bell: str = field(_LONG, default="")
    container: ContainerSpec | None = field(Maybe(One(ContainerSpec)), default=None)
    lease: str = field(_LONG, default="")
    allowance: Allowance | None = field(Maybe(One(Allowance)), default=None)


class AttemptState(Struct):
    """Where an attempt is. `phase`: starting, setup, running, needs_input, stopping. `shepherd`, `agent`: process ids (0: none yet).

    `start` is the agent's in ticks since boot, `boot` the machine's; the agent leads a session and a process group of its own, so
    `agent` names these, too. `memory_limit`: whether one is in force (None: not known yet, or none was wished for).
    `asks` is what it wants to know from a person, since `asked_at`, while it needs input; `questions`: what of that can be answered, by ids.
    """

    phase: str = field(TEXT)
    shepherd: int = field(WHOLE)
    agent: int = field(WHOLE, default=0)
    start: int = field(WHOLE, default=0)
    boot: str = field(TEXT, default="")
    marker: str = field(TEXT, default="")
    started: int = field(WHOLE, default=0)
    session_id: str = field(TEXT, default="")
    finished: bool = field(FLAG, default=False)
    why: str = field(TEXT, default="")
    cgroup: str = field(_LONG, default="")
    memory_limit: bool | None = field(Maybe(FLAG), default=None)
    asks: str = field(_LONG, default="")
    asked_at: int = field(WHOLE, default=0)
    questions: Mapping[str, str] = field(Table(_LONG), default={})


class PersonAnswer(Struct):
    """A person's answer to a question of the agent's: yes or no."""

    question: str = field(TEXT)
    allow: bool = field(FLAG)


class StopRequest(Struct):
    """Somebody wants the attempt stopped. `why` is a word of `words.EndCause`, `grace` in milliseconds (None: as the spec says)."""

    why: str = field(TEXT, default="cancelled")
    grace: int | None = field(Maybe(WHOLE), default=None)


class EscapedProcess(Struct):
    """A process that had left the session of its agent, and whether it was ended."""

    pid: int = field(WHOLE)
    command: str = field(_LONG, default="")
    ended: bool = field(FLAG, default=False)


class EndRecord(Struct):
    """How an attempt ended. `why` is a word of `words.EndCause`; `code` or `signal` is the agent's own end (both None: it never ran).

    Times in milliseconds since 1970: `ended` is when the agent's process ended, `gone` when the rest of its processes had.
    `outcome` (a word of `words.AttemptOutcome`) and `result` are what came of it. `error` says what could not be
    started. `leftovers` counts the processes of its session that it left; `escaped` are those that had left its session; `left` are pids that would not end: while there are any, the worktree is not free.
    `lines`, `bytes`, `gaps` are of the stream. `killed`: TERM did not suffice.
    `containers` are those that could not be removed.
    """

    why: str = field(TEXT)
    outcome: str = field(TEXT)
    code: int | None = field(Maybe(WHOLE), default=None)
    signal: int | None = field(Maybe(WHOLE), default=None)
    started: int = field(WHOLE, default=0)
    ended: int = field(WHOLE, default=0)
    gone: int = field(WHOLE, default=0)
    error: str = field(_LONG, default="")
    result: AgentResult | None = field(Maybe(One(AgentResult)), default=None)
    killed: bool = field(FLAG, default=False)
    leftovers: int = field(WHOLE, default=0)
    escaped: tuple[EscapedProcess, ...] = field(Many(One(EscapedProcess)), default=())
    left: tuple[int, ...] = field(Many(WHOLE), default=())
    lines: int = field(WHOLE, default=0)
    bytes: int = field(WHOLE, default=0)
    gaps: int = field(WHOLE, default=0)
    memory_limit: bool | None = field(Maybe(FLAG), default=None)
    containers: tuple[str, ...] = field(Many(TEXT), default=())


def at_gate(folder: str) -> bool:
    """Whether the agent still waits at the pipe that it is let go by."""
    return os.path.lexists(os.path.join(folder, GATE))


def load(kind: type[S], folder: str, name: str) -> S | None:
    """The record of that name; None where there is none. Raises ValueError for one that is broken."""
    try:
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read(_MOST)
    except FileNotFoundError:
        return None
    return kind.decode(plain_json.load(data))


def leave_answer(folder: str, answer: PersonAnswer) -> str:
    """Put an answer there for the shepherd, beside others; its name. Raises OSError."""
    name = f"{_ANSWER}{os.urandom(8).hex()}.json"
    save(folder, name, answer)
    return name


def take_answers(folder: str) -> list[PersonAnswer]:
    """The answers that are there; they are there no more. What is none is taken away, too."""
    found = []
    for name in sorted(
        name for name in os.listdir(folder) if name.startswith(_ANSWER) and name.endswith(".json")
    ):
        with suppress(OSError, ValueError):
            answer = load(PersonAnswer, folder, name)
            found += [answer] if answer else []
        with suppress(OSError):
            os.unlink(os.path.join(folder, name))
    return found


def save(folder: str, name: str, record: Struct, *, durable: bool = False) -> None:
    """Put it there at once and whole, for its user only. Raises OSError."""
    aside = os.path.join(folder, f"{name}.{os.getpid()}.tmp")
    text = json.dumps(record.encode(), separators=(",", ":"))
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.rename(aside, os.path.join(folder, name))
    except OSError:
        with suppress(OSError):
            os.unlink(aside)
        raise


def forget_environment(folder: str, spec: Spec) -> None:
    """Take the values of the agent's environment out of the spec: it has them now. Where that cannot be written, the spec goes."""
    kept = replace(spec, env=dict.fromkeys(spec.env, ""))
    try:
        save(folder, SPEC, kept)
    except OSError:
        with suppress(OSError):
            os.unlink(os.path.join(folder, SPEC))
