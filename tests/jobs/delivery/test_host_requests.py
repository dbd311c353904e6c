"""Pull requests and merge requests, against stand-ins for the hosts' commands."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from gitfleet.codec import replace
from gitfleet.errors import HubRefused, HubUnreachable, UsageError
from gitfleet.jobs.delivery import host_requests
from gitfleet.jobs.delivery.forges import Forge
from gitfleet.jobs.delivery.host_requests import HostRequest
from tests.workbench import ROOT, Git

FORGES = {
    "github": Forge("github", "github.com", "ada/tool"),
    "gitlab": Forge("gitlab", "gitlab.example.com", "ada/sub/tool"),
}
FAKES = {
    "github": ("gh", ROOT / "tests/mergequeue/fake_gh.py"),
    "gitlab": ("glab", ROOT / "tests/jobs/delivery/fake_glab.py"),
}
STATES = {"github": ("OPEN", "CLOSED"), "gitlab": ("opened", "closed")}


class Host:
    """A host that has the branch `work`, and its command on PATH."""

    def __init__(self, kind: str, folder: Path, hub: Path, monkeypatch: pytest.MonkeyPatch, git: Git) -> None:
        self.kind, self.folder, self.forge = kind, folder, FORGES[kind]
        self.program, fake = FAKES[kind]
        git(hub, "branch", "work", "main")
        self.head = git(hub, "rev-parse", "work")
        (folder / "hub").write_text(str(hub))
        (folder / "head").write_text(self.head)
        self.command(f'exec {sys.executable} {fake} "$@"')
        for name, value in {"GH_WORLD": folder, "GLAB_WORLD": folder}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def command(self, script: str) -> None:
        path = self.folder / self.program
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def open(self, **more: Any) -> str:
        asked = HostRequest("work", self.head, "main", "--title of mine", "What was done\n")
        return host_requests.open_once(self.forge, replace(asked, **more), str(self.folder))

    @property
    def known(self) -> list[dict[str, Any]]:
        path = self.folder / "requests.json"
        return json.loads(path.read_text()) if path.exists() else []

    def change(self, **values: Any) -> None:
        (self.folder / "requests.json").write_text(json.dumps([{**one, **values} for one in self.known]))


@pytest.fixture(params=["github", "gitlab"])
def host(
    request: pytest.FixtureRequest, tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch, git: Git
) -> Host:
    folder = tmp_path / "host"
    folder.mkdir()
    return Host(request.param, folder, hub, monkeypatch, git)


def test_request_is_opened_once(host: Host) -> None:
    first = host.open()
    assert first.startswith("https://git")
    assert host.open() == first
    (one,) = host.known
    assert one["title"] == "--title of mine"


def test_request_that_was_closed_at_this_commit_is_not_opened_again(host: Host) -> None:
    first = host.open()
    host.change(state=STATES[host.kind][1])
    assert host.open() == first
    assert len(host.known) == 1


def test_request_of_an_earlier_commit_that_was_closed_is_not_taken_for_this_one(host: Host) -> None:
    first = host.open()
    name = "headRefOid" if host.kind == "github" else "sha"
    host.change(state=STATES[host.kind][1], **{name: "0" * 40})
    assert host.open() != first
    assert len(host.known) == 2


def test_request_of_a_fork_with_a_branch_of_that_name_is_not_taken_for_ours(host: Host) -> None:
    host.open()
    host.change(isCrossRepository=True, source_project_id=8)
    host.open()
    assert len(host.known) == 2


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("echo 'not logged in \033[31m' >&2; exit 4", HubUnreachable, "exit code 4: not logged in \\\\x1b"),
        ("echo 'hello'", HubRefused, "not as expected"),
        ("echo '{\"a\": 1}'", HubRefused, "not as expected"),
        ("echo '[{\"url\": 1}]'", HubRefused, "not as expected"),
        ("echo '[]'", HubUnreachable, "does not show it yet"),
    ],
)
def test_command_that_does_not_do_its_part_is_named(
    host: Host, script: str, error: type[Exception], words: str
) -> None:
    host.command(script)
    with pytest.raises(error, match=words):
        host.open()


def test_command_that_is_not_there_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(host.folder / "nothing"))
    with pytest.raises(UsageError, match=f"no program '{host.program}'"):
        host.open()


def test_plain_hub_has_no_requests(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no GitHub or GitLab"):
        host_requests.open_once(Forge("plain"), HostRequest("a", "b", "c", "d", "e"), str(tmp_path))
