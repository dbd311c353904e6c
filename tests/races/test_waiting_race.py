"""Waiting in line with real processes over two clones: nobody is forgotten, overtaken, or kept by the dead."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitfleet.claims import waiting_line
from tests.fleetbench import Fleets, start_body, start_sessions
from tests.operations import ask
from tests.races.crowd import Crowd, Task
from tests.races.waiters import Line, standing
from tests.workbench import Gitfleet

CLONES = ("ada", "bob")


@pytest.fixture
def line(fleets: Fleets, gitfleet: Gitfleet) -> Iterator[Line]:
    with standing(fleets, gitfleet) as found:
        yield found


def sessions(fleets: Fleets, clone: str, count: int) -> list[str]:
    names = [f"{clone}-s{number}" for number in range(count)]
    with fleets.open(clone) as fleet:
        start_sessions(fleet, names)
    return names


def task(clone: Path, *argv: str) -> Task:
    return Task(clone, (*argv, "--json"))


# Who waits in one clone hears of the other


def test_waiter_gets_what_the_other_clone_frees_in_whatever_way(fleets: Fleets, line: Line) -> None:
    ways: dict[str, Callable[[str, str], object]] = {
        "releases": lambda who, path: line.act("ada", "release", path, "--session", who),
        "ends": lambda who, _: line.act("ada", "session", "end", who),
        "is broken": lambda _, path: line.act(
            "ada", "break", path, "--reason", "lunch", "--session", person(fleets, "ada")
        ),
        "gives a unit back": lambda who, _: line.act("ada", "release", "res:gpu", "--session", who),
        "gives up all": lambda who, _: line.act("ada", "release", "--all", "--session", who),
    }
    holders, waiters = sessions(fleets, "ada", len(ways)), sessions(fleets, "bob", len(ways))
    paths = [f"p{number}/" if "unit" not in way else "res:gpu" for number, way in enumerate(ways)]
    for holder, path in zip(holders, paths, strict=True):
        fleets.claim("ada", holder, path)
    running = [line.start("bob", waiter, path) for waiter, path in zip(waiters, paths, strict=True)]
    line.until(lambda: set(line.sessions()) == set(waiters))
    for free, holder, path in zip(ways.values(), holders, paths, strict=True):
        free(holder, path)
    assert [waiting.granted() for waiting in running] == [[path] for path in paths]
    assert line.sessions() == []
    assert all(line.claim(waiter).accept_within == 0 for waiter in waiters), "all was taken up"


def person(fleets: Fleets, clone: str) -> str:
    """A session of a person in a clone."""
    with fleets.open(clone) as fleet:
        body = {**start_body(fleets.clone(clone)), "person": True}
        ask(fleet.ledger, "session.start", f"{clone}-person", body)
    return f"{clone}-person"


def test_waiter_gets_what_lapses_in_the_other_clone_once_it_has_watched_it(
    fleets: Fleets, line: Line
) -> None:
    fleets.claim("ada", "ada-1", "src/")
    held = line.claim("ada-1")
    waiting = line.wait("bob", "bob-1", "src/api/a.py")
    line.until(lambda: line.watches("bob", held.id))
    line.aged("bob", held.id)
    assert waiting.granted() == ["src/api/a.py"]
    assert fleets.chain().holders("src/") == []


# Releases that race with a ticket


@pytest.mark.parametrize(
    ("one", "other", "rounds"), [("ada", "bob", 2), ("alone", "alone", 3)], ids=["two-clones", "one-clone"]
)
def test_release_and_wait_at_the_same_moment_never_leave_anybody_waiting(
    fleets: Fleets, crowd: Crowd, one: str, other: str, rounds: int
) -> None:
    pairs = 8
    names = sessions(fleets, one, 2 * pairs) if one == other else []
    holders, waiters = (
        names[:pairs] or sessions(fleets, one, pairs),
        names[pairs:] or sessions(fleets, other, pairs),
    )
    for number in range(rounds):
        paths = [f"r{number}/p{pair}" for pair in range(pairs)]
        for holder, path in zip(holders, paths, strict=True):
            fleets.claim(one, holder, path)
        tasks = [
            task(fleets.clone(one), "release", path, "--session", holder)
            for holder, path in zip(holders, paths, strict=True)
        ] + [
            task(fleets.clone(other), "claim", "--wait", "--timeout", "300s", path, "--session", waiter)
            for waiter, path in zip(waiters, paths, strict=True)
        ]
        outcomes = crowd(tasks)
        assert [outcome.code for outcome in outcomes] == [0] * len(tasks), outcomes
        chain = fleets.chain("hub.git" if one != other else one)
        assert {path: chain.holders(path) for path in paths} == {
            path: [waiter] for waiter, path in zip(waiters, paths, strict=True)
        }


def between(fleets: Fleets, gitfleet: Gitfleet, clone: str, *argv: str) -> None:
    """Let a command run in a clone while the hub takes the next push, before it is taken."""
    command = shlex.join(gitfleet.argv(*argv))
    once, place = fleets.root / "once", fleets.clone(clone)
    hook = fleets.hub / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\nmkdir {shlex.quote(str(once))} 2>/dev/null || exit 0\n"
        f"unset $(git rev-parse --local-env-vars) GIT_QUARANTINE_PATH\ncd {shlex.quote(str(place))}\n"
        f"PYTHONPATH={shlex.quote(gitfleet.environment()['PYTHONPATH'])} {command} >&2\nexit 0\n",
        encoding="utf-8",
    )
    hook.chmod(0o755)


def test_ticket_that_arrives_while_the_release_is_being_pushed_is_served(
    fleets: Fleets, line: Line, gitfleet: Gitfleet
) -> None:
    fleets.claim("ada", "ada-1", "src/")
    between(fleets, gitfleet, "bob", "claim", "--wait", "--timeout", "0s", "src/", "--session", "bob-1")
    served = line.act("ada", "release", "src/", "--session", "ada-1")["served"]
    assert (fleets.root / "once").exists()
    assert [(record["session"], record["pattern"]) for record in served] == [("bob-1", "src/")]
    assert line.wait("bob", "bob-1", "src/").granted() == ["src/"]


def test_release_that_arrives_while_the_ticket_is_being_pushed_grants_it_at_once(
    fleets: Fleets, line: Line, gitfleet: Gitfleet
) -> None:
    fleets.claim("ada", "ada-1", "src/")
    between(fleets, gitfleet, "ada", "release", "src/", "--session", "ada-1")
    assert line.start("bob", "bob-1", "src/").granted() == ["src/"]
    assert (fleets.root / "once").exists()
    assert line.tickets() == []


# Order


def test_eight_waiters_over_two_clones_are_served_in_the_order_in_which_they_came(
    fleets: Fleets, line: Line
) -> None:
    names = {clone: sessions(fleets, clone, 4) for clone in CLONES}
    order = [
        (clone, name)
        for pair in zip(*names.values(), strict=True)
        for clone, name in zip(CLONES, pair, strict=True)
    ]
    fleets.claim("ada", "ada-1", "src/")
    running = [(clone, line.wait(clone, session, "src/")) for clone, session in order]
    assert line.sessions() == [session for _, session in order]
    holder = ("ada", "ada-1")
    for number, (clone, waiting) in enumerate(running):
        line.release(*holder)
        line.sync(clone)
        assert waiting.granted() == ["src/"]
        assert all(later.process.poll() is None for _, later in running[number + 1 :]), (
            "nobody else was let go"
        )
        holder = (clone, waiting.session)
    assert line.tickets() == []


# Those who do not wait any more


def test_waiter_that_was_killed_loses_what_the_line_gave_it_to_the_next(fleets: Fleets, line: Line) -> None:
    fleets.claim("ada", "ada-1", "src/")
    line.wait("ada", "ada-2", "src/").signal(signal.SIGKILL)
    next_one = line.wait("bob", "bob-1", "src/")
    line.release("ada", "ada-1")
    given = line.claim("ada-2")
    assert given.accept_within == waiting_line.ACCEPT_WITHIN
    line.until(lambda: line.watches("bob", given.id))
    line.aged("bob", given.id)
    assert next_one.granted() == ["src/"]
    assert fleets.chain().holders("src/") == ["bob-1"]


@pytest.mark.always
def test_ticket_of_a_waiter_that_was_killed_lapses_and_keeps_nobody(fleets: Fleets, line: Line) -> None:
    fleets.claim("bob", "bob-2", "src/")
    line.wait("ada", "ada-2", "src/", "docs/").signal(signal.SIGKILL)
    (dead,) = line.tickets()
    next_one = line.wait("bob", "bob-1", "docs/")
    line.until(lambda: line.watches("bob", dead.id))
    line.aged("bob", dead.id)
    assert next_one.granted() == ["docs/"], "only the ticket of the dead kept it"
    assert line.tickets() == []


def test_waiter_whose_time_is_over_ends_with_11_and_keeps_its_place(fleets: Fleets, line: Line) -> None:
    fleets.claim("ada", "ada-1", "src/")
    facts = line.act("bob", "claim", "--wait", "--timeout", "1s", "src/", "--session", "bob-1", code=11)[
        "error"
    ]
    (ticket,) = line.tickets()
    assert facts["ticket"]["id"] == ticket.id
    line.wait("ada", "ada-2", "src/")
    line.act("bob", "claim", "--wait", "--timeout", "0s", "src/", "--session", "bob-1", code=11)
    assert [(t.session, t.id == ticket.id) for t in line.tickets()] == [("bob-1", True), ("ada-2", False)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_waiter_that_is_interrupted_keeps_its_place_and_leaves_nothing_locked(
    fleets: Fleets, line: Line, number: signal.Signals
) -> None:
    fleets.claim("ada", "ada-1", "src/")
    waiting = line.wait("bob", "bob-1", "src/")
    waiting.signal(number)
    ran = waiting.ended()
    assert ran.returncode in {130, -number}, ran
    assert "Traceback" not in ran.stderr
    assert line.sessions() == ["bob-1"]
    line.release("ada", "ada-1")
    assert line.wait("bob", "bob-1", "src/").granted() == ["src/"]


# Deadlocks


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("kind", "length"), [("paths", 2), ("paths", 3), ("paths", 4), ("paths", 5), ("mixed", 2), ("mixed", 5)]
)
def test_cycle_over_two_clones_is_refused_to_exactly_one_and_the_others_go_on(
    fleets: Fleets, line: Line, crowd: Crowd, length: int, kind: str
) -> None:
    names = {clone: sessions(fleets, clone, 3) for clone in CLONES}
    ring = [(CLONES[number % 2], names[CLONES[number % 2]][number // 2]) for number in range(length)]
    things = [
        f"res:r{number}" if kind == "mixed" and number % 2 else f"p{number}/" for number in range(length)
    ]
    for (clone, session), thing in zip(ring, things, strict=True):
        fleets.claim(clone, session, thing)
    wanted = [*things[1:], things[0]]
    outcomes = crowd(
        [
            task(fleets.clone(clone), "claim", "--wait", "--timeout", "0s", thing, "--session", session)
            for (clone, session), thing in zip(ring, wanted, strict=True)
        ]
    )
    codes = [outcome.code for outcome in outcomes]
    assert sorted(codes) == [11] * (length - 1) + [14], outcomes
    refused = codes.index(14)
    error = outcomes[refused].json()["data"]["error"]
    around = [ring[(refused + step) % length][1] for step in range(length)]
    assert [step["session"] for step in error["cycle"]] == around
    assert [step["waits_for"] for step in error["cycle"]] == [*around[1:], around[0]]
    for session, thing in zip(
        around, [wanted[(refused + step) % length] for step in range(length)], strict=True
    ):
        assert f"{session} waits for {thing} of " in error["message"]
    line.release(*ring[refused])
    for back in range(1, length):
        clone, session = ring[(refused - back) % length]
        assert line.start(clone, session, wanted[(refused - back) % length]).granted()
        line.release(clone, session)
    assert line.tickets() == []


def test_waiting_line_looks_the_same_in_both_clones(fleets: Fleets, line: Line) -> None:
    fleets.claim("ada", "ada-1", "src/")
    fleets.claim("bob", "bob-1", "res:gpu")
    line.act("ada", "claim", "--wait", "--timeout", "0s", "res:gpu", "--session", "ada-2", code=11)
    line.act(
        "bob", "claim", "--wait", "--timeout", "0s", "src/a.py", "res:gpu", "--session", "bob-2", code=11
    )
    seen = []
    for clone in CLONES:
        line.sync(clone)
        seen.append(line.act(clone, "claims", "--waiting")["tickets"])
    assert seen[0] == seen[1]
    rows = [
        (
            row["place"],
            row["session"],
            {(b["wanted"], b["session"], b["held"], bool(b["ticket"])) for b in row["blocked_by"]},
        )
        for row in seen[0]
    ]
    assert rows == [
        (1, "ada-2", {("res:gpu", "bob-1", "res:gpu", False)}),
        (
            2,
            "bob-2",
            {
                ("src/a.py", "ada-1", "src/", False),
                ("res:gpu", "bob-1", "res:gpu", False),
                ("res:gpu", "ada-2", "res:gpu", True),
            },
        ),
    ]
