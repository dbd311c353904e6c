"""The waiting line held to its promises, over many random operations of simulated sessions."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gitfleet.base.ids import ulid
from gitfleet.claims import model, tickets, waiting_line
from gitfleet.claims.model import SHARED, Claim
from gitfleet.claims.tickets import Ticket, Want
from gitfleet.clone import OPERATIONS
from gitfleet.errors import Conflict, Deadlock
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.model import Accepted, Refused
from gitfleet.patterns.overlap import overlap
from gitfleet.sessions import session_records
from tests.claims.world import Store
from tests.operations import raw

PATHS = ["a", "b", "c/", "c/x", "c/y", "*.py", "d/**/z", "d/q/z"]
RESOURCES = ["res:g", "res:g:2", "res:h", "res:h:2", "res:h:3"]
CAPACITIES = {"g": [2], "h": [3, 3, 4]}  # two of the clones know an older policy


class Simulation:
    """A ledger without a disk: operations are decided one after the other on one snapshot."""

    def __init__(self, *names: str) -> None:
        self.view = Snapshot(Store(), None)
        self.generation = 0
        for session in names:
            assert isinstance(self.do("session.start", session, {"worktree": "/w"}), Accepted)

    def do(self, kind: str, session: str, body: dict[str, object]) -> Accepted[Any] | Refused:
        self.generation += 1
        operation = raw(kind, "n", session, body, at=self.generation)
        decision = OPERATIONS.decide(self.view, operation, self.generation)
        if isinstance(decision, Accepted):
            self.view.change(decision.changes)
        return decision

    def claim(
        self,
        session: str,
        *paths: str,
        mode: str = "exclusive",
        wait: bool = True,
        capacity: int = 4,
        **more: object,
    ) -> Accepted[Any] | Refused:
        rows: list[dict[str, object]] = []
        for path in paths:
            name = resource(path)
            rows.append({"pattern": path, "claim": ulid(), "mode": "exclusive" if name else mode})
            if name:
                rows[-1]["capacity"] = min(capacity, max(CAPACITIES[name[0]]))
        body: dict[str, object] = {"paths": rows, "ttl": 600, "wait": wait, "ticket": ulid(), **more}
        return self.do("claim.acquire", session, body)

    def release(self, session: str, *paths: str) -> Accepted[Any] | Refused:
        return self.do("claim.release", session, {"patterns": list(paths) or None})

    def claims(self) -> list[Claim]:
        return [item for item in model.everything(self.view) if isinstance(item, Claim)]

    def holders(self, path: str) -> set[str]:
        wanted = model.parsed(path)
        return {claim.session for claim in self.claims() if overlap(model.parsed(claim.pattern), wanted)}

    def renewed(self, session: str) -> int:
        found = session_records.find(self.view, session)
        return found.renewed if found else 0

    def line(self) -> list[Ticket]:
        return tickets.line(self.view)


MEET = {(p, q): overlap(model.parsed(p), model.parsed(q)) is not None for p in PATHS for q in PATHS}


# The judge: it knows what may be from this table and from the records, and asks nothing of the code that decides.


def resource(pattern: str) -> tuple[str, int] | None:
    """Name and units of a resource; None for a path."""
    if not pattern.startswith("res:"):
        return None
    _, name, *count = pattern.split(":")
    return name, int(count[0]) if count else 1


def clash(one: Claim, other: Claim) -> bool:
    """Whether two claims may not stand together."""
    if one.session == other.session or (one.mode == SHARED and other.mode == SHARED):
        return False
    named, too = resource(one.pattern), resource(other.pattern)
    if named and too:
        return named[0] == too[0] and bool(set(one.slots) & set(other.slots))
    return MEET.get((one.pattern, other.pattern), False)


def against(want: Want, pattern: str, mode: str) -> bool:
    """Whether a claim or an earlier want keeps a session from a path that it wants."""
    return MEET.get((want.pattern, pattern), False) and not want.mode == mode == SHARED


def too_few(want: Want, session: str, before: list[Ticket], claims: list[Claim]) -> bool:
    """Whether there are not enough units of a resource for a session, behind the tickets `before` it."""
    name, wanted = resource(want.pattern) or ("", 0)
    held = Counter[str]()
    capacities = [want.capacity]
    for claim in claims:
        if (resource(claim.pattern) or ("", 0))[0] == name:
            held[claim.session] += len(claim.slots)
            capacities += [claim.capacity] if claim.session != session else []
    lacks = Counter[str]()
    for ticket in before:
        for other in ticket.wants:
            theirs = resource(other.pattern)
            if (
                ticket.session == session
                or not theirs
                or theirs[0] != name
                or theirs[1] <= held[ticket.session]
            ):
                continue
            if theirs[1] - held[ticket.session] > lacks[ticket.session]:
                lacks[ticket.session] = theirs[1] - held[ticket.session]
                capacities.append(other.capacity)
    used = sum(count for who, count in held.items() if who != session)
    return used + lacks.total() + wanted > min(capacities)


def waits_for_something(ticket: Ticket, now: list[Ticket], claims: list[Claim]) -> bool:
    """Judged without the code under test, from a table."""
    before = [other for other in now if other.place < ticket.place and other.session != ticket.session]
    held = [(claim.pattern, claim.mode) for claim in claims if claim.session != ticket.session]
    held += [(want.pattern, want.mode) for other in before for want in other.wants]
    return any(
        too_few(want, ticket.session, before, claims)
        if resource(want.pattern)
        else any(against(want, *stands) for stands in held)
        for want in ticket.wants
    )


def stuck(now: list[Ticket], claims: list[Claim]) -> set[str]:
    """The sessions that wait for ever, if all others let go of everything some day."""
    waiting: set[str] = {str(ticket.session) for ticket in now}
    while True:
        line_of = [ticket for ticket in now if ticket.session in waiting]
        held = [claim for claim in claims if claim.session in waiting]
        blocked = {str(ticket.session) for ticket in line_of if waits_for_something(ticket, line_of, held)}
        if blocked == waiting:
            return waiting
        waiting = blocked


def overtaken(claim: Claim, ticket: Ticket, claims: list[Claim]) -> bool:
    """Whether a new claim takes something that an earlier ticket, which still waits, waits for."""
    named = resource(claim.pattern)
    for want in ticket.wants:
        theirs = resource(want.pattern)
        if named and theirs and named[0] == theirs[0]:
            if too_few(want, ticket.session, [], claims):
                return True
        elif against(want, claim.pattern, claim.mode):
            return True
    return False


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
    if simulation.generation % 10 == 0:
        for session in stuck(now, after_claims):
            yield f"{session} waits for ever"
    fresh = [claim for claim in after_claims if claim.id not in before_ids]
    still = {ticket.id for ticket in now}
    for claim in fresh:
        named = resource(claim.pattern)
        beside = [c for c in after_claims if named and (resource(c.pattern) or ("", 0))[0] == named[0]]
        if sum(len(c.slots) for c in beside) > min((c.capacity for c in beside), default=0):
            yield f"{claim.pattern} was granted beyond its capacity"
        same = [
            t
            for t in before
            if t.session == claim.session and (claim.pattern, claim.mode) in {w.names for w in t.wants}
        ]
        own = [ticket.place for ticket in same]
        own += [asked] if asked is not None and claim.session == asker else []
        for ticket in before:
            earlier = not own or ticket.place < min(own)
            waits = ticket.id in still and ticket.session != claim.session
            if earlier and waits and overtaken(claim, ticket, after_claims):
                yield f"{claim.session} overtook {ticket.session} on {claim.pattern}"


Step = tuple[str, "Accepted[Any] | Refused", "tuple[int, int, str] | None"]


def any_request(simulation: Simulation, chance: random.Random, names: list[str]) -> Step:
    """A request for some paths and resources; at times by who has watched another session lapse."""
    session = chance.choice(names)
    things = chance.sample(PATHS, chance.choice([0, 1, 1, 2, 3]))
    named = {
        (resource(text) or ("",))[0]: text for text in chance.sample(RESOURCES, chance.choice([0, 0, 1, 2]))
    }
    things += [*named.values()] or ([] if things else ["a"])
    mode = chance.choice(["exclusive", "exclusive", "shared"])
    wait, priority = chance.random() < 0.8, chance.choice([50, 50, 50, 80])
    asked = (-priority, simulation.generation + 1, "") if wait else None
    more: dict[str, object] = {}
    if chance.random() < 0.2:
        seen = chance.choice([1, 1, 1, 0])  # or it has shown a sign of life since
        lapsed = {name: simulation.renewed(name) - 1 + seen for name in chance.sample(names, 3)}
        items: list[Claim | Ticket] = [*simulation.claims(), *simulation.line()]
        more["lapsed"] = {item.id: lapsed[item.session] for item in items if item.session in lapsed}
    decision = simulation.claim(
        session, *things, mode=mode, wait=wait, priority=priority, partial=not wait and chance.random() < 0.3,
        capacity=chance.choice([3, 4]), **more,
    )  # fmt: skip
    return session, decision, asked


def any_other(simulation: Simulation, chance: random.Random, names: list[str]) -> Step:
    """Something that frees, moves or takes away."""
    session, other = chance.sample(names, 2)
    what = chance.random()
    if what < 0.55:
        things = chance.choice([(), (chance.choice(PATHS),), (chance.choice(["res:g", "res:h"]),)])
        return session, simulation.release(session, *things), None
    if what < 0.7:
        return session, simulation.do("ticket.leave", session, {"tickets": None}), None
    if what < 0.9:
        mine = [claim.pattern for claim in simulation.claims() if claim.session == session]
        thing = chance.choice(mine or ["a"])
        offered = simulation.do("offer.make", session, {"patterns": [thing], "to": other})
        return (other, simulation.do("offer.accept", other, {}), None) if mine else (session, offered, None)
    if what < 0.95:
        body: dict[str, object] = {
            "patterns": [chance.choice([*PATHS, "res:g", "res:h"])],
            "reason": "a test",
        }
        return "person", simulation.do("claim.break", "person", body), None
    ended = simulation.do("session.end", session, {})
    assert isinstance(simulation.do("session.start", session, {"worktree": "/w"}), Accepted)
    return session, ended, None


@pytest.mark.sample(3)
@pytest.mark.parametrize("seed", range(10))
def test_line_random_operations_stay_fair_and_never_wait_for_nothing(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"s{number}" for number in range(7)]
    simulation = Simulation(*names)
    assert isinstance(simulation.do("session.start", "person", {"worktree": "/p", "person": True}), Accepted)
    outcomes = Counter[str]()
    for _ in range(1000):
        before, before_ids = simulation.line(), {claim.id for claim in simulation.claims()}
        choose = any_request if chance.random() < 0.6 else any_other
        session, decision, asked = choose(simulation, chance, names)
        if isinstance(decision, Accepted):
            outcomes.update(key for key, value in decision.answer.encode().items() if value)
        else:
            outcomes[type(decision.error).__name__] += 1
        found = list(faults(simulation, before, before_ids, session, asked))
        assert not found, (simulation.generation, found)
    expected = {
        "granted",
        "ticket",
        "served",
        "taken_over",
        "taken",
        "released",
        "broken",
        "left",
        "already_held",
    }
    assert expected | {"Deadlock", "Conflict"} <= outcomes.keys(), (
        outcomes
    )  # every kind of outcome was really met
    assert "InternalError" not in outcomes, outcomes


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
    assert queued.answer.encode()["ticket"]
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
    assert [claim["pattern"] for claim in passed.answer.encode()["granted"]] == ["h"]


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
    assert {step.session for step in closing.error.cycle} == set(names)
    assert len(simulation.line()) == length - 1


def test_line_end_of_the_holder_serves_the_next() -> None:
    simulation = Simulation("a", "b")
    simulation.claim("a", "f")
    simulation.claim("b", "f")
    ended = simulation.do("session.end", "a", {})
    assert isinstance(ended, Accepted)
    assert [claim["session"] for claim in ended.answer.encode()["served"]] == ["b"]
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
    assert given.accept_within == waiting_line.ACCEPT_WITHIN
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


@pytest.mark.parametrize("asked", [["f"], ["d/x"], ["d/x", "d/"], ["f", "d/x", "new"]])
def test_line_served_claim_is_taken_up_by_asking_for_any_of_it(asked: list[str]) -> None:
    simulation = Simulation("a", "b")
    simulation.claim("a", "f", "d/")
    simulation.claim("b", "f", "d/")
    simulation.release("a")
    assert all(claim.accept_within for claim in simulation.claims())
    decision = simulation.claim("b", *asked, wait=False, take_up=True)
    assert isinstance(decision, Accepted)
    granted = [record["pattern"] for record in decision.answer.encode()["granted"]]
    assert granted == sorted({{"d/x": "d/"}.get(path, path) for path in asked}, key=granted.index)
    assert decision.answer.encode()["already_held"] == []
    taken = {claim.pattern: claim.accept_within == 0 for claim in simulation.claims()}
    assert taken == {"f": "f" in asked, "d/": "d/x" in asked} | ({"new": True} if "new" in asked else {})
    decision = simulation.claim("b", *asked, wait=False, take_up=True)
    assert isinstance(decision, Accepted)
    assert decision.answer.encode()["granted"] == []


def test_line_ticket_for_a_name_in_another_case_stays_where_case_makes_names() -> None:
    simulation = Simulation("a", "b")
    simulation.claim("a", "readme", case_sensitive=True)
    simulation.claim("b", "readme", case_sensitive=True)
    simulation.claim("b", "README", wait=False, case_sensitive=True)
    (ticket,) = simulation.line()
    assert [want.pattern for want in ticket.wants] == ["readme"]
    assert [blocker.session for blocker in waiting_line.blockers(simulation.view, [ticket], ticket)] == ["a"]


def test_line_upgrade_of_the_only_shared_claim_is_granted() -> None:
    simulation = Simulation("a", "b")
    simulation.claim("a", "f", mode="shared")
    simulation.claim("a", "f", wait=False)
    assert {claim.mode for claim in simulation.claims()} == {"exclusive"}
    assert isinstance(simulation.claim("b", "f", mode="shared", wait=False), Refused)
    error = simulation.claim("b", "f", wait=False)
    assert isinstance(error, Refused)
    assert isinstance(error.error, Conflict)


# Claims that change hands


def hand_over(simulation: Simulation, giver: str, taker: str, path: str) -> Accepted[Any] | Refused:
    """The answer of the one who accepts."""
    assert isinstance(simulation.do("offer.make", giver, {"patterns": [path], "to": taker}), Accepted)
    return simulation.do("offer.accept", taker, {})


def test_line_ticket_of_whoever_accepts_what_it_waits_for_is_done_with() -> None:
    simulation = Simulation("a", "b", "c")
    simulation.claim("a", "f")
    simulation.claim("b", "f", "g")
    assert isinstance(simulation.claim("c", "g", wait=False), Refused)
    taken = hand_over(simulation, "a", "b", "f")
    assert isinstance(taken, Accepted)
    assert simulation.line() == []
    assert [claim["pattern"] for claim in taken.answer.encode()["served"]] == ["g"]
    assert simulation.holders("f") == simulation.holders("g") == {"b"}


def test_line_offer_whose_acceptance_would_make_two_wait_for_each_other_is_refused_as_a_deadlock() -> None:
    simulation = Simulation("a", "b", "c")
    simulation.claim("a", "f")
    simulation.claim("b", "g")
    simulation.claim("c", "h")
    simulation.claim("b", "h")
    simulation.claim("a", "g")
    refused = hand_over(simulation, "a", "c", "f")
    assert isinstance(refused, Accepted), "c waits for nobody"
    simulation.claim("c", "x")
    simulation.claim("a", "f")
    assert len(simulation.line()) == 2 + 1
    closing = hand_over(simulation, "c", "a", "h")
    assert isinstance(closing, Refused)
    assert isinstance(closing.error, Deadlock)
    assert {step.session for step in closing.error.cycle} == {"a", "b"}
    assert simulation.holders("h") == {"c"}


def test_line_part_of_what_a_session_claims_cannot_be_offered_alone() -> None:
    simulation = Simulation("a", "b")
    simulation.claim("a", "c/x")
    simulation.claim("a", "c/")
    offered = simulation.do("offer.make", "a", {"patterns": ["c/x"], "to": "b"})
    assert isinstance(offered, Refused)
    assert offered.error.exit_code == 2
    assert isinstance(hand_over(simulation, "a", "b", "c/"), Accepted)
    assert simulation.holders("c/") == {"b"}


def test_line_offer_is_not_accepted_while_the_giver_has_come_to_hold_more_that_meets_it() -> None:
    simulation = Simulation("a", "b")
    simulation.claim("a", "c/x")
    assert isinstance(simulation.do("offer.make", "a", {"patterns": ["c/x"], "to": "b"}), Accepted)
    simulation.claim("a", "c/")
    taken = simulation.do("offer.accept", "b", {})
    assert isinstance(taken, Refused)
    assert isinstance(taken.error, Conflict)
    assert simulation.holders("c/x") == {"a"}
