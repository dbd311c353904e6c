"""The fleet that these tests start from."""

from tests.fleetbench import fleets, prepared_fleet

__all__ = ["fleets", "prepared_fleet"]
