"""Removing managed worktrees that nobody needs any more, and nothing else.

Owns the run: what is asked of the hub once, one worktree after the other, and what became of each. Leaves the question to
`removable` and the deed to `removal`. One cleanup at a time per clone; a second one waits, and finds what is left. A dry
run asks the same questions and does nothing, so that the next run does what it said unless something has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property

from gitfleet.base import clock, files
from gitfleet.base.locks import NodeLock
from gitfleet.base.text import display, some
from gitfleet.errors import FleetError
from gitfleet.sessions import left_running, session_records
from gitfleet.sessions.left_running import LeftRunning
from gitfleet.sessions.local import LocalSessions
from gitfleet.worktrees import leftovers, liveness, removable, removal, upstream
from gitfleet.worktrees.archive import Archive
from gitfleet.worktrees.leftovers import Leftover
from gitfleet.worktrees.model import MANAGED_DIR
from gitfleet.worktrees.outcome import FoundFacts, Outcome, OutcomeFacts
from gitfleet.worktrees.reconcile import LOCK_TIME, Target
from gitfleet.worktrees.removable import (
    KEEP,
    PRUNE,
    REMOVE,
    Candidate,
    CleanupTerms,
    CleanupVerdict,
    HubBranches,
    Sweep,
)
from gitfleet.worktrees.service import Reconciled, Selection, Worktrees
from gitfleet.worktrees.upstream import Base

ACTION = "cleanup"
_SHOWN = 20
_DONE = {REMOVE: "removed", PRUNE: "pruned"}


@dataclass(frozen=True, slots=True)
class Cleaned(Reconciled):
    """What became of each worktree, the bases as they were fetched, what is broken, and what was made good of earlier runs."""

    recovered: Sequence[str] = field(default_factory=list)


def clean(
    worktrees: Worktrees,
    selection: Selection,
    terms: CleanupTerms,
    *,
    base: str = "",
    announce: Callable[[str], None] | None = None,
) -> Cleaned:
    """Remove the selected worktrees that are idle and whose work is safe; keep the others, each with its reason.

    `base` replaces the base of each; `announce` is told whom it waits for. Raises UsageError for a base that was named and does not exist, or a worktree that was
    named and is none of ours, LockHeld; whatever one worktree does is an outcome.
    """
    named = {base: worktrees.base(base)} if base else {}
    alone = nullcontext(list[str]()) if terms.dry_run else _alone(worktrees, announce)
    with alone as recovered:
        found, targets, bases = worktrees.asked(selection, base, named)
        git, node = worktrees.repository.git, worktrees.ledger.node
        hub = HubBranches(lambda name: bases[base or name], upstream.tips(git, node) if targets else ())
        outcomes = Cleaner(worktrees, terms, hub).run(targets)
        if selection.everything and terms.prune_branches:
            trunk = named.get(base) or bases.get(worktrees.ledger.node.trunk)
            outcomes += _prune(worktrees, terms, trunk, {managed.branch for managed, _ in targets})
    broken = found.broken if selection.everything else []
    return Cleaned(outcomes, list(bases.values()), broken, recovered)


@contextmanager
def _alone(worktrees: Worktrees, announce: Callable[[str], None] | None) -> Iterator[list[str]]:
    """Let no other cleanup of this clone go on meanwhile; gives what was made good of earlier ones."""
    folder = files.folder(os.path.join(worktrees.state, "worktrees"))
    with NodeLock(os.path.join(folder, "cleanup.lock")).held(LOCK_TIME, announce):
        with worktrees.lock.held(LOCK_TIME, announce):
            recovered = removal.recover(worktrees.repository.git, worktrees.state)
        yield recovered


def _prune(
    worktrees: Worktrees, terms: CleanupTerms, base: Base | None, spared: Collection[str]
) -> list[Outcome]:
    """Let branches go that no worktree, session or commit needs any more; what became of each.

    Those that had a worktree when this run began are `spared`: it says that they stay.
    """
    git = worktrees.repository.git
    if not leftovers.named(git):
        return []
    base = base or worktrees.fetched(worktrees.ledger.node.trunk)

    def look() -> list[Leftover]:
        found = leftovers.look(worktrees, base, ttl=terms.ttl)
        return [item for item in found if item.branch not in spared]

    try:
        if terms.dry_run:
            return [_left(item, "would-delete-branch") for item in look()]
        with worktrees.lock.held(LOCK_TIME):
            folder = os.path.join(worktrees.repository.main or worktrees.repository.common_dir, MANAGED_DIR)
            done = [(item, leftovers.prune(git, item, base, folder)) for item in look()]
    except (FleetError, OSError) as error:
        words = f"leftover branches were not checked: {error}"
        return [Outcome("", "", ACTION, "failed", words, {"kind": "error"})]
    return [_left(item, "deleted-branch", made) for item, made in done if made is not None]


def _left(item: Leftover, word: str, made: str = "") -> Outcome:
    would = word.startswith("would")
    words = item.reason + (f"; archived as {made}" if made else "")
    words += "; would be archived first" if would and item.needed else ""
    facts: OutcomeFacts = {
        "kind": "branch",
        "branch": display(item.branch),
        "head": item.head,
        "landed": item.landed.word,
        "idle": item.idle,
        "needs_archive": item.needed,
        "archive": made,
        "commits": len(item.extra),
        "branch_deleted": not would,
    }
    return Outcome("", item.session, ACTION, word, words, facts)


class Cleaner:
    """One run over some worktrees of a clone."""

    def __init__(self, worktrees: Worktrees, terms: CleanupTerms, hub: HubBranches) -> None:
        self._worktrees = worktrees
        self._git = worktrees.repository.git
        self._terms = terms
        self._sweep = Sweep(self._git, worktrees.state, terms, hub)
        self._renewed = _renewals(worktrees)
        self._looked: dict[str, str] = {}

    def run(self, targets: Sequence[Target]) -> list[Outcome]:
        """What became of each target."""
        users = self._users([managed.path for managed, _ in targets])
        self._looked = {managed.session: managed.path for managed, _ in targets}
        return [self._one(target, users[target[0].path]) for target in targets]

    @cached_property
    def _running(self) -> dict[str, tuple[LeftRunning, ...]]:
        """What the sessions of the worktrees have left running, from one look just before the first of them goes."""
        return left_running.left_running(self._looked, [self._worktrees.repository.main])

    def _users(self, paths: Sequence[str]) -> dict[str, list[liveness.User]]:
        return liveness.users(paths, sessions=LocalSessions(self._worktrees.state).all())

    def _one(self, target: Target, users: Sequence[liveness.User]) -> Outcome:
        try:
            verdict = self._judge(target, users)
            if verdict.word == KEEP:
                return _outcome(target, "kept", verdict)
            if self._terms.dry_run:
                facts: FoundFacts = {"archived": _to_archive(verdict), **self._left(target)}
                return _outcome(target, f"would-{verdict.word}", verdict, facts)
            return self._remove(target, verdict, self._left(target))
        except (FleetError, OSError) as error:
            return _outcome(target, "failed", CleanupVerdict(KEEP, "error", str(error)))

    def _left(self, target: Target) -> FoundFacts:
        running = self._running.get(target[0].session, ())
        return {"running": [one.words() for one in running]} if running else {}

    def _judge(self, target: Target, users: Sequence[liveness.User]) -> CleanupVerdict:
        managed, worktree = target
        renewed_at = max(self._renewed.get(managed.session, 0), self._renewed.get(managed.path, 0))
        return removable.judge(self._sweep, Candidate(managed, worktree, users, renewed_at))

    def _again(self, target: Target) -> CleanupVerdict:
        """The verdict anew, right before the removal: who is there, whether git still lists it as it did, and all the rest."""
        now = [pair for pair in self._worktrees.look().managed if pair[0] == target[0]]
        if not now:
            raise removal.Changed("it is gone, or another worktree has taken its place")
        return self._judge(now[0], self._users([target[0].path])[target[0].path])

    def _remove(self, target: Target, verdict: CleanupVerdict, left: FoundFacts) -> Outcome:
        managed = target[0]
        made: Archive | None = None
        try:
            made = removal.save(self._git, managed, verdict)
            with self._worktrees.lock.held(LOCK_TIME):
                delete = removal.take_away(self._sweep, managed, verdict, lambda: self._again(target))
                branch = (
                    removal.delete_branch(self._git, managed, verdict) if self._terms.delete_branches else ""
                )
            delete()
        except removal.Changed as changed:
            words = f"{changed}: kept" + (f" (archived all the same: {made.id})" if made else "")
            return _outcome(target, "kept", CleanupVerdict(KEEP, "changed", words), _kept_in(made))
        facts: FoundFacts = {"branch_deleted": bool(branch), **_kept_in(made), **left}
        return _outcome(target, _DONE[verdict.word], verdict, facts)


def _renewals(worktrees: Worktrees) -> dict[str, int]:
    """When each session of this node was last renewed, by its id and by its worktree."""
    found: dict[str, int] = {}
    for session in session_records.readable(worktrees.ledger.current().view, worktrees.ledger.node.id):
        if not session.person:
            for name in (session.id, session.worktree):
                found[name] = max(found.get(name, 0), session.renewed_at, session.started_at)
    return found


def _to_archive(verdict: CleanupVerdict) -> int:
    """How many files an archive would hold; 0 when none would be made."""
    return verdict.found.files if verdict.needed and verdict.found else 0


def _kept_in(made: Archive | None) -> FoundFacts:
    return {"archive": made.id, "archived": made.files} if made else {}


def _outcome(target: Target, word: str, verdict: CleanupVerdict, facts: FoundFacts | None = None) -> Outcome:
    managed, worktree = target
    facts = facts or {}
    left_out = list(verdict.found.left_out) if verdict.found and word != "kept" else []
    known: OutcomeFacts = {
        "kind": verdict.kind,
        "branch": managed.branch,
        "head": worktree.head,
        "landed": verdict.landed.word if verdict.landed else None,
        "idle": max(0, clock.now() - verdict.active.at) if verdict.active else None,
        "needs_archive": verdict.needed,
        "archive": "",
        "archived": 0,
        "commits": len(verdict.extra),
        "left_out": left_out[:_SHOWN],
        "branch_deleted": False,
        "running": [],
    }
    return Outcome(
        managed.path, managed.session, ACTION, word, _words(verdict, word, facts), {**known, **facts}
    )


def _words(verdict: CleanupVerdict, word: str, facts: FoundFacts) -> str:
    words = verdict.reason
    if facts.get("archive") and word != "kept":
        words += f"; archived as {facts['archive']}"
    elif word.startswith("would-") and verdict.needed:
        words += "; would be archived first"
    if verdict.found and verdict.found.left_out and word != "kept":
        words += f"; not archived: {some(verdict.found.left_out)}"
    if running := facts.get("running"):
        words += f"; still running: {some(running)}"
    return words
