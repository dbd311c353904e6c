"""Telling sessions of conflicts to come: the one that came later, once, and again only when it is new or worse.

What was told is in the ledger (`sessions.told_conflicts`), so two radars at once tell a thing once. What cannot be told for certain
any more (a branch that could not be looked at, a hub that is out of reach) stays as it was told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.base.text import one_line
from gitfleet.ledger.ledger import Ledger
from gitfleet.radar.model import BaseClash, Findings, PairClash, PathClash, WorkHead
from gitfleet.sessions import session_records, told_conflicts
from gitfleet.sessions.told_conflicts import Alert, ToldPair

_SHOWN = 5


def pair_id(*names: str) -> str:
    """The name of a pair of branches, whichever is first."""
    return sha256("\0".join(sorted(names)).encode("utf-8", "surrogateescape")).hexdigest()[:24]


def tell(ledger: Ledger, found: Findings, *, certain: bool) -> list[str]:
    """Tell the sessions what they were not told yet; the ids of those pairs. One transaction, or none where nothing is new.

    Not `certain`: nothing is called cleared. Raises the ledger's errors; then nothing was told.
    """
    view, node = ledger.current().view, ledger.node.id
    known = {one.pair: one for one in told_conflicts.everything(view)}
    wanted = {alert.pair: alert for alert in _alerts(found, ledger.node.trunk)}
    fresh = [
        alert
        for pair, alert in wanted.items()
        if pair not in known or set(known[pair].paths) != set(alert.paths)
    ]
    doubtful = {name for one in found.untold for name in one.names}
    cleared = [
        pair
        for pair, one in known.items()
        if certain
        and pair not in wanted
        and not doubtful & set(one.branches)
        and _may_clear(ledger, one, node)
    ]
    if not fresh and not cleared:
        return []
    body = told_conflicts.Alerts(tuple(fresh[: told_conflicts.MOST]), tuple(cleared))
    return list(ledger.request(told_conflicts.tell, ledger.itself, body).told)


def _may_clear(ledger: Ledger, told: ToldPair, node: str) -> bool:
    view = ledger.current().view
    return told.node == node or all(
        session_records.find(view, session) is None for session in told.owners if session
    )


def _alerts(found: Findings, trunk: str) -> Iterator[Alert]:
    place = {head: number for number, head in enumerate(found.order, 1)}
    for clash in found.clashes:
        one, two = clash.one, clash.two
        to, other = (two, one) if two.owner else (one, two)
        if to.owner:
            words = _words(to, other, clash, first=place.get(other, 0) < place.get(to, 0))
            yield _alert(pair_id(one.name, two.name), (one, two), clash.paths, to, words)
    for broken in found.base_clashes:
        head = broken.head
        if head.owner:
            yield _alert(
                pair_id(head.name, trunk), (head, head._replace(name=trunk, owner="")), broken.paths, head,
                _of_base(broken, trunk),
            )  # fmt: skip


def _alert(
    pair: str, heads: tuple[WorkHead, WorkHead], paths: Sequence[PathClash], to: WorkHead, words: str
) -> Alert:  # fmt: skip
    names = tuple(one.path for one in paths)[: told_conflicts.MAX_PATHS]
    owners = (heads[0].owner, heads[1].owner)
    return Alert(pair, (heads[0].name, heads[1].name), owners, names, SessionId(to.owner), words)


def _words(to: WorkHead, other: WorkHead, clash: PairClash, *, first: bool) -> str:
    whose = f" of session {other.owner}" if other.owner else ""
    title = f" ({one_line(other.title, 60)})" if other.title else ""
    order = "lands first by the order that the radar suggests" if first else "may land after yours"
    return (
        f"radar: {named(to)} will conflict with {named(other)}{whose}{title} in {listed(clash.paths)}. "
        f"The other {order}. See {advice.RADAR}."
    )


def _of_base(broken: BaseClash, trunk: str) -> str:
    return (
        f"radar: {named(broken.head)} conflicts with '{one_line(trunk, 80)}' in {listed(broken.paths)}. "
        f"Merge that branch first. See {advice.RADAR}."
    )


def what(kinds: Sequence[str], hunks: Sequence[Sequence[int]]) -> str:
    """The kinds of a conflict, and the lines in dispute, in words."""
    said = [f"{first}" if first == last else f"{first}-{last}" for first, last in hunks[:_SHOWN]]
    more = " and more" if len(hunks) > _SHOWN else ""
    several = len(said) > 1 or "-" in "".join(said)
    lines = [f"line{'s' if several else ''} {' '.join(said)}{more}"] if said else []
    return ", ".join([*(kinds or ("contents",)), *lines])


def named(head: WorkHead) -> str:
    """A head in words."""
    at = f" at {head.tip[:12]}" if head.tip else ""
    return f"'{one_line(head.name, 80)}'{at}{' with uncommitted changes' if head.dirty else ''}"


def listed(paths: Sequence[PathClash]) -> str:
    """The first paths in conflict, each with its kinds."""
    said = [f"{one_line(one.path, 80)} ({what(one.kinds, one.hunks)})" for one in paths[:_SHOWN]]
    more = len(paths) - _SHOWN
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")
