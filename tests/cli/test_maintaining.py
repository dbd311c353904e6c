"""`worktree maintain` and `maintainer …`: one failure stops nothing else, one run at a time, nothing left by `uninstall`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.git.repository import discover
from gitfleet.launching.keep_alive import KeepAlive
from gitfleet.sessions import session_records
from gitfleet.upkeep.maintainer import Maintainer
from tests.cli.conftest import Cli
from tests.forms import held
from tests.workbench import UNSEEN, Git, Overlay

CRONTAB = """#!/bin/sh
table=$HOME/table
case $1 in
-l) [ -e "$table" ] || { echo "no crontab" >&2; exit 1; }; cat "$table" ;;
-r) rm "$table" ;;
-) cat > "$table" ;;
esac
"""


@pytest.fixture
def cron(tmp_path: Path) -> Overlay:
    """An environment with a home and a crontab program of its own."""
    home = tmp_path / "cron home"
    (home / "bin").mkdir(parents=True)
    program = home / "bin/crontab"
    program.write_text(CRONTAB)
    program.chmod(0o755)
    path = f"{home / 'bin'}:{Path(shutil.which('git') or '').parent}:/usr/bin:/bin"
    return {"HOME": str(home), "PATH": path, "GITFLEET_SESSION": None}


def valid(cli: Cli, *args: str, code: int = 0, env: Overlay | None = None) -> dict[str, object]:
    """The data of a command's JSON, held against its schema."""
    answer = cli(*args, "--json", env={**cli.nobody, **(env or {})}).ended(code).json()
    data: dict[str, object] = held(answer, code)
    return data


def test_maintainer_from_install_to_uninstall(cli: Cli, cron: Overlay) -> None:
    shown = cli("maintainer", "install", "--kind", "cron", "--print", env=cron).ok().stdout
    assert valid(cli, "maintainer", "status", env=cron)["installed"] is False
    valid(cli, "maintainer", "install", "--kind", "cron", env=cron)
    table = Path(str(cron["HOME"])) / "table"
    assert table.read_text().strip() in shown
    assert valid(cli, "maintainer", "run", env=cron)["ran"] is True
    state = valid(cli, "maintainer", "status", env=cron)
    assert (state["installed"], state["kind"], state["problems"]) == (True, "cron", [])
    assert "all done (exit code 0)" in cli("maintainer", env=cron).ok().stdout
    assert "ended with 0" in str(valid(cli, "maintainer", "logs", "--tail", "3", env=cron)["lines"])
    assert valid(cli, "maintainer", "uninstall", env=cron)["removed"] == ["cron"]
    assert not table.exists()


@pytest.mark.parametrize("verb", [("worktree", "maintain"), ("maintainer", "install", "--kind", "cron")])
def test_strategy_that_is_none_is_refused_before_anything_is_done(
    cli: Cli, cron: Overlay, verb: tuple[str, ...]
) -> None:
    assert "is not a strategy" in cli(*verb, "--strategy", "odd", env=cron).ended(2).stderr
    assert not (Path(str(cron["HOME"])) / "table").exists()


def test_second_run_says_so_and_ends_with_0(cli: Cli) -> None:
    turn = Maintainer(discover(str(cli.clone.path))).begin()
    assert turn
    assert valid(cli, "maintainer", "run")["ran"] is False
    assert "running now" in cli("maintainer", "status").ok().stdout
    turn.end(0, [])


def test_uninstall_of_gitfleet_takes_the_maintainer_and_the_logs_along(cli: Cli, cron: Overlay) -> None:
    cli("session", "start", "--here", "--", "true", env=cli.nobody).ok()
    cli("maintainer", "install", "--kind", "cron", env=cron).ok()
    ran = cli("uninstall", env=cron).ok()
    assert "the maintainer is gone from cron" in ran.stdout
    assert not (Path(str(cron["HOME"])) / "table").exists()
    git_dir = cli.clone.path / ".git"
    assert not [path for path in git_dir.rglob("*gitfleet*") if path.name != "logs"]


def test_maintain_with_one_worktree_that_fails_sees_to_the_others(hub_cli: Cli, git: Git) -> None:
    cli = hub_cli
    for name in ("one", "two"):
        cli("session", "start", "--no-maintain", "--id", name, "--", "true", env=cli.nobody).ok()
    trees = {name: cli.clone.path / ".worktrees" / name for name in ("one", "two")}
    (trees["one"] / "src/api/a.py").write_text("theirs\n")
    git(trees["one"], *UNSEEN, "commit", "-qam", "theirs")
    other = cli.clone.path.parent / "elsewhere"
    git(cli.clone.path.parent, "clone", "-q", str(cli.clone.fleets.hub), str(other))
    git.commit(other, {"src/api/a.py": "ours\n"})
    git(other, "push", "-q", "origin", "HEAD:main")
    data = valid(cli, "worktree", "maintain", code=21)
    outcomes = {(row["action"], row["session"]): row["result"] for row in data["outcomes"]}  # type: ignore[attr-defined]
    assert outcomes["reconcile", "one"] == "conflict"
    assert outcomes["reconcile", "two"] in {"fast-forwarded", "merged"}
    assert git(trees["two"], "show", "HEAD:src/api/a.py") == "ours"
    assert git(trees["one"], "status", "--porcelain") == ""


@pytest.mark.parametrize("wrong", ["--strategy=bogus", "--base=-x"])
@pytest.mark.parametrize("command", ["worktree maintain", "maintainer install --kind cron"])
def test_options_that_no_run_could_follow_are_refused_before_anything_is_done(
    cli: Cli, cron: Overlay, command: str, wrong: str
) -> None:
    ran = cli(*command.split(), wrong, env={**cli.nobody, **cron}).ended(2)
    assert "Nothing was changed" in ran.stderr
    assert not Path(cron["HOME"] or "", "table").exists()


def test_maintain_without_the_hub_does_the_rest_and_says_what_failed(hub_cli: Cli) -> None:
    cli = hub_cli
    cli("worktree", "ensure", "--session", "one", env=cli.nobody).ok()
    cli.clone.fleets.hub.rename(cli.clone.fleets.hub.with_name("away"))
    data = valid(cli, "worktree", "maintain", code=21)
    failed = [failure["step"] for failure in data["failures"]]  # type: ignore[attr-defined]
    assert {"fetch", "sync"} <= set(failed)
    assert data["outcomes"]
    words = cli("worktree", "maintain").ended(21).stdout.splitlines()
    assert words[0].startswith("failed: ")


def test_renewal_needs_time_to_pass_and_something_to_happen(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone, session = cli.clone, cli.clone.session

    def renewed() -> int:
        with clone.open() as fleet:
            found = session_records.find(fleet.current().view, session)
        assert found
        return found.renewed

    clone.claim("src/")
    before = renewed()
    alive = KeepAlive(session, str(clone.path), str(clone.path / ".git"))
    alive.written = 100
    assert not alive.look()
    start = clock.now()
    monkeypatch.setattr(clock, "now", lambda: start + 3600)
    assert alive.look()
    assert renewed() == before + 1
    monkeypatch.setattr(clock, "now", lambda: start + 7200)
    assert not alive.look()
    (clone.path / "new").write_text("x")
    alive.tick()
    alive.stop(60)
    assert alive.fault == ""
    assert renewed() == before + 2
