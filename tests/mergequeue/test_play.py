"""Queues that are played to their end: what holds whatever the entries, the gate and the runners are like."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.mergequeue.contenders import Contender
from gitfleet.mergequeue.evidence import GroupEnd
from gitfleet.mergequeue.selection import TURN, Halt, Idle, Next, ToLand, ToReject, ToTry, choose
from tests.queuesim import Play, Played, World, play, wrong
from tests.sampling import examples
from tests.workbench import ROOT


@st.composite
def features(draw: st.DrawFn, number: int) -> Contender:
    """Any priority; now and then alone, in need of an older entry, or not mergeable with one."""
    older = st.sampled_from([f"e{one}" for one in range(number)]) if number else st.nothing()
    some = st.frozensets(older, max_size=2) if number else st.just(frozenset[str]())
    kind = draw(st.sampled_from(["plain", "plain", "plain", "alone", "needs", "avoids"]))
    return Contender(
        "",
        draw(st.sampled_from([0, 30, 50, 50, 50, 65, 90])),
        alone=kind == "alone",
        needs=draw(some) if kind == "needs" else frozenset(),
        avoids=draw(some) if kind == "avoids" else frozenset(),
    )


@st.composite
def worlds(draw: st.DrawFn, *, false: bool = True, plain: bool = False) -> World:
    """Any queue. `false`: the gate fails now and then for nothing, or has no verdict. `plain`: entries are all alike."""
    entries = draw(st.integers(0, 24))
    share = st.sampled_from([0.0, 0.1, 0.3])
    return World(
        entries=entries,
        bad=draw(st.sampled_from([0.0, 0.05, 0.3, 1.0])),
        flaky=draw(share) if false else 0.0,
        trouble=draw(share) if false else 0.0,
        pairs=draw(st.sampled_from([0.0, 0.3, 1.0])),
        known=draw(st.sampled_from([0.0, 0.5])),
        runners=draw(st.integers(1, 5)),
        depth=draw(st.integers(1, 24)),
        window=draw(st.sampled_from([1, 2, 3, 8, 16])),
        features={} if plain else {number: draw(features(number)) for number in range(entries)},
        seed=draw(st.integers(0, 10**6)),
    )


class Watched(Play):
    """A play that looks at each answer."""

    def ask(self) -> Next:
        answer = super().ask()
        again = choose(list(self.order), self.evidence, list(self.running.values()), self.limits)
        assert again == answer
        assert len(self.done.answers) < 200 + 100 * self.world.entries, "it goes on for ever"
        if isinstance(answer, ToTry):
            live = [one.id for one in self.order]
            assert list(answer.candidate) == sorted(answer.candidate, key=live.index)
        if isinstance(answer, ToLand | ToTry):
            self.check_candidate(answer.candidate)
        if isinstance(answer, ToReject):
            self.check_rejection(answer)
        return answer

    def check_candidate(self, candidate: tuple[str, ...]) -> None:
        """Live entries, each behind what it needs and without what it avoids."""
        live = {one.id: one for one in self.order}
        assert live.keys() >= set(candidate)
        for entry in candidate:
            one = live[entry]
            before = set(candidate[: candidate.index(entry)])
            assert one.needs & live.keys() <= before
            assert not one.avoids & set(candidate)
            if one.by_itself:
                assert any(set(candidate) <= self.with_needs(other) for other in live)

    def check_rejection(self, answer: ToReject) -> None:
        """Two failures which all others in them have passed, one of them by itself; and the target passes."""
        vouched = {one for run in self.evidence.runs if run.end is GroupEnd.PASSED for one in run.entries}
        assert len(answer.evidence) >= 2
        for run in answer.evidence:
            assert run in self.evidence.runs
            assert run.end is GroupEnd.FAILED
            assert answer.entry in run.entries
            assert set(run.entries) - {answer.entry} <= vouched
        assert any(run.entries == (answer.entry,) for run in answer.evidence)
        assert any(run.exact and run.end is GroupEnd.PASSED for run in self.evidence.runs)

    def with_needs(self, entry: str) -> set[str]:
        by_id = {one.id: one for one in self.order}
        found, todo = {entry}, [entry]
        while todo:
            more = by_id[todo.pop()].needs & by_id.keys() - found
            found |= more
            todo += more
        return found


def watched(world: World) -> Played:
    done = Watched(world).until()
    assert not [entry for entry in done.landed if world.is_bad(entry)]
    return done


@given(worlds())
@examples(400)
def test_play_of_any_queue_decides_each_entry_safely(world: World) -> None:
    done = watched(world)
    assert isinstance(done.last, Idle | Halt | None)
    if not isinstance(done.last, Halt):
        assert len(done.decided) == world.entries


@given(worlds(false=False))
@examples(300)
def test_play_with_a_true_gate_rejects_only_what_is_bad_or_fails_with_what_has_landed(world: World) -> None:
    assert wrong(world, watched(world)) == []


def test_play_a_hotfix_upon_two_that_do_not_merge_lands_when_these_have_been_decided() -> None:
    features = {
        2: Contender("", avoids=frozenset(["e0"])),
        3: Contender("", 90, needs=frozenset(["e0", "e2"])),
    }
    done = watched(World(entries=4, bad=0.0, runners=3, depth=4, window=1, features=features))
    assert len(done.decided) == 4


def test_play_a_hotfix_upon_two_that_fail_together_rejects_the_upper_one() -> None:
    features = {1: Contender("", 0, needs=frozenset(["e0"])), 3: Contender("", 90, needs=frozenset(["e1"]))}
    done = watched(
        World(4, bad=0.0, pairs=1.0, known=0.5, runners=2, depth=4, window=1, features=features, seed=1)
    )
    assert len(done.decided) == 4


@given(worlds(false=False, plain=True))
@examples(150)
def test_play_lands_as_many_whatever_the_number_of_runners(world: World) -> None:
    landed = {runners: len(watched(replace(world, runners=runners)).landed) for runners in (1, 3)}
    assert landed[1] == landed[3] or (world.pairs and world.bad)


@given(worlds(plain=True), st.integers(0, 5))
@examples(100)
def test_play_on_a_failing_target_blames_nobody(world: World, repair: int) -> None:
    world = replace(world, repair="e99", bad=0.0, pairs=0.0, trouble=0.0, flaky=0.0)
    done = watched(world)
    assert (done.landed, done.rejected) == ([], [])
    assert isinstance(done.last, Halt if world.entries else Idle)


def test_play_a_hotfix_repairs_a_failing_target_and_the_queue_goes_on() -> None:
    world = World(entries=30, bad=0.0, repair="e29", depth=30, features={29: Contender("", 90)})
    done = watched(world)
    assert done.landed[0] == "e29"
    assert len(done.landed) == 30


@pytest.mark.parametrize("runners", [1, 4])
def test_play_hotfixes_land_first_each_by_itself(runners: int) -> None:
    hot = {3: Contender("", 95), 17: Contender("", 80)}
    done = watched(World(entries=40, bad=0.1, depth=40, runners=runners, features=hot, seed=2))
    assert next(one for one in done.answers if isinstance(one, ToLand)) == ToLand(("e3",))
    assert ToLand(("e17",)) in done.answers
    assert done.decided["e17"] < 3.6


@pytest.mark.parametrize("runners", [1, 4])
@pytest.mark.parametrize("feature", [Contender("", 0), Contender("", 0, alone=True)])
def test_play_a_backlog_entry_under_a_flood_of_urgent_ones_is_decided(
    feature: Contender, runners: int
) -> None:
    flood = {number: Contender("", 59) for number in range(1, 2000)}
    world = World(entries=2000, bad=0.1, depth=50, window=16, runners=runners, features={**flood, 0: feature})
    bound = TURN * (2 + math.log2(world.window)) * 1.2
    assert play(world, until=bound).decided["e0"] <= bound


@pytest.mark.parametrize("seed", range(8))
def test_play_two_that_fail_only_together_one_lands(seed: int) -> None:
    world = World(entries=40, bad=0.0, pairs=0.5, runners=1 + seed % 4, seed=seed)
    done = watched(world)
    pairs = [number for number in range(0, 40, 2) if world.partner(f"e{number}")]
    assert pairs
    for number in pairs:
        assert len({f"e{number}", f"e{number + 1}"} & set(done.landed)) == 1
    assert len(done.rejected) == len(pairs)


def test_choose_answers_alike_in_every_process() -> None:
    """Sets have another order in each process; answers do not."""
    program = (
        "from tests.queuesim import World, play;"
        "print(play(World(entries=120, bad=.1, flaky=.05, pairs=.1, trouble=.05, runners=3)).answers)"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
        ).stdout.replace(b"frozenset()", b"")
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_play_four_runners_need_less_than_two_fifths_of_the_time_of_one() -> None:
    """A small showing of what scripts/bench measures."""
    time = {runners: play(World(entries=300, runners=runners)).time for runners in (1, 4)}
    assert time[4] * 2.5 <= time[1]
