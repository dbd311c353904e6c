"""A queue to start from."""

from __future__ import annotations

import pytest

from tests.fleetbench import fleets, prepared_fleet
from tests.mergequeue.queues import Queues

__all__ = ["fleets", "prepared_fleet"]


@pytest.fixture
def world() -> Queues:
    return Queues()
