"""Objects of the ledger that are gone from a clone: said as what they are, and fetched from the hub again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.errors import Damaged, FleetError
from gitfleet.fleet import doctor
from gitfleet.upkeep import exchange
from tests.fleetbench import Fleets, unpack
from tests.workbench import Git

ADA_1 = SessionId("ada-1")

COORD = "refs/fleet/coord"


def lose(clone: Path, git: Git, revision: str) -> str:
    unpack(clone / ".git")
    oid = git(clone, "rev-parse", revision)
    (clone / ".git/objects" / oid[:2] / oid[2:]).unlink()
    return oid


def failure(ask: Callable[[], object]) -> FleetError | None:
    try:
        ask()
    except FleetError as error:
        return error
    return None


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "what", [f"{COORD}^{{tree}}", f"{COORD}~1", f"{COORD}:fleet.json", f"{COORD}~1^{{tree}}"]
)
def test_object_that_is_gone_is_named_as_damage_here_and_comes_back_from_the_hub(
    fleets: Fleets, git: Git, what: str
) -> None:
    fleets.claim("bob", "bob-1", "docs/")
    fleets.claim("ada", "ada-1", "src/one")
    fleets.claim("ada", "ada-1", "src/two")
    oid = lose(fleets.clone("ada"), git, what)
    with fleets.open("ada") as fleet:
        findings = {finding.what: finding for finding in doctor.examine(fleet)}
        assert (findings["objects"].ok, findings["objects"].advice) == (False, advice.REPAIR)
        assert oid in findings["objects"].words
        for error in (
            failure(lambda: fleet.claims.claim(ADA_1, ["src/new"])),
            failure(lambda: exchange.sync(fleet)),
        ):
            assert error is None or (type(error), oid in error.message) == (Damaged, True)
            assert error is None or advice.REPAIR in error.hint
        assert oid in doctor.repair(fleet)[0]
        assert all(finding.ok for finding in doctor.examine(fleet))
        assert fleet.claims.claim(ADA_1, ["src/newer"]).status.value == "confirmed"
    fleets.chain()


def test_object_that_is_gone_on_the_hub_too_is_said(fleets: Fleets, git: Git) -> None:
    fleets.claim("ada", "ada-1", "src/one")
    for place in (fleets.clone("ada") / ".git", fleets.hub):
        unpack(place)
        oid = git(fleets.hub, "rev-parse", f"{COORD}:fleet.json")
        (place / "objects" / oid[:2] / oid[2:]).unlink(missing_ok=True)
    with fleets.open("ada") as fleet:
        told: list[str] = []
        with pytest.raises(FleetError):
            told += doctor.repair(fleet)
        assert all("whole again" not in words for words in told)


PRUNING = """#!/bin/sh
case " $* " in *" push "*)
    if [ "$(wc -c <"{count}")" -lt {times} ]; then
        printf x >>"{count}"
        "{git}" --git-dir="{git_dir}" prune --expire=now
    fi;;
esac
exec "{git}" "$@"
"""


def pruning_git(folder: Path, clone: Path, times: int) -> Path:
    """A folder for PATH whose git prunes everything that nothing leads to, before each of the first pushes."""
    folder.mkdir()
    (folder / "count").touch()
    real = shutil.which("git")
    script = PRUNING.format(count=folder / "count", times=times, git=real, git_dir=clone / ".git")
    (folder / "git").write_text(script)
    (folder / "git").chmod(0o755)
    return folder


@pytest.mark.parametrize(("times", "done"), [(1, True), (2, False)])
def test_prune_between_writing_and_pushing_costs_a_second_try_and_is_no_refusal_of_the_hub(
    fleets: Fleets, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, done: bool
) -> None:
    fleets.claim("ada", "ada-1", "src/one")
    folder = pruning_git(tmp_path / "bin", fleets.clone("ada"), times)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    with fleets.open("ada") as fleet:
        if done:
            assert fleet.claims.claim(ADA_1, ["src/two"]).status.value == "confirmed"
        else:
            with pytest.raises(Damaged, match="gc --prune=now"):
                fleet.claims.claim(ADA_1, ["src/two"])
        assert fleet.claims.claim(ADA_1, ["src/three"]).status.value == "confirmed"
    assert (folder / "count").read_text() == "x" * times
    assert fleets.chain().holders("src/two") == (["ada-1"] if done else [])
