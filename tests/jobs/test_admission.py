"""Which jobs may start: the order, the limits, and what a long queue costs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gitfleet.jobs import admission
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.words import JobStatus


def jobs(words: str) -> list[JobRecord]:
    """`a5` is a job of agent a with priority 5; in the order in which they came."""
    return [
        JobRecord(job_ids.new(), word[0], JobStatus.QUEUED, priority=int(word[1:] or 0), prompt=word)
        for word in words.split()
    ]


@pytest.mark.parametrize(
    ("queued", "running", "fleet", "admitted"),
    [
        ("a b a", [], None, ["a", "b"]),
        ("a1 a2", [], None, ["a2"]),
        ("a1 b2 c3", [], 2, ["c3", "b2"]),
        ("a b", ["a"], None, ["b"]),
        ("a b", ["c"], 1, []),
        ("a b", ["a", "a"], 9, ["b"]),
        ("x a", [], None, ["a"]),
        ("h h a", [], None, ["a"]),
    ],
)
def test_jobs_are_admitted_by_priority_then_first_come_as_far_as_limits_go(
    queued: str, running: Sequence[str], fleet: int | None, admitted: list[str]
) -> None:
    limits = {"a": 1, "b": 1, "c": 1, "h": 1}
    found = admission.admitted(
        jobs(queued), running, limit_of=lambda name: limits.get(name, 0), fleet_limit=fleet,
        held=lambda job: job.agent_name == "h",
    )  # fmt: skip
    assert [job.prompt for job in found] == admitted


def test_limits_are_asked_once_for_each_agent_however_many_wait() -> None:
    asked: list[str] = []

    def limit_of(name: str) -> int:
        asked.append(name)
        return 1

    assert len(admission.admitted(jobs("a " * 50 + "b"), ["a"], limit_of=limit_of, fleet_limit=None)) == 1
    assert sorted(asked) == ["a", "b"]
