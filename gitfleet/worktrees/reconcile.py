"""Bringing the base into managed worktrees, one after the other.

Looks at all of them first, in parallel; then changes those that are behind, each under the clone's worktrees lock and
after another look at it. Serially on purpose: a merge is seldom slow, and a session that wants a worktree meanwhile waits
for one merge at most. One worktree's failure is an outcome like others and never stops the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache

from gitfleet.base import callers, clock, shellwords
from gitfleet.base.locks import NodeLock
from gitfleet.base.text import display, some
from gitfleet.claims import policy
from gitfleet.errors import Blocked, FleetError
from gitfleet.git import checkout, filters, forecast, git_worktrees, merge_rules, merging, refs, undoing
from gitfleet.git.checkout import CheckoutState
from gitfleet.git.filters import BrokenFilter
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.history import History
from gitfleet.git.merge_rules import MergeRules
from gitfleet.git.program import Git
from gitfleet.git.quarantine import Conflicted, Merged, Unmergeable, quarantine
from gitfleet.git.repository import Repository
from gitfleet.git.undoing import PathChange
from gitfleet.ledger.own_node import Node
from gitfleet.sessions.local import LocalSessions
from gitfleet.trunk import landed
from gitfleet.worktrees import liveness, notes, obstacles, reconcile_plan, upstream
from gitfleet.worktrees.liveness import User
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.notes import TreeNotes
from gitfleet.worktrees.outcome import FoundFacts, Outcome, OutcomeFacts
from gitfleet.worktrees.quiet_looks import Place, QuietLooks
from gitfleet.worktrees.reconcile_plan import REBASE, ReconcileTerms, ReconcileVerdict, Seen
from gitfleet.worktrees.upstream import Base

ACTION = "reconcile"
LOCK_TIME = 600.0
FRESH_LOOK = 1.0  # seconds for which a look at all processes counts
_SHOWN = 20  # paths in an outcome

Target = tuple[Managed, Worktree]
_Look = Callable[[Sequence[Place]], Mapping[Place, CheckoutState]]


def _asked(places: Sequence[Place]) -> dict[Place, CheckoutState]:
    return checkout.parallel(lambda place: checkout.look(*place), places)


class Pushed:
    """Which commits are on branches of the hub: as last seen here, and, where that does not say so, as the hub has them now."""

    def __init__(self, git: Git, node: Node, *, ask: bool = True) -> None:
        self._git = git
        theirs = f"refs/remotes/{node.hub}/"
        self._looks: list[Callable[[], Collection[str]]] = []
        if node.hub:
            self._looks.append(cache(lambda: set(refs.read(git, theirs).values())))
        if ask:
            self._looks.append(cache(lambda: upstream.tips(git, node)))

    def has(self, head: str, base: Base) -> bool:
        """Whether the hub has all commits of `head` but merges that bring nothing; only what its base does not have counts."""
        every = (look() for look in self._looks)
        return any(
            tips and landed.judge(self._git, head, base.commit, base.name, tips).word == "pushed"
            for tips in every
        )


class Reconciler:
    """One run over some worktrees of a clone."""

    def __init__(
        self,
        repository: Repository,
        state: str,
        lock: Callable[[], NodeLock],
        wanted: ReconcileTerms,
        pushed: Pushed,
        without: Iterable[int] = (),
    ) -> None:
        self.git = repository.git
        self._state = state
        self._lock = lock
        self._wanted = wanted
        self._pushed = pushed
        self._without = frozenset(without)
        self._family = callers.family()
        self._history = History(self.git)
        self._known_rules: dict[str, MergeRules] = {}
        self._everything: Sequence[Worktree] | None = None

    def run(self, targets: Sequence[Target], bases: Callable[[str], Base]) -> list[Outcome]:
        """What became of each target; `bases` gives the base of a name. Raises for nothing that one worktree does."""
        asking = self._wanted.dry_run or self._wanted.named or self._wanted.strategy == REBASE
        look = _asked if asking else QuietLooks(self._state).look  # what is changed is looked at again before
        return [self._one(seen) for seen in self._look(targets, bases, look)]

    def look(self, targets: Sequence[Target], bases: Callable[[str], Base]) -> list[Seen]:
        """Look at all targets. One git process each."""
        return self._look(targets, bases, _asked)

    def _look(self, targets: Sequence[Target], bases: Callable[[str], Base], look: _Look) -> list[Seen]:
        places = [(managed.path, managed.git_dir) for managed, _ in targets]
        states = look(places)
        users = self._users([path for path, _ in places])
        return [
            self._seen(target, states[place], users[place[0]], bases(target[0].base))
            for target, place in zip(targets, places, strict=True)
        ]

    def _seen(self, target: Target, state: CheckoutState, users: Sequence[User], base: Base) -> Seen:
        counts = self._history.ahead_behind(state.head, base.commit) if state.head and base.commit else None
        reserved = TreeNotes(target[0].git_dir).reserved(besides=self._family)
        seen = Seen(*target, state, users, base, counts, reserved)
        return seen._replace(finished=self._finished(seen))

    def _finished(self, seen: Seen) -> bool:
        """Whether a branch is to be left as it was pushed; asked only where something would be merged into it unasked."""
        ahead, behind = seen.counts or (0, 0)
        unasked = ahead and behind and not (self._wanted.named or seen.users or seen.reserved)
        return bool(unasked and seen.state.head and self._pushed.has(seen.state.head, seen.base))

    def _users(self, paths: Sequence[str]) -> dict[str, list[User]]:
        self._looked = clock.elapsed()
        return liveness.users(paths, sessions=LocalSessions(self._state).all(), without=self._without)

    def _one(self, seen: Seen) -> Outcome:
        found = reconcile_plan.judge(seen, self._wanted)
        try:
            if found.word == "go" and self._wanted.dry_run:
                found = self._bring(seen, found)
            elif found.word == "go":
                with self._lock().held(LOCK_TIME):
                    seen = self._again(seen)
                    found = reconcile_plan.judge(seen, self._wanted)
                    found = self._bring(seen, found) if found.word == "go" else found
        except (FleetError, OSError) as error:
            found = ReconcileVerdict("failed", "error", str(error))
        return _outcome(seen, found)

    def _again(self, seen: Seen) -> Seen:
        """Another look right before it is changed: somebody may have come since."""
        managed = seen.managed
        stale = clock.elapsed() - self._looked > FRESH_LOOK
        users = self._users([managed.path])[managed.path] if stale else seen.users
        state = checkout.look(managed.path, managed.git_dir)
        return self._seen((managed, seen.worktree), state, users, seen.base)

    def _bring(self, seen: Seen, found: ReconcileVerdict) -> ReconcileVerdict:
        """Bring the base in, if it can be told that nothing is in the way."""
        managed, commit, head = seen.managed, seen.base.commit or "", seen.state.head or ""
        rebasing = self._wanted.strategy == REBASE and not found.forward
        here = Git(managed.git_dir, cwd=managed.path, hooks=not rebasing)
        elsewhere = self._elsewhere(seen, found)
        if elsewhere is not None:
            return elsewhere
        new = commit
        if not found.forward:
            told = self._forecast(seen, found, here, rebasing=rebasing)
            if isinstance(told, ReconcileVerdict):
                return told
            head, new = told
        moved = merging.changes(here, head, new)
        obstacle = obstacles.look(here, seen.state, moved)
        if obstacle is not None:
            words, paths = f"{obstacle.words}: {some(obstacle.paths)}", list(obstacle.paths[:_SHOWN])
            return found.ended("skipped", obstacle.kind, words, paths=paths)
        through = filters.passing(here, moved, new)
        broken = filters.broken(here, moved, through, both=rebasing)
        if broken is not None:
            return _filter(found, broken)
        if self._wanted.dry_run:
            would = "rebase" if rebasing else "fast-forward" if found.forward else "merge"
            return found._replace(word=f"would-{would}", facts={"changes": len(moved)})
        return self._change(seen, found, here, moved, through)

    def _forecast(
        self, seen: Seen, found: ReconcileVerdict, here: Git, *, rebasing: bool
    ) -> ReconcileVerdict | tuple[str, str]:
        """Merge or rebase in memory: between which two commits or trees the files change, or why nothing may be touched.

        Raises Blocked where it cannot be told.
        """
        commit, head = seen.base.commit or "", seen.state.head or ""
        with quarantine(self.git, self._rules(commit)) as place:
            if rebasing and (own := forecast.own_merge(place, here, head, commit)):
                words = f"a rebase would lose changes that only the merge {own[:12]} has; `--strategy merge` keeps it"
                return found.ended("skipped", "merges", words)
            told = forecast.rebase(place, here, head, commit) if rebasing else place.merge(head, commit)
            if isinstance(told, Merged) and not rebasing:
                place.keep(told.tree)
        match told:
            case Conflicted():
                return _conflict(seen, found, told.paths, "nothing was touched", rebasing=rebasing)
            case Unmergeable(too_old=True) if not rebasing:  # what the base has changed, at most
                return merging.merge_base(here, head, commit), commit
            case Unmergeable(too_old=False):
                raise Blocked(f"The merge cannot be forecast: {told.words}")
            case Merged() if not rebasing:
                return head, told.tree
            case _:  # a rebase begins with the files of the base
                return head, commit

    def _rules(self, commit: str) -> MergeRules:
        """The rules of merges into the trunk: what a queue makes of this branch is what is forecast here."""
        if commit not in self._known_rules:
            self._known_rules[commit] = merge_rules.of_tree(
                self.git, commit, policy.load(self._state).merge_drivers
            )
        return self._known_rules[commit]

    def _elsewhere(self, seen: Seen, found: ReconcileVerdict) -> ReconcileVerdict | None:
        """A second worktree on the same branch would show all that is brought in as taken back."""
        if self._everything is None:
            self._everything = git_worktrees.listed(self.git)
        same = [one.path for one in self._everything if one.branch == f"refs/heads/{seen.state.branch}"]
        other = next((path for path in same if path != seen.worktree.path), None)
        if other is None:
            return None
        return found.ended("skipped", "shared-branch", f"its branch is checked out in {display(other)}, too")

    def _change(
        self,
        seen: Seen,
        found: ReconcileVerdict,
        here: Git,
        moved: Sequence[PathChange],
        filtered: Collection[str],
    ) -> ReconcileVerdict:
        undoing.sweep(seen.managed.git_dir)
        commit, branch = seen.base.commit or "", seen.state.branch
        # the caller's session is not this tree's
        env = {"GIT_REFLOG_ACTION": notes.ACTION, "GITFLEET_SESSION": None}
        with TreeNotes(seen.managed.git_dir).changing():
            if self._wanted.strategy == REBASE and not found.forward:
                word = "rebased"
                attempt = merging.rebase(here, commit, moved, filtered=filtered, env=env)
            else:
                word = "fast-forwarded" if found.forward else "merged"
                message = f"Merge branch '{seen.base.name}' into {branch}"
                attempt = merging.merge(
                    here, commit, moved, branch=branch, message=message, forward_only=found.forward,
                    filtered=filtered, env=env,
                )  # fmt: skip
        if attempt.done:
            return _done(seen, found, here, word, moved)
        if attempt.conflicts and not attempt.stuck:
            rebasing = self._wanted.strategy == REBASE and not found.forward
            return _conflict(seen, found, attempt.conflicts, "it was undone", rebasing=rebasing)
        if attempt.stuck:
            return found.ended(
                "failed", "stuck", f"{attempt.words}; it could not be undone: look at `git status` there"
            )
        return found.ended("failed", "refused", attempt.words)


def _done(
    seen: Seen, found: ReconcileVerdict, here: Git, word: str, moved: Sequence[PathChange]
) -> ReconcileVerdict:
    links = [change.path for change in moved if change.gitlink]
    reason = found.reason
    if links:
        reason += f"; submodules have moved, run `git submodule update` there: {some(links)}"
    if not seen.base.fresh:
        reason += f"; {seen.base.name} could not be fetched; this uses its last known state"
    facts: FoundFacts = {
        "before": seen.state.head,
        "after": refs.resolve(here, "HEAD"),
        "changes": len(moved),
        "submodules": links[:_SHOWN],
    }
    return ReconcileVerdict(word, found.kind, reason, facts=facts)


def _filter(found: ReconcileVerdict, broken: BrokenFilter) -> ReconcileVerdict:
    words = (
        f"the filter '{display(broken.driver)}', which {display(broken.path)} needs, does not work: {broken.words}; "
        "nothing was touched"
    )
    return found.ended("failed", "filter", words, filter=broken.driver, paths=[broken.path])


def _conflict(
    seen: Seen, found: ReconcileVerdict, paths: Sequence[str], state: str, *, rebasing: bool
) -> ReconcileVerdict:
    ref = seen.base.ref or seen.base.commit or ""
    command = shellwords.line(["git", "rebase" if rebasing else "merge", ref])
    words = f"conflicts in {some(paths)}; {state}; to resolve it, run `{command}` there"
    return found.ended("conflict", "conflict", words, conflicts=list(paths[:_SHOWN]), base_ref=ref)


def _outcome(seen: Seen, found: ReconcileVerdict) -> Outcome:
    counts = seen.counts or (None, None)
    told: OutcomeFacts = {
        "kind": found.kind,
        "branch": seen.state.branch,
        "base": seen.base.name,
        "base_commit": seen.base.commit,
        "fetched": seen.base.fresh,
        "ahead": counts[0],
        "behind": counts[1],
        **found.facts,
    }
    return Outcome(seen.managed.path, seen.managed.session, ACTION, found.word, found.reason, told)
