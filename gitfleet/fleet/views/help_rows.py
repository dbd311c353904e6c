"""The commands as rows."""

from __future__ import annotations

from typing import TypedDict


class ParameterRow(TypedDict):
    """An argument or an option of a command."""

    name: str
    """What stands for an argument; the first spelling of an option."""
    spelled: list[str]
    """All spellings of an option, those that put a switch off last; none for an argument."""
    value: str
    """What stands for its value; empty for a switch."""
    many: bool
    """Whether it may be given several times."""
    required: bool
    words: str


class CommandHelpRow(TypedDict):
    """One command."""

    name: str
    """As it is typed after `gitfleet`."""
    words: str
    """What it does, in one line."""
    usage: str
    text: str
    """What it does, in full."""
    parameters: list[ParameterRow]


class ExitCodeRow(TypedDict):
    """What an exit code means, for every command."""

    code: int
    name: str
    words: str


class HelpAnswer(TypedDict):
    """`help`."""

    version: str
    """Of gitfleet."""
    commands: list[CommandHelpRow]
    exit_codes: list[ExitCodeRow]
