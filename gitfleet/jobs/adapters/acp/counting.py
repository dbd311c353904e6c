"""What the answers to prompts tell of usage. Kept by model where that is told, in the agent's own words. Pure.

Agents count differently: some by model and for side questions, too (`_meta.quota`), some for the whole turn, one for its last
request only. What is not told is a gap, and never 0.
"""

from __future__ import annotations

from gitfleet.jobs.adapters.acp.agents import AcpAgent
from gitfleet.jobs.adapters.acp.wire import table
from gitfleet.jobs.adapters.jsonlines import is_count, tables_of, text_of
from gitfleet.jobs.adapters.results import Usage

KINDS = {
    "inputTokens": "input",
    "input_tokens": "input",
    "cachedReadTokens": "cache_read",
    "cachedInputTokens": "cache_read",
    "cachedWriteTokens": "cache_write",
    "cacheWriteInputTokens": "cache_write",
    "outputTokens": "output",
    "output_tokens": "output",
    "thoughtTokens": "reasoning",
    "reasoningOutputTokens": "reasoning",
}
"""What the counts are in our words; totals are left out, which would count everything twice."""


def of_answer(result: dict[str, object], model: str) -> dict[str, dict[str, int | float]]:
    """The counts by model in one answer; `model` is the one to take where none is named. Empty where it tells none."""
    quota = table(table(result.get("_meta")).get("quota"))
    by_model: dict[str, dict[str, int | float]] = {}
    for one in tables_of(quota.get("model_usage")):
        if counts := _counts(one.get("token_count")):
            _add(by_model, text_of(one.get("model")) or model, counts)
    if by_model:
        return by_model
    for told in (result.get("usage"), quota.get("token_count")):
        if counts := _counts(told):
            return {model: counts}
    return {}


def summed(answers: list[dict[str, dict[str, int | float]]], agent: AcpAgent, *, open_turn: bool) -> Usage:
    """The usage of all turns. `open_turn`: one was asked for and not answered."""
    models: dict[str, dict[str, int | float]] = {}
    for answer in answers:
        for model, counts in answer.items():
            _add(models, model, counts)
    gaps = []
    if not models or not all(answers):
        gaps.append("the agent told no usage")
    elif open_turn:
        gaps.append("a turn that was not answered told no usage")
    if models and agent.counts_last_only:
        gaps.append(f"{agent.name} tells the usage of its last request only")
    return Usage(models, tuple(gaps))


def _counts(told: object) -> dict[str, int | float]:
    """The counts that are known; nothing but zeros is what agents tell that do not know."""
    counts = {kind: count for kind, count in table(told).items() if kind in KINDS and is_count(count)}
    return counts if any(counts.values()) else {}


def _add(models: dict[str, dict[str, int | float]], model: str, counts: dict[str, int | float]) -> None:
    total = models.setdefault(model[:256], {})
    for kind, count in counts.items():
        total[kind] = total.get(kind, 0) + count
