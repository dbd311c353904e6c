"""`NodeRef.update`: many writers of one node's ref, crashes at any line, and a hub that somebody else moved."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.errors import LockHeld
from gitfleet.git import fleetrefs
from gitfleet.git.trees import Snapshot
from gitfleet.nodes import heartbeat
from tests.fleetbench import Fleets
from tests.nodes.killing import killed, lines_of
from tests.workbench import ROOT, Entrant, Git, Race

WRITER = """
import sys
from gitfleet.fleet.fleet import Fleet
with Fleet.open(sys.argv[1]) as fleet:
    for number in range(int(sys.argv[3])):
        warnings = fleet.node_ref.update(lambda tree: tree.put(f"jobs/{sys.argv[2]}-{number}", b"1"))
        assert warnings == [], warnings
"""


def put(path: str, data: bytes = b"1") -> Callable[[Snapshot], None]:
    return lambda tree: tree.put(path, data)


def files(place: Path, ref: str, git: Git) -> set[str]:
    return set(git(place, "ls-tree", "-r", "--name-only", ref).split("\n"))


def test_update_is_on_the_hub_beside_the_heartbeat_and_stays_through_exchanges(
    fleets: Fleets, git: Git
) -> None:
    with fleets.open() as fleet:
        ref = fleetrefs.node(fleet.ledger.node.id)
        assert fleet.node_ref.update(put("jobs/1")) == []
        assert fleet.node_ref.exchange() == []
        assert fleet.node_ref.update(put("jobs/2")) == []
        assert fleet.node_ref.update(lambda tree: tree.delete("jobs/1")) == []
        assert {"heartbeat.json", "jobs/2"} <= files(fleets.hub, ref, git)
        assert "jobs/1" not in files(fleets.hub, ref, git)
        assert git(fleets.hub, "rev-list", "--count", ref) == "1"


def test_updates_of_processes_at_once_are_all_kept_and_all_sent(fleets: Fleets, git: Git, race: Race) -> None:
    argv = [sys.executable, "-c", WRITER, str(fleets.clone("ada"))]
    ran = race([Entrant((*argv, f"p{n}", "3"), ROOT) for n in range(4)])
    for one in ran:
        one.ok()
    with fleets.open() as fleet:
        ref = fleetrefs.node(fleet.ledger.node.id)
    wanted = {f"jobs/p{n}-{number}" for n in range(4) for number in range(3)}
    assert wanted <= files(fleets.hub, ref, git)


def test_update_that_lost_its_race_is_applied_anew_on_what_the_other_left(fleets: Fleets, git: Git) -> None:
    with fleets.open() as fleet, fleets.open() as other:
        seen = []

        def change(tree: Snapshot) -> None:
            seen.append(tree.get("jobs/other"))
            if len(seen) == 1:
                other.node_ref.update(put("jobs/other", b"theirs"))
            tree.put("jobs/mine", b"ours")

        assert fleet.node_ref.update(change) == []
        assert seen == [None, b"theirs"]
        assert {"jobs/mine", "jobs/other"} <= files(fleets.hub, fleetrefs.node(fleet.ledger.node.id), git)


def test_update_whose_change_fails_changes_nothing(fleets: Fleets, git: Git) -> None:
    with fleets.open() as fleet:
        ref = fleetrefs.node(fleet.ledger.node.id)
        fleet.node_ref.update(put("jobs/1"))
        before = git(fleets.clone("ada"), "rev-parse", ref)
        with pytest.raises(ZeroDivisionError):
            fleet.node_ref.update(lambda tree: tree.put("jobs/2", b"%d" % (1 // 0)))
        assert git(fleets.clone("ada"), "rev-parse", ref) == before


def test_update_while_the_hub_is_away_is_a_warning_and_goes_with_the_next(fleets: Fleets, git: Git) -> None:
    away = fleets.root / "away.git"
    with fleets.open() as fleet:
        ref = fleetrefs.node(fleet.ledger.node.id)
        fleets.hub.rename(away)
        (words,) = fleet.node_ref.update(put("jobs/1"))
        assert "not sent" in words
        away.rename(fleets.hub)
        assert fleet.node_ref.update(put("jobs/2")) == []
        assert {"jobs/1", "jobs/2"} <= files(fleets.hub, ref, git)


def test_update_many_times_while_the_hub_refuses_is_no_second_clone(fleets: Fleets, git: Git) -> None:
    with fleets.open() as fleet:
        fleet.node_ref.update(put("jobs/0"))
        hook = fleets.hub / "hooks/pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        for number in range(heartbeat.KEPT + 2):
            (words,) = fleet.node_ref.update(put(f"jobs/{number}"))
            assert "refused" in words
        hook.unlink()
        assert fleet.node_ref.update(put("jobs/last")) == []


def test_update_where_another_clone_has_our_id_overwrites_nothing(fleets: Fleets, git: Git) -> None:
    with fleets.open() as fleet:
        ref = fleetrefs.node(fleet.ledger.node.id)
        fleet.node_ref.update(put("jobs/1"))
        theirs = git(fleets.hub, "rev-parse", "main")
        git(fleets.hub, "update-ref", ref, theirs)
        (words,) = fleet.node_ref.update(put("jobs/2"))
        assert "another clone uses the id" in words
        assert git(fleets.hub, "rev-parse", ref) == theirs


def test_update_where_refs_only_move_forward_follows_what_is_there(fleets: Fleets, git: Git) -> None:
    update = 'case $2 in *[1-9a-f]*) git merge-base --is-ancestor "$2" "$3" || exit 1;; esac'
    (fleets.hub / "hooks").mkdir(exist_ok=True)
    (fleets.hub / "hooks/update").write_text(f"#!/bin/sh\n{update}\n")
    (fleets.hub / "hooks/update").chmod(0o755)
    with fleets.open() as fleet:
        ref = fleetrefs.node(fleet.ledger.node.id)
        for number in range(1, 4):
            assert fleet.node_ref.update(put(f"jobs/{number}")) == []
            assert git(fleets.hub, "rev-list", "--count", ref) == str(number)
        assert {"jobs/1", "jobs/2", "jobs/3"} <= files(fleets.hub, ref, git)


def test_update_of_a_ref_that_git_left_locked_ends_with_who_holds_it(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        fleet.node_ref.update(put("jobs/1"))
        ref = fleetrefs.node(fleet.ledger.node.id)
        (fleets.clone("alone") / ".git" / f"{ref}.lock").touch()
        with pytest.raises(LockHeld):
            fleet.node_ref.update(put("jobs/2"))


@pytest.mark.always
def test_update_killed_at_any_line_loses_nothing_and_the_next_one_goes_on(fleets: Fleets, git: Git) -> None:
    clone = fleets.clone("ada")
    with fleets.open() as fleet:
        ref = fleetrefs.node(fleet.ledger.node.id)
        fleet.node_ref.exchange()
        total = lines_of(heartbeat, lambda: fleet.node_ref.update(put("kept/first")))
    every = bool(os.environ.get("EVERY_LINE"))
    kept = {"kept/first"}
    for stop in range(total) if every else random.sample(range(total), 6):
        killed(clone, heartbeat, lambda one: one.node_ref.update(put(f"killed/{stop}")), stop)  # noqa: B023
        here = files(clone, ref, git)
        assert kept <= here, stop
        with fleets.open() as fleet:
            assert fleet.node_ref.update(put(f"kept/{stop}")) == [], stop
        kept = here | {f"kept/{stop}"}
        assert kept <= files(fleets.hub, ref, git), stop
