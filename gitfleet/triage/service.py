"""Plans over hosts, from end to end: made of the hosts' answers, kept in their refs, read back and verified, and forgotten in time.

Scanning and planning change nothing on any host. All that is kept is in this clone and on its hub; hosts keep what they saw.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import clock, files, ids
from gitfleet.base.names import SessionId
from gitfleet.base.text import counted
from gitfleet.clone import Clone
from gitfleet.codec import Struct, replace
from gitfleet.dispatch import risk
from gitfleet.errors import FleetError, UsageError
from gitfleet.hosts.asking import AT_ONCE, Reach, run
from gitfleet.hosts.connection import HostLimits
from gitfleet.hosts.inventory import HostSpec, hosts_of
from gitfleet.ledger.model import NODE, PERSON, Actor
from gitfleet.onhost import redaction
from gitfleet.onhost.version import __version__
from gitfleet.triage import (
    apply_journal,
    hosts_asked,
    known_sessions,
    plan_record,
    plan_view,
    planning,
    redaction_key,
    reviewing,
    selection,
)
from gitfleet.triage.plan_record import WholePlan
from gitfleet.triage.planning import PlanRequest, ScanReply
from gitfleet.triage.plans import PlanRefs, StoredPlan

KEEP = 90 * 86400
"""Seconds that a plan is kept."""
_MANY = 2000
"""Groups of processes that one host has at most, as a rule."""
_REVIEWS = "review/"
MOST_PLANS = 200
"""Plans that a clone keeps; the oldest go first."""


class PlanOptions(Struct):
    """How hosts are asked: the level asked for, the profile, seconds a host may take, how many at once, and whether Python alone must do.

    With `left_by` the plan is about what this session has left running, and nothing else; as many count as tested.
    """

    alpha: float = selection.ALPHA
    profile: str = "safe"
    timeout: float = 120.0
    at_once: int = AT_ONCE
    bootstrap: bool = False
    left_by: str = ""


class KeptPlan(NamedTuple):
    """A plan, and what was added to its ref since."""

    whole: WholePlan
    added: Mapping[str, bytes]
    ours: bool


class FleetPlans:
    """The plans of one clone's fleet."""

    def __init__(self, clone: Clone, announce: Callable[[ScanReply], None] | None = None) -> None:
        self._clone = clone
        self._announce = announce or (lambda reply: None)
        self.refs = PlanRefs(clone.repository, clone.ledger)

    def make(
        self,
        hosts: str | Sequence[HostSpec],
        options: PlanOptions = PlanOptions(),  # noqa: B008 - frozen
    ) -> tuple[WholePlan, list[str]]:
        """Ask the hosts, and keep what comes of it as a plan; with warnings. A host that fails is part of the plan.

        `hosts` is a file or a list as `hosts.inventory` reads it, or what that has read. Runs an event loop of its own: where one
        runs, call it in a thread. Raises UsageError for hosts that are none and options out of range, Blocked where ssh cannot be used
        here, LocalStorage.
        """
        _check(options)
        hosts = hosts_of(hosts).hosts if isinstance(hosts, str) else hosts
        secret = redaction_key.key(self._clone.ledger.state)
        known = known_sessions.known(self._clone)
        known_sessions.demand_ended(known, options.left_by)
        request = self._request(options)
        replies = run(self._ask(hosts, options, secret, known))
        whole = planning.merge(request, replies)
        whole, kept = planning.files_of(whole, redaction_key.derived(secret, "seal"))
        planned, total = len(whole.plan.planned), len(hosts)
        oid, warnings = self.refs.write(
            request.id,
            kept,
            f"Fleet plan {request.id}: {planned} of {total} hosts, {len(whole.plan.selected)} selected",
        )
        self.forget_old()
        alone = planning.left_alone(replies, options.left_by) if options.left_by else 0
        if alone:
            words = f"{counted(alone, 'group')} of {options.left_by} still running and not proposed: there is too little evidence that nobody needs them, or they are kept"
            warnings = [words, *warnings]
        return replace(whole, oid=oid), [*self._remarks(whole), *warnings]

    def get(self, fleet_session: str) -> KeptPlan:
        """A plan as it was made, verified. Raises UsageError where there is none, Corrupt for one that was changed, and the hub's errors."""
        found = self.refs.read(fleet_session)
        whole = plan_record.read(found.files, fleet_session, found.oid)
        self._demand_sealed(whole, found)
        return KeptPlan(whole, found.added, whole.plan.node == self._clone.ledger.node.id)

    def note_shown(self, whole: WholePlan) -> None:
        """Note that somebody was shown all of a plan. Raises LocalStorage."""
        reviewing.note(self._clone.ledger.state, whole.plan.id, whole.oid)

    def is_shown(self, whole: WholePlan) -> bool:
        """Whether somebody was shown all of this very plan, in this clone."""
        return bool(whole.oid) and reviewing.seen(self._clone.ledger.state, whole.plan.id) == whole.oid

    def budget(self) -> risk.RiskBudget:
        """What the fleet may risk, as last agreed. Without lock or network."""
        return risk.budget(self._clone.current().view)

    def review(self, kept: KeptPlan, data: bytes) -> list[str]:
        """Keep a commented YAML of a plan with it; warnings back. Raises UsageError for a file that says something else."""
        try:
            plan_view.check(data, kept.whole)
        except plan_view.NoView as error:
            raise UsageError(
                f"This is not the YAML of {kept.whole.plan.id}: {error}.",
                hint="You may add comments, and change nothing else. You choose what to apply when you apply the plan.",
            ) from None
        if any(kept.added[name] == data for name in _reviews(kept)):
            return self.refs.send(kept.whole.plan.id)
        where = f"{_REVIEWS}{ids.ulid()}.yaml"
        return self.refs.append(
            kept.whole.plan.id, {where: data}, f"Fleet plan {kept.whole.plan.id} reviewed"
        )

    def staked(self, whole: WholePlan) -> risk.StakedPlan | None:
        """What the fleet knows of a plan that was applied, or of which a mistake was reported."""
        return next((one for one in risk.staked(self._clone.current().view) if one.id == whole.plan.id), None)

    def stake(self, whole: WholePlan) -> risk.RiskTold:
        """Tell the fleet that a plan is about to be applied. Raises PolicyRefused where mistakes have used up what it was made with."""
        body = risk.StakePlan(whole.plan.id, whole.oid, level_of(whole.plan.alpha))
        return self._clone.ledger.request(risk.stake, self._itself, body)

    def report(self, whole: WholePlan, candidate_id: str, reason: str) -> risk.RiskTold:
        """Tell the fleet of a mistake: what the plan may risk is lost. Raises UsageError for a candidate that the plan has not."""
        if candidate_id not in {one.candidate_id for _, one in whole.candidates()}:
            raise UsageError(
                f"The plan {whole.plan.id} has no such candidate.", hint="Name one as the plan shows it."
            )
        level = max(1, level_of(whole.plan.alpha))
        body = risk.ReportMistake(whole.plan.id, whole.oid, level, candidate_id, reason)
        return self._clone.ledger.request(risk.report, self._itself, body)

    def trust(self, session: SessionId, reason: str) -> risk.RiskTold:
        """Give plans back what mistakes have cost; for sessions of persons. Raises PolicyRefused, UsageError."""
        return self._clone.ledger.request(risk.trust, Actor(PERSON, session), risk.RestoreTrust(reason))

    def forget_old(self, *, keep: int = KEEP) -> int:
        """Take away plans of this clone that are too old, or too many; how many went. The hub's errors are passed over until the next time."""
        own = list(self.refs.own())
        limit = time.strftime("fleet-%Y%m%d-%H%M%S", time.gmtime(clock.now() - keep))
        old = [name for number, name in enumerate(own) if number >= MOST_PLANS or name < limit]
        gone = 0
        for name in old:
            try:
                gone += self.refs.delete(name)
            except FleetError:
                break
            reviewing.forget(self._clone.ledger.state, name)
            apply_journal.forget(self._clone.ledger.state, name)
            for page in files.names(self.reports):
                if page.startswith(name):
                    files.remove(os.path.join(self.reports, page))
        return gone

    @property
    def reports(self) -> str:
        """The folder for reports that nobody named a file for: `<plan>.html`, `<plan>-<host>.html`. They go with their plan."""
        return os.path.join(self._clone.ledger.state, "triage", "reports")

    @property
    def _itself(self) -> Actor:
        return Actor(NODE, self._clone.ledger.node.id)

    def _request(self, options: PlanOptions) -> PlanRequest:
        now = clock.now()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        granted = min(options.alpha, alpha_of(self.budget().level))
        name = f"fleet-{stamp}-{secrets.token_hex(2)}"
        node = self._clone.ledger.node.id
        return PlanRequest(
            name, now, node, __version__, options.profile, options.alpha, round(granted, 6), options.left_by
        )

    async def _ask(
        self,
        hosts: Sequence[HostSpec],
        options: PlanOptions,
        secret: bytes,
        known: known_sessions.KnownSessions,
    ) -> list[ScanReply]:
        order = hosts_asked.ScanOrder(
            known.states, known.places, known.ends,
            redaction_key.derived(secret, "redaction"), options.profile,
        )  # fmt: skip
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock.now()))
        sessions = {spec.host_id: f"pt-{stamp}-{secrets.token_hex(2)}" for spec in hosts}
        limits = HostLimits(
            hello=min(45.0, options.timeout), answer=options.timeout, deadline=options.timeout
        )
        reach = Reach(os.environ, at_once=options.at_once, bootstrap=options.bootstrap, limits=limits)
        async with reach:
            return await hosts_asked.scan(
                reach, hosts, order, sessions, bootstrap=options.bootstrap, told=self._announce
            )

    def _demand_sealed(self, whole: WholePlan, found: StoredPlan) -> None:
        """Raise Corrupt for a plan that says to be this clone's and was not made by it, or whose YAML says something else."""
        where = f"the plan {whole.plan.id}"
        if whole.plan.node == self._clone.ledger.node.id:
            key = redaction_key.derived(redaction_key.key(self._clone.ledger.state), "seal")
            if not plan_record.is_sealed(whole.plan, key):
                raise plan_record.corrupt(where, "it is not as this clone made it")
        if whole.plan.tool == __version__:
            try:
                plan_view.check(found.files.get(plan_record.VIEW, b""), whole)
            except plan_view.NoView as error:
                raise plan_record.corrupt(where, f"its YAML: {error}") from None

    def _remarks(self, whole: WholePlan) -> list[str]:
        plan = whole.plan
        said = []
        if plan.alpha < plan.asked:
            said.append(
                f"the fleet may risk {plan.alpha:g} now, not {plan.asked:g}: mistakes of earlier plans were reported, or more was asked than any plan gets"
            )
        loud = [host for host in plan.hosts if host.counts.judged > max(_MANY, plan.tested / 2)]
        if loud and len(plan.planned) > 1:
            said.append(
                f"{loud[0].host_id} says that it judged {loud[0].counts.judged} groups, more than all others: theirs need more evidence because of that"
            )
        hidden = [host.host_id for host in plan.hosts if host.hidden]
        if hidden:
            said.append(
                f"processes are hidden on {', '.join(hidden[:5])}: what is not seen there may still be there"
            )
        return said


def latest_review(kept: KeptPlan) -> str:
    """The YAML of a plan, as it was commented last."""
    found = [kept.added[name] for name in reversed(_reviews(kept))]
    for data in found:
        try:
            plan_view.check(data, kept.whole)
        except plan_view.NoView:
            continue
        return data.decode()
    return plan_view.text(kept.whole)


def _reviews(kept: KeptPlan) -> list[str]:
    return sorted(name for name in kept.added if name.startswith(_REVIEWS))


def alpha_of(level: int) -> float:
    """A level of the ledger as plans have it, to six places and never more than it is."""
    return level // 1000 / 1_000_000


def level_of(alpha: float) -> int:
    """A level as the ledger has it."""
    return int(alpha * risk.UNIT)


def _check(options: PlanOptions) -> None:
    if not selection.LOWEST <= options.alpha <= selection.HIGHEST:
        raise UsageError(
            f"--alpha is {options.alpha:g}; it has to be between {selection.LOWEST:g} and {selection.HIGHEST:g}."
        )
    if options.profile not in redaction.PROFILES:
        raise UsageError("There is no such profile.", hint=f"One of {', '.join(redaction.PROFILES)}.")
    if not 1 <= options.timeout <= 3600:
        raise UsageError("A host may take 1 to 3600 seconds.")
    if not 1 <= options.at_once <= 256:
        raise UsageError("1 to 256 hosts can be asked at once.")
