"""Scenario 3 in a few trials; `scripts/soak --landings` plays a thousand."""

from __future__ import annotations

import pytest

from tests.e2e.bench import Bench
from tests.e2e.landing_races import EACH, round_of
from tests.sampling import RUN

TRIALS = 50


@pytest.mark.sample(2)
@pytest.mark.slow
@pytest.mark.parametrize("part", range(TRIALS // EACH))
def test_what_was_dropped_or_held_does_not_land_and_what_has_landed_says_so(bench: Bench, part: int) -> None:
    outcomes = round_of(bench, RUN.choice(f"landing races {part}"), f"p{part}")
    assert sum(outcomes.values()) == EACH, outcomes
