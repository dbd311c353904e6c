"""Help, as plain text of 80 columns: for a terminal, and for the pages that are made from it.

What a command takes is read from the command itself, what it is in one line from `contents`. Commands and nouns register
through `Commands`, so that every one of them is helped with in the same way.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import typer
import typer.core

from gitfleet.cli import contents

WIDTH = 80
NAMES = ("-h", "--help")
Function = TypeVar("Function", bound=Callable[..., Any])


class Command(typer.core.TyperCommand):
    """A command whose help is ours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(text(self, _name(ctx)))


class Group(typer.core.TyperGroup):
    """A noun, or the whole, whose help is ours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(text(self, _name(ctx)))


class Commands(typer.Typer):
    """Where commands register: a noun that without a verb does what its callback says."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("context_settings", {})["help_option_names"] = list(NAMES)
        super().__init__(cls=Group, rich_markup_mode=None, pretty_exceptions_enable=False, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """As ever, but with our help."""
        found: Callable[[Function], Function] = super().command(name, cls=Command, **settings)
        return found


def asked(arguments: Sequence[str]) -> list[str]:
    """The arguments with `help` put as `--help`: `help`, `help claim`, `session help start`; none at all are `help`."""
    words, start = list(arguments), 2 if arguments[:1] == ["-C"] else 0
    here = words[start:]
    if not here or here in (["help"], ["help", "help"]):
        return [*words[:start], "--help"]
    if here[0] == "help":
        return [*words[:start], *here[1:], "--help"]
    if here[0] in contents.VERBS and here[1:2] == ["help"]:
        return [*words[:start], here[0], *here[2:], "--help"]
    return words


def text(command: Any, name: str) -> str:
    """The help of one command, by its full name ("": the whole)."""
    lines = [usage(command, name), "", *paragraphs(command.help or "")]
    groups = contents.groups(name)
    wide = max((len(one) for rows in groups.values() for one in rows), default=0)
    for heading, rows in groups.items():
        lines += ["", f"{heading}:", *_columns(list(rows.items()), wide)]
    for heading, kind in (("Arguments", "argument"), ("Options", "option")):
        rows_ = [row(one) for one in command.params if one.param_type_name == kind and not one.hidden]
        rows_ += [(", ".join(NAMES), "Show this help.")] if kind == "option" else []
        lines += ["", f"{heading}:", *_columns(rows_)] if rows_ else []
    if groups:
        of = f"{name} " if name else ""
        lines += ["", f"`gitfleet help {of}COMMAND` tells more of one."]
    return "\n".join(lines) + "\n"


def usage(command: Any, name: str) -> str:
    """The first line: what to type."""
    words = ["usage: gitfleet", *([name] if name else []), "[OPTIONS]"]
    words += [_shown(one) for one in command.params if one.param_type_name == "argument"]
    words += ["COMMAND ..."] if contents.groups(name) else []
    return " ".join(words)


def paragraphs(words: str) -> Iterator[str]:
    """Text as lines that fit, with its paragraphs kept apart."""
    for number, block in enumerate(block for block in words.strip().split("\n\n") if block.strip()):
        if number:
            yield ""
        yield from textwrap.wrap(
            " ".join(block.split()), WIDTH, break_long_words=False, break_on_hyphens=False
        )


def row(one: Any) -> tuple[str, str]:
    """An argument or option: how it is typed, and what it does."""
    if one.param_type_name == "argument":
        return _shown(one), one.help or "Which one."
    value = "" if one.is_flag else f" {one.metavar or 'N'}"
    names = ", ".join([*one.opts, *one.secondary_opts])
    return f"{names}{value}", f"{one.help or ''}{default(one)}"


def default(one: Any) -> str:
    """The default of an option in words, where its help does not tell it."""
    if (
        one.is_flag
        or one.default in (None, False, "", 0, ".")
        or callable(one.default)
        or "default" in (one.help or "")
    ):
        return ""
    value = one.default
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    return f" Default: {number}."


def _shown(one: Any) -> str:
    return str(one.metavar or one.name.upper())


def _columns(rows: Sequence[tuple[str, str]], least: int = 0) -> list[str]:
    """Two columns, the first at least so wide; what is too long for it stands on a line of its own."""
    wide = min(22, max(least, *(len(left) for left, _ in rows)))
    lines = []
    for left, right in rows:
        told = textwrap.wrap(right, WIDTH - wide - 4, break_long_words=False, break_on_hyphens=False) or [""]
        if len(left) > wide:
            lines.append(f"  {left}")
        else:
            lines.append(f"  {left.ljust(wide)}  {told.pop(0)}".rstrip())
        lines += [f"  {' ' * wide}  {line}" for line in told]
    return lines


def _name(context: Any) -> str:
    """The full name of a command, without the program's."""
    return str(context.command_path).partition(" ")[2]
