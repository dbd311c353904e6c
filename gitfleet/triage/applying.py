"""Applying on many hosts: one to try it on, then batches; each action written down before it is asked for; no further on a surprise.

Owns the order of things and when to stop. What is chosen, what a host may do, and what its answers mean is decided elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from gitfleet.base.text import counted, one_line
from gitfleet.codec import Broken, Struct
from gitfleet.hosts.asking import Reach
from gitfleet.hosts.connection import Connection, HostFailed, HostRefused
from gitfleet.hosts.inventory import HostSpec
from gitfleet.triage import acts_wire, choosing
from gitfleet.triage.acts_wire import FINE, NOT_ASKED, REFUSED, SURPRISES, UNKNOWN, UNTOUCHED, ActAnswer
from gitfleet.triage.apply_journal import ApplyJournal
from gitfleet.triage.choosing import PlannedAct
from gitfleet.triage.plan_record import PlanHost, WholePlan


class ApplyPace(Struct):
    """How fast: so many hosts at a time (0: a tenth, at least two) once the first has gone well, with seconds between batches.

    `grace`: seconds between TERM and KILL.
    """

    batch: int = 0
    between: float = 2.0
    grace: float = 10.0


class ActResult(Struct):
    """What came of one action that was chosen; `problem` is the status of a host that could not be asked."""

    act: PlannedAct
    answer: ActAnswer
    problem: str = ""

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.answer.outcome in FINE


Asked = Callable[[PlannedAct, HostSpec], Mapping[str, object]]
Told = Callable[[ActResult], None]
Confirm = Callable[[str], bool]


class Application:
    """One application of a plan, by a run of this process. `request` makes what a host is asked; `confirm` asks a person, if there is one.

    `over` is asked before each batch, and says why nothing more of the plan may be begun.
    """

    def __init__(
        self,
        whole: WholePlan,
        journal: ApplyJournal,
        request: Asked,
        told: Told,
        *,
        pace: ApplyPace = ApplyPace(),  # noqa: B008 - frozen
        confirm: Confirm | None = None,
        over: Callable[[], str] = lambda: "",
    ) -> None:
        self._hosts = {host.host_id: host for host in whole.plan.hosts}
        self._journal, self._request, self._told = journal, request, told
        self._pace, self._confirm, self._over = pace, confirm, over
        self._halted = ""
        self.stopped = ""
        """Why not all was done ("": nothing stopped it)."""

    async def run(self, reach: Reach, acts: Sequence[PlannedAct]) -> list[ActResult]:
        """Do all of it, as far as nothing stops it; a result for each."""
        queue = choosing.by_host(acts)
        size, found = 1, list[ActResult]()
        while queue:
            self.stopped = self._over()
            if self.stopped:
                break
            batch, queue = queue[:size], queue[size:]
            ended = await asyncio.gather(
                *(self._on_host(reach, self._hosts[host], todo) for host, todo in batch)
            )
            results = [one for some in ended for one in some]
            found += results
            if self._halted and not await self._goes_on(queue):
                self.stopped = self._halted
                break
            self._halted = ""
            if any(one.fine for one in results):
                size = self._pace.batch or max(2, len(self._hosts) // 10)
            if queue and self._pace.between:
                await asyncio.sleep(self._pace.between)
        for _, todo in queue:
            found += [self._not_asked(act, self.stopped) for act in todo]
        return found

    async def _goes_on(self, queue: Sequence[object]) -> bool:
        if self._confirm is None:
            return False
        words = f"{self._halted}. {counted(len(queue), 'host')} left. Go on with the rest?"
        return await asyncio.to_thread(self._confirm, words)

    async def _on_host(self, reach: Reach, host: PlanHost, acts: Sequence[PlannedAct]) -> list[ActResult]:
        results: list[ActResult] = []
        try:
            async with reach.connect(spec_of(host)) as connection:
                if surprise := other_machine(host, connection):
                    self._halted = f"{host.host_id}: {surprise}"
                    return [self._elsewhere(act, surprise) for act in acts]
                for act in acts:
                    lost = results[-1] if results and results[-1].problem else None
                    if self._halted or lost:
                        why = self._halted or "its connection was lost"
                        results.append(self._not_asked(act, why, lost.problem if lost else ""))
                        continue
                    results.append(await self._act(connection, host, act))
                await connection.leave()
        except HostFailed as error:
            missing = acts[len(results) :]
            words = f"{error.problem.status}: {error.problem.words}"
            results += [self._not_asked(act, words, str(error.problem.status)) for act in missing]
        return results

    async def _act(self, connection: Connection, host: PlanHost, act: PlannedAct) -> ActResult:
        """Have one thing done. Never raises for what the host does: the connection may be of no use afterwards."""
        self._journal.intent(act)
        try:
            body = await connection.request(self._request(act, spec_of(host)))
            answer = acts_wire.act_answer(body, act.candidate.candidate_id, act.action)
        except HostRefused as error:
            answer = _of(act, REFUSED if error.code in UNTOUCHED else UNKNOWN, error.problem.words)
        except HostFailed as error:
            words = f"{error.problem.status}: {error.problem.words}"
            return self._tell(ActResult(act, _of(act, UNKNOWN, words), str(error.problem.status)))
        except Broken as error:
            return self._tell(
                ActResult(act, _of(act, UNKNOWN, f"its answer cannot be read ({error})"), "error")
            )
        if answer.outcome != UNKNOWN:
            self._journal.answer(act, answer)
        if answer.outcome in {*SURPRISES, UNKNOWN}:
            words = "refused" if answer.outcome in SURPRISES else "does not say what came of"
            self._halted = (
                self._halted or f"{act.host_id} {words} {act.candidate.candidate_id}: {answer.detail}"
            )
        return self._tell(ActResult(act, answer))

    def _elsewhere(self, act: PlannedAct, surprise: str) -> ActResult:
        """What is said of one whose host is another now: it was not touched, unless it had been asked for before."""
        before = self._journal.states().get(act.key)
        known = before is None or not before.asked or before.answer is not None
        return self._tell(ActResult(act, _of(act, "refused-identity" if known else UNKNOWN, surprise)))

    def _not_asked(self, act: PlannedAct, why: str, problem: str = "") -> ActResult:
        return self._tell(ActResult(act, _of(act, NOT_ASKED, why), problem))

    def _tell(self, result: ActResult) -> ActResult:
        self._told(result)
        return result


def spec_of(host: PlanHost) -> HostSpec:
    """How to reach a host of a plan."""
    return HostSpec(host.host_id, host.user, host.host, host.port)


def other_machine(host: PlanHost, connection: Connection) -> str:
    """Why what answers is not what was planned for, in words; "": it is."""
    if connection.hello.get("boot") != host.boot:
        return "it is not the machine in the plan, or it was restarted since"
    if connection.hello.get("uid") != host.uid:
        return "it answers as another user than the plan is about"
    return ""


def _of(act: PlannedAct, outcome: str, detail: str) -> ActAnswer:
    return ActAnswer(act.candidate.candidate_id, act.action, outcome, one_line(detail, 380))
