"""A row of the table of benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table: what was compared, the ratio, and the bar (`at_most` or at least)."""

    name: str
    ratio: float
    bar: float
    at_most: bool
    note: str

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.ratio <= self.bar if self.at_most else self.ratio >= self.bar


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| row | ratio | bar | | measured |", "| --- | ---: | ---: | --- | --- |"]
    for row in rows:
        bar = f"{'≤' if row.at_most else '≥'} {row.bar:g}"
        lines.append(
            f"| {row.name} | {row.ratio:.2f} | {bar} | {'met' if row.met else '**missed**'} | {row.note} |"
        )
    return "\n".join(lines)
