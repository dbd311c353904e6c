"""What a client itself says of the hooks that it would run.

Codex runs only hooks that its user has trusted, and leaves others out without a word; its app server tells for each whether
it is. Claude Code asks nothing of the kind. What cannot be asked (no such program, another version) is "not asked".
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from gitfleet.base import processes
from gitfleet.clients import codex
from gitfleet.githooks.agents import settings

Trust = Literal["trusted", "untrusted", "modified", "not read", "not asked"]

LONGEST = 10.0
_INFO = {"clientInfo": {"name": "gitfleet", "version": "1"}}


class ClientTrust(NamedTuple):
    """What a client says of our hooks in the settings file `path`: `trust` is the worst of them."""

    path: str
    trust: Trust


class CodexHooks(NamedTuple):
    """What Codex said; `asked` is False where it could not be asked."""

    asked: bool
    found: Sequence[ClientTrust] = ()

    def of(self, path: str) -> Trust:
        """What it says of one settings file of ours."""
        if not self.asked:
            return "not asked"
        told = [one.trust for one in self.found if os.path.realpath(one.path) == os.path.realpath(path)]
        return told[0] if told else "not read"


def codex_hooks(folder: str) -> CodexHooks:
    """Have Codex say which hooks of ours it would run in a folder. Changes nothing of ours; a second at most, as a rule."""
    program = shutil.which(codex.NAME)
    if program is None:
        return CodexHooks(asked=False)
    asked: list[dict[str, Any]] = [
        {"id": 0, "method": "initialize", "params": _INFO},
        {"method": "initialized"},
        {"id": 1, "method": "hooks/list", "params": {"cwds": [folder]}},
    ]
    lines = [json.dumps(line).encode() for line in asked]
    try:
        answer = processes.ask(
            [program, "app-server"], lines, lambda line: _read(line).get("id") == 1,
            cwd=folder, env=os.environ, timeout=LONGEST,
        )  # fmt: skip
    except OSError:
        return CodexHooks(asked=False)
    return _understood(_read(answer or b""))


def _understood(answer: dict[str, Any]) -> CodexHooks:
    result = answer.get("result")
    places = result.get("data") if isinstance(result, dict) else None
    if not isinstance(places, list):
        return CodexHooks(asked=False)
    hooks = [hook for place in places if isinstance(place, dict) for hook in place.get("hooks") or []]
    ours: dict[str, list[Trust]] = {}
    for hook in hooks:
        if isinstance(hook, dict) and settings.MARK in str(hook.get("command", "")):
            ours.setdefault(str(hook.get("sourcePath", "")), []).append(_trust(hook))
    return CodexHooks(asked=True, found=[ClientTrust(path, _worst(trusts)) for path, trusts in ours.items()])


def _trust(hook: dict[str, Any]) -> Trust:
    said = hook.get("trustStatus")
    if hook.get("enabled") is False:
        return "untrusted"
    return "trusted" if said in {"trusted", "managed"} else "modified" if said == "modified" else "untrusted"


def _worst(trusts: Sequence[Trust]) -> Trust:
    order: Sequence[Trust] = ("modified", "untrusted", "trusted")
    return next(trust for trust in order if trust in trusts)


def _read(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
