"""`agent list|show|new`, `config check|show`: agent files on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import forms
from tests.workbench import Gitfleet


@pytest.fixture
def ada(member: Path) -> Path:
    return member


def test_agent_that_is_new_runs_as_its_file_says(ada: Path, gitfleet: Gitfleet) -> None:
    new = forms.held(gitfleet(ada, "agent", "new", "tidy", "--json").ok().json())
    assert new["file"] == str(ada / "agents/tidy.yaml")
    assert "There is tidy.yaml" in gitfleet(ada, "agent", "new", "tidy").ended(2).stderr
    job = forms.held(gitfleet(ada, "trigger", "tidy", "--json").ok().json())["job"]["id"]
    (row,) = forms.held(gitfleet(ada, "agent", "list", "--json").ok().json())["agents"]
    assert (row["name"], row["runtime"], row["queued"], row["state"]) == ("tidy", "command", [job], "idle")
    gitfleet(ada, "run", "--until-idle").ok()
    shown = forms.held(gitfleet(ada, "agent", "show", "tidy", "--json").ok().json())
    assert (shown["agent"]["last_job"], shown["file"]) == (job, new["file"])
    assert shown["configuration"]["limits"]["wall"] == "2h"
    assert f"last job: {job}" in gitfleet(ada, "agent", "show", "tidy").ok().stdout
    assert "tidy   command  idle   0/1   0" in gitfleet(ada, "agent", "list").ok().stdout


def test_configuration_is_checked_as_a_whole_and_shown_with_its_defaults(
    ada: Path, gitfleet: Gitfleet
) -> None:
    (ada / "agents").mkdir()
    (ada / "agents/fleet.yaml").write_text("concurrency: 2\ndefaults: {priority: 7}\n")
    (ada / "agents/a.yaml").write_text("command: [no-such-program]\nworking_directory: ..\n")
    checked = gitfleet(ada, "config", "--json").ok().json()
    assert forms.held(checked, command="config check")["agents"] == ["a"]
    assert checked["warnings"] == ["agent a: the program no-such-program is not in PATH here"]
    shown = forms.held(gitfleet(ada, "config", "show", "--json").ok().json())
    fleet = {"concurrency": 2, "history": {"archive": "hub"}, "lease": "3m"}
    assert (shown["fleet"], shown["agents"]["a"]["priority"]) == (fleet, 7)
    assert (
        gitfleet(ada, "config", "show")
        .ok()
        .stdout.startswith(
            "# fleet.yaml\nconcurrency: 2\nlease: 3m\nhistory:\n  archive: hub\n\n# a\nname: a"
        )
    )
    assert "There is no agent 'b'" in gitfleet(ada, "config", "show", "b").ended(2).stderr
    (ada / "agents/b.yaml").write_text("command: [sh]\npriority: 1\nworking_directory: /\n")
    assert (
        "b.yaml:3: working_directory: / is not in a git repository" in gitfleet(ada, "config").ended(2).stderr
    )
    (ada / "agents/b.yaml").write_text("comand: [sh]\n")
    (ada / "agents/c.yaml").write_text("limits: {wal: 5m}\ncommand: x\n")
    found = gitfleet(ada, "config", "check", "--json").ended(2).json()["data"]
    forms.held({**gitfleet(ada, "config", "check", "--json").json()}, 2)
    assert [one.rpartition("/")[2] for one in found["error"]["validation_errors"]] == [
        "b.yaml:1: comand: there is no such key; did you mean command?",
        "c.yaml:1: limits.wal: there is no such key; did you mean limits.wall?",
    ]
