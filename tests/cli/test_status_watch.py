"""A watch shows what a fresh `status` does, whatever happens; and while nothing does, it starts no process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from gitfleet.cli import status_view, status_watch
from gitfleet.cli.answer import Reply
from gitfleet.cli.status_watch import StatusWatch
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions.service import Start
from tests import jobbench
from tests.cli.conftest import Cli
from tests.workbench import PATIENCE, run

_STARTED: list[str] = []


def _noted(event: str, arguments: tuple[object, ...]) -> None:
    if event in jobbench.STARTS:
        _STARTED.append(repr(arguments[:2])[:300])


sys.addaudithook(_noted)


class OnWatch:
    """A watch on a clone, in this process, and what it shows beside what a fresh look finds."""

    def __init__(self, cli: Cli, process: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.cli, self.process = cli, process
        self.watch = StatusWatch(0, whole=True)

    def shown(self) -> tuple[Reply, list[str]]:
        """What it shows now, and which processes that took."""
        before = len(_STARTED)
        return self.watch.look(), _STARTED[before:]

    def again(self) -> tuple[Reply, list[str]]:
        """The same once it was told of something."""
        assert self.watch.wait()
        return self.shown()


def content(found: Reply) -> Mapping[str, Any]:
    """What does not move with the clock alone."""
    data: dict[str, Any] = dict(found.told)
    data["sessions"] = [{**row, "idle": 0, "quiet_for": 0} for row in data["sessions"]]
    data["ledger"] = {**data["ledger"], "age": 0}
    return {**data, "warnings": list(found.warnings)}


def begins(on: OnWatch, worktree: Path, session: str) -> None:
    """Have a session at work in a worktree."""
    with Fleet.open(str(worktree)) as fleet:
        fleet.sessions.start(Start(session, pid=on.process().pid, agent="codex"))


@pytest.fixture(params=["alone", "ada"])
def watch(
    request: pytest.FixtureRequest,
    process: Callable[[], subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[OnWatch]:
    """Without a hub and with one."""
    cli = request.getfixturevalue("cli" if request.param == "alone" else "hub_cli")
    monkeypatch.chdir(cli.clone.path)
    monkeypatch.setattr(status_watch, "GAP", 0.0)
    monkeypatch.setattr(status_watch, "LOOK_AGAIN", PATIENCE)
    found = OnWatch(cli, process)
    begins(found, cli.clone.path, "s0")
    cli("maintainer", "run").ok()
    found.shown()
    yield found
    found.watch.close()


def test_round_that_changes_nothing_makes_a_watch_start_no_process(watch: OnWatch) -> None:
    before, _ = watch.shown()
    watch.cli("maintainer", "run").ok()
    watch.watch._found = None  # as if it had been told of more
    after, started = watch.shown()
    assert started == []
    assert content(after) == content(before)


def claims(on: OnWatch) -> None:
    on.cli.clone.write("src/deep/new.py")
    on.cli("claim", "src/", "--session", "s0").ok()


def commits(on: OnWatch) -> None:
    on.cli.clone.git("switch", "--quiet", "-c", "work").ok()
    on.cli.clone.git("commit", "--quiet", "--allow-empty", "--no-verify", "-m", "more").ok()


def stages(on: OnWatch) -> None:
    on.cli.clone.write("src/deep/new.py")
    run(["git", "add", "src/deep/new.py"], on.cli.clone.path).ok()


def adds_a_file(on: OnWatch) -> None:
    on.cli.clone.write("new.py")


def starts_in_a_new_worktree(on: OnWatch) -> None:
    other = on.cli.clone.path.with_name("other")
    on.cli.clone.git("worktree", "add", "--quiet", "-b", "work", other).ok()
    Path(other, "new.py").write_text("x")
    begins(on, other, "s1")


def ends_a_session(on: OnWatch) -> None:
    with on.cli.clone.open() as fleet:
        fleet.sessions.end(SessionId("s0"))


def breaks_a_hook(on: OnWatch) -> None:
    (on.cli.clone.path / ".git/hooks/pre-commit").unlink()


def loses_the_launcher(on: OnWatch) -> None:
    (on.cli.clone.path / ".git/gitfleet/launcher").unlink()


def bypasses_the_hooks(on: OnWatch) -> None:
    on.cli.clone.git("config", "core.hooksPath", "elsewhere").ok()


CHANGES = [
    claims, commits, stages, adds_a_file, starts_in_a_new_worktree, ends_a_session, breaks_a_hook, loses_the_launcher,
    bypasses_the_hooks,
]  # fmt: skip


@pytest.mark.sample(6)
@pytest.mark.parametrize("happens", CHANGES)
def test_watch_after_a_change_shows_what_a_fresh_status_does(
    watch: OnWatch, happens: Callable[[OnWatch], None]
) -> None:
    before, _ = watch.shown()
    happens(watch)
    fresh = content(status_view.look(0, whole=True))
    assert fresh != content(before)
    looks = (content(watch.again()[0]) for _ in range(20))  # it may be told of each step
    assert fresh in looks


def test_watch_that_is_told_of_nothing_sees_settings_of_the_user_at_its_next_look(watch: OnWatch) -> None:
    watch.shown()
    run(["git", "config", "--global", "core.hooksPath", "elsewhere"], watch.cli.clone.path).ok()
    fresh = status_view.look(0, whole=True)
    assert any("core.hooksPath" in said for said in fresh.warnings)
    watch.cli("claim", "src/").ok()
    found, _ = watch.again()
    assert found.warnings == fresh.warnings
