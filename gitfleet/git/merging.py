"""Bringing one commit into a worktree: first in memory, then for good, and back if that fails.

`preview` merges without touching anything (git 2.38 and newer), so that a conflict leaves tree and index as they were, to
the byte. `merge` and `rebase` then change the worktree, and take back what they cannot end. Nothing is ever stashed: the
stash is shared by all worktrees. Leaves to callers whether a worktree may be touched at all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.processes import Completed
from gitfleet.git.program import Git, failed, redact
from gitfleet.git.worktrees import CHECKOUT_TIME, in_progress


class Preview(NamedTuple):
    """The outcome of a merge in memory: the tree (None: conflicts, or git is too old to tell) and the paths in conflict."""

    tree: str | None
    conflicts: tuple[str, ...] = ()
    known: bool = True


class Change(NamedTuple):
    """One path: `letter` is A, M, D or T; `gitlink` whether it is a submodule on either side."""

    path: str
    letter: str
    gitlink: bool


class Attempt(NamedTuple):
    """How a change of the worktree ended: `done`; else what is in conflict, or git's words, with everything taken back.

    `stuck` means that it could not be taken back: an operation is still in progress there.
    """

    done: bool
    conflicts: tuple[str, ...] = ()
    words: str = ""
    stuck: bool = False


def preview(here: Git, ours: str, theirs: str) -> Preview:
    """Merge two commits in memory. Raises GitFailed when git cannot (a missing object, unrelated histories)."""
    done = here.ask(
        "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs, timeout=600.0
    )
    if done.code not in {0, 1}:
        if done.code == 129:  # usage: older than 2.38
            return Preview(None, known=False)
        raise failed(done)
    tree, *names = os.fsdecode(done.stdout).split("\0")
    if done.code == 0:
        return Preview(tree)
    return Preview(None, tuple(dict.fromkeys(name for name in names if name)))


def merge_base(here: Git, one: str, other: str) -> str:
    """A best common ancestor. Raises GitFailed when there is none."""
    return os.fsdecode(here.run("merge-base", one, other)).strip()


def changes(here: Git, old: str, new: str) -> list[Change]:
    """What a worktree at `old` has to change to get to `new`. Trees or commits; renames count under both names."""
    out = os.fsdecode(
        here.run("diff-tree", "-r", "-z", "--no-renames", "--raw", "--ignore-submodules=none", old, new)
    )
    fields = out.split("\0")
    if len(fields) % 2 == 0:  # one commit alone is named before its changes
        fields = fields[1:]
    return [
        Change(path, how[-1:], "160000" in how) for how, path in zip(fields[::2], fields[1::2], strict=False)
    ]


def merge(
    here: Git, commit: str, *, message: str, forward_only: bool, env: Mapping[str, str | None]
) -> Attempt:
    """Merge `commit` into what is checked out. Hooks run as `here` says; git refuses where changes would be overwritten."""
    how = ["--ff-only"] if forward_only else ["--ff", "-m", message]
    index = _save_index(here.git_dir)
    done = here.ask(
        "-c", "rerere.enabled=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
        "merge", "--quiet", "--no-edit", "--no-autostash", "--no-squash", "--commit", "--no-overwrite-ignore", *how,
        "--end-of-options", commit,
        timeout=CHECKOUT_TIME, own_session=True, env={"GIT_MERGE_AUTOEDIT": "no", "GIT_EDITOR": ":", **env},
    )  # fmt: skip
    if done.code == 0:
        return Attempt(done=True)
    return _take_back(here, done, ["merge", "--abort"], index)


def rebase(here: Git, commit: str, *, env: Mapping[str, str | None]) -> Attempt:
    """Put the commits that `commit` does not have on top of it. The worktree has to be clean but for untracked files."""
    index = _save_index(here.git_dir)
    done = here.ask(
        "-c", "rerere.enabled=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "rebase.updateRefs=false",
        "rebase", "--quiet", "--merge", "--no-autostash", "--no-autosquash", "--no-fork-point", "--end-of-options", commit,
        timeout=CHECKOUT_TIME, own_session=True, env={"GIT_EDITOR": ":", "GIT_SEQUENCE_EDITOR": ":", **env},
    )  # fmt: skip
    if done.code == 0:
        return Attempt(done=True)
    return _take_back(here, done, ["rebase", "--abort"], index)


def _take_back(here: Git, done: Completed, abort: Sequence[str], index: bytes | None) -> Attempt:
    """Undo what git began, to the byte of the index; what it refused from the outset needs nothing."""
    if in_progress(here.git_dir) is None:
        return Attempt(done=False, words=_words(done))
    conflicts = _unmerged(here)
    undone = here.ask(*abort, timeout=CHECKOUT_TIME, own_session=True)
    if undone.code or in_progress(here.git_dir) is not None:
        return Attempt(done=False, conflicts=conflicts, words=_words(undone), stuck=True)
    if index is not None:
        files.replace(os.path.join(here.git_dir, "index"), index)
    return Attempt(done=False, conflicts=conflicts, words=_words(done))


def _save_index(git_dir: str) -> bytes | None:
    return files.read(os.path.join(git_dir, "index"))


def _unmerged(here: Git) -> tuple[str, ...]:
    rows = os.fsdecode(here.ask("ls-files", "--unmerged", "-z").stdout).split("\0")
    return tuple(dict.fromkeys(row.partition("\t")[2] for row in rows if row))


def _words(done: Completed) -> str:
    """Git's own words, in one line, without its advice."""
    text = redact((done.stderr + b"\n" + done.stdout).decode("utf-8", "replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    return "; ".join(lines[:6]) or f"git ended with {done.code}"
