"""The options of clients as data: how each is spelled, and since which version.

A value is always part of the option's own argument (`--model=opus`), so that none can be taken for another option.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.jobs.adapters.protocol import Task

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class UnusableOption(ValueError):
    """An option that the client (or its version) does not have, or a value that it cannot be given. The text says so in words."""


class ClientFlag(NamedTuple):
    """One option of a client: its `key` in an agent's file, how it is spelled, and what it takes.

    `takes`: text, number, switch (true or false), list (one argument, joined by commas), each (one argument for each item),
    settings (keys with values, each `KEY=VALUE` in TOML). `words`: the only values. `since`: the first version that has it ("": all
    that we know).
    """

    key: str
    spelled: str
    takes: str = "text"
    words: tuple[str, ...] = ()
    since: str = ""


def arguments(table: Sequence[ClientFlag], task: Task) -> list[str]:
    """The arguments for the task's options, in the order of the table. Raises UnusableOption."""
    known = {flag.key for flag in table}
    for key in task.options:
        if key not in known:
            raise UnusableOption(f"there is no option '{key}'; there are {', '.join(sorted(known))}")
    found: list[str] = []
    for flag in table:
        value = task.options.get(flag.key)
        if value is None or value is False or value == "":
            continue
        if flag.since and task.version and _version(task.version) < _version(flag.since):
            raise UnusableOption(
                f"the option '{flag.key}' needs version {flag.since}; this is {task.version}"
            )
        found += _spelled(flag, value)
    return found


def conversation(identifier: str) -> str:
    """The id of a conversation, as an argument. Raises UnusableOption for what is none."""
    if not _ID.fullmatch(identifier):
        raise UnusableOption("the id of the conversation to go on with is not one")
    return identifier


def _spelled(flag: ClientFlag, value: object) -> list[str]:
    match flag.takes:
        case "switch":
            if value is not True:
                raise UnusableOption(f"the option '{flag.key}' is true or false")
            return [flag.spelled]
        case "list" | "each":
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise UnusableOption(f"the option '{flag.key}' is a list")
            items = [_text(flag, item) for item in value]
            return [
                f"{flag.spelled}={item}" for item in ([",".join(items)] if flag.takes == "list" else items)
            ]
        case "settings":
            if not isinstance(value, dict):
                raise UnusableOption(f"the option '{flag.key}' is a table")
            return [f"{flag.spelled}={_text(flag, key)}={_toml(flag, item)}" for key, item in value.items()]
        case _:
            return [f"{flag.spelled}={_text(flag, value)}"]


def _text(flag: ClientFlag, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnusableOption(f"the option '{flag.key}' is a {flag.takes}")
    if flag.words and value not in flag.words:
        raise UnusableOption(f"the option '{flag.key}' is one of {', '.join(flag.words)}")
    if "\0" in str(value):
        raise UnusableOption(f"the option '{flag.key}' has a character that no argument may have")
    return str(value)


def _toml(flag: ClientFlag, value: object) -> str:
    """A value as TOML spells it: for texts, numbers, truth and lists of these JSON does so, too."""
    if isinstance(value, dict) or value is None:
        raise UnusableOption(f"a value of the option '{flag.key}' is a text, a number, true, false or a list")
    return json.dumps(value, ensure_ascii=False)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
