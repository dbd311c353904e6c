"""Agent files that are ready to use, and agent files as they are shown: what is written is read again as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.errors import UsageError
from gitfleet.jobs import submission
from gitfleet.jobs.definitions import configuration, ready_files, shown_settings
from gitfleet.jobs.definitions.configuration import Configuration


@pytest.mark.parametrize("runtime", ready_files.runtimes())
def test_ready_file_is_one_of_which_all_is_heeded(tmp_path: Path, runtime: str) -> None:
    path = ready_files.write(str(tmp_path / "agents"), "tidy", runtime, top=str(tmp_path))
    found = submission.load(path).agents["tidy"]
    assert (found.runtime, found.working_directory) == (runtime, str(tmp_path))


def test_agent_files_deeper_in_the_repository_lead_to_its_top(tmp_path: Path) -> None:
    path = ready_files.write(str(tmp_path / "a b/agents"), "tidy", "command", top=str(tmp_path))
    assert submission.load(path).agents["tidy"].working_directory == str(tmp_path)


@pytest.mark.parametrize(
    ("name", "runtime", "words"),
    [
        ("../x", "command", "is not a name"),
        ("Tidy", "command", "There is tidy.yml"),
        ("fleet", "command", "whole fleet"),
        ("other", "codx", "no runtime"),
    ],
)
def test_file_that_cannot_be_written_changes_nothing(
    tmp_path: Path, name: str, runtime: str, words: str
) -> None:
    (tmp_path / "tidy.yml").write_text("command: x\n")
    with pytest.raises(UsageError, match=words):
        ready_files.write(str(tmp_path), name, runtime, top=str(tmp_path))
    assert [one.name for one in tmp_path.iterdir()] == ["tidy.yml"]


FULL = """
command: [make, "a b"]
prompt: |
  one
  ${HOME}
description: ""
limits: {wall: null, idle: 90s, memory: 500M}
retry: {attempts: 3, backoff: 1ms}
schedules: {nightly: {cron: "@daily", timezone: Europe/Berlin}, often: {interval: 5m, enabled: false}}
env: {allow: [A, "B_*"]}
queue: true
"""


def read(folder: Path, text: str) -> Configuration:
    (folder / "tidy.yaml").write_text(text)
    return configuration.load(str(folder), environ={"HOME": "/home/${HOME}"})


def test_agent_as_it_is_shown_is_read_as_the_same(tmp_path: Path) -> None:
    before = read(tmp_path, FULL)
    told = shown_settings.yaml(shown_settings.agent(before.agents["tidy"]))
    assert "wall: null\n  idle: 90s\n" in told
    assert read(tmp_path, told).agents == before.agents


def test_secret_of_an_agent_is_not_shown(tmp_path: Path) -> None:
    found = read(tmp_path, "command: x\nrepo: https://me:hush@host/x\nenv: {set: {TOKEN: hush}}\n")
    told = shown_settings.yaml(shown_settings.agent(found.agents["tidy"]))
    assert "TOKEN: '***'" in told
    assert "hush" not in told
