"""Why an entry is where it is: every reason of the closed list, with its words and its step."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gitfleet.base.commands import COMMANDS, spoken
from gitfleet.mergequeue import explain, model, order, reasons, states
from gitfleet.mergequeue.explain import Lineup
from gitfleet.mergequeue.model import EntryEvidence, QueueEntry
from gitfleet.mergequeue.states import State
from tests.mergequeue.queues import BASE, Queues

Made = Callable[[Queues], QueueEntry]


def lineup(world: Queues) -> Lineup:
    ordered = order.order(model.readable(world.view), world.now)
    return Lineup(world.view, ordered, model.runs(world.view), model.queue(world.view).pause)


def _put(state: State, reason: str, **evidence: object) -> Made:
    def made(world: Queues) -> QueueEntry:
        entry = world.add("a", title="the parser")
        found = EntryEvidence(**evidence)  # type: ignore[arg-type]
        return world.put(
            entry, state, reason=reason, evidence=found, landed="c" * 40 if state == "landed" else ""
        )

    return made


def _behind(world: Queues) -> QueueEntry:
    world.add("first", priority=90)
    return world.add("a")


def _testing(world: Queues) -> QueueEntry:
    entry = world.add("a")
    world.run(entry)
    return world.entry(entry.id)


def _needs(*, stack: bool) -> Made:
    def made(world: Queues) -> QueueEntry:
        below = world.add("below", title="the lexer")
        return world.add("a", **({"stack": below.id, "needs": []} if stack else {"needs": [below.id]}))

    return made


def _paused(mode: str) -> Made:
    def made(world: Queues) -> QueueEntry:
        world.take("ada-1", "queue.pause", mode=mode, floor=80, reason="a release")
        return world.add("a")

    return made


CASES: dict[str, tuple[Made, str, str]] = {
    "next": (lambda world: world.add("a"), "Nothing is in its way", "queue process"),
    "behind": (_behind, "One entry is before it.", "queue list"),
    "testing": (_testing, "Node ada runs the gate on it.", "queue show ID"),
    "narrowing": (_put("suspect", "narrowing"), "is being narrowed down", "queue show ID"),
    "dependency": (_needs(stack=False), "It comes after below (the lexer), which has not landed.", "queue why OTHER"),
    "stack": (_needs(stack=True), "It is stacked on below (the lexer)", "queue why OTHER"),
    "conflict-ahead": (
        _put("blocked", "conflict-ahead", paths=("x", "y"), branch="z", entry="0" * 26),
        "It conflicts with z, which is ahead of it: x, y.",
        "queue why 00000000000000000000000000",
    ),
    "paused": (_paused("paused"), "The queue is paused below 80: a release.", "queue resume"),
    "frozen": (_paused("frozen"), "The queue is frozen below 80", "queue resume"),
    "no-gate": (_put("blocked", "no-gate"), "gate: none", "sync"),
    "indeterminate": (_put("blocked", "indeterminate", words="time is up"), "time is up. It is tried again.", "queue process"),
    "host": (_put("queued", "host", words="pull request 7"), "pull request 7", "queue process"),
    "host-differs": (_put("held", "host-differs", words="no commit has the tree"), "no commit has the tree.", "queue unhold ID"),
    "host-refused": (_put("rejected", "host-refused", words="it was closed"), "refuses it: it was closed.", "queue add --branch a"),
    "hold": (_put("held", "hold", words="wait", session="bob-1"), "bob-1 holds it: wait.", "queue unhold ID"),
    "approval": (_put("held", "approval", words="3 lines vanish"), "3 lines vanish.", "queue approve ID"),
    "dependency-dropped": (_put("held", "dependency-dropped", words="b was dropped", entry="0" * 26), "b was dropped.", "queue unhold ID"),
    "restack": (_put("conflicted", "restack", branch="b", words="b was rewritten"), "upon an old version of b", "queue add --branch a"),
    "target-fails": (_put("blocked", "target-fails"), "main itself fails its gate", "gate status"),
    "gate-failed": (_put("rejected", "gate-failed", words="2 tests fail"), "2 tests fail. Only a new commit", "queue add --branch a"),
    "conflict": (_put("conflicted", "conflict", paths=tuple("abcdefg")), "main: a, b, c, d, e and 2 more.", "queue add --branch a"),
    "stale": (_put("stale", "stale", words="it is gone"), "Its branch is no longer at 000000000000: it is gone.", "queue add --branch a"),
    "branch-gone": (_put("stale", "branch-gone"), "gone from the hub", "queue drop ID"),
    "landed": (_put("landed", "landed"), "It has landed on main as cccccccccccc.", ""),
    "landed-by-host": (_put("landed", "landed-by-host", words="it was held"), "The host has put it onto main, as cccccccccccc, although it was held.", ""),
    "landed-elsewhere": (_put("landed", "landed-elsewhere"), "main had it already, as cccccccccccc.", ""),
    "dropped": (_put("dropped", "dropped", words="obsolete", session="bob-1"), "bob-1 dropped it: obsolete.", "queue add --branch a"),
    "expired": (_put("expired", "expired"), "not repaired in time", "queue add --branch a"),
}  # fmt: skip


@pytest.mark.parametrize("reason", reasons.REASONS)
def test_each_reason_has_its_words_and_one_step(world: Queues, reason: str) -> None:
    made, words, step = CASES[reason]
    entry = made(world)
    found = explain.why(lineup(world), entry)
    assert found.reason == reason
    assert words in found.words
    other = entry.needs[0] if entry.needs else ""
    wanted = step.replace("ID", entry.id).replace("OTHER", other)
    assert spoken(found.step) == (f"gitfleet {wanted}" if step else "")


def test_state_whose_entry_names_no_reason_has_one(world: Queues) -> None:
    for state in states.STATES:
        entry = world.put(world.add(f"b-{state}"), state)
        assert explain.why(lineup(world), entry).reason in reasons.REASONS


def test_task_that_nobody_can_receive_is_said_to_be_one(world: Queues) -> None:
    entry = world.put(world.add("a"), "rejected", reason="gate-failed")
    assert "Nobody can receive it" not in explain.why(lineup(world), entry).words
    world.take("ada-1", "session.end")
    assert (
        "Nobody can receive it: there is no session ada-1 any more."
        in explain.why(lineup(world), entry).words
    )


def test_entry_that_came_back_as_often_as_it_may_is_said_to_be_a_persons(world: Queues) -> None:
    entry = world.put(world.add("a"), "rejected", reason="gate-failed", tries=2)
    known = lineup(world)
    known.tries = 2
    found = explain.why(known, entry)
    assert "It has come back 2 times, and no more is accepted" in found.words
    assert spoken(found.step) == f"gitfleet queue drop {entry.id}"


def test_nothing_is_next_while_no_gate_is_configured(world: Queues) -> None:
    entry = world.add("a")
    known = lineup(world)
    known.gated = False
    assert explain.why(known, entry).reason == "no-gate"


def test_entry_whose_run_had_no_verdict_says_so(world: Queues) -> None:
    entry = world.add("a")
    run = world.run(entry)
    world.take("ada", "queue.end", run=run, outcome="indeterminate")
    assert explain.why(lineup(world), world.entry(entry.id)).reason == "indeterminate"


@pytest.mark.parametrize(("tip", "reason"), [(BASE, "target-fails"), ("e" * 40, "next"), (None, "next")])
def test_target_that_fails_by_itself_is_why_entries_wait_while_it_is_there(
    world: Queues, tip: str | None, reason: str
) -> None:
    world.take("ada", "queue.end", run=world.run(), outcome="failed")
    entry, hot = world.add("a"), world.add("b", priority=90, session="eve-1", at=2)
    known = Lineup(world.view, model.readable(world.view), [], model.queue(world.view).pause, tip=lambda: tip)
    assert explain.why(known, entry).reason == reason
    assert explain.why(known, hot).reason in {"next", "behind"}


@pytest.mark.parametrize("stacked", [True, False])
def test_entry_above_one_that_was_dropped_is_rebased_or_let_go_on(world: Queues, stacked: bool) -> None:
    low = world.add("low")
    needs = {"stack": low.id, "needs": []} if stacked else {"needs": [low.id]}
    top = world.add("top", at=2, **needs)
    world.take("ada-1", "queue.drop", entry=low.id)
    found = explain.why(lineup(world), world.entry(top.id))
    assert found.reason == "dependency-dropped"
    assert ("Rebase it onto main" in found.words) is stacked
    assert spoken(found.step).startswith("gitfleet queue add" if stacked else "gitfleet queue unhold")


def test_what_records_say_cannot_move_the_cursor(world: Queues) -> None:
    entry = world.put(
        world.add("a"), "held", reason="hold", evidence=EntryEvidence("\x1b[2Jgone {by}", session="x")
    )
    assert explain.why(lineup(world), entry).words == "x holds it: \\x1b[2Jgone {by}."


def test_steps_are_commands_of_ours() -> None:
    for told in reasons.TOLD.values():
        assert not told.step or told.step in COMMANDS
        assert not told.step or ("{}" in COMMANDS[told.step]) == bool(told.of)
