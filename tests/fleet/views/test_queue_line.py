"""The queue as a line: which candidates test what, and when each entry lands, or why that cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from gitfleet.base import clock
from gitfleet.base.names import Oid
from gitfleet.fleet.views import queue_line
from gitfleet.fleet.views.queue import QueueEntryRow
from gitfleet.mergequeue import model
from gitfleet.mergequeue.model import LandingNote, QueueState
from tests.mergequeue.queues import BASE, Queues


def row(**more: Any) -> QueueEntryRow:
    plain = {
        "id": "1",
        "state": "queued",
        "reason": "behind",
        "position": 2,
        "estimate": {"p50": 60, "p90": 90},
        "changed": 0,
    }
    return cast(QueueEntryRow, {**plain, **more})


@pytest.mark.parametrize(
    ("more", "nobody", "when"),
    [
        ({}, False, ""),
        ({"estimate": None}, False, "not yet"),
        ({}, True, "no processor"),
        ({"state": "held", "reason": "hold"}, True, "held"),
        ({"state": "blocked", "reason": "paused"}, False, "paused"),
        ({"reason": "frozen"}, False, "frozen"),
        ({"reason": "no-gate"}, True, "no gate"),
        ({"reason": "target-fails"}, False, "target fails"),
        ({"reason": "host"}, False, "with the host"),
        ({"state": "rejected", "position": None}, True, "its session's turn"),
        ({"state": "stale", "position": None, "estimate": None}, False, "its session's turn"),
    ],
)
def test_estimate_is_missing_for_a_reason_that_has_a_word(
    more: dict[str, Any], nobody: bool, when: str
) -> None:
    assert queue_line._when(row(**more), nobody=nobody) == when


@pytest.mark.parametrize(
    ("numbers", "words"),
    [([], ""), ([3], "3"), ([1, 2, 3, 4], "1 to 4"), ([1, 3], "1 and 3"), ([1, 2, 4, 6, 7], "1 to 2, 4 and 6 to 7")],
)  # fmt: skip
def test_places_of_a_candidate_are_said_as_people_do(numbers: Sequence[int], words: str) -> None:
    assert queue_line._spans(numbers) == words


def test_candidates_span_what_they_test_and_the_shortest_comes_first() -> None:
    world = Queues()
    first, second, third = (world.add(name, at=number) for number, name in enumerate("abc", start=1))
    world.run(first, second, third, node="bob")
    world.run(first, tree="e" * 40, commit="f" * 40, keys=["l"])
    places = {first.id: 1, second.id: 2, third.id: 3}
    notes = [LandingNote(Oid(BASE), Oid(BASE), at, 1, 1, seconds) for at, seconds in ((1, 60), (2, 80))]
    known = QueueState(landings=tuple(notes))
    found = queue_line._candidates(model.runs(world.view), places, known)
    assert [(one.first, one.last, one.whole, one.words, one.node, one.typical) for one in found] == [
        (1, 1, True, "1", "ada", 60),
        (1, 3, True, "1 to 3", "bob", 60),
    ]
    assert queue_line._numbers(model.runs(world.view)) == {first.id: [1, 2], second.id: [2], third.id: [2]}


@pytest.mark.parametrize(
    ("waited", "landed", "nobody"),
    [(60, None, False), (3600, None, True), (3600, 60, False), (None, None, False)],
)
def test_nobody_processes_when_the_next_one_has_waited_and_nothing_landed_since(
    waited: int | None, landed: int | None, nobody: bool
) -> None:
    now = clock.now()
    live = [row(reason="next", changed=now - waited)] if waited is not None else []
    notes = () if landed is None else (LandingNote(Oid(BASE), Oid(BASE), now - landed, 1, 1, 1),)
    assert queue_line._nobody(live, [], QueueState(landings=notes)) is nobody
