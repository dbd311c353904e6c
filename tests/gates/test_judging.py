"""What the end of a run says."""

from __future__ import annotations

import errno

import pytest

from gitfleet.gates import judging
from gitfleet.gates.judging import RunEnd
from gitfleet.gates.model import FAILED, INDETERMINATE, PASSED


@pytest.mark.parametrize(
    ("end", "result", "reason"),
    [
        (RunEnd(0), PASSED, ""),
        (RunEnd(1), FAILED, ""),
        (RunEnd(2), FAILED, ""),
        (RunEnd(124), FAILED, ""),
        (RunEnd(255), FAILED, ""),
        (RunEnd(139), FAILED, ""),  # a program that it ran broke down by itself
        (RunEnd(125), INDETERMINATE, "cannot tell"),
        (RunEnd(126), INDETERMINATE, "cannot be run"),
        (RunEnd(127), INDETERMINATE, "is not there"),
        (RunEnd(-9), INDETERMINATE, "a signal ended it (SIGKILL)"),
        (RunEnd(-11), INDETERMINATE, "a signal ended it (SIGSEGV)"),
        (RunEnd(137), INDETERMINATE, "a signal ended what it ran (SIGKILL)"),
        (RunEnd(153), INDETERMINATE, "a signal ended what it ran (SIGXFSZ)"),
        (RunEnd(None, "limit", limit=90), INDETERMINATE, "longer than 90s"),
        (RunEnd(None, "stop"), INDETERMINATE, "stopped"),
        (RunEnd(None), INDETERMINATE, "stopped"),
        (RunEnd(None, "start", errno.ENOENT), INDETERMINATE, "no such program, or no such interpreter"),
        (RunEnd(None, "start", errno.ENOEXEC), INDETERMINATE, "no interpreter is named"),
        (RunEnd(None, "start", errno.E2BIG), INDETERMINATE, "E2BIG"),
        (RunEnd(1, room=0), INDETERMINATE, "the disk was full"),
        (RunEnd(1, full=True), INDETERMINATE, "the disk was full"),
        (RunEnd(1, tail=["cc: fatal: No space left on device"]), INDETERMINATE, "the disk was full"),
        (RunEnd(0, room=0, full=True), PASSED, ""),
        (RunEnd(1, room=judging.LEAST_ROOM), FAILED, ""),
    ],
)
def test_result_of_a_run_blames_what_was_tested_only_for_its_own_exit_code(
    end: RunEnd, result: str, reason: str
) -> None:
    said, why = judging.result(end)
    assert said == result
    assert reason in why
    assert bool(why) == (result == INDETERMINATE)


@pytest.mark.parametrize(
    ("given", "earlier", "limit"),
    [
        (90, [1000], 90),
        (0, [], 3600),
        (0, [1], 600),
        (0, [100, 400, 200], 1260),
        (0, [10**7], 86400),
    ],
)
def test_time_limit_is_what_is_set_or_three_times_the_longest_run(
    given: int, earlier: list[int], limit: int
) -> None:
    assert judging.time_limit(given, earlier) == limit
