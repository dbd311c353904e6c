"""All that gitfleet relies on of clients: their hook events, their options, and how they name their sessions, each with the versions for which it holds. Data, and pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from gitfleet.clients import claude, codex
from gitfleet.clients.acting import CLIENTS
from gitfleet.jobs.adapters import claude_call, codex_call

_OPTIONS = {claude.NAME: claude_call.OPTIONS, codex.NAME: codex_call.OPTIONS}
_USES = {
    "edit": "asks before an edit, and before shell commands that carry one",
    "after": "hears of a shell command that failed in the sandbox",
    "begin": "starts the session, and briefs the agent",
    "turn": "releases what was claimed for edits that did not come to be",
    "end": "ends the session",
}


class ClientFact(NamedTuple):
    """One thing that a client does: what it is called there (`spelled`), what it is for, since which version ("": not told), up to which it was `tried`."""

    agent: str
    kind: Literal["hook", "option", "variable", "call"]
    spelled: str
    use: str
    since: str
    tried: str


def facts() -> Iterator[ClientFact]:
    """The table, client by client."""
    for agent, client in CLIENTS.items():
        for event, matcher, ours, _, since in client.EVENTS:
            spelled = f"{event} ({matcher})" if matcher else event
            yield ClientFact(agent, "hook", spelled, _USES[ours], since, client.TRIED)
        for name in client.VARIABLES:
            yield ClientFact(
                agent, "variable", name, "names the agent's session in its commands", "", client.TRIED
            )
        if client.CALL:
            use = "names the agent's session with each call of a tool of ours, in `_meta`"
            yield ClientFact(agent, "call", client.CALL, use, "", client.TRIED)
        for flag in _OPTIONS[agent]:
            use = f"`{flag.key}` of an agent file"
            yield ClientFact(agent, "option", flag.spelled, use, flag.since, client.TRIED)
