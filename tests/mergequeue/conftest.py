"""A queue to start from; and, for candidates, a target with branches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.mergequeue.branches import edited
from tests.mergequeue.queues import Queues
from tests.workbench import Git


@pytest.fixture
def world() -> Queues:
    return Queues()


@pytest.fixture
def target(repository: Path, git: Git) -> Path:
    """A repository whose `main` has `long.txt`."""
    git.commit(repository, {"long.txt": edited({}), "other.txt": "other\n"}, "long")
    return repository


@pytest.fixture
def branch(target: Path, git: Git) -> Callable[..., str]:
    """Makes a branch from `start` with one commit, and answers its head; `main` is checked out after it."""

    def make(name: str, files: Mapping[str, str], start: str = "main", message: str = "") -> str:
        git(target, "checkout", "--quiet", "-b", name, start)
        head = git.commit(target, files, message or f"work of {name}")
        git(target, "checkout", "--quiet", "main")
        return head

    return make
