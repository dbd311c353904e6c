"""Help: every command has it, in every way to ask, in 80 columns; the manual page and completion say the same."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitfleet.cli import contents, helping, manual
from gitfleet.cli.app import whole
from gitfleet.sessions.local import Here
from tests.cli.conftest import Cli
from tests.workbench import ROOT, Gitfleet, run

TREE = whole()


def commands(group: Any = TREE, name: str = "") -> Iterator[tuple[str, Any]]:
    yield name, group
    for verb, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{name} {verb}".strip())


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_help_fits_80_columns_and_shows_no_types(name: str, command: Any) -> None:
    said = helping.text(command)
    assert max(map(len, said.splitlines())) <= 80
    assert not re.search(r"<[a-z]+[\[ >]|\bNone\b|\bTrue\b|\bFalse\b|24\.0", said)
    assert said.startswith(f"usage: gitfleet {name}".rstrip())


def test_table_of_contents_names_every_command_once_and_in_one_line() -> None:
    named = [name for rows in contents.groups("").values() for name in rows]
    assert sorted(named) == sorted(set(named)) == sorted(TREE.commands)
    for name, command in commands():
        verbs = getattr(command, "commands", None)
        if name and verbs is not None:
            assert sorted(contents.VERBS[name]) == sorted(verbs)
    overview = helping.text(TREE)
    for rows in contents.groups("").values():
        for name, words in rows.items():
            assert re.search(rf"^  {name} +{re.escape(words)}$", overview, re.MULTILINE)


@pytest.mark.parametrize(
    ("asked", "like"),
    [
        ([], []), (["help"], []), (["-h"], []), (["-C", ".", "help"], []),
        (["help", "claim"], ["claim"]), (["claim", "-h"], ["claim"]), (["-C", ".", "help", "claim"], ["claim"]),
        (["help", "session", "start"], ["session", "start"]), (["session", "help", "start"], ["session", "start"]),
        (["session", "start", "-h"], ["session", "start"]), (["session", "help"], ["session"]),
        (["help", "worktree"], ["worktree"]), (["hub-hook"], ["hub-hook"]), (["release", "-h"], ["release"]),
        (["status", "-h"], ["status"]), (["check", "-h"], ["check"]),
    ],
    ids=lambda value: " ".join(value) or "(bare)",
)  # fmt: skip
def test_help_is_the_same_in_every_way_to_ask(
    gitfleet: Gitfleet, tmp_path: Path, asked: list[str], like: list[str]
) -> None:
    said = gitfleet(tmp_path, *asked).ok()
    assert said.stdout == gitfleet(tmp_path, *like, "--help").ok().stdout
    assert said.stdout == helping.text(_at(like)) + "\n"
    assert said.stderr == ""


def _at(path: list[str]) -> Any:
    found: Any = TREE
    for name in path:
        found = found.commands[name]
    return found


def test_help_for_what_is_no_command_ends_with_2(gitfleet: Gitfleet, tmp_path: Path) -> None:
    assert "No such command 'nosuch'" in gitfleet(tmp_path, "help", "nosuch").ended(2).stderr


def test_path_named_help_can_be_claimed(cli: Cli) -> None:
    assert cli("claim", "help").ok().stdout.startswith("claimed: help")


def test_manual_page_holds_every_command_and_option() -> None:
    page = manual.page(TREE)
    for name, command in commands():
        if name and not hasattr(command, "commands"):
            roff = name.replace("-", "\\-")
            assert f'.SS "gitfleet {roff} ' in page
        for one in command.params:
            for option in one.opts:
                assert option.replace("-", "\\-") in page
    assert (ROOT / "docs/reference/gitfleet.1").read_text() == manual.LINK


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff, to read roff")
def test_manual_page_is_sound_roff(tmp_path: Path) -> None:
    page = tmp_path / "git-fleet.1"
    page.write_text(manual.page(TREE), encoding="utf-8")
    ran = run(["groff", "-man", "-ww", "-Tascii", "-P-c", page], tmp_path).ok()
    assert ran.stderr == ""
    assert "EXIT STATUS" in re.sub(".\b", "", ran.stdout)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("session end ", ["alone-1", "alone-2"]), ("session show alone-2", ["alone-2"]), ("tell al", ["alone-1", "alone-2"]),
        ("claim x --session ", ["alone-1", "alone-2"]), ("release ", ["src/"]), ("check ", ["docs/", "src/"]),
        ("break d", ["docs/"]), ("log s", ["src/"]), ("check src/ d", ["docs/"]),
    ],
)  # fmt: skip
def test_shell_completes_sessions_and_claimed_paths(cli: Cli, words: str, found: list[str]) -> None:
    cli("claim", "src/").ok()
    cli("claim", "docs/", env=cli.other).ok()
    cli("claim", "docs/$(id)", "docs/`id`", "docs/a b", "docs/a'b", "docs/a;b", env=cli.other).ok()
    with cli.clone.open() as fleet:  # started here, as far as the clone knows
        for name in (cli.clone.session, cli.clone.other):
            fleet.sessions.local.remember(Here(name, str(cli.clone.path), False, None))
    assert cli(env=completing(words)).ok().stdout.split() == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("inbox --kind d", ["dead-session"]), ("inbox list --kind h", ["hub", "held"]), ("log --kind claim.r", ["claim.release", "claim.retain"]),
        ("worktree ensure --strategy r", ["rebase"]), ("agent install c", ["claude", "codex"]), ("cost --by d", ["day"]),
        ("job list --status f", ["failed"]), ("logs --level w", ["warning"]), ("scan --profile s", ["safe"]), ("trigger ", ["one", "two"]),
    ],
)  # fmt: skip
def test_shell_completes_values_of_which_there_are_few(cli: Cli, words: str, found: list[str]) -> None:
    for name in ("agents/one.yaml", "agents/two.yaml", "agents/readme.md", "agents/$(id).yaml"):
        cli.clone.write(name)
    assert cli(env=completing(words)).ok().stdout.split() == found


def completing(words: str) -> dict[str, str]:
    """The environment in which bash asks what completes the last of some words."""
    line = f"gitfleet {words}"
    return {
        "_GITFLEET_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1),
    }  # fmt: skip


def test_completion_outside_of_a_fleet_is_silent(gitfleet: Gitfleet, tmp_path: Path) -> None:
    env = {"_GITFLEET_COMPLETE": "complete_bash", "COMP_WORDS": "gitfleet tell ", "COMP_CWORD": "2"}
    ran = gitfleet(tmp_path, env=env)
    assert (ran.stdout.strip(), ran.stderr) == ("", "")
