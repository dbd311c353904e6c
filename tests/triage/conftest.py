"""Fleets to plan in, and hosts to plan for."""

from tests.hosts.conftest import hosts

__all__ = ["hosts"]
