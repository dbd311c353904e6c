"""What a round finds out of entries before it tests anything: which have landed already, moved, are gone, came back, or are too late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gitfleet.base import clock
from gitfleet.base.names import Oid
from gitfleet.mergequeue import heads, hosting, landings, model, repairs, stacks, states, trials
from gitfleet.mergequeue.model import EntryEvidence, QueueEntry
from gitfleet.mergequeue.reasons import Reason
from gitfleet.mergequeue.repairs import RepairEntry
from gitfleet.mergequeue.requests import EndRun, EntryLanding, Expire, Mark, Marked, Reconcile
from gitfleet.mergequeue.site import Site
from gitfleet.mergequeue.target_log import OnTarget, on_target


def settle(site: Site) -> list[QueueEntry]:
    """Record what has become of entries by itself; those that were changed. Raises what the decisions raise."""
    for run in site.lapsed():
        site.request(trials.end, EndRun(run.id, "abandoned", words="its runner is gone", lapsed=run.renewed))
    live = sorted(site.live(), key=lambda entry: entry.seq)
    out = [
        one for one in model.recalled(site.view) if one.target == site.target and one.state in states.FINISHED
    ]
    if not live and not out:
        return []
    there = heads.known(site.repository.git, site.ledger.node, [entry.branch for entry in live])
    present = on_target(
        site.repository.git, site.base, frozenset(one.base for one in [*live, *out] if one.base)
    )
    by_host = hosting.outcome(site, [*live, *out], present.commits, present.landings)
    known = {one.id for one in by_host.landed}
    others = [entry for entry in [*live, *out] if entry.id not in known]
    landed = [*by_host.landed, *_landed(site, others, present)]
    if landed:
        return list(site.request(landings.reconcile, Reconcile(tuple(landed))).entries)
    told = {one.pin.id for one in by_host.otherwise}
    for entry in live:
        head = there.get(entry.branch)
        if head and head != entry.head and _may_come_back(site, entry):
            return list(site.request(repairs.repair, _repair(site, entry, Oid(head), live)).entries)
    by_id = {entry.id: entry for entry in live}
    rest = [
        _moved(entry, there.get(entry.branch)) or _blocked(site, entry, by_id)
        for entry in live
        if entry.id not in told
    ]
    moved = [*by_host.otherwise, *(found for found in rest if found is not None)]
    if moved:
        return list(site.request(trials.mark, Mark(tuple(moved[: model.MAX_ENTRIES]))).entries)
    for entry in live:
        if _is_late(entry, site.rules.deadline):
            return list(site.request(trials.expire, Expire(entry.pin)).entries)
    return []


def _moved(entry: QueueEntry, head: str | None) -> Marked | None:
    """What is recorded of an entry whose branch is elsewhere, or is back."""
    if entry.state == states.STALE:
        return Marked(entry.pin, states.QUEUED) if head == entry.head else None
    if entry.state in states.HANDED_BACK or (head is not None and _waits_for_repair(entry)):
        return None
    if head is None:
        return Marked(entry.pin, states.STALE, "branch-gone", EntryEvidence(words="its branch is gone"))
    if head != entry.head:
        return Marked(entry.pin, states.STALE, "stale", EntryEvidence(words=f"it is at {head[:12]} by now"))
    return None


def _waits_for_repair(entry: QueueEntry) -> bool:
    """Whether an entry is kept back by what it is built upon: then a new head of it belongs to the repair of the stack."""
    return entry.state == states.BLOCKED and entry.reason == "stack"


def _may_come_back(site: Site, entry: QueueEntry) -> bool:
    handed = entry.state in states.HANDED_BACK and entry.tries < site.rules.tries
    return handed or _waits_for_repair(entry)


def _repair(site: Site, entry: QueueEntry, head: Oid, live: Sequence[QueueEntry]) -> RepairEntry:
    """What is told of the new head of a branch: where it left the target, and what it is built upon now."""
    git = site.repository.git
    others = [one for one in live if one.id != entry.id and one.target == entry.target]
    tips: dict[str, str] = {one.branch: one.head for one in others}
    upon = stacks.stacked(git, {**tips, entry.branch: head}, site.base)[entry.branch].upon
    below = next((one.pin for one in others if one.branch == upon), None)
    below = below or stacks.landed_below(site.view, git, entry, head)
    base = Oid(git.line("merge-base", site.base, head) or "")
    pin, most = entry.pin, site.rules.tries
    return (
        RepairEntry(pin, head, base, below.id, below.head, most)
        if below
        else RepairEntry(pin, head, base, most=most)
    )


def _blocked(site: Site, entry: QueueEntry, live: Mapping[str, QueueEntry]) -> Marked | None:
    """What is recorded of an entry that waits for one which cannot land now, or does so no more; or is built upon what is no more."""
    if entry.state not in states.GOING:
        return None
    rewritten = stacks.rewritten_below(site.view, site.repository.git, entry)
    if rewritten is not None and rewritten.state in states.GOING:
        words = f"{rewritten.branch} was rewritten"
        return Marked(entry.pin, states.CONFLICTED, "restack", _about(rewritten, words))
    waits = entry.state == states.BLOCKED and entry.reason in {"stack", "dependency"}
    need = next(
        (live[one] for one in entry.needs if one in live and live[one].state not in states.GOING), None
    )
    need = need or next((live[one] for one in entry.needs if one in live and _is_blocked(live[one])), None)
    if need is None:
        return Marked(entry.pin, states.QUEUED) if waits else None
    if waits and entry.evidence.entry == need.id and entry.evidence.words == _is_in(need):
        return None
    reason: Reason = "stack" if need.id == entry.stack else "dependency"
    return Marked(entry.pin, states.BLOCKED, reason, _about(need, _is_in(need)))


def _is_blocked(entry: QueueEntry) -> bool:
    return entry.state == states.BLOCKED and entry.reason in {"stack", "dependency"}


def _is_in(entry: QueueEntry) -> str:
    return f"{entry.branch} is {entry.state}"


def _about(other: QueueEntry, words: str) -> EntryEvidence:
    return EntryEvidence(
        words=words, entry=other.id, branch=other.branch, session=other.session, title=other.title
    )


def _is_late(entry: QueueEntry, deadline: int) -> bool:
    back = entry.state in {*states.HANDED_BACK, states.STALE}
    return back and clock.now() - max(entry.handed, entry.changed) > deadline


def _landed(site: Site, live: list[QueueEntry], there: OnTarget) -> Iterator[EntryLanding]:
    """The entries that the target has already: their head, or a commit that says that it landed them. Not what the host was handed."""
    for entry in live:
        if entry.reason in {"host", hosting.DIFFERS}:
            continue
        commit = there.landings.get((entry.id, entry.head), "")
        if entry.head in there.commits:
            commit = commit or site.base
        elif commit and not site.brings(commit, entry):
            commit = ""
        if commit:
            yield EntryLanding(entry.id, entry.head, Oid(commit))
