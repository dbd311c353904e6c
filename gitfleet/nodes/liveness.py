"""Whether a session is alive: on this node by its process, elsewhere by whether its node's heartbeat moves while we watch.

What cannot be told is said to be unknown.
"""

from __future__ import annotations

from typing import Literal

from gitfleet.base.text import duration
from gitfleet.codec import Struct
from gitfleet.nodes.details import process_liveness
from gitfleet.nodes.observed import QUIET
from gitfleet.nodes.peers import Peers
from gitfleet.nodes.records import ALIVE, DEAD, PERSON, UNKNOWN
from gitfleet.sessions.session_records import Session

Word = Literal["alive", "person", "quiet", "unknown", "dead"]
WORDS: tuple[Word, ...] = (ALIVE, PERSON, QUIET, UNKNOWN, DEAD)


class Liveness(Struct):
    """One of `WORDS`; `quiet_for` is how long this machine has seen the session's node not move (seconds)."""

    word: Word
    quiet_for: int | None = None

    def __str__(self) -> str:
        return self.word if self.quiet_for is None else f"{self.word} for {duration(self.quiet_for)}"


def liveness(session: Session, node: str, peers: Peers) -> Liveness:
    """The liveness of a session as the node `node`, which is this one, can tell it.

    Of another node's session: `dead` when that node said so of this very process, for processes do not come back;
    `quiet` when the node has not moved for a while; `alive` when it moves and said so; else `unknown`.
    """
    if session.person or session.node == node:
        return Liveness(process_liveness(session))
    told = peers.detail(session.node, session.id)
    said = told.liveness if told and (told.pid, told.start) == (session.pid, session.start) else UNKNOWN
    judgement = peers.judgement(session.node)
    if said == DEAD:
        return Liveness(DEAD)
    if judgement.liveness == ALIVE:
        return Liveness(ALIVE if said == ALIVE else UNKNOWN)
    return Liveness(judgement.liveness, judgement.quiet_for)
