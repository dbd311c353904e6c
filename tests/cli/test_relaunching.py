"""Sessions that a reboot has ended, gone on with: in this terminal, and in windows of tmux."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from gitfleet.jobs.daemon import presence
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import EndCause, JobStatus
from gitfleet.sessions import interrupted
from gitfleet.sessions.interrupted import InterruptedSession
from tests.workbench import Gitfleet, Overlay

CLAUDE = '#!/bin/sh\necho "$GITFLEET_SESSION in $(pwd): $*" > "$SAID"\nexit ${CODE:-0}\n'
TMUX = '#!/bin/sh\nprintf \'%s\\n\' "$*" >> "$SAID"\ncase $1 in has-session) test -e "$SAID.begun";; new-session) : > "$SAID.begun";; esac\n'


@pytest.fixture
def state(member: Path) -> str:
    return str(member / ".git/gitfleet")


@pytest.fixture
def programs(tmp_path: Path) -> Callable[..., Overlay]:
    """Puts programs first in PATH; what they are called with is in `said`."""

    def made(**texts: str) -> Overlay:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "SAID": str(tmp_path / "said"), "TMUX": None}

    return made


def noted(state: str, name: str, worktree: Path, agent: str = "claude") -> None:
    own = {"client": "claude", "conversation": f"c-{name}"} if agent == "claude" else {}
    interrupted.keep(
        state, InterruptedSession(name, str(worktree), agent=agent, at=clock.now(), title="T", **own)
    )


def names(state: str) -> list[str]:
    return [one.session for one in interrupted.kept(state)]


def test_session_goes_on_as_itself_in_its_worktree_and_conversation(
    member: Path, state: str, gitfleet: Gitfleet, programs: Callable[..., Overlay], tmp_path: Path
) -> None:
    env = {**programs(claude=CLAUDE), "CODE": "3"}
    tree = Path(
        gitfleet(member, "worktree", "ensure", "--session", "one", "--json").ok().json()["data"]["path"]
    )
    noted(state, "one", tree)
    noted(state, "two", tree)
    ran = gitfleet(member, "restore", "one", "--json", env=env).ended(3)
    schema.validate(schemas.COMMANDS["restore -- session"].data, ran.json()["data"])
    assert (tmp_path / "said").read_text() == f"one in {tree}: --resume c-one\n"
    assert names(state) == ["two"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", "Those that were: gone-1, make-1"),
        ("make-1", "cd '/no/such'"),
        ("gone-1", "The worktree of gone-1 is gone"),
    ],
)
def test_session_that_cannot_go_on_is_told_of(
    member: Path, state: str, gitfleet: Gitfleet, name: str, words: str
) -> None:
    noted(state, "gone-1", Path("/no/such"))
    noted(state, "make-1", Path("/no/such"), agent="make")
    said = gitfleet(member, "restore", name).ended(2).stderr
    assert words.replace("'", "") in said.replace("'", "")
    gitfleet(member, "restore", name, "--all").ended(2)
    assert names(state) == ["gone-1", "make-1"]


def test_all_sessions_are_opened_in_windows_of_tmux(
    member: Path, state: str, gitfleet: Gitfleet, programs: Callable[..., Overlay], tmp_path: Path
) -> None:
    env = programs(tmux=TMUX)
    for name in ("one", "two"):
        noted(state, name, member)
    noted(state, "gone-1", Path("/no/such"))
    told = gitfleet(member, "restore", "--all", "--json", env=env).ok().json()["data"]
    schema.validate(schemas.COMMANDS["restore"].data, told)
    assert (told["windows"], len(told["sessions"])) == (["one", "two"], 3)
    called = (tmp_path / "said").read_text().splitlines()
    assert [line.split()[0] for line in called] == ["has-session", "new-session", "has-session", "new-window"]
    assert called[1].startswith(f"new-session -d -s gitfleet -n one -c {member} -- ")
    assert called[3].startswith(f"new-window -d -t =gitfleet: -n two -c {member} -- ")
    assert called[3].endswith(" -m gitfleet restore two")
    (tmp_path / "said").unlink()
    gitfleet(member, "restore", "--all", env={**env, "TMUX": "/tmp/x,1,0"}).ok()
    assert (tmp_path / "said").read_text().startswith(f"new-window -d -n one -c {member} -- ")


def test_tmux_that_opens_no_window_is_told_of(
    member: Path, state: str, gitfleet: Gitfleet, programs: Callable[..., Overlay], tmp_path: Path
) -> None:
    noted(state, "one", member)
    env = programs(tmux="#!/bin/sh\necho no server >&2\nexit 1\n")
    assert "no window for one: no server" in gitfleet(member, "restore", "--all", env=env).ended(20).stderr
    only, program = tmp_path / "only", shutil.which("git")
    only.mkdir()
    (only / "git").symlink_to(program or "")
    empty = {**env, "PATH": str(only)}
    assert "there is no tmux here" in gitfleet(member, "restore", "--all", env=empty).ended(2).stderr


def test_jobs_that_are_brought_back_are_run_in_the_background(member: Path, gitfleet: Gitfleet) -> None:
    (member / "agents").mkdir()
    (member / "agents/tidy.yaml").write_text("command: [sh, -c, 'exec sleep 1000']\nworking_directory: ..\n")
    store = JobStore(str(member / ".git/gitfleet/jobs"))
    attempt = AttemptRecord(1, "tidy-1", why=EndCause.TERMINATED)
    job = store.create(JobRecord(job_ids.new(), "tidy", JobStatus.RUNNING, attempts=(attempt,)))

    def lose() -> None:
        store.update(
            job.id,
            lambda one: one.decode(
                {**one.encode(), "status": "interrupted", "completed_at": clock.milliseconds()}
            ),
        )

    lose()
    assert "nobody runs jobs here now" in gitfleet(member, "restore", "--no-run").ok().stdout
    assert presence.present(store.folder) is None
    gitfleet(member, "job", "cancel", job.id).ok()
    store.reopen(job.id, lambda one: one.decode({**one.encode(), "status": "running"}))
    lose()
    try:
        told = gitfleet(member, "restore", "--json").ok().json()["data"]
        there = presence.present(store.folder)
        assert there is not None
        assert told["manager"] == there.pid
        assert "nothing was interrupted" in gitfleet(member, "restore").ok().stdout
    finally:
        gitfleet(member, "stop", "--no-wait").ok()
