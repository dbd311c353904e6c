"""The defaults of the model: that the tables are frequencies, the e-values honest, and the caps such that nothing weak decides."""

from __future__ import annotations

import itertools
import random
from math import log2

import pytest

from gitfleet.onhost import likelihoods as model
from gitfleet.onhost.categories import DEV_SERVER, TEST_RUNNER
from gitfleet.onhost.inference import bits_of, log_e_of, posterior_of
from gitfleet.onhost.records import ABANDONED, CLASSES, USEFUL, USEFUL_BAD
from gitfleet.triage.selection import e_bh

NULLS = {USEFUL: 0, USEFUL_BAD: 1}
ENDED = {"provenance": model.ENDED_MARKER, "folder": "removed", "terminal": "none", "cpu": "none"}
FRESH_LEAK = {**ENDED, "folder": "there", "age": "young"}

# A server that somebody keeps for tomorrow, and has started so that it outlives his terminal.
KEPT_FOR_TOMORROW = {
    "provenance": model.ORPHANED,
    "folder": "there",
    "terminal": "none",
    "age": "ten lives old",
    "cpu": "none",
    "work": "in keeping with its life",
    "input and output": "none",
    "clients": "nobody",
}


@pytest.mark.parametrize("feature", sorted(model.TABLES))
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_table_holds_frequencies_that_add_up_to_at_most_one(feature: str, column: int) -> None:
    total = sum(row[column] for row in model.TABLES[feature].values())

    assert 0.99 < total <= 1.0 + 1e-9


def test_every_feature_is_in_a_group_and_every_group_of_a_cap_exists() -> None:
    assert model.GROUPS.keys() == model.TABLES.keys()
    assert model.GROUP_CAPS.keys() <= set(model.GROUPS.values())
    assert model.FEATURE_CAPS.keys() <= model.TABLES.keys()


@pytest.mark.parametrize("group", sorted(set(model.GROUPS.values()) - {"provenance"}))
@pytest.mark.parametrize("null", sorted(NULLS))
def test_an_e_value_expects_at_most_one_under_each_null_for_every_dependence_within_a_group(
    group: str, null: str
) -> None:
    """By the whole sum over the bins; within a group even where they always occur together, in any order."""
    features = [name for name, where in model.GROUPS.items() if where == group]
    independent = 0.0
    for bins in itertools.product(*(model.TABLES[name] for name in features)):
        observed = dict(zip(features, bins, strict=True))
        weight = 1.0
        for name, value in observed.items():
            weight *= model.TABLES[name][value][NULLS[null]]
        independent += weight * 2 ** log_e_of(observed)

    assert independent <= 1.0 + 1e-9
    for name in (
        features
    ):  # the average of features that each keep to it keeps to it, whatever they have to do with each other
        alone = sum(
            row[NULLS[null]] * 2 ** log_e_of({name: value}) for value, row in model.TABLES[name].items()
        )
        assert alone <= 1.0 + 1e-9


@pytest.mark.parametrize("feature", ["provenance", "provenance of a worker"])
@pytest.mark.parametrize("null", sorted(NULLS))
def test_the_e_value_of_an_origin_expects_at_most_one(feature: str, null: str) -> None:
    rows = model.TABLES[feature].items()

    assert sum(row[NULLS[null]] * 2 ** log_e_of({feature: value}) for value, row in rows) <= 1.0 + 1e-9


@pytest.mark.parametrize("category", [*model.PRIORS, "unknown"])
@pytest.mark.parametrize("feature", sorted(set(model.TABLES) - {"provenance", "provenance of a worker"}))
def test_no_weak_feature_decides_alone(category: str, feature: str) -> None:
    for value in model.TABLES[feature]:
        posterior = posterior_of({feature: value}, category)

        assert max(posterior, key=lambda name: posterior[name]) == USEFUL or feature == "folder"
        assert posterior[ABANDONED] < 0.72
        assert abs(bits_of(feature, value)) <= model.FEATURE_CAPS.get(feature, model.FEATURE_CAP)


@pytest.mark.parametrize("category", [*model.PRIORS, "unknown"])
def test_all_circumstances_together_do_not_make_a_process_abandoned(category: str) -> None:
    posterior = posterior_of(KEPT_FOR_TOMORROW, category)

    assert posterior[ABANDONED] < 0.96
    assert log_e_of(KEPT_FOR_TOMORROW) < log2(20 / 0.05)


@pytest.mark.parametrize(
    ("observed", "candidates"),
    [(ENDED, 32 * 400), (FRESH_LEAK, 400), ({**FRESH_LEAK, "provenance": model.ENDED_MARKER}, 400)],
)
def test_evidence_of_an_ended_session_is_selectable_at_the_size_of_its_fleet(
    observed: dict[str, str], candidates: int
) -> None:
    assert log_e_of(observed) >= log2(candidates / 0.05)


def test_evidence_of_an_ended_session_without_its_worktree_needs_company_in_a_fleet_of_thirty_two_hosts() -> (
    None
):
    bits = log_e_of(FRESH_LEAK)

    assert bits < log2(32 * 400 / 0.05)
    assert bits >= log2(32 * 400 / (32 * 0.05))  # one such leak on each host


def test_a_worker_without_its_runner_is_selectable_on_a_host_of_four_hundred_candidates() -> None:
    observed = {
        "provenance of a worker": model.WITHOUT_RUNNER,
        "folder": "there",
        "terminal": "none",
        "age": "young",
    }

    assert log_e_of(observed) >= log2(400 / 0.05)
    assert posterior_of(observed, TEST_RUNNER)[ABANDONED] > 0.99


@pytest.mark.parametrize("seen", [{}, ENDED, FRESH_LEAK, KEPT_FOR_TOMORROW])
def test_a_posterior_is_one_of_all_classes_and_never_certain(seen: dict[str, str]) -> None:
    posterior = posterior_of(seen, DEV_SERVER)

    assert tuple(posterior) == CLASSES
    assert sum(posterior.values()) == pytest.approx(1.0, abs=1e-5)
    assert all(probability < 1.0 for probability in posterior.values())


@pytest.mark.parametrize("together", [False, True], ids=["independent", "circumstances move together"])
def test_selection_by_these_tables_makes_few_mistakes_and_finds_what_sessions_left(*, together: bool) -> None:
    """400 processes, one in ten abandoned, drawn from the tables themselves; 60 times. e-BH at 0.05, as a plan selects."""
    chance = random.Random(20261130)
    shares, found, left = [], 0, 0
    for _ in range(60):
        drawn = [_drawn(chance, abandoned=at < 40, together=together) for at in range(400)]
        chosen = e_bh([log_e_of(observed) for observed in drawn], alpha=0.05, tested=400)
        shares.append(sum(at >= 40 for at in chosen) / max(1, len(chosen)))
        marked = {at for at in range(40) if drawn[at]["provenance"] == model.ENDED_MARKER}
        found, left = found + len(chosen & marked), left + len(marked)

    assert sum(shares) / len(shares) <= 0.05
    assert found >= 0.95 * left


def _drawn(chance: random.Random, *, abandoned: bool, together: bool) -> dict[str, str]:
    column, level = 2 if abandoned else 0, chance.random()
    observed = {}
    for name, rows in model.TABLES.items():
        if name != "provenance of a worker":
            here = level if together and model.GROUPS[name] == "circumstances" else chance.random()
            observed[name] = _at(here, rows, column)
    return observed


def _at(level: float, rows: dict[str, model.Frequencies], column: int) -> str:
    """The bin at this height of the stack of all bins."""
    total = 0.0
    for value, row in rows.items():
        total += row[column]
        if level < total:
            return value
    return next(reversed(rows))
