"""The plans over hosts that this clone has: each in a line, and one of them whole. No network; what others have alone is not here."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from gitfleet.base import advice, clock, files
from gitfleet.codec import Struct
from gitfleet.errors import FleetError, UsageError
from gitfleet.fleet.views import fleet_report_rows
from gitfleet.fleet.views.fleet_report_rows import FleetReportAnswer
from gitfleet.git import fleetrefs
from gitfleet.triage import outcomes
from gitfleet.triage.acts_wire import FINE
from gitfleet.triage.applications import MOST_AGE
from gitfleet.triage.service import FleetPlans, KeptPlan

if TYPE_CHECKING:
    from gitfleet.fleet.fleet import Fleet

MOST = 40
"""Plans that a look lists; the commands know of more."""
_KEPT = 48


class PlanLine(Struct):
    """A plan in a list. `state`: `new` (may still be applied), `old` (too old for that), `empty` (nothing is proposed), `applied`, `partial` (something of it did not end
    well), or `broken` (it cannot be read: `fault` says why). `outcomes`: how many actions ended in which way.
    """

    key: str
    state: str
    at: int = 0
    node: str = ""
    ours: bool = False
    shown: bool = False
    hosts: int = 0
    answered: int = 0
    candidates: int = 0
    selected: int = 0
    offered: int = 0
    mistakes: int = 0
    outcomes: Mapping[str, int] = {}
    fault: str = ""


class PlanShelf(Struct):
    """`lines` newest first; `more`: how many older ones are not listed; `report`: the plan that is looked at, with what became of it.

    `state` is that plan's, and `step` what can be done with it, as `advice` names it; "" where there is nothing.
    """

    lines: tuple[PlanLine, ...] = ()
    more: int = 0
    line: PlanLine | None = None
    report: FleetReportAnswer | None = None
    step: str = ""


def look(fleet: Fleet, name: str = "") -> PlanShelf:
    """The plans of this clone, and that of this name with all that is known of it ("": the newest). Raises UsageError where there is no such plan."""
    plans = fleet.plans
    own = _own(fleet)
    if name and name not in own:
        words = f"This clone has no plan '{name[:64]}'."
        raise UsageError(words, hint=f"{advice.FLEET_PLANS} lists those of the hub, too.")
    names: Sequence[str] = list(own)[:MOST]
    lines = tuple(_line(fleet, one, own[one]) for one in names)
    chosen = name or next((line.key for line in lines if line.state != "broken"), "")
    found = next((line for line in lines if line.key == chosen), None)
    if chosen and found is None:
        found = _line(fleet, chosen, own[chosen])
    if found is None or found.state == "broken":
        return PlanShelf(lines, len(own) - len(names), found)
    kept = _kept(fleet, plans, chosen, own[chosen])
    report = fleet_report_rows.report_answer(
        kept.whole, added=kept.added, staked=plans.staked(kept.whole), budget=plans.budget()
    )
    return PlanShelf(lines, len(own) - len(names), found, report, _step(found))


def state_of(ended: Mapping[str, int], *, staked: bool, age: int) -> str:
    """What has become of a plan, by how its actions ended, whether the fleet was told that it is applied, and its age in seconds. Pure."""
    if not ended:
        return "partial" if staked else "new" if age <= MOST_AGE else "old"
    return "applied" if set(ended) <= {*FINE, "undone"} else "partial"


def _line(fleet: Fleet, name: str, tip: str) -> PlanLine:
    plans = fleet.plans
    try:
        kept = _kept(fleet, plans, name, tip)
        staked = plans.staked(kept.whole)
    except FleetError as error:
        return PlanLine(name, "broken", fault=error.message)
    plan = kept.whole.plan
    ended = outcomes.counted(kept.whole, kept.added)
    proposed = sum(host.candidates for host in plan.hosts)
    state = state_of(ended, staked=bool(staked and staked.applied), age=clock.now() - plan.at)
    if not proposed and state in {"new", "old"}:
        state = "empty"
    return PlanLine(
        name, state, plan.at, plan.node, kept.ours, plans.is_shown(kept.whole), len(plan.hosts), len(plan.planned), proposed,
        len(plan.selected), len(plan.offered), len(staked.reports) if staked else 0, ended,
    )  # fmt: skip


def _step(line: PlanLine) -> str:
    if line.state == "partial":
        return advice.FLEET_RESUME.of(line.key) if line.ours else advice.FLEET_SHOW.of(line.key)
    if line.state == "applied":
        return advice.FLEET_VERIFY.of(line.key)
    if line.state != "new" or not line.ours or not line.selected:
        return ""
    return advice.FLEET_APPLY.of(line.key) if line.shown else advice.FLEET_SHOW.of(line.key)


def _own(fleet: Fleet) -> Mapping[str, str]:
    """The newest commit of each plan of this clone, newest plan first. Git is asked again when its refs have changed."""
    common = fleet.repository.common_dir
    names = (fleetrefs.PLANS, "packed-refs", "reftable/tables.list")
    now = tuple(files.changed_at(os.path.join(common, name)) for name in names)
    known = _OWN.get(common)
    if known is None or known[0] != now:
        known = now, fleet.plans.refs.own()
        _OWN[common] = known
    return known[1]


_OWN: dict[str, tuple[tuple[int, ...], Mapping[str, str]]] = {}
_SEEN: OrderedDict[str, KeptPlan] = OrderedDict()
_SEEN_LOCK = Lock()


def _kept(fleet: Fleet, plans: FleetPlans, name: str, tip: str) -> KeptPlan:
    """A plan as it was made, verified once for each commit that its ref had."""
    key = f"{fleet.ledger.state}\0{name}\0{tip}"
    with _SEEN_LOCK:
        if key in _SEEN:
            _SEEN.move_to_end(key)
            return _SEEN[key]
    found = plans.get(name)
    with _SEEN_LOCK:
        _SEEN[key] = found
        while len(_SEEN) > _KEPT:
            _SEEN.popitem(last=False)
    return found
