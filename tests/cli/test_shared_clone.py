"""One clone that several users work in (`core.sharedRepository`): all of it is for all of them, whatever their umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.places import GROUP, MEMBER, give, needs_users
from tests.workbench import Git, Gitfleet, run


@pytest.fixture(autouse=True)
def _narrow() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def shared(hub: Path, tmp_path: Path, git: Git, gitfleet: Gitfleet) -> Path:
    """A clone that a group shares; the user who began the fleet in it is another one now."""
    for path in (hub, git_clone(hub, tmp_path, git)):
        git(path, "config", "core.sharedRepository", "group")
    clone = tmp_path / "shared"
    for path in (hub, clone):
        open_to_group(path)
    gitfleet(clone, "init").ok()
    for path in (hub, clone):
        give(path)
    git(clone, "config", "--global", "safe.directory", "*")
    return clone


def git_clone(hub: Path, folder: Path, git: Git) -> Path:
    git(folder, "clone", "--quiet", hub, "shared")
    return folder / "shared"


def open_to_group(top: Path) -> None:
    """What one does who makes a repository a shared one."""
    for folder, _, names in os.walk(top):
        os.chmod(folder, 0o2770)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o660)
    give(top, uid=os.geteuid())


@needs_users
def test_second_user_claims_commits_and_syncs_and_leaves_all_to_the_first(
    shared: Path, git: Git, gitfleet: Gitfleet
) -> None:
    env = {**gitfleet.environment(), "GITFLEET_SESSION": "second"}
    for words in (
        ("session", "start", "--id", "second", "--agent", "codex", "--pid", str(os.getpid())),
        ("claim", "src/api/a.py"),
        ("status",),
        ("maintainer", "status"),
        ("sync",),
        ("doctor",),
        ("init",),
    ):
        run([*MEMBER, *gitfleet.argv(*words)], shared, env=env).ok()
    (shared / "src/api/a.py").write_text("A = 2\n")
    run([*MEMBER, "git", "commit", "--quiet", "--all", "-m", "second's"], shared, env=env).ok()
    assert "Fleet-Session: second" in git(shared, "log", "-1", "--format=%B")
    closed = [path for path in _ours(shared) if not _for_group(path) and path.parent.name != "permits"]
    assert closed == []  # a permit is for the one who commits: anybody else's gate is asked


@needs_users
@pytest.mark.parametrize(
    ("place", "mode"), [("hooks/pre-commit", 0o700), ("hooks", 0o700), ("gitfleet/outbox", 0o700)]
)
def test_doctor_says_what_others_may_not_use_and_init_mends_it(
    shared: Path, gitfleet: Gitfleet, place: str, mode: int
) -> None:
    path = shared / ".git" / place
    path.chmod(mode)
    said = gitfleet(shared, "doctor").ended(20)
    assert f"{path} has mode 0700, and core.sharedRepository is group" in said.stdout
    gitfleet(shared, "init").ok()
    assert _for_group(path)
    gitfleet(shared, "doctor").ok()


def _ours(clone: Path) -> list[Path]:
    top = clone / ".git"
    found = [
        path for name in ("gitfleet", "refs/fleet", "refs/fleet-hub") for path in (top / name).rglob("*")
    ]
    return [*found, *(path for path in (top / "objects").rglob("*") if path.stat().st_gid == GROUP)]


def _for_group(path: Path) -> bool:
    mode = path.stat().st_mode
    return bool(mode & stat.S_IRGRP) and (not path.is_dir() or mode & 0o070 == 0o070)
