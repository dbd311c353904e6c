"""Sessions that claim the same at the same moment: one has it, all others are told who."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from gitfleet.base.ids import ulid
from gitfleet.codec import replace
from tests.fleetbench import Fleets, start_sessions
from tests.operations import raw
from tests.races.crowd import Crowd, Outcome, Task
from tests.workbench import Entrant, Git, Gitfleet, Race

MANY = 64


def claims(directory: Path, sessions: list[str], *paths: str) -> list[Task]:
    return [Task(directory, ("claim", *paths, "--session", session, "--json")) for session in sessions]


def winner(outcomes: list[Outcome], sessions: list[str]) -> str:
    """The one session whose claim was granted; every other one was refused and told about it."""
    assert Counter(outcome.code for outcome in outcomes) == {0: 1, 10: len(sessions) - 1}, outcomes
    held = next(session for session, outcome in zip(sessions, outcomes, strict=True) if outcome.code == 0)
    for session, outcome in zip(sessions, outcomes, strict=True):
        if session != held:
            conflicts = outcome.json()["data"]["error"]["conflicts"]
            assert {conflict["session"] for conflict in conflicts} == {held}
    return held


@pytest.mark.parametrize("clone", ["ada", "alone"], ids=["with-hub", "without-hub"])
def test_claim_of_one_file_by_64_processes_at_once_has_one_winner_that_all_are_told(
    fleets: Fleets, crowd: Crowd, clone: str
) -> None:
    sessions = [f"s{number:02}" for number in range(MANY)]
    with fleets.open(clone) as fleet:
        start_sessions(fleet, sessions)
    held = winner(crowd(claims(fleets.clone(clone), sessions, "src/api/a.py")), sessions)
    chain = fleets.chain("hub.git" if clone == "ada" else clone)
    assert chain.holders("src/api/a.py") == [held]
    assert fleets.waiting(clone) == []
    assert list((fleets.state(clone) / "results").iterdir()) == []


def test_claims_of_64_files_by_64_processes_at_once_are_all_granted_in_few_pushes(
    fleets: Fleets, crowd: Crowd
) -> None:
    sessions = [f"s{number:02}" for number in range(MANY)]
    with fleets.open() as fleet:
        start_sessions(fleet, sessions)
    before = len(fleets.chain().links)
    tasks = [
        task for session in sessions for task in claims(fleets.clone("ada"), [session], f"src/{session}.py")
    ]
    outcomes = crowd(tasks)
    assert [outcome.code for outcome in outcomes] == [0] * MANY
    chain = fleets.chain()
    assert len(chain.claims) == MANY
    assert len(chain.links) - before <= MANY / 4


def test_claim_of_one_file_by_real_command_lines_at_once_has_one_winner(
    fleets: Fleets, race: Race, gitfleet: Gitfleet
) -> None:
    sessions = ["ada-1", "ada-2", "bob-1", "bob-2"]
    entrants = [
        Entrant(
            gitfleet.argv("claim", "src/api/", "--session", session),
            fleets.clone(session.split("-")[0]),
            env=gitfleet.environment(),
        )
        for session in sessions
    ]
    ran = race(entrants)
    assert sorted(one.returncode for one in ran) == [0, 10, 10, 10], ran
    held = next(session for session, one in zip(sessions, ran, strict=True) if one.returncode == 0)
    assert all(held in one.stderr for one in ran if one.returncode == 10)
    assert fleets.chain().holders("src/api/") == [held]


@pytest.mark.always
def test_claim_of_one_file_through_two_clones_at_once_has_one_winner(fleets: Fleets, crowd: Crowd) -> None:
    names = {"ada": [f"a{number}" for number in range(8)], "bob": [f"b{number}" for number in range(8)]}
    for clone, sessions in names.items():
        with fleets.open(clone) as fleet:
            start_sessions(fleet, sessions)
    tasks = [
        task
        for clone, sessions in names.items()
        for task in claims(fleets.clone(clone), sessions, "src/**/*.py")
    ]
    held = winner(crowd(tasks), [*names["ada"], *names["bob"]])
    assert fleets.chain().holders("src/**/*.py") == [held]
    for clone in names:
        with fleets.open(clone) as fleet:
            fleet.ledger.sync()
        assert fleets.tip(clone) == fleets.tip()


def test_claim_of_one_file_by_many_processes_while_the_hub_is_away_has_one_tentative_winner(
    fleets: Fleets, crowd: Crowd
) -> None:
    sessions = [f"s{number:02}" for number in range(16)]
    with fleets.open() as fleet:
        start_sessions(fleet, sessions)
    fleets.hub.rename(fleets.root / "away.git")
    outcomes = crowd(claims(fleets.clone("ada"), sessions, "src/a.py"))
    held = winner(outcomes, sessions)
    (told,) = [outcome.json() for outcome in outcomes if outcome.code == 0]
    assert told["status"] == "tentative"
    assert len(fleets.waiting()) == 1
    (fleets.root / "away.git").rename(fleets.hub)
    sync = Task(fleets.clone("ada"), ("sync", "--json"))
    assert [outcome.code for outcome in crowd([sync] * 4)] == [0] * 4
    chain = fleets.chain()
    assert chain.holders("src/a.py") == [held]
    assert told["data"]["operation"] in chain.operations


def test_two_claims_that_are_alike_byte_for_byte_at_once_have_one_winner(
    fleets: Fleets, crowd: Crowd
) -> None:
    body = {"paths": [{"pattern": "src/a.py", "claim": ulid(), "mode": "exclusive"}], "ttl": 600}
    tasks = []
    for clone in ("ada", "bob"):
        with fleets.open(clone) as fleet:
            made = raw("claim.acquire", fleet.ledger.node.id, f"{clone}-1", body, at=1_700_000_000)
            operation = replace(made, nonce="")
        tasks.append(
            Task(fleets.clone(clone), call="tests.races.tasks:submit", arguments=(operation.encode(),))
        )
    outcomes = crowd(tasks)
    statuses = sorted(outcome.value["status"] for outcome in outcomes)
    assert statuses == ["confirmed", "refused"], outcomes
    assert len(fleets.chain().holders("src/a.py")) == 1


def test_claim_through_a_copy_of_a_clone_with_its_node_id_at_once_has_one_winner(
    fleets: Fleets, crowd: Crowd
) -> None:
    shutil.copytree(fleets.clone("ada"), fleets.root / "copy", symlinks=True)
    tasks = claims(fleets.clone("ada"), ["ada-1"], "src/") + claims(
        fleets.root / "copy", ["ada-2"], "src/a.py"
    )
    held = winner(crowd(tasks), ["ada-1", "ada-2"])
    assert {claim.session for claim in fleets.chain().claims} == {held}


@pytest.mark.parametrize("count", [2, 6])
def test_init_of_clones_at_once_on_an_empty_hub_agrees_on_one_ledger(
    hub: Path, tmp_path: Path, git: Git, crowd: Crowd, count: int
) -> None:
    clones = [tmp_path / f"clone-{number}" for number in range(count)]
    for clone in clones:
        git(tmp_path, "clone", "-q", hub, clone.name)
    outcomes = crowd([Task(clone, call="tests.races.tasks:join_fleet") for clone in clones])
    assert [outcome.code for outcome in outcomes] == [0] * count, outcomes
    assert len({outcome.value for outcome in outcomes}) == count
    tips = {git(place, "rev-parse", "refs/fleet/coord") for place in (hub, *clones)}
    assert len(tips) == 1
    assert git(hub, "for-each-ref", "--format=%(refname)", "refs/fleet") == "refs/fleet/coord"


def test_init_of_one_clone_by_two_processes_at_once_makes_one_node(
    hub: Path, tmp_path: Path, git: Git, crowd: Crowd
) -> None:
    git(tmp_path, "clone", "-q", hub, "ada")
    outcomes = crowd([Task(tmp_path / "ada", call="tests.races.tasks:join_fleet")] * 2)
    assert [outcome.code for outcome in outcomes] == [0, 0], outcomes
    assert outcomes[0].value == outcomes[1].value
    assert json.loads((tmp_path / "ada/.git/gitfleet/node.json").read_text())["id"] == outcomes[0].value
