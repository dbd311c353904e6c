"""Fleets to look at, and processes for their sessions to live with."""

from tests.fleetbench import fleets, prepared_fleet, process

__all__ = ["fleets", "prepared_fleet", "process"]
