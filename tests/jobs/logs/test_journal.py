"""The log of a manager: its numbers over segments and restarts, what a crash leaves, how much is kept, and how events read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gitfleet.codec import Struct
from gitfleet.jobs import events
from gitfleet.jobs.logs import entries, journal
from gitfleet.jobs.logs.entries import LogEntry
from gitfleet.jobs.logs.journal import Journal, JournalTail
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.words import JobStatus


class OddEvent(Struct):
    """One that the log has no words for."""

    agent_name: str
    job_id: str
    reason: str


def entry(words: str, **more: Any) -> LogEntry:
    return LogEntry(1, "info", "fleet", words, **more)


def messages(state: Path) -> list[str]:
    return [one.message for one in journal.read(str(state))]


def test_entry_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    written = LogEntry(5, "error", "job", "it failed", "tidy", "job-1", "job:failed")
    log = Journal(str(tmp_path))
    log.write(written)
    log.close()
    (found,) = journal.read(str(tmp_path))
    assert found.seq == 1
    assert (found.time, found.level, found.source, found.message) == (5, "error", "job", "it failed")
    assert (found.agent_name, found.job_id, found.event) == ("tidy", "job-1", "job:failed")
    assert os.stat(tmp_path / "log").st_mode & 0o077 == 0


def test_numbers_go_on_over_segments_and_restarts_and_the_oldest_go(tmp_path: Path) -> None:
    for number in range(40):
        log = Journal(str(tmp_path), limit=400, kept=3)
        log.write(entry(f"entry {number}"))
        log.close()
    found = list(journal.read(str(tmp_path)))
    assert [one.seq for one in found] == list(range(found[0].seq, 41))
    assert found[-1].message == "entry 39"
    assert len(list((tmp_path / "log").iterdir())) == 3
    (tmp_path / "log/000000000041.jsonl").touch()  # of a writer that was killed before its first entry
    log = Journal(str(tmp_path))
    log.write(entry("later"))
    log.close()
    assert [one.seq for one in journal.read(str(tmp_path), after=38)] == [39, 40, 41]


def test_reader_goes_on_from_segment_to_segment_while_it_is_written(tmp_path: Path) -> None:
    log = Journal(str(tmp_path), limit=300, kept=100)
    found = []
    with JournalTail(str(tmp_path)) as tail:
        for number in range(30):
            log.write(entry(str(number)))
            found += [one.message for one in tail.more()]
        assert tail.more() == []
    log.close()
    assert found == [str(number) for number in range(30)]
    assert len(list((tmp_path / "log").iterdir())) > 3


def test_line_that_a_crash_cut_off_is_passed_over(tmp_path: Path) -> None:
    log = Journal(str(tmp_path))
    log.write(entry("one"))
    log.close()
    with open(tmp_path / "log/000000000001.jsonl", "ab") as file:
        file.write(b'{"seq":2,"at":')
    log = Journal(str(tmp_path))
    log.write(entry("three"))
    log.close()
    assert messages(tmp_path)[0::2] == ["one", "three"]


def test_log_where_there_is_none_is_empty(tmp_path: Path) -> None:
    assert messages(tmp_path / "nowhere") == []


JOB = JobRecord("job-" + "0" * 26, "tidy", JobStatus.QUEUED, created_at=50, schedule_name="nightly")


@pytest.mark.parametrize(
    ("name", "event", "level", "source", "words"),
    [
        ("started", events.ManagerStarted(1), "info", "fleet", "started"),
        ("stopped", events.ManagerStopped(1, "why"), "info", "fleet", "stopped: why"),
        ("config:reloaded", events.ConfigReloaded(("agent:a added",)), "info", "config", "reloaded: agent:a added"),
        ("config:reloaded", events.ConfigReloaded(()), "info", "config", "reloaded: nothing has changed"),
        ("schedule:triggered", events.ScheduleTriggered("tidy", "nightly", "job-1"), "info", "schedule", "nightly of tidy made job-1"),
        ("schedule:skipped", events.ScheduleSkipped("tidy", "nightly", "missed"), "warning", "schedule", "nightly of tidy skipped: missed"),
        (
            "schedule:skipped",
            events.ScheduleSkipped("tidy", "nightly", "concurrency_limit", 2, 2),
            "warning",
            "schedule",
            "nightly of tidy skipped: concurrency_limit (2 of 2 jobs run)",
        ),
        ("job:created", events.JobCreated(JOB), "info", "job", f"{JOB.id} created for tidy, schedule nightly"),
        ("agent:started", events.AgentStarted("tidy", "J"), "info", "agent", "tidy works on J"),
        ("agent:stopped", events.AgentStopped("tidy", "J", "quota"), "info", "agent", "tidy is done with J: quota"),
        ("job:completed", events.JobCompleted("J", None), "info", "job", "J completed"),
        ("job:failed", events.JobFailed("J", "a\x1b[31m\nb"), "error", "job", "J failed: a\\x1b[31m"),
        ("job:cancelled", events.JobCancelled("J"), "info", "job", "J cancelled"),
        ("schedule:odd", OddEvent("tidy", "J", "overlap"), "info", "schedule", "odd: agent tidy, job J, reason overlap"),
    ],
)  # fmt: skip
def test_event_reads_as_an_entry(name: str, event: Struct, level: str, source: str, words: str) -> None:
    said = entries.of_event(name, event, 7, since=10)
    assert (said.level, said.source, said.message, said.time) == (level, source, words, 7)


def test_job_of_before_the_manager_reads_as_one_that_was_there() -> None:
    said = entries.of_event("job:created", events.JobCreated(JOB), 90, since=60)
    assert said.message == f"{JOB.id} of tidy was here: queued"
    assert (said.agent_name, said.job_id) == ("tidy", JOB.id)
