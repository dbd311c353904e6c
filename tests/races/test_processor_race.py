"""Runners at the same moment, in several clones and in one: each tree is tested once, all lands, in its order."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fleetbench import join
from tests.queuebench import Queue, hubqueue, queue
from tests.races.crowd import Crowd, Task
from tests.workbench import Git, overlaid

__all__ = ["hubqueue", "queue"]
PROCESS = ("queue", "process")


def clones(queue: Queue, git: Git, count: int) -> list[Path]:
    """So many clones of the hub, each a node of its own."""
    found = [queue.fleets.clone("ada"), queue.fleets.clone("bob")][:count]
    for number in range(count - len(found)):
        place = queue.fleets.root / f"more{number}"
        git(queue.fleets.root, "clone", "--quiet", "hub.git", place.name)
        git(place, "remote", "set-url", "origin", "../hub.git")
        join(place, [])
        found.append(place)
    return found


@pytest.mark.sample(1)
@pytest.mark.parametrize("count", [2, 4])
def test_runners_of_several_clones_test_each_tree_once_and_land_all(
    hubqueue: Queue, crowd: Crowd, git: Git, count: int
) -> None:
    entries = [hubqueue.add(f"e{number}") for number in range(6)]
    bad = hubqueue.add("bad", {"bad": "x"})
    outcomes = crowd([Task(place, PROCESS) for place in clones(hubqueue, git, count)])
    assert {outcome.code for outcome in outcomes} <= {0, 21}, outcomes
    hubqueue.sound(*entries)
    assert hubqueue.now(bad).state == "rejected"
    again = Counter(hubqueue.tested())
    assert sum(times > 1 for times in again.values()) <= 1, "only the failure may be tried once more"


@pytest.mark.sample(1)
def test_runners_of_one_clone_test_each_tree_once_and_land_all(queue: Queue, crowd: Crowd) -> None:
    entries = [queue.add(f"e{number}") for number in range(4)]
    outcomes = crowd([Task(queue.clone, PROCESS)] * 3)
    assert {outcome.code for outcome in outcomes} == {0}, outcomes
    queue.sound(*entries)
    assert len(queue.tested()) == len(set(queue.tested()))
    assert queue.landed() == [entry.id for entry in entries]


def test_runner_that_has_nothing_to_do_hears_soon_that_another_has_finished(
    hubqueue: Queue, git: Git
) -> None:
    """Two runners, one entry: the second waits and ends with the first. It asks the hub, and tests nothing itself."""
    from tests.faults.test_processor import Started
    from tests.ledger.test_connections import Counter as Connections

    runner = Started(hubqueue)
    entry = hubqueue.add("a")
    counter = Connections(hubqueue.fleets.clone("bob"), hubqueue.folder, git)
    runner.begin()
    runner.wait()
    idle = subprocess.Popen(
        hubqueue.gitfleet.argv("queue", "process"), cwd=hubqueue.fleets.clone("bob"), env=overlaid(hubqueue.gitfleet.environment()), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    runner.let()
    assert runner.end()[0] == 0
    out, err = idle.communicate(timeout=300)
    assert idle.returncode == 0, err
    assert counter.take().count("push") <= 1, out  # what the first has tested, it may try to land before it
    assert len(hubqueue.tested()) == 1
    hubqueue.sound(entry)


def limited(queue: Queue, capacity: int = 1) -> dict[str, Any]:
    """Rules whose gate may run so often at once."""
    return {"gate": {"slow": {"run": [str(queue.folder / "gate")], "capacity": capacity}}}


@pytest.mark.sample(1)
@pytest.mark.parametrize("killed", [False, True])
def test_runner_that_finds_no_room_for_its_gate_waits_without_a_ticket_until_there_is(
    killed: bool, hubqueue: Queue
) -> None:
    """Two runners of one clone, and of two; where the first is killed, the second goes on without it."""
    from tests.faults.test_processor import Started

    place = "ada" if killed else "bob"  # of another clone, a lease outlives its runner for minutes
    free, here, go = hubqueue.folder / "free", hubqueue.folder / "here", hubqueue.folder / "go"
    gate = f"[ -e {free} ] || {{ echo x >{here}; read -r word <{go}; }}"
    first = Started(hubqueue, more=gate, **limited(hubqueue))
    entry = hubqueue.add("a")
    process = first.begin()
    first.wait()
    other = hubqueue.add("b")
    second = first.beside(place)
    assert second.stderr is not None
    lines = iter(second.stderr.readline, "")
    assert any(line.startswith("waiting: 1 run of this at once") for line in lines)
    assert [[pin.id for pin in run.entries] for run in hubqueue.runs()] == [[entry.id]]
    free.touch()  # all further gates pass
    if killed:
        process.kill()
        first.end()
    else:
        first.let()
    _, said = second.communicate(timeout=300)
    assert second.returncode == 0, said
    assert killed or first.end()[0] == 0
    hubqueue.sound(entry, other)


def test_verdicts_of_another_environment_let_nothing_land(hubqueue: Queue, git: Git) -> None:
    """The trunk says what a verdict is about: what passed before it said something else is tested anew."""
    from tests.faults.test_processor import Started

    entry = hubqueue.add("a")
    runner = Started(hubqueue, environment="py3.11")
    runner.begin()
    runner.wait()
    before = hubqueue.main
    hubqueue.rules(environment="py3.12")  # moves the target, too
    runner.let()
    code, said = runner.end()
    assert code == 0, said
    hubqueue.sound(entry)
    assert len(hubqueue.tested()) == 2
    assert git(hubqueue.hub, "rev-parse", f"{hubqueue.now(entry).landed}^1") != before
