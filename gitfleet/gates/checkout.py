"""The files of one commit in a place for gates: exactly these, whatever ran there before.

A linked worktree of the clone, on no branch, so that submodules, filters and large files come as git has them come. It is made
once for each place, and then only what differs is written. What git believes of its files is not what the last gate left (that
may have written an index of its own): it is the index that we kept aside ourselves. In the end the tree is compared.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress

from gitfleet.base import files
from gitfleet.base.ids import ulid
from gitfleet.base.processes import Completed
from gitfleet.base.text import display, one_line
from gitfleet.codec import TEXT, field
from gitfleet.errors import Blocked, LocalStorage
from gitfleet.gates.slots import VARIABLE, Slot
from gitfleet.git import git_worktrees
from gitfleet.git.program import Git, redact
from gitfleet.git.repository import Repository

_TIME = 3600.0
# What a gate, or the user's settings for large repositories, would have git believe instead of looking.
_LOOK = {
    "core.fsmonitor": "false", "core.untrackedCache": "false", "core.trustctime": "true", "core.checkStat": "default",
    "core.sparseCheckout": "false", "core.ignoreStat": "false", "submodule.recurse": "false", "advice.detachedHead": "false",
}  # fmt: skip
_SETTINGS = [word for key, value in _LOOK.items() for word in ("-c", f"{key}={value}")]


class NoCheckout(Blocked):
    """The commit could not be laid out here: `why` in words. What was tested is not to blame for it."""

    why: str = field(TEXT, default="")


def lay_out(repository: Repository, slot: Slot, commit: str, tree: str) -> str:
    """Have exactly the files of `commit`, whose tree is `tree`, in the place; where they are. Raises NoCheckout.

    The place must be the caller's alone, with nothing running in it.
    """
    made = _Checkout(repository, slot)
    try:
        made.bring(commit)
        made.verify(tree)
    except (_Failed, OSError, LocalStorage) as first:
        try:
            made.start_anew()  # whatever the last gate did to it
            made.bring(commit)
            made.verify(tree)
        except (_Failed, OSError, LocalStorage) as error:
            why = str(error.strerror) if isinstance(error, OSError) else str(error)
            words = f"The files of {commit[:12]} could not be laid out in {made.path}: {why}"
            raise NoCheckout(
                words, hint="Check that there is room, and read what git says.", path=made.path, why=why
            ) from first
    made.keep_index()
    return made.path


def remove(repository: Repository, top: str) -> list[str]:
    """Take away every place below `top`; those that could not be."""
    left = []
    for name in files.names(top):
        folder = os.path.join(top, name)
        for inside in files.names(folder):
            path = os.path.join(folder, inside)
            if os.path.isdir(path):
                repository.git.ask("worktree", "remove", "--force", "--force", "--", path, timeout=_TIME)
        if not _delete(folder):
            left.append(folder)
    with suppress(OSError):
        os.rmdir(top)
    return left


class _Failed(Exception):
    pass


class _Checkout:
    def __init__(self, repository: Repository, slot: Slot) -> None:
        name = os.path.basename(repository.main or "").lstrip(".") or "repository"
        self._repository = repository
        self.path = os.path.join(slot.folder, name)
        self._kept = os.path.join(slot.folder, "index")
        self._env = {VARIABLE: slot.folder}

    def bring(self, commit: str) -> None:
        """Have the worktree at `commit`, with nothing else in it."""
        git_dir = self._git_dir() or self._make(commit)
        git = Git(git_dir, cwd=self.path, env=self._env)
        self._restore(git_dir)
        self._ask(
            git, "update-ref", "--no-deref", "HEAD", commit
        )  # it may be on a branch by now, which stays where it is
        self._ask(git, "reset", "--hard", "--quiet", "--no-recurse-submodules")
        self._ask(git, "clean", "-ffdxq")
        self._submodules(git)

    def verify(self, tree: str) -> None:
        """Raise _Failed unless all that is there is the files of `tree`."""
        git = Git(self._git_dir(), cwd=self.path, env=self._env)
        found = os.fsdecode(self._ask(git, "write-tree").stdout).strip()
        if found != tree:
            raise _Failed(f"it came to the tree {found[:12]} instead of {tree[:12]}")
        status = ("status", "--porcelain", "-z", "--untracked-files=all", "--ignored=traditional")
        rest = self._ask(git, *status, "--ignore-submodules=none").stdout
        if rest:
            first = os.fsdecode(rest.split(b"\0")[0])
            raise _Failed(f"it differs from the commit: {display(first)}")

    def start_anew(self) -> None:
        """Take the worktree away; what cannot be deleted is left aside."""
        git = self._repository.git
        git.ask("worktree", "remove", "--force", "--force", "--", self.path, timeout=_TIME)
        files.remove(self._kept)
        if os.path.lexists(self.path) and not _delete(self.path):
            with suppress(OSError):
                os.rename(self.path, f"{self.path}.{ulid()}.left")

    def keep_index(self) -> None:
        """Keep what git knows of the files that we had it write."""
        with suppress(OSError):
            shutil.copy2(os.path.join(self._git_dir(), "index"), f"{self._kept}.new")
            os.replace(f"{self._kept}.new", self._kept)

    def _git_dir(self) -> str:
        """Git's own folder for the worktree; "" where it has none, or the worktree is not as git left it."""
        if os.path.islink(self.path) or not os.path.isdir(self.path):
            return ""
        git_dir = git_worktrees.folders(self._repository.common_dir).get(os.path.realpath(self.path), "")
        link = os.path.join(self.path, ".git")
        if (
            not git_dir
            or os.path.islink(link)
            or not os.path.isfile(link)
            or git_worktrees.in_progress(git_dir)
        ):
            return ""
        said = files.read(link) or b""
        target = os.fsdecode(said).rstrip("\n").removeprefix("gitdir: ")
        real = os.path.realpath(os.path.join(self.path, target))
        return git_dir if real == os.path.realpath(git_dir) else ""

    def _make(self, commit: str) -> str:
        self.start_anew()
        git = Git(self._repository.git.git_dir, cwd=self._repository.git.cwd, env=self._env)
        self._ask(
            git, "worktree", "add", "--quiet", "--force", "--detach", "--no-checkout", "--", self.path, commit
        )
        made = self._git_dir()
        if not made:
            raise _Failed("git made no worktree there")
        return made

    def _restore(self, git_dir: str) -> None:
        """Take from git's folder what a gate, or a git that was killed, may have left there."""
        for name in ("index.lock", "HEAD.lock", "config.worktree", "index"):
            files.remove(os.path.join(git_dir, name))
        if os.path.isfile(self._kept):
            shutil.copy2(self._kept, os.path.join(git_dir, "index"))

    def _submodules(self, git: Git) -> None:
        """Those submodules that this clone uses, each anew from what is kept of it."""
        rows = os.fsdecode(self._ask(git, "ls-files", "--stage", "-z").stdout).split("\0")
        paths = [row.partition("\t")[2] for row in rows if row.startswith("160000 ")]
        if not paths or not os.path.isfile(os.path.join(self.path, ".gitmodules")):
            return
        for path in paths:
            inside = os.path.join(self.path, path)
            if os.path.isdir(inside) and os.listdir(inside):
                _delete(inside)
                files.folder(inside)
        there = {**self._env, "GIT_DIR": git.git_dir, "GIT_WORK_TREE": self.path}
        self._ask(
            Git(git.git_dir, cwd=self.path, env=there),
            "submodule",
            "--quiet",
            "update",
            "--force",
            "--recursive",
        )

    def _ask(self, git: Git, *arguments: str) -> Completed:
        done = git.ask(*_SETTINGS, *arguments, timeout=_TIME, own_session=True)
        if done.code:
            said = redact(done.stderr.decode("utf-8", "replace")).strip()
            lines = [
                line for line in said.splitlines() if line.startswith(("fatal:", "error:"))
            ] or said.splitlines()
            raise _Failed(one_line(lines[0], 250) if lines else f"git {arguments[0]} ended with {done.code}")
        return done


def _delete(path: str) -> bool:
    """Delete a folder with all in it, also where a gate took our permission away; whether it is gone."""

    def permit(function: object, name: str, error: object) -> None:
        del function, error
        with suppress(OSError):
            os.chmod(os.path.dirname(name), stat.S_IRWXU)
            os.chmod(name, stat.S_IRWXU, follow_symlinks=False) if os.path.isdir(name) else None

    with suppress(OSError):
        shutil.rmtree(path, onerror=permit)
    if os.path.lexists(path):
        shutil.rmtree(path, ignore_errors=True)
    return not os.path.lexists(path)
