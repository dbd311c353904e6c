"""The base that worktrees follow: a branch as it is on the hub now, or as it was when it was last seen.

A fetch that fails never goes unsaid: the answer then holds what was seen last, is not `fresh`, and has git's words. Without a
hub the base is the branch of this clone. Fetched commits lie in refs of our own, never in the user's.
"""

from __future__ import annotations

from typing import NamedTuple

from gitfleet.base.text import display
from gitfleet.errors import FleetError, HubError, UsageError
from gitfleet.git import answers, refs
from gitfleet.git.program import Git
from gitfleet.git.remote import Remote
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.own_node import Node
from gitfleet.trunk import position

LOCK_TIME = 60.0
_LOOK = 20.0  # seconds for the look at the hub's branches


class Base(NamedTuple):
    """The branch `name` at `commit` (None: never seen). `fresh` is whether that was asked of the hub just now; else `error`.

    `ref` is the name of that commit in this clone, where it has one.
    """

    name: str
    commit: str | None
    fresh: bool
    error: str = ""
    ref: str = ""


def fetch(git: Git, ledger: Ledger, name: str) -> Base:
    """The base as the hub has it now; as it was seen last when the hub cannot be asked.

    Raises UsageError when the hub, or a clone that is its own hub, has no such branch. Takes the node's lock meanwhile.
    """
    node = ledger.node
    if not node.hub:
        commit = position.known(git, node, [name])[name]
        if commit is None:
            raise _no_branch(name, "this clone")
        return Base(name, commit, fresh=True, ref=f"refs/heads/{name}")
    seen = position.seen(node, name)
    # With `*`, a trunk that is gone there still lets the hub's HEAD be heard.
    more = "*" if name == node.trunk else ""
    refspec = f"+refs/heads/{name}{more}:{seen}{more}"
    try:
        with ledger.lock.held(LOCK_TIME):
            ledger.hear(Remote(git, node.hub).fetch(refspec, prune=bool(more)))
    except FleetError as error:
        if isinstance(error, HubError) and answers.NO_REF in error.output:
            raise _no_branch(name, f"the hub '{node.hub}'") from error
        return Base(name, position.known(git, node, [name])[name], fresh=False, error=error.message)
    if ledger.node.trunk != node.trunk:  # heard by the way; what was fetched is another branch's place now
        return fetch(git, ledger, name)
    commit = refs.read(git, seen).get(seen)
    if commit is None:
        raise _no_branch(name, f"the hub '{node.hub}'")
    return Base(name, commit, fresh=True, ref=seen)


def fetch_trunk(git: Git, ledger: Ledger) -> Base:
    """The same for the fleet's trunk: the branch that the hub's HEAD names now."""
    before = ledger.node.trunk
    try:
        base = fetch(git, ledger, before)
    except UsageError:
        if ledger.node.trunk == before:
            raise
    else:
        if ledger.node.trunk == before:
            return base
    name = ledger.node.trunk  # it has moved, and was fetched when that was heard
    return Base(name, position.known(git, ledger.node, [name])[name], fresh=True)


def tips(git: Git, node: Node) -> set[str]:
    """The commits of all branches of the hub, now; none when it cannot be asked, or is this clone."""
    if not node.hub:
        return set()
    try:
        return set(Remote(git, node.hub).look("refs/heads/*", timeout=_LOOK).values())
    except FleetError:
        return set()


def _no_branch(name: str, where: str) -> UsageError:
    return UsageError(
        f"There is no branch '{display(name)}' in {where}.",
        hint="Name the branch to follow: `--base main`.",
        base=name,
    )
