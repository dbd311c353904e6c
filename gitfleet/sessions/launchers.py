"""Seeing through programs that run another: what a command line runs in the end. The programs are data, in `launchers.json`."""

from __future__ import annotations

import functools
import itertools
import json
import os
import shlex
from collections.abc import Sequence
from typing import NamedTuple, TypedDict

from gitfleet.base.callers import shell_command
from gitfleet.base.identity import program_name

_MAX_ARGUMENTS = 256
_MAX_SCRIPT = 8192
_MAX_LAYERS = 8


class _Launcher(NamedTuple):
    """How to find, in a launcher's arguments, what it runs.

    `verbs`: it runs something only after one of these ("" among them: without one, too). `valued`: its
    options that take the next argument. `operands`: its own arguments before the command. `module`: options
    that name a module to run. `text`: options that give it a program as text.
    """

    names: Sequence[str]
    verbs: Sequence[str] = ("",)
    valued: Sequence[str] = ()
    operands: int = 0
    module: Sequence[str] = ()
    text: Sequence[str] = ()


class _LauncherEntry(TypedDict, total=False):
    names: list[str]
    verbs: list[str]
    valued: list[str]
    operands: int
    module: list[str]
    text: list[str]


class _LauncherData(TypedDict):
    launchers: list[_LauncherEntry]
    preparations: list[str]


@functools.cache
def _data() -> _LauncherData:
    with open(os.path.join(os.path.dirname(__file__), "launchers.json"), encoding="utf-8") as file:
        return json.load(file)  # type: ignore[no-any-return]


@functools.cache
def _launchers() -> dict[str, _Launcher]:
    return {name: _Launcher(**entry) for entry in _data()["launchers"] for name in entry["names"]}


def unwrapped(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """`argv` from what runs in the end, and the names of the variables that were set on the way there."""
    rest = list(argv[:_MAX_ARGUMENTS])
    variables: list[str] = []
    for _ in range(_MAX_LAYERS):
        variables += _take_assignments(rest)
        launcher = _launchers().get(_unversioned(program_name(rest[0][:4096]))) if rest else None
        if launcher is None:
            break
        text = shell_command(rest)
        inner = _started(rest[1:], launcher) if text is None else _first_command(text, variables)
        if not inner:
            break
        rest = inner
    return rest, variables


def _unversioned(name: str) -> str:
    return name.rstrip("0123456789.") if name.startswith(("python", "pypy")) else name


def _started(arguments: list[str], launcher: _Launcher) -> list[str]:
    """The command within a launcher's `arguments`; [] if it runs none, or a program given as text."""
    ready, operands = "" in launcher.verbs, launcher.operands
    remaining = iter(range(len(arguments)))
    for at in remaining:
        argument = arguments[at]
        if argument in launcher.module:
            return arguments[at + 1 :]
        if argument in launcher.text:
            return []
        if argument in launcher.valued:
            next(remaining, None)
        elif argument in launcher.verbs:
            ready = True
        elif not argument.startswith(("-", "+")):
            if not ready:
                return []
            if not operands:
                return arguments[at:]
            operands -= 1
    return []


def _first_command(text: str, variables: list[str]) -> list[str]:
    """The first command in a shell's `text` that is more than preparation; `variables` gains what it exports."""
    if len(text) > _MAX_SCRIPT:
        return []
    lexer = shlex.shlex(text.replace("\n", ";"), posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)[:_MAX_ARGUMENTS]
    except ValueError:  # an open quote: not a command that a shell would take either
        return []
    for separates, group in itertools.groupby(words, lambda word: not word.strip(";&|()")):
        command = [] if separates else list(group)
        variables += _take_assignments(command)
        if command and command[0] not in _data()["preparations"]:
            return command
        variables += _take_assignments(command[1:])
    return []


def _take_assignments(command: list[str]) -> list[str]:
    """Removes `NAME=value` from the front of `command`; returns the names."""
    names = []
    while command and "=" in command[0] and (name := command[0].partition("=")[0]).isidentifier():
        names.append(name)
        del command[0]
    return names
