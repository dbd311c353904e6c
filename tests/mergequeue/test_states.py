"""The table of states: every move that it has is made, and every other is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gitfleet.base.names import Oid
from gitfleet.clone import OPERATIONS
from gitfleet.errors import EntryMoved
from gitfleet.ledger.model import Accepted, Refused, Who
from gitfleet.mergequeue import states
from gitfleet.mergequeue.model import HostHolding, QueueEntry
from gitfleet.mergequeue.states import State, Verb
from tests.mergequeue.queues import BASE, CANDIDATE, TREE, Queues, head, landing, pin

ACTORS: dict[Who, str] = {"session": "ada-1", "person": "eve-1", "node": "ada"}


def _mark(to: State) -> Callable[[Queues, QueueEntry], dict[str, Any]]:
    return lambda _, entry: {"found": [{"pin": pin(entry), "state": to}]}


def _end(to: State) -> Callable[[Queues, QueueEntry], dict[str, Any]]:
    def body(world: Queues, entry: QueueEntry) -> dict[str, Any]:
        run = world.run(entry)
        if to == states.TESTING:
            world.run(entry, tree="e" * 40)
        return {"run": run, "outcome": "failed", "suspects": [entry.id] if to == states.SUSPECT else []}

    return body


def _of_entry(_: Queues, entry: QueueEntry) -> dict[str, Any]:
    return {"entry": entry.id}


def _pinned(_: Queues, entry: QueueEntry) -> dict[str, Any]:
    return {"pin": pin(entry)}


def _added(world: Queues, entry: QueueEntry) -> dict[str, Any]:
    del world
    return {"branch": entry.branch, "head": head(99), "target": "main"}


def _take(_: Queues, entry: QueueEntry) -> dict[str, Any]:
    return {"target": "main", "base": head(7), "entries": [pin(entry)], "commit": head(8), "tree": head(9)}


def _offer(_: Queues, entry: QueueEntry) -> dict[str, Any]:
    row = {"pin": pin(entry), "tree": head(9)}
    return {"target": "main", "base": head(7), "entries": [row], "proof": {"gate": "none"}}


BODIES: dict[tuple[Verb, State], Callable[[Queues, QueueEntry], dict[str, Any]]] = {
    **{("add", to): _added for to in (states.QUEUED, states.HELD)},
    **{("change", state): lambda _, entry: {"entry": entry.id, "title": "another"} for state in states.STATES},
    ("hold", states.HELD): _of_entry,
    ("unhold", states.QUEUED): _of_entry,
    ("drop", states.DROPPED): _of_entry,
    ("retry", states.QUEUED): _of_entry,
    ("approve", states.QUEUED): _pinned,
    ("take", states.TESTING): _take,
    **{("end", to): _end(to) for to in (states.QUEUED, states.SUSPECT, states.TESTING)},
    **{("mark", to): _mark(to) for to in states.STATES},
    ("reject", states.REJECTED): lambda _, entry: {"pin": pin(entry), "evidence": {"words": "it fails"}},
    ("offer", states.QUEUED): _offer,
    ("repair", states.QUEUED): lambda _, entry: {"pin": pin(entry), "head": CANDIDATE},
    ("expire", states.EXPIRED): _pinned,
    ("land", states.LANDED): lambda _, entry: landing(entry),
    ("reconcile", states.LANDED): lambda _, entry: {"entries": [{**pin(entry), "commit": CANDIDATE}]},
}  # fmt: skip


def _in_state(world: Queues, state: State, verb: Verb, to: State) -> QueueEntry:
    """An entry in that state, as it can be there for such a move."""
    if verb == "reconcile" and state in (states.DROPPED, states.EXPIRED):
        return world.put(world.add("b"), state, host=HostHolding(Oid(head(1)), Oid(BASE), Oid(TREE)))
    reason = {"approve": "approval"}.get(verb, "hold" if to == states.HELD else "")
    return world.put(world.add("b"), state, reason=reason if state == states.HELD else "")


def _cases() -> list[tuple[State, Verb, State]]:
    """Every state with every verb, and every state that the verb leads to; what stays as it is, is no case but where a row says so."""
    return [
        (origin, verb, to)
        for origin in states.STATES
        for verb, to in BODIES
        if not (verb == "change" and origin != to)
        and not (verb == "end" and origin != states.TESTING)
        and not (
            verb == "add" and (origin in states.FINISHED or (to == states.HELD) != (origin == states.HELD))
        )
    ]


@pytest.mark.parametrize(("origin", "verb", "to"), _cases())
def test_move_is_made_if_the_table_has_it_and_refused_if_not(origin: State, verb: Verb, to: State) -> None:
    world = Queues()
    entry = _in_state(world, origin, verb, to)
    body = BODIES[verb, to](world, entry)
    who = states.actors(verb)[0]
    decision = world.ask(ACTORS[who], f"queue.{verb}", who=who, **body)
    if states.may(origin, verb, to):
        assert isinstance(decision, Accepted), decision
        after = world.entry(entry.id)
        assert (after.state, after.id, after.seq) == (to, entry.id, entry.seq)
    else:
        assert isinstance(decision, Refused)
        assert isinstance(decision.error, EntryMoved), decision.error
        assert (decision.error.state, world.entry(entry.id)) == (origin, entry)


@pytest.mark.parametrize("verb", states.VERBS)
def test_operation_of_a_verb_is_for_the_actors_of_the_table(verb: Verb) -> None:
    kind = OPERATIONS.get(f"queue.{verb}")
    assert kind is not None
    assert {move.who for move in states.MOVES if move.verb == verb} == {kind.actors}


def test_every_row_of_the_table_is_a_case() -> None:
    cases = set(_cases())
    rows = {(move.origin, move.verb, move.to) for move in states.MOVES if move.origin}
    unmade = rows - cases
    assert unmade == {("held", "add", "queued")}, "a head that was not approved: see test_rules"


def test_finished_states_have_no_way_out_but_by_the_host_and_every_other_has_one() -> None:
    left = {move.origin for move in states.MOVES}
    assert left == {"", *states.LIVE, "dropped", "expired"}
    assert {move.verb for move in states.MOVES if move.origin in states.FINISHED} == {"reconcile"}
    assert set(states.MEANING) == set(states.STATES)


def test_branch_whose_entry_is_finished_enters_as_a_new_entry() -> None:
    for state in states.FINISHED:
        world = Queues()
        old = world.put(world.add("b"), state)
        new = world.add("b")
        assert new.id != old.id
        assert (new.state, new.seq) == ("queued", 2)
