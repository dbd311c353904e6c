"""What tests of archives and cleanups do to worktrees: make them idle, make a mess in them, describe them exactly."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gitfleet.codec import replace
from gitfleet.git import git_worktrees
from gitfleet.git.program import Git as GitProgram
from gitfleet.worktrees import archive_store, cleanup, marker, notes
from gitfleet.worktrees.archive import Archive
from gitfleet.worktrees.cleanup import Cleaned
from gitfleet.worktrees.outcome import Outcome
from gitfleet.worktrees.removable import CleanupTerms
from gitfleet.worktrees.service import Selection
from tests.workbench import Git
from tests.worktrees.yard import EVERYTHING, Yard

DAY = 25 * 3600
_STAMP = re.compile(rb"(> )(\d+)( [+-]\d{4})")


def git_dir(git: Git, worktree: Path) -> Path:
    """The folder of git itself for a worktree."""
    return Path(git(worktree, "rev-parse", "--absolute-git-dir"))


def age(git: Git, worktree: Path, seconds: int = DAY) -> Path:
    """As if all that has happened in a worktree had happened so long ago; the worktree."""
    back = time.time_ns() - seconds * 1_000_000_000
    for path in [*everything(worktree), str(worktree)]:
        os.utime(path, ns=(back, back), follow_symlinks=False)
    folder = git_dir(git, worktree)
    log = folder / "logs/HEAD"
    log.write_bytes(_STAMP.sub(lambda m: m[1] + str(int(m[2]) - seconds).encode() + m[3], log.read_bytes()))
    managed = marker.read(str(folder))
    if managed is not None:
        marker.write(replace(managed, created_at=managed.created_at - seconds))
    assert not (folder / notes.UPKEEP).exists(), "age it before upkeep, not after"
    return worktree


def everything(worktree: Path) -> Iterator[str]:
    """The paths of all files and folders in a worktree."""
    for place, folders, names in os.walk(worktree):
        yield from (os.path.join(place, name) for name in [*folders, *names] if name != ".git")


def portrait(git: Git, worktree: Path) -> dict[str, Any]:
    """All that must be the same after a restore: kinds, permissions, bytes, and what git says of index and files."""
    tree = {}
    for path in everything(worktree):
        seen = os.lstat(path)
        content: Any = None
        if stat.S_ISREG(seen.st_mode):
            content = Path(path).read_bytes()
        elif stat.S_ISLNK(seen.st_mode):
            content = os.readlink(path)
        tree[os.path.relpath(path, worktree)] = (
            stat.S_IFMT(seen.st_mode),
            stat.S_IMODE(seen.st_mode),
            content,
        )
    return {
        "tree": dict(sorted(tree.items())),
        "status": git(worktree, "status", "--porcelain", "-z", "--ignored"),
        "staged": git(worktree, "diff", "--cached", "--binary"),
        "unstaged": git(worktree, "diff", "--binary"),
        "index": git(worktree, "ls-files", "--stage", "-v", "-z"),
        "head": git(worktree, "rev-parse", "HEAD"),
        "branch": git.ask(worktree, "symbolic-ref", "-q", "HEAD").stdout,
    }


def mess(git: Git, worktree: Path) -> None:
    """Everything that git and people do to files."""
    (worktree / ".gitattributes").write_text("*.crlf text eol=crlf\n*.up filter=upper\n", encoding="ascii")
    (worktree / ".gitignore").write_text("*.log\n.env\nbig/\nnode_modules/\n", encoding="ascii")
    for name in ("staged", "both", "gone", "unstaged", "mode", "assumed", "skipped", "became-link"):
        (worktree / name).write_text(f"{name}\n", encoding="ascii")
    (worktree / "dos.crlf").write_bytes(b"one\r\ntwo\r\n")
    (worktree / "shout.up").write_bytes(b"quiet\n")
    git(worktree, "add", "--all")
    git(worktree, "commit", "--quiet", "--no-verify", "-m", "the mess begins")
    (worktree / "staged").write_text("staged anew\n", encoding="ascii")
    (worktree / "both").write_text("both, staged\n", encoding="ascii")
    git(worktree, "add", "staged", "both")
    (worktree / "both").write_text("both, and then changed\n", encoding="ascii")
    (worktree / "unstaged").write_bytes(b"no newline, and a \0 byte")
    (worktree / "gone").unlink()
    (worktree / "became-link").unlink()
    (worktree / "became-link").symlink_to("../../nowhere at all")
    (worktree / "mode").chmod(0o755)
    (worktree / "dos.crlf").write_bytes(b"mixed\r\nline\nends\r")
    git(worktree, "update-index", "--assume-unchanged", "assumed")
    (worktree / "assumed").write_text("changed where git does not look\n", encoding="ascii")
    git(worktree, "update-index", "--skip-worktree", "skipped")
    (worktree / "skipped").unlink()
    (worktree / "intent").write_text("meant to be added\n", encoding="ascii")
    git(worktree, "add", "-N", "intent")
    _untracked(worktree)


def _untracked(worktree: Path) -> None:
    raw = os.fsencode(worktree)
    for name in (
        b"caf\xe9 \xff.txt",
        b"line\nbreak",
        b"-dash",
        b"quote\"'`$",
        b" blank ",
        "ünï".encode(),
        b"tab\there",
    ):
        with open(os.path.join(raw, name), "wb") as file:
            file.write(name)
    (worktree / "deep/er/est").mkdir(parents=True)
    (worktree / "deep/er/file").write_text("deep\n", encoding="ascii")
    (worktree / "empty/folder").mkdir(parents=True)
    (worktree / "private").write_text("s\n", encoding="ascii")
    (worktree / "private").chmod(0o600)
    (worktree / "readonly").mkdir()
    (worktree / "readonly/file").write_text("r\n", encoding="ascii")
    (worktree / "readonly/file").chmod(0o444)
    (worktree / "readonly").chmod(0o555)
    (worktree / "to-folder").symlink_to("deep")
    os.symlink(b"caf\xe9 \xff.txt", os.path.join(raw, b"link to \xff"))
    os.mkfifo(worktree / "pipe")
    (worktree / ".env").write_text("SECRET=1\n", encoding="ascii")
    (worktree / "some.log").write_text("logged\n", encoding="ascii")


def clean(yard: Yard, selection: Selection = EVERYTHING, *, base: str = "", **terms: Any) -> Cleaned:
    """What `worktree cleanup` does."""
    with yard.open() as fleet:
        return cleanup.clean(fleet.worktrees, selection, CleanupTerms(**terms), base=base)


def outcome(yard: Yard, session: str, **terms: Any) -> Outcome:
    """What `worktree cleanup` makes of one worktree."""
    (found,) = [item for item in clean(yard, **terms).outcomes if item.session == session]
    return found


def archives(yard: Yard) -> list[Archive]:
    """The archives of the clone, all of which can be read."""
    found = archive_store.everything(GitProgram(str(yard.top / ".git")))
    assert found.broken == []
    return found.archives


def listed(yard: Yard) -> list[str]:
    """The paths of the clone's worktrees, without the main one."""
    return [item.path for item in git_worktrees.listed(GitProgram(str(yard.top / ".git")))[1:]]


def push(yard: Yard, worktree: Path, branch: str = "main") -> None:
    """Bring a worktree's HEAD to a branch of the hub, as its session would."""
    head = yard.head(worktree)
    yard.git(yard.top, "push", "--quiet", "--no-verify", "--force", "origin", f"{head}:refs/heads/{branch}")
