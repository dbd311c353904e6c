"""What the ledger may forget: grants that ended so long ago that no commit made under them is still to be judged."""

from __future__ import annotations

import os

from gitfleet.base import clock, files
from gitfleet.claims import ended_grants
from gitfleet.claims.ended_grants import EndedGrant
from gitfleet.clone import Clone

KEEP = 90 * 86400
"""Seconds that the end of a claim is remembered."""
_EVERY = 86400


def forget_daily(clone: Clone, *, keep: int = KEEP) -> int:
    """`forget`, unless this clone did so within a day: it reads every record that there is. How many went."""
    stamp = os.path.join(clone.ledger.state, "forgot")
    try:
        fresh = 0 <= clock.now() - int(files.read(stamp) or b"0") < _EVERY
    except ValueError:
        fresh = False
    if fresh:
        return 0
    files.tryout(stamp)
    gone = forget(clone, keep=keep)
    files.replace(stamp, b"%d\n" % clock.now())
    return gone


def forget(clone: Clone, *, keep: int = KEEP) -> int:
    """Drop the records of grants that ended more than `keep` seconds ago, by this node's clock; how many went.

    Safe at any time and from any node: a commit that cites a forgotten grant counts as unclaimed, never as covered. Asks
    the hub for nothing where nothing is old; else one operation for each `past.MAX_FORGOTTEN` records. Raises what the
    ledger raises.
    """
    oldest = clock.now() - keep
    found = ended_grants.everything(clone.current().view)
    old = [
        ended_grants.Gone(where, one.token)
        for where, one in found
        if isinstance(one, EndedGrant) and one.at < oldest
    ]
    gone = 0
    for start in range(0, len(old), ended_grants.MAX_FORGOTTEN):
        body = ended_grants.Forget(tuple(old[start : start + ended_grants.MAX_FORGOTTEN]))
        gone += len(clone.ledger.request(ended_grants.forget, clone.ledger.itself, body).forgotten)
    return gone
