"""Metrics, and how Prometheus reads them: its text format, as a textfile collector takes it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from gitfleet.codec import Struct

MetricType = Literal["counter", "gauge"]


class MetricSample(Struct):
    """One value, and what it is of."""

    value: float
    labels: Mapping[str, str] = {}


class MetricFamily(Struct):
    """The values of one name. `words` says what they are; a counter's name ends with `_total`."""

    name: str
    kind: MetricType
    words: str
    samples: tuple[MetricSample, ...]


def lines(families: Iterable[MetricFamily]) -> Iterator[str]:
    """The text format, line by line. A name without values is left out: what is not known is not 0."""
    for family in families:
        if not family.samples:
            continue
        yield f"# HELP {family.name} {_escaped(family.words, quoted=False)}"
        yield f"# TYPE {family.name} {family.kind}"
        for sample in family.samples:
            yield f"{family.name}{_labels(sample.labels)} {_number(sample.value)}"


def _labels(labels: Mapping[str, str]) -> str:
    told = ",".join(f'{name}="{_escaped(value, quoted=True)}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


def _escaped(text: str, *, quoted: bool) -> str:
    plain = text.replace("\\", "\\\\").replace("\n", "\\n")
    return plain.replace('"', '\\"') if quoted else plain


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
