"""The command that asks the host to land an order (`queue.pull-request`): one JSON object in, one out.

The command is a list of words, never a shell's line. Whatever it says is somebody else's text: it is held against what was asked, cut and
freed of escapes before it goes anywhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, NotRequired, TypedDict

from gitfleet.base import plain_json, processes
from gitfleet.base.text import display, one_line
from gitfleet.codec import Struct
from gitfleet.errors import HubRefused, HubUnreachable
from gitfleet.git.program import environment
from gitfleet.mergequeue.model import QueueEntry
from gitfleet.mergequeue.states import FINISHED

VERSION = 1
TIME = 120.0
"""Seconds that the command may take for one answer."""
_MOST = 1_000_000
_WORDS = 400
HostState = Literal["waiting", "merged", "refused", "closed"]
_STATES: dict[str, tuple[HostState, ...]] = {
    "land": ("waiting", "merged", "refused"),
    "close": ("waiting", "merged", "closed"),
}


class HostVerdict(Struct):
    """What the host says of one entry."""

    state: HostState
    words: str = ""


class LandingAsked(TypedDict):
    """An entry that is to land, as the command is told of it."""

    id: str
    branch: str
    head: str
    title: str
    session: str
    priority: int
    tree: str
    trailers: list[str]


class ClosingAsked(TypedDict):
    """An entry that is not to land any more, as the command is told of it."""

    id: str
    branch: str
    head: str
    title: str
    session: str
    state: str
    final: bool
    tree: str


class HookOrder(TypedDict):
    """What the command reads."""

    version: int
    action: Literal["land", "close"]
    target: str
    base: NotRequired[str]
    method: NotRequired[str]
    entries: list[LandingAsked]
    close: NotRequired[list[ClosingAsked]]


class Asked(NamedTuple):
    """An entry that is to land as a tree. `trailers`: what the commit that lands it should name."""

    entry: QueueEntry
    tree: str
    trailers: Sequence[str]


def order(target: str, base: str, method: str, entries: Sequence[Asked]) -> HookOrder:
    """What the command is asked: entries in the order in which they are to land, each with the tree that was tested."""
    rows: list[LandingAsked] = [
        {
            "id": one.entry.id, "branch": one.entry.branch, "head": one.entry.head, "title": one.entry.title,
            "session": one.entry.session, "priority": one.entry.priority, "tree": one.tree, "trailers": list(one.trailers),
        }
        for one in entries
    ]  # fmt: skip
    return {
        "version": VERSION,
        "action": "land",
        "target": target,
        "base": base,
        "method": method,
        "entries": rows,
    }


def recall(target: str, entries: Sequence[QueueEntry], kept: Collection[str]) -> HookOrder:
    """What the command is asked of entries that the host was handed, and is not to land any more: none is among the `entries` that are
    to land. `final`: the entry is out of the queue, and its branch has no other one; `kept` are the ids of those whose branch has.
    """
    rows: list[ClosingAsked] = [
        {
            "id": one.id, "branch": one.branch, "head": one.host.head, "title": one.title, "session": one.session,
            "state": one.state, "final": one.state in FINISHED and one.id not in kept, "tree": one.host.tree,
        }
        for one in entries
    ]  # fmt: skip
    return {"version": VERSION, "action": "close", "target": target, "entries": [], "close": rows}


def ask(
    command: Sequence[str], wanted: HookOrder, folder: str, *, limit: float = TIME
) -> dict[str, HostVerdict]:
    """Ask the host; by entry, what it says. An entry of which it says nothing waits.

    Raises HubUnreachable where the command could not be run to its end, and HubRefused where its answer is none.
    """
    name = display(command[0])
    try:
        done = processes.run(
            command, cwd=folder, env=environment(), data=json.dumps(wanted).encode() + b"\n", timeout=limit, own_session=True
        )  # fmt: skip
    except processes.TimedOut as error:
        raise HubUnreachable(f"{name} (queue.pull-request) did not answer within {limit:.0f} s.") from error
    except OSError as error:
        words = f"{name} (queue.pull-request) could not be run: {os.strerror(error.errno or 0)}."
        raise HubUnreachable(words, hint="Name a program that is on PATH, or its absolute path.") from error
    if done.code:
        said = one_line(display(done.stderr.decode("utf-8", "replace").strip()), _WORDS)
        raise HubUnreachable(
            f"{name} (queue.pull-request) ended with exit code {done.code}: {said or 'it said nothing'}"
        )
    asked = [row["id"] for row in wanted.get("close") or wanted["entries"]]
    return dict(_answers(name, done.stdout, asked, _STATES[wanted["action"]]))


def _answers(
    name: str, said: bytes, asked: Sequence[str], states: Sequence[HostState]
) -> list[tuple[str, HostVerdict]]:
    if len(said) > _MOST:
        raise _wrong(name, f"it is longer than {_MOST} bytes")
    try:
        answer = plain_json.load(said)
    except ValueError as error:
        raise _wrong(name, "it is not JSON") from error
    rows = answer.get("entries") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or answer.get("version") != VERSION:
        raise _wrong(name, f'it is no object with "version": {VERSION} and "entries"')
    return [_answer(name, row, asked, states) for row in rows]


def _answer(
    name: str, row: object, asked: Sequence[str], states: Sequence[HostState]
) -> tuple[str, HostVerdict]:
    if not isinstance(row, dict) or row.get("id") not in asked:
        raise _wrong(name, "it tells of an entry that was not asked about")
    state = next((one for one in states if one == row.get("state")), None)
    texts = [row.get("words", ""), row.get("url", "")]
    if state is None or not all(isinstance(text, str) for text in texts):
        raise _wrong(name, f"a state is one of {', '.join(states)}, and words and url are texts")
    words, url = (one_line(display(text), _WORDS) for text in texts)
    return row["id"], HostVerdict(state, f"{words} ({url})" if words and url else words or url)


def _wrong(name: str, why: str) -> HubRefused:
    return HubRefused(f"The answer of {name} (queue.pull-request) cannot be used: {why}.")
