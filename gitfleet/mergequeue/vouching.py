"""Whether what is known lets a candidate land. Pure.

`missing` is what a landing asks of the ledger: which of the verdicts that the rules of its target demand are not there, from somebody
whose verdicts count. It is asked in the landing's own decision, so that a verdict that was taken back a moment ago counts no more.
"""

from __future__ import annotations

from collections.abc import Collection

from gitfleet.gates import model as gates
from gitfleet.gates.model import PASSED
from gitfleet.ledger.model import View
from gitfleet.mergequeue.requests import Proof


def missing(view: View, proof: Proof) -> list[str]:
    """The keys of the verdicts that are wanted and do not say yes; none where the rules ask for no gate."""
    return [key for key in proof.keys if not _passed(view, key, proof.trust)]


def _passed(view: View, key: str, trust: Collection[str]) -> bool:
    found = gates.verdict(view, key)
    return found is not None and any(one.result == PASSED and one.by in trust for one in found.outcomes)
