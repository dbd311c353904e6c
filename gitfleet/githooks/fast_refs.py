"""The quick way to yes where a branch is about to move: nothing new comes with it, or only what this session claims.

Moves back, branches off what is there, and what a fetch has brought are known commits. New is what no branch, no
remote's branch and no tag leads to; a detached HEAD does not count, for a rebase ends by moving its branch there.
Standard library only; whatever is unclear goes to `ref_gate`.
"""

from __future__ import annotations

import os
import sys

from gitfleet.base.ids import is_oid
from gitfleet.git.fleetrefs import seen_base, seen_trunk
from gitfleet.githooks import coverage
from gitfleet.githooks.acting_session import session_here
from gitfleet.githooks.catfile import PIPE, Unexpected, ask
from gitfleet.githooks.gitdirs import here
from gitfleet.githooks.handover import hand_over

BRANCHES = b"refs/heads/"
_OF_STGIT = b".stgit"  # until its version 1, StGit keeps its own records of a branch in one of that name
KNOWN = (
    f"--exclude=*{_OF_STGIT.decode()}",
    "--branches",
    "--remotes",
    "--tags",
    f"--glob={seen_trunk('*')}",
    f"--glob={seen_base('*', '*')}",
)
_DIFF = ("diff-tree", "--stdin", "--root", "-r", "-c", "--no-commit-id", "--name-only", "--no-renames", "-z")


def main(git: str) -> int:
    """Answer for branches that are about to move, as standard input tells; `git` is the process that moves them."""
    lines = sys.stdin.buffer.read()
    try:
        leave_git_dir()
        if quick(lines):
            return 0
    except Exception:  # noqa: BLE001, S110 - a doubt of whatever kind is for the full gate, which names it
        pass
    return hand_over(["reference-transaction", git, *tips(lines)], heard=lines)


def tips(lines: bytes) -> list[str]:
    """Where branches are to stand after the updates that git gives to the hook (`<old> <new> <ref>`).

    Deletions are left out, and StGit's records: they are nobody's work, and lead to no commit that counts as known.
    """
    rows = [line.split(b" ", 2) for line in lines.split(b"\n") if line]
    new = {row[1].decode("ascii", "replace") for row in rows if len(row) == 3 and _is_branch(row[2])}
    return sorted(oid for oid in new if oid.strip("0"))


def moved(lines: bytes) -> dict[str, str]:
    """The refs that move, each with where it is to be."""
    rows = [line.decode("utf-8", "replace").split(" ", 2) for line in lines.split(b"\n")]
    return {row[2]: row[1] for row in rows if len(row) == 3}


def _is_branch(ref: bytes) -> bool:
    return ref.startswith(BRANCHES) and not ref.endswith(_OF_STGIT)


def brought(git_dir: str, common_dir: str) -> list[str]:
    """Commits that were not made here: what was fetched last, and what was here before the clone joined its fleet."""
    found = []
    for path in (f"{git_dir}/FETCH_HEAD", f"{common_dir}/gitfleet/begun"):
        try:
            with open(path, "rb") as file:
                found += [line[:40].decode("ascii", "replace") for line in file.read().split(b"\n")]
        except OSError:
            continue
    return [oid for oid in found if is_oid(oid)]


def leave_git_dir() -> None:
    """Go to the worktree, where git was started within its git dir: there, hooks are run in that."""
    if os.environ.get("GIT_DIR", ".") != "." or os.path.lexists(".git") or not os.path.isfile("HEAD"):
        return
    if os.path.isfile("gitdir"):
        with open("gitdir", "rb") as file:
            os.chdir(os.path.dirname(os.fsdecode(file.read()).rstrip("\n")))
    elif os.path.basename(os.getcwd()) == ".git":
        os.chdir("..")
    elif os.path.isfile("gitfleet-main"):  # a git directory that lies somewhere else (see `git.repository`)
        with open("gitfleet-main", "rb") as file:
            os.chdir(os.fsdecode(file.read()).rstrip("\n"))
    else:
        return
    os.environ.pop("GIT_DIR", None)


def quick(lines: bytes) -> bool:
    """Whether these moves are certainly allowed. Raises where anything is not as expected."""
    wanted = tips(lines)
    if not wanted:
        return True
    git_dir, common_dir = here()
    if coverage.for_the_queue(common_dir, moved(lines), hub=False):
        return False
    new = _new(wanted, brought(git_dir, common_dir))
    if not new:
        return True
    session = session_here(git_dir, common_dir)
    return coverage.covered(git_dir, common_dir, session, lambda: _paths(new)) is not None


def _new(wanted: list[str], known: list[str]) -> bytes:
    """The commits to which nothing leads yet, one a line."""
    asked = [*wanted, *(f"^{oid}" for oid in known)]
    return ask("rev-list", "--stdin", "--not", *KNOWN, feed="\n".join(asked).encode() + b"\n")


def _paths(commits: bytes) -> list[bytes]:
    if len(commits) > PIPE:  # git answers one after the other
        raise Unexpected
    return [path for path in ask(*_DIFF, "--", feed=commits).split(b"\0") if path]
