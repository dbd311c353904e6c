"""How much the fleet may still risk when it ends processes: a wealth that mistakes use up, shared by all nodes. Pure.

Alpha-investing (Foster and Stine 2008, Journal of the Royal Statistical Society B 70:429) with plans as its tests. A plan whose
pool was tested at level a stakes a/(1-a) when it is applied. One that turns out well earns omega; one of which somebody reports a
mistake, or undoes an action, loses its stake: W(j) = W(j-1) + omega, or W(j-1) - a_j/(1-a_j).

Their theorem holds for tests that are all paid for, those that find nothing included. We charge plans that were applied: a
plan that nobody applies ends nothing, and looking would soon use up what a fleet needs on the day of its first leak. What
we promise instead holds however wrong the model is and however plans depend on each other, as long as a mistake is reported
before the next plan is applied: stakes lost are at most the initial wealth and what was earned, so with omega = ALPHA * stake

    lost stakes <= START + ALPHA * (stakes of plans that turned out well).

A plan may stake no more than half of what there is, so that one mistake after the other never uses wealth up, and each loss at the limit halves
the level. Plans that are applied before anything is known of each other stake the same wealth, or a busy week would leave nothing
to be found: with two of them at the limit, and both wrong, it is used up at once. Wealth never grows above START: good years buy no
recklessness. When all is lost, a person decides (`trust`). Amounts are in billionths.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.base import canonical
from gitfleet.base.ids import is_oid
from gitfleet.base.text import one_line
from gitfleet.codec import FLAG, WHOLE, Many, One, Record, Struct, Text, Whole, field, replace
from gitfleet.errors import PolicyRefused, UsageError
from gitfleet.ledger import filing
from gitfleet.ledger.model import NODE_ID, Accepted, Answer, Changes, Operation, View
from gitfleet.ledger.operations import BY_NODES, BY_PERSONS, Decision, operation
from gitfleet.sessions import session_rules

UNIT = 1_000_000_000
ALPHA = UNIT // 20
"""The level at which a plan may be tested while all wealth is there, and the share of a stake that success earns."""
FOLDER = "risk/plans"
BUDGET = "risk/budget.json"
SETTLES = 7 * 86400
"""Seconds without a report after which a plan has turned out well."""
FORGOTTEN = 180 * 86400
MOST_PLANS = 2000
MOST_REPORTS = 1000
PLAN: Text[str] = Text(
    64, least=1, valid=lambda text: text.startswith("fleet-") and text.replace("-", "").isalnum()
)
_CANDIDATE: Text[str] = Text(64, least=1)
_REASON: Text[str] = Text(500, cut=True)
_LEVEL = Whole(1, UNIT // 2)


def stake_of(level: int) -> int:
    """What a plan tested at this level stakes: a/(1-a)."""
    return level * UNIT // (UNIT - level)


START = 2 * stake_of(ALPHA)


def permitted(wealth: int) -> int:
    """The highest level that may be staked: that of half the wealth, w/(1+w)."""
    half = wealth // 2
    level = half * UNIT // (UNIT + half)
    return level + 1 if stake_of(level + 1) <= half else level


class RiskBudget(Record):
    """What may still be risked; `lost` and `earned` are sums for people to see."""

    KIND = "riskbudget"
    id: str = field(Text[str](16), default="budget")
    wealth: int = field(Whole(0, START), default=START)
    lost: int = field(WHOLE, default=0)
    earned: int = field(WHOLE, default=0)

    @property
    def level(self) -> int:
        """The highest level that a plan may be tested at."""
        return permitted(self.wealth)


class MistakeReport(Struct):
    """Somebody says that ending this candidate was, or would have been, a mistake."""

    candidate: str = field(_CANDIDATE)
    at: int = field(WHOLE)
    node: str = field(NODE_ID)
    reason: str = field(_REASON, default="")


class StakedPlan(Record):
    """A plan that was applied, or of which a mistake was reported: its commit, the level that it was tested at, and how it turned out.

    `settled`: it has turned out well, and earned. With `reports` its stake is lost.
    """

    KIND = "stakedplan"
    id: str = field(PLAN)
    oid: str = field(Text[str](40, valid=is_oid))
    level: int = field(_LEVEL)
    at: int = field(WHOLE)
    applied: bool = field(FLAG, default=False)
    settled: bool = field(FLAG, default=False)
    reports: tuple[MistakeReport, ...] = field(Many(One(MistakeReport), most=MOST_REPORTS), default=())


def budget(view: View) -> RiskBudget:
    """What may be risked now. Raises Corrupt, NewerFormat."""
    data = view.get(BUDGET)
    return RiskBudget() if data is None else filing.one(RiskBudget, data, BUDGET)


def staked(view: View) -> list[StakedPlan]:
    """The plans that are known, by their ids."""
    return filing.readable(view, StakedPlan, FOLDER)


class StakePlan(Struct):
    """A plan that is about to be applied."""

    plan: str = field(PLAN)
    oid: str = field(Text[str](40, valid=is_oid))
    level: int = field(_LEVEL)


class ReportMistake(Struct):
    """A mistake of a plan; `oid` and `level` are the plan's, in case that it was never staked."""

    plan: str = field(PLAN)
    oid: str = field(Text[str](40, valid=is_oid))
    level: int = field(_LEVEL)
    candidate: str = field(_CANDIDATE)
    reason: str = field(_REASON, default="")


class RiskTold(Answer):
    """The budget as it is now, and whether anything was changed."""

    budget: RiskBudget = field(One(RiskBudget), default=RiskBudget())
    changed: bool = field(FLAG, default=True)


@operation("risk.stake", body=StakePlan, answer=RiskTold, actors=BY_NODES, waits=False)
def stake(view: View, operation: Operation, body: StakePlan, generation: int) -> Decision[RiskTold]:
    """`risk.stake`: a plan is applied. Raises PolicyRefused where its level is above what may be risked now, or a mistake of it was
    reported, also since it was applied before.

    The same plan again changes nothing. Plans of long ago that nobody complained of are settled first.
    """
    del generation
    known = _find(view, body.plan)
    if known and known.oid != body.oid:
        raise PolicyRefused(f"Another plan was applied as {body.plan}.", hint="Plan again.")
    if known and known.reports:
        words = f"A mistake of the plan {body.plan} was reported: {known.reports[0].candidate}."
        raise PolicyRefused(words, hint="Plan again, and look at it first.")
    if known and known.applied:
        return Accepted({}, RiskTold(budget(view), False), f"the plan {body.plan} is staked already")
    now, changes = _settled(view, operation.at)
    if body.level > now.level:
        words = f"The plan was made at the level {_shown(body.level)}, and the fleet may risk {_shown(now.level)} since mistakes were reported."
        raise PolicyRefused(words, hint="Plan again: that plan is made at the level that may be risked.")
    made = StakedPlan(body.plan, body.oid, body.level, operation.at, True)
    changes |= {BUDGET: canonical.dump(now), _at(made.id): canonical.dump(made)}
    return Accepted(
        changes, RiskTold(now), f"the plan {body.plan} is applied at the level {_shown(body.level)}"
    )


@operation("risk.report", body=ReportMistake, answer=RiskTold, actors=BY_NODES)
def report(view: View, operation: Operation, body: ReportMistake, generation: int) -> Decision[RiskTold]:
    """`risk.report`: a mistake of a plan. The first of a plan costs its stake; further ones are kept, and cost nothing more.

    The same candidate again changes nothing.
    """
    del generation
    known = _find(view, body.plan) or StakedPlan(body.plan, body.oid, body.level, operation.at)
    if known.oid != body.oid:
        raise PolicyRefused(f"Another plan was applied as {body.plan}.", hint="Name a candidate of that one.")
    if any(one.candidate == body.candidate for one in known.reports) or len(known.reports) >= MOST_REPORTS:
        return Accepted({}, RiskTold(budget(view), False), f"{body.candidate} is reported already")
    now = budget(view)
    if not known.reports:
        cost = min(now.wealth, stake_of(known.level))
        now = replace(now, wealth=now.wealth - cost, lost=now.lost + cost)
    old = _old(staked(view), operation.at) if known.id not in {one.id for one in staked(view)} else []
    made = MistakeReport(body.candidate, operation.at, operation.node, body.reason)
    after = replace(known, reports=(*known.reports, made))
    changes: Changes = {_at(one.id): None for one in old}
    changes |= {BUDGET: canonical.dump(now), _at(after.id): canonical.dump(after)}
    words = one_line(f"a mistake of the plan {body.plan}: {body.candidate} {body.reason}")
    return Accepted(changes, RiskTold(now), words)


class RestoreTrust(Struct):
    """Why plans may risk as much again as at the beginning."""

    reason: str = field(_REASON)


@operation("risk.trust", body=RestoreTrust, answer=RiskTold, actors=BY_PERSONS, waits=False)
def trust(view: View, operation: Operation, body: RestoreTrust, generation: int) -> Decision[RiskTold]:
    """`risk.trust`: a person gives plans back what mistakes have cost, with a reason. What was lost stays told. Raises PolicyRefused."""
    del generation
    session = session_rules.own(view, operation)
    reason = body.reason.strip()
    if not session.person:
        raise PolicyRefused("Only a person may give back what mistakes have cost.", hint="Ask one.")
    if not reason:
        raise UsageError("This needs a reason.", hint="Say what was done about the mistakes.")
    before = budget(view)
    now = replace(before, wealth=START)
    changes: Changes = {BUDGET: canonical.dump(now)} if now != before else {}
    return Accepted(
        changes, RiskTold(now, now != before), one_line(f"{session.id} trusts plans again: {reason}")
    )


def _settled(view: View, at: int) -> tuple[RiskBudget, Changes]:
    """The budget with what has turned out well by this time, and the changes of those plans; the oldest are forgotten."""
    now, known = budget(view), staked(view)
    changes: Changes = {}
    for one in known:
        if one.applied and not one.settled and not one.reports and one.at + SETTLES <= at:
            earned = min(START - now.wealth, stake_of(one.level) * ALPHA // UNIT)
            now = replace(now, wealth=now.wealth + earned, earned=now.earned + earned)
            changes[_at(one.id)] = canonical.dump(replace(one, settled=True))
    for one in _old(known, at):
        changes[_at(one.id)] = None
    return now, changes


def _old(known: Sequence[StakedPlan], at: int) -> list[StakedPlan]:
    over = sorted((one for one in known if one.settled or one.reports), key=lambda one: one.at)
    extra = max(0, len(known) - MOST_PLANS + 1)
    return [one for position, one in enumerate(over) if position < extra or one.at + FORGOTTEN < at]


def _find(view: View, plan: str) -> StakedPlan | None:
    data = view.get(_at(plan))
    return None if data is None else filing.one(StakedPlan, data, _at(plan))


def _at(plan: str) -> str:
    return f"{FOLDER}/{plan}.json"


def _shown(level: int) -> str:
    return f"{level / UNIT:.4g}"


KINDS = (stake, report, trust)
