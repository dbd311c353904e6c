"""Bringing one commit into a worktree: first in memory, then for good, and back if that fails.

`preview` merges without touching anything (git 2.38 and newer), so that a conflict leaves tree and index as they were, to
the byte. `merge` and `rebase` then change the worktree, and take back what they cannot end. Nothing is ever stashed: the
stash is shared by all worktrees. Leaves to callers whether a worktree may be touched at all.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.processes import Completed
from gitfleet.errors import Blocked
from gitfleet.git import refs, undoing
from gitfleet.git.git_worktrees import CHECKOUT_TIME, in_progress
from gitfleet.git.program import Git, failed, redact
from gitfleet.git.trees import EMPTY_TREE
from gitfleet.git.undoing import Kept, PathChange

# the author of commits that nobody keeps
_NOBODY = (
    "-c",
    "user.name=gitfleet",
    "-c",
    "user.email=nobody@gitfleet.invalid",
    "-c",
    "commit.gpgSign=false",
)
_QUIET = (
    "-c", "rerere.enabled=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "submodule.recurse=false",
)  # fmt: skip
_PLAIN = ("-c", "core.bare=true", "-c", "core.attributesFile=/dev/null", "-c", "merge.default=text")


class Preview(NamedTuple):
    """The outcome of a merge in memory: the tree (None: conflicts, or git is too old to tell) and the paths in conflict."""

    tree: str | None
    conflicts: tuple[str, ...] = ()
    known: bool = True


class MergeOutcome(NamedTuple):
    """How a change of the worktree ended: `done`; else what is in conflict, or git's words, with everything taken back.

    `stuck` means that it could not be taken back: an operation is still in progress there.
    """

    done: bool
    conflicts: tuple[str, ...] = ()
    words: str = ""
    stuck: bool = False


class _Before(NamedTuple):
    """A worktree before it was changed: its branch, the commit of that, and the whole index."""

    branch: str | None
    head: str | None
    entries: bytes | None
    kept: Kept


def preview(here: Git, ours: str, theirs: str) -> Preview:
    """Merge two commits in memory. Raises Blocked for unrelated histories, GitFailed when git cannot (a missing object)."""
    done = here.ask(
        "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs, timeout=600.0
    )
    if done.code not in {0, 1}:
        if done.code == 129:  # usage: older than 2.38
            return Preview(None, known=False)
        if b"unrelated histories" in done.stderr:
            raise Blocked(
                "it has no commit in common with what would be brought in; git merges no unrelated histories"
            )
        raise failed(done)
    tree, *names = os.fsdecode(done.stdout).split("\0")
    if done.code == 0:
        return Preview(tree)
    return Preview(None, tuple(dict.fromkeys(name for name in names if name)))


def plain_tree(common: Git, one: str, other: str) -> str | None:
    """The tree of the merge of two commits by the built-in rules alone; None for a conflict (or a git before 2.38).

    As in a bare repository, where no `.gitattributes` is read: a merge driver that keeps our side would make it look as if
    the other brought nothing.
    """
    done = Git(common.git_dir).ask(
        *_PLAIN, "merge-tree", "--write-tree", "--no-messages", one, other,
        timeout=300.0, env={"GIT_ATTR_NOSYSTEM": "1"},
    )  # fmt: skip
    tree = done.stdout.decode("ascii", "replace").strip()
    return tree if done.code == 0 and len(tree) == 40 else None


def preview_rebase(here: Git, head: str, onto: str) -> Preview:
    """Put the commits of `head` that `onto` does not have on top of it, in memory. Raises GitFailed. Two git processes for each."""
    tree = f"{onto}^{{tree}}"
    for commit, parents in _own(here, head, onto, "--cherry-pick", "--no-merges"):
        parent, picked = next(iter(parents), ""), commit
        if not parent:
            parent = stand_in(here, EMPTY_TREE)
            picked = stand_in(here, f"{commit}^{{tree}}", "-p", parent)
        found = preview(here, stand_in(here, tree, "-p", parent), picked)
        if found.tree is None:
            return found
        tree = found.tree
    return Preview(tree)


def stand_in(here: Git, tree: str, *parent: str) -> str:
    """A commit that nobody keeps: it gives a merge of two trees the base that it has to have."""
    return os.fsdecode(here.run(*_NOBODY, "commit-tree", "-m", "", *parent, tree)).strip()


def own_merge(here: Git, head: str, onto: str) -> str:
    """A merge among the commits of `head` that `onto` does not have, which holds more than git makes of its parents; "" for none.

    A rebase leaves merges out, and would drop that.
    """
    for commit, parents in _own(here, head, onto, "--min-parents=2"):
        try:
            made = preview(here, *parents) if len(parents) == 2 else Preview(None)
        except Blocked:  # of histories that have nothing in common, which git would not have merged by itself
            return commit
        if made.tree is None or made.tree != here.line("rev-parse", f"{commit}^{{tree}}"):
            return commit
    return ""


def _own(here: Git, head: str, onto: str, *which: str) -> list[tuple[str, list[str]]]:
    """Commits of `head` that `onto` does not have, the oldest first, each with its parents."""
    out = here.run(
        "rev-list", "--reverse", "--topo-order", "--parents", "--right-only", *which, f"{onto}...{head}", "--",
        timeout=600.0,
    )  # fmt: skip
    rows = [row.split(" ") for row in out.decode("ascii", "replace").splitlines()]
    return [(row[0], row[1:]) for row in rows]


def merge_base(here: Git, one: str, other: str) -> str:
    """A best common ancestor. Raises GitFailed when there is none."""
    return os.fsdecode(here.run("merge-base", one, other)).strip()


def changes(here: Git, old: str, new: str) -> list[PathChange]:
    """What a worktree at `old` has to change to get to `new`. Trees or commits; renames count under both names."""
    out = os.fsdecode(
        here.run("diff-tree", "-r", "-z", "--no-renames", "--raw", "--ignore-submodules=none", old, new)
    )
    fields = out.split("\0")
    if len(fields) % 2 == 0:  # one commit alone is named before its changes
        fields = fields[1:]
    return [
        PathChange(path, how[-1:], "160000" in how, how.split(" ")[3])
        for how, path in zip(fields[::2], fields[1::2], strict=False)
    ]


def merge(  # noqa: PLR0913 - each by name: what is merged, and what is put back where that fails
    here: Git,
    commit: str,
    moved: Sequence[PathChange],
    *,
    branch: str,
    message: str,
    forward_only: bool,
    filtered: Collection[str],
    env: Mapping[str, str | None],
) -> MergeOutcome:
    """Merge `commit` into `branch`, which is checked out. Hooks run as `here` says; git refuses where changes would be overwritten.

    `moved` is what that changes, where nothing else was in the way: those paths are put back if it fails, and `filtered` are
    those of them that git may not be able to write again. What the user's
    settings say of the way to merge does not count: another strategy would not bring in what `preview` said.
    """
    how = ["--ff-only"] if forward_only else ["--ff", "--strategy=ort", "-m", message]
    before = _before(here, filtered)
    done = here.ask(
        *_QUIET, f"--config-env=branch.{branch}.mergeOptions=GITFLEET_NO_OPTIONS",
        "merge", "--quiet", "--no-edit", "--no-autostash", "--no-squash", "--commit", "--no-overwrite-ignore", *how,
        "--end-of-options", commit,
        timeout=CHECKOUT_TIME, own_session=True, leaves=True,
        env={"GIT_MERGE_AUTOEDIT": "no", "GIT_EDITOR": ":", "GITFLEET_NO_OPTIONS": "", **env},
    )  # fmt: skip
    return _ended(here, done, "merge", before, moved)


def rebase(
    here: Git,
    commit: str,
    moved: Sequence[PathChange],
    *,
    filtered: Collection[str],
    env: Mapping[str, str | None],
) -> MergeOutcome:
    """Put the commits that `commit` does not have on top of it. The worktree has to be clean but for untracked files.

    `moved` is what a checkout of `commit` changes, where nothing else was in the way, `filtered` as for `merge`.
    """
    before = _before(here, filtered)
    done = here.ask(
        *_QUIET, "-c", "rebase.updateRefs=false",
        "rebase", "--quiet", "--merge", "--no-autostash", "--no-autosquash", "--no-fork-point", "--end-of-options", commit,
        timeout=CHECKOUT_TIME, own_session=True, env={"GIT_EDITOR": ":", "GIT_SEQUENCE_EDITOR": ":", **env},
    )  # fmt: skip
    return _ended(here, done, "rebase", before, moved)


def _ended(
    here: Git, done: Completed, what: str, before: _Before, moved: Sequence[PathChange]
) -> MergeOutcome:
    try:
        return MergeOutcome(done=True) if done.code == 0 else _take_back(here, done, what, before, moved)
    finally:
        before.kept.drop()


def _take_back(
    here: Git, done: Completed, what: str, before: _Before, moved: Sequence[PathChange]
) -> MergeOutcome:
    """Undo what git began, to the byte of the index; what it refused from the outset needs nothing."""
    head = _head(here)
    if in_progress(here.git_dir) is None and head[0] == before.branch and head[1] != before.head:
        return MergeOutcome(done=True)  # it was stopped in a hook, after all was done
    conflicts: tuple[str, ...] = ()
    if in_progress(here.git_dir) is not None:
        conflicts = _unmerged(here)
        here.quiet.ask(what, "--abort", timeout=CHECKOUT_TIME, own_session=True)
    if in_progress(here.git_dir) is not None:  # git cannot write the files of before: they were kept
        here.quiet.ask(what, "--quit")
    if before.branch and _head(here)[0] != before.branch:  # a rebase that could not move its branch leaves it
        name = before.branch.removeprefix("refs/heads/")
        away = ("checkout", "--quiet", "--no-overwrite-ignore", "--no-recurse-submodules")
        here.quiet.ask(*away, name, "--", timeout=CHECKOUT_TIME, own_session=True)
    if before.branch and _head(here)[0] != before.branch and refs.resolve(here, before.branch) == before.head:
        here.ask("symbolic-ref", "-m", f"{what}: taken back", "HEAD", before.branch)
    stuck = in_progress(here.git_dir) is not None or _head(here) != (before.branch, before.head)
    stuck = stuck or not undoing.put_back(here, before.entries, moved, before.kept)
    return MergeOutcome(done=False, conflicts=conflicts, words=_words(done), stuck=stuck)


def _before(here: Git, filtered: Collection[str]) -> _Before:
    return _Before(*_head(here), files.read(os.path.join(here.git_dir, "index")), Kept(here, filtered))


def _head(here: Git) -> tuple[str | None, str | None]:
    """The branch that is checked out (full ref; None: detached), and the commit of HEAD."""
    return here.line("symbolic-ref", "--quiet", "HEAD"), here.line("rev-parse", "--verify", "--quiet", "HEAD")


def _unmerged(here: Git) -> tuple[str, ...]:
    rows = os.fsdecode(here.ask("ls-files", "--unmerged", "-z").stdout).split("\0")
    return tuple(dict.fromkeys(row.partition("\t")[2] for row in rows if row))


def _words(done: Completed) -> str:
    """Git's own words, in one line, without its advice."""
    text = redact((done.stderr + b"\n" + done.stdout).decode("utf-8", "replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    return "; ".join(lines[:6]) or f"git ended with {done.code}"
