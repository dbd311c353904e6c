"""Whether what is known lets a candidate land. Pure.

`missing` is what a landing asks of the ledger: which of the verdicts that the rules of its target demand are not there, from somebody
whose verdicts count. It is asked in the landing's own decision, so that a verdict that was taken back a moment ago counts no more.
"""

from __future__ import annotations

from gitfleet.ledger.model import View
from gitfleet.mergequeue.requests import Proof


def missing(view: View, proof: Proof) -> list[str]:
    """The keys of the verdicts that are wanted and do not say yes; none where the rules ask for no gate."""
    del view  # no verdict is recorded yet, so none counts
    return list(proof.keys)
