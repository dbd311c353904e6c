"""Help, as plain text of 80 columns: for a terminal, and for the pages that are made from it.

What a command takes is read from its declaration, what it is in one line from `contents`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitfleet.cli import contents
from gitfleet.cli.declaring import Command, Group, Parameter

WIDTH = 80
NAMES = ("-h", "--help")
COMPLETION = {
    "--install-completion": "Install completion for the current shell.",
    "--show-completion": "Show it, to copy or change it; `--show-completion SHELL` for bash, zsh or fish.",
}
"""The options of the framework's own."""


def text(command: Command | Group) -> str:
    """The help of one command."""
    name, params = command.name, command.params
    lines = [usage(command), "", *paragraphs(command.help)]
    groups = contents.groups(name)
    wide = max((len(one) for rows in groups.values() for one in rows), default=0)
    for heading, rows in groups.items():
        lines += ["", f"{heading}:", *_columns(list(rows.items()), wide)]
    arguments = [row(one) for one in params if one.is_argument]
    lines += ["", "Arguments:", *_columns(arguments)] if arguments else []
    options = [row(one) for one in (*_alone(command), *params) if not one.is_argument]
    options += [] if name else COMPLETION.items()
    lines += ["", "Options:", *_columns([*options, (", ".join(NAMES), "Show this help.")])]
    if groups:
        of = f"{name} " if name else ""
        lines += ["", f"`gitfleet help {of}COMMAND` tells more of one."]
    return "\n".join(lines)


def _alone(command: Command | Group) -> list[Parameter]:
    """The options of its verb that a noun takes without one."""
    names = contents.ALONE.get(command.name, ())
    default = command.commands[command.default] if isinstance(command, Group) and names else None
    return [one for one in default.params if set(one.opts) & set(names)] if default else []


def usage(command: Command | Group) -> str:
    """The first line: what to type."""
    words = ["usage: gitfleet", *([command.name] if command.name else []), "[OPTIONS]"]
    words += [one.metavar for one in command.params if one.is_argument]
    words += ["COMMAND ..."] if contents.groups(command.name) else []
    return " ".join(words)


def paragraphs(words: str) -> Iterator[str]:
    """Text as lines that fit, with its paragraphs kept apart."""
    import textwrap  # for help alone

    for number, block in enumerate(block for block in words.strip().split("\n\n") if block.strip()):
        if number:
            yield ""
        yield from textwrap.wrap(
            " ".join(block.split()), WIDTH, break_long_words=False, break_on_hyphens=False
        )


def row(one: Parameter) -> tuple[str, str]:
    """An argument or option: how it is typed, and what it does."""
    if one.is_argument:
        return one.metavar, one.help or "Which one."
    value = "" if one.is_flag else f" {one.metavar}"
    return f"{', '.join([*one.opts, *one.secondary_opts])}{value}", f"{one.help}{default(one)}"


def default(one: Parameter) -> str:
    """The default of an option in words, where its help does not tell it."""
    if one.is_flag or one.default in (None, "", 0, ".", [], ()) or "default" in one.help:
        return ""
    value = one.default
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    return f" Default: {number}."


def _columns(rows: Sequence[tuple[str, str]], least: int = 0) -> list[str]:
    """Two columns, the first at least so wide; what is too long for it stands on a line of its own."""
    import textwrap  # for help alone

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
