"""For whom a repository is: as git reads it and acts on it, and what is then opened, and looked at."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitfleet.base import files
from gitfleet.git import sharing
from gitfleet.git.program import Git as GitProgram
from gitfleet.git.sharing import Sharing
from tests.places import PLAIN, give, needs_users
from tests.workbench import ROOT, Git, run

VALUES = [
    "umask",
    "group",
    "all",
    "world",
    "everybody",
    "true",
    "false",
    "0",
    "1",
    "2",
    "0660",
    "0640",
    "0664",
]
UMASKS = [0o022, 0o077, 0o002, 0o027]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


Umask = Callable[[int], int]


@pytest.fixture
def umask() -> Iterator[Umask]:
    """Set the umask; it is put back."""
    before = os.umask(0o022)
    os.umask(before)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("mask", UMASKS, ids=oct)
@pytest.mark.parametrize("value", VALUES)
def test_shared_things_get_the_permissions_that_git_gives_its_own(
    tmp_path: Path, git: Git, umask: Umask, value: str, mask: int
) -> None:
    top = tmp_path / "repository"
    git(tmp_path, "init", "--quiet", "--bare", top)
    git(top, "config", "core.sharedRepository", value)
    umask(mask)
    blob = git(top, "hash-object", "-w", "--stdin", stdin="new\n")
    git(top, "update-ref", "refs/new/one", git(top, "commit-tree", git(top, "mktree"), "-m", "one"))
    state = Path(files.folder(str(top / "gitfleet")))
    assert sharing.share(GitProgram(str(top)), [str(state)]) == []
    files.replace(str(state / "file"), b"")
    files.replace(str(state / "program"), b"", program=True)
    below = Path(files.folder(str(state / "a/b")))
    assert mode(state) == mode(top / "refs/new")
    assert mode(below) & 0o777 == mode(top / "refs/new") & 0o777
    assert mode(state / "file") == mode(top / "refs/new/one")
    readers = mode(top / "objects" / blob[:2] / blob[2:]) & 0o444
    assert mode(state / "program") == readers | 0o300 | (readers & 0o444) >> 2


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("group\0", Sharing(0o660, said="group")),
        ("\0", Sharing(0o660, said="true")),
        ("0666\0", Sharing(0o666, exact=True, said="0666")),
        ("0066\0", Sharing()),  # git refuses to work with it
        ("nonsense\0", Sharing(0, said="nonsense")),
    ],
)
def test_setting_is_read_as_git_reads_it(said: str, wanted: Sharing) -> None:
    assert sharing.parse(said) == wanted


def test_share_mends_what_was_made_for_one_user_and_leaves_what_is_private(
    repository: Path, git: Git, umask: Umask
) -> None:
    umask(0o077)
    state = repository / "state"
    for name in ("lock", "outbox/new/one", "maintainer/last", "one.tmp"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text("")
    (state / "away").symlink_to(repository / "README.md")
    alone = repository / "hooks"
    (alone / "theirs").mkdir(parents=True)
    program = GitProgram(str(repository / ".git"))
    assert sharing.share(program, [str(state)], [str(alone)]) == []
    assert mode(state) == 0o700  # the repository is its user's only
    git(repository, "config", "core.sharedRepository", "group")
    told = sharing.lacking(sharing.read(program), [str(state)], [str(alone)])
    assert len(told) == 4
    assert f"{state} has mode 0700" in told[0]
    assert told[-1] == "and 3 paths more like it"
    assert mode(state) == 0o700
    before = mode(repository / "README.md")
    assert sharing.share(program, [str(state)], [str(alone), str(repository / "missing")]) == []
    assert mode(state) == mode(state / "outbox/new") == mode(alone) == 0o2770
    assert mode(state / "lock") == mode(state / "outbox/new/one") == 0o660
    assert mode(state / "maintainer") == mode(alone / "theirs") == 0o700
    assert mode(repository / "README.md") == before
    assert sharing.lacking(sharing.read(program), [str(state)], [str(alone)]) == []


_SHARE = """
import sys
from gitfleet.git import sharing
from gitfleet.git.program import Git
print("\\n".join(sharing.share(Git(sys.argv[1]), [sys.argv[2]])))
"""


@needs_users
def test_share_tells_what_belongs_to_another_user_and_stays_closed(repository: Path, git: Git) -> None:
    git(repository, "config", "core.sharedRepository", "group")
    state = repository / "state"
    (state / "outbox").mkdir(parents=True)
    give(state)
    argv: list[str | Path] = [*PLAIN, sys.executable, "-c", _SHARE, repository / ".git", state]
    told = run(argv, repository, env={"PYTHONPATH": str(ROOT)}).ok().stdout.splitlines()
    assert [line.partition(" has mode")[0] for line in told] == [str(state), str(state / "outbox")]
    assert mode(state) == 0o755


def test_marks_that_gates_leave_for_their_own_git_are_nothing_to_tell_of(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "--quiet", "top")
    git(tmp_path / "top", "config", "core.sharedRepository", "world")
    state = tmp_path / "top/.git/gitfleet"
    asked = Path(files.folder(str(state / "gates/asked")))
    program = GitProgram(str(tmp_path / "top/.git"))
    assert sharing.share(program, [str(state)]) == []
    (asked / "pre-commit.1").write_text("1 x\n")
    (asked / "pre-commit.1").chmod(0o600)
    assert sharing.lacking(sharing.read(program), [str(state)]) == []
    permits = Path(files.folder(str(state / "permits")))
    sharing.share(program, [str(state)])
    (permits / ".git").write_text("1\n")
    (permits / ".git").chmod(0o600)
    assert sharing.lacking(sharing.read(program), [str(state)]) == []
    asked.chmod(0o700)
    assert [str(asked) in words for words in sharing.lacking(sharing.read(program), [str(state)])] == [True]
