"""`demo`: the main job, played for real on a scratch hub with two clones, and told in plain lines."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gitfleet.base import clock
from gitfleet.base.text import display
from gitfleet.cli import boundary, render
from gitfleet.cli.answer import Answer
from gitfleet.cli.options import Json

if TYPE_CHECKING:
    from gitfleet.cli.stage import Played, Stage
    from gitfleet.cli.story import Scene

Folder = Annotated[
    str | None,
    typer.Argument(metavar="[DIRECTORY]", help="Where to play: a new or empty directory (default: a temporary one)."),
]  # fmt: skip

Tell = Callable[[str], None]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(directory: Folder = None, as_json: Json = False) -> int:
    """Play the main job on a scratch hub with two clones: real commits, real refusals. Takes some seconds."""
    return boundary.run("demo", lambda: _demo(directory, _silent if as_json else render.out), as_json=as_json)


def _demo(directory: str | None, tell: Tell) -> Answer:
    from gitfleet.cli import stage, story  # 10 ms, for this command alone

    begun = clock.elapsed()
    place = stage.set_up(directory)
    tell(f"Playing in {display(place.directory)}. Every command below is real; so is what it says.")
    place.furnish()
    steps = [step for scene in story.SCENES for step in _scene(place, scene, tell)]
    data = {"directory": place.directory, "seconds": int(clock.elapsed() - begun), "steps": steps}
    return Answer(
        "demo", data, _farewell(os.path.join(place.directory, story.ADA), place.directory, story.TRY)
    )


def _scene(place: Stage, scene: Scene, tell: Tell) -> list[dict[str, Any]]:
    tell("")
    tell(scene.says)
    tell("")
    played = place.play(scene.commands, lambda one: _show(one, tell))
    return [_record(scene.says, one) for one in played]


def _show(played: Played, tell: Tell) -> None:
    command = played.command
    for path in command.writes:
        tell(f"    ({path} is edited)")
    where = "" if command.where == "." else f"{command.where} "
    tell(f"    {where}$ {display(played.shown)}")
    for line in played.output.rstrip("\n").split("\n") if played.output else []:
        tell(f"        {display(line)}".rstrip())
    if played.code:
        tell(f"        (exit code {played.code})")


def _farewell(clone: str, directory: str, ideas: Sequence[tuple[str, str]]) -> list[str]:
    """What is said at the end, with commands that work in the reader's own shell."""
    width = max(len(command) for command, _ in ideas)
    program = _program()
    return [
        "",
        f"It went as told. Everything is still in {directory}; play on there:",
        "",
        f"    cd {shlex.quote(clone)}",
        *([f"    alias gitfleet={shlex.quote(program)}"] if program != "gitfleet" else []),
        *[f"    {command.ljust(width)}  # {words}" for command, words in ideas],
        "",
        f"When you are done: rm -rf {shlex.quote(directory)}",
    ]


def _program() -> str:
    """What the reader types for gitfleet: the bare name where it is found, else the way to this one."""
    if shutil.which("gitfleet"):
        return "gitfleet"
    beside = os.path.join(os.path.dirname(sys.executable), "gitfleet")
    return beside if os.path.exists(beside) else f"{shlex.quote(sys.executable)} -m gitfleet"


def _record(says: str, played: Played) -> dict[str, Any]:
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
