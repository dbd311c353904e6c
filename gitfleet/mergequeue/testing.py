"""Having a candidate tested: what is known of its tree already, or a run of the gate that the fleet sees as a ticket."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from gitfleet.base import identity
from gitfleet.base.ids import ulid
from gitfleet.base.names import BranchName, Oid
from gitfleet.errors import FleetError
from gitfleet.gates import keys as gate_keys
from gitfleet.gates import watching
from gitfleet.gates.model import FAILED, INDETERMINATE, PASSED, PROCESSOR
from gitfleet.gates.service import GateTarget, GateTerms, GateTested
from gitfleet.gates.standing import UNKNOWN
from gitfleet.mergequeue import model, trials
from gitfleet.mergequeue.candidates import ChainStep
from gitfleet.mergequeue.evidence import Candidate, Evidence, GroupEnd, RunResult, infer
from gitfleet.mergequeue.model import CandidateResult, Outcome
from gitfleet.mergequeue.outlook import Outlook
from gitfleet.mergequeue.requests import EndRun, OfRun, Proof, Take
from gitfleet.mergequeue.site import Site

_LEASE = 180


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
    pins = tuple(look.entries[entry].pin for entry in candidate)
    names = () if site.gate.none else keys(site, step.tree)
    return CandidateResult(
        ulid(),
        Oid(site.base),
        pins,
        Oid(step.commit),
        Oid(step.tree),
        outcome,
        site.ledger.current().tip.generation,
        names,
    )


def was_in_vain(site: Site, look: Outlook, candidate: Candidate) -> bool:
    """Whether a run of this node has left nothing known of a candidate: another one would not either."""
    return site.gates.standing(place(site, look, candidate).tree).word == UNKNOWN


def run(site: Site, look: Outlook, candidate: Candidate) -> bool:
    """Run the gate on a candidate, under a ticket, and record how that ended. False when it was stopped, or others do it already.

    Raises Conflict and EntryMoved where it may not be run (any more).
    """
    step = place(site, look, candidate)
    names = ", ".join(look.entries[entry].branch for entry in candidate) or f"{site.target} itself"
    body = Take(
        BranchName(site.target), Oid(site.base), tuple(look.entries[entry].pin for entry in candidate), Oid(step.commit),
        Oid(step.tree), keys(site, step.tree), _LEASE, identity.identify(os.getpid()), names[:1000],
        watching.over(model.runs(site.view), site.ledger.state, site.ledger.node.id, name="queue"),
    )  # fmt: skip
    ticket = site.request(trials.take, body).run
    site.listener.say(f"testing {step.commit[:12]}: {names}")
    outcome: Outcome = "abandoned"
    ended: GateTested | None = None
    try:
        with renewed(lambda: site.request(trials.renew, OfRun(ticket.id)), _LEASE / 3):
            ended = _gated(site, look, candidate, step)
        outcome = _outcome(ended)
    finally:
        seconds = round(sum(one.end.seconds for one in ended.parts if one.end)) if ended is not None else 0
        flaky = outcome == "passed" and look.has_failed(step.tree)
        end = EndRun(ticket.id, outcome, seconds, _suspects(look, candidate, outcome), flaky)
        with suppress(FleetError):
            site.request(trials.end, end)
    site.listener.say(f"{outcome}: {names}{' (flaky: the same files failed before)' if flaky else ''}")
    return outcome != "abandoned"


def _gated(site: Site, look: Outlook, candidate: Candidate, step: ChainStep) -> GateTested:
    again = look.has_failed(step.tree)
    variables = (("entries", " ".join(candidate)), ("base", site.base), ("target", site.target))
    terms = GateTerms(by=PROCESSOR, again=again, keep_going=False, variables=variables)
    target = GateTarget(Oid(step.commit), Oid(step.tree))
    return site.gates.run(target, terms, progress=site.listener.progress, runner=site.runner)


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


def _suspects(look: Outlook, candidate: Candidate, outcome: Outcome) -> tuple[str, ...]:
    """The entries of a failed candidate that one of them may be at fault."""
    if outcome != "failed":
        return ()
    runs = (*look.evidence().runs, RunResult(candidate, GroupEnd.FAILED))
    vouched = infer(Evidence(runs)).vouched
    return tuple(entry for entry in candidate if entry not in vouched)


@contextmanager
def renewed(request: Callable[[], object], every: float) -> Iterator[None]:
    """Make a request again and again while the body runs; one that fails is left out."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(every):
            with suppress(FleetError):
                request()

    keeper = threading.Thread(target=renew, name="queue lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
