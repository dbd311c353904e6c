"""What the ledger's records come to for the choice: who may be tested, what past runs still say, and of which tree."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

import pytest

from gitfleet.base.ids import ulid
from gitfleet.base.names import Oid
from gitfleet.codec import replace
from gitfleet.mergequeue import model, states
from gitfleet.mergequeue.candidates import Chains, ChainStep, Clash, Landing, Put
from gitfleet.mergequeue.evidence import GroupEnd, RunResult
from gitfleet.mergequeue.model import CandidateResult, QueueEntry
from gitfleet.mergequeue.outlook import Around, Outlook
from gitfleet.mergequeue.selection import Idle, ToLand, ToTry
from tests.mergequeue.queues import BASE, Queues, pin


def tree(base: str, *entries: str) -> str:
    """The tree of entries on a base: another for each order of them."""
    return hashlib.sha1("\0".join((base, *entries)).encode()).hexdigest()


class Trees:
    """Chains without git: `clashes` has pairs of entries that do not merge. `grown` are entries that the base holds already."""

    def __init__(
        self,
        base: str = BASE,
        clashes: Sequence[tuple[str, str]] = (),
        *,
        on: str = BASE,
        grown: Sequence[str] = (),
    ) -> None:
        self.base = base
        self._clashes, self._on, self._grown = set(clashes), on, tuple(grown)

    def chain(self, landings: Sequence[Landing]) -> list[Put]:
        made: list[Put] = []
        ahead: list[str] = []
        for one in landings:
            other = next((name for name in ahead if (name, one.entry) in self._clashes), None)
            if other is not None:
                made.append(Clash(one.entry, cast(Any, None), other))
                continue
            ahead.append(one.entry)
            found = tree(self._on, *self._grown, *ahead)
            made.append(ChainStep(one.entry, found, found))
        return made


def look(world: Queues, chains: Trees | None = None, **more: Any) -> Outlook:
    return Outlook(world.view, cast(Chains, chains or Trees()), world.now, 16, Around("main", **more))


def ended(world: Queues, outcome: str, *entries: QueueEntry, base: str = BASE, found: str = "") -> None:
    """A run of these entries that was made, and how it ended."""
    what = found or tree(BASE, *(entry.id for entry in entries))
    answer = world.take(
        "ada",
        "queue.take",
        target="main",
        base=base,
        commit=what,
        tree=what,
        keys=["k"],
        entries=[pin(entry) for entry in entries],
    )
    world.take("ada", "queue.end", run=answer["run"]["id"], outcome=outcome)


@pytest.fixture
def pair(world: Queues) -> tuple[QueueEntry, QueueEntry]:
    return world.add("a", at=1), world.add("b", at=2)


def test_entries_that_nothing_is_known_of_are_tested_together(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    assert look(world).choose() == ToTry((pair[0].id, pair[1].id))


def test_nothing_to_do_is_idle(world: Queues) -> None:
    assert look(world).choose() == Idle()


def test_candidate_that_passed_on_this_target_lands(world: Queues, pair: tuple[QueueEntry, ...]) -> None:
    ended(world, "passed", *pair)
    assert look(world).choose() == ToLand((pair[0].id, pair[1].id))


def test_pass_says_the_same_once_the_target_is_what_it_began_with(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    a, b = pair
    ended(world, "passed", a, b)
    world.land(a)
    here = Trees("c" * 40, on=BASE, grown=[a.id])
    assert look(world, here).evidence.runs == (RunResult((b.id,), GroupEnd.PASSED, exact=True),)
    elsewhere = Trees("e" * 40, on="e" * 40)
    assert look(world, elsewhere).evidence.runs == (RunResult((b.id,), GroupEnd.PASSED, exact=False),)


def test_failure_is_forgotten_when_others_have_moved_the_target(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    ended(world, "failed", *pair)
    assert [one.end for one in look(world).evidence.runs] == [GroupEnd.FAILED]
    assert look(world, Trees("e" * 40, on="e" * 40)).evidence.runs == ()


def test_failure_outlives_the_queues_own_landing(world: Queues, pair: tuple[QueueEntry, ...]) -> None:
    a, b = pair
    ended(world, "failed", a, b)
    world.put(world.entry(b.id), states.SUSPECT)
    world.land(world.entry(a.id))
    (found,) = look(world, Trees("c" * 40, on=BASE, grown=[a.id])).evidence.runs
    assert (found.entries, found.end) == ((b.id,), GroupEnd.FAILED)


def test_failure_of_a_candidate_says_nothing_once_one_of_it_has_gone(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    a, b = pair
    ended(world, "failed", a, b)
    world.take("ada-1", "queue.drop", entry=a.id)
    assert look(world).evidence.runs == ()


def test_pass_of_a_candidate_still_vouches_for_the_rest_when_one_has_gone(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    a, b = pair
    ended(world, "passed", a, b)
    world.take("ada-1", "queue.drop", entry=a.id)
    assert look(world).evidence.runs == (RunResult((b.id,), GroupEnd.PASSED, exact=False),)


def test_result_of_another_head_says_nothing(world: Queues, pair: tuple[QueueEntry, ...]) -> None:
    a, _ = pair
    ended(world, "failed", a)
    world.add("a", at=7)
    assert look(world).evidence.runs == ()


def test_failure_that_is_shown_is_of_the_head_that_the_entry_has(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    a, b = pair
    ended(world, "failed", a)
    ended(world, "failed", a, b)
    found = look(world).last_failure(a)
    assert found is not None
    assert found.entries == (a.pin,)
    world.add("a", at=7)
    ended(world, "failed", world.entry(a.id), b)
    found = look(world).last_failure(world.entry(a.id))
    assert found is not None
    assert found.entries == (world.entry(a.id).pin, b.pin)
    assert look(world).last_failure(world.add("c", at=9)) is None


def test_failure_says_nothing_once_somebody_asks_for_another_try(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    a, _ = pair
    ended(world, "failed", a)
    ended(world, "failed", a)
    world.put(world.entry(a.id), states.REJECTED)
    world.take("ada-1", "queue.retry", entry=a.id)
    assert look(world).evidence.runs == ()
    ended(world, "failed", world.entry(a.id))
    assert [one.entries for one in look(world).evidence.runs] == [(a.id,)]


def test_target_that_failed_by_itself_says_so_only_for_that_commit(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    ended(world, "failed", found=tree(BASE))
    assert look(world).evidence.runs == (RunResult((), GroupEnd.FAILED, exact=True),)
    assert look(world, Trees("e" * 40)).evidence.runs == ()


def test_run_of_another_node_is_seen_until_its_lease_is_over(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    a, _ = pair
    run = world.run(a, node="bob", tree=tree(BASE, a.id), commit=tree(BASE, a.id))
    (seen,) = look(world).running()
    assert (seen.entries, seen.exact) == ((a.id,), True)
    world.take("ada", "queue.end", run=run, outcome="abandoned", lapsed=0)
    assert look(world).running() == []


def test_entry_that_conflicts_with_one_ahead_is_never_put_with_it(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    a, b = pair
    found = look(world, Trees(clashes=[(a.id, b.id)])).contenders()
    assert [(one.id, one.avoids) for one in found] == [(a.id, frozenset([b.id])), (b.id, frozenset([a.id]))]


@pytest.mark.parametrize("state", [state for state in states.LIVE if state not in states.GOING])
def test_entry_that_may_not_land_is_left_out_with_those_that_need_it(
    state: states.State, world: Queues
) -> None:
    below = world.add("below", at=1)
    above = world.add("above", at=2, needs=[below.id])
    world.put(below, state)
    other = world.add("other", at=3)
    assert [entry.id for entry in look(world).order] == [other.id]
    world.put(world.entry(below.id), states.QUEUED)
    assert {entry.id for entry in look(world).order} == {below.id, above.id, other.id}


def test_entry_whose_commits_are_not_here_is_left_out(world: Queues, pair: tuple[QueueEntry, ...]) -> None:
    a, b = pair
    assert [entry.id for entry in look(world, absent=frozenset([a.id])).order] == [b.id]


def test_pause_keeps_what_is_below_its_floor(world: Queues) -> None:
    low, high = world.add("low", at=1), world.add("high", at=2)
    world.put(high, states.QUEUED, priority=90)
    world.take("eve-1", "queue.pause", mode="paused", floor=80, reason="release", who="person")
    assert [entry.id for entry in look(world).order] == [high.id]
    assert low.id not in {one.id for one in look(world).contenders()}


def test_results_of_entries_that_have_gone_are_let_go(world: Queues, pair: tuple[QueueEntry, ...]) -> None:
    a, b = pair
    ended(world, "failed", a)
    ended(world, "failed", found=tree(BASE))
    world.take("ada-1", "queue.drop", entry=a.id)
    ended(world, "passed", b, base="e" * 40)
    assert [one.entries[0].id for one in model.results(world.view)] == [b.id]


def test_suspects_however_many_do_not_hide_what_waits_behind_them(world: Queues) -> None:
    entries = [world.add(f"e{number}", at=number) for number in range(1, 121)]
    ended(world, "passed", found=tree(BASE))
    for first in range(0, 80, 16):
        ended(world, "failed", *entries[first : first + 16])
    assert look(world).choose() == ToTry(tuple(entry.id for entry in entries[80:96]))


def test_candidate_that_passed_lands_however_many_came_in_front_of_it(
    world: Queues, pair: tuple[QueueEntry, ...]
) -> None:
    ended(world, "passed", *pair)
    for number in range(3, 80):
        world.put(world.add(f"e{number}", at=number), states.QUEUED, priority=59)
    assert look(world).choose() == ToLand((pair[0].id, pair[1].id))


def test_entries_that_do_not_merge_with_one_ahead_do_not_hide_what_waits_behind_them(world: Queues) -> None:
    first, *met = [world.add(f"e{number}", at=number) for number in range(1, 80)]
    clashes = [(first.id, one.id) for one in met]
    for one in met:
        world.put(one, states.BLOCKED, reason="conflict-ahead")
    fine = [world.add(f"f{number}", at=200 + number) for number in range(20)]
    chosen = look(world, Trees(clashes=clashes)).choose()
    assert chosen == ToTry((first.id, *(entry.id for entry in fine[:15])))


def test_entries_that_are_looked_at_are_few_however_long_the_queue(world: Queues) -> None:
    entries = [world.add(f"e{number}", at=number) for number in range(1, 200)]
    ended(world, "failed", *entries[150:160])
    looked = look(world).puts.keys()
    assert len(looked) == 64 + 10 + 1  # the oldest one
    assert looked >= {entry.id for entry in (*entries[:64], *entries[150:160])}


def test_oldest_entry_is_looked_at_wherever_it_stands(world: Queues) -> None:
    oldest = world.put(world.add("oldest", at=1), states.QUEUED, priority=0)
    for number in range(2, 100):
        world.add(f"e{number}", at=number)
    assert oldest.id in look(world).puts


def test_run_that_was_given_up_says_nothing(world: Queues, pair: tuple[QueueEntry, ...]) -> None:
    ended(world, "abandoned", *pair)
    assert look(world).evidence.runs == ()


def test_notes_count_as_runs(world: Queues, pair: tuple[QueueEntry, ...]) -> None:
    a, _ = pair
    what = Oid(tree(BASE, a.id))
    note = CandidateResult(ulid(), Oid(BASE), (a.pin,), what, what, "passed", world.generation)
    assert look(world, notes=[note]).choose() == ToLand((a.id,))
    assert look(world, notes=[replace(note, outcome="failed")]).evidence.runs[0].end is GroupEnd.FAILED
