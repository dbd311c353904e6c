"""Objects of the ledger that are gone from this clone, and where they come from again.

Git keeps what a ref leads to. But a `git gc --prune=now` beside other git processes takes away what is just being written,
and a disk may fail. The hub has the whole ledger: what is missing here is fetched from there, and nothing is replaced.
"""

from __future__ import annotations

import os

from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git, redact
from gitfleet.git.remote import Remote

_PATIENCE = 600.0


def lacking(git: Git) -> str:
    """What of the verified ledger is missing or broken here, in git's words; "" when it is whole. Reads all of it."""
    if fleetrefs.COORD not in refs.read(git, fleetrefs.COORD):
        return ""
    done = git.ask("rev-list", "--objects", "--quiet", fleetrefs.COORD, "--", timeout=_PATIENCE)
    if done.code == 0:
        return ""
    lines = redact(os.fsdecode(done.stderr)).splitlines()
    return lines[0] if lines else "git gives no reason"


def mend(git: Git, hub: str) -> list[str]:
    """Fetch the hub's ledger anew where ours is not whole; what was done, in words. Callers hold the node's lock.

    Raises HubUnreachable, HubRefused.
    """
    lost = lacking(git)
    if not lost:
        return []
    ref = fleetrefs.seen_coord(hub)
    Remote(git, hub).fetch(f"+{fleetrefs.COORD}*:{ref}*", again=True, timeout=_PATIENCE)
    still = lacking(git)
    if still:
        return [f"the ledger is still damaged in this clone ({still}): the hub does not have it either"]
    return [f"the ledger is whole again in this clone: it was fetched again ({lost})"]
