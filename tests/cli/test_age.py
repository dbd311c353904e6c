"""Answers that rest on old knowledge show its age; `prime` asks the hub first, and goes on without it."""

from __future__ import annotations

import os

import pytest

from gitfleet.base import clock
from tests.cli.conftest import Cli
from tests.gatebench import Copies, Gated
from tests.workbench import Gitfleet

COMMANDS = [
    ("claims",),
    ("check", "README.md"),
    ("waiting",),
    ("session", "list"),
    ("session", "show", "ada-1"),
    ("log",),
    ("status",),
]


def seen_before(clone: Gated, seconds: int) -> None:
    """As if the hub had last been seen so long ago."""
    at = clock.now() - seconds
    os.utime(clone.fleets.state(clone.name) / "seen", (at, at))


def away(clone: Gated) -> None:
    clone.fleets.hub.rename(clone.fleets.root / "away.git")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_answer_on_knowledge_that_is_not_fresh_shows_its_age(hub_cli: Cli, command: tuple[str, ...]) -> None:
    for age, words in ((0, ""), (9 * 60 + 5, "9m ago"), (3 * 3600 + 5, "3h00m ago")):
        seen_before(hub_cli.clone, age)
        ran = hub_cli(*command)
        said = ran.stdout + ran.stderr
        assert words in said
        assert ("as of" in said) == bool(words) or command == ("status",)


def test_prime_asks_the_hub_first(copies: Copies, gitfleet: Gitfleet) -> None:
    ada, bob = (Cli(copies.clone(name), gitfleet) for name in ("ada", "bob"))
    bob("claim", "src/api/").ok()
    seen_before(ada.clone, 540)
    said = ada("prime").ok().stdout
    assert '"src/api/": session bob-1' in said
    assert "As of" not in said


def test_prime_without_the_hub_tells_what_is_known_and_how_old_it_is(hub_cli: Cli) -> None:
    away(hub_cli.clone)
    seen_before(hub_cli.clone, 540)
    ran = hub_cli("prime").ok()
    assert "As of 9m ago" in ran.stdout
    assert "could not be asked" in ran.stderr
    assert hub_cli("prime", "--json").ok().json()["data"]["age"] >= 540


def test_prime_promises_checked_edits_only_where_the_agent_s_hooks_are_in_place(cli: Cli) -> None:
    promise, none = "is claimed for you when you edit it", "your agent has no hooks here"
    cli("session", "start", "--id", "claude-1", "--agent", "claude").ok()
    cli("session", "start", "--id", "codex-1", "--agent", "codex").ok()
    claude, codex = cli.clone.as_session("claude-1"), cli.clone.as_session("codex-1")
    assert none in cli("prime", env=claude).ok().stdout
    cli("agent", "install", "claude").ok()
    assert promise in cli("prime", env=claude).ok().stdout
    assert none in cli("prime", env=codex).ok().stdout
    assert cli("prime", "--json", env=claude).ok().json()["data"]["hooks"] == "claude"
    cli("agent", "uninstall", "claude").ok()
    assert none in cli("prime", env=claude).ok().stdout
