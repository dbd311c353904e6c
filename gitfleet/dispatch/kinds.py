"""Every operation about jobs that any node may run, pools, tasks of work sources, and what plans over hosts may risk."""

from __future__ import annotations

from gitfleet.dispatch import pools, risk, rules, work

KINDS = (*rules.KINDS, *pools.KINDS, *work.KINDS, *risk.KINDS)
