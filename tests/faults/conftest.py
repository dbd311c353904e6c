"""The fleet that these tests start from, and the crowd that races in it."""

import pytest

from tests.races.crowd import Crowd

__all__ = ["crowd"]


@pytest.fixture
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    """Runs many of our processes at one moment; see `crowd.Crowd`."""
    return Crowd(tmp_path_factory.mktemp("crowd"))
