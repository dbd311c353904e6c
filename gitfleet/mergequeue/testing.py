"""Having a candidate tested: what is known of its tree already, or a run of the gate that the fleet sees as a ticket."""

from __future__ import annotations

import os
from typing import NamedTuple

from gitfleet.base import identity
from gitfleet.base.ids import ulid
from gitfleet.base.names import BranchName, Oid
from gitfleet.gates import keys as gate_keys
from gitfleet.gates.model import FAILED, INDETERMINATE, PASSED, PROCESSOR
from gitfleet.gates.service import GateTarget, GateTerms, GateTested
from gitfleet.gates.standing import UNKNOWN
from gitfleet.mergequeue import gate_logs
from gitfleet.mergequeue.candidates import ChainStep
from gitfleet.mergequeue.evidence import Candidate, infer
from gitfleet.mergequeue.model import CandidateResult, Outcome
from gitfleet.mergequeue.outlook import Outlook
from gitfleet.mergequeue.requests import Proof, Take
from gitfleet.mergequeue.run_clerk import RunClerk
from gitfleet.mergequeue.run_tickets import LEASE
from gitfleet.mergequeue.site import Site


def place(site: Site, look: Outlook, candidate: Candidate) -> ChainStep:
    """The commit and tree of a candidate, kept in the clone; those of the target itself for none. Raises ValueError for one that cannot be made."""
    if not candidate:
        tree = site.repository.git.run("rev-parse", f"{site.base}^{{tree}}").decode("ascii").strip()
        return ChainStep("", site.base, tree)
    step = look.step(candidate)
    if step is None:
        raise ValueError("a candidate that cannot be made was chosen")
    site.chains.keep(step.commit)
    return step


def keys(site: Site, tree: str) -> tuple[str, ...]:
    """The names of the verdicts that the gate's parts give of a tree."""
    return tuple(one.key for one in gate_keys.subjects(site.ledger.objects, tree, site.gate))


def proof(site: Site, tree: str) -> Proof:
    """What lets a tree land."""
    gate = site.gate
    return Proof("none") if gate.none else Proof("verdicts", keys(site, tree), tuple(gate.trust))


def known(site: Site, look: Outlook, candidate: Candidate) -> CandidateResult | None:
    """What the fleet knows of a candidate without a run of it: by a verdict of its tree, or since there is no gate. None: nothing.

    A failure of a tree counts once, whatever it was tested as: when it is in question again, its gate runs again.
    """
    step = place(site, look, candidate)
    word = site.gates.standing(step.tree).word
    if word not in {PASSED, FAILED} or (word == FAILED and look.has_failed(step.tree)):
        return None
    outcome: Outcome = "passed" if word == PASSED else "failed"
    names = () if site.gate.none else keys(site, step.tree)
    return CandidateResult(
        ulid(),
        Oid(site.base),
        look.pins(candidate),
        Oid(step.commit),
        Oid(step.tree),
        outcome,
        site.ledger.current().tip.generation,
        names,
    )


def was_in_vain(site: Site, look: Outlook, candidate: Candidate) -> bool:
    """Whether a run of this node has left nothing known of a candidate: another one would not either."""
    return site.gates.standing(place(site, look, candidate).tree).word == UNKNOWN


def waits(site: Site, look: Outlook, candidate: Candidate) -> str:
    """What a run of a candidate would wait for, in words: another run of the same, or of as many as a part of the gate bears; "" where it may begin."""
    step = place(site, look, candidate)
    full = site.gates.hindrance(step.tree, again=look.has_failed(step.tree))
    return full.message if full else ""


def known_first(site: Site, look: Outlook, candidate: Candidate) -> CandidateResult | None:
    """The same, of the candidate or of those in it that have passed on the target as it was before: that these pass on the
    target of now may be known without a run, by the inputs of the gate's parts, and then they need not wait for the others.
    """
    vouched = infer(look.evidence).vouched
    passed = tuple(entry for entry in candidate if entry in vouched)
    if passed and passed != candidate and look.step(passed) is not None:
        found = known(site, look, passed)
        if found is not None and found.outcome == "passed":
            return found
    return known(site, look, candidate)


class CandidateRun(NamedTuple):
    """How a run ended: `outcome` "abandoned" when others do it already or it was stopped; `useless` says why, where it
    was given up, and `gave_way` that this was for a hotfix.
    """

    outcome: Outcome
    gave_way: bool = False
    useless: str = ""


def run(site: Site, look: Outlook, candidate: Candidate, *, yields: bool = False) -> CandidateRun:
    """Run the gate on a candidate, under a ticket, and record how that ended. It ends early when nobody wants to know any more,
    or (`yields`) when a hotfix waits for a runner. Two pushes: one as it begins, one as it ends.

    Raises Conflict and EntryMoved where it may not be run (any more).
    """
    step = place(site, look, candidate)
    names = ", ".join(look.entries[entry].branch for entry in candidate) or f"{site.target} itself"
    wanted = Take(
        BranchName(site.target), Oid(site.base), look.pins(candidate), Oid(step.commit),
        Oid(step.tree), keys(site, step.tree), LEASE, identity.identify(os.getpid()), names[:1000],
    )  # fmt: skip
    again = look.has_failed(step.tree)
    with RunClerk(site, look, candidate, wanted, yields=yields) as clerk:
        variables = (("entries", " ".join(candidate)), ("base", site.base), ("target", site.target))
        terms = GateTerms(by=PROCESSOR, again=again, keep_going=False, variables=variables)
        ended = site.gates.run(
            GateTarget(Oid(step.commit), Oid(step.tree)), terms,
            progress=site.listener.progress, runner=site.runner, clerk=clerk,
        )  # fmt: skip
        clerk.outcome = outcome = _outcome(ended)
        if outcome == "failed" and len(clerk.suspects) == 1:
            _keep_logs(site, ended)
    why = f" ({clerk.useless})" if clerk.useless and outcome == "abandoned" else ""
    why += "".join(f" ({one.waits.message})" for one in ended.parts if one.waits)
    why += " (flaky: the same files failed before)" if again and outcome == "passed" else ""
    site.listener.say(f"{outcome}{why}: {names}")
    return CandidateRun(outcome, clerk.gave_way, clerk.useless)


def _outcome(ended: GateTested) -> Outcome:
    """How the run ended by its own parts: a pass of the same tree vouches for it elsewhere, and does not hide that this one failed."""
    results = [one.end.result for one in ended.parts if one.end and not one.end.stopped]
    if FAILED in results:
        return "failed"
    if ended.word == PASSED:
        return "passed"
    if ended.word == FAILED:
        return "failed"
    return "indeterminate" if INDETERMINATE in results else "abandoned"


def _keep_logs(site: Site, ended: GateTested) -> None:
    """Have the logs of what failed where other nodes can read them."""
    for one in ended.parts:
        if one.end is not None and one.end.result == FAILED and one.end.path:
            gate_logs.keep(site.repository, site.ledger, one.end.path)
