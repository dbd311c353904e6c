"""A disk that fills up at any moment of a command: what the command says is what happened, and it works again later."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.errors import FleetError
from gitfleet.ledger.model import Status
from tests.fleetbench import Fleets
from tests.places import file_system, fill, make_read_only, needs_mount
from tests.workbench import Git, Gitfleet


@pytest.fixture
def disk(fleets: Fleets, tmp_path: Path, git: Git) -> Iterator[Fleets]:
    """The fleet with the clones `ada` and `alone` on a small disk; the hub is elsewhere."""
    with file_system(tmp_path / "disk", size="6m") as folder:
        for name in ("ada", "alone"):
            shutil.copytree(fleets.clone(name), folder / name, symlinks=True)
        git(folder / "ada", "remote", "set-url", "origin", str(fleets.hub))
        yield Fleets(folder)


@needs_mount
@pytest.mark.parametrize("name", ["ada", "alone"])
def test_claim_on_a_disk_that_fills_up_at_any_moment_says_what_is_true(
    disk: Fleets, fleets: Fleets, name: str
) -> None:
    said: dict[int, Status | FleetError] = {}
    for pages in [*range(24), *range(24, 60, 4)]:
        path = f"src/{pages}.py"
        filler = fill(disk.root, leave=pages)
        try:
            said[pages] = disk.claim(name, f"{name}-1", path).status
        except FleetError as error:
            said[pages] = error
        filler.unlink()
        with disk.open(name) as fleet:
            fleet.ledger.sync()
        chain = (fleets if name == "ada" else disk).chain(
            "hub.git" if name == "ada" else name, overlaps=False
        )
        held = chain.holders(path) == [f"{name}-1"]
        assert held == (not isinstance(said[pages], FleetError)), (pages, said[pages])
        assert disk.waiting(name) == []
    assert {status.exit_code for status in said.values() if isinstance(status, FleetError)} == {20}, said
    failed = [pages for pages, status in said.items() if isinstance(status, FleetError)]
    agreed = [pages for pages, status in said.items() if status is Status.CONFIRMED]
    assert failed[0] == 0
    assert agreed
    assert disk.claim(name, f"{name}-1", "docs/").status is Status.CONFIRMED


@needs_mount
def test_command_line_on_a_full_disk_ends_with_exit_20_and_one_next_step(
    disk: Fleets, gitfleet: Gitfleet
) -> None:
    filler = fill(disk.root, leave=0)
    ran = gitfleet(disk.clone("ada"), "claim", "src/a.py", "--session", "ada-1").ended(20)
    assert "disk is full" in ran.stderr
    assert "What was there is unchanged" in ran.stderr
    assert "next:" in ran.stderr
    gitfleet(disk.clone("ada"), "check", "src/a.py", "--session", "ada-1").ok()
    filler.unlink()
    gitfleet(disk.clone("ada"), "claim", "src/a.py", "--session", "ada-1").ok()


@needs_mount
def test_tentative_claims_survive_a_disk_that_is_full_when_the_hub_returns(
    disk: Fleets, fleets: Fleets
) -> None:
    fleets.hub.rename(fleets.root / "away.git")
    results = [disk.claim("ada", "ada-1", f"src/{number}.py") for number in range(3)]
    (fleets.root / "away.git").rename(fleets.hub)
    fleets.claim("bob", "bob-1", "src/1.py")
    filler = fill(disk.root, leave=0)
    with disk.open("ada") as fleet, pytest.raises(FleetError):
        fleet.ledger.sync()
    assert len(disk.waiting("ada")) == 3
    filler.unlink()
    with disk.open("ada") as fleet:
        fleet.ledger.sync()
        assert len(fleet.ledger.notices.kept(SessionId("ada-1"))) == 1
    chain = fleets.chain()
    assert [result.receipt.operation in chain.operations for result in results] == [True, False, True]


@needs_mount
def test_commands_on_a_read_only_disk_read_and_refuse_to_write_in_words(
    disk: Fleets, gitfleet: Gitfleet
) -> None:
    make_read_only(disk.root)
    clone = disk.clone("ada")
    ran = gitfleet(clone, "claim", "src/a.py", "--session", "ada-1").ended(20)
    assert "read-only" in ran.stderr
    gitfleet(clone, "check", "src/a.py", "--session", "ada-1").ok()
    gitfleet(clone, "claims").ok()
