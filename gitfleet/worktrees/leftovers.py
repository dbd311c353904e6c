"""Branches that were made for worktrees which are gone, and that nobody needs: those without a commit, and those that have landed.

Owns the question and the deed. A branch stays for whatever speaks for it: a worktree, a session or a retained claim anywhere
in the fleet, a commit that the base has not, an age that cannot be told. What only its log leads to, and commits that landed
in another form, are archived before it goes; the ref is deleted only where it still is what was judged.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from typing import NamedTuple

from gitfleet.base import clock, files
from gitfleet.base.ids import is_name
from gitfleet.base.text import duration
from gitfleet.claims import model
from gitfleet.git import refs
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.program import Git
from gitfleet.ledger.model import View
from gitfleet.sessions import session_records
from gitfleet.sessions.local import LocalSessions
from gitfleet.trunk import landed
from gitfleet.trunk.landed import Landed
from gitfleet.worktrees import archive, only_here
from gitfleet.worktrees.archive import Owner
from gitfleet.worktrees.capture import Capture
from gitfleet.worktrees.listing import Listing
from gitfleet.worktrees.model import BRANCHES
from gitfleet.worktrees.service import Worktrees
from gitfleet.worktrees.upstream import Base

_HEADS = "refs/heads/"
_BEGUN = ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START")


class Leftover(NamedTuple):
    """A branch that may go: its short name, commit and session; how it landed; commits that only its log leads to."""

    branch: str
    head: str
    session: str
    agent: str
    landed: Landed
    extra: tuple[str, ...]
    idle: int

    @property
    def needed(self) -> bool:
        """Whether there is anything to archive."""
        return bool(self.extra) or not self.landed.exact

    @property
    def reason(self) -> str:
        """Why it may go, in words."""
        return f"branch {self.branch} has no worktree; idle for {duration(self.idle)}; {self.landed.reason}"


def named(common: Git) -> dict[str, str]:
    """The branches that have the form of ours, by full ref, with their commits. One git process."""
    found = refs.read(common, f"{_HEADS}{BRANCHES}")
    return {ref: oid for ref, oid in found.items() if _parts(ref)[0]}


def look(worktrees: Worktrees, base: Base, *, ttl: int) -> list[Leftover]:
    """The branches that nobody needs. Costs up to a dozen git processes for each that no worktree or session speaks for."""
    if base.commit is None or not base.fresh:
        return []
    common, view = worktrees.repository.git, worktrees.ledger.current().view
    kept = _in_use(worktrees.look()) | {f"{_HEADS}{name}" for name in _in_fleet(view)}
    alive = {here.id for here in LocalSessions(worktrees.state).all()}
    alive |= {session.id for session in session_records.readable(view)}
    rest = {ref: oid for ref, oid in named(common).items() if ref not in kept}
    judged = [_judge(common, ref, oid, base, ttl) for ref, oid in rest.items() if _parts(ref)[1] not in alive]
    return [item for item in judged if item is not None]


def prune(common: Git, leftover: Leftover, base: Base, folder: str) -> str | None:
    """Archive what has to be, then delete the branch if it is still what was judged; the archive's id, "" without one, None where
    it has moved on. The caller holds the worktrees' lock, and has just looked.
    """
    ref = _HEADS + leftover.branch
    made = _archived(common, leftover, base, folder) if leftover.needed else ""
    if not refs.delete(common, ref, old=leftover.head):
        return None
    common.ask("config", "--remove-section", f"branch.{leftover.branch}")  # as `git branch -d` does
    return made


def _archived(common: Git, leftover: Leftover, base: Base, folder: str) -> str:
    """Keep its commits in an archive without files: no worktree is left that had any."""
    owner = Owner(
        id=leftover.session, path=os.path.join(folder, leftover.session), agent=leftover.agent, session=leftover.session,
        branch=_HEADS + leftover.branch, head=leftover.head, base=base.name, base_commit=base.commit or "", folder=folder,
        made_with=leftover.branch,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as nothing:
        git = Git(nothing)
        return archive.make(
            git, common, owner, Capture(items={}, staged=[], changed=False), leftover.extra
        ).id


def _parts(ref: str) -> tuple[str, str]:
    """Agent and session in the ref of a branch of ours; ("", "") for any other."""
    parts = ref.removeprefix(f"{_HEADS}{BRANCHES}/").split("/")
    return (parts[0], parts[1]) if len(parts) == 2 and all(map(is_name, parts)) else ("", "")


def _in_use(found: Listing) -> set[str]:
    """Branches that a worktree has checked out, is about to go back to, or was made with."""
    used = {worktree.branch for worktree in found.everything if worktree.branch}
    used |= {f"{_HEADS}{managed.branch}" for managed, _ in found.managed}
    return used | {name for worktree in found.everything for name in _begun(worktree)}


def _begun(worktree: Worktree) -> Collection[str]:
    if not worktree.git_dir:
        return ()
    said = [files.read(os.path.join(worktree.git_dir, name)) or b"" for name in _BEGUN]
    words = [os.fsdecode(data).strip() for data in said if data]
    return [word if word.startswith("refs/") else _HEADS + word for word in words]


def _in_fleet(view: View) -> set[str]:
    """Branches that a session of any clone is on, or that retain claims."""
    on = {session.branch for session in session_records.readable(view) if session.branch}
    return on | {
        keeper.branch for claim in model.retained(view) for keeper in claim.retained if keeper.branch
    }


def _judge(common: Git, ref: str, head: str, base: Base, ttl: int) -> Leftover | None:
    log = only_here.log(common, ref)
    if not log:  # how old it is cannot be told
        return None
    idle = clock.now() - max(line.at for line in log)
    if idle < ttl:
        return None
    found = landed.judge(common, head, base.commit, base.name)
    if not found.safe:
        return None
    agent, session = _parts(ref)
    extra = tuple(only_here.newest(common, [line.oid for line in log], head, base.commit or ""))
    return Leftover(ref.removeprefix(_HEADS), head, session, agent, found, extra, idle)
