"""The radar as people and agents have it: what it tells whom, when, and when again, over two clones of one hub."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gitfleet.fleet.fleet import Fleet
from gitfleet.gates import slots
from tests.workbench import Entrant, Git, Gitfleet, Race

TEXT = "".join(f"{number}\n" for number in range(1, 31))


def line(number: int, new: str) -> str:
    return TEXT.replace(f"\n{number}\n", f"\n{new}\n")


class Pond:
    """Clones of one hub, each of a fleet, with a session on a branch of its own."""

    def __init__(self, clone: Callable[[str], Path], git: Git, gitfleet: Gitfleet) -> None:
        self._clone, self.git, self.gitfleet = clone, git, gitfleet

    def joined(self, name: str) -> Path:
        path = self._clone(name)
        self.gitfleet(path, "init").ok()
        return path

    def seed(self, files: Mapping[str, str]) -> None:
        path = self._clone("seeder")
        self.git.commit(path, files, "seed")
        self.git(path, "push", "--quiet", "origin", "HEAD:main")

    def session(self, path: Path, name: str, *, title: str = "") -> Path:
        """A worktree with a session; its branch is `name`."""
        place = path.parent / f"{path.name}-{name}"
        self.git(path, "worktree", "add", "--quiet", "-b", name, str(place), "origin/main")
        title = title or f"work of {name}"
        self.gitfleet(place, "session", "start", "--id", name, "--title", title).ok()
        return place

    def put(self, place: Path, files: Mapping[str, str], *, push: bool = False) -> None:
        for name, text in files.items():
            (place / name).write_text(text)
        self.git(place, "add", "--all")
        self.git(place, "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", "work")
        if push:
            self.git(place, "-c", "core.hooksPath=/dev/null", "push", "--quiet", "origin", "HEAD")

    def radar(self, place: Path, *more: str) -> Any:
        return self.gitfleet(place, "radar", "--json", *more).ok().json()["data"]

    def told(self, place: Path, session: str) -> list[str]:
        """What its next command tells a session of the radar."""
        warnings = (
            self.gitfleet(place, "claims", "--json", env={"GITFLEET_SESSION": session})
            .ok()
            .json()["warnings"]
        )
        return [words for words in warnings if words.startswith("radar:")]


@pytest.fixture
def pond(clone: Callable[[str], Path], git: Git, gitfleet: Gitfleet) -> Pond:
    pond = Pond(clone, git, gitfleet)
    pond.seed({"f": TEXT, "g": TEXT})
    return pond


def pairs(found: Any) -> list[tuple[str, str]]:
    return [(row["a"]["branch"], row["b"]["branch"]) for row in found["conflicts"]]


@pytest.mark.always
def test_conflict_of_two_nodes_is_told_to_the_later_session_once_and_again_after_it_was_cleared(
    pond: Pond,
) -> None:
    ada, ben = pond.joined("ada"), pond.joined("ben")
    one, two = pond.session(ada, "one", title="the first one"), pond.session(ben, "two")
    pond.put(one, {"f": line(5, "a")}, push=True)
    pond.put(two, {"f": line(5, "b")}, push=True)
    found = pond.radar(ben)
    assert pairs(found) == [("one", "two")]
    assert found["conflicts"][0]["paths"] == [{"path": "f", "kinds": ["contents"], "hunks": [[5, 5]]}]
    assert found["told"] == [found["conflicts"][0]["id"]]
    assert pond.radar(ben)["told"] == []
    assert pond.radar(ada)["told"] == []
    (words,) = pond.told(two, "two")
    ends = [pond.git(place, "rev-parse", "HEAD")[:12] for place in (two, one)]
    said = f"'two' at {ends[0]} will conflict with 'one' at {ends[1]} of session one (the first one) in f (contents, line 5)"
    assert said in words
    assert not pond.told(one, "one")
    assert not pond.told(two, "two")
    pond.put(two, {"f": TEXT})
    assert pairs(pond.radar(ben)) == []
    pond.put(two, {"f": line(5, "c")})
    assert len(pond.radar(ben)["told"]) == 1
    assert len(pond.told(two, "two")) == 1


def test_conflict_that_gets_worse_is_told_again_and_one_that_gets_better_is_not(pond: Pond) -> None:
    ada = pond.joined("ada")
    one, two = pond.session(ada, "one"), pond.session(ada, "two")
    pond.put(one, {"f": line(5, "a"), "g": line(5, "a")})
    pond.put(two, {"f": line(5, "b")})
    assert len(pond.radar(ada)["told"]) == 1
    pond.put(two, {"g": line(5, "b")})
    assert len(pond.radar(ada)["told"]) == 1
    pond.put(two, {"f": TEXT})
    assert pond.radar(ada)["told"] == []
    pond.put(two, {"f": line(5, "b")})
    assert len(pond.radar(ada)["told"]) == 1


def test_worktree_in_which_a_gate_tests_is_nobodys_work(pond: Pond) -> None:
    ada = pond.joined("ada")
    one = pond.session(ada, "one")
    pond.put(one, {"f": line(5, "a")})
    with Fleet.open(str(ada)) as fleet:
        place = Path(slots.root(fleet.ledger.node.id), "0", "ada")
    place.parent.mkdir(parents=True)
    before = pond.radar(ada)["effort"]["heads"]
    pond.git(ada, "worktree", "add", "--quiet", "--detach", str(place), "one")
    (place / "f").write_text(line(5, "b"))
    found = pond.radar(ada)
    assert found["effort"]["heads"] == before
    assert not found["conflicts"]


def test_several_conflicts_at_once_are_messages_of_their_own(pond: Pond) -> None:
    ada = pond.joined("ada")
    places = [pond.session(ada, name) for name in ("one", "two", "three")]
    for number, place in enumerate(places):
        pond.put(place, {"f": line(5, f"text {number}")})
    assert len(pond.radar(ada)["told"]) == 3
    heard = [*pond.told(places[2], "three"), *pond.told(places[1], "two")]
    assert len(set(heard)) == 3
    assert not pond.told(places[0], "one")


def test_uncommitted_work_counts_on_its_node_and_nothing_of_the_worktree_is_touched(
    pond: Pond, git: Git
) -> None:
    ada, ben = pond.joined("ada"), pond.joined("ben")
    one, two = pond.session(ada, "one"), pond.session(ben, "two")
    pond.put(one, {"f": line(5, "a")}, push=True)
    (two / "f").write_text(line(5, "b"))
    (two / "new").write_text("untracked\n")
    index = Path(git(two, "rev-parse", "--absolute-git-dir")) / "index"
    before = git(two, "status", "--porcelain"), index.read_bytes()
    found = pond.radar(ben)
    assert [(row["a"]["dirty"], row["b"]["dirty"]) for row in found["conflicts"]] == [(False, True)]
    assert (index.read_bytes(), git(two, "status", "--porcelain")) == before[::-1]
    assert git.ask(two, "cat-file", "-e", git(two, "hash-object", "new")).returncode
    assert pairs(pond.radar(ada)) == []
    assert "with uncommitted changes" in pond.told(two, "two")[0]
    status = pond.gitfleet(ada, "status", "--json").ok().json()["data"]["sessions"]
    rows = {row["id"]: row["conflicts"] for row in status}
    assert rows["one"] == [{"branch": "two", "session": "two", "paths": ["f"]}]
    assert rows["two"] == [{"branch": "one", "session": "one", "paths": ["f"]}]
    git(two, "checkout", "--quiet", "f")
    pond.radar(ada)  # cannot see it, so it takes nothing back
    assert pond.gitfleet(ada, "status").ok().stdout.count("will conflict with") == 1
    pond.radar(ben)
    pond.gitfleet(ada, "sync").ok()
    assert "will conflict with" not in pond.gitfleet(ada, "status").ok().stdout


def test_worktree_in_the_middle_of_a_merge_is_named_and_its_alert_stays(pond: Pond, git: Git) -> None:
    ada = pond.joined("ada")
    one, two = pond.session(ada, "one"), pond.session(ada, "two")
    pond.put(one, {"f": line(5, "a")})
    pond.put(two, {"f": line(5, "b")})
    pond.radar(ada)
    git.ask(two, "merge", "one")
    found = pond.radar(ada)
    assert found["untold"][0]["branches"] == ["two"]
    assert "a merge is in progress" in found["untold"][0]["why"]
    git(two, "merge", "--abort")
    assert pond.radar(ada)["told"] == []


def test_branch_without_a_session_is_found_and_nobody_is_told(pond: Pond, git: Git) -> None:
    ada = pond.joined("ada")
    for name, text in (("left", "a"), ("right", "b")):
        git(ada, "checkout", "--quiet", "-b", name, "origin/main")
        pond.put(ada, {"f": line(5, text)})
    git(ada, "checkout", "--quiet", "main")
    found = pond.radar(ada)
    assert pairs(found) == [("left", "right")]
    assert found["told"] == []


def test_hot_path_is_counted_by_conflicts_and_claiming_it_says_so(pond: Pond) -> None:
    ada = pond.joined("ada")
    one, two, three = (pond.session(ada, name) for name in ("one", "two", "three"))
    for number, place in enumerate((one, two, three)):
        pond.put(place, {"f": line(5, f"text {number}")})
    pond.radar(ada)
    pond.radar(ada)
    rows = pond.radar(ada, "--hot")["paths"]
    assert [(row["path"], row["conflicts"]) for row in rows] == [("f", 3)]
    said = pond.gitfleet(one, "claim", "f", "--json", env={"GITFLEET_SESSION": "one"}).ok().json()
    assert said["data"]["hot"] == [{"path": "f", "conflicts": 3}]
    assert any("hot: branches have conflicted over f 3 times" in words for words in said["warnings"])
    cool = pond.gitfleet(one, "claim", "g", "--json", env={"GITFLEET_SESSION": "one"}).ok().json()
    assert cool["data"]["hot"] == []


def test_radar_with_a_hub_out_of_reach_goes_by_what_was_seen_and_clears_nothing(
    pond: Pond, hub: Path, git: Git
) -> None:
    ada = pond.joined("ada")
    one, two = pond.session(ada, "one"), pond.session(ada, "two")
    pond.put(one, {"f": line(5, "a")})
    pond.put(two, {"f": line(5, "b")})
    pond.radar(ada)
    shutil.move(hub, hub.parent / "away.git")
    pond.put(two, {"f": TEXT})
    said = pond.gitfleet(ada, "radar", "--json", "--no-tell").ok().json()
    assert said["warnings"]
    assert pairs(said["data"]) == []
    pond.gitfleet(ada, "radar", "--json")
    assert pond.gitfleet(ada, "status").ok().stdout.count("will conflict with") == 1


def test_two_radars_at_once_tell_each_conflict_once(pond: Pond, race: Race) -> None:
    ada, ben = pond.joined("ada"), pond.joined("ben")
    one, two = pond.session(ada, "one"), pond.session(ben, "two")
    pond.put(one, {"f": line(5, "a")}, push=True)
    pond.put(two, {"f": line(5, "b")}, push=True)
    env = pond.gitfleet.environment()
    ran = race([Entrant(pond.gitfleet.argv("radar", "--json"), path, env) for path in (ada, ada, ben, ben)])
    answers = [json.loads(one.ok().stdout)["data"] for one in ran]
    assert [pairs(found) for found in answers] == [[("one", "two")]] * 4
    assert sum(len(found["told"]) for found in answers) == 1
    assert len(pond.told(two, "two")) == 1


@pytest.mark.sample(2)
@pytest.mark.parametrize("after", [1, 6, 11, 16])
@pytest.mark.always
def test_radar_killed_in_the_middle_leaves_all_to_the_next_one(
    pond: Pond, git: Git, tmp_path: Path, after: int
) -> None:
    """A git that kills whoever called it, at one call of several, stands in for a machine that goes down."""
    ada = pond.joined("ada")
    one, two = pond.session(ada, "one"), pond.session(ada, "two")
    pond.put(one, {"f": line(5, "a")})
    (two / "f").write_text(line(5, "b"))
    real, fake = shutil.which("git"), tmp_path / "bin" / "git"
    fake.parent.mkdir()
    count = tmp_path / "count"
    fake.write_text(
        f'#!/bin/sh\necho x >> "{count}"\nif [ "$(wc -l < "{count}")" -eq {after} ]; then kill -9 $PPID; fi\nexec "{real}" "$@"\n'
    )
    fake.chmod(0o755)
    env = {**os.environ, **pond.gitfleet.environment(), "PATH": f"{fake.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        pond.gitfleet.argv("radar", "--json"), cwd=ada, env=env, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    found = pond.radar(ada)
    assert pairs(found) == [("one", "two")], found
    assert len(pond.told(two, "two")) == 1
    assert git(two, "status", "--porcelain") == " M f"


def test_radar_whose_folder_is_spoiled_or_whose_objects_are_gone_finds_the_same(pond: Pond) -> None:
    ada = pond.joined("ada")
    one, two = pond.session(ada, "one"), pond.session(ada, "two")
    pond.put(one, {"f": line(5, "a")})
    pond.put(two, {"f": line(5, "b"), "g": line(9, "b")})
    first = pond.radar(ada)
    folder = ada / ".git/gitfleet/radar"
    shutil.rmtree(folder / "merges/objects")
    assert pond.radar(ada)["conflicts"] == first["conflicts"]
    (folder / "cache.json").write_text("{not json")
    assert pond.radar(ada)["conflicts"] == first["conflicts"]
    (folder / "cache.json").write_text('{"tables": {"normal": 7}, "v": 1}')
    assert pond.radar(ada)["conflicts"] == first["conflicts"]


def test_branches_with_hostile_names_and_titles_are_shown_as_plain_text(pond: Pond, git: Git) -> None:
    ada = pond.joined("ada")
    one, two = pond.session(ada, "one", title="evil \x1b[31mtitle"), pond.session(ada, "two")
    pond.put(one, {"f": line(5, "a"), "\x1b]0;x\x07name": "a\n"})
    pond.put(two, {"f": line(5, "b"), "\x1b]0;x\x07name": "b\n"})
    for name, where in (("--upload-pack=touch", "one"), ("a;touch$(x)", "two")):
        git(ada, "update-ref", f"refs/heads/{name}", git(ada, "rev-parse", where))
        git(
            ada,
            "-c",
            "core.hooksPath=/dev/null",
            "push",
            "--quiet",
            "origin",
            f"refs/heads/{where}:refs/heads/{name}",
        )
    ran = pond.gitfleet(ada, "radar").ok()
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "\x07" not in ran.stdout + ran.stderr
    assert len(pond.radar(ada)["conflicts"]) == 1
    with Fleet.open(str(ada)) as fleet:
        assert len(fleet.radar.look().findings.clashes) == 1


def test_hot_and_watch_together_are_a_usage_error(pond: Pond) -> None:
    ada = pond.joined("ada")
    assert "do not go together" in pond.gitfleet(ada, "radar", "--hot", "--watch").ended(2).stderr
