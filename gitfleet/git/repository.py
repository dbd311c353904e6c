"""Where a repository is: its git directories, its worktree, and whether gitfleet can work in it.

Everything is asked of git itself, once, since `.git` may be anywhere; but for clones of the usual form (`clones`).
"""

from __future__ import annotations

import os
from functools import cache

from gitfleet.base import advice, files, processes
from gitfleet.base.text import display
from gitfleet.codec import Struct
from gitfleet.errors import NoRepository, UnsupportedRepository
from gitfleet.git import clones
from gitfleet.git.program import Git, environment, redact

NOTE_OF_MAIN = "gitfleet-main"
_QUESTIONS = (
    "--is-bare-repository", "--show-object-format", "--git-dir", "--git-common-dir", "--show-toplevel",
)  # fmt: skip


class Repository(Struct):
    """One repository as seen from one place.

    `common_dir` is shared by all worktrees, `git_dir` belongs to this one, `worktree` is its top folder (None in
    a bare repository). All are absolute, as git spells them.
    """

    common_dir: str
    git_dir: str
    worktree: str | None

    @property
    def main(self) -> str | None:
        """The top of the main worktree; None where there is none, or it cannot be told from here."""
        here = self.worktree if self.git_dir == self.common_dir else None
        return here or main_worktree(self.common_dir)

    @property
    def git(self) -> Git:
        """Git for what all worktrees share. Relative hub addresses count from the main worktree, as for git."""
        return Git(self.common_dir, cwd=self.main or self.common_dir)

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


@cache
def main_worktree(common_dir: str) -> str | None:
    """The top of the main worktree of the repository at `common_dir`; None where there is none, or it cannot be told.

    Beside `.git`, or where the configuration says (`core.worktree`, as in submodules), or where it was noted to be: of a git
    directory that lies somewhere else git itself knows no way back. No git process for the first of them, one for the others.
    """
    parent, name = os.path.split(common_dir)
    if name == ".git":
        return parent
    said = Git(common_dir).line(
        "config", "--file", os.path.join(common_dir, "config"), "--type=path", "core.worktree"
    )
    if said:
        place = os.path.realpath(os.path.join(common_dir, said))
        return place if os.path.isdir(place) else None
    noted = os.fsdecode(files.read(os.path.join(common_dir, NOTE_OF_MAIN)) or b"").rstrip("\n")
    return noted if noted and _leads_to(noted, common_dir) else None


def note_main(repository: Repository) -> None:
    """Note where the main worktree is, if this is it and its git directory is somewhere else."""
    if repository.git_dir != repository.common_dir or repository.worktree is None:
        return
    line = os.fsencode(repository.worktree) + b"\n"
    path = os.path.join(repository.common_dir, NOTE_OF_MAIN)
    if os.path.basename(repository.common_dir) != ".git" and files.read(path) != line:
        files.replace(path, line)
        main_worktree.cache_clear()


def _leads_to(worktree: str, common_dir: str) -> bool:
    """Whether the `.git` of a folder still is, or names, this very git directory."""
    link = os.path.join(worktree, ".git")
    target = link
    if os.path.isfile(link):
        said = os.fsdecode(files.read(link) or b"").removeprefix("gitdir: ").rstrip("\n")
        target = os.path.join(worktree, said)
    return os.path.realpath(target) == os.path.realpath(common_dir)


def discover(path: str = ".", *, named: bool = False) -> Repository:
    """The repository that `path` lies in. Raises NoRepository, UnsupportedRepository. Costs one git process at most.

    With `named` the caller means that very folder where it is a git directory: git then asks for no more trust in a bare
    repository (`safe.bareRepository=explicit`) than where it is named on its own command line.
    """
    if usual := clones.find(path):
        return Repository(*usual)
    answer = _ask(path, _QUESTIONS, named=named)
    if answer.code and answer.stdout.startswith(b"true"):
        answer = _ask(path, _QUESTIONS[:-1], named=named)
    lines = os.fsdecode(answer.stdout).removesuffix("\n").split("\n")
    if answer.code or len(lines) < 4:
        raise _no_repository(path, answer, lines)
    if len(lines) > len(_QUESTIONS):
        words = "The path of this repository contains a line break; gitfleet cannot work there."
        raise UnsupportedRepository(words, hint="Rename the folder.", path=path, feature="line break")
    bare, object_format, git_dir, common_dir, *top = lines
    if object_format != "sha1":
        raise UnsupportedRepository(
            f"This repository keeps its objects as {display(object_format)}; gitfleet works with SHA-1 only, for now.",
            hint="Use gitfleet in a clone with SHA-1 objects.",
            path=path,
            feature=object_format,
        )
    return Repository(common_dir, git_dir, None if bare == "true" or not top else top[0])


def _no_repository(path: str, answer: processes.Completed, lines: list[str]) -> NoRepository:
    place = _absolute(path)
    if b"safe.directory" in answer.stderr:
        words = f"git does not trust the repository at {place}, which belongs to another user."
        hint = (
            "Work there as that user; or, if you trust it: `git config --global --add safe.directory PATH`."
        )
    elif b"safe.bareRepository" in answer.stderr:
        words = (
            f"git uses no bare repository that is not named to it, and {place} is one (safe.bareRepository)."
        )
        hint = f"Go into a clone of it; for the hub's own hook: {advice.HUB_HOOK.of('PATH')}."
    elif len(lines) == len(_QUESTIONS) - 1:  # git answers all but where the worktree is
        words = f"{place} is inside a git directory, not in a worktree."
        hint = "Go into the worktree, or pass `-C PATH`."
    else:
        words = f"{place} is not in a git repository: {_words(answer)}"
        hint = "Go into a clone of the repository, or pass `-C PATH`."
    return NoRepository(words, hint=hint, path=path)


def _ask(path: str, questions: tuple[str, ...], *, named: bool) -> processes.Completed:
    itself = ["--git-dir=."] if named and _is_git_dir(path) else []
    argv = ["git", *itself, "rev-parse", "--path-format=absolute", *questions]
    named_here = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")
    keep = {name: os.environ[name] for name in named_here if name in os.environ}
    try:
        return processes.run(argv, cwd=path, env=environment(keep if path == "." else None))
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        if os.path.isdir(path) and isinstance(error, FileNotFoundError):
            raise NoRepository(
                "git was not found on PATH.", hint="Install git 2.36 or newer.", path=path
            ) from error
        return processes.Completed(tuple(argv), 128, b"", f"{error.strerror}".encode())


def _is_git_dir(path: str) -> bool:
    """Whether git would take the folder itself for a git directory, and not look for one in it or above."""
    folders = all(os.path.isdir(os.path.join(path, name)) for name in ("objects", "refs"))
    return folders and os.path.isfile(os.path.join(path, "HEAD"))


def _absolute(path: str) -> str:
    try:
        return display(os.path.abspath(path))
    except FileNotFoundError:  # the folder that we were started in has been deleted
        return "The current folder"


def _words(answer: processes.Completed) -> str:
    output = redact(answer.stderr.decode("utf-8", "replace")).strip()
    return output.splitlines()[0] if output else "git gave no reason"
