"""What a landing does, and what keeps an entry from landing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gitfleet.base.ids import ulid
from gitfleet.claims import model as claims
from gitfleet.claims.model import Claim
from gitfleet.errors import EntryMoved, FleetError, NoEntry, PolicyRefused, UsageError
from gitfleet.ledger.model import Accepted
from gitfleet.mergequeue import model
from gitfleet.mergequeue.model import QueueEntry
from gitfleet.sessions import inbox
from tests.mergequeue.queues import BASE, CANDIDATE, Queues, head, landing, pin


def claim(world: Queues, session: str, pattern: str, *, wait: bool = False, branch: str = "") -> str:
    own = ulid()
    wants = [{"pattern": pattern, "claim": own, "mode": "exclusive"}]
    more = {"wait": True, "ticket": ulid()} if wait else {}
    world.take(session, "claim.acquire", paths=wants, ttl=600, branch=branch, **more)
    return own


def holders(world: Queues) -> dict[str, str]:
    return {one.pattern: one.session for one in claims.everything(world.view) if isinstance(one, Claim)}


def test_landing_moves_the_target_finishes_the_entries_and_tells_their_sessions(world: Queues) -> None:
    a, b = world.add("a"), world.add("b", session="bob-1")
    decision = world.ask("ada", "queue.land", who="node", **landing(a, b, seconds=7, window=32))
    assert isinstance(decision, Accepted)
    (move,) = decision.moves
    assert (move.ref, move.old, move.new) == ("refs/heads/main", BASE, CANDIDATE)
    for entry in (a, b):
        after = world.entry(entry.id)
        assert (after.state, after.landed, after.reason) == ("landed", CANDIDATE, "landed")
    for session, branch in (("ada-1", "a"), ("bob-1", "b")):
        (message,) = inbox.read(world.view, session)
        assert message.words == f"Your branch {branch} has landed on main as {CANDIDATE[:12]}."
    known = model.queue(world.view)
    assert (known.window, known.counts["landed"], known.counts["landings"]) == (32, 2, 1)
    assert [(note.entries, note.seconds) for note in known.landings] == [(2, 7)]
    assert list(model.entries(world.view)) == []


def test_landing_releases_the_claims_that_the_entry_was_made_under_and_serves_the_line(world: Queues) -> None:
    mine, other = claim(world, "ada-1", "src/a.py"), claim(world, "ada-1", "src/b.py")
    entry = world.add("a", claims=[mine])
    later = claim(world, "ada-1", "src/c.py")
    claim(world, "bob-1", "src/a.py", wait=True)
    answer = world.land(entry)
    assert [one["pattern"] for one in answer["released"]] == ["src/a.py"]
    assert [one["session"] for one in answer["served"]] == ["bob-1"]
    assert holders(world) == {"src/a.py": "bob-1", "src/b.py": "ada-1", "src/c.py": "ada-1"}
    assert {other, later} <= {one.id for one in claims.everything(world.view) if isinstance(one, Claim)}
    assert any(
        "Your claims on src/a.py are released." in one.words for one in inbox.read(world.view, "ada-1")
    )


def test_landing_lets_go_what_the_branch_retained_but_not_what_another_branch_keeps(world: Queues) -> None:
    one, two, three = (claim(world, "ada-1", path) for path in ("one", "two", "three"))
    mine, other = {"branch": "a", "head": head(1)}, {"branch": "z", "head": head(5)}
    older = {"branch": "a", "head": head(8)}
    kept = [
        {"keeper": mine, "claims": [one, two]},
        {"keeper": other, "claims": [two]},
        {"keeper": older, "claims": [three]},
    ]
    world.take("ada-1", "session.end", retain=kept)
    entry = world.add("a", session="bob-1")
    rows = [{**pin(entry), "commit": CANDIDATE}]
    answer = world.land(entry, entries=rows)
    assert [row["pattern"] for row in answer["released"]] == ["one"]
    assert set(holders(world)) == {"two", "three"}
    left = next(c for c in claims.everything(world.view) if isinstance(c, Claim) and c.pattern == "two")
    assert [keeper.branch for keeper in left.retained] == ["z"]


def test_claim_that_an_entry_yet_to_land_was_made_under_stays_until_that_lands(world: Queues) -> None:
    both, mine = claim(world, "ada-1", "both"), claim(world, "ada-1", "mine")
    low = world.add("low", claims=[both, mine])
    top = world.add("top", stack=low.id, needs=[], claims=[both])
    assert [row["pattern"] for row in world.land(low)["released"]] == ["mine"]
    assert [row["pattern"] for row in world.land(top)["released"]] == ["both"]
    assert holders(world) == {}


def test_claims_that_stayed_with_an_older_head_that_landed_too_go_as_well(world: Queues) -> None:
    mine = claim(world, "ada-1", "one")
    keeper = {"branch": "a", "head": head(8)}
    world.take("ada-1", "session.end", retain=[{"keeper": keeper, "claims": [mine]}])
    entry = world.add("a", session="bob-1")
    world.land(entry, entries=[{**pin(entry), "commit": CANDIDATE, "heads": [head(8)]}])
    assert holders(world) == {}


def _change(kind: str, **body: Any) -> Callable[[Queues, QueueEntry], None]:
    def change(world: Queues, entry: QueueEntry) -> None:
        world.take("ada-1", kind, **({"entry": entry.id} if "mode" not in body else {}), **body)

    return change


def _newer(world: Queues, entry: QueueEntry) -> None:
    world.add(entry.branch, at=77)


def _needy(world: Queues, entry: QueueEntry) -> None:
    world.add(entry.branch, needs=[world.add("below").id])


KEEP_BACK: dict[str, tuple[Callable[[Queues, QueueEntry], None], type[FleetError]]] = {
    "dropped": (_change("queue.drop"), EntryMoved),
    "held": (_change("queue.hold"), EntryMoved),
    "new-head": (_newer, EntryMoved),
    "paused": (_change("queue.pause", mode="paused", floor=51, reason="x"), PolicyRefused),
    "frozen": (_change("queue.pause", mode="frozen", floor=51, reason="x"), PolicyRefused),
    "dependency": (_needy, EntryMoved),
}


@pytest.mark.parametrize("what", KEEP_BACK)
def test_entry_does_not_land_after_something_that_keeps_it_back(world: Queues, what: str) -> None:
    entry, other = world.add("a"), world.add("b")
    change, error = KEEP_BACK[what]
    change(world, entry)
    found = world.refused(other, entry)
    assert type(found) is error, found
    assert world.entry(other.id).state == "queued"


@pytest.mark.parametrize("what", ["paused", "frozen", "draining"])
def test_what_reaches_the_floor_lands_also_by_what_it_is_lent(world: Queues, what: str) -> None:
    low = world.add("low", priority=10)
    urgent = world.add("urgent", priority=90, needs=[low.id])
    world.take("ada-1", "queue.pause", mode=what, floor=80, reason="x")
    world.land(low, urgent)


def test_drained_queue_lands_what_it_has(world: Queues) -> None:
    entry = world.add("a")
    world.take("ada-1", "queue.pause", mode="draining", reason="x")
    world.land(entry)


def test_landed_entry_lands_no_second_time_and_cannot_be_dropped(world: Queues) -> None:
    entry = world.add("a")
    world.land(entry)
    error = world.refused(entry)
    assert isinstance(error, EntryMoved)
    error = world.refuse("ada-1", "queue.drop", entry=entry.id)
    assert isinstance(error, EntryMoved)
    assert (error.landed, CANDIDATE[:12] in error.message) == (CANDIDATE, True)


def test_verdicts_that_the_gate_demands_must_be_there(world: Queues) -> None:
    entry = world.add("a")
    proof = {"gate": "verdicts", "keys": ["k1", "k2"], "trust": ["processor"]}
    error = world.refused(entry, proof=proof)
    assert isinstance(error, PolicyRefused)
    assert "lacks 2 of the verdicts" in error.message


@pytest.mark.parametrize(
    "wrong",
    [
        {"entries": []},
        {"proof": {"gate": "verdicts"}},
        {"proof": {"gate": "none", "keys": ["k"]}},
        {"base": "x"},
        {"commit": ""},
        {"target": ""},
    ],
)
def test_landing_that_is_malformed_is_refused(world: Queues, wrong: dict[str, Any]) -> None:
    entry = world.add("a")
    body = {**landing(entry), **wrong}
    assert world.refuse("ada", "queue.land", **body).exit_code == 20


def test_landing_names_each_entry_once_and_all_for_its_target(world: Queues) -> None:
    entry, other = world.add("a"), world.add("b", target="release")
    assert isinstance(world.refused(entry, entry), UsageError)
    assert isinstance(world.refused(entry, other), UsageError)
    body = landing(entry)
    body["entries"][0]["id"] = ulid()
    assert isinstance(world.refuse("ada", "queue.land", **body), NoEntry)


def test_stack_lands_in_order_only(world: Queues) -> None:
    a = world.add("a")
    b = world.add("b", stack=a.id, needs=[])
    c = world.add("c", stack=b.id, needs=[])
    assert isinstance(world.refused(b, a), EntryMoved)
    assert isinstance(world.refused(b), EntryMoved)
    world.land(a, b)
    world.land(c)


def test_reconciled_entry_is_landed_whatever_the_queue_thought_and_moves_nothing(world: Queues) -> None:
    mine = claim(world, "ada-1", "src/a.py")
    entry = world.put(world.add("a", claims=[mine]), "rejected")
    decision = world.ask("bob", "queue.reconcile", who="node", entries=[{**pin(entry), "commit": CANDIDATE}])
    assert isinstance(decision, Accepted)
    assert decision.moves == ()
    after = world.entry(entry.id)
    assert (after.state, after.reason, holders(world)) == ("landed", "landed-elsewhere", {})


def test_only_a_node_for_itself_lands(world: Queues) -> None:
    entry = world.add("a")
    decision = world.ask("ada-1", "queue.land", who="session", **landing(entry))
    assert isinstance(getattr(decision, "error", None), PolicyRefused)
