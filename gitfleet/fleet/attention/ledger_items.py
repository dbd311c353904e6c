"""Items from what the fleet has agreed, and from what this node knows of its own sessions. Local: no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitfleet.base import advice, clock, files
from gitfleet.claims import model
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.fleet.attention.item import AttentionItem, item
from gitfleet.git import refs
from gitfleet.ledger.ledger import State
from gitfleet.ledger.notices import LOST
from gitfleet.nodes import details
from gitfleet.nodes.records import DEAD, SessionState
from gitfleet.sessions import session_records, told_conflicts
from gitfleet.trunk import position


def conflicts(clone: Clone, state: State) -> Iterator[AttentionItem]:
    """Conflicts to come that sessions were told of, while one of them is there."""
    del clone
    for told in told_conflicts.everything(state.view):
        owners = [one for one in told.owners if one and session_records.find(state.view, one) is not None]
        if not owners:
            continue
        one, two = told.branches
        paths = ", ".join(told.paths[:3]) + (
            f" and {len(told.paths) - 3} more" if len(told.paths) > 3 else ""
        )
        both = f"two versions of {one} will conflict" if one == two else f"{one} will conflict with {two}"
        yield item(
            "conflict", (told.pair, *sorted(told.paths)), who=" and ".join(dict.fromkeys(owners)),
            what=f"{both} in {paths}", since=told.at, step=advice.RADAR, urgent=False, node=told.node,
        )  # fmt: skip


def entries(clone: Clone, state: State) -> Iterator[AttentionItem]:
    """Entries of the merge queue that came back, are stale, or wait for a person."""
    if not state.view.names("queue"):
        return
    from gitfleet.mergequeue import explain, model, states  # a dozen modules, only where there is a queue
    from gitfleet.mergequeue.service import MergeQueue

    lineup = MergeQueue(clone.repository, clone.ledger, lambda: clone.policy).lineup(state)
    for entry in model.readable(state.view):
        back = entry.state in (*states.HANDED_BACK, states.STALE)
        if not back and (entry.state != states.HELD or entry.reason in {"", "hold"}):
            continue
        why = explain.why(lineup, entry)
        step = why.step or advice.QUEUE_WHY.of(entry.id)
        as_it_was = entry.state in states.HANDED_BACK and not _has_moved(clone, entry.branch, entry.head)
        if as_it_was and step == advice.QUEUE_ADD.of(entry.branch):
            step = advice.QUEUE_WHY.of(entry.id)  # what nobody has repaired is not accepted again
        alone = not explain.receivable(state.view, entry) or explain.is_spent(lineup, entry)
        yield item(
            "rejected" if back else "held", (entry.id, entry.head, entry.state, str(entry.handed)), who=entry.session,
            what=f"{entry.name}: {why.words}", since=entry.changed,
            step=step, urgent=not back or alone, node=entry.node, about=entry.id,
        )  # fmt: skip


def _has_moved(clone: Clone, branch: str, head: str) -> bool:
    """Whether a branch is known to be at another commit, here or on the hub. No process; False where that cannot be told."""
    places = [f"refs/heads/{branch}", position.seen(clone.ledger.node, branch)]
    return any((refs.peek(clone.repository.common_dir, name) or head) != head for name in places)


def quotas(clone: Clone, state: State) -> Iterator[AttentionItem]:
    """Pools that ran out of quota. What a person has paused is no news to people."""
    del clone
    if not state.view.names("pools"):
        return
    from gitfleet.dispatch import pools  # only where there are any

    for pause in pools.pauses(state.view):
        if pause.job and pause.holds(clock.now()):
            until = f"until {clock.iso(pause.until)}" if pause.until else "until it is resumed"
            yield item(
                "quota", (pause.id, str(pause.at)), who=pause.id, what=f"paused {until}: {pause.reason or 'its quota ran out'}",
                since=pause.at, step=advice.POOL_SHOW.of(pause.id), urgent=False, node=pause.node,
            )  # fmt: skip


def losses(clone: Clone, state: State) -> Iterator[AttentionItem]:
    """Claims that sessions of this clone have lost, and have not heard of."""
    del state
    notices = clone.ledger.notices
    for session in notices.sessions():
        for notice in notices.kept(session):
            if notice.kind == LOST:
                since = files.changed_at(notice.path) // 1_000_000_000
                yield item(
                    "lost",
                    (session, notice.text),
                    who=session,
                    what=notice.text,
                    since=since,
                    step=advice.SYNC,
                )


def dead(clone: Clone, state: State, seen: Mapping[str, SessionState]) -> Iterator[AttentionItem]:
    """Sessions of this node whose process is gone, as was `seen` just now or is seen here. Those of other nodes are looked after there."""
    for session in session_records.everyone(state.view):
        if isinstance(session, FleetError) or session.node != clone.ledger.node.id:
            continue
        if (seen.get(session.id) or details.process_liveness(session)) == DEAD:
            title = f" ({session.title})" if session.title else ""
            holds = any(model.of_session(state.view, session.id))
            gone = "its process is gone, and it still holds claims" if holds else "its process is gone"
            yield item(
                "dead-session", (session.id, session.nonce, str(session.pid), str(session.start)), who=session.id,
                what=f"{gone}{title}", since=session.renewed_at,
                step=advice.END.of(session.id),
            )  # fmt: skip


def alarm(clone: Clone, state: State) -> Iterator[AttentionItem]:
    """What is wrong with the hub's ledger."""
    del state
    found = clone.ledger.alarm()
    if found is not None:
        hub = clone.ledger.node.hub or "this clone"
        yield item("hub", (found.message,), who=hub, what=found.message, since=0, step=advice.DOCTOR)
