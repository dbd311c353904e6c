"""`Fleet.open(path)`: one clone's way into its fleet."""

from __future__ import annotations

from gitfleet.clone import Clone


class Fleet(Clone):
    """One clone's fleet. Not for use by two threads at once; any number of processes may have one open."""
