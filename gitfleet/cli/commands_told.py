"""`help`: what the commands are and take, also as data: made from the declarations that they are understood by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import gitfleet
from gitfleet.base.text import display
from gitfleet.cli import app, contents, helping
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Argument, Command, Group, Parameter
from gitfleet.errors import EXIT_CODES, UsageError
from gitfleet.fleet.views.help_rows import CommandHelpRow, ExitCodeRow, HelpAnswer, ParameterRow

Named = Annotated[
    list[str], Argument(metavar="[COMMAND]...", help="This command, or all commands of this noun.")
]


def tell(command: Named = []) -> Reply:  # noqa: B006
    """Show what commands do and take. With --json, all that are asked for, as data."""
    found, rest = app.whole().find(command)
    if rest:
        raise UsageError(
            f"There is no command '{display(' '.join(command))}'.", hint="See `gitfleet --help`."
        )
    codes: list[ExitCodeRow] = [
        {"code": code, "name": name, "words": words} for code, (name, words) in EXIT_CODES.items()
    ]
    data: HelpAnswer = {"version": gitfleet.__version__, "commands": list(_rows(found)), "exit_codes": codes}
    return Reply(data, helping.text(found).splitlines())


def _rows(found: Command | Group) -> Iterator[CommandHelpRow]:
    if isinstance(found, Group):
        for one in found.commands.values():
            yield from _rows(one)
        return
    yield {
        "name": found.name,
        "words": _in_one_line(found.name),
        "usage": helping.usage(found).removeprefix("usage: "),
        "text": found.help,
        "parameters": [_parameter(one) for one in found.params],
    }


def _in_one_line(name: str) -> str:
    noun, _, verb = name.partition(" ")
    rows = contents.VERBS[noun] if verb else next(one for one in contents.COMMANDS.values() if noun in one)
    return rows[verb or noun].words


def _parameter(one: Parameter) -> ParameterRow:
    typed, words = helping.row(one)
    return {
        "name": typed if one.is_argument else one.opts[0],
        "spelled": [*one.opts, *one.secondary_opts],
        "value": "" if one.is_flag else one.metavar,
        "many": one.many,
        "required": one.required,
        "words": words,
    }
