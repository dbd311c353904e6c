"""Plans in refs of their own: written once, found by all, added to by several at once, refused when somebody changed them."""

from __future__ import annotations

import os
import random
import time
from functools import partial
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.errors import Blocked, Corrupt, HubUnreachable, UsageError
from gitfleet.fleet import doctor
from gitfleet.fleet.fleet import Fleet
from gitfleet.git import fleetrefs
from gitfleet.triage import plans as plans_module
from gitfleet.triage import reviewing, service
from gitfleet.triage.plans import PlanRefs
from gitfleet.upkeep import exchange
from tests.fleetbench import Fleets
from tests.nodes.killing import killed, lines_of
from tests.workbench import Entrant, Git, Gitfleet, Race

ID, OTHER = "fleet-20261130-120000-a7b3", "fleet-20261130-120001-b8c4"
FILES = {"plan.json": b"{}\n", "hosts/0000.json": b'{"a":1}\n', "plan.yaml": b"a: 1\n"}


def plans(fleet: Fleet) -> PlanRefs:
    return PlanRefs(fleet.repository, fleet.ledger)


def test_plan_that_was_written_is_read_and_listed_by_all_and_leaves_nothing_in_other_clones(
    fleets: Fleets, git: Git
) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        oid, warnings = plans(ada).write(ID, FILES, "A plan")
        assert warnings == []
        for fleet in (ada, bob):
            found = plans(fleet).read(ID)
            assert (found.oid, found.tip, found.files, found.added) == (oid, oid, FILES, {})
            assert plans(fleet).everywhere() == {ID: oid}
        assert (plans(ada).own(), plans(bob).own()) == ({ID: oid}, {})
        assert "plans" not in git(fleets.clone("bob"), "for-each-ref", "--format=%(refname)")
        assert f"{oid} missing" in git(fleets.clone("bob"), "cat-file", "--batch-check", stdin=oid)


def test_plan_of_a_clone_without_a_hub_is_kept_there(fleets: Fleets) -> None:
    with fleets.open("alone") as alone:
        oid, warnings = plans(alone).write(ID, FILES, "A plan")
        assert warnings == plans(alone).append(ID, {"apply/1.json": b"1\n"}, "more") == []
        assert plans(alone).read(ID).oid == oid
        assert list(plans(alone).everywhere()) == [ID]
        assert plans(alone).delete(ID)
        assert not plans(alone).delete(ID)


def test_plan_made_while_the_hub_is_away_is_kept_and_sent_later(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        away = fleets.hub.rename(fleets.root / "away.git")
        oid, (warning,) = plans(ada).write(ID, FILES, "A plan")
        assert "was not sent" in warning
        assert plans(ada).read(ID).oid == oid
        with pytest.raises(HubUnreachable):
            plans(bob).read(ID)
        away.rename(fleets.hub)
        assert plans(ada).send(ID) == []
        assert plans(bob).read(ID).oid == oid


@pytest.mark.parametrize("name", ["fleet-1", "../x", "fleet-20261130-120000-A7B3", "--all", "", ID + "x"])
def test_plan_of_a_name_that_no_session_has_is_refused(fleets: Fleets, name: str) -> None:
    with fleets.open("ada") as ada, pytest.raises(UsageError, match="no fleet session"):
        plans(ada).read(name)


def test_plan_that_nobody_has_is_said_to_be_nowhere(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("alone") as alone:
        for fleet in (ada, alone):
            with pytest.raises(UsageError, match="There is no plan"):
                plans(fleet).read(ID)


def test_plan_of_a_name_that_is_taken_changes_nothing(fleets: Fleets) -> None:
    with fleets.open("ada") as ada:
        plans(ada).write(ID, FILES, "A plan")
        with pytest.raises(Blocked, match="already"):
            plans(ada).write(ID, {"plan.json": b"other"}, "Another")
        assert plans(ada).read(ID).files == FILES


def test_steps_that_two_clones_add_are_all_there_and_the_plan_stays_the_same(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        oid, _ = plans(ada).write(ID, FILES, "A plan")
        assert plans(bob).append(ID, {"apply/bob.json": b"1\n"}, "bob") == []
        assert plans(ada).append(ID, {"apply/ada.json": b"2\n"}, "ada") == []
        assert plans(ada).append(ID, {"apply/ada.json": b"2\n"}, "ada, again") == []
        for fleet in (ada, bob):
            plans(fleet).append(ID, {}, "nothing")
        both = {"apply/ada.json": b"2\n", "apply/bob.json": b"1\n"}
        found = plans(ada).read(ID)
        assert (found.oid, found.files, found.added) == (oid, FILES, both)
        with pytest.raises(Blocked, match="another apply/ada"):
            plans(ada).append(ID, {"apply/ada.json": b"3\n"}, "other")


def test_steps_of_others_come_with_a_renewal_and_a_hub_that_is_away_or_was_tampered_with_is_told(
    fleets: Fleets, git: Git
) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob, fleets.open("alone") as alone:
        oid, _ = plans(ada).write(ID, FILES, "A plan")
        plans(bob).append(ID, {"apply/bob": b"1"}, "bob")
        assert plans(ada).read(ID).added == {}
        assert plans(ada).renew(ID) == plans(ada).renew(ID) == plans(bob).renew(OTHER) == []
        assert plans(ada).read(ID).added == {"apply/bob": b"1"}
        plans(alone).write(ID, FILES, "A plan")
        assert plans(alone).renew(ID) == []
        git(fleets.hub, "update-ref", fleetrefs.plan(ID), forge(git, fleets.hub, oid, "plan.json", "{1}"))
        assert "changed it since" in plans(ada).renew(ID)[0]
        fleets.hub.rename(fleets.root / "away.git")
        assert "not fetched" in plans(ada).renew(ID)[0]
        assert plans(ada).read(ID).oid == oid


APPEND = """
import sys
from gitfleet.fleet.fleet import Fleet
from gitfleet.triage.plans import PlanRefs
with Fleet.open(".") as fleet:
    print(PlanRefs(fleet.repository, fleet.ledger).append(sys.argv[1], {f"apply/{sys.argv[2]}": b"1"}, "x"))
"""


def test_steps_that_processes_of_two_clones_add_at_once_are_all_there(
    fleets: Fleets, race: Race, gitfleet: Gitfleet
) -> None:
    with fleets.open("ada") as ada:
        oid, _ = plans(ada).write(ID, FILES, "A plan")
    python = gitfleet.argv()[0]
    rows = [
        Entrant([python, "-c", APPEND, ID, f"{name}-{number}"], fleets.clone(name), gitfleet.environment())
        for name in ("ada", "bob")
        for number in range(2)
    ]
    for ran in race(rows):
        ran.ok()
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        for fleet in (ada, bob, ada):
            plans(fleet).append(ID, {f"apply/end-{fleet.ledger.node.id}": b"1"}, "end")
        found = plans(ada).read(ID)
        assert found.oid == oid
        assert {path for path in found.added if "end" not in path} == {
            f"apply/{name}-{number}" for name in ("ada", "bob") for number in range(2)
        }


def forge(git: Git, repository: Path, parent: str, path: str, content: str) -> str:
    """A commit after `parent` in which a file has other content."""
    index = {"GIT_INDEX_FILE": str(repository / "forged")}
    git(repository, "read-tree", parent, env=index)
    blob = git(repository, "hash-object", "-w", "--stdin", stdin=content)
    git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
    tree = git(repository, "write-tree", env=index)
    return git(repository, "commit-tree", tree, "-p", parent, "-m", "forged")


def test_plan_that_somebody_changed_afterwards_is_refused(fleets: Fleets, git: Git) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        oid, _ = plans(ada).write(ID, FILES, "A plan")
        forged = forge(git, fleets.hub, oid, "plan.json", "{1}")
        git(fleets.hub, "update-ref", fleetrefs.plan(ID), forged)
        with pytest.raises(Corrupt, match="changed it since"):
            plans(bob).read(ID)
        with pytest.raises(Corrupt, match="changed it since"):
            plans(bob).append(ID, {"apply/x": b"1"}, "x")
        assert plans(bob).own() == {}
        assert "changed it since" in plans(ada).append(ID, {"apply/x": b"1"}, "x")[0]
        assert plans(ada).read(ID).files == FILES


def test_ref_that_holds_no_plan_is_refused_and_another_plan_of_the_name_is_not_mixed_in(
    fleets: Fleets, git: Git
) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        blob = git(fleets.hub, "hash-object", "-w", "--stdin", stdin="x")
        git(fleets.hub, "update-ref", fleetrefs.plan(OTHER), blob)
        with pytest.raises(Corrupt, match="cannot be used"):
            plans(bob).read(OTHER)
        oid, _ = plans(ada).write(ID, FILES, "A plan")
        away = fleets.hub.rename(fleets.root / "away.git")
        theirs, _ = plans(bob).write(ID, {"plan.json": b"bob's"}, "Another")
        away.rename(fleets.hub)
        assert "another plan of that name" in plans(bob).send(ID)[0]
        assert (plans(ada).read(ID).oid, plans(bob).read(ID).oid) == (oid, theirs)


def test_plan_that_is_deleted_is_gone_here_and_on_the_hub(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        plans(ada).write(ID, FILES, "A plan")
        assert plans(ada).delete(ID)
        assert plans(bob).everywhere() == plans(ada).own() == {}


def test_plan_made_while_the_hub_was_away_goes_there_with_the_next_exchange(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        away = fleets.hub.rename(fleets.root / "away.git")
        plans(ada).write(ID, FILES, "A plan")
        os.makedirs(fleets.state("ada") / "triage")
        away.rename(fleets.hub)
        assert exchange.sync(ada).warnings == []
        assert list(plans(bob).everywhere()) == [ID]
        assert plans(ada).send_all() == []
        plans(ada).write(OTHER, FILES, "Another")
        fleets.hub.rename(fleets.root / "away.git")
        plans(ada).append(ID, {"apply/x": b"1"}, "x")
        (warning,) = plans(ada).send_all()
        assert "was not sent" in warning


def test_plans_that_are_too_old_or_too_many_are_forgotten_here_and_on_the_hub(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        kept = service.FleetPlans(ada)
        made = time.strftime("fleet-%Y%m%d-%H%M%S-", time.gmtime(clock.now() - 10))
        names = ["fleet-20200101-000000-0000", *[f"{made}000{number}" for number in range(3)]]
        for name in names:
            kept.refs.write(name, FILES, "A plan")
            reviewing.note(ada.ledger.state, name, "a" * 40)
        monkeypatch.setattr(service, "MOST_PLANS", 2)
        assert kept.forget_old() == 2
        assert (
            sorted(kept.refs.own()) == sorted(PlanRefs(bob.repository, bob.ledger).everywhere()) == names[2:]
        )
        assert [bool(reviewing.seen(ada.ledger.state, name)) for name in names] == [False, False, True, True]
        assert kept.forget_old(keep=0) == 2


def test_doctor_of_a_clone_with_plans_says_whether_they_can_be_used(fleets: Fleets) -> None:
    with fleets.open("ada") as ada:
        assert [finding for finding in doctor.examine(ada) if finding.what == "plans"] == []
        plans(ada).write(ID, FILES, "A plan")
        (finding,) = [finding for finding in doctor.examine(ada) if finding.what == "plans"]
        assert (finding.ok, "cannot be read" in finding.words or "plan" in finding.words) == (False, True)


def write(name: str, fleet: Fleet) -> None:
    plans(fleet).write(name, FILES, "A plan")


def append(path: str, fleet: Fleet) -> None:
    plans(fleet).append(ID, {path: b"1\n"}, "A step")


def test_plan_whose_writer_was_killed_at_any_line_is_whole_or_not_there_and_goes_to_the_hub_later(
    fleets: Fleets,
) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        total = lines_of(plans_module, lambda: write("fleet-20261130-120000-ffff", ada))
        for stop in range(total) if os.environ.get("EVERY_LINE") else random.sample(range(total), 5):
            name = f"fleet-20261130-120002-{stop:04x}"
            killed(fleets.clone("ada"), plans_module, partial(write, name), stop)
            if name in plans(ada).own():
                assert plans(ada).send(name) == []
                assert plans(bob).read(name).files == FILES
            else:
                assert name not in plans(bob).everywhere()


def test_steps_whose_writer_was_killed_at_any_line_are_added_again_once(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        oid, _ = plans(ada).write(ID, FILES, "A plan")
        total = lines_of(plans_module, lambda: append("apply/first", ada))
        wanted = {"apply/first"}
        for stop in range(total) if os.environ.get("EVERY_LINE") else random.sample(range(total), 5):
            path = f"apply/{stop}"
            killed(fleets.clone("ada"), plans_module, partial(append, path), stop)
            wanted.add(path)
            assert plans(ada).append(ID, {path: b"1\n"}, "A step") == []
            found = plans(bob).read(ID)
            assert (found.oid, set(found.added)) == (oid, wanted)
