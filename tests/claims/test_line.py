"""The waiting line held to its promises, over many random operations of simulated sessions."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from gitfleet.base.ids import ulid
from gitfleet.claims import line, model, tickets
from gitfleet.claims.model import SHARED, Claim
from gitfleet.claims.overlap import overlap
from gitfleet.claims.tickets import Ticket, Want
from gitfleet.errors import Conflict, Deadlock
from gitfleet.fleet.fleet import RULES
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.leader import decide
from gitfleet.ledger.model import Accepted, Operation, Refused
from tests.claims.world import Store

PATHS = ["a", "b", "c/", "c/x", "c/y", "*.py", "d/**/z", "d/q/z"]


class Simulation:
    """A ledger without a disk: operations are decided one after the other on one snapshot."""

    def __init__(self, *sessions: str) -> None:
        self.view = Snapshot(Store(), None)
        self.generation = 0
        for session in sessions:
            assert isinstance(self.do("session.start", session, {"worktree": "/w"}), Accepted)

    def do(self, kind: str, session: str, body: dict[str, object]) -> Accepted | Refused:
        self.generation += 1
        operation = Operation(
            kind=kind, id=ulid(), node="n", session=session, at=self.generation, body=body, nonce=ulid()
        )
        decision = decide(RULES, self.view, operation, self.generation)
        if isinstance(decision, Accepted):
            self.view.change(decision.changes)
        return decision

    def claim(
        self, session: str, *paths: str, mode: str = "exclusive", wait: bool = True, **more: object
    ) -> Accepted | Refused:
        rows = [{"pattern": path, "claim": ulid(), "mode": mode} for path in paths]
        body: dict[str, object] = {"paths": rows, "ttl": 600, "wait": wait, "ticket": ulid(), **more}
        return self.do("claim.acquire", session, body)

    def release(self, session: str, *paths: str) -> Accepted | Refused:
        return self.do("claim.release", session, {"patterns": list(paths) or None})

    def claims(self) -> list[Claim]:
        return [item for item in model.everything(self.view) if isinstance(item, Claim)]

    def holders(self, path: str) -> set[str]:
        wanted = model.parsed(path)
        return {claim.session for claim in self.claims() if overlap(model.parsed(claim.pattern), wanted)}

    def line(self) -> list[Ticket]:
        return tickets.line(self.view)


MEET = {(p, q): overlap(model.parsed(p), model.parsed(q)) is not None for p in PATHS for q in PATHS}


def clash(one: Claim, other: Claim) -> bool:
    """Whether two claims may not stand together."""
    if one.session == other.session or (one.mode == SHARED and other.mode == SHARED):
        return False
    return MEET[one.pattern, other.pattern]


def against(want: Want, pattern: str, mode: str) -> bool:
    """Whether a claim or an earlier want keeps a session from `want`."""
    return MEET[want.pattern, pattern] and not want.mode == mode == SHARED


def waits_for_something(ticket: Ticket, now: list[Ticket], claims: list[Claim]) -> bool:
    """Judged without the code under test, from a table."""
    held = [(claim.pattern, claim.mode) for claim in claims if claim.session != ticket.session]
    for other in now:
        if other.place < ticket.place and other.session != ticket.session:
            held += [(want.pattern, want.mode) for want in other.wants]
    return any(against(want, *stands) for want in ticket.wants for stands in held)


def faults(
    simulation: Simulation,
    before: list[Ticket],
    before_ids: set[str],
    asker: str,
    asked: tuple[int, int, str] | None,
) -> Iterator[str]:
    """What is wrong with the state after one operation, given the line and the claims before it.

    `asked` is the place in the line that the operation's own request had a right to.
    """
    after_claims = simulation.claims()
    for one, other in itertools.combinations(after_claims, 2):
        if clash(one, other):
            yield f"{one.pattern} of {one.session} and {other.pattern} of {other.session} overlap"
    now = simulation.line()
    for ticket in now:
        if not waits_for_something(ticket, now, after_claims):
            yield f"the ticket of {ticket.session} waits for nothing"
    if simulation.generation % 100 == 0:
        for ticket in now:
            if line.deadlock(simulation.view, [t for t in now if t.id != ticket.id], ticket):
                yield f"the ticket of {ticket.session} is in a cycle"
    fresh = [claim for claim in after_claims if claim.id not in before_ids]
    still = {ticket.id for ticket in now}
    for claim in fresh:
        same = [
            t
            for t in before
            if t.session == claim.session and (claim.pattern, claim.mode) in {w[::2] for w in t.wants}
        ]
        own = [ticket.place for ticket in same]
        own += [asked] if asked is not None and claim.session == asker else []
        for ticket in before:
            earlier = not own or ticket.place < min(own)
            waits = ticket.id in still and ticket.session != claim.session
            if earlier and waits and any(against(want, claim.pattern, claim.mode) for want in ticket.wants):
                yield f"{claim.session} overtook {ticket.session} on {claim.pattern}"


@pytest.mark.parametrize("seed", range(10))
def test_line_random_operations_stay_fair_and_never_wait_for_nothing(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"s{number}" for number in range(7)]
    simulation = Simulation(*names)
    outcomes = {"granted": 0, "queued": 0, "refused": 0, "deadlock": 0, "served": 0}
    for _ in range(1000):
        before, before_ids = simulation.line(), {claim.id for claim in simulation.claims()}
        session, asked = chance.choice(names), None
        if chance.random() < 0.6:
            paths = chance.sample(PATHS, chance.choice([1, 1, 2, 3]))
            mode = chance.choice(["exclusive", "exclusive", "shared"])
            wait, priority = chance.random() < 0.8, chance.choice([50, 50, 50, 80])
            asked = (-priority, simulation.generation + 1, "") if wait else None
            decision = simulation.claim(session, *paths, mode=mode, wait=wait, priority=priority)
        elif chance.random() < 0.75:
            decision = simulation.release(session, *chance.choice([(), (chance.choice(PATHS),)]))
        else:
            decision = simulation.do("ticket.leave", session, {"tickets": None})
        if isinstance(decision, Accepted):
            outcomes["served"] += len(decision.answer.get("served", []))
            outcomes["queued" if decision.answer.get("ticket") else "granted"] += 1
        else:
            outcomes["deadlock" if isinstance(decision.error, Deadlock) else "refused"] += 1
        found = list(faults(simulation, before, before_ids, session, asked))
        assert not found, found
    assert all(outcomes.values()), outcomes  # every kind of outcome was really met


def test_line_first_come_is_served_first_within_a_priority() -> None:
    simulation = Simulation("a", "b", "c", "d")
    simulation.claim("a", "f")
    for session in ("b", "c"):
        simulation.claim(session, "f")
    simulation.claim("d", "f", priority=80)
    served = []
    for _ in range(3):
        holder = simulation.holders("f").pop()
        simulation.release(holder)
        served.append(simulation.holders("f").pop())
    assert served == ["d", "b", "c"]


def test_line_stream_of_shared_claims_does_not_starve_a_writer() -> None:
    simulation = Simulation("r1", "r2", "r3", "w")
    simulation.claim("r1", "f", mode="shared")
    simulation.claim("w", "f")
    assert isinstance(simulation.claim("r2", "f", mode="shared", wait=False), Refused)
    queued = simulation.claim("r3", "f", mode="shared")
    assert isinstance(queued, Accepted)
    assert queued.answer["ticket"]
    simulation.release("r1")
    assert simulation.holders("f") == {"w"}
    simulation.release("w")
    assert simulation.holders("f") == {"r3"}


def test_line_disjoint_request_passes_freely() -> None:
    simulation = Simulation("a", "b", "c")
    simulation.claim("a", "f")
    simulation.claim("b", "f", "g")
    assert isinstance(simulation.claim("c", "g", wait=False), Refused)  # b waits for f and g together
    passed = simulation.claim("c", "h", wait=False)
    assert isinstance(passed, Accepted)
    assert [claim["pattern"] for claim in passed.answer["granted"]] == ["h"]


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_line_cycle_is_refused_and_spelled_out(length: int) -> None:
    names = [f"s{number}" for number in range(length)]
    simulation = Simulation(*names)
    for number, name in enumerate(names):
        simulation.claim(name, f"p{number}")
    for number, name in enumerate(names[:-1]):
        assert isinstance(simulation.claim(name, f"p{number + 1}"), Accepted)
    closing = simulation.claim(names[-1], "p0")
    assert isinstance(closing, Refused)
    assert isinstance(closing.error, Deadlock)
    assert {step["session"] for step in closing.error.facts["cycle"]} == set(names)
    assert len(simulation.line()) == length - 1


def test_line_end_of_the_holder_serves_the_next() -> None:
    simulation = Simulation("a", "b")
    simulation.claim("a", "f")
    simulation.claim("b", "f")
    ended = simulation.do("session.end", "a", {})
    assert isinstance(ended, Accepted)
    assert [claim["session"] for claim in ended.answer["served"]] == ["b"]
    assert simulation.holders("f") == {"b"}


def test_line_ticket_goes_with_its_session() -> None:
    simulation = Simulation("a", "b", "c")
    simulation.claim("a", "f")
    simulation.claim("b", "f")
    simulation.claim("c", "f")
    simulation.do("session.end", "b", {})
    simulation.release("a")
    assert simulation.holders("f") == {"c"}
    assert simulation.line() == []


def test_line_served_claim_that_is_not_taken_up_goes_to_the_next_who_watched() -> None:
    simulation = Simulation("a", "b", "c")
    simulation.claim("a", "f")
    simulation.claim("b", "f")
    simulation.claim("c", "f")
    simulation.release("a")
    (given,) = [claim for claim in simulation.claims() if claim.session == "b"]
    assert given.accept_within == line.ACCEPT_WITHIN
    decision = simulation.claim("c", "f", lapsed={given.id: 0})
    assert isinstance(decision, Accepted)
    assert simulation.holders("f") == {"b"}, (
        "b has renewed since it was watched (its ticket did), so nothing is taken"
    )
    record = simulation.view.get(
        "sessions/" + next(p for p in simulation.view.files("sessions") if "/b/session" in p)[9:]
    )
    assert record is not None
    assert b'"renewed":1' in record
    simulation.claim("c", "f", lapsed={given.id: 1})
    assert simulation.holders("f") == {"c"}


def test_line_upgrade_of_the_only_shared_claim_is_granted() -> None:
    simulation = Simulation("a", "b")
    simulation.claim("a", "f", mode="shared")
    simulation.claim("a", "f", wait=False)
    assert {claim.mode for claim in simulation.claims()} == {"exclusive"}
    assert isinstance(simulation.claim("b", "f", mode="shared", wait=False), Refused)
    error = simulation.claim("b", "f", wait=False)
    assert isinstance(error, Refused)
    assert isinstance(error.error, Conflict)
