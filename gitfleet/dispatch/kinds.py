"""Every operation about jobs that any node may run, and about pools."""

from __future__ import annotations

from gitfleet.dispatch import pools, rules

KINDS = (*rules.KINDS, *pools.KINDS)
