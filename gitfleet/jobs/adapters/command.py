"""Any program: each of its lines stands for itself, and its exit code decides.

One kind of line means something: `{"type": "needs_input", "text": "…"}` on standard output says that the program waits for a
person, until it writes the next line.
"""

from __future__ import annotations

from gitfleet.base import plain_json
from gitfleet.jobs.adapters.protocol import Adapter, Task
from gitfleet.jobs.adapters.results import AgentEvent, AgentExit, AgentResult, Usage, shown
from gitfleet.jobs.words import AttemptOutcome

_LAST = 5
_WAITS, _HEAD = b'"needs_input"', 200


class CommandAdapter(Adapter):
    """`command`: the argv is the agent file's; the prompt comes on standard input, and in no argument unless the file asks for it.

    An argument `{prompt}`, alone or behind a `=`, stands for the prompt: whole, as one argument. One that begins like an option
    gets a space before it, unless the file has put `--` in front.
    """

    runtime = "command"

    def __init__(self) -> None:
        super().__init__()
        self._last = ""
        self._errors: list[str] = []

    def argv(self, task: Task) -> list[str]:
        """See `Adapter`."""
        safe = f" {task.prompt}" if task.prompt.startswith("-") else task.prompt
        argv: list[str] = []
        for word in task.command:
            alone = word == "{prompt}" and "--" not in argv
            argv.append(_filled(word, safe if alone else task.prompt))
        return argv

    def stdin(self, task: Task) -> bytes | None:
        """See `Adapter`."""
        return None if any(_asks(word) for word in task.command) else super().stdin(task)

    def feed(self, source: str, line: bytes, at: int = 0) -> list[AgentEvent]:
        """See `Adapter`."""
        del at
        if source == "stdout" and line.strip():
            self.waiting = False
            if line.startswith(b"{") and _WAITS in line[:_HEAD] and (events := self._asks(line)):
                return events
            self._last = shown(line[: 4 * 32 * 1024].decode("utf-8", "replace"))
        elif source == "stderr" and line.strip():
            self._errors = [*self._errors[1 - _LAST :], line[:4096].decode("utf-8", "replace")]
        return []

    def _asks(self, line: bytes) -> list[AgentEvent]:
        try:
            read = plain_json.load(line)
        except ValueError:
            return []
        if read.get("type") != "needs_input":
            return []
        self.waiting = True
        return [AgentEvent("needs_input", text=shown(read.get("text") or ""))]

    def result(self, ended: AgentExit) -> AgentResult:
        """See `Adapter`."""
        usage = Usage(gaps=("a command tells no usage",))
        if ended.well:
            return AgentResult(str(AttemptOutcome.SUCCESS), text=self._last, usage=usage)
        return AgentResult(
            str(AttemptOutcome.FAILED),
            text=self._last,
            usage=usage,
            errors=(f"it ended with {ended.words}", *self._errors),
        )


def _asks(word: str) -> bool:
    return word == "{prompt}" or word.endswith("={prompt}")


def _filled(word: str, prompt: str) -> str:
    return f"{word.removesuffix('{prompt}')}{prompt}" if _asks(word) else word
