"""Fleets whose jobs are told."""

from tests.fleetbench import fleets, prepared_fleet

__all__ = ["fleets", "prepared_fleet"]
