"""Leases among real processes on clocks that are wrong: whoever may act on a path, no two may at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import Clock
from tests.fleetbench import Fleets
from tests.gatebench import Copies, Gated, refused
from tests.workbench import PATIENCE, Entrant, Race, Ran, run

TTL = 600
"""Of the claims here, in seconds; the margin is 120, the pause before a steal 60."""


class Machine:
    """One clone on clocks of its own."""

    def __init__(self, clone: Gated, clock: Clock) -> None:
        self.clone, self.clock = clone, clock
        clock.rule(clone.path)

    def __call__(self, *arguments: str, session: str | None = None) -> Ran:
        """Our command line, as the clone's first session."""
        env = {"GITFLEET_SESSION": session or self.clone.session}
        return run(self.clock.argv(*arguments), self.clone.path, env=env)

    def may_act(self, path: str) -> bool:
        """Whether the session may act on a path, as far as its own clone can tell."""
        return bool(self("check", path, "--json").json()["data"]["paths"][0]["state"] == "mine")

    def commit(self, path: str) -> Ran:
        self.clone.write(path, f"{os.urandom(4).hex()}\n")
        return self.clone.commit()

    def cut_off(self) -> None:
        """The hub is out of its reach."""
        self.clone.out("remote", "set-url", "origin", "../nowhere.git")

    def claims(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self("claims", "--json").ok().json()["data"]["claims"]
        return found

    def log(self) -> list[str]:
        self("sync").ok()
        return [line["subject"] for line in self("log", "--json").json()["data"]["operations"]]


@pytest.fixture
def machine(copies: Copies, tmp_path: Path) -> Callable[[str], Machine]:
    return lambda name: Machine(copies.clone(name), Clock.make(tmp_path, name))


@pytest.fixture
def fleets(machine: Callable[[str], Machine], tmp_path: Path) -> Iterator[Fleets]:
    """The fleet of the machines; its ledger replays at the end of each test."""
    fleets = Fleets(tmp_path / "fleet")
    yield fleets
    fleets.chain()


@pytest.fixture
def ada(machine: Callable[[str], Machine], fleets: Fleets) -> Machine:
    return machine("ada")


@pytest.fixture
def bob(machine: Callable[[str], Machine], fleets: Fleets) -> Machine:
    return machine("bob")


def pass_(seconds: int, *machines: Machine) -> None:
    """True time goes on for all."""
    for each in machines:
        each.clock.go_on(seconds)


def watch_it_lapse(bob: Machine, ada: Machine, path: str = "src/a.py") -> None:
    """The other clone is refused, and watches ada's lease for as long as it takes."""
    bob("claim", path).ended(10)
    pass_(TTL + 120 + 60 + 2, ada, bob)


SKEWS = {
    "right": 0,
    "ten-minutes-ahead": 600,
    "ten-minutes-behind": -600,
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("wall", ["goes-on", "frozen", "back-and-forth"])
@pytest.mark.parametrize("skew", list(SKEWS))
def test_holder_that_is_cut_off_stops_before_anybody_else_may_start(
    ada: Machine, bob: Machine, skew: str, wall: str
) -> None:
    ada.clock.set(wall=SKEWS[skew])
    bob.clock.set(wall=-SKEWS[skew])
    ada("claim", "src/", "--ttl", f"{TTL}s").ok()
    bob("claim", "src/a.py").ended(10)
    ada.cut_off()
    held, taken = [], []
    now = 0
    for number, moment in enumerate((0, 300, 400, 490, 650, 790)):
        jump = {"goes-on": None, "frozen": 0, "back-and-forth": 1200 if number % 2 else -1200}[wall]
        ada.clock.go_on(moment - now, wall=jump)
        bob.clock.go_on(moment - now)
        now = moment
        held.append(ada.may_act("src/a.py"))
        taken.append(bob("claim", "src/a.py").returncode == 0)
        assert not (held[-1] and taken[-1])
    assert held[0]
    assert held[3:] == [False, False, False]
    assert taken == [False, False, False, False, False, True]
    if wall == "goes-on":
        assert held[:3] == [True, True, True]
    refused(ada.commit("src/a.py"))


def test_holder_whose_machine_was_started_again_asks_the_hub_before_it_acts(
    ada: Machine, bob: Machine
) -> None:
    ada("claim", "src/").ok()
    token = ada.claims()[0]["token"]
    ada.clock.set(boot="99999999-2222-3333-4444-555555555555", up=7)
    assert not ada.may_act("src/a.py")
    ada.commit("src/a.py").ok()
    assert ada.claims()[0]["token"] > token
    assert ada.clone.trailers()[1].endswith(f"@{ada.claims()[0]['token']}")
    ada.clock.set(boot="88888888-2222-3333-4444-555555555555")
    ada.cut_off()
    refused(ada.commit("src/b.py"), "could not be reached")


def test_watcher_whose_machine_was_started_again_watches_anew(ada: Machine, bob: Machine) -> None:
    ada("claim", "src/", "--ttl", f"{TTL}s").ok()
    watch_it_lapse(bob, ada)
    bob.clock.set(boot="99999999-2222-3333-4444-555555555555")
    watch_it_lapse(bob, ada)
    bob("claim", "src/a.py").ok()


def test_lapsed_claim_comes_back_silently_with_a_new_token_at_the_next_commit(
    ada: Machine, bob: Machine
) -> None:
    ada("claim", "src/", "--ttl", f"{TTL}s").ok()
    token = ada.claims()[0]["token"]
    watch_it_lapse(bob, ada)
    assert not ada.may_act("src/a.py")
    done = ada.commit("src/a.py").ok()
    assert done.stderr == ""
    (claim,) = ada.claims()
    assert claim["token"] > token
    assert ada.clone.trailers() == ["Fleet-Session: ada-1", f"Fleet-Claim: {claim['id']}@{claim['token']}"]
    bob("claim", "src/a.py").ended(10)  # it had watched long enough, but the holder came back first
    assert [words for words in ada.log() if "takes back src/" in words]


def test_claim_that_is_renewed_for_a_day_is_granted_anew_or_taken_over(ada: Machine, bob: Machine) -> None:
    ada("claim", "src/", "--ttl", "12h").ok()
    token = ada.claims()[0]["token"]
    bob("claim", "src/a.py").ended(10)
    for _ in range(3):
        pass_(8 * 3600 - 30, ada, bob)
        ada("claim", "src/").ok()
        bob("claim", "src/a.py").ended(10)
    assert ada.claims()[0]["token"] > token  # a day is over: granted anew
    token = ada.claims()[0]["token"]
    for _ in range(2):
        pass_(8 * 3600, ada, bob)
        ada("claim", "docs/").ok()
        bob("claim", "src/a.py").ended(10)
    pass_(8 * 3600 + 200, ada, bob)
    ada("tell", "bob-1", "still here").ok()
    assert not ada.may_act("src/a.py")
    bob("claim", "src/a.py").ok()


def test_commit_under_a_claim_of_the_greatest_age_makes_it_a_new_one_silently(
    ada: Machine, bob: Machine
) -> None:
    ada.clone.policy(max_age=3600, ttl=3600)
    ada("claim", "src/").ok()
    token = ada.claims()[0]["token"]
    pass_(35 * 60, ada)
    assert ada.commit("src/a.py").ok().stderr == ""
    assert ada("claim", "src/").ok().stdout.endswith(f"token {token}\n")
    pass_(24 * 60, ada)
    assert not ada.may_act("src/a.py")
    assert ada.commit("src/a.py").ok().stderr == ""
    assert ada.claims()[0]["token"] > token


# A holder that is suspended, and wakes up later.

_AGENT = """\
import subprocess, sys
print("ready", flush=True)
sys.stdin.readline()
sys.exit(subprocess.run(["git", "commit", "--quiet", "-m", "woken"]).returncode)
"""


class Agent:
    """A process that has a session, and commits what is staged when it is told to."""

    def __init__(self, machine: Machine) -> None:
        env = {**os.environ, "GITFLEET_SESSION": "agent-1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AGENT], cwd=machine.clone.path, env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.process.stdout.readline()
        pid = str(self.process.pid)
        machine("session", "start", "--id", "agent-1", "--agent", "tester", "--pid", pid).ok()

    def sleep(self) -> None:
        """It is suspended with its work half done: told to commit, and not there yet."""
        self.process.send_signal(signal.SIGSTOP)
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def wake(self) -> Ran:
        self.process.send_signal(signal.SIGCONT)
        out, err = self.process.communicate(timeout=PATIENCE)
        return Ran(("agent",), self.process.returncode, os.fsdecode(out), os.fsdecode(err))


@pytest.fixture
def agent(ada: Machine) -> Iterator[Agent]:
    agent = Agent(ada)
    ada("claim", "src/", "--ttl", f"{TTL}s", session="agent-1").ok()
    ada.clone.write("src/a.py", "half done\n")
    yield agent
    agent.process.kill()
    with agent.process:  # closes its pipes, and waits
        pass


def test_holder_that_was_suspended_past_its_time_is_stopped_by_its_own_hook(
    ada: Machine, bob: Machine, agent: Agent
) -> None:
    head = ada.clone.out("rev-parse", "HEAD")
    agent.sleep()
    watch_it_lapse(bob, ada)
    bob("claim", "src/a.py").ok()
    woken = refused(agent.wake(), "bob-1", "Your claim on src/ had expired, and bob-1 has taken it over")
    assert woken.returncode == 1
    assert ada.clone.out("rev-parse", "HEAD") == head


def test_holder_that_was_suspended_and_cannot_ask_the_hub_is_stopped_by_its_own_hook(
    ada: Machine, bob: Machine, agent: Agent
) -> None:
    agent.sleep()
    watch_it_lapse(bob, ada)
    ada.cut_off()
    bob("claim", "src/a.py").ok()
    refused(agent.wake(), "could not be reached")


def test_holder_that_was_suspended_and_missed_by_nobody_goes_on(
    ada: Machine, bob: Machine, agent: Agent
) -> None:
    agent.sleep()
    pass_(10 * TTL, ada, bob)
    agent.wake().ok()
    assert ada.clone.trailers()[0] == "Fleet-Session: agent-1"


def test_lapsed_claim_of_a_dead_process_of_this_machine_is_taken_without_a_pause(
    ada: Machine, agent: Agent
) -> None:
    ada("claim", "src/a.py").ended(10)
    pass_(TTL + 120 + 2, ada)
    ada("claim", "src/a.py").ended(10)
    agent.process.kill()
    agent.process.wait()
    ada("claim", "src/a.py").ok()


# Who was faster.


def test_holder_that_comes_back_and_thief_at_the_same_moment_are_never_both_right(
    ada: Machine, bob: Machine, race: Race
) -> None:
    ada("claim", "src/", "--ttl", f"{TTL}s").ok()
    watch_it_lapse(bob, ada)
    ran = race([entrant(ada, "claim", "src/a.py"), entrant(bob, "claim", "src/a.py")])
    assert sorted(one.returncode for one in ran) == [0, 10], ran
    standing = {claim["session"] for claim in bob.claims()}
    assert standing == {"ada-1" if ran[0].returncode == 0 else "bob-1"}
    if ran[1].returncode == 0:
        assert sum("bob-1 has taken it over" in line for line in told(ada, ran[0])) == 1


def entrant(machine: Machine, *arguments: str) -> Entrant:
    env = {"GITFLEET_SESSION": machine.clone.session}
    return Entrant(machine.clock.argv(*arguments), machine.clone.path, env=env)


def told(machine: Machine, *before: Ran) -> list[str]:
    """What the session is told, by what ran before and by two commands now."""
    ran = [*before, machine("claim", "docs/x"), machine("claim", "docs/x")]
    return [line for one in ran for line in one.stderr.splitlines()]
