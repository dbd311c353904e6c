"""Clones in which `gitfleet init` has run, for tests that begin after it: made once per worker, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workbench import Git, Gitfleet, seen_now

MEMBERS = ("ada", "bob", "cid")
ALONE = "repository"


def prepare(base: Path, prepared: Path, git: Git, gitfleet: Gitfleet) -> None:
    """Make `hub.git`, its clones MEMBERS, and ALONE, which is its own hub, in `base`; nobody's session is left in them."""
    shutil.copytree(prepared / "hub.git", base / "hub.git")
    for name in MEMBERS:
        git(base, "clone", "--quiet", base / "hub.git", name)
    shutil.copytree(prepared / "work", base / ALONE)
    for name in (*MEMBERS, ALONE):
        made = gitfleet(base / name, "init", "--json").ok().json()["data"]
        person = {"GITFLEET_SESSION": made["session"]}
        if (base / name / "gitfleet.yaml").exists():  # a draft, which the first of a fleet gets
            gitfleet(base / name, "release", "gitfleet.yaml", env=person).ok()
            (base / name / "gitfleet.yaml").unlink()
        gitfleet(base / name, "session", "end", env=person).ok()
        (base / name / ".git/gitfleet/made.json").unlink(missing_ok=True)
    for name in ("hub.git", *MEMBERS, ALONE):
        git(base / name, "repack", "-a", "-d", "--quiet")  # a few files in place of many, for each copy


def copy(prepared: Path, name: str, target: Path) -> Path:
    """Copy a clone of `prepared` to `target`; its hub is the `hub.git` beside it."""
    shutil.copytree(prepared / name, target, symlinks=True)
    config = target / ".git/config"
    config.write_text(config.read_text().replace(str(prepared / "hub.git"), str(target.parent / "hub.git")))
    seen_now(target)
    return target


@pytest.fixture(scope="session")
def prepared_members(
    _prepared: Path, tmp_path_factory: pytest.TempPathFactory, git: Git, gitfleet: Gitfleet
) -> Path:
    """What `members` and `lone_member` are copies of."""
    base = tmp_path_factory.mktemp("members")
    prepare(base, _prepared, git, gitfleet)
    return base


@pytest.fixture
def members(prepared_members: Path, hub: Path, git: Git) -> Callable[[str], Path]:
    """`members(name)` for each of MEMBERS is a clone of the hub after `gitfleet init`; the hub has what it recorded."""
    shutil.rmtree(hub)
    shutil.copytree(prepared_members / "hub.git", hub)

    def member(name: str) -> Path:
        path = copy(prepared_members, name, hub.parent / name)
        git(path, "update-index", "-q", "--refresh")  # the copies are other inodes than the index knows
        return path

    return member


@pytest.fixture
def member(members: Callable[[str], Path]) -> Path:
    """`ada` of `members`."""
    return members("ada")


@pytest.fixture
def lone_member(prepared_members: Path, tmp_path: Path, git: Git) -> Path:
    """A repository without a remote that is a fleet of its own, after `gitfleet init`."""
    path = copy(prepared_members, ALONE, tmp_path / ALONE)
    git(path, "update-index", "-q", "--refresh")
    return path
