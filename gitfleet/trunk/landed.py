"""Whether the commits of a worktree are safe on the hub.

Judged from HEAD, never from a recorded branch, and only against what was asked of the hub just now. Four kinds of proof:
the base has the commit; a branch of the hub has it; the base has the same patches (it was rebased); the base has its whole
effect (it was squashed). Everything else is either not safe or not known, and both mean keep.

Merge drivers and other attributes are the repository's to define, and a driver that keeps our side would make any branch
look landed: merges here are plain ones (`forecast.plain_tree`).
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.git import forecast
from gitfleet.git.program import Git

SAFE = frozenset(["merged", "pushed", "rebased", "squashed"])
UNMERGED, UNKNOWN = "unmerged", "unknown"
_TIME = 300.0
_MOST = 2000  # commits of the base that are compared with a squashed branch


class Landed(NamedTuple):
    """`word` is `merged`, `pushed`, `rebased`, `squashed`, `unmerged` or `unknown`; `reason` says it to people.

    `exact`: the hub has these very commits; otherwise it has only what they do. `bare`: it has all but merges that bring nothing.
    """

    word: str
    reason: str
    commits: int = 0
    bare: bool = False

    @property
    def safe(self) -> bool:
        """Whether nothing of it would be missed on the hub."""
        return self.word in SAFE

    @property
    def exact(self) -> bool:
        """Whether the hub has the very commits."""
        return self.word in {"merged", "pushed"} and not self.bare


def judge(common: Git, head: str, base: str | None, name: str, tips: Collection[str] = ()) -> Landed:
    """Where the commits of `head` are. `base` is the commit of the branch `name` on the hub, and `tips` are the commits of
    all the hub's branches, as they were fetched or looked up just now; None: that failed. Costs up to a dozen git processes.
    """
    if base is None:
        return Landed(UNKNOWN, f"where {name}is on the hub is not known")
    if head == base:
        return Landed("merged", f"{name} is at the same commit")
    if head in tips:
        return Landed("pushed", "a branch of the hub is at its commit")
    return _by_history(common, head, base, name, tips)


def _by_history(common: Git, head: str, base: str, name: str, tips: Collection[str]) -> Landed:
    if not _whole(common):
        return Landed(UNKNOWN, "the history of this clone is shallow or grafted (`git fetch --unshallow`)")
    count = _count(common, head, base)
    if count is None:
        return Landed(UNKNOWN, "its history cannot be read")
    if count == 0:
        return Landed("merged", f"{name} has all its commits")
    if _reached(common, head, tips):
        return Landed("pushed", "a branch of the hub has its commits", count)
    lacking = _lacking(common, head, base, tips)
    if lacking == 0:
        words = "a branch of the hub has its commits, except for merges that change nothing"
        return Landed("pushed", words, count, bare=True)
    return _by_effect(common, head, base, name, count, lacking if lacking is not None else count)


def _by_effect(common: Git, head: str, base: str, name: str, count: int, lacking: int) -> Landed:
    if _attributes(common):
        words = f"{_commits(lacking)} not on the hub (info/attributes may hide more)"
        return Landed(UNMERGED, words, lacking)
    if forecast.plain_tree(common, base, head) == _tree(common, base):
        return Landed("squashed", f"{name} has all that its {_plural(count)} do{'es' * (count == 1)}", count)
    if _same_patches(common, head, base):
        return Landed("rebased", f"{name} has the same patches as its {_plural(count)}", count)
    if _squashed(common, head, base):
        return Landed(
            "squashed",
            f"{name} has a commit with all that its {_plural(count)} do{'es' * (count == 1)}",
            count,
        )
    return Landed(UNMERGED, f"{_commits(lacking)} not on the hub", lacking)


def _plural(count: int) -> str:
    return "commit" if count == 1 else f"{count} commits"


def _commits(count: int) -> str:
    return "1 commit is" if count == 1 else f"{count} commits are"


def _whole(common: Git) -> bool:
    """Whether histories here end where they began. A shallow one, or a graft, could make anything an ancestor."""
    if common.line("rev-parse", "--is-shallow-repository") != "false":
        return False
    return not files.read(os.path.join(common.git_dir, "info", "grafts"))


def _attributes(common: Git) -> bool:
    """Whether the clone's own attributes could change a merge: those are read in a bare repository, too."""
    return b"merge" in (files.read(os.path.join(common.git_dir, "info", "attributes")) or b"")


def _count(common: Git, head: str, base: str) -> int | None:
    out = common.line("rev-list", "--count", head, f"^{base}", "--")
    return int(out) if out is not None and out.isdecimal() else None


def _lacking(common: Git, head: str, base: str, tips: Collection[str]) -> int | None:
    """How many commits the hub does not have, merges aside that are just what git makes of their parents; None: not to be told.

    Such a merge brings nothing: what it merges is counted by itself.
    """
    data = "".join([f"{head}\n^{base}\n", *(f"^{tip}\n" for tip in _existing(common, tips))]).encode()
    done = common.ask("rev-list", "--parents", "--stdin", data=data, timeout=_TIME)
    if done.code:
        return None
    rows = [row.split(" ") for row in done.stdout.decode("ascii", "replace").splitlines()]
    return sum(not _plain(common, row) for row in rows)


def _reached(common: Git, head: str, tips: Collection[str]) -> bool:
    """Whether one of the commits that the hub's branches are at, as far as this clone has them, comes after `head`."""
    here = _existing(common, tips)
    if not here:
        return False
    data = "".join([f"{head}\n", *(f"^{tip}\n" for tip in here)]).encode()
    done = common.ask("rev-list", "--max-count=1", "--stdin", data=data, timeout=_TIME)
    return done.code == 0 and not done.stdout.strip()


def _existing(common: Git, oids: Collection[str]) -> list[str]:
    """Those that are commits of this clone. Nothing is fetched for the answer, and none of it is trusted to be an id."""
    asked = sorted({oid for oid in oids if len(oid) == 40 and not oid.strip("0123456789abcdef")})
    if not asked:
        return []
    data = "".join(f"{oid}\n" for oid in asked).encode()
    done = common.ask(
        "cat-file",
        "--batch-check=%(objectname) %(objecttype)",
        data=data,
        timeout=_TIME,
        env={"GIT_NO_LAZY_FETCH": "1"},
    )
    rows = [line.split(" ") for line in done.stdout.decode("ascii", "replace").splitlines()]
    return [row[0] for row in rows if row[1:] == ["commit"]] if done.code == 0 else []


def _tree(common: Git, commit: str) -> str | None:
    return common.line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{tree}}")


def _same_patches(common: Git, head: str, base: str) -> bool:
    """Whether the base has every patch of `head`, and its merges add nothing of their own."""
    done = common.ask("cherry", base, head, timeout=_TIME)
    rows = done.stdout.decode("ascii", "replace").splitlines()
    if done.code or not rows or any(not row.startswith("- ") for row in rows):
        return False
    merges = common.ask("rev-list", "--min-parents=2", "--parents", head, f"^{base}", "--", timeout=_TIME)
    return merges.code == 0 and all(
        _plain(common, row.split(" ")) for row in merges.stdout.decode("ascii", "replace").splitlines()
    )


def _plain(common: Git, commit: list[str]) -> bool:
    """Whether a merge (its id, then its parents) is just what git makes of its parents."""
    return len(commit) == 3 and forecast.plain_tree(common, commit[1], commit[2]) == _tree(common, commit[0])


def _squashed(common: Git, head: str, base: str) -> bool:
    """Whether one commit of the base, however old by now, makes the same change as all of `head` together.

    Patches are compared by git's patch id, which tells nothing of binary files in older git: those are left to the others.
    """
    start = common.line("merge-base", base, head)
    if not start:
        return False
    plumbing = ("--no-ext-diff", "--no-textconv", "--full-index", "-r")
    numbers = common.ask("diff-tree", "--numstat", *plumbing, start, head, timeout=_TIME)
    if (
        numbers.code
        or not numbers.stdout
        or any(row.startswith(b"-\t") for row in numbers.stdout.splitlines())
    ):
        return False
    ours = _patch_ids(common, common.ask("diff-tree", "-p", *plumbing, start, head, timeout=_TIME).stdout)
    commits = common.ask(
        "rev-list",
        "--first-parent",
        "--no-merges",
        f"--max-count={_MOST}",
        base,
        f"^{start}",
        "--",
        timeout=_TIME,
    ).stdout
    theirs = common.ask("diff-tree", "--stdin", "-p", *plumbing, data=commits, timeout=_TIME)
    return theirs.code == 0 and len(ours) == 1 and ours <= _patch_ids(common, theirs.stdout)


def _patch_ids(common: Git, patches: bytes) -> set[bytes]:
    done = common.ask("patch-id", "--stable", data=patches, timeout=_TIME)
    return {row.split()[0] for row in done.stdout.splitlines() if row} if done.code == 0 else set()
