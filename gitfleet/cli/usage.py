"""What is not spelled in a plain way: typer finds out what is wrong with it, and what a shell may complete.

It is told the same declarations that plain command lines are understood by. Importing it takes longer than most commands.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from gitfleet.cli import app, boundary, completing, contents, helping, render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Command, Group, Option, Parameter
from gitfleet.fleet.views import envelope


class _Helped:
    """What makes the help of a command ours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        found, _ = app.whole().find(str(ctx.command_path).split()[1:])
        formatter.write(helping.text(found))


class _Command(_Helped, typer.core.TyperCommand):
    """A command."""


class _Group(_Helped, typer.core.TyperGroup):
    """A noun, or the whole."""


def run(whole: Group, arguments: Sequence[str]) -> int:
    """Run a command line; its exit code. Usage errors end with 2."""
    try:
        result = tree(whole).main(list(arguments), prog_name="gitfleet", standalone_mode=False)
    except typer.Exit as leave:
        return int(leave.exit_code)
    except typer.TyperException as error:
        return _misunderstood(error, as_json=_wants_json(arguments))
    except typer.Abort:
        return 130
    return result if isinstance(result, int) else 0


def tree(whole: Group) -> Any:
    """The whole command line, as typer has it."""
    top = _typer(whole)
    top.callback(help=whole.help)(_function(whole.params, _enter))
    _fill(top, whole)
    return typer.main.get_command(top)


def _fill(place: typer.Typer, group: Group) -> None:
    for name, found in group.commands.items():
        if isinstance(found, Command):
            function = _function(found.params, found.run)
            settings = {"allow_interspersed_args": not found.passes_on}
            place.command(name, cls=_Command, help=found.help, context_settings=settings)(function)
        else:
            noun = _typer(found, alone=True)
            noun.callback()(_function([*found.params, *_of_default(found)], _alone(found), context=True))
            _fill(noun, found)
            place.add_typer(noun, name=name)


def _of_default(noun: Group) -> list[Parameter]:
    """What may be said of a noun alone, and is meant for its default verb: for completion, since it is put there before we see it."""
    default, alone = noun.commands.get(noun.default), contents.ALONE.get(noun.name, ())
    return [one for one in default.params if set(one.opts) & set(alone)] if default else []


def _typer(group: Group, *, alone: bool = False) -> typer.Typer:
    names = {"help_option_names": list(helping.NAMES)}
    return typer.Typer(
        cls=_Group, name=group.name or "gitfleet", help=group.help, rich_markup_mode=None,
        pretty_exceptions_enable=False, context_settings=names, invoke_without_command=alone,
    )  # fmt: skip


def _enter(directory: str, version: bool) -> None:
    """Go where the command is to run."""
    del version
    try:
        os.chdir(directory)
    except OSError as error:
        raise typer.BadParameter(f"cannot go to {directory}: {error.strerror}") from error


def _version(value: bool) -> None:
    if value:
        render.out(app.version())
        raise typer.Exit


def _alone(noun: Group) -> Callable[..., int]:
    """What a noun without a verb does."""

    def nothing(context: typer.Context, **values: object) -> int:
        default = noun.commands.get(noun.default)
        if context.invoked_subcommand is not None:
            return 0
        if isinstance(default, Command):
            return default.run(**values)
        render.out(context.get_help())
        return 0

    return nothing


def _function(
    params: Sequence[Parameter], does: Callable[..., object], *, context: bool = False
) -> Callable[..., object]:
    """A function with the signature that typer reads."""

    def function(*args: object, **values: object) -> object:
        return does(*args, **values)

    signature = [_parameter(one) for one in params]
    if context:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature.insert(0, inspect.Parameter("context", kind, annotation=typer.Context))
    function.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]  # what `inspect` looks for
    function.__annotations__ = {one.name: one.annotation for one in signature}
    return function


def _parameter(one: Parameter) -> inspect.Parameter:
    kind: type = list[one.kind] if one.many else one.kind  # type: ignore[name-defined]  # a type that is known at run time
    complete = getattr(completing, one.declared.complete) if one.declared.complete else None
    if complete is None and one.declared.values:
        complete = completing.among(one.declared.values)
    if isinstance(one.declared, Option):
        on, *more = one.declared.names
        spelled = ["/".join([on, *one.declared.off]), *more]
        at_once = one.name == "version"
        said = typer.Option(
            *spelled, min=one.declared.min, max=one.declared.max, help=one.help, metavar=one.metavar,
            autocompletion=complete, callback=_version if at_once else None, is_eager=at_once,
        )  # fmt: skip
    else:
        said = typer.Argument(help=one.help, metavar=one.metavar, autocompletion=complete)
    default = inspect.Parameter.empty if one.required else one.default
    annotation: object = kind | None if default is None else kind
    return inspect.Parameter(
        one.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default,
        annotation=Annotated[annotation, said],
    )


def _misunderstood(error: typer.TyperException, *, as_json: bool) -> int:
    """Say what could not be understood; exit code 2. Typer's own error classes are private."""
    words = _plain(str(getattr(error, "format_message", error.__str__)()))
    where = str(getattr(getattr(error, "ctx", None), "command_path", "gitfleet"))
    hint = f"see `{where} --help`"
    if not as_json:
        render.note(f"gitfleet: {words}\nnext: {hint}")
    command = where.removeprefix("gitfleet").strip() or "gitfleet"
    data = envelope.failure(words, hint)
    return boundary.show(command, Reply(data, status="usage-error", code=2), as_json=as_json)


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
    pairs = zip(options, [*options[1:], ""], strict=True)
    return "--json" in options or "--format=json" in options or ("--format", "json") in pairs
