"""Where a repository is: its git directories, its worktree, and whether gitfleet can work in it.

Everything is asked of git itself, once, since `.git` may be a file, a worktree's folder, or somewhere else.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from gitfleet.base import processes
from gitfleet.base.text import display
from gitfleet.errors import NoRepository, UnsupportedRepository
from gitfleet.git.program import Git, environment, redact

_QUESTIONS = (
    "--is-bare-repository",
    "--show-object-format",
    "--git-dir",
    "--git-common-dir",
    "--show-toplevel",
)


class Repository(NamedTuple):
    """One repository as seen from one place.

    `common_dir` is shared by all worktrees, `git_dir` belongs to this one, `worktree` is its top folder (None in
    a bare repository). All are absolute, as git spells them.
    """

    common_dir: str
    git_dir: str
    worktree: str | None

    @property
    def git(self) -> Git:
        """Git for what all worktrees share. Relative hub addresses count from the main worktree, as for git."""
        parent, name = os.path.split(self.common_dir)
        elsewhere = self.worktree if self.worktree and self.git_dir == self.common_dir else self.common_dir
        return Git(self.common_dir, cwd=parent if name == ".git" else elsewhere)

    @property
    def here(self) -> Git:
        """Git for this worktree: its HEAD, its index."""
        return Git(self.git_dir, cwd=self.worktree or self.common_dir)

    @property
    def tree(self) -> str:
        """The name of git's own folder for this worktree, which stays when the worktree is moved; MAIN for the main one."""
        return MAIN if self.git_dir == self.common_dir else os.path.basename(self.git_dir)


MAIN = "."
"""The `tree` of the main worktree."""


def discover(path: str = ".") -> Repository:
    """The repository that `path` lies in. Raises NoRepository, UnsupportedRepository. Costs one git process."""
    answer = _ask(path, _QUESTIONS)
    if answer.code and answer.stdout.startswith(b"true"):
        answer = _ask(path, _QUESTIONS[:-1])
    lines = os.fsdecode(answer.stdout).removesuffix("\n").split("\n")
    if answer.code and b"safe.directory" in answer.stderr:
        raise NoRepository(
            f"git does not trust the repository at {_absolute(path)}, which belongs to another user.",
            hint="Work there as that user; or, if you trust it: `git config --global --add safe.directory PATH`.",
            path=path,
        )
    if answer.code or len(lines) < 4:
        raise NoRepository(
            f"{_absolute(path)} is not in a git repository: {_words(answer)}",
            hint="Go into a clone of the repository, or pass `-C PATH`.",
            path=path,
        )
    if len(lines) > len(_QUESTIONS):
        words = "The path of this repository contains a line break; gitfleet cannot work there. Nothing was changed."
        raise UnsupportedRepository(words, hint="Rename the folder.", path=path, feature="line break")
    bare, object_format, git_dir, common_dir, *top = lines
    if object_format != "sha1":
        raise UnsupportedRepository(
            f"This repository keeps its objects as {display(object_format)}; gitfleet works with SHA-1 only, for now. "
            "Nothing was changed.",
            hint="Use gitfleet in a clone with SHA-1 objects.",
            path=path,
            feature=object_format,
        )
    return Repository(common_dir, git_dir, None if bare == "true" or not top else top[0])


def _ask(path: str, questions: tuple[str, ...]) -> processes.Completed:
    argv = ["git", "rev-parse", "--path-format=absolute", *questions]
    keep = {
        name: os.environ[name]
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")
        if name in os.environ
    }
    try:
        return processes.run(argv, cwd=path, env=environment(keep if path == "." else None))
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        if os.path.isdir(path) and isinstance(error, FileNotFoundError):
            raise NoRepository(
                "git was not found on PATH.", hint="Install git 2.36 or newer.", path=path
            ) from error
        return processes.Completed(tuple(argv), 128, b"", f"{error.strerror}".encode())


def _absolute(path: str) -> str:
    try:
        return display(os.path.abspath(path))
    except FileNotFoundError:  # the folder that we were started in has been deleted
        return "The current folder"


def _words(answer: processes.Completed) -> str:
    output = redact(answer.stderr.decode("utf-8", "replace")).strip()
    return output.splitlines()[0] if output else "git gave no reason"
