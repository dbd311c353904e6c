"""`Worktrees`: the managed worktrees of one clone, for the command line, the launcher and the maintainer.

Wires the looks and the changes together, and holds the lock that serializes changes: `lock`, one for the clone, beside the
node's own (which may be taken while this one is held, never the other way round). Paths are absolute.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from gitfleet.base import advice, callers, files
from gitfleet.base.locks import NodeLock
from gitfleet.base.text import display
from gitfleet.errors import FleetError, UsageError
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger
from gitfleet.worktrees import (
    ensure,
    listing,
    making,
    reconcile_plan,
    status,
    upstream,
    validity,
)
from gitfleet.worktrees.ensure import Chooser, Chosen, Wish
from gitfleet.worktrees.listing import BrokenWorktree, Listing
from gitfleet.worktrees.making import Begun
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.notes import TreeNotes
from gitfleet.worktrees.outcome import Outcome
from gitfleet.worktrees.reconcile import LOCK_TIME, Pushed, Reconciler, Target
from gitfleet.worktrees.reconcile_plan import ReconcileTerms
from gitfleet.worktrees.upstream import Base


@dataclass(frozen=True, slots=True)
class Selection:
    """Which worktrees an action is for: all, those of these paths (or anything in them) and sessions, or `here`'s."""

    everything: bool = False
    paths: Sequence[str] = ()
    sessions: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ensured:
    """The worktree for a session, where its base stood, and what became of bringing the base in (None: not asked)."""

    choice: Chosen
    base: Base
    outcome: Outcome | None = None

    @property
    def managed(self) -> Managed:
        """The worktree."""
        return self.choice.managed


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of each worktree, the bases as they were fetched, and broken worktrees that were passed over."""

    outcomes: Sequence[Outcome]
    bases: Sequence[Base]
    broken: Sequence[BrokenWorktree] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether something has to be looked after: a worktree, or a base that could not be fetched."""
        return any(outcome.failed for outcome in self.outcomes) or any(not base.fresh for base in self.bases)


class Worktrees:
    """The managed worktrees of a clone. Not for two threads at once; any number of processes may have one."""

    def __init__(
        self, repository: Repository, ledger: Ledger, *, announce: Callable[[str], None] | None = None
    ) -> None:
        self.repository = repository
        self.ledger = ledger
        self._announce = announce
        self.state = ledger.state

    @property
    def lock(self) -> NodeLock:
        """Held while worktrees are made, changed or removed. A new object each time, since it is not reentrant."""
        return NodeLock(os.path.join(files.folder(os.path.join(self.state, "worktrees")), "lock"))

    def look(self) -> Listing:
        """Every worktree, which of them are managed, and what is broken. One git process.

        Whoever looks and finds a folder clears the note that it was gone once.
        """
        found = listing.look(self.repository)
        for managed, _ in found.managed:
            if os.path.isdir(managed.path):
                TreeNotes(managed.git_dir).back()
        return found

    def ensure(self, wish: Wish, *, reconcile: bool = False, strategy: str = reconcile_plan.MERGE) -> Ensured:
        """A worktree that nobody else is at work in: a free one of the same agent, or a new one on a branch of its own.

        With a session, that session's own. It is reserved for the process `wish.pid`. Raises BadName, BadPath before
        anything is touched; Conflict when the session's worktree is in use; Blocked when something that is not ours is in
        the way; Unverifiable when nothing is known of the base. With `reconcile` a reused one gets the base.
        """
        ensure.check(wish, self.repository)
        reconcile_plan.check_strategy(strategy)
        base = self.base(wish.base)
        with nullcontext() if wish.dry_run else self.lock.held(LOCK_TIME, self._announce):
            choice = Chooser(self.repository, self.state, wish, base).choose()
        if choice.begun is not None:
            self._fill(choice.begun)
        if not reconcile or choice.created:
            return Ensured(choice, base)
        target = [pair for pair in self.look().managed if pair[0].path == choice.managed.path]
        wanted = ReconcileTerms(strategy=strategy, named=True, dry_run=wish.dry_run)
        (outcome,) = self._reconciler(wanted, callers.family()).run(target, lambda _: base)
        return Ensured(choice, base, outcome)

    def _fill(self, begun: Begun) -> None:
        """Check out the files of a new worktree, beside whoever does the same; or take it back."""
        try:
            making.fill(begun)
        except BaseException:
            with self.lock.held(LOCK_TIME, self._announce):
                making.undo(self.repository, begun)
            raise

    def reconcile(self, selection: Selection, wanted: ReconcileTerms, *, base: str = "") -> Reconciled:
        """Bring the base (of each, or the one named) into the selected worktrees. Fetches once per base.

        Raises UsageError when a worktree that was named is none of ours; whatever else goes wrong is an outcome. The process
        that calls, and those above it, are no obstacle in a worktree that was named.
        """
        reconcile_plan.check_strategy(wanted.strategy)
        if base:
            validity.check_branch(base)
        found, targets, bases = self.asked(selection, base)
        without = set() if selection.everything else callers.family()
        wanted = wanted._replace(named=not selection.everything)
        outcomes = self._reconciler(wanted, without).run(targets, lambda name: bases[base or name])
        broken = found.broken if selection.everything else []
        return Reconciled(outcomes, list(bases.values()), broken)

    def status(self, *, disk: bool = False) -> tuple[list[status.Row], list[BrokenWorktree]]:
        """What can be said of each managed worktree now, without asking the hub; and what is broken. With `disk`, what each takes."""
        found = self.look()
        looking = self._reconciler(ReconcileTerms(dry_run=True), ask=False)
        return status.rows(self.ledger, looking, found.managed, disk=disk), found.broken

    def base(self, name: str = "") -> Base:
        """The base `name` (default: the fleet's trunk), fetched now. Raises UsageError when there is no such branch."""
        if not name:
            return upstream.fetch_trunk(self.repository.git, self.ledger)
        return upstream.fetch(self.repository.git, self.ledger, validity.check_branch(name))

    def select(self, found: Listing, selection: Selection) -> list[Target]:
        """The worktrees that are meant. Raises UsageError for one that gitfleet does not manage."""
        if selection.everything:
            return list(found.managed)
        if selection.sessions or selection.paths:
            wanted = [_by_session(found.managed, session) for session in selection.sessions]
            wanted += [_by_path(found.managed, path) for path in selection.paths]
        else:
            wanted = [_by_path(found.managed, self.repository.worktree or ".", here=True)]
        return list({target[0].path: target for target in wanted}.values())

    def asked(
        self, selection: Selection, base: str = "", known: Mapping[str, Base] | None = None
    ) -> tuple[Listing, list[Target], dict[str, Base]]:
        """All worktrees, the selected ones, and the base of each by its name, asked of the hub now; `base` replaces them.

        What is `known` is not asked again. The trunk comes first: to ask for it tells which branch it is. A base that the hub
        does not have, or that cannot be asked for, is not `fresh`.
        """
        found = self.look()
        targets = self.select(found, selection)
        bases = dict(known or {})
        if not base and any(managed.trunk for managed, _ in targets):
            before = self.ledger.node.trunk
            trunk = self.fetched()
            bases[trunk.name] = trunk
            if trunk.name != before:
                found = self.look()
                targets = self.select(found, selection)
        for name in sorted({base or managed.base for managed, _ in targets} - bases.keys()):
            bases[name] = self.fetched(name)
        return found, targets, bases

    def _reconciler(
        self, wanted: ReconcileTerms, without: Collection[int] = (), *, ask: bool = True
    ) -> Reconciler:
        pushed = Pushed(self.repository.git, self.ledger.node, ask=ask)
        return Reconciler(self.repository, self.state, lambda: self.lock, wanted, pushed, without)

    def fetched(self, name: str = "") -> Base:
        """The same as `base`, but what the hub does not have, or cannot be asked for, is unknown and not `fresh`."""
        try:
            return self.base(name)
        except FleetError as error:
            return Base(name or self.ledger.node.trunk, None, fresh=False, error=error.message)


def _by_session(managed: Iterable[Target], session: str) -> Target:
    validity.check_name("a session", session)
    for target in managed:
        if target[0].session == session:
            return target
    raise UsageError(f"Session {session} has no managed worktree here.", hint=f"See {advice.WORKTREES}.")


def _by_path(managed: Iterable[Target], path: str, *, here: bool = False) -> Target:
    real = os.path.realpath(path)
    for target in managed:
        if files.within(real, os.path.realpath(target[0].path)):
            return target
    words = (
        "This is not a managed worktree."
        if here
        else f"{display(path)} is in no managed worktree of this clone."
    )
    raise UsageError(words, hint="Name one with `--session ID` or `--path PATH`, or pass `--all`.")
