"""Every operation of the merge queue."""

from __future__ import annotations

from gitfleet.mergequeue import landings, offers, repairs, rules, trials

KINDS = (*rules.KINDS, *trials.KINDS, *landings.KINDS, *offers.KINDS, *repairs.KINDS)
