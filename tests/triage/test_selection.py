"""Selection from a pool: worked examples, brute force, and the share of mistakes in 10,000 simulated fleets."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.triage.selection import e_bh, mean_lfdr, select

RUNS = 10_000
HYPOTHESES = 20
TRUE_SHARE = 0.2
SHIFT = 3.0
HOSTS = [f"host{number % 5}" for number in range(HYPOTHESES)]
ALPHA = 0.05


@pytest.mark.parametrize(
    ("in_use", "alpha", "expected"),
    [
        ([], 0.05, set()),
        ([0.05], 0.05, {0}),
        ([0.06], 0.05, set()),
        ([0.01, 0.04, 0.10], 0.05, {0, 1, 2}),  # (.01 + .04 + .10) / 3 = .05
        ([0.10, 0.01, 0.05], 0.05, {1, 2}),  # .16 / 3 > .05 >= .06 / 2
        ([0.5, 0.5], 0.05, set()),
        ([0.0, 0.0, 0.9], 0.3, {0, 1, 2}),
        ([0.0, 0.5], 0.0, set()),
        ([0.02] * 7, 0.05, set(range(7))),
    ],
)
def test_mean_lfdr_by_hand_selects_the_largest_set_below_alpha(
    in_use: list[float], alpha: float, expected: set[int]
) -> None:
    assert mean_lfdr(in_use, alpha=alpha) == expected


@pytest.mark.parametrize(
    ("e_values", "tested", "expected"),
    [
        ([], 0, set()),
        ([20.0], 1, {0}),  # 1 e >= 1 / .05
        ([19.9], 1, set()),
        ([40.0, 40.0], 2, {0, 1}),
        ([20.0, 20.0], 2, {0, 1}),  # k = 2: 2 * 20 / 2 = 20
        ([39.0, 19.0], 2, set()),
        ([1.0, 80.0, 27.0, 40.0], 4, {1, 3, 2}),  # 3 * 27 / 4 = 20.25
        ([1.0, 80.0, 26.0, 40.0], 4, {1, 3}),
        ([1e6], 400, {0}),
        ([7_999.0], 400, set()),  # the first of 400 needs 8,000
        ([8_000.0], 400, {0}),
    ],
)
def test_e_bh_by_hand_selects_where_count_and_e_value_reach_the_bar(
    e_values: list[float], tested: int, expected: set[int]
) -> None:
    assert e_bh([math.log2(e) for e in e_values], alpha=0.05, tested=tested) == expected


# Benjamini and Hochberg 1995, section 4.1 (thrombolysis after heart attacks): at .05 their procedure rejects four of fifteen, Bonferroni's three
PUBLISHED = (
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
)  # fmt: skip


def test_e_bh_of_the_published_example_rejects_the_same_four_by_reciprocals_and_fewer_by_calibrated_e_values() -> (
    None
):
    reciprocals = [-math.log2(p) for p in PUBLISHED]
    assert e_bh(reciprocals, alpha=0.05, tested=15) == {0, 1, 2, 3}
    assert e_bh(reciprocals, alpha=0.05, tested=15 * 15) == {0, 1}  # .0004 <= .05 * 2 / 225
    calibrated = [
        math.log2(0.5 * p**-0.5) for p in PUBLISHED
    ]  # kappa p^(kappa - 1) is an e-value, 1/p is none
    assert e_bh(calibrated, alpha=0.05, tested=15) == frozenset()


@given(st.lists(st.integers(0, 100), max_size=7), st.sampled_from([0.01, 0.05, 0.2]))
def test_mean_lfdr_of_any_pool_is_as_large_as_the_largest_set_found_by_trying_all(
    hundredths: list[int], alpha: float
) -> None:
    pool = [one / 100 for one in hundredths]
    sets = [
        s for n in range(1, len(pool) + 1) for s in combinations(pool, n) if math.fsum(s) <= alpha * n + 1e-9
    ]
    found = mean_lfdr(pool, alpha=alpha)
    assert len(found) == max(map(len, sets), default=0)
    assert not found or math.fsum(pool[i] for i in found) <= alpha * len(found) + 1e-9


@given(st.lists(st.floats(-20, 40), max_size=30), st.sampled_from([0.01, 0.05, 0.2]))
def test_e_bh_of_any_pool_is_bh_on_the_reciprocals(bits: list[float], alpha: float) -> None:
    p_values = sorted(2.0**-one for one in bits)
    bh = max((k for k, p in enumerate(p_values, 1) if p <= alpha * k / len(bits) * (1 + 1e-12)), default=0)
    found = e_bh(bits, alpha=alpha, tested=len(bits))
    assert abs(len(found) - bh) <= sum(
        abs(b - math.log2(len(bits) / (alpha * bh))) < 1e-6 for b in bits if bh
    )


def test_select_of_a_fleet_selects_what_both_rules_do_and_says_what_is_missing() -> None:
    found = select([0.01, 0.01, 0.6], [18.0, 4.0, 30.0], alpha=0.05, tested=12_800)
    assert [set(one) for one in (found.bayes, found.e_values, found.both)] == [{0, 1}, {0, 2}, {0}]
    assert found.needed == pytest.approx(math.log2(12_800 / 0.05))
    nothing = select([0.01], [1.0], alpha=0.05, tested=400)
    assert nothing.both == frozenset()
    assert nothing.needed == pytest.approx(math.log2(8_000))
    assert select([0.01], [40.0], alpha=0.0, tested=1).both == frozenset()


def test_strongest_evidence_of_a_fleet_of_32_hosts_is_selected() -> None:
    assert select([0.001], [18.0], alpha=0.05, tested=32 * 400).both == {0}


def test_host_that_makes_up_sure_leaks_does_not_lower_what_others_need() -> None:
    """Without more ado a thousand of them would bring 20 bits down to 10, and hide what is as likely in use as not."""
    honest = [(0.5, 30.0), (0.001, 11.0), (0.001, 21.0)]
    made_up = [(0.0, 1000.0)] * 1000
    in_use, log_e = zip(*honest, *made_up, strict=True)
    hosts = ["honest"] * 3 + ["liar"] * 1000
    alone = select(in_use, log_e, alpha=0.05, tested=50_000)
    assert alone.both >= {0, 1, 2}
    found = select(in_use, log_e, alpha=0.05, tested=50_000, hosts=hosts)
    assert {0, 1, 2} & found.both == {2}
    assert set(range(3, 1003)) <= found.both


def test_leaks_of_many_hosts_are_selected_together_still() -> None:
    count = 32
    hosts = [f"host{number}" for number in range(count)]
    found = select([0.001] * count, [14.0] * count, alpha=0.05, tested=400 * count, hosts=hosts)
    assert len(found.both) == count
    assert found.needed == pytest.approx(math.log2(400 / 0.05))
    assert not select([0.001], [14.0], alpha=0.05, tested=400 * count, hosts=["host0"]).both


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-5, 40), st.sampled_from("abc")), max_size=25),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_selection_of_any_pool_of_hosts_holds_for_itself_and_is_part_of_both_rules(
    pool: list[tuple[float, float, str]], alpha: float
) -> None:
    in_use, log_e = [one[0] for one in pool], [one[1] for one in pool]
    found = select(in_use, log_e, alpha=alpha, tested=40, hosts=[one[2] for one in pool])
    assert found.both <= found.bayes & found.e_values
    if found.both:
        assert math.fsum(in_use[i] for i in found.both) <= (alpha + 1e-9) * len(found.both)
        bar = math.log2(40 / (alpha * len(found.both)))
        assert all(log_e[i] >= bar - 1e-6 for i in found.both)


Draw = Callable[[random.Random], Sequence[float]]


def independent(rng: random.Random) -> Sequence[float]:
    return [rng.gauss(0, 1) for _ in range(HYPOTHESES)]


def one_factor(rng: random.Random) -> Sequence[float]:
    shared = rng.gauss(0, 1)
    return [math.sqrt(0.5) * shared + math.sqrt(0.5) * rng.gauss(0, 1) for _ in range(HYPOTHESES)]


def copies(rng: random.Random) -> Sequence[float]:
    """Each leak on ten hosts, with the very same evidence."""
    return [noise for _ in range(HYPOTHESES // 10) for noise in [rng.gauss(0, 1)] * 10]


def opposed(rng: random.Random) -> Sequence[float]:
    noise = [rng.gauss(0, 1) for _ in range(HYPOTHESES // 2)]
    return [*noise, *(-one for one in noise)]


@pytest.mark.sample(3)
@pytest.mark.parametrize("clustered", [False, True], ids=["alone", "by-leak"])
@pytest.mark.parametrize("noise", [independent, one_factor, copies, opposed], ids=lambda one: one.__name__)
def test_selection_over_10000_simulated_fleets_is_wrong_at_most_as_often_as_alpha_says(
    noise: Draw, clustered: bool
) -> None:
    """Evidence x is normal around 0 (useful) or SHIFT (abandoned): e = exp(SHIFT x - SHIFT^2 / 2), and the posterior by Bayes."""
    rng = random.Random(2026)  # the same fleets in every run
    prior = math.log(TRUE_SHARE / (1 - TRUE_SHARE))
    sums = dict.fromkeys(("both", "e_values", "bayes"), 0.0)
    found = 0
    for _ in range(RUNS):
        if clustered:
            truth = [one for _ in range(HYPOTHESES // 10) for one in [rng.random() < TRUE_SHARE] * 10]
        else:
            truth = [rng.random() < TRUE_SHARE for _ in range(HYPOTHESES)]
        logs = [SHIFT * (z + SHIFT * t) - SHIFT * SHIFT / 2 for z, t in zip(noise(rng), truth, strict=True)]
        in_use = [1 / (1 + math.exp(prior + one)) for one in logs]
        chosen = select(
            in_use, [one / math.log(2) for one in logs], alpha=ALPHA, tested=HYPOTHESES, hosts=HOSTS
        )
        for name in sums:
            those = getattr(chosen, name)
            sums[name] += sum(not truth[i] for i in those) / max(1, len(those))
        found += len(chosen.both)
    rates = {name: total / RUNS for name, total in sums.items()}
    error = 3 * math.sqrt(ALPHA / RUNS)
    assert rates["both"] <= ALPHA
    assert rates["e_values"] <= ALPHA * (1 - TRUE_SHARE) + error
    assert rates["bayes"] <= ALPHA + error
    assert found > 0.2 * RUNS * HYPOTHESES * TRUE_SHARE


def test_bayesian_rule_with_evidence_counted_twice_is_wrong_too_often_and_the_selection_is_not() -> None:
    """Why both rules: a model that counts evidence twice is not calibrated, and says so to nobody."""
    rng = random.Random(7)
    bayes = both = 0.0
    prior = math.log(TRUE_SHARE / (1 - TRUE_SHARE))
    for _ in range(RUNS // 4):
        truth = [rng.random() < TRUE_SHARE for _ in range(HYPOTHESES)]
        logs = [1.5 * (rng.gauss(0, 1) + 1.5 * t) - 1.125 for t in truth]
        in_use = [1 / (1 + math.exp(prior + 2 * one)) for one in logs]
        chosen = select(in_use, [one / math.log(2) for one in logs], alpha=ALPHA, tested=HYPOTHESES)
        bayes += sum(not truth[i] for i in chosen.bayes) / max(1, len(chosen.bayes))
        both += sum(not truth[i] for i in chosen.both) / max(1, len(chosen.both))
    assert bayes / (RUNS // 4) > ALPHA
    assert both / (RUNS // 4) <= ALPHA
