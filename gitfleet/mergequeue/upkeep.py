"""What a round finds out of entries before it tests anything: which have landed already, moved, are gone, came back, or are too late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gitfleet.base import clock
from gitfleet.base.names import Oid
from gitfleet.git.program import Git
from gitfleet.mergequeue import heads, landings, model, repairs, states, trials
from gitfleet.mergequeue.model import EntryEvidence, QueueEntry
from gitfleet.mergequeue.repairs import RepairEntry
from gitfleet.mergequeue.requests import EntryLanding, Expire, Mark, Marked, Reconcile
from gitfleet.mergequeue.site import Site

_TIME = 300.0
_FORMAT = "%H%x00%(trailers:key=Fleet-Entry,valueonly,separator=%x2C)%x00%(trailers:key=Fleet-Head,valueonly,separator=%x2C)"


class OnTarget(NamedTuple):
    """What the target has by now: its newer commits, and the commits in it that landed entries, by entry and head."""

    commits: frozenset[str]
    landings: Mapping[tuple[str, str], str]


def settle(site: Site) -> list[QueueEntry]:
    """Record what has become of entries by itself; those that were changed. Raises what the decisions raise."""
    live = site.live()
    if not live:
        return []
    there = heads.known(site.repository.git, site.ledger.node, [entry.branch for entry in live])
    landed = list(_landed(site, live))
    if landed:
        return list(site.request(landings.reconcile, Reconcile(tuple(landed))).entries)
    moved = [found for entry in live if (found := _moved(entry, there.get(entry.branch))) is not None]
    if moved:
        return list(site.request(trials.mark, Mark(tuple(moved[: model.MAX_ENTRIES]))).entries)
    for entry in live:
        head = there.get(entry.branch)
        if (
            entry.state in states.HANDED_BACK
            and head
            and head != entry.head
            and entry.tries < site.rules.tries
        ):
            return list(
                site.request(repairs.repair, RepairEntry(entry.pin, Oid(head), site.rules.tries)).entries
            )
        if _is_late(entry, site.rules.deadline):
            return list(site.request(trials.expire, Expire(entry.pin)).entries)
    return []


def _moved(entry: QueueEntry, head: str | None) -> Marked | None:
    """What is recorded of an entry whose branch is elsewhere, or is back."""
    if entry.state == states.STALE:
        return Marked(entry.pin, states.QUEUED) if head == entry.head else None
    if entry.state in states.HANDED_BACK:
        return None
    if head is None:
        return Marked(entry.pin, states.STALE, "branch-gone", EntryEvidence(words="its branch is gone"))
    if head != entry.head:
        return Marked(entry.pin, states.STALE, "stale", EntryEvidence(words=f"it is at {head[:12]} by now"))
    return None


def _is_late(entry: QueueEntry, deadline: int) -> bool:
    back = entry.state in {*states.HANDED_BACK, states.STALE}
    return back and clock.now() - max(entry.handed, entry.changed) > deadline


def _landed(site: Site, live: list[QueueEntry]) -> Iterator[EntryLanding]:
    """The entries that the target has already: their head, or a commit that says that it landed them."""
    there = on_target(site.repository.git, site.base, [entry.base for entry in live if entry.base])
    for entry in live:
        commit = there.landings.get((entry.id, entry.head), "")
        if entry.head in there.commits:
            commit = commit or site.base
        elif commit and not site.brings(commit, entry):
            commit = ""
        if commit:
            yield EntryLanding(entry.id, entry.head, Oid(commit))


def on_target(git: Git, target: str, since: list[str]) -> OnTarget:
    """What has come to the target since it was at all of the commits `since`. One git process. Raises GitFailed."""
    shut = (
        git.ask("merge-base", "--octopus", *dict.fromkeys([target, *since]), timeout=_TIME)
        .stdout.decode()
        .split()
    )
    out = git.run(
        "log", "--no-show-signature", "--no-color", f"--format={_FORMAT}", target, *(f"^{commit}" for commit in shut), "--",
        timeout=_TIME,
    )  # fmt: skip
    commits, found = set(), {}
    for row in out.decode("utf-8", "replace").splitlines():
        commit, entries, ends = (*row.split("\0"), "", "")[:3]
        commits.add(commit)
        if entries and ends:
            found[entries.split(",")[-1].strip(), ends.split(",")[-1].strip()] = commit
    return OnTarget(frozenset(commits), found)
