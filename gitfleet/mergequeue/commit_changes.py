"""What commits of branches and of their target have changed, read once for many branches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gitfleet.git.program import Git

ABSENT = "000000 " + "0" * 40
"""What stands for a path that is not there."""
_TIME = 300.0
_RECENT = 200
"""So many commits of the target before a branch began are looked at."""
_MOST = 200_000
"""So many changes are kept."""
_RAW = ("-r", "--raw", "-z", "--no-renames", "--no-abbrev", "--root")

Changes = dict[str, tuple[str, str]]
"""By path, its blob with the mode before and after."""


class OwnCommit(NamedTuple):
    """A commit of a branch's own."""

    oid: str
    parents: tuple[str, ...]


class Past:
    """The commits of branches, and what commits change. Not for two threads at once.

    Answers for one branch cost a git process or two; for branches that were named ahead (`read`), none. Raises GitFailed.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._target = ""
        self._heads: dict[str, None] = {}
        self._commits: dict[str, tuple[str, ...]] = {}
        self._changes: dict[str, Changes] = {}
        self._before: dict[str, Sequence[str]] = {}

    def read(self, target: str, heads: Iterable[str]) -> None:
        """Read what `own` and `changes` are asked of branches upon a commit of the target. Two git processes for all."""
        if self._find(target, heads):
            self.changes([oid for oid, parents in self._commits.items() if len(parents) < 2])

    def own(self, target: str, head: str, below: Sequence[str] = ()) -> list[OwnCommit]:
        """The commits of a branch that neither the target nor those below it have, the newest first."""
        self._find(target, [head, *below])
        own = self._reachable([head]) - self._reachable(below)
        return [OwnCommit(oid, parents) for oid, parents in self._commits.items() if oid in own]

    def begun(self, target: str, own: Sequence[OwnCommit], below: Sequence[str] = ()) -> str:
        """The commit of the target that a branch with these commits was begun on; "" where there is none."""
        first = next((one for one in reversed(own) if len(one.parents) < 2), None)
        if first is None:
            return ""
        if not below and first.parents and first.parents[0] not in {one.oid for one in own}:
            return first.parents[0]  # what is not the branch's own is the target's
        return self._git.line("merge-base", target, first.oid) or ""

    def before(self, commit: str) -> Sequence[str]:
        """The newest commits of the target up to that one."""
        if commit not in self._before:
            recent = ("rev-list", "--first-parent", f"--max-count={_RECENT}", commit, "--")
            self._before[commit] = self._git.run(*recent, timeout=_TIME).decode("ascii").split()
        return self._before[commit]

    def changes(self, commits: Sequence[str]) -> dict[str, Changes]:
        """What each commit changes against its first parent."""
        fresh = [commit for commit in commits if commit not in self._changes]
        if fresh:
            if sum(map(len, self._changes.values())) > _MOST:
                self._changes, fresh = {}, list(commits)
            self._changes |= {**{commit: {} for commit in fresh}, **dict(_changes(self._git, fresh))}
        return {commit: self._changes[commit] for commit in commits}

    def _find(self, target: str, heads: Iterable[str]) -> bool:
        """Have the commits of branches be known; whether any were not."""
        if target != self._target:
            self._target, self._heads, self._commits = target, {}, {}
        fresh = dict.fromkeys(head for head in heads if head not in self._heads)
        if not fresh:
            return False
        wanted = {**self._heads, **fresh}  # all anew, so that they stand in one order
        data = "".join(f"{head}\n" for head in [*wanted, f"^{target}"]).encode()
        out = self._git.run(
            "rev-list", "--topo-order", "--parents", "--stdin", data=data, timeout=_TIME
        ).decode("ascii")
        rows = [row.split(" ") for row in out.splitlines()]
        self._heads, self._commits = wanted, {oid: tuple(parents) for oid, *parents in rows}
        return True

    def _reachable(self, heads: Iterable[str]) -> set[str]:
        found: set[str] = set()
        todo = [head for head in heads if head in self._commits]
        while todo:
            one = todo.pop()
            if one not in found:
                found.add(one)
                todo += [parent for parent in self._commits[one] if parent in self._commits]
        return found


def _changes(git: Git, commits: Sequence[str]) -> Iterator[tuple[str, Changes]]:
    """What each commit changes, but for those that change nothing."""
    data = "".join(f"{commit}\n" for commit in commits).encode()
    out = git.run("diff-tree", "--stdin", "-m", "--first-parent", *_RAW, data=data, timeout=_TIME)
    commit, changes = "", Changes()
    fields = iter(os.fsdecode(out).split("\0"))
    for field in fields:
        if field[:1] == ":":
            old_mode, new_mode, old, new, _ = field[1:].split(" ")
            changes[next(fields)] = (f"{old_mode} {old}", f"{new_mode} {new}")
        elif field:
            if commit:
                yield commit, changes
            commit, changes = field.split(" ")[0].strip(), {}
    if commit:
        yield commit, changes
