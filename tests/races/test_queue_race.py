"""Processes that do something to one entry at the same moment: of a landing and what forbids it, one happens."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from gitfleet.mergequeue import model
from gitfleet.mergequeue.model import QueueEntry
from tests.fleetbench import Fleets
from tests.operations import ask
from tests.races.crowd import Crowd, Outcome, Task
from tests.races.queue_tasks import land
from tests.workbench import UNSEEN, Git

LAND = f"{land.__module__}:{land.__name__}"
MAIN = "refs/heads/main"


def queued(fleets: Fleets, git: Git, name: str) -> QueueEntry:
    """A branch of ada's, one commit on top of the hub's main, that is on the hub and in the queue."""
    place = fleets.clone("ada")
    git(place, "fetch", "--quiet", "origin")
    base = git(fleets.hub, "rev-parse", MAIN)
    head = git(place, "commit-tree", f"{base}^{{tree}}", "-p", base, "-m", name)
    git(place, *UNSEEN, "push", "--quiet", "origin", f"{head}:refs/heads/{name}")
    body = {"branch": name, "head": head, "target": "main", "base": base}
    with fleets.open() as fleet:
        fleet.ledger.sync()
        ask(fleet.ledger, "queue.add", "ada-1", body)
        return fleet.queue.find(name)


def sync(fleets: Fleets, git: Git, *names: str) -> None:
    for name in names:
        git(fleets.clone(name), "fetch", "--quiet", "origin")
        with fleets.open(name) as fleet:
            fleet.ledger.sync()


def now(fleets: Fleets, entry: QueueEntry) -> QueueEntry:
    with fleets.view() as view:
        found = model.find(view, entry.id)
        assert found is not None
        return found


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("verb", "state"), [("drop", "dropped"), ("hold", "held"), ("bump", "queued"), ("pause", "queued")]
)
def test_entry_never_lands_after_what_forbids_it_has_succeeded(
    fleets: Fleets, git: Git, crowd: Crowd, verb: str, state: str
) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(4):
        entry = queued(fleets, git, f"{verb}-{number}")
        sync(fleets, git, "ada", "bob")
        before = git(fleets.hub, "rev-parse", MAIN)
        more = {"bump": ("7",), "pause": ("--reason", "x")}.get(verb, ())
        named = () if verb == "pause" else (entry.id,)
        forbid = Task(fleets.clone("bob"), ("queue", verb, *named, *more, "--session", "bob-1", "--json"))
        landing = Task(fleets.clone("ada"), call=LAND, arguments=(str(fleets.clone("ada")), entry.id))
        told, landed = crowd([forbid, landing])
        outcomes[_check(fleets, git, entry, before, verb, state, told, landed)] += 1
        if verb == "pause":
            sync(fleets, git, "bob")
            with fleets.open("bob") as fleet:
                fleet.queue.resume(SessionId("bob-1"))
    assert sum(outcomes.values()) == 4


def _check(
    fleets: Fleets, git: Git, entry: QueueEntry, before: str, verb: str, state: str, told: Outcome, landed: Outcome
) -> str:  # fmt: skip
    """Which of the two happened; both may, where a change forbids nothing."""
    after, main = now(fleets, entry), git(fleets.hub, "rev-parse", MAIN)
    assert landed.value["landed"] == (main == entry.head) == (after.state == "landed"), (told, landed)
    assert main in {before, entry.head}
    if verb in {"drop", "hold"}:
        assert (told.code == 0) != landed.value["landed"], (told, landed)
        assert told.code in {0, 10}
    if not landed.value["landed"]:
        assert (told.code, after.state) == (0, state), (told, landed)
    return after.state


def change(place: Path, git: Git, path: str, text: str) -> None:
    (place / path).write_text(text)
    git(place, "add", path)
    git(place, *UNSEEN, "commit", "--quiet", "-m", path)


def free(place: Path, git: Git) -> None:
    """Have the trunk's rules ask for no claims."""
    change(place, git, "gitfleet.yaml", "version: 1\ncommits: 'off'\n")
    git(place, *UNSEEN, "push", "--quiet", "origin", "main")


def test_two_that_add_one_branch_at_once_make_one_entry(fleets: Fleets, git: Git, crowd: Crowd) -> None:
    place = fleets.clone("ada")
    free(place, git)
    git(place, "switch", "--quiet", "--create", "feat")
    change(place, git, "feat.txt", "x\n")
    git(place, *UNSEEN, "push", "--quiet", "origin", "feat")
    sync(fleets, git, "ada", "bob")
    tasks = [
        Task(fleets.clone(name), ("queue", "add", "--branch", "feat", "--session", f"{name}-{number}", "--json"))
        for name in ("ada", "bob")
        for number in (1, 2)
    ]  # fmt: skip
    outcomes = crowd(tasks)
    assert {outcome.code for outcome in outcomes} == {0}, outcomes
    rows: list[Any] = [outcome.json()["data"] for outcome in outcomes]
    assert len({row["entry"]["id"] for row in rows}) == 1
    assert [row["new"] for row in rows].count(True) == 1
    with fleets.view() as view:
        assert [(entry.branch, entry.seq) for entry in model.readable(view)] == [("feat", 1)]


def test_many_branches_at_once_get_numbers_of_their_own(fleets: Fleets, git: Git, crowd: Crowd) -> None:
    place = fleets.clone("ada")
    free(place, git)
    for number in range(6):
        git(place, "switch", "--quiet", "--detach", "main")
        change(place, git, f"{number}.txt", f"{number}\n")
        git(place, *UNSEEN, "push", "--quiet", "origin", f"HEAD:refs/heads/b{number}")
    git(place, "switch", "--quiet", "main")
    sync(fleets, git, "ada", "bob")
    tasks = [
        Task(fleets.clone(name), ("queue", "add", "--branch", f"b{number}", "--session", f"{name}-1", "--json"))
        for number, name in enumerate(["ada", "bob"] * 3)
    ]  # fmt: skip
    outcomes = crowd(tasks)
    assert {outcome.code for outcome in outcomes} == {0}, outcomes
    with fleets.view() as view:
        assert sorted(entry.seq for entry in model.readable(view)) == [1, 2, 3, 4, 5, 6]
    fleets.chain(overlaps=False)


def test_two_landings_of_one_entry_land_it_once(fleets: Fleets, git: Git, crowd: Crowd) -> None:
    entry = queued(fleets, git, "feat")
    sync(fleets, git, "ada", "bob")
    places: list[Path] = [fleets.clone("ada"), fleets.clone("bob")]
    outcomes = crowd([Task(place, call=LAND, arguments=(str(place), entry.id)) for place in places])
    assert sorted(outcome.value["landed"] for outcome in outcomes) == [False, True], outcomes
    after = now(fleets, entry)
    assert (after.state, git(fleets.hub, "rev-parse", MAIN)) == ("landed", entry.head)
    fleets.chain(overlaps=False)
