"""Plans as they are applied, from end to end: what may be applied at all, the application, its resumption, what is there now, and undoing.

A plan is applied by the clone that made it, as it was made, and soon: its seal, its commit and its age are looked at before any host
is. Everything that was done is in three journals: the host's, this clone's, and (after each run) the plan's own ref.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

from gitfleet.base import advice, canonical, clock, ids
from gitfleet.base.text import counted, duration
from gitfleet.clone import Clone
from gitfleet.codec import Broken, replace
from gitfleet.errors import Blocked, FleetError, PolicyRefused, UsageError
from gitfleet.hosts.asking import Reach
from gitfleet.hosts.connection import HostFailed, HostLimits
from gitfleet.hosts.inventory import HostSpec
from gitfleet.triage import acts_wire, known_sessions, outcomes
from gitfleet.triage.acts_wire import ActAnswer, ActRow
from gitfleet.triage.apply_journal import ActState, ApplyJournal, Key
from gitfleet.triage.applying import ActResult, Application, ApplyPace, Confirm, other_machine, spec_of
from gitfleet.triage.choosing import ApplyChoice, ChosenActs, PlannedAct, choose
from gitfleet.triage.plan_record import PlanHost, WholePlan
from gitfleet.triage.service import FleetPlans

MOST_AGE = 4 * 3600
"""Seconds after which a plan is too old to be applied."""
_EARLY = 300
_LIVE = "live"
_PATIENCE = 10.0
_T = TypeVar("_T")


class ApplyReport(NamedTuple):
    """What came of a run. `stopped`: why not all was done. `left_out`: what the caps left out, with why."""

    whole: WholePlan
    results: tuple[ActResult, ...]
    left_out: tuple[tuple[PlannedAct, str], ...] = ()
    stopped: str = ""
    warnings: tuple[str, ...] = ()


class HostActs(NamedTuple):
    """What one host said of what was done there; `problem`: why it said nothing."""

    host: PlanHost
    rows: tuple[ActRow, ...]
    status: str = "ok"
    problem: str = ""


class Applications:
    """Applies the plans of one clone."""

    def __init__(
        self, clone: Clone, told: Callable[[ActResult], None] = lambda _: None, confirm: Confirm | None = None
    ) -> None:
        self._clone, self._told, self._confirm = clone, told, confirm
        self._plans = FleetPlans(clone)

    def prepare(
        self, fleet_session: str, choice: ApplyChoice, *, reviewed: bool
    ) -> tuple[WholePlan, ChosenActs]:
        """The plan and what of it would be done; nothing is. `reviewed`: it must have been shown to somebody here.

        Raises UsageError, PolicyRefused, Corrupt as `FleetPlans.get`, Blocked for a plan that may not be applied (any
        more), and LockHeld while another process applies it.
        """
        whole = self._own(fleet_session)
        _demand_fresh(whole)
        if reviewed and not self._plans.is_shown(whole):
            raise Blocked(
                f"The plan {fleet_session} has not been shown to anybody in this clone.",
                hint=f"Look at it first: {advice.FLEET_SHOW.of(fleet_session)}.",
            )
        with self._journal(whole).held():  # what another process is doing at this moment was not interrupted
            self._demand_no_open_ends(whole)
            states = self._journal(whole).states()
        chosen = choose(whole, choice)
        self._demand_unrefused(whole, [act for act in chosen.acts if act.key in states], states)
        return whole, chosen

    def apply(self, whole: WholePlan, chosen: ChosenActs, pace: ApplyPace) -> ApplyReport:
        """Do it. Raises PolicyRefused where the fleet may not risk it, LockHeld, LocalStorage; never for what a host does. And Blocked:
        since it was prepared, it has become too old, or somebody else's application was interrupted.
        """
        if not chosen.acts:
            return ApplyReport(whole, (), chosen.left_out)
        journal = self._journal(whole)
        with journal.held():
            _demand_fresh(whole)
            self._demand_no_open_ends(whole)
            self._hear_of_mistakes()
            self._stake(whole, chosen.acts)
            journal.begin(chosen.acts)
            before, todo = _split(chosen.acts, journal.states())
            report = self._run(whole, journal, todo, pace, chosen.left_out)
            return report._replace(results=(*before, *report.results))

    def resume(self, fleet_session: str, pace: ApplyPace, *, sure: bool = False) -> ApplyReport:
        """Continue an application that was interrupted. What has an answer is not asked for again; what nobody knows of is asked
        about, and the host does not repeat it. Of a plan that is too old by now, or of which a mistake was reported, nothing new is begun.

        `sure`: go on also where a host refused something. Raises UsageError where it was never applied, Blocked where it was stopped
        and nobody is sure, and as `apply`.
        """
        whole = self._own(fleet_session)
        journal = self._journal(whole)
        with journal.held():
            states = journal.states()
            if not states:
                raise UsageError(
                    f"The plan {fleet_session} was not applied here: there is nothing to resume."
                )
            every = [PlannedAct(host.host_id, one) for host, one in whole.candidates()]
            before, todo = _split([act for act in every if act.key in states], states)
            if any(not states[act.key].asked for act in todo) and not sure:
                self._demand_unrefused(whole, [one.act for one in before], states)
            self._hear_of_mistakes()
            over = self._over(whole)
            report = self._run(whole, journal, [] if over else todo, pace, ())
            recalled = self._recall(whole, journal, todo, states, over) if over and todo else ()
            return report._replace(results=(*before, *recalled, *report.results))

    def _demand_unrefused(
        self, whole: WholePlan, acts: Iterable[PlannedAct], states: Mapping[Key, ActState]
    ) -> None:
        """Raise Blocked where a host has refused one of these: to go on then is for somebody to decide."""
        for act in acts:
            answer = states[act.key].answer
            if answer is not None and answer.outcome in acts_wire.SURPRISES:
                raise Blocked(
                    f"The application of {whole.plan.id} was stopped: {act.host_id} refused {act.candidate.candidate_id} ({answer.detail}).",
                    hint=f"See to that and plan again; or go on with the others, once somebody is sure: {advice.FLEET_RESUME.of(whole.plan.id)}.",
                )

    def verify(self, fleet_session: str) -> tuple[WholePlan, list[HostActs]]:
        """What is there now of what was done. Changes nothing. Raises as `FleetPlans.get`, and UsageError where nothing was done."""
        whole = self._own(fleet_session)
        hosts = self._touched(whole)
        return whole, self._ask(whole, hosts, lambda host: {"op": "verify", "session_id": host.session_id})

    def undo(
        self, fleet_session: str, targets: Sequence[str], reason: str
    ) -> tuple[WholePlan, list[HostActs], list[str]]:
        """Take back what can be taken back: of the candidates `targets`, or of all. Safe to repeat.

        To undo what was selected is to report a mistake: the fleet may risk less afterwards. Warnings back. Raises as `verify`, LockHeld.
        """
        whole = self._own(fleet_session)
        known = {one.candidate_id for _, one in whole.candidates()}
        if wrong := [one for one in targets if one not in known]:
            raise UsageError(
                f"The plan has no candidate '{wrong[0][:64]}'.", hint="Name one as the plan shows it."
            )
        with self._journal(whole).held():
            found = self._ask(whole, self._touched(whole), lambda host: {
                "op": "undo", "session_id": host.session_id, "plan_oid": whole.oid, "candidate_ids": list(targets),
            })  # fmt: skip
        selected, undone = set(whole.plan.selected), list[dict[str, str]]()
        warnings: list[str] = []
        for host, row in [(one.host.host_id, row) for one in found for row in one.rows]:
            if row.undo == "undone":
                undone.append({
                    "host_id": host, "candidate_id": row.candidate_id, "action": row.action, "outcome": row.undo,
                })  # fmt: skip
            if row.undo == "undone" and row.candidate_id in selected:
                told = self._plans.report(whole, row.candidate_id, reason or f"{row.action} undone")
                warnings += [f"{row.candidate_id} counts as a mistake of this plan"] if told.changed else []
        return whole, found, [*warnings, *self._keep(whole, undone, f"undone: {len(undone)}")]

    def states(self, whole: WholePlan) -> Mapping[tuple[str, str, str], ActState]:
        """What this clone knows of the plan's application."""
        return self._journal(whole).states()

    def _own(self, fleet_session: str) -> WholePlan:
        kept = self._plans.get(fleet_session)
        if not kept.ours:
            raise PolicyRefused(
                f"The plan {fleet_session} was made by another clone: {kept.whole.plan.node}.",
                hint="Apply it there, or plan again here: what is applied is what this clone has seen itself.",
            )
        return kept.whole

    def _journal(self, whole: WholePlan) -> ApplyJournal:
        return ApplyJournal(self._clone.ledger.state, whole.plan.id, whole.oid)

    def _demand_no_open_ends(self, whole: WholePlan) -> None:
        if open_ends := [state for state in self._journal(whole).states().values() if _is_open(state)]:
            session = whole.plan.id
            raise Blocked(
                f"An application of {session} was interrupted: the outcome for {counted(len(open_ends), 'action')} is not known.",
                hint=f"Do not repeat it: {advice.FLEET_RESUME.of(session)}.",
            )

    def _hear_of_mistakes(self) -> None:
        """Look at the hub for what others have reported; where it cannot be reached, what is known here decides."""
        with suppress(FleetError):
            self._clone.ledger.refresh(_PATIENCE)

    def _stake(self, whole: WholePlan, acts: Iterable[PlannedAct]) -> None:
        """What is only offered stakes nothing: no error rate is promised for it."""
        selected = set(whole.plan.selected)
        if any(act.candidate.candidate_id in selected for act in acts):
            self._plans.stake(whole)

    def _run(
        self, whole: WholePlan, journal: ApplyJournal, acts: Sequence[PlannedAct], pace: ApplyPace,
        left_out: tuple[tuple[PlannedAct, str], ...],
    ) -> ApplyReport:  # fmt: skip
        known = known_sessions.known(self._clone)
        sessions = {host.host_id: host.session_id for host in whole.plan.hosts}

        def request(act: PlannedAct, spec: HostSpec) -> Mapping[str, object]:
            one = act.candidate
            live = {name: state for name, state in known.states.items() if state == _LIVE}
            own = {one.session: known.states[one.session]} if one.session in known.states else {}
            return {
                "op": "act", "session_id": sessions[act.host_id], "plan": whole.plan.id, "plan_oid": whole.oid,
                "candidate_id": one.candidate_id, "action": act.action, "pgid": one.pgid, "category": one.category,
                "identities": [identity.encode() for identity in one.members],
                "options": {
                    "grace": pace.grace, "sessions": {**live, **own}, "places": known.places if spec.is_local else {},
                },
            }  # fmt: skip

        run = Application(
            whole, journal, request, self._told, pace=pace, confirm=self._confirm, over=lambda: self._over(whole)
        )  # fmt: skip
        results = asyncio.run(self._reach(whole, pace, lambda reach: run.run(reach, acts))) if acts else []
        rows = [
            {"host_id": one.act.host_id, "problem": one.problem, **one.answer.encode()} for one in results
        ]
        done = sum(one.fine for one in results)
        warnings = self._keep(whole, rows, f"applied: {done} of {len(results)} done")
        return ApplyReport(whole, tuple(results), left_out, run.stopped, tuple(warnings))

    async def _reach(self, whole: WholePlan, pace: ApplyPace, work: Callable[[Reach], Awaitable[_T]]) -> _T:
        limits = HostLimits(answer=pace.grace + 120.0, deadline=86_400.0)
        bootstrap = any(host.bootstrap for host in whole.plan.hosts)
        async with Reach(os.environ, bootstrap=bootstrap, limits=limits) as reach:
            return await work(reach)

    def _keep(self, whole: WholePlan, rows: Sequence[Mapping[str, object]], words: str) -> list[str]:
        """Keep what came of a run with the plan; warnings back. That it cannot be kept there undoes nothing."""
        if not rows:
            return []
        data = canonical.dump({"at": clock.now(), "node": self._clone.ledger.node.id, "acts": list(rows)})
        where = f"{outcomes.FOLDER}{ids.ulid()}.json"
        try:
            return self._plans.refs.append(
                whole.plan.id, {where: data}, f"Fleet plan {whole.plan.id} {words}"
            )
        except FleetError as error:
            return [f"the outcome could not be stored with the plan: {error.message}"]

    def _over(self, whole: WholePlan) -> str:
        """Why nothing more of a plan is begun, in words; "": it may be."""
        if clock.now() - whole.plan.at > MOST_AGE:
            return "the plan is too old"
        try:
            staked = self._plans.staked(whole)
        except FleetError as error:
            return f"could not check whether a mistake was reported ({error.message})"
        return "a mistake of the plan was reported" if staked and staked.reports else ""

    def _recall(
        self,
        whole: WholePlan,
        journal: ApplyJournal,
        acts: Sequence[PlannedAct],
        states: Mapping[Key, ActState],
        why: str,
    ) -> list[ActResult]:
        """What hosts know of actions of a plan of which nothing is begun any more."""
        wanted = {act.host_id for act in acts if states[act.key].asked}
        hosts = [host for host in whole.plan.hosts if host.host_id in wanted]
        said = {
            (one.host.host_id, row.candidate_id, row.action): row
            for one in self._ask(whole, hosts, lambda host: {"op": "journal", "session_id": host.session_id})
            for row in one.rows
        }
        found = []
        for act in acts:
            row = said.get(act.key)
            if row is not None and row.outcome:
                answer = ActAnswer(row.candidate_id, row.action, row.outcome, row.detail, repeated=True)
                journal.answer(act, answer)
            else:
                outcome = acts_wire.UNKNOWN if states[act.key].asked else acts_wire.NOT_ASKED
                answer = ActAnswer(*act.key[1:], outcome, f"{why}: plan again")
            found.append(ActResult(act, answer))
        return found

    def _touched(self, whole: WholePlan) -> list[PlanHost]:
        """The hosts on which something may have been done. Raises UsageError where there are none."""
        wanted = {key[0] for key, state in self._journal(whole).states().items() if state.asked}
        if not wanted:
            raise UsageError(f"Nothing of the plan {whole.plan.id} was applied by this clone.")
        return [host for host in whole.plan.hosts if host.host_id in wanted]

    def _ask(
        self, whole: WholePlan, hosts: Sequence[PlanHost], request: Callable[[PlanHost], Mapping[str, object]]
    ) -> list[HostActs]:
        async def one(reach: Reach, host: PlanHost) -> HostActs:
            try:
                async with reach.connect(spec_of(host)) as connection:
                    if connection.hello.get("uid") != host.uid:
                        return HostActs(host, (), "error", other_machine(host, connection))
                    rows = acts_wire.act_rows(await connection.request(request(host)), whole.oid)
                    await connection.leave()
            except HostFailed as error:
                return HostActs(host, (), str(error.problem.status), error.problem.words)
            except Broken as error:
                return HostActs(host, (), "error", f"its answer cannot be read ({error})")
            return HostActs(host, rows)

        async def all_of(reach: Reach) -> list[HostActs]:
            return list(await asyncio.gather(*(one(reach, host) for host in hosts)))

        return asyncio.run(self._reach(whole, ApplyPace(), all_of))


def _split(
    acts: Iterable[PlannedAct], states: Mapping[Key, ActState]
) -> tuple[list[ActResult], list[PlannedAct]]:
    """Of these, what has an answer already, and what is still to be done."""
    before, todo = [], []
    for act in acts:
        answer = states.get(act.key, ActState()).answer
        if answer is None:
            todo.append(act)
        else:
            before.append(ActResult(act, replace(answer, repeated=True)))
    return before, todo


def _demand_fresh(whole: WholePlan) -> None:
    """Raise Blocked for a plan that is too old to be applied."""
    age = clock.now() - whole.plan.at
    if not -_EARLY <= age <= MOST_AGE:
        words = f"{duration(age)} old" if age > 0 else "from the future, by this machine's clock"
        raise Blocked(
            f"The plan {whole.plan.id} is {words}; what it saw may have changed.", hint="Plan again."
        )


def _is_open(state: ActState) -> bool:
    return state.asked and state.answer is None
