"""Does this hub do what a fleet needs? Tried on one throw-away ref before anything else is written there.

What is tried is what the ledger relies on: creating a ref outside `refs/heads`, a leased update, the refusal of a
stale lease, two refs in one atomic push, and deletion.
"""

from __future__ import annotations

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
    ref, second = f"{fleetrefs.PROBE}{node}", f"{fleetrefs.PROBE}{node}-pair"
    left = remote.look(ref, second)
    if left:
        remote.push([Update(name, None, oid) for name, oid in left.items()])
    created = remote.push([Update(ref, one, None)])
    if created.outcome is not Push.DONE:
        raise hub_error(
            remote.name, created.output, what="write to", refused=created.outcome is not Push.UNKNOWN
        )
    done = _is(Push.DONE)
    return [
        Finding(CREATE, ok=True),
        _try(UPDATE, remote.push([Update(ref, other, one)]), done),
        _try(STALE, remote.push([Update(ref, one, one)]), lambda answer: answer.outcome is not Push.DONE),
        _try(ATOMIC, remote.push([Update(ref, one, other), Update(second, one, None)]), done),
        _try(DELETE, remote.push([Update(ref, None, one), Update(second, None, one)]), done),
    ]


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
