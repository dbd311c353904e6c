"""Bringing the base into managed worktrees, one after the other.

Looks at all of them first, in parallel; then changes those that are behind, each under the clone's worktrees lock and
after another look at it. Serially on purpose: a merge is seldom slow, and a session that wants a worktree meanwhile waits
for one merge at most. One worktree's failure is an outcome like others and never stops the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from gitfleet.base import clock
from gitfleet.base.locks import NodeLock
from gitfleet.errors import FleetError
from gitfleet.git import merging, refs
from gitfleet.git.history import History
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.git.worktrees import Worktree
from gitfleet.sessions.local import LocalSessions
from gitfleet.worktrees import bookkeeping, checkout, liveness, reservation, verdict
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.outcome import Outcome
from gitfleet.worktrees.upstream import Base
from gitfleet.worktrees.verdict import FORWARD, REBASE, Seen, Verdict, Wanted

ACTION = "reconcile"
LOCK_TIME = 600.0
FRESH_LOOK = 1.0  # seconds for which a look at all processes counts
_SHOWN = 20  # paths in an outcome

Target = tuple[Managed, Worktree]


class Reconciler:
    """One run over some worktrees of a clone."""

    def __init__(
        self, repository: Repository, state: str, lock: NodeLock, wanted: Wanted, without: Iterable[int] = ()
    ) -> None:
        self._git = repository.git
        self._state = state
        self._lock = lock
        self._wanted = wanted
        self._without = frozenset(without)
        self._history = History(self._git)

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
            there, reserved = users[managed.path], reservation.stands(managed.git_dir)
            found.append(Seen(managed, worktree, state, there, base, counts, reserved))
        return found

    def _users(self, paths: Sequence[str]) -> dict[str, list[liveness.User]]:
        self._looked = clock.elapsed()
        return liveness.users(paths, sessions=LocalSessions(self._state).all(), without=self._without)

    def _one(self, seen: Seen) -> Outcome:
        found = verdict.judge(seen, self._wanted)
        if found.word != "go":
            return _outcome(seen, found)
        try:
            if self._wanted.dry_run:
                return self._bring(seen, found)
            with self._lock.held(LOCK_TIME):
                seen = self._again(seen)
                found = verdict.judge(seen, self._wanted)
                return self._bring(seen, found) if found.word == "go" else _outcome(seen, found)
        except (FleetError, OSError) as error:
            words = error.message if isinstance(error, FleetError) else str(error)
            return _outcome(seen, Verdict("failed", "error", words))

    def _again(self, seen: Seen) -> Seen:
        """Another look right before it is changed: somebody may have come since."""
        managed = seen.managed
        state = checkout.look(managed.path, managed.git_dir)
        stale = clock.elapsed() - self._looked > FRESH_LOOK
        users = self._users([managed.path])[managed.path] if stale else seen.users
        counts = seen.counts
        if state.head != seen.state.head and state.head and seen.base.commit:
            counts = self._history.ahead_behind(state.head, seen.base.commit)
        reserved = reservation.stands(managed.git_dir)
        return seen._replace(state=state, users=users, counts=counts, reserved=reserved)

    def _bring(self, seen: Seen, found: Verdict) -> Outcome:
        """Bring the base in, if it can be told that nothing is in the way."""
        managed, commit, head = seen.managed, seen.base.commit or "", seen.state.head or ""
        here = Git(managed.git_dir, cwd=managed.path, hooks=self._wanted.strategy != REBASE)
        new = commit
        if not found.forward and self._wanted.strategy != REBASE:
            preview = merging.preview(here, head, commit)
            if preview.known and preview.tree is None:
                return _conflict(seen, found, preview.conflicts, "nothing was touched")
            if preview.tree is None:  # git is too old to merge in memory: what the base has changed, at most
                head, new = merging.merge_base(here, head, commit), commit
            else:
                new = preview.tree
        moved = merging.changes(here, head, new)
        obstacle = _in_the_way(seen, found, moved)
        if obstacle is not None:
            return obstacle
        word = _word(self._wanted.strategy, found)
        if self._wanted.dry_run:
            return _outcome(seen, Verdict(f"would-{word[0]}", found.kind, found.reason), changes=len(moved))
        return self._change(seen, found, here, word[1], moved)

    def _change(
        self, seen: Seen, found: Verdict, here: Git, word: str, moved: Sequence[merging.Change]
    ) -> Outcome:
        commit = seen.base.commit or ""
        env = {
            "GIT_REFLOG_ACTION": bookkeeping.ACTION,
            "GITFLEET_SESSION": None,
        }  # the caller's is not this tree's
        with bookkeeping.span(seen.managed.git_dir):
            if self._wanted.strategy == REBASE:
                attempt = merging.rebase(here, commit, env=env)
            else:
                message = f"Merge branch '{seen.base.name}' into {seen.state.branch}"
                forward = found.forward or self._wanted.strategy == FORWARD
                attempt = merging.merge(here, commit, message=message, forward_only=forward, env=env)
        if attempt.done:
            return self._done(seen, found, here, word, moved)
        if attempt.conflicts and not attempt.stuck:
            return _conflict(seen, found, attempt.conflicts, "it was taken back")
        words = f"{found.reason}; {attempt.words}"
        if attempt.stuck:
            words += "; it could not be taken back: look at `git status` there"
        return _outcome(seen, Verdict("failed", "stuck" if attempt.stuck else "refused", words))

    def _done(
        self, seen: Seen, found: Verdict, here: Git, word: str, moved: Sequence[merging.Change]
    ) -> Outcome:
        head = refs.resolve(here, "HEAD")
        links = [change.path for change in moved if change.gitlink]
        reason = found.reason
        if links:
            reason += f"; submodules have moved, run `git submodule update` there: {', '.join(links[:3])}"
        if not seen.base.fresh:
            reason += f"; {seen.base.name} could not be fetched, this is what was last seen of it"
        facts = {
            "before": seen.state.head,
            "after": head,
            "changes": len(moved),
            "submodules": links[:_SHOWN],
        }
        return _outcome(seen, Verdict(word, found.kind, reason), **facts)


def _word(strategy: str, found: Verdict) -> tuple[str, str]:
    """What is done, as `would-…` and as a result."""
    if strategy == REBASE and not found.forward:
        return "rebase", "rebased"
    return ("fast-forward", "fast-forwarded") if found.forward else ("merge", "merged")


def _in_the_way(seen: Seen, found: Verdict, moved: Sequence[merging.Change]) -> Outcome | None:
    """What would be overwritten: uncommitted changes, and files that git does not track (the ignored ones, too)."""
    state, top = seen.state, seen.managed.path
    dirty = [change.path for change in moved if change.path in state.changed]
    if dirty:
        words = f"{found.reason}; uncommitted changes are in the way: {', '.join(dirty[:3])}"
        return _outcome(seen, Verdict("skipped", "dirty", words), paths=dirty[:_SHOWN])
    added = [change.path for change in moved if change.letter == "A" and not change.gitlink]
    blocked = [path for path in added if _occupied(top, path)]
    gone = {change.path for change in moved if change.letter in {"D", "T"}}
    blocked = [path for path in blocked if not _makes_room(top, path, gone)]
    if blocked:
        words = f"{found.reason}; files that git does not track are in the way: {', '.join(blocked[:3])}"
        return _outcome(seen, Verdict("skipped", "untracked", words), paths=blocked[:_SHOWN])
    return None


def _occupied(top: str, path: str) -> bool:
    """Whether something stands where a file is to be made, or in the place of one of its folders."""
    where = top
    for part in path.split("/"):
        where = os.path.join(where, part)
        if os.path.islink(where) or not os.path.isdir(where):
            return os.path.lexists(where)
    return True


def _makes_room(top: str, path: str, gone: set[str]) -> bool:
    """Whether all that stands there is itself taken away: a file for a folder, or a folder with tracked files for a file."""
    parts = path.split("/")
    if {"/".join(parts[:depth]) for depth in range(1, len(parts))} & gone:
        return True
    where = os.path.join(top, path)
    there = [
        os.path.relpath(os.path.join(folder, name), top)
        for folder, _, names in os.walk(where)
        for name in names
    ]
    return os.path.isdir(where) and not os.path.islink(where) and set(there) <= gone


def _conflict(seen: Seen, found: Verdict, paths: Sequence[str], state: str) -> Outcome:
    words = f"{found.reason}; conflicts in {', '.join(paths[:3])}{' …' if len(paths) > 3 else ''}; {state}"
    return _outcome(seen, Verdict("conflict", "conflict", words), conflicts=list(paths[:_SHOWN]))


def _outcome(seen: Seen, found: Verdict, **facts: object) -> Outcome:
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
