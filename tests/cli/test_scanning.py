"""`scan`: what runs on this host, whose it is, and what a session uses."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import ids
from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from tests.cli.conftest import Cli
from tests.onhost.starting import LEAK, Programs, programs, table_when
from tests.workbench import Git, Gitfleet

SERVER = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); time.sleep(600)"


@pytest.fixture
def start() -> Iterator[Programs]:
    with programs() as found:
        yield found


def leaked(start: Programs, session: str, place: Path, *words: str) -> int:
    """A server that was left behind by what a session started; its pid."""
    argv = [os.path.realpath("/proc/self/exe"), "-I", "-S", "-c", SERVER, *words]
    one = start.python(LEAK, *argv, cwd=place, env={**os.environ, "GITFLEET_SESSION": session})
    left = int(start.said)
    table_when(one.pid, "Z")
    return left


def scan(gitfleet: Gitfleet, place: Path, *more: str) -> Any:
    data = gitfleet(place, "scan", "--seconds", "0", "--json", *more).ok().json()["data"]
    name = "scan --by session" if "--by" in more else "scan"
    schema.validate(schemas.COMMANDS[name].data, data)
    return data


def test_scan_outside_of_a_repository_shows_processes_and_knows_no_session(
    gitfleet: Gitfleet, tmp_path: Path, start: Programs
) -> None:
    left = leaked(start, "codex-7h3k9q2m", tmp_path)
    data = scan(gitfleet, tmp_path)
    mine = next(row for row in data["groups"] if left in row["pids"])
    assert (mine["session"], mine["origin"], mine["session_state"]) == ("codex-7h3k9q2m", "marker", "unknown")
    assert data["host"]["cores"] >= 1


def test_scan_tells_whose_a_zombie_is(gitfleet: Gitfleet, tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # and it stays a zombie
    try:
        data = scan(gitfleet, tmp_path)
        mine = next(row for row in data["groups"] if row["pids"] == [dead.pid])
        assert (mine["zombie"], mine["parent"]) == (True, os.getpid())
        shown = gitfleet(tmp_path, "scan", "--seconds", "0", "--all").ok().stdout
        assert f"zombie of {os.getpid()}" in shown
    finally:
        dead.wait()


def test_scan_in_a_fleet_tells_a_live_session_from_one_that_has_ended(cli: Cli, start: Programs) -> None:
    alive, ended = cli.clone.session, cli.clone.other
    left = {one: leaked(start, one, cli.clone.path) for one in (alive, ended)}
    cli("session", "end", env=cli.other).ok()
    data = scan(cli.gitfleet, cli.clone.path)
    rows = {one: next(row for row in data["groups"] if left[one] in row["pids"]) for one in left}
    assert (rows[alive]["session_state"], rows[ended]["session_state"]) == ("live", "ended")
    assert (
        rows[ended]["judgement"]["posterior"]["abandoned"] > rows[ended]["judgement"]["posterior"]["useful"]
    )
    shown = cli("scan", "--seconds", "0").ok().stdout
    assert ended in shown
    assert "orphan" in shown


def test_scan_by_session_sums_up_memory_and_processes(cli: Cli, start: Programs) -> None:
    session = ids.named("codex")  # tests beside this one have sessions with the names that people chose
    for _ in range(2):
        leaked(start, session, cli.clone.path)
    data = scan(cli.gitfleet, cli.clone.path, "--by", "session")
    row = next(one for one in data["sessions"] if one["session"] == session)
    assert (row["processes"], row["orphans"], row["state"], row["unweighed"]) == (2, 2, "unknown", 0)
    assert 0 < row["pss"] <= row["rss"]
    assert session in cli("scan", "--by", "session", "--seconds", "0").ok().stdout


@pytest.mark.parametrize("profile", ["minimal", "safe", "forensic"])
def test_scan_shows_no_secret_whatever_the_profile(
    gitfleet: Gitfleet, tmp_path: Path, start: Programs, profile: str
) -> None:
    left = leaked(start, "codex-7h3k9q2m", tmp_path, "--password", "hunter2hunter2", "payroll")
    for more in ((), ("--json",)):
        said = gitfleet(tmp_path, "scan", "--all", "--seconds", "0", "--profile", profile, *more).ok().stdout
        assert str(left) in said
        assert "hunter2" not in said
        assert ("payroll" in said) is (profile == "forensic")


@pytest.mark.parametrize("words", [("--profile", "all"), ("--by", "user"), ("--seconds", "99")])
def test_scan_with_a_word_that_means_nothing_is_refused(
    gitfleet: Gitfleet, tmp_path: Path, words: tuple[str, ...]
) -> None:
    gitfleet(tmp_path, "scan", *words).ended(2)


def test_scan_leaves_nothing_behind(gitfleet: Gitfleet, tmp_path: Path) -> None:
    before = sorted(Path.home().rglob("*"))
    gitfleet(tmp_path, "scan", "--seconds", "0").ok()
    assert sorted(Path.home().rglob("*")) == before
    assert list(tmp_path.iterdir()) == []


def test_scan_in_a_fleet_whose_ledger_cannot_be_read_says_so_and_shows_processes(
    cli: Cli, git: Git, start: Programs
) -> None:
    left = leaked(start, "codex-7h3k9q2m", cli.clone.path)
    tree = git(cli.clone.path, "mktree")
    commit = git(cli.clone.path, "commit-tree", "-m", "no ledger", tree)
    git(cli.clone.path, "update-ref", "refs/fleet/coord", commit)
    told = cli.gitfleet(cli.clone.path, "scan", "--seconds", "0", "--json").ok().json()
    assert "each counts as unknown" in told["warnings"][0]
    assert any(left in row["pids"] and row["session_state"] == "unknown" for row in told["data"]["groups"])


@pytest.mark.parametrize(("more", "shows"), [((), False), (("--profile", "forensic"), True)])
def test_scan_with_a_report_writes_a_page_without_secrets_and_by_default_without_odd_words(
    gitfleet: Gitfleet, tmp_path: Path, start: Programs, more: tuple[str, ...], shows: bool
) -> None:
    left = leaked(start, "codex-7h3k9q2m", tmp_path, "--password", "hunter2hunter2", "payroll<b>")
    page = tmp_path / "host.html"
    told = gitfleet(tmp_path, "scan", "--seconds", "0", "--report", str(page), *more).ok()
    assert f"{page}: written" in told.stderr
    made = page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    assert str(left) in made
    assert "hunter2" not in made
    assert ("payroll&lt;b&gt;" in made) is shows
    assert "payroll<b>" not in made


def test_scan_with_a_report_over_a_file_of_somebody_is_refused(gitfleet: Gitfleet, tmp_path: Path) -> None:
    page = tmp_path / "notes.html"
    page.write_text("mine\n")
    gitfleet(tmp_path, "scan", "--seconds", "0", "--report", str(page)).ended(20)
    assert page.read_text() == "mine\n"
