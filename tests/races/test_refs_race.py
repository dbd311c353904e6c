"""Processes that move one ref at the same moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.races.crowd import Crowd, Task
from tests.workbench import Git

RACERS = 16


@pytest.mark.parametrize("exists", [True, False], ids=["moved", "created"])
def test_move_by_many_processes_at_once_is_won_by_one(
    repository: Path, git: Git, crowd: Crowd, *, exists: bool
) -> None:
    old = git(repository, "rev-parse", "HEAD") if exists else None
    if old:
        git(repository, "update-ref", "refs/fleet/coord", old)
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    news = [git(repository, "commit-tree", "-m", f"{number}", tree) for number in range(RACERS)]
    call = "tests.races.tasks:move_ref"
    git_dir = str(repository / ".git")
    outcomes = crowd(
        [Task(repository, call=call, arguments=(git_dir, "refs/fleet/coord", new, old)) for new in news]
    )
    assert [outcome.code for outcome in outcomes] == [0] * RACERS, outcomes
    winners = [new for new, outcome in zip(news, outcomes, strict=True) if outcome.value]
    assert winners == [git(repository, "rev-parse", "refs/fleet/coord")]
