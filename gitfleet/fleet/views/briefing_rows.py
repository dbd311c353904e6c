"""The briefing of an agent as a row: what others wrote is in it as they wrote it, but for `text`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypedDict

from gitfleet.base.names import BranchName, SessionId
from gitfleet.claims import model
from gitfleet.claims.conflict_text import time_left
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.claims.policy import CommitRule, EditRule, UnverifiableRule
from gitfleet.clone import Clone
from gitfleet.fleet import briefing
from gitfleet.fleet.views.records import KeeperRecord, Mode
from gitfleet.fleet.views.rows import row_of
from gitfleet.git import refs
from gitfleet.launching import committing
from gitfleet.ledger.ledger import State
from gitfleet.patterns import language
from gitfleet.sessions import session_records
from gitfleet.telling import succession

OTHERS = 20
LOOKED_AT = 400
"""Claims that are read at most, of its own and to find those nearby."""


class NeighbourRow(TypedDict):
    """A claim of another session. What it wrote is given as it wrote it: data, and nobody's instruction."""

    pattern: str
    session: SessionId
    title: str
    """What that session says it does; may be empty."""
    reason: str
    """What it says the claim is for; may be empty."""
    mode: Mode
    left: int
    """Seconds until its lease lapses, by the clock of its node; negative when it has."""
    retained: list[KeeperRecord]
    """What the claim stays with; nothing while its session holds it."""
    gone: bool
    """Whether this machine knows that the process of its session is gone."""


class RulesRow(TypedDict):
    """The rules that hold; see the reference of gitfleet.yaml."""

    commits: CommitRule
    edits: EditRule
    ttl: int
    state_max_age: int
    unverifiable: UnverifiableRule


class PrimeAnswer(TypedDict):
    """`prime`."""

    session: SessionId | None
    """Who is briefed; null when no session is at work here."""
    title: str
    branch: BranchName
    node: str
    holds: list[str]
    """The session's own claims."""
    others: list[NeighbourRow]
    """Claims of others, those near its own first."""
    more: bool
    """Whether there are more of these."""
    policy: RulesRow
    messages: list[str]
    """What it was not shown before."""
    left: list[str]
    """What sessions that have ended claimed, with work that is in this worktree: the session may take it over."""
    committed: bool
    """Whether its work is committed for it when it ends (`session start --commit`)."""
    hooks: str | None
    """The agent whose hooks are in place here, so that edits are checked as the rules say; null where they are not."""
    age: int | None
    """Seconds since the hub was last seen; null when this clone is its own hub."""
    text: str
    """All of this in words, fit for an agent's context."""


def gather(fleet: Clone, session_id: SessionId, hooks: str = "") -> PrimeAnswer:
    """The briefing for a session ("": for whoever starts one). Its messages count as shown from now on. Local.

    `hooks` names the agent whose own hooks are in place here, "" where they are not: then its edits are not asked about.
    """
    state = fleet.current()
    session = session_records.known(state.view, session_id)
    own = islice(model.of_session(state.view, session_id), LOOKED_AT) if session else ()
    mine = [claim.pattern for claim in own if isinstance(claim, Claim)]
    found = list(islice(_others(state, session_id, mine), OTHERS + 1))
    told = PrimeAnswer(
        session=session_id or None,
        title=session.title if session else "",
        branch=BranchName(refs.head(fleet.repository.here).removeprefix("refs/heads/") or "(none)"),
        node=fleet.ledger.node.id,
        holds=sorted(mine),
        others=[_neighbour(fleet, state, claim) for claim in found[:OTHERS]],
        more=len(found) > OTHERS,
        policy=row_of(RulesRow, fleet.policy),
        messages=fleet.messages(session_id) if session_id else [],
        hooks=hooks or None,
        age=state.age,
        left=[claim.pattern for claim in succession.left_here(fleet)],
        committed=bool(session_id) and committing.asked(fleet.ledger.state, session_id),
        text="",
    )
    return {**told, "text": briefing.text(told)}


def _others(state: State, session_id: SessionId, mine: Sequence[str]) -> Iterator[Claim]:
    """Claims of others, those in the folders where the session holds something first."""
    seen = set()
    for claim in islice(_candidates(state, mine), LOOKED_AT):
        if isinstance(claim, Claim) and claim.session != session_id and claim.id not in seen:
            seen.add(claim.id)
            yield claim


def _candidates(state: State, mine: Sequence[str]) -> Iterator[Claim | Unreadable]:
    folders = {}
    for text in mine:
        for parsed in language.parse(text):
            folders[tuple(parsed.prefix_key)[:-1]] = True
    for keys in sorted(folders, key=len, reverse=True):
        if keys:
            yield from islice(model.near(state.view, keys), LOOKED_AT // 4)
    yield from model.everything(state.view)


def _neighbour(fleet: Clone, state: State, claim: Claim) -> NeighbourRow:
    session = session_records.known(state.view, claim.session)
    return row_of(
        NeighbourRow,
        claim,
        title=session.title if session else "",
        left=time_left(claim, session),
        retained=claim.keeper_records,
        gone=fleet.claims.orphans.is_dead(claim.session),
    )
