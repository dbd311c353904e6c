"""Does this hub do what a fleet needs? Tried on one throw-away ref before anything else is written there.

What is tried is what the ledger relies on: creating a ref outside `refs/heads`, a leased update, the refusal of a
stale lease, two refs in one atomic push, and deletion. Refs only move forward, as the ledger's does: many hubs
(`git init --shared`) refuse anything else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from gitfleet.errors import HubRefused
from gitfleet.git import fleetrefs
from gitfleet.git.remote import Push, PushAnswer, Remote, Update, hub_error

CREATE, UPDATE, STALE, ATOMIC, DELETE = "create", "leased update", "stale lease", "atomic pair", "delete"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried, whether the hub did as it should, and its words when not."""

    what: str
    ok: bool
    words: str = ""


def probe(remote: Remote, node: str, one: str, other: str) -> list[Finding]:
    """Try the hub with two commits that exist here. Leaves no ref behind unless deletion is what it refuses.

    Raises HubUnreachable when it does not answer, HubRefused when it refuses the namespace itself.
    """
    ref, *pair = names = _names(remote, f"{fleetrefs.PROBE}{node}")
    created = remote.push([Update(ref, one, None)])
    if created.outcome is not Push.DONE:
        raise hub_error(
            remote.name, created.output, what="write to", refused=created.outcome is not Push.UNKNOWN
        )
    done = _is(Push.DONE)
    findings = [
        Finding(CREATE, ok=True),
        _try(UPDATE, remote.push([Update(ref, other, one)]), done),
        _try(STALE, remote.push([Update(ref, one, one)]), lambda answer: answer.outcome is not Push.DONE),
        _try(ATOMIC, remote.push([Update(name, one, None) for name in pair]), done),
    ]
    there = remote.look(*names)
    gone = remote.push([Update(name, None, oid) for name, oid in there.items()])
    return [*findings, _try(DELETE, gone, done)]


def _names(remote: Remote, base: str) -> list[str]:
    """Three names that are free on the hub: what an earlier try left behind is taken away or, where that fails, avoided."""
    names = [f"{base}{end}" for end in ("", "-one", "-two")]
    left = remote.look(*names)
    if left and remote.push([Update(name, None, oid) for name, oid in left.items()]).outcome is not Push.DONE:
        return [f"{name}-{os.urandom(4).hex()}" for name in names]
    return names


def demand(findings: list[Finding], hub: str) -> list[str]:
    """Raise HubRefused when something that safety rests on does not hold; warnings about the rest."""
    missing = {finding.what: finding.words for finding in findings if not finding.ok}
    for what in (UPDATE, STALE):
        if what in missing:
            raise HubRefused(
                f"The hub '{hub}' does not keep a compare-and-swap push apart ({what}): {missing[what]}. "
                "A fleet cannot be safe there. Nothing was changed but a throw-away ref.",
                hint="Choose another hub: `gitfleet init --hub REMOTE`.",
                hub=hub,
                output=missing[what],
            )
    return [f"the hub '{hub}' did not do as expected: {what}: {words}" for what, words in missing.items()]


def _is(outcome: Push) -> Callable[[PushAnswer], bool]:
    return lambda answer: answer.outcome is outcome


def _try(what: str, answer: PushAnswer, good: Callable[[PushAnswer], bool]) -> Finding:
    return Finding(what, good(answer), "" if good(answer) else answer.output or answer.outcome.value)
