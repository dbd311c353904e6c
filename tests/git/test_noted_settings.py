"""What git said of its settings is asked again only where these may be others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import clock, processes
from gitfleet.git import noted_settings
from gitfleet.git.program import Git as Program
from tests.workbench import Git

HOME = Path(os.path.expanduser("~"))


@pytest.fixture
def asked(repository: Path, monkeypatch: pytest.MonkeyPatch, git: Git) -> Callable[[], tuple[str, int]]:
    """What is answered, and how many processes that took."""
    (repository / ".git/gitfleet").mkdir()
    git(repository, "config", "fleet.test", "one")
    count = 0
    run = processes.run

    def counted(*given: Any, **named: Any) -> processes.Completed:
        nonlocal count
        count += 1
        return run(*given, **named)

    monkeypatch.setattr(processes, "run", counted)

    def ask() -> tuple[str, int]:
        before = count
        answer = noted_settings.answer(Program(str(repository / ".git")), "config", "--get", "fleet.test")
        return answer.rstrip("\n"), count - before

    return ask


def test_answer_is_asked_for_once_while_the_settings_are_the_same(
    asked: Callable[[], tuple[str, int]], repository: Path
) -> None:
    assert [asked(), asked()] == [("one", 1), ("one", 0)]
    assert (repository / ".git/gitfleet/settings.json").stat().st_mode & 0o777 == 0o600


def test_answer_is_asked_for_again_once_a_setting_has_changed_or_an_hour_has_gone(
    asked: Callable[[], tuple[str, int]], repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked() == ("one", 1)
    git(repository, "config", "fleet.test", "two")
    assert [asked(), asked()] == [("two", 1), ("two", 0)]
    git(repository, "config", "--unset", "fleet.test")
    git(repository, "config", "--global", "fleet.test", "three")
    assert [asked(), asked()] == [("three", 1), ("three", 0)]
    now = clock.now() + noted_settings.HOLDS
    monkeypatch.setattr(clock, "now", lambda: now)
    assert asked() == ("three", 1)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "fleet.test")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "four")
    assert asked() == ("four", 1)


@pytest.mark.parametrize("lead", ["[include]", '[includeIf "gitdir:/**"]'])
def test_answer_is_always_asked_for_where_settings_lead_to_other_files(
    asked: Callable[[], tuple[str, int]], repository: Path, lead: str
) -> None:
    with (repository / ".git/config").open("a") as file:
        file.write(f"{lead}\n\tpath = other\n")
    (repository / ".git/other").write_text("[fleet]\n\ttest = two\n")
    assert [asked(), asked()] == [("two", 1), ("two", 1)]


def test_answer_without_a_fleet_leaves_no_note(
    asked: Callable[[], tuple[str, int]], repository: Path
) -> None:
    (repository / ".git/gitfleet").rmdir()
    assert [asked(), asked()] == [("one", 1), ("one", 1)]
    assert not (repository / ".git/gitfleet").exists()


def test_note_that_cannot_be_read_costs_a_process_and_nothing_else(
    asked: Callable[[], tuple[str, int]], repository: Path
) -> None:
    (repository / ".git/gitfleet/settings.json").mkdir()
    assert [asked(), asked()] == [("one", 1), ("one", 1)]
