"""Scopes, with a `systemd-run` that records what it is told: what passes through its arguments, and what counts as a limit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gitfleet.jobs.shepherd import control, records, scopes, scoping
from gitfleet.jobs.shepherd.records import ScopeSpec
from tests.jobs.shepherd.agents import PYTHON, SAY, SLEEP, ended, heard, python, ran, runs, said, spec

RUN = f"""#!{PYTHON} -IS
import json, os, sys
json.dump([sys.argv, dict(os.environ)], open(os.environ["XDG_RUNTIME_DIR"] + "/told", "w"))
if os.path.exists(os.environ["XDG_RUNTIME_DIR"] + "/refuse"):
    sys.exit("Failed to connect to bus: No medium found")
command = sys.argv[sys.argv.index("--") + 1:]
os.execvp(command[0], command)
"""
HOSTILE = "$HOME %h `x` --property=MemoryMax=1"


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A folder with a `systemd-run`, which is the runtime folder as well."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    (folder / "systemd-run").write_text(RUN)
    (folder / "systemd-run").chmod(0o755)
    return folder


def scope(runtime: Path, **more: int) -> ScopeSpec:
    return ScopeSpec("gitfleet-codex-1.scope", environment={"XDG_RUNTIME_DIR": str(runtime)}, **more)


def path(runtime: Path) -> dict[str, str]:
    return {"PATH": f"{runtime}:{os.environ['PATH']}"}


def test_agent_in_a_scope_has_its_argv_environment_and_input_unchanged(tmp_path: Path, runtime: Path) -> None:
    show = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ.get('ONE'), 'XDG_RUNTIME_DIR' in os.environ, sys.stdin.read()]))"
    made = spec(
        *python(show), HOSTILE, env={"ONE": HOSTILE, **path(runtime)}, stdin="prompt",
        scope=scope(runtime, memory=1 << 30, tasks=99),
    )  # fmt: skip
    end = ran(tmp_path / "attempt", made)
    assert end.code == 0
    assert json.loads(said(tmp_path / "attempt", "stdout")[0]) == [[HOSTILE], HOSTILE, False, "prompt"]
    told, env = json.loads((runtime / "told").read_text())
    assert not any(HOSTILE in word for word in told)
    assert "ONE" not in env
    assert {
        "--unit=gitfleet-codex-1.scope",
        "--property=MemoryMax=1073741824",
        "--property=TasksMax=99",
    } <= set(told)
    assert any(word.startswith("--description=gitfleet") for word in told)
    assert not (tmp_path / "attempt" / records.SCOPE_START).exists()


def test_limit_that_no_control_group_shows_is_not_in_force(tmp_path: Path, runtime: Path) -> None:
    shepherd_folder = tmp_path / "attempt"
    shepherd_folder.mkdir()
    shepherd = control.start(
        str(shepherd_folder),
        spec(*python(SAY, SLEEP), env=path(runtime), scope=scope(runtime, memory=1 << 30)),
    )
    (words,) = heard(shepherd_folder, b"ready")
    shepherd.stop()
    end = ended(shepherd_folder, shepherd)
    assert end.memory_limit is False
    assert not runs(int(words[1]))


def test_scope_that_is_refused_fails_with_what_systemd_said(tmp_path: Path, runtime: Path) -> None:
    (runtime / "refuse").touch()
    end = ran(tmp_path / "attempt", spec("true", env=path(runtime), scope=scope(runtime)))
    assert (end.outcome, end.code) == ("failed", 1)
    assert end.result is not None
    assert "Failed to connect to bus" in end.result.errors[-1]
    assert not (tmp_path / "attempt" / records.SCOPE_START).exists()


def test_control_group_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    group = str(tmp_path)
    assert (scoping.limited(group), scoping.members(group), scoping.out_of_memory(group)) == (
        False,
        [],
        False,
    )
    (tmp_path / "memory.max").write_text("max\n")
    assert scoping.limited(group) is False
    (tmp_path / "memory.max").write_text("1073741824\n")
    (tmp_path / "cgroup.procs").write_text("12\n34\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n")
    assert (scoping.limited(group), scoping.members(group), scoping.out_of_memory(group)) == (
        True,
        [12, 34],
        True,
    )
    scoping.kill(str(tmp_path / "gone"))


@pytest.mark.parametrize(
    ("running", "linger", "usable", "lasting"),
    [("running", "yes", True, True), ("degraded", "no", True, False), ("offline", "no", False, False)],
)
def test_users_manager_is_looked_for_before_a_scope_is_wished(
    tmp_path: Path, running: str, linger: str, usable: bool, lasting: bool
) -> None:
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd/private").touch()
    for name, said_ in (("systemctl", running), ("loginctl", linger), ("systemd-run", "")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {said_}\n")
        (tmp_path / name).chmod(0o755)
    found = scopes.support({"PATH": f"{tmp_path}:{os.environ['PATH']}", "XDG_RUNTIME_DIR": str(tmp_path)})
    assert (found.usable, found.lasting) == (usable, lasting)
    assert bool(found.why) == (not (usable and lasting))
    assert found.environment == {"XDG_RUNTIME_DIR": str(tmp_path)}


def test_host_without_systemd_has_no_scopes(tmp_path: Path) -> None:
    found = scopes.support({"PATH": str(tmp_path), "XDG_RUNTIME_DIR": "/x"})
    assert not found.usable
    assert "systemd" in found.why
    assert not scopes.support({"PATH": os.environ["PATH"]}).usable


@pytest.mark.parametrize(
    ("session", "unit"),
    [
        ("codex-7h3k9q2m", "gitfleet-codex-7h3k9q2m-2.scope"),
        ("a b/../$x", "gitfleet-a_b_.._x-2.scope"),
        ("x" * 300, f"gitfleet-{'x' * 64}-2.scope"),
    ],
)
def test_scope_is_named_after_its_session(session: str, unit: str) -> None:
    assert scopes.unit(session, 2) == unit
