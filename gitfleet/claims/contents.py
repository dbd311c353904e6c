"""Whether the work that retained claims stay with is in this worktree: then its session may have them.

Asked only where a request meets such a claim. Answers are kept, since many claims stay with the same branch.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from gitfleet.claims import keepers
from gitfleet.claims.keepers import Keeper
from gitfleet.git import forecast, merging, refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository


def built_upon(
    repository: Repository, node: str, kept: Mapping[str, Sequence[Mapping[str, str]]], *, by_effect: bool
) -> dict[str, tuple[str, ...]]:
    """Of retained claims (by id, the records of their keepers), those whose work is all in this worktree; the keepers' marks.

    A branch's work is here when HEAD contains it, which two git processes tell of all branches; or, with `by_effect`, when what
    is staged has all that it does (it was rebased, or a squash merge of it is being committed), which takes a merge for each. A
    worktree's work is in that worktree.
    """
    wanted = {
        claim: [keepers.parse(record) for record in records] for claim, records in kept.items() if records
    }
    heads = {one.head for each in wanted.values() for one in each if one.branch}
    here = HeldWork(repository, node, heads, by_effect=by_effect)
    return {
        claim: tuple(keepers.marks(each))
        for claim, each in wanted.items()
        if all(here.holds(one) for one in each)
    }


class HeldWork:
    """What one worktree of the clone `node` holds of the work that ends in `heads`."""

    def __init__(self, repository: Repository, node: str, heads: Collection[str], *, by_effect: bool) -> None:
        self._repository = repository
        self._git = repository.here
        self._node = node
        self._by_effect = by_effect
        self._present = _present(self._git, heads)
        self._known = dict.fromkeys(self._present - _beyond(self._git, self._present), True)

    def holds(self, keeper: Keeper) -> bool:
        """Whether all of a keeper's work is here. What cannot be told is no."""
        if not keeper.branch:
            return (keeper.node, keeper.tree) == (self._node, self._repository.tree)
        if keeper.head not in self._known:
            asked = self._by_effect and keeper.head in self._present and bool(self._tip)
            self._known[keeper.head] = asked and self._brings_nothing(keeper.head)
        return self._known[keeper.head]

    def _brings_nothing(self, head: str) -> bool:
        """Whether a merge of `head` into what is staged would change nothing: it was rebased, or is being squashed."""
        tree = refs.resolve(self._git, f"{self._tip}^{{tree}}")
        return tree is not None and forecast.plain_tree(self._git, self._tip, head) == tree

    @cached_property
    def _tip(self) -> str:
        """A commit of what is staged here, which nobody keeps if that differs from HEAD; "" where it cannot be told."""
        index = os.environ.get("GIT_INDEX_FILE")  # a hook's: git commits from that one
        env = {"GIT_INDEX_FILE": os.path.abspath(index)} if index else None
        head = refs.resolve(self._git, "HEAD")
        written = self._git.ask("write-tree", env=env)
        if head is None or written.code:
            return ""
        tree = written.stdout.decode("ascii", "replace").strip()
        same = refs.resolve(self._git, f"{head}^{{tree}}") == tree
        return head if same else merging.stand_in(self._git, tree, "-p", head)


def _present(git: Git, heads: Collection[str]) -> set[str]:
    """Those that are commits of this clone."""
    if not heads:
        return set()
    data = "".join(f"{head}\n" for head in sorted(heads)).encode()
    done = git.ask("cat-file", "--batch-check=%(objectname) %(objecttype)", data=data)
    rows = [line.split(" ") for line in done.stdout.decode("ascii", "replace").splitlines()]
    return {row[0] for row in rows if row[1:] == ["commit"]} if done.code == 0 else set()


def _beyond(git: Git, heads: Collection[str]) -> set[str]:
    """Those that HEAD does not contain; all where that cannot be told."""
    if not heads:
        return set()
    data = "".join([*(f"{head}\n" for head in sorted(heads)), "^HEAD\n"]).encode()
    done = git.ask("rev-list", "--stdin", data=data, timeout=300.0)
    return set(done.stdout.decode("ascii", "replace").split()) if done.code == 0 else set(heads)
