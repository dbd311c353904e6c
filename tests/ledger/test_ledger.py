"""The life of a transaction as its caller sees it, in every kind of clone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitfleet.base.ids import ulid
from gitfleet.base.names import SessionId
from gitfleet.errors import Conflict, LockHeld, NoFleet
from gitfleet.git.program import GitFailed
from gitfleet.ledger.model import Operation, Status
from tests.fleetbench import Fleets, join, start_sessions
from tests.operations import raw
from tests.places import needs_sshd, ssh_command
from tests.workbench import Git, Gitfleet

COORD = "refs/fleet/coord"


def test_submit_through_a_hub_is_confirmed_and_both_sides_have_it(fleets: Fleets) -> None:
    result = fleets.claim("ada", "ada-1", "src/a.py")
    assert result.status is Status.CONFIRMED
    chain = fleets.chain()
    assert (chain.links[-1].oid, chain.links[-1].generation) == (result.commit, result.generation)
    assert fleets.tip("ada") == result.commit
    assert fleets.tip("bob") != result.commit


def test_submit_without_a_hub_is_confirmed_at_once(fleets: Fleets) -> None:
    result = fleets.claim("alone", "alone-1", "src/a.py")
    assert result.status is Status.CONFIRMED
    assert fleets.tip("alone") == result.commit


def test_submit_of_several_operations_decides_each_for_itself_in_one_transaction(fleets: Fleets) -> None:
    with fleets.open() as fleet:
        node = fleet.ledger.node.id

        def claim(session: str, path: str) -> Operation:
            body = {"paths": [{"pattern": path, "claim": ulid(), "mode": "exclusive"}], "ttl": 600}
            return raw("claim.acquire", node, session, body, at=1)

        wanted = [
            claim("ada-1", "src/"),
            claim("ada-2", "src/a.py"),
            claim("ada-2", "docs/"),
            claim("nobody", "x"),
        ]
        results = fleet.ledger.submit(wanted)
    assert [result.status.value for result in results] == ["confirmed", "refused", "confirmed", "refused"]
    assert {result.commit for result in results} == {results[0].commit, ""}
    assert isinstance(results[1].error, Conflict)
    chain = fleets.chain()
    assert (chain.holders("src/"), chain.holders("docs/")) == (["ada-1"], ["ada-2"])


def test_submit_of_nothing_answers_nothing(fleets: Fleets) -> None:
    before = fleets.tip()
    with fleets.open() as fleet:
        assert fleet.ledger.submit([]) == []
    assert fleets.tip() == before


def test_submit_of_what_is_refused_writes_no_commit_and_leaves_no_trace(fleets: Fleets) -> None:
    fleets.claim("ada", "ada-1", "src/")
    before = fleets.tip()
    with pytest.raises(Conflict) as caught:
        fleets.claim("bob", "bob-1", "src/a.py")
    assert {conflict.session for conflict in caught.value.conflicts} == {"ada-1"}
    assert fleets.tip() == before
    assert fleets.waiting("bob") == []
    assert list((fleets.state("bob") / "results").iterdir()) == []


def test_claims_of_the_same_from_two_clones_one_after_the_other_are_seen(fleets: Fleets) -> None:
    fleets.claim("ada", "ada-1", "src/a.py")
    with pytest.raises(Conflict, match="ada-1"):
        fleets.claim("bob", "bob-1", "src/a.py")
    with fleets.open("ada") as fleet:
        fleet.claims.release(SessionId("ada-1"), ["src/a.py"])
    assert fleets.claim("bob", "bob-1", "src/a.py").status is Status.CONFIRMED


def test_audit_log_is_git_s_own(fleets: Fleets, git: Git) -> None:
    fleets.claim("ada", "ada-1", "src/a.py")
    log = git(fleets.hub, "log", "-1", "--format=%s%n%b", COORD)
    assert log.startswith("ada-1 claims src/a.py\n")
    assert "Fleet-Session: ada-1\n" in log
    assert git(fleets.hub, "fsck", "--strict", "--no-dangling") == ""


def test_worktrees_of_a_clone_share_its_ledger(fleets: Fleets, git: Git, gitfleet: Gitfleet) -> None:
    git(fleets.clone("ada"), "worktree", "add", "-q", "../linked")
    gitfleet(fleets.root / "linked", "claim", "src/a.py", "--session", "ada-1").ok()
    ran = gitfleet(fleets.clone("ada"), "claim", "src/a.py", "--session", "ada-2").ended(10)
    assert "ada-1" in ran.stderr
    assert fleets.chain().holders("src/a.py") == ["ada-1"]


@pytest.mark.parametrize("options", [["--depth=1"], ["--filter=blob:none"]], ids=["shallow", "partial"])
def test_fleet_in_an_incomplete_clone_works_with_the_hub_away_too(
    fleets: Fleets, git: Git, options: list[str]
) -> None:
    git(fleets.hub, "config", "uploadpack.allowFilter", "true")
    git(fleets.root, "clone", "-q", *options, f"file://{fleets.hub}", "part")
    git(fleets.root / "part", "remote", "set-url", "origin", "../hub.git")
    fleets.claim("ada", "ada-1", "src/a.py")
    join(fleets.root / "part", ["part-1"])
    with pytest.raises(Conflict, match="ada-1"):
        fleets.claim("part", "part-1", "src/a.py")
    fleets.hub.rename(fleets.root / "away.git")
    assert fleets.claim("part", "part-1", "src/b.py").status is Status.TENTATIVE
    (fleets.root / "away.git").rename(fleets.hub)
    with fleets.open("part") as fleet:
        fleet.ledger.sync()
    assert fleets.chain().holders("src/b.py") == ["part-1"]


@needs_sshd
def test_fleet_through_ssh_works(
    fleets: Fleets, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    monkeypatch.setenv("GIT_SSH", ssh_command(keys))
    git(fleets.clone("ada"), "remote", "set-url", "origin", f"root@loop:{fleets.hub}")
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED
    with pytest.raises(Conflict):
        fleets.claim("bob", "bob-1", "src/a.py")
    (keys / "ssh").unlink()
    assert fleets.claim("ada", "ada-1", "src/b.py").status is Status.TENTATIVE


def test_init_in_a_sha256_repository_ends_with_exit_2_and_leaves_no_trace(
    tmp_path: Path, git: Git, gitfleet: Gitfleet
) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "new")
    ran = gitfleet(tmp_path / "new", "init").ended(2)
    assert "sha256" in ran.stderr
    assert not (tmp_path / "new/.git/gitfleet").exists()


def test_commands_in_a_clone_without_a_fleet_end_with_exit_2(repository: Path, gitfleet: Gitfleet) -> None:
    ran = gitfleet(repository, "claim", "src/a.py", "--session", "x").ended(2)
    assert "gitfleet init" in ran.stderr


def test_current_where_the_ref_is_gone_raises_and_never_answers_an_empty_fleet(
    fleets: Fleets, git: Git
) -> None:
    git(fleets.clone("alone"), "update-ref", "-d", COORD)
    with fleets.open("alone") as fleet, pytest.raises(NoFleet):
        fleet.current()
    with pytest.raises(NoFleet):
        fleets.claim("alone", "alone-1", "src/a.py")


def test_own_ref_that_stays_locked_without_a_hub_is_blocked_and_named(fleets: Fleets) -> None:
    lock = fleets.clone("alone") / ".git" / f"{COORD}.lock"
    lock.touch()
    before = fleets.tip("alone")
    with fleets.open("alone") as fleet, pytest.raises(LockHeld) as caught:
        fleet.claims.claim(SessionId("alone-1"), ["src/a.py"], timeout=0.3)
    assert caught.value.exit_code == 20
    assert str(lock) in caught.value.hint
    assert fleets.tip("alone") == before
    assert fleets.waiting("alone") == []
    lock.unlink()
    assert fleets.claim("alone", "alone-1", "src/a.py").status is Status.CONFIRMED


def test_own_ref_that_stays_locked_with_a_hub_is_blocked_rather_than_left_behind(fleets: Fleets) -> None:
    fleets.claim("bob", "bob-1", "src/b.py")
    lock = fleets.clone("ada") / ".git" / f"{COORD}.lock"
    lock.touch()
    with pytest.raises(LockHeld, match="coord"):
        fleets.claim("ada", "ada-1", "src/a.py")
    assert fleets.waiting() == []
    lock.unlink()
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED


def test_own_copy_of_the_hub_s_ref_that_stays_locked_is_blocked_in_git_s_words(fleets: Fleets) -> None:
    fleets.claim("bob", "bob-1", "src/b.py")
    lock = fleets.clone("ada") / ".git/refs/fleet-hub/origin/coord.lock"
    lock.touch()
    with pytest.raises(GitFailed, match=r"lock|reference already exists"):  # the words of git 2.53
        fleets.claim("ada", "ada-1", "src/a.py")
    assert fleets.waiting() == []


def test_sync_brings_what_others_agreed_and_what_waits_here(fleets: Fleets) -> None:
    fleets.claim("bob", "bob-1", "src/b.py")
    with fleets.open() as fleet:
        assert fleet.current().tip.oid != fleets.tip()
        tip = fleet.ledger.sync()
        assert fleet.current().tip.oid == tip.oid == fleets.tip()
        assert fleet.ledger.age() in {0, 1}


def test_batches_above_the_limit_are_decided_in_several_transactions(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitfleet.ledger.leader.MAX_BATCH", 10)
    before = len(fleets.chain().links)
    with fleets.open() as fleet:
        start_sessions(fleet, [f"s{number}" for number in range(25)])
    assert len(fleets.chain().links) == before + 3


def test_clone_of_a_clone_s_folder_without_its_hub_goes_on_alone(fleets: Fleets, tmp_path: Path) -> None:
    shutil.copytree(fleets.clone("ada"), tmp_path / "moved", symlinks=True)
    moved = Fleets(tmp_path)
    assert moved.claim("moved", "ada-1", "src/a.py").status is Status.TENTATIVE
    assert moved.waiting("moved") != []
