"""Merges in a quarantine: the same on every node, typed answers, and what is kept of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.git import forecast, merge_rules
from gitfleet.git.drivers import MergeDriver
from gitfleet.git.merge_rules import PLAIN, MergeRules
from gitfleet.git.program import Git as Program
from gitfleet.git.quarantine import Conflicted, Merge, Merged, Unmergeable, quarantine
from tests.workbench import Git

LINES = "".join(f"{number}\n" for number in range(40))


def program(path: Path) -> Program:
    return Program(str(path / ".git"), cwd=str(path))


def changed(old: str, new: str) -> str:
    return LINES.replace(f"\n{old}\n", f"\n{new}\n")


def side(git: Git, repository: Path, name: str, files: dict[str, str], *commands: tuple[str, ...]) -> str:
    git(repository, "checkout", "--quiet", "-b", name, "main")
    for command in commands:
        git(repository, *command)
    if files:
        return git.commit(repository, files, name)
    git(repository, "commit", "--quiet", "-m", name)
    return git(repository, "rev-parse", "HEAD")


def merge(path: Path, ours: str, theirs: str, rules: MergeRules = PLAIN) -> Merge:
    with quarantine(program(path), rules) as place:
        return place.merge(ours, theirs)


@pytest.fixture
def forked(repository: Path, git: Git) -> tuple[Path, str, str]:
    """A repository in which two branches rename a folder against an addition, and edit a renamed file and neighbouring lines."""
    files = {
        "f": LINES,
        "list": "a\n",
        "old": LINES,
        "d/one": LINES.upper() * 2 + "one\n",
        "d/two": "two\n" * 30,
    }
    git.commit(repository, {**files, ".gitattributes": "list merge=mine\n"}, "base")
    ours = side(git, repository, "ours", {"list": "a\nb\n"}, ("mv", "old", "new"), ("mv", "d", "e"))
    git(repository, "commit", "--quiet", "--amend", "--no-edit", "--all")
    ours = git(repository, "rev-parse", "HEAD")
    theirs = side(
        git, repository, "theirs", {"old": changed("7", "seven"), "list": "a\nc\n", "d/more": "x\n"}
    )
    git(repository, "checkout", "--quiet", "main")
    return repository, ours, theirs


SPOILED = [
    "union in the checkout",
    "union of the user",
    "union in info",
    "driver",
    "settings",
    "replaced",
    "grafted",
    "case",
]


def spoil(git: Git, path: Path, how: str, ours: str, home: Path) -> None:
    """What may stand in one clone and must not change how its merges end."""
    match how:
        case "union in the checkout":
            (path / ".gitattributes").write_text("* merge=union\n")
        case "union of the user":
            (home / "attributes").write_text("* merge=union\n")
            git(path, "config", "--global", "core.attributesFile", str(home / "attributes"))
        case "union in info":
            (path / ".git/info/attributes").write_text("* merge=union\n")
        case "driver":
            git(path, "config", "merge.mine.driver", "true")
            git(path, "config", "--global", "merge.text.driver", "true")
        case "settings":
            for key, value in {
                "merge.renames": "false", "merge.directoryRenames": "true", "merge.conflictStyle": "diff3",
                "merge.default": "union", "merge.renormalize": "true", "core.autocrlf": "true", "merge.renameLimit": "1",
                "diff.renames": "false", "diff.algorithm": "patience", "core.bigFileThreshold": "1",
            }.items():  # fmt: skip
                git(path, "config", key, value)
        case "replaced":
            git(path, "replace", ours, git(path, "rev-parse", f"{ours}^"))
        case "grafted":
            (path / ".git/info/grafts").write_text(f"{ours}\n")
        case _:
            git(path, "config", "core.ignoreCase", "true")


@pytest.mark.parametrize("how", SPOILED)
def test_merge_on_nodes_that_differ_in_checkout_dirt_and_configuration_gives_equal_answers(
    forked: tuple[Path, str, str], git: Git, tmp_path: Path, how: str
) -> None:
    path, ours, theirs = forked
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(path), str(other))
    rules = merge_rules.of_tree(program(path), ours)
    clean = merge(path, ours, theirs, rules)
    spoil(git, other, how, ours, tmp_path)
    assert merge_rules.of_tree(program(other), ours).fingerprint == rules.fingerprint
    assert merge(other, ours, theirs, merge_rules.of_tree(program(other), ours)) == clean
    assert isinstance(clean, Conflicted)
    assert {(note.kind, note.paths[0]) for note in clean.notes} == {
        ("contents", "list"), ("directory rename suggested", "e/more"),
    }  # fmt: skip
    assert {stage.number for stage in clean.stages if stage.path == "list"} == {1, 2, 3}


def test_merge_by_environment_that_names_settings_gives_the_same(
    forked: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, ours, theirs = forked
    before = merge(path, ours, theirs)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "merge.default")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "union")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'merge.directoryRenames'='true'")
    assert merge(path, ours, theirs) == before


def test_merge_by_a_driver_runs_only_where_the_rules_name_it(
    repository: Path, git: Git, tmp_path: Path
) -> None:
    driver = tmp_path / "both"
    driver.write_text('#!/bin/sh\n[ "$1" = --version ] && echo both 1 && exit\ncat "$2" >> "$1"\n')
    driver.chmod(0o755)
    git.commit(
        repository, {"x": "a\n", "y": "a\n", ".gitattributes": "x merge=both\ny merge=union\n"}, "base"
    )
    ours, theirs = (side(git, repository, name, {"x": name, "y": f"{name}\n"}) for name in ("one", "two"))
    source = program(repository)
    neither = merge(repository, ours, theirs, merge_rules.of_tree(source, "main"))
    assert isinstance(neither, Conflicted)
    assert set(neither.paths) == {"x", "y"}
    allowed = {"both": MergeDriver(f"'{driver}' %A %B", "both 1"), "union": MergeDriver()}
    both = merge(repository, ours, theirs, merge_rules.of_tree(source, "main", allowed))
    assert isinstance(both, Merged)


def test_a_clean_merge_is_the_tree_of_a_real_one_and_nothing_of_it_stays_until_it_is_kept(
    repository: Path, git: Git
) -> None:
    git.commit(repository, {"f": LINES, "old/a/f": LINES}, "base")
    ours = side(git, repository, "ours", {"f": changed("3", "three")}, ("mv", "old", "new"))
    git(repository, "commit", "--quiet", "--amend", "--all", "--no-edit")
    ours = git(repository, "rev-parse", "HEAD")
    theirs = side(git, repository, "theirs", {"f": changed("30", "thirty"), "old/a/f": changed("9", "nine")})
    with quarantine(program(repository)) as place:
        folder, found = place.git.git_dir, place.merge(ours, theirs)
        assert isinstance(found, Merged)
        assert git.ask(repository, "cat-file", "-e", found.tree).returncode
        place.keep(found.tree)
    assert not os.path.exists(folder)
    git(repository, "checkout", "--quiet", "ours")
    git(repository, "merge", "--quiet", "theirs")
    assert git(repository, "rev-parse", "HEAD^{tree}") == found.tree
    assert git(repository, "ls-tree", "-r", found.tree)


def test_kept_commit_brings_its_whole_chain_and_passes_fsck(repository: Path, git: Git) -> None:
    start = git.commit(repository, {"f": LINES}, "base")
    branches = [
        side(git, repository, f"b{number}", {f"n{number}/f": f"{number}\n", "f": changed(str(number), "x")})
        for number in (3, 9, 20)
    ]
    tip = start
    with quarantine(program(repository)) as place:
        for branch in branches:
            found = place.merge(tip, branch)
            assert isinstance(found, Merged)
            tip = place.stand_in(found.tree, tip, branch)
        place.keep(tip)
    git(repository, "update-ref", "refs/heads/all", tip)
    git(repository, "fsck", "--strict", "--full")
    assert git(repository, "rev-list", "--count", f"{start}..all") == "6"


def test_merge_trees_takes_the_base_that_is_given(repository: Path, git: Git) -> None:
    base = git.commit(repository, {"f": LINES}, "base")
    first = side(git, repository, "first", {"f": changed("3", "three")})
    git(repository, "checkout", "--quiet", "-b", "second")
    picked = git.commit(repository, {"f": changed("3", "three").replace("\n30\n", "\nthirty\n")}, "second")
    with quarantine(program(repository)) as place:
        found = place.merge_trees(first, base, picked)
        assert isinstance(found, Merged)
        assert place.git.run("cat-file", "blob", f"{found.tree}:f").decode() == changed("30", "thirty")
        assert isinstance(
            place.merge_trees(base, git(repository, "rev-parse", "main^{tree}"), picked), Merged
        )


def test_submodules_that_conflict_are_told_and_so_is_what_follows_them(repository: Path, git: Git) -> None:
    git.commit(repository, {"f": LINES}, "base")
    oids = []
    for branch, link in (("ours", "1"), ("theirs", "2")):
        git(repository, "checkout", "--quiet", "-B", branch, "main")
        git(repository, "update-index", "--add", "--cacheinfo", f"160000,{link * 40},deep/sub")
        git(repository, "commit", "--quiet", "-m", branch)
        oids.append(git(repository, "rev-parse", "HEAD"))
    with quarantine(Program(str(repository / ".git"))) as place:
        found = place.merge_all([(oids[0], oids[1]), (oids[0], oids[0])])
    assert isinstance(found[0], Conflicted)
    assert found[0].paths == ("deep/sub",)
    assert found[1] == Merged(git(repository, "rev-parse", "ours^{tree}"))


def test_a_batch_with_merges_that_cannot_be_told_answers_all_others(repository: Path, git: Git) -> None:
    git.commit(repository, {"f": LINES}, "base")
    one = side(git, repository, "one", {"f": changed("3", "three")})
    two = side(git, repository, "two", {"f": changed("3", "drei")})
    git(repository, "checkout", "--quiet", "--orphan", "alone")
    git(repository, "rm", "-rfq", ".")
    alone = git.commit(repository, {"z": "z\n"}, "alone")
    gone = "1" * 40
    with quarantine(program(repository)) as place:
        found = place.merge_all([(one, two), (gone, two), (one, one), (one, alone), (two, one)])
    assert [type(one) for one in found] == [Conflicted, Unmergeable, Merged, Unmergeable, Conflicted]
    assert found[3] == Unmergeable(
        "they have no commit in common; git merges no unrelated histories", unrelated=True
    )
    assert isinstance(found[1], Unmergeable)
    assert found[1].words


def test_merge_of_criss_cross_history_is_what_git_makes_of_it(repository: Path, git: Git) -> None:
    git.commit(repository, {"f": LINES}, "base")
    side(git, repository, "one", {"f": changed("3", "three")})
    side(git, repository, "two", {"f": changed("30", "thirty")})
    git(repository, "checkout", "--quiet", "-b", "one-two", "one")
    git(repository, "merge", "--quiet", "--no-edit", "two")
    git(repository, "checkout", "--quiet", "two")
    git(repository, "merge", "--quiet", "--no-edit", "one")
    ours = git.commit(repository, {"f": LINES.replace("\n3\n", "\nIII\n")}, "ours")
    git(repository, "checkout", "--quiet", "one-two")
    theirs = git.commit(repository, {"g": "new\n"}, "theirs")
    git(repository, "merge", "--quiet", "--no-edit", ours)
    found = merge(repository, theirs, ours)
    assert found == Merged(git(repository, "rev-parse", "HEAD^{tree}"))


def test_merge_in_a_partial_clone_has_the_clone_fetch_what_is_missing(
    forked: tuple[Path, str, str], git: Git, tmp_path: Path
) -> None:
    path, ours, theirs = forked
    git(path, "config", "uploadpack.allowFilter", "true")
    git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
    there = tmp_path / "partial"
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", "--no-checkout", path.as_uri(), str(there))
    assert merge(there, ours, theirs) == merge(path, ours, theirs)


def test_merge_in_a_shallow_clone_is_told_only_where_all_history_between_is_there(
    repository: Path, git: Git, tmp_path: Path
) -> None:
    for number in range(4):
        git.commit(repository, {"f": LINES, "n": f"{number}\n"}, f"c{number}")
    ours = side(git, repository, "ours", {"f": changed("3", "three")})
    theirs = side(git, repository, "theirs", {"f": changed("30", "thirty")})
    whole = merge(repository, ours, theirs)
    for depth, expected in ((2, whole), (1, None)):
        there = tmp_path / f"shallow{depth}"
        git(
            tmp_path,
            "clone",
            "--quiet",
            f"--depth={depth}",
            "--no-single-branch",
            repository.as_uri(),
            str(there),
        )
        found = merge(there, ours, theirs)
        assert found == expected if expected else isinstance(found, Unmergeable)


def test_merge_in_a_clone_whose_path_is_odd_finds_its_objects(
    repository: Path, git: Git, tmp_path: Path
) -> None:
    git.commit(repository, {"f": LINES}, "base")
    ours = side(git, repository, "ours", {"f": changed("3", "three")})
    there = tmp_path / '#odd "name" \\ :;é'
    git(tmp_path, "clone", "--quiet", str(repository), str(there))
    assert merge(there, git(repository, "rev-parse", "main"), ours) == Merged(
        git(repository, "rev-parse", f"{ours}^{{tree}}")
    )


def test_merge_from_a_linked_worktree_reads_the_objects_of_the_clone(
    forked: tuple[Path, str, str], git: Git, tmp_path: Path
) -> None:
    path, ours, theirs = forked
    git(path, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    source = Program(git(tmp_path / "linked", "rev-parse", "--absolute-git-dir"))
    with quarantine(source) as place:
        assert place.merge(ours, theirs) == merge(path, ours, theirs)


def test_plain_tree_of_a_conflict_is_none(forked: tuple[Path, str, str], git: Git) -> None:
    path, ours, theirs = forked
    assert forecast.plain_tree(program(path), ours, theirs) is None
    assert forecast.plain_tree(program(path), ours, ours) == git(path, "rev-parse", f"{ours}^{{tree}}")
