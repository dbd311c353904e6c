"""Fleets whose nodes tell what they have spent."""

from tests.fleetbench import fleets, prepared_fleet

__all__ = ["fleets", "prepared_fleet"]
