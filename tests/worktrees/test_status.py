"""`worktree list` and `worktree status`: everything that is there is named, at one git process each."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from gitfleet.codec import replace
from gitfleet.worktrees import marker
from gitfleet.worktrees.notes import TreeNotes
from gitfleet.worktrees.service import Selection
from tests.forms import held
from tests.workbench import Git, Gitfleet
from tests.worktrees.yard import Yard, picture

AtWork = Callable[[Path], "subprocess.Popen[bytes]"]
MANY = 24


def test_status_tells_of_each_what_there_is_to_tell(yard: Yard, git: Git, at_work: AtWork) -> None:
    paths = {name: yard.make(name) for name in ("busy", "dirty", "ahead", "picking", "gone", "detached")}
    process = at_work(paths["busy"])
    TreeNotes(yard.ensure("claude", "new").managed.git_dir).reserve(process.pid)
    (paths["dirty"] / "README.md").write_text("x")
    (paths["dirty"] / "né w").write_text("x")
    git.commit(paths["ahead"], {"x": "x\n"})
    git(paths["picking"], "bisect", "start")
    paths["gone"].rename(yard.top / "moved")
    git(paths["detached"], "checkout", "--quiet", "--detach")
    yard.advance({"new": "x\n"})
    yard.reconcile(Selection(sessions=["ahead"]), strategy="none")
    rows = yard.status()
    assert {
        name: (row.seen.counts, row.seen.state.dirty, row.verdict.word) for name, row in rows.items()
    } == {
        "busy": ((0, 1), 0, "skipped"),
        "dirty": ((0, 1), 2, "go"),
        "ahead": ((1, 1), 0, "go"),
        "picking": ((0, 1), 0, "skipped"),
        "gone": (None, 0, "skipped"),
        "detached": ((0, 1), 0, "skipped"),
        "new": ((0, 1), 0, "skipped"),
    }
    assert [user.pid for user in rows["busy"].seen.users] == [process.pid]
    assert (rows["picking"].seen.state.operation, rows["detached"].seen.state.branch) == ("bisect", "")
    assert (rows["gone"].seen.state.problem, rows["gone"].idle) == ("its folder is gone", None)
    assert (rows["new"].reserved, rows["dirty"].reserved) == (True, False)


def test_idle_time_is_that_of_people_and_agents_and_never_of_upkeep(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    git_dir = Path(git(path, "rev-parse", "--absolute-git-dir"))
    managed = yard.managed()[0]
    long_ago = managed.created_at - 90_000
    marker.write(replace(managed, created_at=long_ago))
    log = git_dir / "logs/HEAD"
    log.write_text(re.sub(r"(?<=> )\d+(?= )", str(long_ago), log.read_text()))
    assert (yard.status()["one"].idle or 0) > 89_000
    yard.advance({"new": "x\n"})
    assert yard.outcome("one").result == "fast-forwarded"
    git(path, "status")
    assert (yard.status()["one"].idle or 0) > 89_000
    (path / "README.md").write_text("edited")
    assert (yard.status()["one"].idle or 0) < 1000
    os.utime(path / "README.md", (2**33, 2**33))  # W44: a time in the future kept it for ever
    assert (yard.status()["one"].idle or 0) > 89_000


def test_status_and_list_name_what_is_broken_and_answer_all_the_same(
    yard: Yard, git: Git, gitfleet: Gitfleet
) -> None:
    """W38: one missing directory made it crash for everybody."""
    paths = {name: yard.make(name) for name in ("good", "gone", "marker", "index", "head", "empty", "link")}
    dirs = {name: Path(git(path, "rev-parse", "--absolute-git-dir")) for name, path in paths.items()}
    paths["gone"].rename(yard.top / "moved")
    (dirs["marker"] / marker.NAME).write_bytes(b"{")
    (dirs["index"] / "index").write_bytes(b"broken")
    (dirs["head"] / "HEAD").write_bytes(b"broken")
    (dirs["link"] / "gitdir").unlink()
    (paths["empty"] / ".git").unlink()
    before = picture(yard.top)
    answer = gitfleet(yard.top, "worktree", "status", "--json").ok().json()["data"]
    problems = {row["session"]: row["problem"] for row in answer["worktrees"]}
    assert problems["good"] == ""
    assert problems["gone"] == "its folder is gone"
    assert problems["empty"] == "its .git file is gone"
    assert problems["index"].startswith("git cannot read it: ")
    assert {Path(item["path"]).name for item in answer["broken"]} >= {"marker", "link"}
    listed = gitfleet(yard.top, "worktree", "list").ok()
    assert "(its folder is gone)" in listed.stdout
    assert "cannot be read" in listed.stderr
    assert picture(yard.top) == before
    found = {item.session: item.result for item in yard.reconcile().outcomes}
    assert found["good"] == "up-to-date"
    assert found["index"] == "failed"


def test_status_of_many_worktrees_starts_one_git_each_and_fewer_than_12_more(
    yard: Yard, gitfleet: Gitfleet, tmp_path: Path, git: Git
) -> None:
    for number in range(MANY):
        path = yard.make(f"w{number}", force_new=True)
        git.commit(path, {"x": f"{number}\n"})
    counted = tmp_path / "counted"
    shim = tmp_path / "bin/git"
    shim.parent.mkdir()
    real = subprocess.run(
        ["sh", "-c", "command -v git"], capture_output=True, text=True, check=True
    ).stdout.strip()
    shim.write_text(f'#!/bin/sh\necho x >>{counted}\nexec {real} "$@"\n')
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    env = {"PATH": f"{shim.parent}:{os.environ['PATH']}"}
    answer = gitfleet(yard.top, "worktree", "status", "--json", env=env).ok().json()["data"]
    assert [row["ahead"] for row in answer["worktrees"]] == [1] * MANY
    assert len(counted.read_text().splitlines()) < MANY + 12


def test_json_of_every_worktree_command_is_as_its_schema_says(
    yard: Yard, gitfleet: Gitfleet, git: Git, at_work: AtWork
) -> None:
    def ask(*args: str, code: int = 0) -> None:
        held(gitfleet(yard.top, "worktree", *args, "--json").ended(code).json(), code)

    ask("ensure", "--session", "one")
    at_work(yard.top / ".worktrees/one")
    ask("ensure", "--session", "one", code=10)
    ask("ensure", "--dry-run", "--reconcile")
    path = yard.make("two")
    git.commit(path, {"README.md": "mine\n"})
    yard.advance({"README.md": "theirs\n"})
    ask("ensure", "--session", "two", "--reconcile", code=21)
    ask("reconcile", "--all", "--dry-run", "--include-active", code=21)
    ask("reconcile", "--all", "--include-active", code=21)
    yard.make("three").rename(yard.top / "moved")
    ask("list")
    ask("status")
    ask("ensure", "--session", "../x", code=2)
    ask("reconcile", code=2)
    yard.fleets.hub.rename(yard.fleets.root / "away.git")
    ask("reconcile", "--all", code=21)


def test_disk_is_told_where_it_is_asked_for(yard: Yard, gitfleet: Gitfleet) -> None:
    (yard.make("big") / "large").write_bytes(b"x" * 3_000_000)
    (row,) = gitfleet(yard.top, "worktree", "status", "--json").ok().json()["data"]["worktrees"]
    assert row["disk"] is None
    (row,) = gitfleet(yard.top, "worktree", "status", "--disk", "--json").ok().json()["data"]["worktrees"]
    assert 3_000_000 <= row["disk"] < 4_000_000
    assert "MiB" in gitfleet(yard.top, "worktree", "status", "--disk").ok().stdout
