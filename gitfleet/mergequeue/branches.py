"""The branch that is to be added: where it is, here and on the hub, and its way to the hub.

An entry's head must be within reach of every node. So a branch whose commits are only here is pushed first, as its user would: with
the gates of `git push`, and only forwards.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from gitfleet.base import advice
from gitfleet.base.names import BranchName, Oid, SessionId
from gitfleet.base.text import display
from gitfleet.errors import Blocked, Conflict, FleetError, UsageError
from gitfleet.git import answers, refs
from gitfleet.git.program import Git, redact
from gitfleet.git.push_answer import Push
from gitfleet.git.remote import Remote
from gitfleet.git.repository import Repository, discover
from gitfleet.ledger.ledger import Ledger
from gitfleet.mergequeue.model import is_branch
from gitfleet.sessions.local import VARIABLE
from gitfleet.trunk import landing, position

HEADS = "refs/heads/"
_TIME = 300.0


class Placed(NamedTuple):
    """A branch: its head, the target's commit, and the hub's branches as they are now. `ahead`: the hub has yet to get its commits."""

    branch: BranchName
    head: Oid
    target: Oid
    there: Mapping[str, str]
    ahead: bool
    on_hub: bool = True


def checked(text: str) -> BranchName:
    """The name of a branch, without `refs/heads/`. Raises UsageError for what git would not have, or would take for an option."""
    name = text.removeprefix(HEADS)
    if not is_branch(name) or name in {"HEAD", "@"} or len(name) > 1000:
        raise UsageError(
            f"{display(text[:80])!r} is not the name of a branch.",
            hint="Name one: `git branch --list` shows them.",
        )
    return BranchName(name)


def find(repository: Repository, ledger: Ledger, branch: BranchName) -> Placed:
    """Find a branch, here or on the hub. The ledger is synchronised by the way.

    Raises UsageError for a branch that is nowhere, Conflict where the two have parted, and the hub's errors.
    """
    git, node = repository.git, ledger.node
    here = refs.read(git, HEADS + branch).get(HEADS + branch)
    if not node.hub:
        names = {ref.removeprefix(HEADS): oid for ref, oid in refs.read(git, HEADS).items()}
        return _placed(branch, here, names, node.trunk, ahead=False)._replace(on_hub=False)
    found = Remote(git, node.hub, node.push).look(f"{HEADS}*")
    names = {ref.removeprefix(HEADS): oid for ref, oid in found.items()}
    there = names.get(branch)
    ledger.sync(*([f"+{HEADS}{branch}:{position.seen(node, branch)}"] if there else []))
    if here is None or here == there or (there and landing.contains(git, there, here)):
        return _placed(branch, there, names, node.trunk, ahead=False)
    if there and not landing.contains(git, here, there):
        words = f"{display(branch)} here and on the hub '{node.hub}' have diverged."
        raise Conflict(words, hint="Bring the hub's commits in, or push yours with force, and add it again.")
    return _placed(branch, here, names, node.trunk, ahead=True)


def _placed(
    branch: BranchName, head: str | None, names: Mapping[str, str], trunk: str, *, ahead: bool
) -> Placed:
    if head is None:
        raise UsageError(
            f"There is no branch '{display(branch)}', neither here nor on the hub.",
            hint="Name another one: `git branch --all` shows them.",
        )
    if trunk not in names:
        words = f"The hub has no branch '{display(trunk)}' to land on."
        raise UsageError(words, hint=f"Push it first, then run {advice.SYNC}.")
    return Placed(branch, Oid(head), Oid(names[trunk]), names, ahead)


def push(repository: Repository, hub: str, placed: Placed, session: SessionId) -> None:
    """`git push` of a branch that is ahead, with the user's hooks. Raises Blocked where these say no, Conflict where the branch has
    moved there meanwhile, and the hub's errors.
    """
    here, ref, name = repository.here, HEADS + placed.branch, display(placed.branch)
    git = Git(here.git_dir, cwd=here.cwd, hooks=True, env={VARIABLE: session})
    lease = f"--force-with-lease={ref}:{placed.there.get(placed.branch, '')}"
    flags = ("--quiet", "--porcelain", "--no-follow-tags", lease)
    done = git.ask("push", *flags, "--", hub, f"{placed.head}:{ref}", timeout=_TIME, own_session=True)
    if done.code == 0:
        return
    if answers.of_push(done).outcome is Push.LOST:
        words = f"{name} has moved on the hub meanwhile."
        raise Conflict(words, hint="Look at what is new there, and add it again.")
    if done.stdout.strip() or b"failed to push some refs" not in done.stderr:
        raise answers.of_failure(done, hub, repository.common_dir, "write to")
    said = redact(os.fsdecode(done.stderr)).strip()
    words = f"A gate did not let {name} go to the hub '{hub}':\n{said}"
    raise Blocked(words, hint="Mend that, then add it again.")


def current(repository: Repository, worktree: str) -> BranchName:
    """The branch that the worktree of a session is on (of this one, if that is none of this clone). Raises UsageError where it is on none."""
    where = repository
    if worktree != repository.worktree:
        try:
            found = discover(worktree)
        except FleetError:
            found = repository
        where = found if found.common_dir == repository.common_dir else repository
    ref = refs.head(where.here)
    if not ref.startswith(HEADS):
        raise UsageError("The session's worktree is on no branch.", hint="Name the branch: `--branch NAME`.")
    return BranchName(ref.removeprefix(HEADS))
