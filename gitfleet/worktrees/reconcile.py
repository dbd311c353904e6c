"""Bringing the base into managed worktrees, one after the other.

Looks at all of them first, in parallel; then changes those that are behind, each under the clone's worktrees lock and
after another look at it. Serially on purpose: a merge is seldom slow, and a session that wants a worktree meanwhile waits
for one merge at most. One worktree's failure is an outcome like others and never stops the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence

from gitfleet.base import clock
from gitfleet.base.locks import NodeLock
from gitfleet.base.text import display
from gitfleet.claims import policy
from gitfleet.errors import Blocked, FleetError
from gitfleet.git import checkout, filters, forecast, merge_rules, merging, refs, undoing
from gitfleet.git import worktrees as git_worktrees
from gitfleet.git.filters import BrokenFilter
from gitfleet.git.history import History
from gitfleet.git.merge_rules import MergeRules
from gitfleet.git.program import Git
from gitfleet.git.quarantine import Conflicted, Merged, Unmergeable, quarantine
from gitfleet.git.repository import Repository
from gitfleet.git.undoing import PathChange
from gitfleet.git.worktrees import Worktree
from gitfleet.sessions.local import LocalSessions
from gitfleet.worktrees import activity, bookkeeping, liveness, obstacles, reconcile_plan, reservation
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.outcome import Outcome
from gitfleet.worktrees.reconcile_plan import REBASE, ReconcileTerms, ReconcileVerdict, Seen
from gitfleet.worktrees.unlanded import Pushed
from gitfleet.worktrees.upstream import Base

ACTION = "reconcile"
LOCK_TIME = 600.0
FRESH_LOOK = 1.0  # seconds for which a look at all processes counts
_SHOWN = 20  # paths in an outcome

Target = tuple[Managed, Worktree]


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
        self._family = liveness.own_family()
        self._history = History(self.git)
        self._known_rules: dict[str, MergeRules] = {}
        self._everything: Sequence[Worktree] | None = None

    def run(self, targets: Sequence[Target], bases: Callable[[str], Base]) -> list[Outcome]:
        """What became of each target; `bases` gives the base of a name. Raises for nothing that one worktree does."""
        return [self._one(seen) for seen in self.look(targets, bases)]

    def look(self, targets: Sequence[Target], bases: Callable[[str], Base]) -> list[Seen]:
        """Look at all targets. One git process each."""
        states = checkout.parallel(
            lambda item: checkout.look(*item), [(m.path, m.git_dir) for m, _ in targets]
        )
        users = self._users([managed.path for managed, _ in targets])
        found = []
        for managed, worktree in targets:
            state, base = states[managed.path, managed.git_dir], bases(managed.base)
            counts = (
                self._history.ahead_behind(state.head, base.commit) if state.head and base.commit else None
            )
            there, reserved = users[managed.path], self._reserved(managed)
            if not self._wanted.dry_run and os.path.isdir(managed.path):
                activity.back(managed.git_dir)
            seen = Seen(managed, worktree, state, there, base, counts, reserved)
            found.append(seen._replace(finished=self._finished(seen)))
        return found

    def _finished(self, seen: Seen) -> bool:
        """Whether a branch is to be left as it was pushed; asked only where something would be merged into it unasked."""
        ahead, behind = seen.counts or (0, 0)
        unasked = ahead and behind and not (self._wanted.named or seen.users or seen.reserved)
        return bool(unasked and seen.state.head and self._pushed.has(seen.state.head, seen.base))

    def _users(self, paths: Sequence[str]) -> dict[str, list[liveness.User]]:
        self._looked = clock.elapsed()
        return liveness.users(paths, sessions=LocalSessions(self._state).all(), without=self._without)

    def _reserved(self, managed: Managed) -> bool:
        return reservation.stands(managed.git_dir, besides=self._family)

    def _one(self, seen: Seen) -> Outcome:
        found = reconcile_plan.judge(seen, self._wanted)
        if found.word != "go":
            return _outcome(seen, found)
        try:
            if self._wanted.dry_run:
                return self._bring(seen, found)
            with self._lock().held(LOCK_TIME):
                seen = self._again(seen)
                found = reconcile_plan.judge(seen, self._wanted)
                return self._bring(seen, found) if found.word == "go" else _outcome(seen, found)
        except (FleetError, OSError) as error:
            return _outcome(seen, ReconcileVerdict("failed", "error", str(error)))

    def _again(self, seen: Seen) -> Seen:
        """Another look right before it is changed: somebody may have come since."""
        managed = seen.managed
        state = checkout.look(managed.path, managed.git_dir)
        stale = clock.elapsed() - self._looked > FRESH_LOOK
        users = self._users([managed.path])[managed.path] if stale else seen.users
        counts = seen.counts
        if state.head != seen.state.head and state.head and seen.base.commit:
            counts = self._history.ahead_behind(state.head, seen.base.commit)
        seen = seen._replace(state=state, users=users, counts=counts, reserved=self._reserved(managed))
        return seen._replace(finished=self._finished(seen))

    def _bring(self, seen: Seen, found: ReconcileVerdict) -> Outcome:
        """Bring the base in, if it can be told that nothing is in the way."""
        managed, commit, head = seen.managed, seen.base.commit or "", seen.state.head or ""
        rebasing = self._wanted.strategy == REBASE and not found.forward
        here = Git(managed.git_dir, cwd=managed.path, hooks=not rebasing)
        first = self._elsewhere(seen, found)
        if first is not None:
            return first
        new = commit
        if not found.forward:
            told = self._forecast(seen, found, here, rebasing=rebasing)
            if isinstance(told, Outcome):
                return told
            head, new = told
        moved = merging.changes(here, head, new)
        obstacle = obstacles.look(here, seen.state, moved)
        if obstacle is not None:
            words = f"{found.reason}; {obstacle.words}: {', '.join(obstacle.paths[:3])}"
            return _outcome(
                seen, ReconcileVerdict("skipped", obstacle.kind, words), paths=list(obstacle.paths[:_SHOWN])
            )
        through = filters.passing(here, moved, new)
        broken = filters.broken(here, moved, through, both=rebasing)
        if broken is not None:
            return _filter(seen, found, broken)
        word = _word(self._wanted.strategy, found)
        if self._wanted.dry_run:
            return _outcome(
                seen, ReconcileVerdict(f"would-{word[0]}", found.kind, found.reason), changes=len(moved)
            )
        return self._change(seen, found, here, word[1], moved, through)

    def _forecast(
        self, seen: Seen, found: ReconcileVerdict, here: Git, *, rebasing: bool
    ) -> Outcome | tuple[str, str]:
        """Merge or rebase in memory: between which two commits or trees the files change, or why nothing may be touched.

        Raises Blocked where it cannot be told.
        """
        commit, head = seen.base.commit or "", seen.state.head or ""
        with quarantine(self.git, self._rules(commit)) as place:
            if rebasing and (own := forecast.own_merge(place, here, head, commit)):
                return _merges(seen, found, own)
            told = forecast.rebase(place, here, head, commit) if rebasing else place.merge(head, commit)
            if isinstance(told, Merged) and not rebasing:
                place.keep(told.tree)
        match told:
            case Conflicted():
                return _conflict(seen, found, told.paths, "nothing was touched")
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

    def _elsewhere(self, seen: Seen, found: ReconcileVerdict) -> Outcome | None:
        """A second worktree on the same branch would show all that is brought in as taken back."""
        if self._everything is None:
            self._everything = git_worktrees.listed(self.git)
        same = [one.path for one in self._everything if one.branch == f"refs/heads/{seen.state.branch}"]
        other = next((path for path in same if path != seen.worktree.path), None)
        if other is None:
            return None
        words = f"{found.reason}; its branch is checked out in {display(other)}, too"
        return _outcome(seen, ReconcileVerdict("skipped", "shared-branch", words))

    def _change(
        self,
        seen: Seen,
        found: ReconcileVerdict,
        here: Git,
        word: str,
        moved: Sequence[PathChange],
        filtered: Collection[str],
    ) -> Outcome:
        undoing.sweep(seen.managed.git_dir)
        commit = seen.base.commit or ""
        env = {
            "GIT_REFLOG_ACTION": bookkeeping.ACTION,
            "GITFLEET_SESSION": None,
        }  # the caller's is not this tree's
        with bookkeeping.span(seen.managed.git_dir):
            if self._wanted.strategy == REBASE and not found.forward:
                attempt = merging.rebase(here, commit, moved, filtered=filtered, env=env)
            else:
                branch = seen.state.branch
                message = f"Merge branch '{seen.base.name}' into {branch}"
                forward = found.forward
                attempt = merging.merge(
                    here,
                    commit,
                    moved,
                    branch=branch,
                    message=message,
                    forward_only=forward,
                    filtered=filtered,
                    env=env,
                )
        if attempt.done:
            return self._done(seen, found, here, word, moved)
        if attempt.conflicts and not attempt.stuck:
            return _conflict(seen, found, attempt.conflicts, "it was undone")
        words = f"{found.reason}; {attempt.words}"
        if attempt.stuck:
            words += "; it could not be undone: look at `git status` there"
        return _outcome(seen, ReconcileVerdict("failed", "stuck" if attempt.stuck else "refused", words))

    def _done(
        self, seen: Seen, found: ReconcileVerdict, here: Git, word: str, moved: Sequence[PathChange]
    ) -> Outcome:
        head = refs.resolve(here, "HEAD")
        links = [change.path for change in moved if change.gitlink]
        reason = found.reason
        if links:
            reason += f"; submodules have moved, run `git submodule update` there: {', '.join(links[:3])}"
        if not seen.base.fresh:
            reason += f"; {seen.base.name} could not be fetched; this uses its last known state"
        facts = {
            "before": seen.state.head,
            "after": head,
            "changes": len(moved),
            "submodules": links[:_SHOWN],
        }
        return _outcome(seen, ReconcileVerdict(word, found.kind, reason), **facts)


def _word(strategy: str, found: ReconcileVerdict) -> tuple[str, str]:
    """What is done, as `would-…` and as a result."""
    if strategy == REBASE and not found.forward:
        return "rebase", "rebased"
    return ("fast-forward", "fast-forwarded") if found.forward else ("merge", "merged")


def _merges(seen: Seen, found: ReconcileVerdict, commit: str) -> Outcome:
    """A merge with edits of its own, such as resolved conflicts, would be lost by a rebase."""
    words = f"{found.reason}; a rebase would lose changes that only the merge {commit[:12]} has; `--strategy merge` keeps it"
    return _outcome(seen, ReconcileVerdict("skipped", "merges", words))


def _filter(seen: Seen, found: ReconcileVerdict, broken: BrokenFilter) -> Outcome:
    words = (
        f"{found.reason}; the filter '{display(broken.driver)}', which {display(broken.path)} needs, does not work: "
        f"{broken.words}; nothing was touched"
    )
    return _outcome(
        seen, ReconcileVerdict("failed", "filter", words), filter=broken.driver, paths=[broken.path]
    )


def _conflict(seen: Seen, found: ReconcileVerdict, paths: Sequence[str], state: str) -> Outcome:
    words = f"{found.reason}; conflicts in {', '.join(paths[:3])}{' …' if len(paths) > 3 else ''}; {state}"
    return _outcome(seen, ReconcileVerdict("conflict", "conflict", words), conflicts=list(paths[:_SHOWN]))


def _outcome(seen: Seen, found: ReconcileVerdict, **facts: object) -> Outcome:
    counts = seen.counts or (None, None)
    told = {
        "kind": found.kind,
        "branch": seen.state.branch,
        "base": seen.base.name,
        "base_commit": seen.base.commit,
        "fetched": seen.base.fresh,
        "ahead": counts[0],
        "behind": counts[1],
        **facts,
    }
    return Outcome(seen.managed.path, seen.managed.session, ACTION, found.word, found.reason, told)
