"""What stands in the way of a claim, as data: for JSON, for the rules, and for the refusal (`refusals`).

Pure. One conflict is one claim of another session that overlaps one requested pattern, with a path that both match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitfleet.claims import model, units
from gitfleet.claims.model import SHARED, Claim, Unreadable
from gitfleet.claims.tickets import WAITING_TTL, Ticket, Want
from gitfleet.codec import Struct
from gitfleet.ledger.model import View
from gitfleet.obstacles import Obstacle
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import Overlap, overlap
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session


class InTheWay(Struct):
    """`wanted` overlaps `held`; `witness` is a path that both match, `exact` False when that was not proved.

    With `waiting` it is no claim yet but an earlier place in the waiting line, in the form of the claim it wants.
    """

    wanted: str
    held: Claim | Unreadable
    witness: str
    exact: bool
    session: Session | None
    waiting: bool = False

    def obstacle(self) -> Obstacle:
        """The same as data: a fact of Conflict, and what JSON shows."""
        held, holder = self.held, self.session
        if isinstance(held, Unreadable):
            return Obstacle(
                path=self.wanted, witness=self.witness, exact=self.exact, held=held.where, problem=held.error.message
            )  # fmt: skip
        return Obstacle(
            path=self.wanted,
            witness=self.witness,
            exact=self.exact,
            held=held.pattern,
            claim=held.id,
            token=held.token,
            mode=held.mode,
            session=held.session,
            node=held.node,
            branch=held.branch,
            reason=held.reason,
            ttl=held.accept_within or held.ttl,
            agent=holder.agent if holder else "",
            title=holder.title if holder else "",
            worktree=holder.worktree if holder else "",
            waiting=self.waiting,
            retained=tuple(held.keeper_records),
            renewed=holder.renewed if holder else 0,
            renewed_at=holder.renewed_at if holder else held.granted_at,
            slots=held.slots,
            capacity=held.capacity,
        )


def find(
    view: View,
    wanted: Pattern,
    mode: str,
    session_id: str,
    *,
    nearby: Iterable[Claim | Unreadable] | None = None,
    case_sensitive: bool = False,
    capacity: int = 0,
) -> Iterator[InTheWay]:
    """Every claim of others that a claim on `wanted` in `mode` would clash with.

    `nearby` is what `model.near` found, when the caller has it already. Where units of a resource are wanted of which
    there are `capacity`, that is every holder as long as there are too few, and nobody when there are enough; with 0
    it is whoever has one.
    """
    nearby = model.near(view, wanted.prefix_key) if nearby is None else nearby
    if wanted.units:
        nearby = units.others(nearby, session_id)
        if units.fits(wanted, capacity, nearby):
            return
    for held, met in meeting(nearby, wanted, mode, session_id, case_sensitive=case_sensitive):
        session = session_records.known(view, held.session) if isinstance(held, Claim) else None
        yield InTheWay(wanted.text, held, met.witness, met.exact, session)


def meeting(
    nearby: Iterable[Claim | Unreadable], wanted: Pattern, mode: str, session_id: str, *, case_sensitive: bool
) -> Iterator[tuple[Claim | Unreadable, Overlap]]:
    """The claims among those `nearby` that are not the session's own and meet a claim on `wanted`, and where."""
    for held in nearby:
        if isinstance(held, Claim) and (
            held.session == session_id or (held.mode == SHARED and mode == SHARED)
        ):
            continue
        pattern = held.meant
        met = overlap(pattern, wanted, case_sensitive=case_sensitive)
        if met is not None:
            yield held, met


def on_path(view: View, path: str, held: Claim | Unreadable) -> InTheWay:
    """The conflict of a change to one path, or of a request for one resource, with a claim that matches it."""
    session = session_records.known(view, held.session) if isinstance(held, Claim) else None
    return InTheWay(path, held, path, exact=True, session=session)


def in_line(view: View, wanted: str, ticket: Ticket, met: tuple[Want, str]) -> InTheWay:
    """The conflict of a request with an earlier ticket of another session."""
    want, witness = met
    held = Claim(
        id=ticket.id, session=ticket.session, node=ticket.node, pattern=want.pattern, mode=want.mode, token=ticket.since,
        ttl=WAITING_TTL, granted_at=0, reason=ticket.terms.reason,
    )  # fmt: skip
    return InTheWay(
        wanted, held, witness, exact=True, session=session_records.known(view, ticket.session), waiting=True
    )
