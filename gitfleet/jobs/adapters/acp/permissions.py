"""What an agent is answered when it asks whether it may: by the rules of its file, and by the kinds that the protocol has. Pure.

Which of the answers on offer is given goes by its kind, never by its id or its name: those differ from agent to agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gitfleet.jobs.adapters.acp.wire import table
from gitfleet.jobs.adapters.jsonlines import tables_of

TOOL_KINDS = (
    "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other",
)  # fmt: skip
"""The kinds of tools that the protocol has; what is none of them is `other`."""
DEFAULT = "default"


class PermissionRule(StrEnum):
    """What a request is answered: yes, no, or nothing until somebody says which."""

    ALLOW = "allow"
    REJECT = "reject"
    ASK = "ask"


_OPTIONS = {
    PermissionRule.ALLOW: ("allow_once", "allow_always"),
    PermissionRule.REJECT: ("reject_once", "reject_always"),
}


def kind_of(told: object) -> str:
    """The kind of a tool, as one of the words that the protocol has."""
    return told if isinstance(told, str) and told in TOOL_KINDS else "other"


def rule_for(kind: str, rules: Mapping[str, str]) -> PermissionRule:
    """The rule for a kind of tool: its own, else the default; without one, somebody has to be asked."""
    return PermissionRule(rules.get(kind) or rules.get(DEFAULT) or PermissionRule.ASK)


def outcome(options: object, rule: PermissionRule) -> dict[str, dict[str, str]]:
    """The answer to a request with these `options`, as the protocol has it. Where none fits, it is no permission."""
    offered = [(one.get("kind"), one.get("optionId")) for one in tables_of(options)]
    for kind in _OPTIONS.get(rule, ()):
        for known, chosen in offered:
            if known == kind and isinstance(chosen, str):
                return {"outcome": {"outcome": "selected", "optionId": chosen}}
    return CANCELLED


CANCELLED = {"outcome": {"outcome": "cancelled"}}
"""The answer that gives none: the turn is over."""


def subject(call: object) -> str:
    """What is asked for, in a line: the command, the title, or the files."""
    told = table(call)
    given = table(told.get("rawInput")).get("command")
    words = [word for word in (given if isinstance(given, list) else [given]) if isinstance(word, str)]
    if command := " ".join(words):
        return command
    if isinstance(title := told.get("title"), str) and title:
        return title
    places = [str(one.get("path")) for one in tables_of(told.get("locations"))]
    return ", ".join(places) or "something that it does not name"
