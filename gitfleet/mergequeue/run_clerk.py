"""What a run asks of the ledger: its ticket with the lease of its first part, its end with the verdict of its last one. One push each."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Self

from gitfleet.errors import FleetError
from gitfleet.gates import leases, verdicts
from gitfleet.gates.leases import GateTaken, KeepGate, TakeGate
from gitfleet.gates.model import PASSED
from gitfleet.gates.service import GateClerk
from gitfleet.gates.verdicts import PublishVerdict, VerdictPublished
from gitfleet.ledger.model import Actor
from gitfleet.mergequeue import trials
from gitfleet.mergequeue.evidence import Candidate, Evidence, GroupEnd, RunResult, infer
from gitfleet.mergequeue.model import Outcome
from gitfleet.mergequeue.outlook import Outlook
from gitfleet.mergequeue.requests import EndRun, RunTaken, Take
from gitfleet.mergequeue.run_tickets import RunTicket
from gitfleet.mergequeue.site import Site


class RunClerk(GateClerk):
    """The clerk of one run of a candidate. As a context manager it keeps the ticket, and has the run ended when the body has.

    `outcome` is how the run ended: "abandoned" where others do it already or it was stopped.
    """

    def __init__(
        self, site: Site, look: Outlook, candidate: Candidate, wanted: Take, *, yields: bool
    ) -> None:
        super().__init__(site.ledger)
        self._site, self._look, self._candidate = site, look, candidate
        self._wanted, self._yields = wanted, yields
        self.outcome: Outcome = "abandoned"
        self._ticket: RunTicket | None = None
        self._ended = False
        self._seconds = 0
        self._kept = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()
        if self.useless:
            self._site.runner = self._site.gates.runner()  # the last one was stopped, for good
        if self._ticket is not None and not self._ended:
            with suppress(FleetError):
                self._site.request(trials.end, self._end(self._ticket, self.outcome))

    @property
    def useless(self) -> str:
        """Why nobody wants to know how the run ends; "" while somebody does."""
        return self._ticket.useless if self._ticket else ""

    @property
    def gave_way(self) -> bool:
        """Whether it was given up for a hotfix."""
        return self._ticket is not None and self._ticket.gave_way

    @property
    def suspects(self) -> tuple[str, ...]:
        """The entries of which one may be at fault if the run fails."""
        runs = (*self._look.evidence.runs, RunResult(self._candidate, GroupEnd.FAILED))
        vouched = infer(Evidence(runs)).vouched
        return tuple(entry for entry in self._candidate if entry not in vouched)

    def begin(self, actor: Actor, body: TakeGate) -> GateTaken:
        """See `GateClerk`. Raises what the ledger says of the ticket, or of the lease."""
        lease = self.ledger.operation(leases.take, actor, body)
        if self._ticket is not None:
            return self.ledger.submit([lease])[0].answered(GateTaken)
        wanted = self.ledger.operation(trials.take, self.ledger.itself, self._wanted)
        ticket, taken = self.ledger.submit([wanted, lease])
        if ticket.error is not None and taken.error is None:
            with suppress(FleetError):
                self.ledger.request(leases.leave, actor, KeepGate(taken.answered(GateTaken).lease))
        self._ticket = RunTicket(self._site, ticket.answered(RunTaken).run, yields=self._yields)
        self._site.listener.say(f"testing {self._wanted.commit[:12]}: {self._wanted.purpose}")
        self._kept.enter_context(self._ticket.kept())
        return taken.answered(GateTaken)

    def finish(self, actor: Actor, body: PublishVerdict, *, decides: bool) -> VerdictPublished:
        """See `GateClerk`."""
        self._seconds += body.seconds
        verdict = self.ledger.operation(verdicts.publish, actor, body)
        if self._ticket is None or not decides:
            return self.ledger.submit([verdict])[0].answered(VerdictPublished)
        outcome: Outcome = "passed" if body.result == PASSED else "failed"
        end = self.ledger.operation(trials.end, self.ledger.itself, self._end(self._ticket, outcome))
        filed, _ = self.ledger.submit([verdict, end])  # a run that has lost its ticket has ended already
        answer = filed.answered(VerdictPublished)
        self.outcome, self._ended = outcome, True
        return answer

    def _end(self, ticket: RunTicket, outcome: Outcome) -> EndRun:
        flaky = outcome == "passed" and self._look.has_failed(self._wanted.tree)
        suspects = self.suspects if outcome == "failed" else ()
        return EndRun(ticket.run.id, outcome, self._seconds, suspects, flaky, words=ticket.useless[:1000])
