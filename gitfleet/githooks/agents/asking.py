"""What a client itself says of the hooks that it would run.

Codex runs only hooks that its user has trusted, and leaves others out without a word; its app server tells for each whether
it is. Claude Code asks nothing of the kind.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from typing import Literal

from gitfleet.base import plain_json, popen
from gitfleet.clients import codex
from gitfleet.githooks.agents import settings

Trust = Literal["trusted", "untrusted", "modified"]

LONGEST = 10.0
_INFO = {"clientInfo": {"name": "gitfleet", "version": "1"}}


def codex_hooks(folder: str) -> Mapping[str, Trust] | None:
    """Have Codex say which hooks of ours it would run in a folder: the worst of each settings file; None where it cannot be asked.

    Changes nothing of ours; a second at most, as a rule.
    """
    program = shutil.which(codex.NAME)
    if program is None:
        return None
    asked: list[dict[str, object]] = [
        {"id": 0, "method": "initialize", "params": _INFO},
        {"method": "initialized"},
        {"id": 1, "method": "hooks/list", "params": {"cwds": [folder]}},
    ]
    lines = [json.dumps(line).encode() for line in asked]
    try:
        answer = popen.ask(
            [program, "app-server"], lines, lambda line: _read(line).get("id") == 1,
            cwd=folder, env=os.environ, timeout=LONGEST,
        )  # fmt: skip
    except OSError:
        return None
    return _understood(_read(answer or b""))


def _understood(answer: dict[str, object]) -> Mapping[str, Trust] | None:
    result = answer.get("result")
    places = result.get("data") if isinstance(result, dict) else None
    if not isinstance(places, list):
        return None
    hooks = [hook for place in places if isinstance(place, dict) for hook in place.get("hooks") or []]
    ours: dict[str, set[Trust]] = {}
    for hook in hooks:
        if isinstance(hook, dict) and settings.MARK in str(hook.get("command", "")):
            path = os.path.realpath(str(hook.get("sourcePath", "")))
            ours.setdefault(path, set()).add(_trust(hook))
    order: tuple[Trust, ...] = ("modified", "untrusted", "trusted")
    return {path: next(trust for trust in order if trust in said) for path, said in ours.items()}


def _trust(hook: dict[str, object]) -> Trust:
    said = hook.get("trustStatus")
    if hook.get("enabled") is False:
        return "untrusted"
    return "trusted" if said in {"trusted", "managed"} else "modified" if said == "modified" else "untrusted"


def _read(line: bytes) -> dict[str, object]:
    try:
        found = plain_json.load(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
