"""Trying a hub: what a fleet rests on is found out, and what must not be there is not left there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.errors import HubRefused
from gitfleet.fleet import joining, probe
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.joining import Joined
from gitfleet.git.repository import discover
from tests import oddhub
from tests.fleetbench import start_sessions
from tests.places import git_server
from tests.workbench import Entrant, Git, Gitfleet, Race

ADA_1 = SessionId("ada-1")

Clone = Callable[[str], Path]
COORD = "refs/fleet/coord"


def join(clone: Path, hub: str | None = None) -> Joined:
    return joining.join(discover(str(clone)), hub, lambda _: None)


def fleet_refs(place: Path, git: Git) -> list[str]:
    return git(place, "for-each-ref", "--format=%(refname)", "refs/fleet").split()


def missing(joined: Joined) -> list[str]:
    return [finding.what for finding in joined.findings if not finding.ok]


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("how", "more", "what"),
    [
        ("lies", [], probe.RACE),
        ("lies", ["no-atomic"], probe.RACE),
        ("overwrites", [], probe.RACE),
        ("overwrites", ["no-atomic"], probe.RACE),
        ("half", [], probe.ATOMIC),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else value,
)
def test_hub_that_does_not_keep_a_lost_race_apart_is_refused_and_left_clean(
    clone: Clone, hub: Path, git: Git, how: str, more: list[str], what: str
) -> None:
    ada = clone("ada")
    oddhub.put_before(ada, how, *more)
    with pytest.raises(HubRefused, match=rf"\({what}\)") as caught:
        join(ada)
    assert caught.value.exit_code == 30
    assert fleet_refs(hub, git) == []
    assert not (ada / ".git/gitfleet").exists()


@pytest.mark.parametrize(("how", "more"), [("sound", []), ("half", ["no-atomic"])], ids=["atomic", "single"])
def test_hub_of_another_make_that_compares_before_it_swaps_is_taken(
    clone: Clone, hub: Path, git: Git, how: str, more: list[str]
) -> None:
    ada = clone("ada")
    oddhub.put_before(ada, how, *more)
    assert missing(join(ada)) == ([probe.ATOMIC] if more else [])
    assert fleet_refs(hub, git) == [COORD]


def test_hub_that_breaks_off_a_lost_race_is_taken_with_a_warning(clone: Clone, hub: Path, git: Git) -> None:
    ada = clone("ada")
    oddhub.put_before(ada, "hangs-up", "no-atomic")
    joined = join(ada)
    assert missing(joined) == [probe.RACE, probe.ATOMIC]
    assert len(joined.warnings) == 2
    assert fleet_refs(hub, git) == [COORD]


def test_hub_without_atomic_push_is_warned_about_and_works(clone: Clone, hub: Path, git: Git) -> None:
    git(hub, "config", "receive.advertiseAtomic", "false")
    ada = clone("ada")
    joined = join(ada)
    assert missing(joined) == [probe.ATOMIC]
    assert "no atomic push" in joined.warnings[0]
    with Fleet.open(str(ada)) as fleet:
        start_sessions(fleet, ["ada-1"])
        assert fleet.claims.claim(ADA_1, ["a"]).status.value == "confirmed"
    assert fleet_refs(hub, git) == [COORD]


STRICT = """#!/bin/sh
case $3 in 0000000*) echo "nothing is deleted here" >&2; exit 1;; esac
case $2 in *[1-9a-f]*) git merge-base --is-ancestor $2 $3 || exit 1;; esac
"""


def strict(hub: Path) -> None:
    (hub / "hooks/update").write_text(STRICT)
    (hub / "hooks/update").chmod(0o755)


def test_hub_that_deletes_nothing_gets_no_new_refs_however_often_it_is_tried(
    clone: Clone, hub: Path, git: Git
) -> None:
    strict(hub)
    ada = clone("ada")
    assert missing(join(ada)) == [probe.DELETE]
    left = fleet_refs(hub, git)
    assert len(left) == 3
    for _ in range(2):
        assert missing(join(ada)) == [probe.DELETE]
    joining.leave(discover(str(ada)), force=True)
    assert missing(join(ada)) == [probe.DELETE]
    assert fleet_refs(hub, git) == left
    assert git(ada, "for-each-ref", "refs/fleet-hub/origin/probe") == ""


def test_place_that_is_taken_makes_way_for_the_next(
    clone: Clone, hub: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "_place", lambda _: 3)
    (hub / "refs/fleet/probe").mkdir(parents=True)
    (hub / f"{probe.names(3)[0]}.lock").touch()
    assert missing(join(clone("ada"))) == []
    assert fleet_refs(hub, git) == [COORD]


AT_ONCE = """
from gitfleet.fleet import joining
from gitfleet.git.repository import discover
joining._place = lambda _: 3
assert all(finding.ok for finding in joining.join(discover("."), None, lambda _: None).findings)
"""


def test_clones_that_try_one_place_at_once_all_join(
    clone: Clone, hub: Path, git: Git, race: Race, gitfleet: Gitfleet
) -> None:
    clones = [clone(name) for name in ("ada", "bob", "eve")]
    program = [sys.executable, "-c", AT_ONCE]
    for ran in race([Entrant(program, place, gitfleet.environment()) for place in clones]):
        ran.ok()
    assert fleet_refs(hub, git) == [COORD]


@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize("way", ["file", "http", "ssh", "relative"])
def test_hub_is_tried_alike_however_it_is_reached(
    clone: Clone, hub: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, version: str
) -> None:
    ssh = tmp_path / "an ssh"
    ssh.write_text('#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c "$1"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    ada = clone("it's a clone")
    git(ada, "config", "protocol.version", version)
    (ada / "sub").mkdir()
    monkeypatch.chdir(ada / "sub")
    with git_server(hub.parent) as address:
        places = {
            "file": f"file://{hub}",
            "http": f"{address}/hub.git",
            "ssh": f"host:{hub}",
            "relative": "../hub.git",
        }
        git(ada, "remote", "set-url", "origin", places[way])
        joined = join(ada)
    assert (missing(joined), joined.warnings, joined.node.trunk) == ([], [], "main")
    assert fleet_refs(hub, git) == [COORD]


def test_trying_a_hub_costs_eight_connections_at_the_beginning_of_a_fleet_and_seven_later(
    clone: Clone, git: Git, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    for name in ("ada", "bob"):
        place = clone(name)
        for pack in ("upload-pack", "receive-pack"):
            counter = tmp_path / pack
            counter.write_text(f'#!/bin/sh\necho {pack} >>"{log}"\nexec git-{pack} "$@"\n')
            counter.chmod(0o755)
            git(place, "config", f"remote.origin.{pack.replace('-', '')}", str(counter))
        join(place)
        told = log.read_text().split()
        assert len(told) == (8 if name == "ada" else 7), told
        log.unlink()


# Remotes that lead to two places.


@pytest.fixture
def fork(tmp_path: Path, hub: Path, git: Git) -> Path:
    git(tmp_path, "clone", "--quiet", "--bare", hub, "fork.git")
    return tmp_path / "fork.git"


def unpublished(clone: Path, git: Git) -> None:
    git.commit(clone, {"secret": "mine"})
    git(clone, "config", "remote.origin.push", "refs/heads/*:refs/heads/*")
    git(clone, "config", "push.default", "matching")


@pytest.mark.parametrize("way", ["pushurl", "insteadOf", "several", "several-urls"])
def test_remote_that_pushes_elsewhere_is_refused_and_nothing_is_left_there(
    clone: Clone, hub: Path, fork: Path, git: Git, way: str
) -> None:
    ada = clone("ada")
    unpublished(ada, git)
    if way == "insteadOf":
        git(ada, "config", f"url.{fork}.pushInsteadOf", hub)
    elif way == "several-urls":
        git(ada, "remote", "set-url", "--add", "origin", fork)
    else:
        git(ada, "remote", "set-url", "--push", "origin", fork)
    if way == "several":
        git(ada, "remote", "set-url", "--push", "--add", "origin", hub)
    before = {place: git(place, "for-each-ref") for place in (hub, fork)}
    with pytest.raises(HubRefused, match="push URL") as caught:
        join(ada)
    assert (str(fork) in caught.value.message, caught.value.exit_code) == (True, 30)
    assert {place: git(place, "for-each-ref") for place in (hub, fork)} == before


def test_remote_with_another_name_of_the_same_place_for_pushes_is_taken(
    clone: Clone, hub: Path, git: Git
) -> None:
    ada = clone("ada")
    git(ada, "remote", "set-url", "--push", "origin", f"file://{hub}")
    assert missing(join(ada)) == []
    with Fleet.open(str(ada)) as fleet:
        start_sessions(fleet, ["ada-1"])
        assert fleet.claims.claim(ADA_1, ["a"]).status.value == "confirmed"


def test_push_url_that_came_after_joining_gets_nothing(clone: Clone, hub: Path, fork: Path, git: Git) -> None:
    ada = clone("ada")
    join(ada)
    with Fleet.open(str(ada)) as fleet:
        start_sessions(fleet, ["ada-1"])
    git(fork, "fetch", "--quiet", hub, "+refs/fleet/*:refs/fleet/*")
    git(ada, "remote", "set-url", "--push", "origin", fork)
    before = git(fork, "for-each-ref")
    with Fleet.open(str(ada)) as fleet, pytest.raises(HubRefused, match=advice.INIT):
        fleet.claims.claim(ADA_1, ["a"])
    assert git(fork, "for-each-ref") == before


@pytest.mark.parametrize("what", ["receive.hideRefs", "transfer.hideRefs", "uploadpack.hideRefs"])
def test_hub_that_hides_the_fleets_refs_is_refused_and_left_clean(
    clone: Clone, hub: Path, git: Git, what: str
) -> None:
    git(hub, "config", what, "refs/fleet")
    ada = clone("ada")
    unpublished(ada, git)
    before = git(hub, "for-each-ref")
    with pytest.raises(HubRefused):
        join(ada)
    assert git(hub, "for-each-ref") == before
