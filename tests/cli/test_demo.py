"""The demonstration plays through under any git configuration, leaves something to play in, and stops where it must."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.cli import demo_script
from tests.forms import held
from tests.workbench import Git, Gitfleet, run

HOSTILE = """\
[user]
	useConfigOnly = true
[commit]
	gpgsign = true
[gpg]
	program = /nonexistent/gpg
[push]
	gpgSign = true
	default = nothing
[core]
	hooksPath = {hooks}
[init]
	defaultBranch = trunk
[protocol "file"]
	allow = never
"""


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """A user whose git signs everything, runs hooks of their own that always fail, and knows no name."""
    hooks = tmp_path / "their-hooks"
    hooks.mkdir()
    for name in ("pre-commit", "commit-msg", "pre-push"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        (hooks / name).chmod(0o755)
    config = tmp_path / "their-gitconfig"
    config.write_text(HOSTILE.format(hooks=hooks), encoding="utf-8")
    (tmp_path / "tmp").mkdir()
    return {
        "GIT_CONFIG_GLOBAL": str(config),
        "TMPDIR": str(tmp_path / "tmp"),
        "GITFLEET_SESSION": "of-somebody-else",
        "GIT_AUTHOR_NAME": "Somebody Else",
        "GIT_DIR": str(tmp_path / "no-repository"),
    }


def only(folder: Path) -> Path:
    (entry,) = folder.iterdir()
    return entry


@pytest.mark.slow
def test_demo_under_a_hostile_configuration_tells_the_story_and_leaves_clones_to_play_in(
    gitfleet: Gitfleet, git: Git, hostile: dict[str, str], tmp_path: Path
) -> None:
    config = Path(hostile["GIT_CONFIG_GLOBAL"]).read_text(encoding="utf-8")

    said = run(gitfleet.argv("demo"), tmp_path, env={**gitfleet.environment(), **hostile}).ok().stdout

    place = only(tmp_path / "tmp")
    lines = said.splitlines()
    shown = [line.strip() for line in lines]
    assert f"Playing in {place.resolve()}." in lines[0]
    assert "ben $ gitfleet claim src/parser.py" in shown
    assert {code: shown.count(f"({code})") for code in ("exit code 1", "exit code 10", "exit code 11", "exit code 21", "killed by signal 9")} == {
        "exit code 1": 1, "exit code 10": 2, "exit code 11": 1, "exit code 21": 1, "killed by signal 9": 1,
    }  # fmt: skip
    assert max(len(line) for line in lines if str(place) not in line) <= 100
    assert any("its process is gone" in line for line in shown)
    assert "Fleet-Session: codex-1" in shown
    assert [line.split(" ")[1] for line in shown if line.startswith(("landed: ", "rejected: "))] == [
        "fleet/codex/codex-2", "guide", "faster",
    ]  # fmt: skip
    assert all(any(command in line for line in lines) for command, _ in demo_script.TRY)
    assert Path(hostile["GIT_CONFIG_GLOBAL"]).read_text(encoding="utf-8") == config

    # The user plays on, in a shell of their own, with their own configuration.
    mine = {
        **dict.fromkeys(("GITFLEET_SESSION", "GIT_AUTHOR_NAME", "GIT_DIR")),
        "GIT_CONFIG_GLOBAL": hostile["GIT_CONFIG_GLOBAL"],
    }
    ada = place / demo_script.ADA
    sessions = {
        one["id"]: one for one in gitfleet(ada, "session", "list", "--json").ok().json()["data"]["sessions"]
    }
    assert (sessions["codex-1"]["liveness"], sessions["codex-1"]["pid"]) == ("alive", os.getpid())
    assert "held by session claude-1" in gitfleet(ada, "claim", "src/lexer.py", env=mine).ended(10).stderr
    (ada / "src/lexer.py").write_text("mine\n", encoding="utf-8")
    assert "held by session claude-1" in git.ask(ada, "commit", "-a", "-m", "x", env=mine).ended(1).stderr
    git(ada, "checkout", "--quiet", "--", "src/lexer.py", env=mine)
    gitfleet(ada, "claim", "docs/guide.md", env=mine).ok()
    (ada / "docs/guide.md").write_text("more\n", encoding="utf-8")
    git.ask(ada, "commit", "-a", "-m", "x", env=mine).ok()
    gitfleet(ada, "doctor", env=mine).ok()


@pytest.mark.slow
def test_demo_as_json_in_a_new_directory_lists_every_step_with_the_code_it_expected(
    gitfleet: Gitfleet, tmp_path: Path
) -> None:
    answer = gitfleet(tmp_path, "demo", "there/new", "--json").ok().json()

    data = held(answer)
    assert (answer["command"], answer["status"]) == ("demo", "ok")
    assert data["directory"] == str((tmp_path / "there/new").resolve())
    assert [step["command"] for step in data["steps"]] == [
        list(command.argv) for scene in demo_script.SCENES for command in scene.commands
    ]
    assert all(step["code"] == step["expected"] for step in data["steps"])
    assert {step["code"] for step in data["steps"]} == {0, 1, 10, 11, 21, -9}


@pytest.mark.parametrize("kind", ["directory with something in it", "file", "link to nowhere"])
def test_demo_where_something_is_refuses_and_changes_nothing(
    gitfleet: Gitfleet, tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "place"
    match kind:
        case "file":
            place.write_text("mine", encoding="utf-8")
        case "link to nowhere":
            place.symlink_to(tmp_path / "nowhere", target_is_directory=True)
            (tmp_path / "nowhere").write_text("mine", encoding="utf-8")
        case _:
            place.mkdir()
            (place / "mine").touch()
    before = sorted(tmp_path.rglob("*"))

    said = gitfleet(tmp_path, "demo", "place").ended(2)

    assert "Nothing was changed." in said.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_demo_without_git_says_so(gitfleet: Gitfleet, tmp_path: Path) -> None:
    said = gitfleet(tmp_path, "demo", "place", env={"PATH": str(tmp_path)}).ended(2)
    assert "git was not found" in said.stderr
    assert not (tmp_path / "place").exists()


def test_demo_with_a_command_that_ends_otherwise_stops_there_and_says_where(
    gitfleet: Gitfleet, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    real = next(path for folder in os.environ["PATH"].split(":") if (path := Path(folder) / "git").exists())
    script = f'#!/bin/sh\n[ "$*" != "push --quiet" ] || {{ echo "no way"; exit 3; }}\nexec {real} "$@"\n'
    (programs / "git").write_text(script, encoding="utf-8")
    (programs / "git").chmod(0o755)
    first = f"{programs}:{os.environ['PATH']}"

    said = gitfleet(tmp_path, "demo", "place", env={"PATH": first}).ended(70)

    where = tmp_path.resolve() / "place/ben"
    assert (
        f"The demonstration stopped in {where}: `git push --quiet` ended with 3 where 0 was expected"
        in said.stderr
    )
    assert "no way" in said.stderr
    assert where.is_dir()
