"""Counts of clients in one language, and what they cost by a table."""

from __future__ import annotations

import pytest

from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.money import tokens

PRICES = {"m": {"input": 2.0, "output": 10.0, "cache_read": 0.5}, "free": {"input": 0.0, "output": 0.0}}


@pytest.mark.parametrize(
    ("told", "billed"),
    [
        ({"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 7, "cacheCreationInputTokens": 3, "thinkingTokens": 2, "webSearchRequests": 1},
         {"input": 10, "output": 5, "cache_read": 7, "cache_write": 3}),
        ({"input_tokens": 41200, "cached_input_tokens": 38016, "output_tokens": 903, "reasoning_output_tokens": 512},
         {"input": 3184, "cache_read": 38016, "output": 903}),
        ({"cached_input_tokens": 4, "input_tokens": 10, "cache_write_input_tokens": 1}, {"input": 5, "cache_read": 4, "cache_write": 1}),
        ({"inputTokens": 10, "cachedReadTokens": 4, "outputTokens": 5, "thoughtTokens": 2}, {"input": 10, "cache_read": 4, "output": 7}),
        ({"inputTokens": 10, "cachedInputTokens": 4, "cachedWriteTokens": 1, "outputTokens": 5}, {"input": 5, "cache_read": 4, "cache_write": 1, "output": 5}),
        ({"input_tokens": 0}, {"input": 0}),
        ({"cached_input_tokens": 5}, {"cache_read": 5, "input": 0}),
        ({"totalTokens": 15}, {}),
    ],
)  # fmt: skip
def test_counts_are_told_apart_without_overlap(told: dict[str, int], billed: dict[str, int]) -> None:
    assert tokens.billed(told) == billed


@pytest.mark.parametrize(
    ("models", "cost"),
    [
        ({"m": {"inputTokens": 1_000_000, "outputTokens": 100_000, "cacheReadInputTokens": 2_000_000}}, 4.0),
        ({"free": {"input_tokens": 5, "output_tokens": 5}}, 0.0),
        ({"m": {"inputTokens": 1}, "unknown": {"inputTokens": 1}}, None),
        ({"m": {"inputTokens": 1, "cacheCreationInputTokens": 1}}, None),
        ({"m": {"inputTokens": 1, "cacheCreationInputTokens": 0}}, 0.000002),
        ({"m": {}}, None),
        ({}, None),
    ],
)
def test_cost_is_known_only_where_all_of_it_has_a_price(
    models: dict[str, dict[str, int]], cost: float | None
) -> None:
    assert tokens.priced(Usage(models), PRICES) == cost


def test_default_stands_for_models_without_a_row() -> None:
    usage = Usage({"": {"input_tokens": 1_000_000}})
    assert tokens.priced(usage, {"default": {"input": 3.0}}) == 3.0
    assert tokens.priced(usage, {}) is None


def test_no_tokens_told_is_not_none_at_all() -> None:
    assert tokens.total(Usage(gaps=("nothing",))) is None
    assert tokens.total(Usage({"m": {"input_tokens": 0}})) == 0
