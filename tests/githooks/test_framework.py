"""The gates as hooks of the pre-commit framework: what `.pre-commit-hooks.yaml` offers, run as the framework runs it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gitfleet.githooks import framework
from gitfleet.githooks.shims import GATED
from tests.gatebench import Gated, refused
from tests.workbench import OUTER_ENVIRONMENT, ROOT, Overlay, Ran, run

PATH = "src/api/a.py"
FRAMEWORK = shutil.which("pre-commit", path=OUTER_ENVIRONMENT.get("PATH"))


def offered() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(ROOT / ".pre-commit-hooks.yaml")
    return found


def entry(hook: str) -> list[str]:
    """The command of a hook, with this checkout importable where gitfleet is not installed."""
    (line,) = [one["entry"] for one in offered() if one["stages"] == [hook]]
    program, isolated, flag, module, *rest = shlex.split(line)
    assert (program, isolated, flag) == ("python", "-I", "-m")
    start = f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); runpy.run_module({module!r}, run_name='__main__')"
    return [sys.executable, "-I", "-c", start, *rest]


def call(clone: Gated, hook: str, *args: str | Path, env: Overlay | None = None) -> Ran:
    return run([*entry(hook), *args], clone.path, env={**clone.as_session(clone.session), **(env or {})})


MESSAGES = ("prepare-commit-msg", "commit-msg")


@pytest.fixture
def clone(ada: Gated) -> Gated:
    """A clone of a fleet without hooks of its own."""
    ada.keep_gates()
    return ada


def test_every_gate_is_offered_at_its_stage_and_asked_once_for_all_files() -> None:
    assert (
        [one["stages"] for one in offered()] == [[hook] for hook in framework.HOOKS] == [[h] for h in GATED]
    )
    for one in offered():
        assert one["language"] == "python"
        assert one["always_run"] is True
        assert one.get("pass_filenames", True) is (one["stages"][0] in MESSAGES)


def test_pre_commit_stops_what_is_not_claimed(clone: Gated) -> None:
    clone.write(PATH)
    refused(call(clone, "pre-commit"), PATH, "has not claimed")
    clone.claim(PATH)
    call(clone, "pre-commit").ok()


@pytest.mark.parametrize(("source", "signed"), [("message", True), ("", False)])
def test_message_names_the_claims_once_somebody_has_written_it(
    clone: Gated, tmp_path: Path, source: str, *, signed: bool
) -> None:
    message = tmp_path / "message"
    message.write_text("words\n")
    clone.write(PATH)
    told: Overlay = {"PRE_COMMIT_COMMIT_MSG_SOURCE": source or None, "GIT_EDITOR": "vi"}
    refused(call(clone, "prepare-commit-msg", message, env=told), PATH)
    claim = clone.claim(PATH)
    call(clone, "prepare-commit-msg", message, env=told).ok()
    assert (f"Fleet-Claim: {claim}" in message.read_text()) is signed
    message.write_text(message.read_text() + "more words\n")
    call(clone, "commit-msg", message, env=told).ok()
    assert message.read_text().count(f"Fleet-Claim: {claim}") == 1


def test_push_is_judged_by_what_the_framework_tells_of_it(clone: Gated) -> None:
    clone.write(PATH)
    clone.commit().ok()
    told: Overlay = {
        "PRE_COMMIT_REMOTE_NAME": "origin",
        "PRE_COMMIT_REMOTE_URL": "../hub.git",
        "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/main",
        "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/main",
        "PRE_COMMIT_TO_REF": clone.out("rev-parse", "HEAD"),
        "PRE_COMMIT_FROM_REF": clone.out("rev-parse", "HEAD~1"),
    }
    refused(call(clone, "pre-push", env=told), PATH)
    refused(
        call(clone, "pre-push", env={**told, "PRE_COMMIT_REMOTE_BRANCH": "refs/fleet/coord"}), "own record"
    )
    clone.claim(PATH)
    call(clone, "pre-push", env=told).ok()
    call(clone, "pre-push", env=dict.fromkeys(told)).ok()


def test_clone_without_a_fleet_passes_everything(clone: Gated) -> None:
    (clone.fleets.state("ada") / "node.json").unlink()
    clone.write(PATH)
    call(clone, "pre-commit").ok()
    call(clone, "pre-push").ok()


def test_name_that_is_no_gate_is_refused(clone: Gated) -> None:
    start = [*entry("pre-commit")[:-1], "post-commit"]
    assert run(start, clone.path).ended(2).stderr.startswith("gitfleet: one of")


@pytest.mark.skipif(FRAMEWORK is None, reason="the pre-commit framework is not installed")
def test_the_framework_itself_runs_the_gates(clone: Gated) -> None:
    lines = [
        "default_install_hook_types: [pre-commit, prepare-commit-msg, pre-push]",
        "repos:",
        "- repo: local",
        "  hooks:",
    ]
    for one in offered():
        (stage,) = one["stages"]
        program = clone.fleets.root / f"run-{stage}"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(entry(stage))} "$@"\n')
        program.chmod(0o755)
        kept = {
            name: one[name]
            for name in ("id", "name", "always_run", "pass_filenames", "stages")
            if name in one
        }
        lines.append(f"  - {kept | {'language': 'system', 'entry': str(program)}}")
    home: Overlay = {"PRE_COMMIT_HOME": str(clone.fleets.root / "home")}
    (clone.path / ".pre-commit-config.yaml").write_text(
        "\n".join(lines).replace("True", "true").replace("False", "false")
    )
    assert FRAMEWORK is not None
    run([FRAMEWORK, "install"], clone.path, env=home).ok()
    clone.out("add", ".pre-commit-config.yaml")
    clone.claim(".pre-commit-config.yaml")
    clone.git("commit", "-m", "with the framework", env=home).ok()
    assert len(clone.trailers()) == 2
    clone.write(PATH)
    for how in (["-m", "try"], ["--no-verify", "-m", "try"]):
        ran = clone.git("commit", *how, env=home)
        assert ran.returncode
        assert PATH in ran.stdout + ran.stderr
    assert os.listdir(clone.path / ".git/hooks")
    clone.claim(PATH)
    clone.git("commit", "--no-verify", "-m", "claimed", env=home).ok()
    clone.git("push", "origin", "main", env=home).ok()
