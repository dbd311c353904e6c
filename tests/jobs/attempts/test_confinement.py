"""Which attempts run in a scope of their own, and what is said where a limit of memory is not enforced."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.jobs.shepherd import records
from gitfleet.jobs.shepherd.records import Spec
from gitfleet.jobs.words import JobStatus
from tests.jobs.attempts.test_attempts import Bench


@pytest.fixture
def bench(member: Path) -> Bench:
    return Bench(member)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A user's systemd, which lingers or not; `systemd-run` runs what it is given, in no scope."""

    def there(linger: str) -> None:
        folder = tmp_path / "systemd-of-the-user"
        (folder / "systemd").mkdir(parents=True)
        (folder / "systemd/private").touch()
        scripts = {
            "systemctl": "echo running",
            "loginctl": f"echo {linger}",
            "systemd-run": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
        }
        for name, script in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n[ $# = 1 ] && exit\n{script}\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return there


def spec(bench: Bench, folder: str) -> Spec:
    found = records.load(Spec, folder, records.SPEC)
    assert found is not None
    return found


def test_where_the_users_systemd_lasts_every_attempt_has_a_scope_named_after_its_session(
    bench: Bench, systemd: Callable[[str], None]
) -> None:
    systemd("yes")
    job = bench.ran("true")
    scope = spec(bench, bench.folder(job)).scope
    assert scope is not None
    assert (scope.unit, scope.memory) == (f"gitfleet-{job.attempts[0].session}-1.scope", None)
    assert (job.status, job.attempts[0].notes) == (JobStatus.COMPLETED, ())


def test_where_it_ends_at_logout_only_a_limit_of_memory_is_a_reason_and_both_are_said(
    bench: Bench, systemd: Callable[[str], None]
) -> None:
    systemd("no")
    job = bench.ran("true")
    assert spec(bench, bench.folder(job)).scope is None
    job = bench.ran("true", limits={"memory": "1G"})
    scope = spec(bench, bench.folder(job)).scope
    assert scope is not None
    assert scope.memory == 1 << 30
    lingering, limit = job.attempts[0].notes
    assert "logs out" in lingering
    assert "limits.memory was not enforced" in limit


def test_limit_of_memory_that_nothing_holds_is_said_and_the_attempt_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    job = bench.ran("true", limits={"memory": "1G"})
    assert job.status is JobStatus.COMPLETED
    assert "limits.memory is not enforced" in job.attempts[0].notes[0]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such preference")
def test_agent_is_ended_before_whoever_started_it_when_memory_runs_out(bench: Bench) -> None:
    job = bench.ran("cat /proc/self/oom_score_adj")
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert int(bench.said(job)[0]) > own or own >= 500
