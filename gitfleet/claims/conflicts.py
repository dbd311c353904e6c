"""What stands in the way of a claim, as data: for the refusal text, for JSON, and for the rules.

Pure. One conflict is one claim of another session that overlaps one requested pattern, with a path that both match.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from gitfleet.base import advice
from gitfleet.base.text import display
from gitfleet.claims import model, units
from gitfleet.claims.conflict_text import kept_by, unit_words
from gitfleet.claims.keepers import Keeper
from gitfleet.claims.model import SHARED, Claim, Unreadable
from gitfleet.claims.tickets import WAITING_TTL, Ticket, Want
from gitfleet.codec import Struct
from gitfleet.errors import Conflict
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


def refusal(found: Iterable[InTheWay]) -> Conflict:
    """The error for a claim that cannot be granted: every conflict once, by holder, and one next step."""
    conflicts = list(found)
    lines = []
    for holder, items in _by_holder(conflicts).items():
        verb = "waits for" if all(item.waiting for item in items) else _verb(items)
        lines.append(f"{holder} {verb} {', '.join(_words(item) for item in items)}")
    words = f"Not granted: {'; '.join(lines)}."
    before = {item.held.id for item in conflicts if item.waiting and isinstance(item.held, Claim)}
    place = len(before) + 1
    hint = f"Wait in line, at place {place}: the same command with `--wait`. Or work on other paths."
    left = [item.held for item in conflicts if isinstance(item.held, Claim) and _is_left(item)]
    if left and len(left) == len(conflicts):
        hint = build_on({keeper for claim in left for keeper in claim.retained})
    alone = {name for item in conflicts if (name := _name_alone(item))}
    if alone:
        hint += f" Or ask for the name alone: {', '.join(_quoted(name) for name in sorted(alone))}."
    broken = [item.held.error for item in conflicts if isinstance(item.held, Unreadable)]
    if broken:  # which never ends by itself, as a claim does
        asking = f"Ask whoever looks after the fleet to run {advice.FSCK}."
        hint = f"Work on other paths. {broken[0].hint or asking}"
    return Conflict(words, hint=hint, conflicts=tuple(item.obstacle() for item in conflicts), place=place)


def build_on(kept: Collection[Keeper]) -> str:
    """What to do about claims that are left with these: wait for them, or take their work in."""
    heads = [f"{one.head[:12]} of {display(one.branch)}" for one in sorted(kept) if one.branch]
    trees = [f"{display(one.worktree)} on node {display(one.node)}" for one in sorted(kept) if not one.branch]
    if not trees:
        return f"Work on other paths until it has landed. Or build on it: merge {', '.join(heads)}, and ask again."
    merging = f", merge {', '.join(heads)}" if heads else ""
    return (
        f"Work on other paths. Or go on there: start a session in {', '.join(trees)}{merging}, and ask again."
    )


def _quoted(pattern: str) -> str:
    return f"'{display(pattern)}'"


def _name_alone(item: InTheWay) -> str:
    """How to ask for what is wanted by its name alone, where only its classes meet what is held; else nothing."""
    wanted = model.parsed(item.wanted)
    if wanted.names is None:
        return ""
    name = model.parsed("/".join(wanted.names) + "/" * item.wanted.endswith("/"))
    held = item.held.meant
    return name.text if overlap(name, held) is None else ""


def _verb(items: list[InTheWay]) -> str:
    """What a holder does with what it has: holds it, or has left it with a branch."""
    left = [item.held for item in items if isinstance(item.held, Claim) and _is_left(item)]
    kept = sorted({keeper for claim in left for keeper in claim.retained})
    return f"has left with {display(kept_by([one.as_record() for one in kept]))}:" if kept else "holds"


def _is_left(item: InTheWay) -> bool:
    """Whether a claim is retained whose session has ended: then it goes to who builds on that work."""
    return isinstance(item.held, Claim) and bool(item.held.retained) and item.session is None


def _by_holder(conflicts: list[InTheWay]) -> dict[str, list[InTheWay]]:
    by_holder: dict[str, list[InTheWay]] = {}
    for item in conflicts:
        if isinstance(item.held, Unreadable):
            name = "a record that cannot be read"
        else:
            name = _name(item.held.session, item.session)
        by_holder.setdefault(name, []).append(item)
    return by_holder


def _name(session_id: str, session: Session | None) -> str:
    if session is None:
        return f"session {session_id}"
    doing = session.title or session.agent
    return f"session {session_id}" + (f" ({display(doing[:80])})" if doing else "")


def _words(item: InTheWay) -> str:
    held = item.held.where if isinstance(item.held, Unreadable) else item.held.pattern
    text = display(held)
    if isinstance(item.held, Claim) and item.held.slots:
        return f"{text} ({unit_words(item.held.slots, item.held.capacity)})"
    if isinstance(item.held, Claim) and item.held.mode == SHARED:
        text += " (shared)"
    if item.wanted != held:
        text += f", which meets {display(item.wanted)} at {display(item.witness)}"
    if not item.exact:
        text += " (could not be ruled out, so it counts as an overlap)"
    return text
