"""Which attempts are followed by another one, when, and what that goes on from."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.codec import replace
from gitfleet.jobs.attempts import successors
from gitfleet.jobs.definitions.schema import RetryRules
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import AttemptOutcome, JobStatus

NOW = 1_000_000
MINUTE = 60_000
ID = job_ids.new()


def attempt(number: int, **more: Any) -> AttemptRecord:
    return AttemptRecord(number, f"tidy-{number}", **{"worktree": "/w/one", "code": 1, **more})


def job(*attempts: AttemptRecord, **more: Any) -> JobRecord:
    made = attempts or (attempt(1),)
    return JobRecord(ID, "tidy", JobStatus.RUNNING, prompt="Tidy up", attempts=made, **more)


@pytest.mark.parametrize(
    ("made", "rules", "outcome", "more", "follows"),
    [
        (1, {"attempts": 2}, "timeout", {}, True),
        (2, {"attempts": 2}, "timeout", {}, False),
        (1, {}, "timeout", {}, False),
        (1, {"attempts": 2}, "failed", {}, False),
        (1, {"attempts": 2, "outcomes": ["failed"]}, "failed", {}, True),
        (1, {"attempts": 2}, "cancelled", {}, False),
        (1, {"attempts": 2}, "timeout", {"cancelled": True}, False),
        (3, {"attempts": 2}, "timeout", {"earlier": 2}, True),
        (4, {"attempts": 2}, "timeout", {"earlier": 2}, False),
    ],
)
def test_attempt_is_followed_as_its_rules_say(
    made: int, rules: dict[str, Any], outcome: str, more: dict[str, Any], follows: bool
) -> None:
    one = job(*(attempt(number + 1) for number in range(made)), **more)
    found = successors.follows(one, RetryRules.model_validate(rules), AttemptOutcome(outcome), NOW)
    assert (found is not None) == follows
    if found:
        assert found.status is JobStatus.QUEUED
        assert found.not_before > NOW


@pytest.mark.parametrize("word", ["success", "cancelled"])
def test_rules_that_would_repeat_what_is_over_are_refused(word: str) -> None:
    with pytest.raises(ValueError, match="not tried again"):
        RetryRules.model_validate({"outcomes": [word]})


@pytest.mark.parametrize(
    ("failures", "least"),
    [(1, MINUTE), (2, 2 * MINUTE), (5, 16 * MINUTE), (7, 60 * MINUTE), (900, 60 * MINUTE)],
)
def test_delay_doubles_up_to_its_bound_with_a_part_that_is_the_jobs_own(failures: int, least: int) -> None:
    rules = RetryRules()
    found = successors.delay(rules, failures, ID)
    assert least <= found < least * 5 // 4
    assert found == successors.delay(rules, failures, ID)
    assert len({successors.delay(rules, failures, job_ids.new()) for _ in range(20)}) > 1


def test_long_backoff_of_a_file_is_kept_to() -> None:
    rules = RetryRules.model_validate({"backoff": "1d"})
    assert successors.delay(rules, 3, ID) >= 86_400_000


def test_quota_is_waited_for_until_it_is_there_again_but_not_for_ever() -> None:
    rules = RetryRules.model_validate({"attempts": 2, "outcomes": ["quota"]})
    for told, due in ((NOW + 5 * 3_600_000, NOW + 5 * 3_600_000), (1 << 60, NOW + successors.MOST_PATIENCE)):
        found = successors.follows(job(), rules, AttemptOutcome.QUOTA, NOW, resets_at=told)
        assert found is not None
        assert found.not_before == due


def test_lost_conversation_is_made_up_for_at_once_and_counts_as_no_attempt() -> None:
    one = job(attempt(1), attempt(2, resumed="c", lost=True))
    found = successors.follows(one, RetryRules(), AttemptOutcome.FAILED, NOW)
    assert found is not None
    assert found.not_before == NOW
    after = job(*one.attempts, attempt(3))
    rules = RetryRules.model_validate({"attempts": 3})
    assert successors.follows(after, rules, AttemptOutcome.TIMEOUT, NOW) is not None


@pytest.mark.parametrize(
    ("before", "now", "runtime", "goes_on"),
    [
        ({"conversation": "c"}, {}, "codex", True),
        ({"conversation": "c"}, {}, "command", False),
        ({"conversation": "c"}, {}, "claude", False),
        ({"conversation": "c"}, {"worktree": "/w/two"}, "codex", False),
        ({"conversation": "c", "lost": True}, {}, "codex", False),
        ({"conversation": "c", "resumed": "c", "outcome": AttemptOutcome.FAILED}, {}, "codex", False),
        ({"conversation": "c", "resumed": "c", "outcome": AttemptOutcome.TIMEOUT}, {}, "codex", True),
        ({}, {}, "codex", False),
    ],
)
def test_conversation_goes_on_where_its_client_can(
    before: dict[str, Any], now: dict[str, Any], runtime: str, goes_on: bool
) -> None:
    found = successors.conversation(job(attempt(1, **before), attempt(2, **now)), runtime, "codex")
    assert found == ("c" if goes_on else "")


def test_attempts_that_waited_for_their_pool_are_not_counted() -> None:
    one = job(attempt(1, outcome=AttemptOutcome.QUOTA), attempt(2, outcome=AttemptOutcome.TIMEOUT))
    rules = RetryRules.model_validate({"attempts": 2})
    assert successors.follows(one, rules, AttemptOutcome.TIMEOUT, NOW) is not None
    counted = RetryRules.model_validate({"attempts": 2, "outcomes": ["quota", "timeout"]})
    assert successors.follows(one, counted, AttemptOutcome.TIMEOUT, NOW) is None


def test_attempt_that_never_began_is_nobodys_predecessor() -> None:
    ran = attempt(1, conversation="c", outcome=AttemptOutcome.TIMEOUT)
    never = attempt(2, code=None, why="start_failed", outcome=AttemptOutcome.FAILED)
    one = job(ran, never, attempt(3))
    assert successors.predecessor(one) == ran
    assert successors.conversation(one, "codex", "codex") == "c"
    assert "timeout" in successors.prompt(one, "codex", "c")
    assert successors.predecessor(job(never, attempt(2))) is None
    silent = attempt(2, outcome=AttemptOutcome.FAILED)
    assert successors.conversation(job(ran, silent, attempt(3)), "codex", "codex") == "c"
    cut_off = attempt(2, code=None, why="rebooted", conversation="d")
    assert successors.conversation(job(ran, cut_off, attempt(3)), "codex", "codex") == "d"


def test_prompt_has_why_an_attempt_failed() -> None:
    failed = attempt(1, outcome=AttemptOutcome.FAILED, error="verify ended with 1: E=mc3")
    assert "verify ended with 1: E=mc3" in successors.prompt(job(failed, attempt(2)), "claude", "c")


def test_prompt_says_what_was_before_to_those_who_read_it() -> None:
    one = job(attempt(1, outcome=AttemptOutcome.TIMEOUT), attempt(2))
    assert successors.prompt(one, "command", "") == "Tidy up"
    assert successors.prompt(job(), "codex", "") == "Tidy up"
    for resumed in ("", "c"):
        said = successors.prompt(one, "codex", resumed)
        assert "timeout" in said
        assert said.endswith("Tidy up")


def test_job_that_is_asked_for_again_is_as_new_but_for_what_it_was() -> None:
    over = replace(job(), status=JobStatus.FAILED, outcome=AttemptOutcome.FAILED, error="x", completed_at=5)
    found = successors.again(replace(over, cancelled=True))
    assert (found.status, found.outcome, found.error, found.cancelled) == (JobStatus.QUEUED, None, "", False)
    assert (found.completed_at, found.earlier, found.attempts) == (0, 1, over.attempts)
