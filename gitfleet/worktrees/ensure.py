"""A worktree for a session: a free one of the same agent, or a new one.

Which is free is decided, and it is taken, under one lock of the clone, so that no two callers are ever handed the same. The
files of a new one are checked out after that, without the lock.
Free means: a folder that is there, on its own branch, not locked, nothing changed, untracked or under way, nobody at work
there, nobody who was just handed it, and no work that has not landed: two tasks never share a branch. Nothing that gitfleet
did not make is touched.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from gitfleet.base import callers, clock, files, ids, shellwords
from gitfleet.base.text import counted, display
from gitfleet.errors import UNCHANGED, Blocked, Conflict, Unverifiable
from gitfleet.git import checkout, git_worktrees, refs
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.obstacles import Obstacle
from gitfleet.sessions.local import LocalSessions
from gitfleet.trunk import landed
from gitfleet.worktrees import exclude, listing, liveness, making, only_here, validity
from gitfleet.worktrees.model import MANAGED_DIR, Managed, branch_of
from gitfleet.worktrees.notes import TreeNotes
from gitfleet.worktrees.upstream import Base


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for. `pid` is the process that will use it (0: who calls); `base` "" means the fleet's trunk."""

    agent: str = "codex"
    base: str = ""
    session: str | None = None
    folder: str = MANAGED_DIR
    force_new: bool = False
    dry_run: bool = False
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen: a worktree, whether it was made for this, and why not another one.

    `done` is False in a dry run: then a worktree to be made does not exist, and one to be reused is not reserved. `passed`
    says of each worktree of this agent why it was not free, as (path, why). `begun` is what has to be filled yet.
    """

    managed: Managed
    created: bool
    done: bool
    passed: Sequence[tuple[str, str]] = field(default_factory=list)
    begun: making.Begun | None = None


def check(wish: Wish, repository: Repository) -> None:
    """Refuse hostile names before anything is touched. Raises BadName, BadPath."""
    validity.check_name("an agent", wish.agent)
    if wish.session is not None:
        validity.check_name("a session", wish.session)
    if wish.base:
        validity.check_branch(wish.base)
    validity.relative(wish.folder, repository.worktree or repository.common_dir)


class Chooser:
    """One look for a worktree, with the lock held from the beginning to the end."""

    def __init__(self, repository: Repository, state: str, wish: Wish, base: Base) -> None:
        self._repository = repository
        self._state = state
        self._wish = wish
        self._base = base
        self._found = listing.look(repository)
        if not wish.dry_run and making.recover(repository, state, self._found.everything):
            self._found = listing.look(repository)
        root = validity.top(repository, self._found.everything)
        self._relative = validity.relative(wish.folder, root)
        tracked = self._tracked(root)
        self._folder = validity.check_folder(wish.folder, root, self._found.everything, tracked)
        self._within = not self._found.everything[0].bare

    def choose(self) -> Chosen:
        """The worktree. Raises Conflict when the session's own is in use, Blocked when something is in the way."""
        if self._wish.session is not None:
            own = self._own(self._wish.session)
            if own is not None:
                return self._hand_out(own, [])
            return self._create(self._wish.session, [])
        passed: list[tuple[str, str]] = []
        if not self._wish.force_new:
            free, passed = self._free()
            if free is not None:
                return self._hand_out(free, passed)
        return self._create(self._new_session(), passed)

    def _own(self, session: str) -> Managed | None:
        """The worktree that was made for this session, if it may be used now. Raises Conflict, Blocked."""
        for managed, worktree in self._found.managed:
            if managed.id != session:
                continue
            if managed.agent != self._wish.agent:
                raise self._taken(managed, f"belongs to the agent {managed.agent}")
            if self._wish.force_new:
                raise self._taken(managed, "exists, and you asked for a new one")
            if not os.path.isdir(managed.path):
                raise Blocked(
                    f"The worktree {display(managed.path)} of session {session} is gone from the disk, but git still lists it.",
                    hint="Moved by hand? `git worktree repair NEW-PATH`. Not mounted? Mount it. Else "
                    f"`git worktree remove {shellwords.word(managed.path)}` takes it off the list; its branch stays.",
                    path=managed.path,
                )
            if worktree.lock:
                raise self._taken(managed, worktree.lock.removeprefix("it "))
            self._check_unused(managed)
            return managed
        return None

    def _check_unused(self, managed: Managed) -> None:
        family = callers.family()
        there = liveness.users([managed.path], sessions=LocalSessions(self._state).all(), without=family)[
            managed.path
        ]
        if there:
            raise self._taken(managed, f"is in use: {there[0]}")
        if TreeNotes(managed.git_dir).reserved(besides={*family, self._pid()}):
            raise self._taken(managed, "was just given to another process")

    def _free(self) -> tuple[Managed | None, list[tuple[str, str]]]:
        """The newest free worktree of this agent, base and folder; and why others are not free."""
        mine = [
            (managed, worktree)
            for managed, worktree in self._found.managed
            if (managed.agent, managed.base, managed.folder)
            == (self._wish.agent, self._base.name, self._folder)
        ]
        mine.sort(key=lambda pair: (pair[0].created_at, pair[0].id), reverse=True)
        there = liveness.users(
            [managed.path for managed, _ in mine], sessions=LocalSessions(self._state).all()
        )
        passed: list[tuple[str, str]] = []
        for managed, worktree in mine:
            why = _obstacle(managed, worktree, there[managed.path])
            why = why or _unlanded(self._repository.git, managed, worktree.head, self._base)
            if not why:
                return managed, passed
            passed.append((managed.path, why))
        return None, passed

    def _hand_out(self, managed: Managed, passed: list[tuple[str, str]]) -> Chosen:
        if not self._wish.dry_run:
            TreeNotes(managed.git_dir).reserve(self._pid(), self._wish.session or "")
        return Chosen(managed, created=False, done=not self._wish.dry_run, passed=passed)

    def _create(self, session: str, passed: list[tuple[str, str]]) -> Chosen:
        if self._base.commit is None:
            raise Unverifiable(
                f"The branch '{display(self._base.name)}' to start from is unknown: {self._base.error or 'it is empty'}",
                unharmed=UNCHANGED,
                hint="Try again when the hub can be reached.",
            )
        plan = Managed(
            path=os.path.join(self._folder, session), git_dir="", id=session, agent=self._wish.agent, session=session,
            branch=branch_of(self._wish.agent, session), base=self._base.name, base_commit=self._base.commit,
            created_at=clock.now(), folder=self._folder, trunk=not self._wish.base,
        )  # fmt: skip
        if making.under_way(self._state, session):
            raise self._taken(plan, "is being made for another process")
        if os.path.lexists(plan.path):  # whoever was making it as we looked may be done: that takes no lock
            self._found = listing.look(self._repository)
            own = self._own(session)
            if own is not None:
                return self._hand_out(own, passed)
        exists = self._check_room(plan)
        if self._wish.dry_run:
            return Chosen(plan, created=True, done=False, passed=passed)
        self._keep_out(session)
        begun = making.begin(self._repository, self._state, plan, create=not exists)
        TreeNotes(begun.managed.git_dir).reserve(self._pid(), session)
        return Chosen(begun.managed, created=True, done=True, passed=passed, begun=begun)

    def _keep_out(self, session: str) -> None:
        """Keep the folder out of `git status`; where others keep files in it too, the new worktree alone."""
        common_dir, worktrees = self._repository.common_dir, self._found.everything[1:]
        if not self._within:
            return
        known = {os.path.realpath(worktree.path) for worktree in worktrees}
        there = [os.path.realpath(os.path.join(self._folder, name)) for name in files.names(self._folder)]
        foreign = [path for path in there if not any(files.within(item, path) for item in known)]
        if foreign and not exclude.has(common_dir, self._relative):
            exclude.add(common_dir, f"{self._relative}/{session}")
        else:
            exclude.add(common_dir, self._relative)

    def _check_room(self, plan: Managed) -> bool:
        """Whether the branch is there already (then it is taken up again). Raises Blocked when something is in the way."""
        if os.path.lexists(plan.path):
            raise Blocked(
                f"{display(plan.path)} exists already, and gitfleet did not make it.",
                hint="Choose another session id, or move it away.",
                path=plan.path,
            )
        ref = f"refs/heads/{plan.branch}"
        holder = next((item.path for item in self._found.everything if item.branch == ref), None)
        if holder is not None:
            raise Blocked(
                f"The branch {plan.branch} is checked out in {display(holder)}.",
                hint="Choose another session id.",
                path=holder,
            )
        return ref in refs.read(self._repository.git, ref)

    def _new_session(self) -> str:
        """A session id that nothing here is named after."""
        used = {managed.id for managed, _ in self._found.managed}
        word = self._wish.agent[:24].rstrip(".-_")
        while True:
            session = ids.named(word)
            if session not in used and not os.path.lexists(os.path.join(self._folder, session)):
                return session

    def _tracked(self, root: str) -> list[str]:
        """What git tracks where the managed folder would be: in the main worktree's index, and in the base."""
        if self._found.everything[0].bare:
            return []
        git = self._repository.git
        out = git.ask("ls-files", "-z", "--", f":(literal,top){self._relative}").stdout if root else b""
        found = [os.fsdecode(name) for name in out.split(b"\0") if name]
        if not found and self._base.commit and refs.resolve(git, f"{self._base.commit}:{self._relative}"):
            found = [self._relative]
        return found

    def _taken(self, managed: Managed, why: str) -> Conflict:
        return Conflict(
            f"The worktree {display(managed.path)} of session {managed.session} {display(why)}.",
            hint="Choose another session id, or leave it out to be given a free worktree.",
            conflicts=(
                Obstacle(worktree=managed.path, session=managed.session, agent=managed.agent, why=why),
            ),
        )

    def _pid(self) -> int:
        return self._wish.pid or callers.durable_parent()


def _obstacle(managed: Managed, worktree: Worktree, there: Sequence[liveness.User]) -> str:
    """Why a worktree is not free, in words; "" when it is. One git process, if nothing cheaper says so."""
    own_branch = git_worktrees.short(worktree.branch) == managed.branch
    reasons = [
        "" if os.path.isdir(managed.path) else checkout.GONE,
        worktree.lock,
        liveness.in_use(there) if there else "",
        "it was just given to another session" if TreeNotes(managed.git_dir).reserved() else "",
        "" if own_branch else f"it is not on its own branch {managed.branch}",
    ]
    return next(filter(None, reasons), "") or _untidy(checkout.look(managed.path, managed.git_dir))


def _untidy(state: checkout.CheckoutState) -> str:
    if state.problem:
        return state.problem
    if state.operation:
        return f"{git_worktrees.begun(state.operation)} is in progress there"
    return f"{state.dirty} paths are changed or untracked there" if state.dirty else ""


def _unlanded(common: Git, managed: Managed, head: str | None, base: Base) -> str:
    """What of the worktree's work its base does not have, so that no other task may begin there; "" for nothing."""
    if head is None:
        return "its branch has no commit"
    found = landed.judge(common, head, base.commit, base.name)
    if not found.safe:
        if found.word == landed.UNKNOWN:
            return found.reason
        verb = "has" if found.commits == 1 else "have"
        return f"{counted(found.commits, 'commit')} of its branch {display(managed.branch)} {verb} not landed on {base.name}"
    entries = only_here.stashes(Git(managed.git_dir, cwd=managed.path), common, [managed.branch])
    return f"the stash holds work from it: {entries[0]}" if entries else ""
