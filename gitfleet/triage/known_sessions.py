"""What the fleet knows of sessions, for hosts that are asked what is left of them: which live, which have ended, and where.

A session that has ended is in the ledger no more; that it was there is told by the chain of operations. Nothing is guessed: an
id that the chain does not name is unknown, and what carries it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gitfleet.base.text import display
from gitfleet.codec import Struct
from gitfleet.errors import FleetError, UsageError
from gitfleet.ledger import commits
from gitfleet.nodes import liveness
from gitfleet.nodes.records import DEAD
from gitfleet.sessions import session_records

if TYPE_CHECKING:
    from gitfleet.clone import Clone

LIVE, ENDED = "live", "ended"
NOBODYS = "-"
"""In place of a session: the place is the fleet's, but no session's alone."""
GENERATIONS = 5000
"""How far back the chain is read for sessions that have ended."""
MOST = 10_000


class KnownSessions(Struct):
    """`states`: by id, live or ended. `places`: by absolute path the session that works there, or was the last to, or NOBODYS. `ends`: of
    those that have ended, and said so, when (seconds since 1970, by the clock of where it was).
    """

    states: dict[str, str]
    places: dict[str, str]
    ends: dict[str, int]


def known(clone: Clone) -> KnownSessions:
    """All that is known here, without the network. A session whose process has ended counts as ended. Raises NoFleet, Corrupt.

    Where sessions of other clones have ended is left out: another one may be at work there by now that is not known here yet.
    """
    state, node = clone.current(), clone.ledger.node.id
    states: dict[str, str] = {}
    places: dict[str, tuple[bool, str]] = {}
    shared: set[str] = set()
    ends: dict[str, int] = {}
    with clone.peers() as peers:
        for session in session_records.everyone(state.view):
            if isinstance(session, FleetError):
                continue
            ended = liveness.liveness(session, node, peers).word == DEAD
            states[session.id] = ENDED if ended else LIVE
            if ended and session.node != node:
                continue
            _settle(places, shared, session.worktree, (session.node == node, session.id))
    for session_id, worktree, end in _before(clone, node):
        if session_id not in states and len(states) < MOST:
            states[session_id] = ENDED
            ends |= {session_id: end} if end else {}
        if worktree and worktree not in places:
            places[worktree] = False, session_id
    found = {path: NOBODYS if path in shared else one for path, (_, one) in places.items()}
    main = clone.repository.main
    return KnownSessions(states, {main: NOBODYS, **found} if main else found, ends)


def demand_ended(known: KnownSessions, session: str) -> None:
    """Raise UsageError where `session` is one of which no end is known: that a plan finds nothing of it would mean nothing. "" is none."""
    state = known.states.get(session)
    if not session or state == ENDED:
        return
    told = display(session[:80])
    if state == LIVE:
        raise UsageError(f"The session {told} has not ended: what it runs is its own.", hint="End it first.")
    raise UsageError(
        f"No session {told} is known here that has ended.",
        hint="See whose processes there are, and spell it as that shows it; exchange with the hub if it was another clone's.",
    )


def _settle(places: dict[str, tuple[bool, str]], shared: set[str], path: str, one: tuple[bool, str]) -> None:
    """Keep whose a path is: this node's comes first. One that several share on equal terms is nobody's."""
    if not path.startswith("/"):
        return
    there = places.get(path)
    if there is None or (one[0] and not there[0]):
        places[path] = one
        shared.discard(path)
    elif one[0] == there[0]:
        shared.add(path)


def _before(clone: Clone, node: str) -> Iterator[tuple[str, str, int]]:
    """What the chain tells of sessions, newest first: each with where it worked ("": not told, or not in this clone, which is `node`),
    and when it ended (0: that is something else).
    """
    tip = clone.ledger.tip()
    objects = clone.ledger.objects
    for _ in range(GENERATIONS):
        if tip is None:
            return
        try:
            carried = commits.transaction(objects, tip).raw
            tip = commits.read(objects, tip.parent) if tip.parent else None
        except FleetError:
            return
        for raw in reversed(carried):
            yield from _named(raw, node)


def _named(raw: dict[str, object], node: str) -> Iterator[tuple[str, str, int]]:
    actor, body = raw.get("actor"), raw.get("body")
    session_id = actor.get("id") if isinstance(actor, dict) and actor.get("kind") == "session" else None
    if isinstance(session_id, str) and session_id:
        started = raw.get("kind") == "session.start" and raw.get("node") == node
        worktree = body.get("worktree") if started and isinstance(body, dict) else ""
        end = raw.get("at") if raw.get("kind") == "session.end" else 0
        place = worktree if isinstance(worktree, str) and worktree.startswith("/") else ""
        yield session_id, place, end if isinstance(end, int) and 0 < end < 1 << 40 else 0
