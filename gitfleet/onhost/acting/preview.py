"""What can be told of an action at a scan already: which gates would refuse it, and which actions could be taken back."""

from __future__ import annotations

from dataclasses import replace

from gitfleet.onhost.acting.gates import GateQuestion, foreseen_gates
from gitfleet.onhost.acting.slowing import reversible
from gitfleet.onhost.records import KEEP, TriageCandidate


def previewed(candidate: TriageCandidate) -> TriageCandidate:
    """The same candidate with that, if anything is proposed for it. All of it is looked at again before anything is done."""
    action = candidate.judgement.action
    members = tuple(one for one in candidate.group.members if not one.zombie)
    if action == KEEP or candidate.judgement.protected or not members:
        return candidate
    question = GateQuestion(members, action, candidate.judgement.category, candidate.group.pgid)
    return replace(candidate, gates=foreseen_gates(question), reversible=reversible(members))
