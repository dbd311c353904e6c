"""What doctor finds, and that it mends without throwing anything away; and what an exchange with the hub tells."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gitfleet.base.ids import ulid
from gitfleet.base.names import SessionId
from gitfleet.errors import HubError
from gitfleet.fleet import doctor
from gitfleet.fleet.fleet import Fleet
from gitfleet.git import fleetrefs, refs
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import commits
from gitfleet.sessions.local import Here
from gitfleet.telling import claims_without_files
from gitfleet.upkeep import exchange
from tests.fleetbench import Fleets
from tests.workbench import Git

ADA_1 = SessionId("ada-1")
BOB_1 = SessionId("bob-1")


@pytest.fixture
def fleet(fleets: Fleets) -> Iterator[Fleet]:
    """The clone `ada`. It has no hooks: they would stop the commits of these tests."""
    with ExitStack() as stack:
        yield stack.enter_context(fleets.open("ada"))


def problems(fleet: Fleet) -> dict[str, str]:
    found = {finding.what: finding.words for finding in doctor.examine(fleet) if not finding.ok}
    return {what: words for what, words in found.items() if what != "hooks"}


def garbage(fleet: Fleet, *paths: str) -> None:
    """Put records that nobody can read into this clone's ledger."""
    tip = fleet.ledger.tip()
    assert tip is not None
    tree = Snapshot(fleet.ledger.objects, tip.tree)
    tree.change(dict.fromkeys(paths, b"{"))
    made = commits.write(fleet.ledger.objects, tree, tip, [], ["test"], node="test", at=1)
    fleet.ledger.objects.flush()
    refs.move(fleet.repository.git, fleetrefs.COORD, new=made.oid, old=tip.oid)


def test_clone_in_order_has_no_problem(fleet: Fleet, fleets: Fleets) -> None:
    assert problems(fleet) == {}
    with fleets.open("alone") as alone:
        assert not alone.doctor().sound
        alone.doctor(repair=True)
        assert alone.doctor().sound


def test_hub_that_is_away_is_a_finding(fleet: Fleet, fleets: Fleets) -> None:
    shutil.move(fleets.hub, fleets.root / "away.git")
    assert set(problems(fleet)) == {"hub"}
    with pytest.raises(HubError):
        doctor.repair(fleet)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (("remote.origin.mirror", "yes"), "the remote 'origin' is a mirror: plain git"),
        (("--add", "remote.origin.fetch", "+refs/*:refs/*"), "'origin' fetches +refs/*:refs/*: plain git"),
        (("remote.origin.mirror", "no"), ""),
    ],
)
def test_remote_that_is_a_mirror_or_fetches_all_is_a_finding(
    fleet: Fleet, fleets: Fleets, git: Git, setting: tuple[str, ...], words: str
) -> None:
    git(fleets.clone("ada"), "config", *setting)
    assert words in problems(fleet).get("remote", "")
    assert bool(words) == ("remote" in problems(fleet))


@pytest.mark.parametrize("how", ["vanished", "replaced", "back"])
def test_hub_whose_ledger_is_not_ours_is_found_and_mended(
    fleet: Fleet, fleets: Fleets, git: Git, how: str
) -> None:
    fleet.claims.claim(ADA_1, ["src/"])
    tip = fleets.tip("ada")
    if how == "vanished":
        git(fleets.hub, "update-ref", "-d", fleetrefs.COORD)
    else:
        there = "refs/heads/main" if how == "replaced" else f"{tip}~2"
        git(fleets.hub, "update-ref", fleetrefs.COORD, there)
    assert "Alarm" in problems(fleet)["hub"]
    assert fleets.tip("ada") == tip
    assert any("restored" in words for words in doctor.repair(fleet))
    assert problems(fleet) == {}
    assert fleets.chain().holders("src/") == ["ada-1"]
    if how == "replaced":
        assert git(fleets.clone("ada"), "for-each-ref", f"{fleetrefs.HUB}kept") != ""


def test_records_that_cannot_be_read_are_each_named(fleets: Fleets) -> None:
    with fleets.open("alone") as alone:
        garbage(alone, f"claims/=src/@{ulid()}.json", "sessions/00/x/session.json")
        found = [f.words for f in doctor.examine(alone) if not f.ok and f.what != "hooks"]
    assert len(found) == 2
    assert any("claims/=src/" in words for words in found)


def test_operations_that_wait_and_files_that_are_none_are_found(fleet: Fleet, fleets: Fleets) -> None:
    shutil.move(fleets.hub, fleets.root / "away.git")
    fleet.claims.claim(ADA_1, ["src/"])
    shutil.move(fleets.root / "away.git", fleets.hub)
    (fleets.state("ada") / "outbox/unread/x\x1b[31m").write_text("?")
    words = problems(fleet)["outbox"]
    assert "\x1b" not in words
    doctor.repair(fleet)
    assert fleets.chain().holders("src/") == ["ada-1"]


def test_rules_that_are_broken_are_named(fleet: Fleet, fleets: Fleets, git: Git) -> None:
    git.commit(fleets.clone("ada"), {"gitfleet.yaml": "version: 9\n"})
    git(fleets.clone("ada"), "push", "--quiet", "origin", "main")
    assert "version" in problems(fleet)["policy"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("remote.origin.fetch", "+refs/*:refs/*"), ("remote.origin.mirror", "true"),
     ("remote.origin.fetch", "refs/fleet/*:refs/fleet/*")],
)  # fmt: skip
def test_remote_that_overwrites_the_fleets_refs_is_named(
    fleet: Fleet, fleets: Fleets, git: Git, name: str, value: str
) -> None:
    git(fleets.clone("ada"), "config", "--add", name, value)
    assert set(problems(fleet)) == {"remote"}


# Exchange.


def test_exchange_brings_what_waited_and_tells_what_was_lost(
    fleets: Fleets, open_clone: Callable[[str], Fleet]
) -> None:
    ada, bob = open_clone("ada"), open_clone("bob")
    away = fleets.root / "away.git"
    shutil.move(fleets.hub, away)
    assert ada.claims.claim(ADA_1, ["src/"]).status.value == "tentative"
    assert ada.claims.claim(ADA_1, ["docs/"]).status.value == "tentative"
    with pytest.raises(HubError):
        exchange.sync(ada)
    shutil.move(away, fleets.hub)
    bob.claims.claim(BOB_1, ["src/api/a.py"])
    ada.sessions.local.remember(Here(ADA_1, ada.repository.worktree or "", False, None))
    told = exchange.sync(ada)
    assert told.brought == 2
    (lost,) = exchange.lost(ada)
    assert "bob-1" in lost
    exchange.sync(ada)
    assert exchange.lost(ada) == [lost]
    assert fleets.chain().holders("docs/") == ["ada-1"]
    assert fleets.waiting("ada") == []


def test_exchange_without_a_hub_has_nothing_to_bring(open_clone: Callable[[str], Fleet]) -> None:
    alone = open_clone("alone")
    told = exchange.sync(alone)
    assert (told.brought, exchange.lost(alone), told.warnings) == (0, [], [])


def test_exchange_with_a_hub_whose_trunk_is_gone_goes_on(
    fleets: Fleets, git: Git, open_clone: Callable[[str], Fleet]
) -> None:
    git(fleets.hub, "update-ref", "-d", "refs/heads/main")
    (told,) = exchange.sync(open_clone("ada")).warnings
    assert "HEAD names no branch" in told


@pytest.fixture
def open_clone(fleets: Fleets) -> Iterator[Callable[[str], Fleet]]:
    """Opens a clone's fleet, and closes it at the end."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(fleets.open(name))


def test_exchange_leaves_the_refs_of_the_user_alone(
    fleets: Fleets, git: Git, open_clone: Callable[[str], Fleet]
) -> None:
    clone: Path = fleets.clone("ada")
    git(clone, "tag", "mine")
    git(fleets.hub, "tag", "theirs")
    git(fleets.hub, "branch", "new")
    ours = ["refs/heads", "refs/remotes", "refs/tags"]
    before = git(clone, "for-each-ref", *ours)
    exchange.sync(open_clone("ada"))
    assert git(clone, "for-each-ref", *ours) == before
    assert not (clone / ".git/FETCH_HEAD").exists()


def test_claims_that_match_nothing_for_a_while_are_named(
    fleet: Fleet, fleets: Fleets, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = fleets.clone("ada")
    git.commit(top, {"Src/a.py": "1\n", "b.txt": "1\n"})
    (top / "new").mkdir()
    (top / "new/caf\u00e9.txt").write_text("not added\n")
    there = ["src/", "b.txt", "s*c/*.PY", "new/CAFE\u0301.txt", "res:gpu"]
    fleet.claims.claim(ADA_1, [*there, "scr/", "[ab].txtt"])
    with fleets.open("bob") as bob:
        bob.claims.claim(BOB_1, ["nowhere"])
    fleet.ledger.sync()
    assert "claims" not in problems(fleet), "they may be about to be made"
    monkeypatch.setattr(claims_without_files, "A_WHILE", -1)
    assert {claim.pattern for claim in claims_without_files.unmatched(fleet)} == {"[ab].txtt", "scr/"}
    assert "matches no file here" in problems(fleet)["claims"]
    fleet.claims.release(ADA_1, ["scr/", "[ab].txtt"])
    assert problems(fleet) == {}


def test_claim_that_matches_a_file_of_another_branch_or_worktree_is_not_named(
    fleet: Fleet, fleets: Fleets, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = fleets.clone("ada")
    git(top, "switch", "-q", "-c", "elsewhere")
    git.commit(top, {"only/there.py": "1\n"})
    git(top, "switch", "-q", "-")
    git(top, "worktree", "add", "-q", "--detach", str(fleets.root / "linked"))
    (fleets.root / "linked/loose.txt").write_text("1\n")
    fleet.claims.claim(ADA_1, ["only/", "loose.txt"])
    monkeypatch.setattr(claims_without_files, "A_WHILE", -1)
    assert claims_without_files.unmatched(fleet) == []


def test_doctor_tells_a_copy_beside_its_original_and_nothing_of_a_clone_that_was_moved(
    fleets: Fleets,
) -> None:
    ada = fleets.clone("ada").resolve()
    copy, moved = ada.with_name("copy"), ada.with_name("moved")
    Fleet.join(str(ada)).close()
    shutil.copytree(ada, copy, symlinks=True)
    Fleet.join(str(copy)).close()  # it stays known as one
    with Fleet.open(str(copy)) as fleet, Fleet.open(str(ada)) as original:
        assert str(ada) in problems(fleet)["node"]
        assert "node" not in problems(original)
    shutil.move(ada, moved)
    for there in (copy, moved):
        with Fleet.open(str(there)) as fleet:
            assert "node" not in problems(fleet)
