"""What the fleet knows of a tree: verdicts, whose count, and runs that are under way; decided without disk or clock."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base.ids import ulid
from gitfleet.codec import Broken
from gitfleet.errors import Malformed, PolicyRefused, Queued
from gitfleet.gates import leases, model, standing
from gitfleet.gates.leases import KeepGate, TakeGate
from gitfleet.gates.model import CI, PROCESSOR, GateResult, GateSubject, Publisher
from gitfleet.gates.standing import Known
from gitfleet.gates.verdicts import PublishVerdict
from gitfleet.ledger.model import NODE, Accepted
from gitfleet.obstacles import RunAhead
from tests.claims.world import World

TREE = "a" * 40
TEST = GateSubject(TREE, ("make", "test"))
TRUST: tuple[Publisher, ...] = (PROCESSOR, CI)


class GateWorld(World):
    """A fleet whose nodes run gates."""

    def publish(
        self,
        result: GateResult,
        by: Publisher = CI,
        subject: GateSubject = TEST,
        node: str = "ann",
        **more: Any,
    ) -> dict[str, Any]:
        body = PublishVerdict(subject, result, by, **more)
        decision = self.ask(f"{node}-1", "gate.verdict", node=node, who=NODE, **body.encode())
        assert isinstance(decision, Accepted), decision
        return dict(decision.answer.encode())

    def take_gate(self, subject: GateSubject = TEST, node: str = "ann", **more: Any) -> str:
        body = TakeGate(subject, PROCESSOR, **more)
        decision = self.ask(f"{node}-1", "gate.take", node=node, who=NODE, **body.encode())
        if not isinstance(decision, Accepted):
            raise decision.error
        return str(decision.answer.lease)

    def known(self, subject: GateSubject = TEST, trust: tuple[Publisher, ...] = TRUST) -> standing.Standing:
        return standing.standing(self.view, subject, trust)


@pytest.mark.parametrize(
    ("results", "word", "flaky"),
    [
        ([], "unknown", False),
        (["passed"], "passed", False),
        (["failed"], "failed", False),
        (["indeterminate"], "indeterminate", False),
        (["failed", "passed"], "passed", True),
        (["passed", "failed"], "passed", True),
        (["indeterminate", "failed"], "failed", False),
        (["failed", "indeterminate"], "failed", False),
        (["passed", "indeterminate"], "passed", False),
    ],
)
def test_standing_is_decided_by_a_pass_then_a_failure(
    results: list[GateResult], word: Known, flaky: bool
) -> None:
    world = GateWorld()
    for result in results:
        world.publish(result)
    found = world.known()
    assert (found.word, found.flaky) == (word, flaky)
    assert (found.outcome.result if found.outcome else "unknown") == word


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (GateSubject("b" * 40, TEST.command), False),
        (GateSubject(TREE, ("make", "check")), False),
        (GateSubject(TREE, TEST.command, "web"), False),
        (GateSubject(TREE, TEST.command, environment="py3.12"), False),
        (GateSubject(TREE, ("make", "test")), True),
    ],
)
def test_verdict_holds_for_the_same_tree_command_part_and_environment_only(
    other: GateSubject, same: bool
) -> None:
    world = GateWorld()
    world.publish("passed")
    assert (world.known(other).word == "passed") == same


def test_verdict_of_a_publisher_that_is_not_trusted_counts_for_nothing_and_is_named() -> None:
    world = GateWorld("ann-1")
    world.take("ann-1", "gate.verdict", **PublishVerdict(TEST, "passed", "session").encode())
    found = world.known()
    assert found.word == "unknown"
    assert [(one.by, one.session) for one in found.uncounted] == [("session", "ann-1")]
    assert world.known(trust=("session",)).word == "passed"
    world.publish("failed", PROCESSOR)
    assert world.known().word == "failed", "an untrusted pass vouches for nothing"


@pytest.mark.parametrize("by", [CI, PROCESSOR])
def test_session_cannot_give_a_verdict_as_ci_or_a_processor(by: Publisher) -> None:
    world = GateWorld("ann-1")
    error = world.refuse("ann-1", "gate.verdict", **PublishVerdict(TEST, "passed", by).encode())
    assert isinstance(error, PolicyRefused)


def test_verdict_stays_bounded_however_often_it_is_published() -> None:
    world = GateWorld()
    tail = tuple("x" * model.TAIL_WIDTH for _ in range(model.TAIL_LINES))
    for number in range(30):
        world.publish("indeterminate", CI, tail=tail, commit=f"{number:040x}")
    found = model.verdict(world.view, TEST.key)
    assert found is not None
    assert [(one.times, one.commit) for one in found.outcomes] == [(30, f"{29:040x}")]
    assert world.known().tries == 30
    history = model.history(world.view, TEST.line)
    assert history is not None
    assert (history.indeterminate, history.seconds) == (30, ())


def test_shard_that_is_full_lets_the_verdict_go_that_was_changed_longest_ago() -> None:
    world = GateWorld()
    shard = "00"
    numbers = iter(range(10**6))
    subjects: list[GateSubject] = []
    while len(subjects) < model.MOST_IN_SHARD + 1:
        one = GateSubject(f"{next(numbers):040x}", TEST.command)
        if one.key.startswith(shard):
            subjects.append(one)
    for one in subjects[:-1]:
        world.publish("passed", subject=one)
    world.publish("failed", subject=subjects[0])
    world.publish("passed", subject=subjects[-1])
    assert [world.known(one).word for one in subjects[:3]] == ["passed", "unknown", "passed"]
    assert len(world.view.names(f"{model.VERDICTS}/{shard}")) == model.MOST_IN_SHARD


def test_history_keeps_the_lengths_of_runs_that_ended_by_themselves_and_counts_flaky_trees_once() -> None:
    world = GateWorld()
    for result, seconds in [("failed", 7), ("passed", 9), ("indeterminate", 3600), ("failed", 8)]:
        world.publish(result, seconds=seconds)  # type: ignore[arg-type]
    found = model.history(world.view, TEST.line)
    assert found is not None
    assert found.seconds == (7, 9, 8)
    assert (found.passed, found.failed, found.indeterminate, found.flaky) == (1, 2, 1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"subject": {"content": TREE, "command": []}},
        {"subject": {"content": "short", "command": ["x"]}},
        {"subject": {"content": TREE, "command": ["x" * 4000] * 5}},
        {"result": "great"},
        {"by": "boss"},
        {"tail": ["x"] * 51},
        {"tail": ["x" * 301]},
    ],
)
def test_verdict_of_another_form_is_refused(change: dict[str, Any]) -> None:
    world = GateWorld()
    body = {**PublishVerdict(TEST, "passed", CI).encode(), **change}
    decision = world.ask("ann-1", "gate.verdict", node="ann", who=NODE, **body)
    assert not isinstance(decision, Accepted)
    assert isinstance(decision.error, Malformed)


def test_record_that_was_filed_under_another_key_vouches_for_nothing() -> None:
    world = GateWorld()
    world.publish("passed")
    other = GateSubject("b" * 40, TEST.command)
    world.view.change({model.verdict_path(other.key): world.view.get(model.verdict_path(TEST.key))})
    assert world.known(other).word == "unknown"
    world.view.change({model.verdict_path(TEST.key): b"{}"})
    assert world.known().word == "unknown"
    world.publish("failed")
    assert world.known().word == "failed"


def test_same_subject_is_run_by_one_and_known_to_the_other_afterwards() -> None:
    world = GateWorld()
    lease = world.take_gate()
    with pytest.raises(Queued, match="The same is being run by the processor on node ann") as caught:
        world.take_gate(node="bob")
    assert [isinstance(one, RunAhead) and one.lease for one in caught.value.blocked_by] == [lease]
    world.publish("passed", PROCESSOR, lease=lease)
    assert list(leases.running(world.view)) == []
    assert world.take_gate(node="bob", trust=TRUST) == ""
    assert world.take_gate(node="bob") != "", "again, since nobody's verdict would do"


def test_capacity_of_a_part_holds_for_all_of_its_trees_and_nothing_else() -> None:
    world = GateWorld()
    trees = [GateSubject(f"{number:040x}", ("make", "slow"), "slow") for number in range(3)]
    first = world.take_gate(trees[0], capacity=2)
    world.take_gate(trees[1], node="bob", capacity=2)
    with pytest.raises(Queued, match="2 runs of this at once"):
        world.take_gate(trees[2], node="eve", capacity=2)
    world.take_gate(TEST, node="eve", capacity=2)
    world.ask("ann-1", "gate.leave", node="ann", who=NODE, **KeepGate(first).encode())
    assert world.take_gate(trees[2], node="eve", capacity=2)


def test_lease_that_was_renewed_meanwhile_is_not_taken_away() -> None:
    world = GateWorld()
    lease = world.take_gate()
    world.ask("ann-1", "gate.renew", node="ann", who=NODE, **KeepGate(lease).encode())
    with pytest.raises(Queued):
        world.take_gate(node="bob", gone={lease: 0})
    assert world.take_gate(node="bob", gone={lease: 1})
    decision = world.ask("ann-1", "gate.renew", node="ann", who=NODE, **KeepGate(lease).encode())
    assert not isinstance(decision, Accepted)


def test_lease_is_ended_by_its_own_node_only() -> None:
    world = GateWorld()
    lease = world.take_gate()
    world.ask("bob-1", "gate.leave", node="bob", who=NODE, **KeepGate(lease).encode())
    world.publish("passed", node="bob", lease=lease)
    assert [one.id for one in leases.running(world.view)] == [lease]


def test_verdict_of_a_run_whose_lease_was_taken_away_counts_all_the_same() -> None:
    world = GateWorld()
    world.publish("passed", lease=ulid())
    assert world.known().word == "passed"


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        (["passed", "passed"], "passed"),
        (["passed", "failed", "unknown"], "failed"),
        (["passed", "indeterminate", "unknown"], "indeterminate"),
        (["passed", "unknown"], "unknown"),
    ],
)
def test_gate_passes_when_each_part_does(words: list[Known], whole: Known) -> None:
    assert standing.together([standing.Standing(TEST, word) for word in words]) == whole


def test_subject_with_a_command_that_is_none_cannot_be_read() -> None:
    with pytest.raises(Broken):
        GateSubject.decode({"content": TREE, "command": []})
