"""The fleet that these tests start from, and the crowd that races in it."""

import pytest

from tests.fleetbench import fleets, prepared_fleet
from tests.gatebench import copies, hooked_fleet
from tests.races.crowd import Crowd

__all__ = ["copies", "crowd", "fleets", "hooked_fleet", "prepared_fleet"]


@pytest.fixture
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    """Runs many of our processes at one moment; see `crowd.Crowd`."""
    return Crowd(tmp_path_factory.mktemp("crowd"))
