"""What goes back to an agent, in the form that Claude Code documents and Codex reads too.

Always with exit code 0: both look at the JSON only then. A permission is never given, since that would silence the
agent's own questions to its user; to say nothing lets the agent go its own way. A refusal's words stand in the one
field that every version reads, and so do messages then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.base.commands import spoken_in

PATIENCE = 3.0
"""Seconds for all that a hook asks of the hub: agents go on with their edit when a hook takes long."""


class EditVerdict(NamedTuple):
    """Whether an edit is stopped, and why (`deny`; "": it is not); what else is to be told, to the agent and to its user."""

    deny: str = ""
    told: Sequence[str] = ()
    warnings: Sequence[str] = ()


def before_edit(verdict: EditVerdict) -> str:
    """The answer before an edit; "" where there is nothing to say."""
    words = [*verdict.warnings, *verdict.told]
    own: dict[str, object] = {"hookEventName": "PreToolUse"}
    if verdict.deny:
        own |= {
            "permissionDecision": "deny",
            "permissionDecisionReason": "\n".join([verdict.deny, *words]),
        }
        return _json({"hookSpecificOutput": own})
    if not words:
        return ""
    own["additionalContext"] = "\n".join(words)
    loud = {"systemMessage": "\n".join(verdict.warnings)} if verdict.warnings else {}
    return _json({"hookSpecificOutput": own, **loud})


def at_start(context: str, warnings: Sequence[str]) -> str:
    """The answer when an agent's session starts: what it should know, and what its user should."""
    own = {"hookEventName": "SessionStart", "additionalContext": context}
    loud = {"systemMessage": "\n".join(warnings)} if warnings else {}
    return _json({"hookSpecificOutput": own, **loud})


def _json(said: dict[str, object]) -> str:
    return json.dumps(spoken_in(said))
