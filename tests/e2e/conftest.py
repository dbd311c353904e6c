"""A queue with its hub and runners for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bench import Bench, Steering
from tests.fleetbench import Fleets
from tests.workbench import Git, Gitfleet


@pytest.fixture
def bench(fleets: Fleets, git: Git, gitfleet: Gitfleet, tmp_path: Path) -> Iterator[Bench]:
    """A hub, the clones `ada` and `bob`, and a gate."""
    with Bench(fleets, git, gitfleet, Steering.at(tmp_path / "steering")) as made:
        yield made
