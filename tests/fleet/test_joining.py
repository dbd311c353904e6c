"""Joining a fleet and leaving it: twice, at once, in odd clones, and with hubs that refuse or are away."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.errors import (
    Blocked,
    HubAlarm,
    HubRefused,
    HubUnreachable,
    NoFleet,
    UnsupportedRepository,
    UsageError,
)
from gitfleet.fleet import joining
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.joining import Joined
from gitfleet.git.repository import discover
from gitfleet.ledger.own_node import Node
from tests.fleetbench import Fleets, start_sessions
from tests.workbench import Git

ADA_1 = SessionId("ada-1")

Clone = Callable[[str], Path]
COORD = "refs/fleet/coord"


def join(clone: Path, hub: str | None = None) -> Joined:
    return joining.join(discover(str(clone)), hub, lambda _: None)


def leave(clone: Path, *, force: bool = False) -> list[str]:
    return joining.leave(discover(str(clone)), force=force)


def picture(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder but git's objects, with mode and content; folders too."""
    found = {}
    for root, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(root, name)
            key = path.relative_to(folder).as_posix()
            if not f"/{key}/".count("/objects/"):
                content = b"" if path.is_dir() else path.read_bytes()
                found[key] = (stat.S_IMODE(path.lstat().st_mode), content)
    return found


def coord(folder: Path, git: Git) -> str:
    return git(folder, "rev-parse", COORD)


def test_joining_makes_a_node_and_the_ledger_on_the_hub(clone: Clone, hub: Path, git: Git) -> None:
    ada = clone("ada")
    joined = join(ada)
    assert joined.fresh
    assert (joined.node.hub, joined.node.trunk, joined.config) == ("origin", "main", "written")
    assert [finding.ok for finding in joined.findings] == [True] * 5
    assert joined.warnings == []
    assert coord(hub, git) == coord(ada, git)
    assert git(hub, "for-each-ref", "--format=%(refname)", "refs/fleet") == COORD
    assert (ada / "gitfleet.yaml").read_text().startswith("# gitfleet.yaml")
    assert git(ada, "for-each-ref", "refs/fleet-hub") != ""


def test_joining_twice_changes_nothing(clone: Clone, git: Git) -> None:
    ada = clone("ada")
    first = join(ada)
    before = picture(ada)
    second = join(ada)
    assert (second.node, second.fresh, second.config) == (first.node, False, "kept")
    assert picture(ada) == before


def test_joining_in_two_clones_agrees_on_one_ledger(clone: Clone, hub: Path, git: Git) -> None:
    ada, bob = clone("ada"), clone("bob")
    one, other = join(ada), join(bob)
    assert one.node.id != other.node.id
    assert coord(ada, git) == coord(bob, git) == coord(hub, git)


def test_joining_without_a_remote_makes_the_clone_its_own_hub(repository: Path, git: Git) -> None:
    joined = join(repository)
    assert (joined.node.hub, joined.node.trunk, joined.findings) == ("", "main", [])
    assert git(repository, "cat-file", "-t", COORD) == "commit"


@pytest.mark.parametrize("branch", ["main", "master", "trunk"])
def test_trunk_of_a_clone_without_a_hub_is_no_branch_that_happens_to_be_out(
    repository: Path, git: Git, branch: str
) -> None:
    git(repository, "branch", "-m", branch)
    git(repository, "checkout", "--quiet", "-b", "feature")
    assert join(repository).node.trunk == branch
    git(repository, "checkout", "--quiet", "-b", "main2")
    assert join(repository).node.trunk == branch


def test_trunk_is_the_branch_that_is_out_where_no_usual_one_exists(repository: Path, git: Git) -> None:
    git(repository, "branch", "-m", "develop")
    assert join(repository).node.trunk == "develop"
    git(repository, "checkout", "--quiet", "-b", "other")
    assert join(repository).node.trunk == "develop"  # joining again moves nothing


def test_hub_is_origin_or_the_only_remote_or_the_one_named(clone: Clone, hub: Path, git: Git) -> None:
    ada = clone("ada")
    git(ada, "remote", "add", "more", hub)
    assert join(ada).node.hub == "origin"
    assert join(ada, "more").node.hub == "more"
    assert join(ada).node.hub == "more"
    with pytest.raises(UsageError) as caught:
        join(ada, "nowhere")
    assert caught.value.exit_code == 2
    for word in ("nowhere", "origin", "more"):
        assert word in caught.value.message
    bob = clone("bob")
    git(bob, "remote", "rename", "origin", "upstream")
    assert join(bob).node.hub == "upstream"


def test_hub_is_never_guessed_among_several_remotes(clone: Clone, hub: Path, git: Git) -> None:
    ada = clone("ada")
    git(ada, "remote", "rename", "origin", "upstream")
    git(ada, "remote", "add", "fork", hub)
    before = picture(ada)
    for named in (None, ""):
        with pytest.raises(UsageError, match="upstream"):
            join(ada, named)
    assert picture(ada) == before
    assert join(ada, "fork").node.hub == "fork"


def test_joining_again_where_a_remote_came_later_says_how_to_agree_through_it(
    repository: Path, hub: Path, git: Git
) -> None:
    assert join(repository).warnings == []
    git(repository, "remote", "add", "origin", hub)
    again = join(repository)
    assert (again.node.hub, again.fresh) == ("", False)
    assert advice.INIT_HUB.of("origin") in again.warnings[0]


def test_joining_anew_through_the_hub_of_another_fleet_advises_no_repair(
    clone: Clone, repository: Path, hub: Path, git: Git
) -> None:
    ada = clone("ada")
    join(ada)
    with Fleet.open(str(ada)) as fleet:
        start_sessions(fleet, ["ada-1"])
    join(repository)
    with Fleet.open(str(repository)) as fleet:
        start_sessions(fleet, ["alone-1"])
    git(repository, "remote", "add", "origin", hub)
    there, here = coord(hub, git), coord(repository, git)
    with pytest.raises(HubAlarm) as caught:
        join(repository, "origin")
    assert advice.UNINSTALL in caught.value.hint
    assert "repair" not in caught.value.hint
    assert (coord(hub, git), coord(repository, git)) == (there, here)
    assert join(repository).node.hub == ""


def test_joining_anew_through_another_hub_takes_the_ledger_along(
    clone: Clone, git: Git, tmp_path: Path
) -> None:
    ada = clone("ada")
    join(ada)
    with Fleet.open(str(ada)) as fleet:
        start_sessions(fleet, ["ada-1"])
    git(tmp_path, "init", "--quiet", "--bare", "second.git")
    git(ada, "remote", "add", "second", tmp_path / "second.git")
    join(ada, "second")
    assert coord(tmp_path / "second.git", git) == coord(ada, git)


# Refusals leave everything as it was.


def refusing(hub: Path, git: Git, how: str) -> None:
    if how == "hidden":
        git(hub, "config", "receive.hideRefs", "refs/fleet")
    elif how == "hook":
        (hub / "hooks/update").write_text(
            '#!/bin/sh\ncase $1 in refs/fleet/*) echo "no fleets" >&2; exit 1;; esac\n'
        )
        (hub / "hooks/update").chmod(0o755)
    else:
        shutil.move(hub, hub.parent / "away.git")


@pytest.mark.parametrize("how", ["hidden", "hook", "away"])
def test_joining_through_a_hub_that_does_not_play_along_changes_nothing(
    clone: Clone, hub: Path, git: Git, how: str
) -> None:
    ada = clone("ada")
    refusing(hub, git, how)
    before = picture(ada)
    with pytest.raises(HubUnreachable if how == "away" else HubRefused) as caught:
        join(ada)
    assert caught.value.exit_code == 30
    assert picture(ada) == before
    if how == "away":
        assert f"Run {advice.INIT} again" in caught.value.hint
        assert "sync" not in caught.value.hint
    else:
        assert ("no fleets" if how == "hook" else "hidden ref") in caught.value.message


def test_joining_through_a_hub_with_something_else_for_a_ledger_changes_nothing(
    clone: Clone, hub: Path, git: Git
) -> None:
    ada = clone("ada")
    git(hub, "update-ref", COORD, "refs/heads/main")
    before = picture(ada)
    with pytest.raises(HubAlarm) as caught:
        join(ada)
    assert caught.value.exit_code == 13
    assert picture(ada) == before


@pytest.mark.parametrize("kind", ["bare", "mirror"])
def test_joining_needs_a_worktree(hub: Path, git: Git, tmp_path: Path, kind: str) -> None:
    if kind == "mirror":
        git(tmp_path, "clone", "--quiet", "--mirror", hub, "mirror.git")
    place = hub if kind == "bare" else tmp_path / "mirror.git"
    before = picture(place)
    with pytest.raises(UsageError) as caught:
        join(place)
    assert caught.value.exit_code == 2
    assert picture(place) == before


def test_fleet_of_a_bare_repository_says_where_one_may_join(hub: Path) -> None:
    with pytest.raises(NoFleet, match="has no worktree") as caught:
        Fleet.open(str(hub))
    assert "in a clone" in caught.value.hint


def test_joining_with_other_hashes_is_refused(git: Git, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "big")
    with pytest.raises(UnsupportedRepository) as caught:
        join(tmp_path / "big")
    assert caught.value.exit_code == 2


# Hubs with rules of their own.


NO_DELETION = 'case $3 in 0000000*) echo "nothing is deleted here" >&2; exit 1;; esac'
NO_GOING_BACK = """case $2 in *[1-9a-f]*) case $3 in *[1-9a-f]*) git merge-base --is-ancestor $2 $3 || exit 1;; esac;; esac"""


@pytest.mark.parametrize(
    ("hook", "failed"),
    [
        ("", []),
        (NO_GOING_BACK, []),
        (NO_DELETION, ["delete"]),
        (f"{NO_DELETION}\n{NO_GOING_BACK}", ["delete"]),
    ],
    ids=["fsck", "no-going-back", "no-deletion", "neither"],
)
def test_joining_through_a_strict_hub_works_and_works_again(
    clone: Clone, hub: Path, git: Git, hook: str, failed: list[str]
) -> None:
    git(hub, "config", "transfer.fsckObjects", "true")
    (hub / "hooks/update").write_text(f"#!/bin/sh\n{hook}\nexit 0\n")
    (hub / "hooks/update").chmod(0o755)
    ada = clone("ada")
    for _ in range(3):
        joined = join(ada)
        assert [finding.what for finding in joined.findings if not finding.ok] == failed
        assert len(joined.warnings) == len(failed)
    with Fleet.open(str(ada)) as fleet:
        start_sessions(fleet, ["ada-1"])
        assert fleet.claims.claim(ADA_1, ["a"]).status.value == "confirmed"


# Worktrees, submodules, odd configurations.


def test_joining_from_a_linked_worktree_joins_the_clone(clone: Clone, git: Git, tmp_path: Path) -> None:
    ada, linked = clone("ada"), tmp_path / "linked"
    git(ada, "worktree", "add", "--quiet", "-b", "one", linked)
    first = join(linked)
    assert (linked / "gitfleet.yaml").exists()
    assert not (ada / "gitfleet.yaml").exists()
    second = join(ada)
    assert (second.node, second.fresh, second.config) == (first.node, False, "kept")
    assert not (ada / "gitfleet.yaml").exists()
    leave(ada)
    assert not (linked / "gitfleet.yaml").exists()


def test_joining_a_submodule_joins_its_own_fleet(repository: Path, hub: Path, git: Git) -> None:
    git(repository, "submodule", "--quiet", "add", hub, "lib")
    before = picture(repository / ".git")
    joined = join(repository / "lib")
    assert joined.node.hub == "origin"
    with Fleet.open(str(repository / "lib")) as fleet:
        assert fleet.repository.worktree == str(repository / "lib")
        start_sessions(fleet, ["sub-1"])
        fleet.claims.claim(SessionId("sub-1"), ["src/"])
    with pytest.raises(NoFleet):
        Fleet.open(str(repository))
    leave(repository / "lib", force=True)
    after = picture(repository / ".git")
    assert {
        path for path in after.keys() ^ before.keys() if "/logs" not in path and "/objects" not in path
    } == set()


@pytest.mark.parametrize(
    "settings",
    [
        {"fetch.prune": "true", "remote.origin.prune": "true"},
        {"remote.origin.fetch": "+refs/*:refs/*"},
        {"core.logAllRefUpdates": "always"},
        {
            "push.default": "matching",
            "push.followTags": "true",
            "remote.origin.push": "refs/heads/*:refs/heads/*",
        },
        {"transfer.fsckObjects": "true", "fetch.fsckObjects": "true", "core.hooksPath": "/nowhere"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_joining_with_odd_settings_works_and_leaves_no_trace(
    clone: Clone, git: Git, settings: dict[str, str]
) -> None:
    ada = clone("ada")
    for name, value in settings.items():
        git(ada, "config", name, value)
    before = picture(ada)
    join(ada)
    with Fleet.open(str(ada)) as fleet:
        start_sessions(fleet, ["ada-1"])
        assert fleet.claims.claim(ADA_1, ["a"]).status.value == "confirmed"
    git.ask(ada, "fetch", "--quiet", "--update-head-ok")
    with Fleet.open(str(ada)) as fleet:
        assert fleet.claims.claim(ADA_1, ["b"]).status.value == "confirmed"
        fleet.sessions.end(ADA_1)
    leave(ada)
    after = picture(ada)
    for changed in ("refs/fleet/coord", "FETCH_HEAD"):  # plain fetches bring the first where they are told to
        for path in (changed, f".git/{changed}", f".git/logs/{changed}"):
            after.pop(path, None)
            before.pop(path, None)
    if "remote.origin.fetch" not in settings:
        assert after == before


# What is written into the worktree.


def test_rules_that_the_trunk_has_are_not_written_beside_it(clone: Clone, git: Git) -> None:
    ada = clone("ada")
    git.commit(ada, {"gitfleet.yaml": "version: 1\n"})
    git(ada, "push", "--quiet", "origin", "main")
    git(ada, "checkout", "--quiet", "-b", "old", "HEAD~1")
    assert join(ada).config == "landed"
    assert not (ada / "gitfleet.yaml").exists()


def test_rules_that_were_written_go_unless_they_are_somebodys(clone: Clone, git: Git) -> None:
    kept = {"edited": True, "added": True, "untouched": False, "own": True}
    for name, stays in kept.items():
        ada = clone(name)
        if name == "own":
            (ada / "gitfleet.yaml").write_text("version: 1\n")
        join(ada)
        if name == "edited":
            (ada / "gitfleet.yaml").write_text("version: 1\n")
        if name == "added":
            git(ada, "add", "gitfleet.yaml")
        told = leave(ada)
        assert (ada / "gitfleet.yaml").exists() is stays, name
        assert any("so it stays" in words for words in told) is (stays and name != "own")


def test_beginning_is_where_the_branches_stood(clone: Clone, git: Git) -> None:
    ada = clone("ada")
    made = git.commit(ada, {"x": "1"})
    git(ada, "checkout", "--quiet", "--detach", "HEAD~1")
    join(ada)
    begun = (ada / ".git/gitfleet/begun").read_text().split()
    assert set(begun) == {made, git(ada, "rev-parse", "HEAD")}
    git(ada, "commit", "--quiet", "--allow-empty", "-m", "later")
    join(ada)
    assert (ada / ".git/gitfleet/begun").read_text().split() == begun


# Leaving.


def test_leaving_what_was_never_joined_is_refused(repository: Path) -> None:
    with pytest.raises(NoFleet) as caught:
        leave(repository)
    assert caught.value.exit_code == 2


def test_leaving_while_operations_wait_is_refused(fleets: Fleets) -> None:
    shutil.move(fleets.hub, fleets.root / "away.git")
    assert fleets.claim("ada", "ada-1", "src/").status.value == "tentative"
    before = picture(fleets.clone("ada"))
    with pytest.raises(Blocked) as caught:
        leave(fleets.clone("ada"))
    assert caught.value.exit_code == 20
    assert picture(fleets.clone("ada")) == before
    leave(fleets.clone("ada"), force=True)
    with pytest.raises(NoFleet):
        fleets.open("ada")


def test_leaving_and_joining_again_is_a_new_node_of_the_same_fleet(clone: Clone, git: Git) -> None:
    ada = clone("ada")
    first = join(ada).node
    tip = coord(ada, git)
    leave(ada)
    second = join(ada).node
    assert (first.id != second.id, coord(ada, git)) == (True, tip)


def test_node_file_that_is_broken_is_mended_by_joining(clone: Clone) -> None:
    ada = clone("ada")
    join(ada)
    (ada / ".git/gitfleet/node.json").write_text("{")
    joined = join(ada)
    assert json.loads((ada / ".git/gitfleet/node.json").read_text())["id"] == joined.node.id
    assert isinstance(joined.node, Node)


def test_ledger_that_vanished_from_its_only_place_is_said(repository: Path, git: Git) -> None:
    join(repository)
    git(repository, "update-ref", "-d", COORD)
    assert any("starts again" in words for words in join(repository).warnings)


def test_ledger_that_vanished_from_the_hub_is_an_alarm(clone: Clone, hub: Path, git: Git) -> None:
    ada = clone("ada")
    join(ada)
    with Fleet.open(str(ada)) as fleet:
        start_sessions(fleet, ["ada-1"])
    tip = coord(ada, git)
    git(hub, "update-ref", "-d", COORD)
    with pytest.raises(HubAlarm):
        join(ada)
    assert coord(ada, git) == tip
