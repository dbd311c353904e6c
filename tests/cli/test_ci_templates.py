"""The templates for CI: that they can be read, and that what they run does what they say, as their services run it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.gatebench import Gated
from tests.workbench import ROOT, Git, Gitfleet, Ran, run

TEMPLATES = ROOT / "templates/ci"
A = "src/api/a.py"


def read(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((TEMPLATES / name).read_text(encoding="utf-8"))


class Service:
    """A checkout of one commit, on no branch, in which the commands of a template are run."""

    def __init__(self, path: Path, programs: Path, base: str, head: str) -> None:
        self.path, self._programs, self.base, self.head = path, programs, base, head

    def run(self, command: str, **env: str) -> Ran:
        path = f"{self._programs}:/usr/local/bin:/usr/bin:/bin"
        return run(
            ["sh", "-e", "-c", command], self.path, env={"PATH": path, "GITFLEET_SESSION": None, **env}
        )


@pytest.fixture
def service(ada: Gated, git: Git, gitfleet: Gitfleet, tmp_path: Path) -> Service:
    """The checkout of a branch with one commit, made under a claim."""
    base = ada.out("rev-parse", "HEAD")
    ada.out("checkout", "--quiet", "-b", "feature")
    ada.claim(A)
    ada.write(A)
    ada.commit().ok()
    head = ada.out("rev-parse", "HEAD")
    ada.out("push", "--quiet", "origin", "feature")
    checkout, programs = tmp_path / "checkout", tmp_path / "programs"
    git(tmp_path, "init", "--quiet", checkout)
    git(checkout, "remote", "add", "origin", f"file://{ada.fleets.hub}")
    git(
        checkout, "fetch", "--quiet", "--no-tags", "--depth=1", "origin", f"+{head}:refs/remotes/pull/1/merge"
    )
    git(checkout, "checkout", "--quiet", "--force", "refs/remotes/pull/1/merge")
    programs.mkdir()
    settings = [f"{name}={shlex.quote(value)}" for name, value in gitfleet.environment().items()]
    program = programs / "gitfleet"
    program.write_text(f'#!/bin/sh\nexec env {" ".join(settings)} {shlex.join(gitfleet.argv())} "$@"\n')
    program.chmod(0o755)
    return Service(checkout, programs, base, head)


def on_github(service: Service) -> Ran:
    steps = read("github-actions.yml")["jobs"]["claims"]["steps"]
    assert steps[0]["with"] == {"fetch-depth": 1}
    step = next(step for step in steps if "gitfleet check" in step.get("run", ""))
    assert "${{" not in step["run"], "names that others choose must not become part of a command"
    assert set(step["env"]) == {"BASE", "HEAD"}
    return service.run(step["run"], GITHUB_ACTIONS="true", BASE=service.base, HEAD=service.head)


def on_gitlab(service: Service, **more: str) -> Ran:
    job = read("gitlab-ci.yml")["gitfleet"]
    assert job["variables"] == {"GIT_DEPTH": "1"}
    command = next(line for line in job["script"] if "gitfleet check" in line)
    names = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": service.base, "CI_COMMIT_SHA": service.head, **more}
    return service.run(command, **names)


def test_template_for_github_passes_what_was_claimed_and_names_what_others_have_now(
    service: Service, ada: Gated, bob: Gated
) -> None:
    on_github(service).ok()
    ada.release()
    bob.claim(A)
    assert f"::error file={A},title=gitfleet stale::" in on_github(service).ended(15).stdout


def test_template_for_gitlab_passes_what_was_claimed_and_reports_what_others_have_now(
    service: Service, ada: Gated, bob: Gated
) -> None:
    report = service.path / read("gitlab-ci.yml")["gitfleet"]["artifacts"]["reports"]["codequality"]
    on_gitlab(service).ok()
    assert json.loads(report.read_text()) == []
    ada.release()
    bob.claim(A)
    on_gitlab(service, CI_COMMIT_SHA="1" * 40, CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=service.head).ended(15)
    assert [item["location"]["path"] for item in json.loads(report.read_text())] == [A]


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_template_installs_nothing_else_and_needs_no_setting_up(name: str) -> None:
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    assert "pip install gitfleet\n" in text
    assert "gitfleet init" not in text
