"""Metrics, and the report of a fault, as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.fleet.telemetry.exposition import MetricFamily, MetricType


class MetricSampleRow(TypedDict):
    """One value, and what it is of."""

    labels: dict[str, str]
    value: float


class MetricRow(TypedDict):
    """The values of one name; none where nothing is known."""

    name: str
    type: MetricType
    words: str
    """What it says."""
    samples: list[MetricSampleRow]


class MetricsAnswer(TypedDict):
    """`metrics`."""

    file: str
    """Where they were written; empty: only printed."""
    metrics: list[MetricRow]


def metrics(families: Iterable[MetricFamily], file: str = "") -> MetricsAnswer:
    """The figures of a fleet."""
    rows: list[MetricRow] = [
        {
            "name": family.name,
            "type": family.kind,
            "words": family.words,
            "samples": [{"labels": dict(one.labels), "value": one.value} for one in family.samples],
        }
        for family in families
    ]
    return {"file": file, "metrics": rows}


class BugReportAnswer(TypedDict):
    """`bug-report`."""

    file: str
    """Where it was written; empty: only printed."""
    report: dict[str, object]
    """All that is in it. Its form may change."""
