"""The full command line: `gitfleet <noun>` lists, `gitfleet <noun> <verb>` acts. One module per noun registers itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

import typer

import gitfleet
from gitfleet.cli import (
    agents,
    auditing,
    boundary,
    claims,
    demo,
    helping,
    hubs,
    ledger,
    maintaining,
    render,
    sessions,
    setup,
    status,
    upkeep,
    worktrees,
)
from gitfleet.cli.answer import Answer
from gitfleet.cli.setup import Directory
from gitfleet.fleet.views import envelope

HELP = """Coordinate many coding agents on one repository with nothing but git.

Sessions claim paths before they change them; hooks stop commits that touch what is not claimed; all clones agree
through the hub. Start with `gitfleet init` in a clone, or `gitfleet demo` to watch it first.
"""

app = helping.Commands(name="gitfleet", help=HELP)


COMPLETING = "_GITFLEET_COMPLETE"
"""Set where a shell asks for completion, without arguments."""


def _version(value: bool) -> None:
    if value:
        render.out(f"gitfleet {gitfleet.__version__}")
        raise typer.Exit


@app.callback(help=HELP)
def root(
    directory: Directory = ".",
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    del version
    setup.enter(directory)


setup.register(app)
sessions.register(app)
claims.register(app)
ledger.register(app)
auditing.register(app)
hubs.register(app)
status.register(app)
worktrees.register(app)
upkeep.register()
maintaining.register(app)
agents.register(app)
demo.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit code. Usage errors end with 2."""
    if COMPLETING not in os.environ:
        arguments = helping.asked(arguments)
    try:
        result = typer.main.get_command(app).main(
            list(arguments), prog_name="gitfleet", standalone_mode=False
        )
    except typer.Exit as leave:
        return int(leave.exit_code)
    except typer.TyperException as error:
        return _misunderstood(error, as_json=_wants_json(arguments))
    except typer.Abort:
        return 130
    return result if isinstance(result, int) else 0


def _misunderstood(error: typer.TyperException, *, as_json: bool) -> int:
    """Say what could not be understood; exit code 2. Typer's own error classes are private."""
    words = _plain(str(getattr(error, "format_message", error.__str__)()))
    where = str(getattr(getattr(error, "ctx", None), "command_path", "gitfleet"))
    hint = f"see `{where} --help`"
    if not as_json:
        render.note(f"gitfleet: {words}\nnext: {hint}")
    command = where.removeprefix("gitfleet").strip() or "gitfleet"
    return boundary.show(
        Answer(command, envelope.failure(words, hint), status="usage-error", code=2), as_json=as_json
    )


def _beyond(found: re.Match[str]) -> str:
    value, low, high, least = found.groups()
    if high is not None and float(value) > float(high):
        return f"it must be at most {float(high):g}."
    return f"it must be at least {float(low or least):g}."


_NUMBER = r"(-?\d+(?:\.\d+)?)"
_PLAIN: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"Input should be a valid integer.*"), "a whole number was expected."),
    (re.compile(r"Input should be a valid number.*"), "a number was expected."),
    (re.compile(r"Input should be greater than or equal to (\S+)"), r"it must be at least \1."),
    (re.compile(r"Input should be less than or equal to (\S+)"), r"it must be at most \1."),
    # What typer before 0.29 says.
    (re.compile(r"'[^']*' is not a valid int(?:eger)?(?: range)?\."), "a whole number was expected."),
    (re.compile(r"'[^']*' is not a valid float(?: range)?\."), "a number was expected."),
    (re.compile(rf"{_NUMBER} is not in the range (?:{_NUMBER}<=x<={_NUMBER}|x>={_NUMBER})\."), _beyond),
)


def _plain(words: str) -> str:
    """What typer's check of values says, in words for people."""
    for pattern, said in _PLAIN:
        words = pattern.sub(said, words)
    return words


def _wants_json(arguments: Sequence[str]) -> bool:
    options = arguments[: list(arguments).index("--")] if "--" in arguments else arguments
    return "--json" in options
