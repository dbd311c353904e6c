"""Fleets to plan in, and hosts to plan for."""

from tests.fleetbench import fleets, prepared_fleet
from tests.hosts.conftest import hosts

__all__ = ["fleets", "hosts", "prepared_fleet"]
