"""The program that makes a worktree ready and becomes the agent, by itself."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from gitfleet.jobs.setup import records as setup_records
from gitfleet.jobs.setup.records import GrantedUnits, SetupPlan
from gitfleet.jobs.shepherd import records
from tests.jobs.shepherd.agents import PYTHON
from tests.workbench import ROOT, Git, Ran, run

MARKER = "setup is done 1"
SHOW = 'cat; echo " $GITFLEET_RES_PORT"; kill -PIPE $$; echo "what Python ignores is ignored here"'


class Place:
    """A checkout, which is its own worktree, and the folder of an attempt."""

    def __init__(self, top: Path) -> None:
        self.checkout, self.folder = top / "checkout", top / "attempt"
        self.folder.mkdir()

    def ran(self, **more: Any) -> Ran:
        git_dir = str(self.checkout / ".git")
        plan = SetupPlan(
            argv=("sh", "-c", SHOW), marker=MARKER, checkout=str(self.checkout), common_dir=git_dir,
            worktree=str(self.checkout), git_dir=git_dir, **more,
        )  # fmt: skip
        records.save(str(self.folder), setup_records.PLAN, plan)
        argv = [PYTHON, "-I", "-S", str(ROOT / "gitfleet/jobs/setup/run.py"), str(self.folder)]
        return run(argv, self.checkout, stdin="for the agent")


@pytest.fixture
def place(tmp_path: Path, git: Git) -> Place:
    git(tmp_path, "init", "-q", "checkout")
    git.commit(tmp_path / "checkout", {"code.py": "x"})
    return Place(tmp_path)


def test_agent_comes_behind_the_line_that_ends_the_setup_with_its_input_and_its_units(place: Place) -> None:
    records.save(str(place.folder), setup_records.UNITS, GrantedUnits({"GITFLEET_RES_PORT": "3"}))
    ran = place.ran(command=("sh", "-c", "cat; echo setup has $GITFLEET_RES_PORT"))
    assert ran.stdout.splitlines()[1:] == ["setup has 3", MARKER, "for the agent 3"]
    assert ran.returncode == -signal.SIGPIPE
    assert ran.stderr.splitlines() == [MARKER]
    assert not (place.folder / setup_records.BEFORE).exists()


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ({"command": ("sleep", "1000"), "timeout": 1}, "'sleep' took longer than"),
        ({"command": ("no-such-program",)}, "no-such-program"),
        ({"command": ("sh", "-c", "kill -9 $$")}, "'sh' ended with signal 9"),
        ({"files": (".nothing",)}, "has no '.nothing' that git ignores"),
        ({"template": "/no/such/folder"}, "the template /no/such/folder is no folder"),
    ],
)
def test_setup_that_cannot_be_made_is_told_and_nothing_comes_after_it(
    place: Place, plan: dict[str, Any], why: str
) -> None:
    ran = place.ran(**plan).ended(1)
    assert MARKER not in ran.stdout + ran.stderr
    assert "for the agent" not in ran.stdout
    assert why in ran.stderr.splitlines()[-1]


def test_what_was_uncommitted_before_is_none_of_the_setups(place: Place) -> None:
    (place.checkout / "earlier.txt").write_text("of an earlier attempt")
    place.ran(command=("sh", "-c", "echo s > made.txt; echo s >> code.py"))
    paths = ["earlier.txt", "made.txt", "code.py"]
    known = setup_records.untouched(str(place.folder), str(place.checkout), paths)
    assert known == {"made.txt", "code.py"}
    (place.checkout / "made.txt").write_text("of the agent")
    (place.checkout / "code.py").unlink()
    assert setup_records.untouched(str(place.folder), str(place.checkout), paths) == set()
