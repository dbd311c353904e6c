"""Every operation of the merge queue."""

from __future__ import annotations

from gitfleet.mergequeue import landings, repairs, rules, trials

KINDS = (*rules.KINDS, *trials.KINDS, *landings.KINDS, *repairs.KINDS)
