"""`demo`: the main job, played for real on a scratch hub with two clones, and told in plain lines."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypedDict

from gitfleet.base import clock, shellwords
from gitfleet.base.text import display
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import JSON, Argument

if TYPE_CHECKING:
    from gitfleet.cli.demo_runner import Played, Stage
    from gitfleet.cli.demo_script import Scene

Folder = Annotated[
    str | None,
    Argument(metavar="[DIRECTORY]", help="Where to play: a new or empty directory (default: a temporary one)."),
]  # fmt: skip

AsJson = Annotated[bool, JSON.declared]

WIDTH = 100

Tell = Callable[[str], None]


class StepRow(TypedDict):
    """One command of the demonstration, as it was run."""

    says: str
    where: str
    """The folder below `directory`."""
    command: list[str]
    edited: list[str]
    """Files of that folder that were changed before it ran."""
    expected: int
    code: int
    output: str


class DemoAnswer(TypedDict):
    """`demo`."""

    directory: str
    seconds: int
    steps: list[StepRow]


def demo(directory: Folder = None, as_json: AsJson = False) -> Reply:
    """Play the main job on a scratch hub with two clones: claims, refusals, waiting, a crash, the merge queue. Takes some 20 seconds."""
    from gitfleet.cli import demo_runner, demo_script  # 10 ms, for this command alone

    tell = _silent if as_json else render.out
    begun = clock.elapsed()
    place = demo_runner.set_up(directory)
    tell(f"Playing in {display(place.directory)}. Every command below is real; so is what it says.")
    place.furnish()
    steps = [step for scene in demo_script.SCENES for step in _scene(place, scene, tell)]
    data: DemoAnswer = {"directory": place.directory, "seconds": int(clock.elapsed() - begun), "steps": steps}
    return Reply(
        data,
        _farewell(os.path.join(place.directory, demo_script.ADA), place.directory, demo_script.TRY),
    )


def _scene(place: Stage, scene: Scene, tell: Tell) -> list[StepRow]:
    tell("")
    for line in _wrapped(scene.says, ""):
        tell(line)
    tell("")
    played = place.play(scene.commands, lambda one: _show(one, tell))
    return [_record(scene.says, one) for one in played]


def _show(played: Played, tell: Tell) -> None:
    command = played.command
    for path, text in command.writes.items():
        name = os.path.basename(path) if path.startswith("..") else path
        tell(f"    ({name} is written)" if name.endswith(".sh") else f"    ({name} is edited)")
        for line in text.splitlines() if name.endswith(".sh") else []:
            tell(f"    | {line}")
    where = "" if command.where == "." else f"{command.where} "
    for line in [f"{where}$ {display(played.shown)}"]:
        tell("\n".join(_wrapped(line, "    ")))
    for line in played.output.rstrip("\n").split("\n") if played.output else []:
        tell("\n".join(_wrapped(display(line), "        ")))
    if played.code:
        ended = f"exit code {played.code}" if played.code > 0 else f"killed by signal {-played.code}"
        tell(f"        ({ended})")


def _wrapped(line: str, indent: str) -> list[str]:
    """A line as lines that fit; what goes on in the next one is set in deeper. Words that are too long stay whole."""
    own = indent + line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line.strip(), WIDTH, initial_indent=own, subsequent_indent=f"{own}    " if indent else "",
        break_long_words=False, break_on_hyphens=False,
    ) or [""] if len(indent) + len(line) > WIDTH else [f"{indent}{line}".rstrip()]  # fmt: skip


def _farewell(clone: str, directory: str, ideas: Sequence[tuple[str, str]]) -> list[str]:
    """What is said at the end, with commands that work in the reader's own shell."""
    width = max(len(command) for command, _ in ideas)
    program = _program()
    return [
        "",
        f"It went as told. Everything is still in {directory}; play on there:",
        "",
        f"    cd {shellwords.word(clone)}",
        *([f"    alias gitfleet={shellwords.word(program)}"] if program != "gitfleet" else []),
        *[f"    {command.ljust(width)}  # {words}" for command, words in ideas],
        "",
        f"When you are done: rm -rf {shellwords.word(directory)}",
    ]


def _program() -> str:
    """What the reader types for gitfleet: the bare name where it is found, else the way to this one."""
    if shutil.which("gitfleet"):
        return "gitfleet"
    beside = os.path.join(os.path.dirname(sys.executable), "gitfleet")
    return beside if os.path.exists(beside) else f"{shellwords.word(sys.executable)} -m gitfleet"


def _record(says: str, played: Played) -> StepRow:
    command = played.command
    return {
        "says": says,
        "where": command.where,
        "command": list(command.argv),
        "edited": list(command.writes),
        "expected": command.code,
        "code": played.code,
        "output": played.output,
    }


def _silent(line: str) -> None:
    del line
