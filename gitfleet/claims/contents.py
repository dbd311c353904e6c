"""Whether the work that retained claims stay with is in this worktree: then its session may have them.

Asked only where a request meets such a claim. Answers are kept, since many claims stay with the same branch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property

from gitfleet.claims import keepers
from gitfleet.claims.keepers import Keeper
from gitfleet.git import merging, refs
from gitfleet.git.repository import Repository


def built_upon(
    repository: Repository, node: str, kept: Mapping[str, Sequence[Mapping[str, str]]]
) -> dict[str, list[str]]:
    """Of retained claims (by id, the records of their keepers), those whose work is all in this worktree; the keepers' marks.

    A branch's work is here when HEAD contains it, or what is staged has all that it does (it was rebased, or a squash merge of
    it is being committed); a worktree's in that worktree.
    """
    here = Contents(repository, node)
    wanted = {
        claim: [keepers.parse(record) for record in records] for claim, records in kept.items() if records
    }
    return {
        claim: keepers.marks(each) for claim, each in wanted.items() if all(here.holds(one) for one in each)
    }


class Contents:
    """What one worktree of the clone `node` holds."""

    def __init__(self, repository: Repository, node: str) -> None:
        self._repository = repository
        self._git = repository.here
        self._node = node
        self._known: dict[str, bool] = {}

    def holds(self, keeper: Keeper) -> bool:
        """Whether all of a keeper's work is here. What cannot be told is no."""
        if not keeper.branch:
            return (keeper.node, keeper.tree) == (self._node, self._repository.tree)
        if keeper.head not in self._known:
            self._known[keeper.head] = self._has(keeper.head)
        return self._known[keeper.head]

    def _has(self, head: str) -> bool:
        if self._git.ask("merge-base", "--is-ancestor", head, "HEAD").code == 0:
            return True
        return (
            bool(self._tip) and self._git.ask("cat-file", "-e", head).code == 0 and self._brings_nothing(head)
        )

    def _brings_nothing(self, head: str) -> bool:
        """Whether a merge of `head` into what is staged would change nothing: it was rebased, or is being squashed."""
        tree = refs.resolve(self._git, f"{self._tip}^{{tree}}")
        return tree is not None and merging.plain_tree(self._git, self._tip, head) == tree

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
