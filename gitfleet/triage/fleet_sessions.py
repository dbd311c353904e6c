"""Which sessions this fleet knows: those at work, and those that have ended, by the ledger. Hosts are told their ids and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from gitfleet.errors import Corrupt
from gitfleet.git.trees import Objects
from gitfleet.ledger import commits
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.model import NODE, View
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session

LIVE, ENDED = "live", "ended"
MOST_COMMITS = 5000
"""Commits of the ledger that are looked back: a session that ended before them is not known any more, and proves nothing."""
MOST_SESSIONS = 20_000


def states(view: View, objects: Objects, tip: Tip | None) -> dict[str, str]:
    """Ids of sessions, `live` or `ended`. While a record cannot be read, none counts as ended."""
    known = list(session_records.everyone(view))
    found: dict[str, str] = {str(one.id): LIVE for one in known if isinstance(one, Session)}
    if len(found) < len(known):  # any of those that have begun may be one that cannot be read
        return found
    for session in islice(_begun(objects, tip), MOST_SESSIONS):
        found.setdefault(session, ENDED)
    return found


def places(view: View, node: str) -> Mapping[str, str]:
    """The worktrees of this node in which a session is at work, by their paths. Where several are, none is named."""
    found: dict[str, list[str]] = {}
    for session in session_records.readable(view, node):
        if session.worktree and not session.person:
            found.setdefault(session.worktree, []).append(session.id)
    return {path: ids[0] for path, ids in found.items() if len(ids) == 1}


def _begun(objects: Objects, tip: Tip | None) -> Iterator[str]:
    """The sessions that have begun, newest first, as far back as is looked."""
    link = tip
    for _ in range(MOST_COMMITS):
        if link is None:
            return
        try:
            raw = commits.transaction(objects, link).raw
        except Corrupt:
            raw = ()
        for one in raw:
            actor = one.get("actor")
            if one.get("kind") == "session.start" and isinstance(actor, dict) and actor.get("kind") != NODE:
                yield str(actor.get("id"))
        link = commits.read(objects, link.parent) if link.parent else None
