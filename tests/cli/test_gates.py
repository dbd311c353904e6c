"""`status` and `doctor` tell of gates that do not run, and of those that only an older git would leave out."""

from __future__ import annotations

from gitfleet.githooks.shims import GATED, OPTIONAL
from tests.cli.conftest import Cli
from tests.githooks.hookbench import script
from tests.githooks.test_configured import knows


def displace(cli: Cli) -> None:
    script(cli.clone.path / ".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n")


def folder_only(cli: Cli) -> None:
    """Have git pass over the configuration's hooks, as an older one does."""
    for name in (f"gitfleet-{hook}" for hook in (*GATED, *OPTIONAL)):
        cli.clone.out("config", "--global", f"hook.{name}.enabled", "false")


def test_gate_that_was_displaced_is_told_of_until_it_is_put_back(cli: Cli) -> None:
    folder_only(cli)
    assert "hooks:" not in cli("status").ok().stderr
    displace(cli)
    words = "some gates do not run: pre-commit: replaced by another script; gitfleet init puts them in place again"
    assert words in cli("status").ok().stderr
    assert "problem  hooks: some gates do not run: pre-commit: replaced" in cli("doctor").ended(20).stdout
    cli("doctor", "--repair").ok()
    assert "hooks:" not in cli("status").ok().stderr


def test_gates_that_stand_nowhere_are_all_named(cli: Cli) -> None:
    folder_only(cli)
    for hook in GATED:
        (cli.clone.path / ".git/hooks" / hook).unlink()
    said = cli("status").ok().stderr
    assert [hook for hook in GATED if f"{hook}: missing" in said] == list(GATED)


@knows
def test_gate_that_git_finds_in_its_configuration_is_in_force_whatever_stands_in_the_folder(cli: Cli) -> None:
    assert "by git's configuration and by the hooks folder" in cli("doctor").ok().stdout
    displace(cli)
    assert "hooks:" not in cli("status").ok().stderr
    assert "an older git would skip some: pre-commit: replaced" in cli("doctor").ok().stdout
