"""Advice that leads on: the command that is named exists, takes these arguments, and gets the reader further."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.gatebench import Copies, Gated, refused
from tests.workbench import Gitfleet


def test_session_that_is_gone_is_started_as_the_hint_says(cli: Cli) -> None:
    ghost = cli.clone.as_session("ghost-1")
    said = cli("claim", "x", env=ghost).ended(2).stderr
    found = re.search(r"`gitfleet (session start --id [^`]*)`", said)
    assert found
    cli(*found[1].split(), env=ghost).ok()
    cli("claim", "x", env=ghost).ok()


def test_session_that_is_gone_and_that_a_variable_names_is_told_with_it(cli: Cli) -> None:
    said = cli("claim", "x", env={"GITFLEET_SESSION": "gone-1"}).ended(2).stderr
    assert "GITFLEET_SESSION names it: `unset GITFLEET_SESSION`" in said
    said = cli("claim", "x", "--session", "gone-2", env={"GITFLEET_SESSION": "gone-1"}).ended(2).stderr
    assert "unset" not in said


def test_end_of_a_session_that_is_not_there_advises_no_start(cli: Cli) -> None:
    said = cli("session", "end", "nosuch").ended(2).stderr
    assert "session start" not in said
    assert "gitfleet session list" in said


def test_new_session_under_a_variable_that_names_another_says_so(cli: Cli) -> None:
    assert "GITFLEET_SESSION=new-1" in cli("session", "start", "--id", "new-1").ok().stderr
    assert (
        cli("session", "start", "--id", "new-2", env=cli.clone.as_session("new-2")).ok().stderr.count("new-2")
        <= 1
    )


def test_several_sessions_in_one_worktree_are_told_of_worktrees(cli: Cli) -> None:
    for name in ("one-1", "two-2"):
        cli("session", "start", "--id", name, env=cli.nobody).ok()
    said = cli("claim", "x", env=cli.nobody).ended(2).stderr
    assert "--session one-1" in said
    assert "gitfleet worktree ensure" in said
    cli("claim", "x", "--session", "one-1", env=cli.nobody).ok()


def test_commit_among_several_sessions_is_advised_what_git_understands(cli: Cli) -> None:
    for name in ("one-1", "two-2"):
        cli("session", "start", "--id", name, env=cli.nobody).ok()
    cli("claim", "README.md", "--session", "one-1", env=cli.nobody).ok()
    cli.clone.write("README.md")
    ran = refused(cli.clone.commit(env=cli.nobody), "GITFLEET_SESSION=one-1 git commit", "worktree ensure")
    assert "--session" not in ran.stderr
    cli.clone.commit(env=cli.clone.as_session("one-1")).ok()


def test_commit_that_may_not_claim_is_advised_no_option_of_claim_s(copies: Copies) -> None:
    ada, bob = copies.clone("ada"), copies.clone("bob")
    ada.policy(commits="claim-on-commit")
    bob.claim("src/")
    ada.write("src/api/a.py")
    ran = refused(ada.commit(), "bob-1")
    assert "gitfleet claim --wait src/api/a.py" in ran.stderr
    assert "the same command" not in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("claim", "x", "--ttl", "5s"), "5s is not between 1m and 24h"),
        (("maintainer", "install", "--kind", "cron", "--print", "--every", "5s"), "every 5s"),
        (("maintainer", "install", "--kind", "cron", "--print", "--every", "7m"), "every 7m"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_times_are_told_as_people_write_them(cli: Cli, words: tuple[str, ...], said: str) -> None:
    assert said in cli(*words).ended(2).stderr


def test_rules_with_a_time_that_cannot_be_are_told_in_units(alone: Gated, gitfleet: Gitfleet) -> None:
    (alone.path / "gitfleet.yaml").write_text("version: 1\nclaims:\n  ttl: 5s\n")
    alone.git("add", "gitfleet.yaml").ok()
    alone.git(
        "commit", "--no-verify", "-qm", "rules", env={"GIT_CONFIG_PARAMETERS": "'core.hooksPath=/dev/null'"}
    ).ok()
    ran = gitfleet(alone.path, "sync")
    assert "5s is not between 1m and 30d" in ran.stdout + ran.stderr


def test_init_tells_what_the_hub_can_in_one_line(clone: Callable[[str], Path], gitfleet: Gitfleet) -> None:
    lines = gitfleet(clone("ada"), "init").ok().stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("hub:")]
    assert line.endswith(": ok")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "--tail", "abc"), "'--tail': a whole number was expected."),
        (("claim", "x", "--wait", "--priority", "500"), "'--priority': it must be at most 100."),
        (("worktree", "cleanup", "--ttl-hours", "x"), "'--ttl-hours': a number was expected."),
        (("worktree", "maintain", "--ttl-hours", "-1"), "'--ttl-hours': it must be at least 0."),
        (("status", "--tail", "-1"), "'--tail': it must be at least 0."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_value_that_cannot_be_is_told_without_types(
    gitfleet: Gitfleet, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    assert said in gitfleet(tmp_path, *words).ended(2).stderr
