"""A manager has people told of what needs them, once, whoever else tells them at the same time, and however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitfleet import FleetManager
from tests.jobbench import until
from tests.workbench import UNSEEN, Git, Gitfleet

RULES = "version: 1\ncommits: off\nnotify: {{command: [{program}], dwell: 0s}}\n"


@pytest.fixture
def place(lone_member: Path, gitfleet: Gitfleet, git: Git, tmp_path: Path) -> Iterator[Path]:
    """A clone with an agent, a session whose process is gone, and rules that tell a program; it goes on when it may."""
    (lone_member / "agents").mkdir()
    (lone_member / "agents/tidy.yaml").write_text("command: [sh, -c, echo one]\nworking_directory: ..\n")
    tell = tmp_path / "tell"
    tell.write_text(
        f"#!/bin/sh\ntouch {tmp_path}/begun; read go <{tmp_path}/go; cat >>{tmp_path}/told; touch {tmp_path}/done\n"
    )
    tell.chmod(0o755)
    os.mkfifo(tmp_path / "go")
    (lone_member / "gitfleet.yaml").write_text(RULES.format(program=tell))
    git(lone_member, "add", "gitfleet.yaml")
    git(lone_member, *UNSEEN, "commit", "--quiet", "--no-verify", "-m", "rules")
    gone = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    gitfleet(lone_member, "session", "start", "--id", "gone", "--pid", str(gone.pid)).ok()
    gone.communicate()
    gitfleet(lone_member, "sync").ok()
    yield lone_member
    gitfleet(lone_member, "stop", "--no-wait")


@pytest.mark.parametrize("ends", ["stopped", "killed"])
def test_people_are_told_once_by_a_manager_beside_others_and_however_it_ends(
    place: Path, gitfleet: Gitfleet, tmp_path: Path, ends: str
) -> None:
    pid = gitfleet(place, "start", "--json").ok().json()["data"]["manager"]["pid"]
    until((tmp_path / "begun").exists)
    beside = gitfleet(place, "inbox", "notify", "--json").ok().json()["data"]
    assert (beside["told"], beside["words"]) == ([], "another round goes on")
    if ends == "killed":
        os.kill(pid, signal.SIGKILL)
    else:
        gitfleet(place, "stop").ok()
    (tmp_path / "go").write_text("go\n")
    until((tmp_path / "done").exists)
    until(
        lambda: (
            gitfleet(place, "inbox", "notify", "--json").ok().json()["data"]["words"] == "nothing new to tell"
        )
    )
    assert (tmp_path / "told").read_text().count("dead-session: gone: ") == 1


def test_manager_starts_no_round_where_nobody_is_to_be_told(lone_member: Path, gitfleet: Gitfleet) -> None:
    (lone_member / "agents").mkdir()
    (lone_member / "agents/tidy.yaml").write_text("command: [sh, -c, echo one]\nworking_directory: ..\n")
    gitfleet(lone_member, "trigger", "tidy").ok()
    gitfleet(lone_member, "run", "--until-idle").ok()
    assert not list((lone_member / ".git/gitfleet").glob("**/told.json"))
    assert FleetManager(config_path=str(lone_member / "agents"))._people._bell is None
