"""Counts of clients in our words: kinds of tokens that do not overlap, and what they cost by a table of prices. Pure.

Clients count differently: for some, those from the cache are part of the input. What is not told is not there, and never 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.jobs.adapters.results import Usage

KINDS = ("input", "cache_read", "cache_write", "output")
"""What tokens are billed as. Thinking is output."""
Prices = Mapping[str, Mapping[str, float]]
"""Dollars for a million tokens, by model and kind; the model `DEFAULT` stands for all that are not there."""
DEFAULT = "default"
_MILLION = 1_000_000
_PLAIN = {
    "inputTokens": "input",
    "input_tokens": "input",
    "cacheReadInputTokens": "cache_read",
    "cachedReadTokens": "cache_read",
    "cacheCreationInputTokens": "cache_write",
    "cachedWriteTokens": "cache_write",
    "outputTokens": "output",
    "output_tokens": "output",
    "thoughtTokens": "output",
}
_WITHIN_INPUT = {
    "cached_input_tokens": "cache_read",
    "cachedInputTokens": "cache_read",
    "cache_write_input_tokens": "cache_write",
    "cacheWriteInputTokens": "cache_write",
}
"""What is counted as input, too. Reasoning is counted as output everywhere else, so it has no row."""
_MARK = "cachedInputTokens"
"""Where this is told, `cachedWriteTokens` is part of the input, too."""


def billed(counts: Mapping[str, int | float]) -> dict[str, int]:
    """The counts of one model by our kinds; only those of which something was told."""
    found: dict[str, int] = {}
    within = _WITHIN_INPUT | ({"cachedWriteTokens": "cache_write"} if _MARK in counts else {})
    for name, count in counts.items():
        kind = within.get(name) or _PLAIN.get(name)
        if kind and count >= 0:
            found[kind] = found.get(kind, 0) + int(count)
            if name in within and "input" not in found:
                found["input"] = 0
            if name in within:
                found["input"] -= int(count)
    if found.get("input", 0) < 0:
        found["input"] = 0
    return found


def total(usage: Usage) -> int | None:
    """All tokens of an attempt; None where none were told."""
    counts = [count for told in usage.models.values() for count in billed(told).values()]
    return sum(counts) if counts else None


def priced(usage: Usage, prices: Prices) -> float | None:
    """What it costs by the table; None where the table lacks a model, or a kind that was used, or nothing was told."""
    found = None
    for model, told in usage.models.items():
        cost = of_model(model, told, prices)
        if cost is None:
            return None
        found = (found or 0.0) + cost
    return found


def of_model(model: str, told: Mapping[str, int | float], prices: Prices) -> float | None:
    """The same for the counts of one model."""
    table = prices.get(model) or prices.get(DEFAULT)
    counts = billed(told)
    if not table or not counts or any(count and kind not in table for kind, count in counts.items()):
        return None
    return sum(count * table.get(kind, 0.0) for kind, count in counts.items()) / _MILLION
