"""Whether a managed worktree may be removed, and why not.

Owns the order of the questions, the cheapest first, and that every look-up that fails means keep. Leaves the answers to
their modules and the removal to `removal`. Asking changes nothing but notes in git's own folder of the worktree, and not
even those in a dry run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from gitfleet.base import callers, clock
from gitfleet.base.text import display, duration, some, span
from gitfleet.git import git_worktrees, refs
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.program import Git
from gitfleet.trunk import landed
from gitfleet.trunk.landed import Landed
from gitfleet.worktrees import activity, capture, ignored, liveness, only_here
from gitfleet.worktrees.activity import Activity
from gitfleet.worktrees.archive import Owner
from gitfleet.worktrees.capture import Capture
from gitfleet.worktrees.liveness import User
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.notes import TreeNotes
from gitfleet.worktrees.upstream import Base

KEEP, REMOVE, PRUNE = "keep", "remove", "prune"
HOUR = 3600


@dataclass(frozen=True, slots=True)
class CleanupTerms:
    """What a caller of cleanup asks for. `ttl` in seconds; `ignored` as `ignored.check` allows it.

    `delete_branches`: those of what is removed; `prune_branches`: those that were left over by earlier removals.
    """

    ttl: int = 24 * HOUR
    include_active: bool = False
    delete_branches: bool = False
    prune_branches: bool = True
    ignored: Sequence[str] = (ignored.SMALL,)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class HubBranches:
    """What was asked of the hub just now: each base by name, and the commits of all its branches."""

    bases: Callable[[str], Base]
    tips: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Sweep:
    """One run over the worktrees of a clone: git for what they share, the folder of the clone's own state, and what holds for
    all of them.
    """

    common: Git
    state: str
    terms: CleanupTerms
    hub: HubBranches


@dataclass(frozen=True, slots=True)
class Candidate:
    """One managed worktree that may have to go: its marker, git's own entry for it, who was found at work there just now, and
    when its session was last renewed.
    """

    managed: Managed
    worktree: Worktree
    users: Sequence[User] = ()
    renewed_at: int = 0


@dataclass(frozen=True, slots=True)
class CleanupVerdict:
    """`word` is KEEP, REMOVE or PRUNE (its folder is gone already); `kind` a word for the reason, `reason` the words.

    `found` is what lies there, `extra` the commits that only it leads to, `needed` whether there is anything to archive.
    """

    word: str
    kind: str
    reason: str
    found: Capture | None = None
    landed: Landed | None = None
    active: Activity | None = None
    extra: tuple[str, ...] = ()
    needed: bool = False
    owner: Owner | None = None


class _Keep(Exception):
    """The worktree stays: a kind, and the reason in words."""


def judge(sweep: Sweep, candidate: Candidate) -> CleanupVerdict:
    """The verdict on one worktree.

    Raises GitFailed, FleetError or OSError where something cannot be read: then it stays, too.
    """
    asking = _Asking(sweep, candidate)
    try:
        asking.nobody_there()
        if not os.path.isdir(candidate.managed.path):
            return asking.about_the_gone()
        return asking.about_the_present()
    except _Keep as keep:
        kind, reason = keep.args
        return CleanupVerdict(KEEP, kind, reason, landed=asking.landed, active=asking.active)


class _Asking:
    """The questions about one worktree. Each method returns when nothing speaks against its removal."""

    def __init__(self, sweep: Sweep, candidate: Candidate) -> None:
        self._common, self._terms, self._hub = sweep.common, sweep.terms, sweep.hub
        self._managed, self._candidate = candidate.managed, candidate
        self._notes = TreeNotes(candidate.managed.git_dir)
        self.landed: Landed | None = None
        self.active: Activity | None = None

    def nobody_there(self) -> None:
        """Not locked, nothing under way, nobody at work."""
        worktree, users = self._candidate.worktree, self._candidate.users
        if worktree.lock:
            raise _Keep("locked", worktree.lock)
        operation = git_worktrees.in_progress(self._managed.git_dir)
        if operation is not None:
            raise _Keep("in-progress", f"{git_worktrees.begun(operation)} is in progress there")
        if users and not self._terms.include_active:
            raise _Keep("active", liveness.in_use(users))
        kept = self._notes.reserved(besides=callers.family())
        if kept and not self._terms.include_active:
            raise _Keep("active", "it was just given to a session")

    def about_the_present(self) -> CleanupVerdict:
        """A worktree whose folder is there."""
        managed = self._managed
        git = Git(managed.git_dir, cwd=managed.path)
        self._linked()
        found = capture.look(git, self._terms.ignored)
        self._idle(found)
        head, branch = self._head(git)
        self._on_its_branch(branch)
        self._stash(git)
        if found.obstacles:
            raise _Keep("cannot-be-archived", found.obstacles[0])
        self._judge_commits(head)
        if self.landed is None or not self.landed.safe:
            words = "gitfleet could not tell whether its commits have landed"
            raise _Keep(*(self.landed[:2] if self.landed else (landed.UNKNOWN, words)))
        extra = tuple(only_here.only_here(git, self._common, head, branch))
        return CleanupVerdict(
            REMOVE,
            "idle",
            f"{self._idle_words()}; {self.landed.reason}",
            found=found,
            landed=self.landed,
            active=self.active,
            extra=extra,
            needed=found.changed or bool(extra) or not self.landed.exact,
            owner=owner(self._managed, head, branch),
        )

    def about_the_gone(self) -> CleanupVerdict:
        """A worktree of which only git's own folder is left: what that alone leads to is archived before it goes."""
        managed = self._managed
        away = git_worktrees.away(os.path.dirname(managed.path))
        if away:
            raise _Keep(
                "missing",
                f"its folder is gone, and {away}: not mounted? If it is gone for good: `git worktree remove PATH`",
            )
        gone = clock.now() - self._notes.gone_since(note=not self._terms.dry_run)
        if gone < self._terms.ttl:
            words = f"its folder has been gone for {duration(gone)}; if it was moved: `git worktree repair NEW-PATH`"
            raise _Keep("missing", words)
        git = Git(managed.git_dir)
        head, branch = self._head(git)
        kept = bool(branch) and refs.read(self._common, branch).get(branch) == head
        self._judge_commits(head)
        if not kept and (self.landed is None or not self.landed.safe):
            raise _Keep("missing", "its folder is gone, and it is not known whether the hub has its commits")
        found = Capture(items={}, staged=capture.index(git), changed=_staged_changes(git, head))
        extra = tuple(only_here.only_here(git, self._common, head, branch))
        return CleanupVerdict(
            PRUNE,
            "missing",
            "its folder is gone",
            found=found,
            landed=self.landed,
            extra=extra,
            needed=found.changed or bool(extra),
            owner=owner(self._managed, head, branch),
        )

    def _linked(self) -> None:
        """The folder must still be the worktree that git means: a file there leads to git's own folder for it."""
        link = os.path.join(self._managed.path, ".git")
        try:
            with open(link, "rb") as file:
                target = os.fsdecode(file.read(8192)).removeprefix("gitdir: ").rstrip("\n")
        except OSError as error:
            raise _Keep("broken", f"its .git file cannot be read: {error.strerror}") from error
        if os.path.realpath(os.path.join(self._managed.path, target)) != os.path.realpath(
            self._managed.git_dir
        ):
            raise _Keep("broken", "its .git file points elsewhere")

    def _idle(self, found: Capture) -> None:
        self.active = activity.last(
            self._managed, found, renewed_at=self._candidate.renewed_at, note=not self._terms.dry_run
        )
        if clock.now() - self.active.at < self._terms.ttl:
            used = f"used {duration(clock.now() - self.active.at)} ago ({display(self.active.what)})"
            raise _Keep("fresh", f"{used}; goes after {span(self._terms.ttl)} idle")

    def _idle_words(self) -> str:
        assert self.active is not None
        return f"idle for {duration(clock.now() - self.active.at)} ({display(self.active.what)})"

    def _head(self, git: Git) -> tuple[str, str]:
        head = refs.resolve(git, "HEAD^{commit}")
        if head is None:
            raise _Keep("no-commit", "it has no commit, or its HEAD cannot be read")
        return head, git.line("symbolic-ref", "--quiet", "HEAD") or ""

    def _on_its_branch(self, branch: str) -> None:
        short = git_worktrees.short(branch)
        if branch and short != self._managed.branch:
            raise _Keep(
                "switched", f"it is on the branch {display(short)}, not on its own {self._managed.branch}"
            )

    def _stash(self, git: Git) -> None:
        entries = only_here.stashes(git, self._common, [self._managed.branch])
        if entries:
            raise _Keep("stash", f"the stash holds work from it: {some(entries, 1)}")

    def _judge_commits(self, head: str) -> None:
        base = self._hub.bases(self._managed.base)
        if not base.fresh or base.commit is None:
            words = base.error or f"where {base.name} is on the hub is not known"
            self.landed = Landed(landed.UNKNOWN, f"{base.name} could not be fetched: {words}")
            return
        self.landed = landed.judge(self._common, head, base.commit, base.name, self._hub.tips)


def owner(managed: Managed, head: str, branch: str) -> Owner:
    """Whose a managed worktree is, for its archive."""
    return Owner(
        id=managed.id, path=managed.path, agent=managed.agent, session=managed.session, branch=branch, head=head,
        base="" if managed.trunk else managed.base, base_commit=managed.base_commit, folder=managed.folder,
        made_with=managed.branch,
    )  # fmt: skip


def _staged_changes(git: Git, head: str) -> bool:
    """Whether the index holds something that HEAD does not; unknown counts as yes."""
    if not os.path.exists(os.path.join(git.git_dir, "index")):
        return False
    return git.ask("diff-index", "--cached", "--quiet", "--no-ext-diff", head, "--").code != 0
