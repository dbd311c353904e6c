"""Our handlers in an agent's settings: which entries are ours, put in and taken out of the text. Pure.

Claude Code's `settings.json` and Codex's `hooks.json` have the same form: `hooks`, by event, lists of a matcher with its
handlers. A handler of ours is known by the word gitfleet-agent in its command; the words behind it say which event it
is for, and what was made to hold it (`made=`), so that taking it out leaves nothing behind and nothing less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import plain_json
from gitfleet.errors import Blocked
from gitfleet.githooks.agents import jsontext
from gitfleet.githooks.agents.jsontext import Part

MARK = " gitfleet-agent "
ROOT = "hooks"


class Handler(NamedTuple):
    """What we want to be called for one event: `matcher` None where the event takes none; `timeout` in seconds."""

    event: str
    matcher: str | None
    command: str
    timeout: int

    def entry(self, made: Sequence[str]) -> dict[str, object]:
        """As it stands in the settings; `made` is what was made to hold it."""
        return {**({} if self.matcher is None else {"matcher": self.matcher}), "hooks": [self.part(made)]}

    def part(self, made: Sequence[str]) -> dict[str, object]:
        """What of that is ours alone."""
        return {"type": "command", "command": _flagged(self.command, made), "timeout": self.timeout}


class Ours(NamedTuple):
    """A handler of ours that was found: item `handler` of the group `group` of an event's list `groups`."""

    event: str
    groups: Part
    group: int
    handlers: Part
    handler: int
    command: str
    made: tuple[str, ...]


def put(text: str | None, handlers: Sequence[Handler], *, folder_made: bool = False) -> str:
    """The settings (None: no file) with all `handlers` in force, everything else as it was. Twice is once.

    Raises ValueError when the text is no JSON, or not of the form that settings have.
    """
    made_file = text is None
    text = "{}\n" if text is None else text
    for handler in handlers:
        text = _put(text, handler, (["folder"] if folder_made else []) + (["file"] if made_file else []))
    return text


def _put(text: str, handler: Handler, made: list[str]) -> str:
    root, hooks = _hooks(text)
    known = next((one for one in found(text) if one.event == handler.event), None)
    if known is not None:
        entry = handler.entry(known.made)
        group = _value(text, known.groups.items[known.group][1])
        if group == entry:
            return text
        if len(known.handlers.items) == 1:
            return jsontext.replace(text, known.groups, known.group, entry)
        return jsontext.replace(text, known.handlers, known.handler, handler.part(known.made))
    if hooks is None:
        value = {handler.event: [handler.entry([*made, "hooks", "list"])]}
        return jsontext.append(text, root, value, ROOT)
    groups = hooks.get(handler.event)
    if groups is None:
        return jsontext.append(text, hooks, [handler.entry([*made, "list"])], handler.event)
    return jsontext.append(text, groups, handler.entry(made))


def without(text: str) -> tuple[str | None, bool]:
    """The settings without us: None when that leaves nothing of a file that we made, and whether its folder was made by us too.

    Raises ValueError as `put`.
    """
    made: set[str] = set()
    while one := next(found(text), None):
        made |= set(one.made)
        text = _without(text, one)
    root, hooks = _hooks(text)
    if "hooks" in made and hooks is not None and not hooks.items:
        text = jsontext.remove(text, root, root.place(ROOT))
        root = jsontext.parse(text)
    return (None if "file" in made and not root.items else text), "folder" in made


def _without(text: str, one: Ours) -> str:
    if len(one.handlers.items) > 1:
        return jsontext.remove(text, one.handlers, one.handler)
    text = jsontext.remove(text, one.groups, one.group)
    _, hooks = _hooks(text)
    if "list" in one.made and hooks is not None and not hooks.items[hooks.place(one.event)][1].items:
        text = jsontext.remove(text, hooks, hooks.place(one.event))
    return text


def found(text: str) -> Iterator[Ours]:
    """Our handlers, as they stand. Raises ValueError as `put`."""
    _, hooks = _hooks(text)
    for event, groups in hooks.items if hooks else ():
        for number, (_, group) in enumerate(groups.items):
            handlers = group.get(ROOT)
            for place, (_, handler) in enumerate(handlers.items if handlers and handlers.kind == "[" else ()):
                command = _value(text, handler).get("command") if handler.kind == "{" else None
                if isinstance(command, str) and MARK in command:
                    assert handlers is not None
                    yield Ours(event, groups, number, handlers, place, command, _made(command))


def is_current(text: str, handlers: Sequence[Handler]) -> bool:
    """Whether the handlers stand in the settings exactly as they should. Raises ValueError as `put`."""
    there = list(found(text))
    return len(there) == len(handlers) and put(text, handlers) == text


def _hooks(text: str) -> tuple[Part, Part | None]:
    root = jsontext.parse(text)
    hooks = root.get(ROOT)
    if root.kind != "{" or (hooks is not None and hooks.kind != "{"):
        raise ValueError("it is not of the form that the agent's settings have")
    if hooks is not None and any(groups.kind != "[" for _, groups in hooks.items):
        raise ValueError("its `hooks` are not of the form that the agent's settings have")
    return root, hooks


def _value(text: str, part: Part) -> Mapping[str, object]:
    value: Mapping[str, object] = plain_json.load(text[part.start : part.end])
    return value


def _flagged(command: str, made: Sequence[str]) -> str:
    return f"{command} made={','.join(made)}" if made else command


def _made(command: str) -> tuple[str, ...]:
    flags = command.rpartition(" made=")[2] if " made=" in command else ""
    return tuple(flags.split(",")) if flags else ()


def unusable(path: str, error: ValueError) -> Blocked:
    """The refusal for settings that cannot be changed without harm."""
    return Blocked(
        f"{path} was left as it is: {error}.",
        hint="Fix the file, then run the same command again.",
        unharmed="",
        path=path,
    )
