"""Fleets to plan in."""

from tests.fleetbench import fleets, prepared_fleet

__all__ = ["fleets", "prepared_fleet"]
