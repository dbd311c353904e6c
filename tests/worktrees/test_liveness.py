"""Who is at work in a worktree: by working directory, open files, registration, and the lock files of agents."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import callers, identity
from gitfleet.base.names import SessionId
from gitfleet.sessions.local import Here
from gitfleet.worktrees import liveness
from gitfleet.worktrees.liveness import User, users
from tests.workbench import shown

AtWork = Callable[[Path], "subprocess.Popen[bytes]"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
NOBODY = 2**22 + 1  # above the largest pid that Linux gives


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / "trees" / "one"
    (path / "src").mkdir(parents=True)
    return path


@pytest.fixture
def dead() -> int:
    """The pid of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def found(tree: Path) -> list[User]:
    return users([str(tree)])[str(tree)]


def test_process_that_works_below_the_top_is_found_with_its_name(tree: Path, at_work: AtWork) -> None:
    process = at_work(tree / "src")
    assert found(tree) == [User("cwd", str(tree / "src"), process.pid, "sleep")]
    assert str(found(tree)[0]) == f"process {process.pid} (sleep) works there"


def test_process_that_has_a_file_open_is_found(tree: Path, tmp_path: Path) -> None:
    """W15: a process without a lock file did not count."""
    log = tree / "src/build.log"
    with log.open("wb") as file, subprocess.Popen(["sleep", "60"], stdout=file, cwd=tmp_path) as process:
        mine = [user for user in found(tree) if user.pid == shown(process).pid]
        assert mine == [User("open file", str(log), process.pid, "sleep")]
        log.unlink()
        assert [user.what for user in found(tree) if user.pid == process.pid] == [str(log)]
        process.kill()


def test_program_that_lies_in_the_tree_is_found_wherever_it_works(tree: Path, tmp_path: Path) -> None:
    program = tree / "runner"
    program.write_bytes(Path("/bin/sleep").resolve().read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([program, "60"], cwd=tmp_path) as process:
        process_users = [user for user in found(tree) if user.pid == process.pid]
        assert [user.how for user in process_users] == ["program"]
        process.kill()


def test_process_counts_for_the_innermost_tree_and_never_for_a_like_named_one(
    tree: Path, at_work: AtWork
) -> None:
    inner, like = tree / ".worktrees/inner", tree.parent / "one-more"
    inner.mkdir(parents=True)
    like.mkdir()
    process = at_work(inner)
    there = users([str(tree), str(inner), str(like)])
    assert [user.pid for user in there[str(inner)]] == [process.pid]
    assert there[str(tree)] == there[str(like)] == []


def test_tree_behind_a_symbolic_link_is_looked_at_where_it_lies(
    tree: Path, tmp_path: Path, at_work: AtWork
) -> None:
    (tmp_path / "link").symlink_to(tree.parent)
    process = at_work(tree)
    path = str(tmp_path / "link" / "one")
    assert [user.pid for user in users([path])[path]] == [process.pid]


def test_process_that_has_another_name_for_the_tree_is_found(tree: Path, tmp_path: Path) -> None:
    """As in a container, into which the clone is mounted elsewhere."""
    inside = tmp_path / "inside"
    inside.mkdir()
    script = f'mount --bind "{tree}" "{inside}" && cd "{inside}/src" && echo there && exec sleep 60'
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    if not shutil.which("unshare"):
        pytest.skip("needs unshare")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        if process.stdout.readline() != b"there\n":
            pytest.skip("may make no mounts of its own here")
        assert [(user.pid, user.how) for user in found(tree)] == [(process.pid, "cwd")]
        process.kill()


def test_own_family_is_passed_over_only_where_the_caller_says_so(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    assert [user.pid for user in found(tree)] == [os.getpid()]
    assert users([str(tree)], without=callers.family())[str(tree)] == []
    assert {os.getpid(), os.getppid()} <= callers.family()


def test_session_counts_while_its_process_lives_or_cannot_be_told(
    tree: Path, at_work: AtWork, tmp_path: Path
) -> None:
    process = at_work(tmp_path)
    alive = Here(SessionId("a"), str(tree), person=False, process=identity.identify(process.pid))
    unknown = Here(SessionId("u"), str(tree), person=False, process=None)
    elsewhere = Here(SessionId("e"), str(tmp_path), person=False, process=None)
    there = users([str(tree)], sessions=[alive, unknown, elsewhere])[str(tree)]
    assert [(user.how, user.what) for user in there] == [("session", "a"), ("session", "u")]
    process.kill()
    process.wait()
    assert [user.what for user in users([str(tree)], sessions=[alive])[str(tree)]] == []


@pytest.mark.parametrize("name", liveness.LOCK_FILES)
@pytest.mark.parametrize("form", ["json", "json-ppid", "lines", "number"])
def test_lock_file_of_an_agent_counts_while_its_process_lives(
    tree: Path, tmp_path: Path, at_work: AtWork, dead: int, name: str, form: str
) -> None:
    """W16, W30, W40: a stale lock stopped all upkeep, and some locks were unknown."""
    process = at_work(tmp_path)

    def write(pid: int) -> None:
        texts = {
            "json": json.dumps({"pid": pid, "started_at": "x", "cwd": "/"}),
            "json-ppid": json.dumps({"pid": dead, "ppid": pid}),
            "lines": f"pid={pid}\nsession_id=x\nagent = codex\n",
            "number": str(pid),
        }
        (tree / name).write_text(texts[form])

    write(process.pid)
    assert found(tree) == [User("lock", name, process.pid, "sleep")]
    for stale in (dead, 0, 1, NOBODY):
        write(stale)
        assert found(tree) == [], stale


def test_lock_file_with_the_number_of_a_process_that_came_later_is_stale(
    tree: Path, tmp_path: Path, at_work: AtWork
) -> None:
    process = at_work(tmp_path)
    lock = tree / ".codex_session_active"
    lock.write_text(f"pid={process.pid}\n")
    assert found(tree)
    long_ago = time.time() - 3600
    os.utime(lock, (long_ago, long_ago))
    assert found(tree) == []


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"{", b"[]", b"pid=abc", b'{"pid": -5}', b"[" * 10000, b"pid=" + b"9" * 500]
)
def test_lock_file_that_cannot_be_understood_counts(tree: Path, content: bytes) -> None:
    (tree / ".claude-session-active").write_bytes(content)
    assert found(tree) == [User("lock", ".claude-session-active", 0, "")]


def test_lock_file_that_is_no_file_neither_blocks_nor_is_followed(tree: Path, tmp_path: Path) -> None:
    os.mkfifo(tree / ".claude-session-active")
    (tree / ".codex_session_active").symlink_to("/dev/zero")
    (tree / ".nomic-session-active").mkdir()
    assert [user.how for user in found(tree)] == ["lock"] * 3


def test_tree_that_is_gone_has_no_users(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere")
    assert users([path]) == {path: []}
    assert users([]) == {}
