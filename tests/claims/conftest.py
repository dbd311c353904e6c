"""The fleet that tests of the service start from."""

from tests.fleetbench import fleets, prepared_fleet

__all__ = ["fleets", "prepared_fleet"]
