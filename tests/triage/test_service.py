"""What ties plans to the ledger."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitfleet.dispatch import risk
from gitfleet.triage.service import alpha_of, level_of


@given(st.integers(0, risk.ALPHA))
def test_alpha_that_a_level_grants_never_stakes_more_than_that_level(level: int) -> None:
    assert level - 2000 <= level_of(alpha_of(level)) <= level


def test_alpha_of_a_fleet_without_mistakes_is_what_is_staked() -> None:
    assert (alpha_of(risk.ALPHA), level_of(0.05)) == (0.05, risk.ALPHA)
