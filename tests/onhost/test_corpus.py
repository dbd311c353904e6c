"""The labelled corpus: what is thought of real processes, and how far its probabilities can be believed."""

from __future__ import annotations

from functools import cache
from math import log2

import pytest

from gitfleet.onhost.categories import DATABASE, EDITOR, LANGUAGE_SERVER, SHELL
from gitfleet.onhost.records import ABANDONED, KEEP, PAUSE, TERMINATE, USEFUL, USEFUL_BAD, ZOMBIE
from tests.onhost import corpus_programs as programs
from tests.onhost.calibration import brier, judged, reliability, report
from tests.onhost.corpus_form import LabelledCase, corpus

LEFT = frozenset(name for name, way, *_ in programs.BATCHES if way in (programs.MARKED, programs.MARKED_GONE))


@cache
def cases() -> tuple[LabelledCase, ...]:
    return tuple(corpus())


def named(found: list[LabelledCase]) -> list[str]:
    return [f"{case.batch}/{case.name}: {case.label}, {case.judgement.action}" for case in found]


def selected(found: list[LabelledCase]) -> list[LabelledCase]:
    """What e-BH takes of these at 0.05 (Wang & Ramdas 2022), of those that are to be paused or ended."""
    ranked = sorted(judged(found), key=lambda case: -case.judgement.log_e)
    size = len(ranked)
    kept = [at for at, case in enumerate(ranked, 1) if case.judgement.log_e >= log2(size / (0.05 * at))]
    return [case for case in ranked[: max(kept, default=0)] if case.judgement.action in (PAUSE, TERMINATE)]


def test_corpus_holds_every_kind_of_truth_and_enough_of_them() -> None:
    labels = [case.label for case in cases() if case.name != "bystander"]

    assert len(labels) >= 150
    assert set(labels) == {USEFUL, USEFUL_BAD, ABANDONED, ZOMBIE}
    assert {case.batch for case in cases()} == {name for name, *_ in programs.BATCHES}


def test_nothing_useful_is_paused_or_ended() -> None:
    wrong = [case for case in cases() if case.label == USEFUL and case.judgement.action in (PAUSE, TERMINATE)]

    assert named(wrong) == []


@pytest.mark.parametrize("category", [EDITOR, SHELL, DATABASE, LANGUAGE_SERVER])
def test_idle_one_of_a_kind_that_is_kept_is_kept(category: str) -> None:
    found = [case for case in cases() if case.judgement.category == category]

    assert len(found) >= 4
    assert named([case for case in found if case.judgement.action != KEEP]) == []


def test_every_leak_of_an_ended_session_is_attributed_to_it_and_ended() -> None:
    left = [case for case in cases() if case.label == ABANDONED and case.batch in LEFT]

    assert len(left) >= 50
    assert [case.name for case in left if case.origin.state != "ended"] == []
    assert named([case for case in left if case.judgement.action != TERMINATE]) == []


def test_leaks_are_selected_among_all_that_was_judged_and_nothing_else_is() -> None:
    found = selected(list(cases()))

    assert named([case for case in found if case.label != ABANDONED]) == []
    assert {case.name for case in cases() if case.batch in LEFT and case.label == ABANDONED} <= {
        case.name for case in found
    }


@pytest.mark.parametrize("name", ["jest", "vitest"])
def test_worker_whose_runner_was_killed_is_selected_without_any_session(name: str) -> None:
    found = [case for case in selected(list(cases())) if case.batch == "killed-runners"]

    assert name in [case.name for case in found]
    assert {case.origin.session for case in found} == {None}


def test_runaways_on_a_terminal_are_seen_and_left_to_the_one_who_sits_there() -> None:
    found = [case for case in cases() if case.label == USEFUL_BAD]

    assert len(found) >= 4
    assert all(case.judgement.posterior[USEFUL_BAD] > 0.5 for case in found)
    assert named([case for case in found if case.judgement.action in (PAUSE, TERMINATE)]) == []


def test_long_computations_are_not_taken_for_runaways() -> None:
    found = [
        case for case in cases() if case.batch in ("computing", "kept-watchers") and "train" in case.name
    ]

    assert len(found) == 4
    assert named([case for case in found if case.judgement.action != KEEP]) == []


def test_zombies_are_zombies() -> None:
    found = [case for case in cases() if case.label == ZOMBIE]

    assert len(found) >= 4
    assert all(case.judgement.posterior[ZOMBIE] > 0.99 for case in found)


def test_probabilities_agree_with_the_labels() -> None:
    found = judged(cases())
    wrong = [
        case
        for case in found
        if max(case.judgement.posterior.items(), key=lambda row: row[1])[0] != case.label
    ]

    assert brier(found) <= 0.06, report()
    assert len(wrong) <= 0.02 * len(found), named(wrong)
    for row in reliability(found):
        assert abs(row.said - row.true) <= 0.3, report()
    assert reliability(found)[-1].true == 1.0, report()
