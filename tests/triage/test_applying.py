"""The order in which hosts are asked, and when no more of them are: by hosts that answer as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from gitfleet.hosts.asking import Reach
from gitfleet.hosts.connection import HostFailed, HostRefused
from gitfleet.hosts.inventory import HostSpec
from gitfleet.hosts.status import HostProblem, HostStatus
from gitfleet.triage.apply_journal import ApplyJournal
from gitfleet.triage.applying import ActResult, Application, ApplyPace
from gitfleet.triage.choosing import ApplyChoice, PlannedAct, choose
from gitfleet.triage.plan_record import WholePlan
from tests.triage.candidates import BOOT, candidate
from tests.triage.test_choosing import plan

LOST = HostFailed(HostProblem(HostStatus.DIED, "the connection broke"))
Answers = Mapping[str, Any]


class Connected:
    """A host that answers one thing to every act; an error is raised."""

    def __init__(self, reach: Asked, host: str) -> None:
        self.hello = {"boot": BOOT, "uid": 1000}
        self._reach, self._host = reach, host

    async def request(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self._reach.order.append(self._host)
        self._reach.most = max(self._reach.most, len(self._reach.now))
        await asyncio.sleep(0)
        said = self._reach.answers.get(self._host, "done")
        if isinstance(said, Exception):
            raise said
        return {"candidate_id": asked["candidate_id"], "action": asked["action"], "outcome": said}

    async def leave(self) -> None:
        await asyncio.sleep(0)


class Asked:
    """Hosts that are reached, and the order of what they were asked; `most` of them at one time."""

    def __init__(self, answers: Answers) -> None:
        self.answers, self.order, self.now, self.most = answers, list[str](), set[str](), 0

    @asynccontextmanager
    async def connect(self, spec: HostSpec) -> AsyncIterator[Connected]:
        if self.answers.get(spec.host_id) == "down":
            raise LOST
        self.now.add(spec.host_id)
        await asyncio.sleep(0)
        try:
            yield Connected(self, spec.host_id)
        finally:
            self.now.discard(spec.host_id)


def request(act: PlannedAct, spec: HostSpec) -> Mapping[str, Any]:
    return {"candidate_id": act.candidate.candidate_id, "action": act.action}


def apply(
    whole: WholePlan,
    folder: Path,
    answers: Answers,
    confirm: Callable[[str], bool] | None = None,
    batch: int = 2,
) -> tuple[Asked, Application, list[ActResult]]:
    hosts = Asked(answers)
    journal = ApplyJournal(str(folder), whole.plan.id, "a" * 40)
    with journal.held():
        run = Application(
            whole, journal, request, lambda _: None, pace=ApplyPace(batch=batch, between=0.0), confirm=confirm
        )
        acts = choose(whole, ApplyChoice(recommended=True)).acts
        return hosts, run, asyncio.run(run.run(cast(Reach, hosts), acts))


def five(each: int = 1) -> WholePlan:
    return plan(**{name: [candidate() for _ in range(each)] for name in "abcde"})


def words(results: list[ActResult]) -> list[str]:
    return [one.answer.outcome for one in sorted(results, key=lambda one: one.act.host_id)]


def test_one_host_comes_first_and_then_as_many_at_a_time_as_was_said(tmp_path: Path) -> None:
    hosts, run, results = apply(five(), tmp_path, {})
    assert (hosts.order[0], sorted(hosts.order), hosts.most) == ("a", list("abcde"), 2)
    assert (words(results), run.stopped) == (["done"] * 5, "")


def test_hosts_come_one_by_one_until_one_has_gone_well(tmp_path: Path) -> None:
    hosts, _, results = apply(five(), tmp_path, {"a": "down", "b": "survived"}, batch=3)
    assert hosts.order[:2] == ["b", "c"]
    assert hosts.most <= 2
    assert words(results) == ["not-asked", "survived", "done", "done", "done"]


def test_refusal_stops_all_that_was_not_begun(tmp_path: Path) -> None:
    hosts, run, results = apply(five(2), tmp_path, {"b": "refused-gate"}, batch=1)
    assert hosts.order == ["a", "a", "b"]
    assert words(results) == ["done", "done", "refused-gate", *["not-asked"] * 7]
    assert "b refused" in run.stopped


def test_refusal_is_asked_about_where_somebody_can_be_asked(tmp_path: Path) -> None:
    asked: list[str] = []

    def agree(text: str) -> bool:
        asked.append(text)
        return True

    hosts, run, _ = apply(five(), tmp_path, {"b": "refused-gate"}, agree, batch=1)
    assert (hosts.order, run.stopped) == (list("abcde"), "")
    assert "3 hosts left" in asked[0]
    _, run, results = apply(five(), tmp_path / "no", {"b": "refused-gate"}, lambda _: False, batch=1)
    assert (words(results), bool(run.stopped)) == (["done", "refused-gate", *["not-asked"] * 3], True)


def test_host_whose_connection_was_lost_is_asked_nothing_more_and_the_others_are(tmp_path: Path) -> None:
    hosts, _, results = apply(five(2), tmp_path, {"b": LOST}, batch=1)
    assert hosts.order == [*"aab", *"ccddee"]
    assert words(results)[2:4] == ["unknown", "not-asked"]


def test_what_is_asked_and_answered_is_in_the_journal(tmp_path: Path) -> None:
    whole = five()
    no_scan = HostRefused(HostProblem(HostStatus.ERROR, "none"), "no-scan")
    apply(whole, tmp_path, {"b": LOST, "c": no_scan}, batch=1)
    states = ApplyJournal(str(tmp_path), whole.plan.id, "a" * 40).states()
    found = {key[0]: (state.asked, state.answer and state.answer.outcome) for key, state in states.items()}
    assert found == {"a": (True, "done"), "b": (True, None), "c": (True, "refused")}
    assert ApplyJournal(str(tmp_path), whole.plan.id, "b" * 40).states() == {}
