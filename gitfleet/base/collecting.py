"""How often Python looks for garbage: seldom in a command, which soon ends, and often enough in what goes on for long."""

from __future__ import annotations

import gc

COMMAND = 400_000
"""Objects between two looks: more than a command makes of some thousand records. One look at those takes longer than reading many of them."""
LASTING = 50_000
"""The same, few beside what a process that goes on must not pile up."""


def seldom() -> None:
    """For the process of one command."""
    gc.set_threshold(COMMAND)


def often() -> None:
    """For a process that goes on."""
    gc.set_threshold(LASTING)
