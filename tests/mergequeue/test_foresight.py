"""Chains that are foreseen: what git makes one by one, in few processes."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from gitfleet.git.program import Git as GitProgram
from gitfleet.mergequeue.candidates import ChainStep, Clash, Landing, Put, chains
from tests.radar import forest
from tests.workbench import Git


def merges(log: Path) -> int:
    """How many processes of git merged, by git's own trace."""
    starts = (json.loads(line) for line in log.read_text().splitlines() if '"start"' in line)
    return sum("merge-tree" in one["argv"] for one in starts)


def landings(place: Path, git: Git) -> list[Landing]:
    rows = git(place, "for-each-ref", "--format=%(refname:lstrip=3) %(objectname)", "refs/heads/agent")
    return [Landing(name, name, head, "", "") for name, head in (row.split() for row in rows.splitlines())]


def one_by_one(place: Path, git: Git, asked: list[Landing], base: str) -> list[Put]:
    """The chain of a place where nothing is ever foreseen: each part is the last one of a longer chain."""
    with chains(GitProgram(str(place)), base, "merge") as made:
        return [made.chain(asked[: number + 1])[-1] for number in range(len(asked))]


@pytest.mark.parametrize("seed", range(3))
def test_chain_of_any_branches_that_is_foreseen_is_what_git_makes_one_by_one(
    seed: int, tmp_path: Path, git: Git
) -> None:
    place = tmp_path / "forest"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", place)
    names = forest.forest(place, seed, 30, files=24)
    forest.edit_branch(place, "main", seed)  # the branches are behind their target
    base = git(place, "rev-parse", names[3] if seed else "main")  # or it has moved, renamed, deleted
    asked = landings(place, git)
    with chains(GitProgram(str(place)), base, "merge") as made:
        foreseen = made.chain(asked)
        shuffled = random.Random(seed).sample(asked, len(asked))
        again = made.chain(shuffled)
    assert foreseen == one_by_one(place, git, asked, base)
    assert again == one_by_one(place, git, shuffled, base)
    assert {type(one) for one in foreseen} == {ChainStep, Clash}


def test_chain_of_many_that_change_different_files_takes_few_processes(
    tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, log = tmp_path / "many", tmp_path / "log"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", place)
    base = {"shared.txt": ("100644", b"".join(b"line %d\n" % number for number in range(40)))}
    branches = {
        f"agent/b{number:02d}": (
            "main",
            {**base, f"src/{number % 5}/{number}.txt": ("100644", b"%d\n" % number)},
        )
        for number in range(60)
    }
    meeting = [7, 20, 33]
    for number in meeting:
        rows = base["shared.txt"][1].replace(b"line %d\n" % number, b"changed\n")
        branches[f"agent/b{number:02d}"] = ("main", {"shared.txt": ("100644", rows)})
    forest.grow(place, base, branches)
    asked, main = landings(place, git), git(place, "rev-parse", "main")
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(log))
    with chains(GitProgram(str(place)), main, "merge") as made:
        found = made.chain(asked)
        assert made.chain(asked) == found
    monkeypatch.delenv("GIT_TRACE2_EVENT")
    assert all(isinstance(one, ChainStep) for one in found)
    assert merges(log) <= 2 + len(meeting)


def test_clash_with_one_far_ahead_is_found_in_few_processes(
    tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, log = tmp_path / "many", tmp_path / "log"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", place)
    branches = {
        f"agent/b{number:02d}": ("main", {f"{number}.txt": ("100644", b"x\n")}) for number in range(40)
    }
    for number in (25, 39):
        branches[f"agent/b{number}"] = ("main", {"same.txt": ("100644", b"of %d\n" % number)})
    forest.grow(place, {"a.txt": ("100644", b"a\n")}, branches)
    asked, main = landings(place, git), git(place, "rev-parse", "main")
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(log))
    with chains(GitProgram(str(place)), main, "merge") as made:
        last = made.chain(asked)[-1]
    monkeypatch.delenv("GIT_TRACE2_EVENT")
    assert isinstance(last, Clash)
    assert last.with_ == "b25"
    assert merges(log) <= 5


def test_tree_that_cannot_be_read_is_no_guess_and_git_says_what_is_wrong(tmp_path: Path, git: Git) -> None:
    place = tmp_path / "broken"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", place)
    base = {"a.txt": ("100644", b"a\n")}
    forest.grow(
        place, base, {f"agent/b{n}": ("main", {**base, f"{n}.txt": ("100644", b"x\n")}) for n in "12"}
    )
    asked = landings(place, git)
    gone = Landing("gone", "gone", "1" * 40, "", "")
    with chains(GitProgram(str(place)), git(place, "rev-parse", "main"), "merge") as made:
        found = made.chain([asked[0], gone, asked[1]])
    assert [type(one).__name__ for one in found] == ["ChainStep", "Unknown", "ChainStep"]
    assert subprocess.run(["git", "-C", place, "fsck", "--strict"], capture_output=True).returncode == 0
