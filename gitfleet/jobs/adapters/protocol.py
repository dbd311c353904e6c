"""What an adapter is: one kind of program that we run as an agent, what it is told, and what its output means.

Adapters are pure: no clock, no files, no processes. What is fed to one in the same order gives the same answers, so a
stream can be replayed. They are loaded by the shepherd, which must stay small: the light part of the standard library.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from gitfleet.jobs.adapters.results import AgentEvent, AgentExit, AgentResult, Usage


class Adapter(ABC):
    """One run of an agent. Made anew for each attempt. What most have in common: they are told all at the start, and wait for nobody."""

    runtime = ""
    talks = False
    """Its standard input stays open for `outgoing`; otherwise it ends after `stdin`."""

    def __init__(self) -> None:
        self.model = ""
        """The model that was asked for, "" where none was: for clients that do not tell which they use."""
        self.finished = False
        """The agent has said how it ended, and has said nothing since that makes it go on."""
        self.waiting = False
        """The agent waits for a person: its idle limit does not count."""
        self.questions: Mapping[str, str] = {}
        """What it waits to be answered, by the ids of the questions: see `answer`."""
        self.met = False
        """It has answered something: there is somebody to say farewell to."""
        self.awaits = ""
        """The step without which nothing can begin and that it has not answered yet; "" where there is none. Has a limit of its own."""
        self.hangs_up = False
        """Nothing more will be said: its input ends after what is outgoing."""

    @abstractmethod
    def argv(self, task: Task) -> list[str]:
        """The program and its arguments; nothing of the prompt can become an option."""

    def stdin(self, task: Task) -> bytes | None:
        """What it reads; None: its input is closed from the start."""
        return task.prompt.encode("utf-8", "surrogateescape") if task.prompt else None

    def environment(self, task: Task) -> dict[str, str | None]:
        """Variables that it needs or must not see (None)."""
        del task
        return {}

    def brief(self, task: Task) -> object:
        """What the adapter in the shepherd is to know of the task, where it `talks`; as JSON holds it."""
        del task
        return None

    def begin(self, cwd: str, brief: object) -> None:  # noqa: B027 - nothing is to be known by most
        """It is about to start in `cwd`, with such a brief. Asked before all that follows."""

    @abstractmethod
    def feed(self, source: str, line: bytes, at: int = 0) -> list[AgentEvent]:
        """What a line of `stdout` or `stderr` (without its end) means, in the order in which it says so.

        `at`: when it came, in milliseconds since 1970. Never raises, whatever the line is.
        """

    def outgoing(self) -> bytes:
        """What it is to be told now, where it `talks`. Asked after the start and after each line."""
        return b""

    def farewell(self) -> bytes:
        """What it is told when the attempt is stopped, before any signal, where it `talks`. Asked again when it does not answer."""
        return b""

    def answer(self, question: str, *, allow: bool) -> bool:
        """A person's answer to the question of that id; whether it has been asked."""
        del question, allow
        return False

    def spent(self) -> tuple[Usage, float | None]:
        """What it has told of its usage so far, and the client's own estimate of what that costs. Asked while it runs."""
        return Usage(), None

    @abstractmethod
    def result(self, ended: AgentExit) -> AgentResult:
        """What came of it, once its process has ended and all output was fed."""


class Task:
    """What an agent is to do: `prompt`; `command` (its argv, or what stands in for the client's name); the client's `options`.

    `resume` is the agent's own conversation to go on with, `conversation` the id that a new one gets where the client lets
    us choose. `version` is the client's, "" where it is not known. `permissions`: rules by kind of tool, for clients that ask us.
    """

    __slots__ = ("command", "conversation", "options", "permissions", "prompt", "resume", "version")

    def __init__(
        self,
        prompt: str = "",
        *,
        command: Sequence[str] = (),
        options: Mapping[str, object] | None = None,
        resume: str = "",
        conversation: str = "",
        version: str = "",
        permissions: Mapping[str, str] | None = None,
    ) -> None:
        self.prompt, self.command, self.options = prompt, tuple(command), dict(options or {})
        self.resume, self.conversation, self.version = resume, conversation, version
        self.permissions = dict(permissions or {})
