"""Bringing one commit into a worktree for good, and back if that fails.

`merge` and `rebase` change the worktree, and take back what they cannot end. Nothing is ever stashed: the stash is shared by
all worktrees. Leaves to `forecast` what would come of it, and to callers whether a worktree may be touched at all.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.processes import Completed
from gitfleet.git import refs, undoing
from gitfleet.git.git_worktrees import CHECKOUT_TIME, in_progress
from gitfleet.git.program import Git, redact
from gitfleet.git.quarantine import SETTINGS
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
_ALIKE = tuple(word for key, value in SETTINGS for word in ("-c", f"{key}={value}"))


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


def stand_in(here: Git, tree: str, *parent: str) -> str:
    """A commit of a tree that nobody keeps."""
    return os.fsdecode(here.run(*_NOBODY, "commit-tree", "-m", "", *parent, tree)).strip()


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
    settings say of the way to merge does not count: it would not bring in what was forecast.
    """
    how = ["--ff-only"] if forward_only else ["--ff", "--strategy=ort", "-m", message]
    before = _before(here, filtered)
    done = here.ask(
        *_QUIET, *_ALIKE, f"--config-env=branch.{branch}.mergeOptions=GITFLEET_NO_OPTIONS",
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
        *_QUIET, *_ALIKE, "-c", "rebase.updateRefs=false",
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
