"""In which order entries are taken."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.base.names import BranchName, NodeId, Oid, SessionId
from gitfleet.codec import replace
from gitfleet.mergequeue import order
from gitfleet.mergequeue.model import QueueEntry
from tests.sampling import examples

HOUR = 3600


def entry(seq: int, priority: int = 50, *, needs: str = "", stack: int = 0, at: int = 0) -> QueueEntry:
    """An entry whose id is its number; `needs` are numbers in one text."""
    ids = {f"{int(one):026d}" for one in needs.split()} | ({f"{stack:026d}"} if stack else set())
    return QueueEntry(
        id=f"{seq:026d}", seq=seq, branch=BranchName(f"b{seq}"), head=Oid("a" * 40), target=BranchName("main"),
        session=SessionId("s-1"), node=NodeId("n"), priority=priority, state="queued", since=1, at=at, headed=at,
        changed=at, by="s-1", nonce="", needs=tuple(sorted(ids)), stack=f"{stack:026d}" if stack else "",
    )  # fmt: skip


def seqs(entries: list[QueueEntry], now: int = 0, window: int = 0) -> list[int]:
    return [one.seq for one in order.order(entries, now, window=window)]


@pytest.mark.parametrize(
    ("priority", "name"),
    [
        (100, "hotfix"),
        (80, "hotfix"),
        (79, "security"),
        (60, "security"),
        (59, "feature"),
        (40, "feature"),
        (39, "backlog"),
        (0, "backlog"),
    ],
)
def test_band_of_a_priority(priority: int, name: str) -> None:
    assert order.band(priority).name == name


def test_higher_priority_comes_first_and_among_equals_the_lower_number() -> None:
    assert seqs([entry(3), entry(1, 20), entry(2), entry(4, 90)]) == [4, 2, 3, 1]


@pytest.mark.parametrize(
    ("priority", "hours", "effective"),
    [
        (0, 5, 10),
        (0, 1000, 59),
        (50, 3, 56),
        (50, 100, 59),
        (60, 100, 79),
        (79, 1, 79),
        (80, 100, 80),
        (95, 9, 95),
        (30, -5, 30),
    ],
)
def test_waiting_lifts_an_entry_up_to_its_cap(priority: int, hours: int, effective: int) -> None:
    one = entry(1, priority)
    found = order.priorities([one], hours * HOUR)[one.id]
    assert (found.effective, found.given, found.waiting) == (effective, priority, effective - priority)


def test_nothing_becomes_a_hotfix_by_waiting() -> None:
    assert seqs([entry(1, 0), entry(2, 79), entry(3, 80, at=10_000 * HOUR)], 10_000 * HOUR) == [3, 2, 1]


def test_oldest_entry_comes_first_in_every_eighth_window() -> None:
    entries = [entry(1, 0), entry(2, 90), entry(3, 59)]
    assert [seqs(entries, window=number)[0] for number in range(16)] == [2] * 7 + [1] + [2] * 7 + [1]


def test_entry_comes_after_what_it_needs_and_lends_it_its_priority() -> None:
    entries = [entry(1, 10), entry(2, 55), entry(3, 95, needs="4"), entry(4, 5, needs="1")]
    assert seqs(entries) == [1, 4, 3, 2]
    found = order.priorities(entries, 0)
    assert [found[one.id].standing for one in entries] == [95, 55, 95, 95]
    assert found[entries[0].id].lent == 85


def test_stack_stays_together() -> None:
    entries = [entry(1, 50), entry(2, 50), entry(3, 20, stack=1), entry(4, 50, stack=3), entry(5, 90)]
    assert seqs(entries) == [5, 1, 3, 4, 2]


def test_what_is_stacked_on_two_sides_comes_after_all_that_it_needs() -> None:
    entries = [entry(1, 97), entry(2, 29), entry(3, 77, needs="2", stack=1), entry(5, 33, needs="3", stack=2)]
    assert seqs(entries) == [1, 2, 3, 5]


def test_need_that_is_not_queued_does_not_count() -> None:
    assert seqs([entry(2, needs="1"), entry(3, 60)]) == [3, 2]


def test_circles_and_what_needs_itself_are_ordered_all_the_same() -> None:
    assert sorted(seqs([entry(1, needs="2"), entry(2, needs="1"), entry(3, needs="3")])) == [1, 2, 3]


@given(st.data())
@examples(100)
def test_order_is_total_and_holds_its_promises(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    number = [0, *data.draw(st.permutations(range(1, count + 1)))]  # what is needed may have come later
    entries = []
    for seq in range(1, count + 1):
        below = data.draw(st.sets(st.integers(1, seq - 1), max_size=2)) if seq > 1 else set()
        stack = data.draw(st.sampled_from([0, *sorted(below)]))
        entries.append(
            entry(
                number[seq],
                data.draw(st.integers(0, 100)),
                needs=" ".join(str(number[one]) for one in below),
                stack=number[stack],
            )
        )
    now, window = data.draw(st.integers(0, 100)) * HOUR, data.draw(st.integers(0, 8))
    found = order.order(entries, now, window=window)
    assert sorted(one.seq for one in found) == list(range(1, count + 1))
    place = {one.id: number for number, one in enumerate(found)}
    assert all(place[need] < place[one.id] for one in entries for need in one.needs)
    shuffled = list(entries)
    random.Random(7).shuffle(shuffled)
    assert order.order(shuffled, now, window=window) == found
    strength = order.priorities(entries, now)
    assert all(strength[one.id].effective <= 100 for one in entries)


def test_later_arrivals_do_not_change_the_order_of_those_before() -> None:
    entries = [entry(1, 30), entry(2, 60), entry(3, 30, needs="2")]
    more = [*entries, replace(entry(4, 45), at=5)]
    before = seqs(entries)
    assert [seq for seq in seqs(more) if seq != 4] == before
