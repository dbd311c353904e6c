"""Every operation about jobs that any node may run, about pools, and about tasks of work sources."""

from __future__ import annotations

from gitfleet.dispatch import pools, rules, work

KINDS = (*rules.KINDS, *pools.KINDS, *work.KINDS)
