"""Landing through the host: handing it what was tested, and finding out what became of that.

The host is asked again and again, less and less often: the command creates what is missing, and tells how things stand. What counts is the
target alone. An entry has landed when the target has a commit of the very tree that was tested for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gitfleet.base.names import BranchName, Oid
from gitfleet.base.text import counted, one_line
from gitfleet.codec import Struct
from gitfleet.errors import HubError
from gitfleet.git.program import Git, GitFailed
from gitfleet.mergequeue import host_hook, model, offers, states, target_line, testing, trials
from gitfleet.mergequeue.candidates import ChainStep
from gitfleet.mergequeue.evidence import Candidate
from gitfleet.mergequeue.host_hook import Asked, HookOrder, HostVerdict
from gitfleet.mergequeue.model import EntryEvidence, EntryPin, QueueEntry
from gitfleet.mergequeue.offers import EntryOffer, HostOrder, Recall
from gitfleet.mergequeue.outlook import Outlook
from gitfleet.mergequeue.reasons import Reason
from gitfleet.mergequeue.requests import EntryLanding, Marked, Reject
from gitfleet.mergequeue.site import Site
from gitfleet.mergequeue.target_line import TargetCommit
from gitfleet.trunk import incoming

_FIRST, _LAST = 10.0, 600.0
"""Seconds until the host is asked again about the same order: at first, and at most."""
DIFFERS: Reason = "host-differs"


class HandedOver(Struct):
    """What came of asking the host: entries that went back, whether the target may have moved, and how things stand in words."""

    back: tuple[QueueEntry, ...] = ()
    moved: bool = False
    words: str = ""


class _Patience:
    """When the host is asked again about the same: later and later."""

    def __init__(self) -> None:
        self._asked: object = None
        self._due = self._pause = 0.0

    def is_due(self, asked: object) -> bool:
        """Whether it is time to ask that; it counts as asked then."""
        now = time.monotonic()
        if asked == self._asked and now < self._due:
            return False
        self._pause = min(2 * self._pause, _LAST) if asked == self._asked else _FIRST
        self._asked, self._due = asked, now + self._pause
        return True


class Host:
    """One runner's talk with the host."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._order, self._recall = _Patience(), _Patience()

    def hand_over(self, look: Outlook, candidate: Candidate) -> HandedOver:
        """Ask the host to land a candidate whose tree has passed, or how that stands. Not before its time: then nothing is asked.

        Raises what the decisions raise. A host that cannot be asked, or answers nonsense, is asked again later.
        """
        offered = self._offer(look, candidate)
        waits = f"the host has {counted(len(candidate), 'entry')} in hand"
        if not self._order.is_due((self._site.base, *(look.entries[one].pin for one in candidate))):
            return HandedOver(words=waits)
        rows = [self._row(look.entries[one.pin.id], one.tree) for one in offered.entries]
        wanted = host_hook.order(self._site.target, self._site.base, self._site.rules.method, rows)
        try:
            answers = self._ask(wanted)
        except HubError as error:
            return HandedOver(words=f"the host could not be asked: {error.message}")
        back = self._back(look, candidate, answers)
        if not back:
            self._note(look, offered, answers)
        merged = any(one.state == "merged" for one in answers.values())
        said = [one.words for one in answers.values() if one.state == "waiting" and one.words]
        return HandedOver(tuple(back), merged or bool(back), f"{waits}: {said[0]}" if said else waits)

    def recall(self) -> bool:
        """Have the host let go of what it was handed and is not to land any more; whether the target may have moved by what it did before.

        Not before its time: then nothing is asked. Raises what the decisions raise. A host that cannot be asked, or does not let go, is asked
        again later.
        """
        gone = [one for one in model.recalled(self._site.view) if one.target == self._site.target]
        pins = tuple(EntryPin(one.id, one.host.head) for one in gone)
        if not (gone and self._site.rules.pull_request and self._recall.is_due(pins)):
            return False
        names = ", ".join(one.branch for one in gone)
        live = {one.branch: one for one in self._site.live()}
        kept = {one.id for one in gone if one.branch in live and live[one.branch].id != one.id}
        try:
            answers = self._ask(host_hook.recall(self._site.target, gone, kept))
        except HubError as error:
            self._site.listener.say(f"the host could not be asked to let go of {names}: {error.message}")
            return False
        closed = tuple(pin for pin in pins if pin.id in answers and answers[pin.id].state == "closed")
        if closed:
            self._site.request(offers.recall, Recall(closed))
            self._site.listener.say(
                f"the host lets go of {', '.join(one.branch for one in gone if one.id in answers)}"
            )
        return any(one.state == "merged" for one in answers.values())

    def _ask(self, wanted: HookOrder) -> dict[str, HostVerdict]:
        folder = self._site.repository.worktree or self._site.repository.common_dir
        return host_hook.ask(self._site.rules.pull_request, wanted, folder)

    def _offer(self, look: Outlook, candidate: Candidate) -> HostOrder:
        """What the host is asked for, as the ledger has it from now on."""
        step = testing.place(self._site, look, candidate)
        made = [one for one in look.made(candidate) if isinstance(one, ChainStep)]
        rows = tuple(
            EntryOffer(look.entries[entry].pin, Oid(one.tree))
            for entry, one in zip(candidate, made, strict=True)
        )
        proof = testing.proof(self._site, step.tree)
        body = HostOrder(BranchName(self._site.target), Oid(self._site.base), rows, proof)
        if any(_offered(look.entries[one.pin.id]) != (body.base, one.tree) for one in rows):
            self._site.request(offers.offer, body)
        return body

    def _row(self, entry: QueueEntry, tree: str) -> Asked:
        new = list(incoming.commits(self._site.repository.git, entry.head, f"^{self._site.base}"))
        sessions = dict.fromkeys(name for one in reversed(new) for name in one.sessions)
        claims = dict.fromkeys(name for one in reversed(new) for name in one.claims)
        named = [f"Fleet-Entry: {entry.id}", f"Fleet-Head: {entry.head}"]
        named += [f"Fleet-Session: {one}" for one in sessions or [entry.session]]
        return Asked(
            entry, tree, [one_line(text) for text in (*named, *(f"Fleet-Claim: {one}" for one in claims))]
        )

    def _back(self, look: Outlook, candidate: Candidate, answers: dict[str, HostVerdict]) -> list[QueueEntry]:
        """The entries that the host refuses, as they have gone back to their sessions."""
        back: list[QueueEntry] = []
        for entry in candidate:
            said = answers.get(entry)
            if said is not None and said.state == "refused":
                evidence = EntryEvidence(
                    words=said.words or "it does not say why", commit=Oid(self._site.base)
                )
                body = Reject(look.entries[entry].pin, evidence, reason="host-refused")
                back += self._site.request(trials.reject, body).entries
        return back

    def _note(self, look: Outlook, offered: HostOrder, answers: dict[str, HostVerdict]) -> None:
        """Keep what the host says, where that is news."""
        known = {entry.id: entry.evidence.words for entry in self._site.live() if entry.reason == "host"}
        rows = tuple(
            EntryOffer(one.pin, one.tree, answers[one.pin.id].words if one.pin.id in answers else "")
            for one in offered.entries
        )
        if any(row.words and row.words != known.get(row.pin.id, "") for row in rows):
            self._site.request(offers.offer, HostOrder(offered.target, offered.base, rows, offered.proof))


def _offered(entry: QueueEntry) -> tuple[str, str]:
    return (entry.evidence.commit, entry.evidence.tree) if entry.reason == "host" else ("", "")


class HostOutcome(NamedTuple):
    """Entries that the host has landed as they were tested, and those that it has landed otherwise."""

    landed: Sequence[EntryLanding]
    otherwise: Sequence[Marked]


def outcome(
    site: Site, live: Iterable[QueueEntry], commits: Iterable[str], trailers: Iterable[tuple[str, str]]
) -> HostOutcome:
    """What became of the entries that the host was handed. `commits` are those that the target has got, `trailers` the entries and heads
    that these name. Raises GitFailed.
    """
    waiting = [one for one in live if one.recalled or (one.reason == "host" and one.state in states.GOING)]
    there, named = set(commits), set(trailers)
    landed, otherwise = [], []
    for entry in waiting:
        commit = _commit_of(site.repository.git, site.base, entry)
        if commit:
            landed.append(EntryLanding(entry.id, entry.head, Oid(commit), entry.host.base))
        elif entry.recalled:
            continue
        elif entry.head in there or (entry.id, entry.head) in named:
            words = f"{site.target} is at {site.base[:12]}, and no commit there has the tree {entry.host.tree[:12]} that was tested"
            evidence = EntryEvidence(words=words, commit=Oid(site.base), tree=entry.host.tree)
            otherwise.append(Marked(entry.pin, states.HELD, DIFFERS, evidence))
    return HostOutcome(_in_line(site.repository.git, site.base, landed), otherwise)


def _commit_of(git: Git, target: str, entry: QueueEntry) -> str:
    """The first commit on the target's own line, since the entry was handed over, that has the tree which was tested."""
    line = _line(git, target, entry.host.base) if entry.host.head == entry.head else []
    return next((one.oid for one in line if one.tree == entry.host.tree), "")


def _line(git: Git, target: str, since: str) -> list[TargetCommit]:
    """The target's own line from there on, oldest first; nothing where that commit is not here."""
    try:
        return target_line.since(git, since, target)[::-1]
    except GitFailed:
        return []


def _in_line(git: Git, target: str, landed: Sequence[EntryLanding]) -> list[EntryLanding]:
    """Landings in the order in which the target got them, each on top of the one before."""
    if not landed:
        return []
    places = {one.oid: number for number, one in enumerate(_line(git, target, landed[0].before))}
    found, before = [], ""
    for one in sorted(landed, key=lambda one: places.get(one.commit, -1)):
        found.append(EntryLanding(one.id, one.head, one.commit, Oid(before or one.before)))
        before = one.commit
    return found
