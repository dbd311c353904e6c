"""What an attempt had used whose shepherd was killed: as far as its client had told of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.attempts import plan, traces
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import records
from gitfleet.jobs.streams.lines import encode
from gitfleet.jobs.words import JobStatus

SETUP = {"type": "assistant", "message": {"id": "m0", "model": "m", "usage": {"input_tokens": 9}}}
MESSAGE = {"type": "assistant", "message": {"id": "m1", "model": "m", "usage": {"input_tokens": 6}}}
TURN = {"type": "turn.completed", "usage": {"input_tokens": 5, "output_tokens": 1}}


@pytest.mark.parametrize(
    ("runtime", "models"),
    [
        ("claude", {"m": {"inputTokens": 6}}),
        ("codex", {"": {"input_tokens": 5, "output_tokens": 1}}),
        ("acp", {}),
    ],
)
def test_usage_of_a_lost_attempt_is_read_from_its_stream(
    tmp_path: Path, runtime: str, models: dict[str, Any]
) -> None:
    store = JobStore(str(tmp_path / "state"))
    job = store.create(JobRecord(job_ids.new(), "ada", JobStatus.QUEUED))
    command = ["x"] if runtime == "acp" else []
    agent = Agent.model_validate({"name": "ada", "runtime": runtime, "command": command})
    taken = plan.take(store, job.id, agent)
    folder = store.attempt_folder(job.id, 1)
    lines = [
        encode(1, 0, "stdout", json.dumps(SETUP).encode(), type="setup"),
        encode(2, 0, "stdout", json.dumps(MESSAGE).encode()),
        encode(3, 0, "json", json.dumps(TURN).encode(), type="result", event={}),
        encode(4, 0, "json", b'{"type": "assis', cut=True),
    ]
    Path(folder, records.STREAM).write_bytes(b"".join(lines))
    usage = traces.of(store, taken, folder, None).get("usage", Usage())
    assert usage.models == models


def test_lost_attempt_without_a_stream_told_nothing(tmp_path: Path) -> None:
    store = JobStore(str(tmp_path / "state"))
    job = store.create(JobRecord(job_ids.new(), "ada", JobStatus.QUEUED))
    taken = plan.take(store, job.id, Agent.model_validate({"name": "ada", "runtime": "claude"}))
    facts = traces.of(store, taken, store.attempt_folder(job.id, 1), None)
    assert (dict(facts["usage"].models), facts["cost"]) == ({}, None)
