"""One attributes file for a whole tree: it means what the files of the tree mean, to git itself."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gitfleet.errors import Unverifiable
from gitfleet.git import merge_rules
from gitfleet.git.drivers import MergeDriver
from gitfleet.git.program import Git as Program
from gitfleet.git.quarantine import quarantine
from tests.workbench import Git

ALL = {name: MergeDriver() for name in ("union", "one", "two")}
FOLDERS = ["", "a", "a/b", "a[1]", "a/b c", "*x", "[attr]q", "ü"]
NAMES = ["f.c", "f.h", "g", "!g", "a b", "[z]", "q*", "#x", "f.c.c", "back\\slash", "ä.c"]
PATTERNS = [
    "*", "*.c", "g", "/g", "b/g", "a/**/g", "**/g", "**/b/*.c", "b/**", "[fg]*", "\\!g", "!g", "g/", "f.?", '"a b"', '"\\303\\244.c"',
    "[[]z]", "q\\*", "\\#x", "#x", "a", '"broken', "*.c.c", "**", "**c", "f[.]c", "back\\\\slash", "[attr]mine", '"[attr]mine"',
    "a/b/g", "/a/b/g", "a/", "*/g", "F.C",
]  # fmt: skip
ATTRIBUTES = [
    "merge=union", "-merge", "merge", "!merge", "merge=one", "merge=two", "binary", "-binary", "text", "eol=lf", "mine", "-mine",
    "conflict-marker-size=9", "filter=lfs", "merge=binary", "!mine", "in/valid", "--x",
]  # fmt: skip


def attributes(chance: random.Random) -> str:
    ends = ["\n", "\r\n", " \n", "\t\n"]
    lines = [
        chance.choice(PATTERNS)
        + chance.choice([" ", "\t", "  "])
        + " ".join(chance.sample(ATTRIBUTES, chance.randint(1, 3)))
        for _ in range(chance.randint(1, 6))
    ]
    return chance.choice(["", "\ufeff", "# first\n"]) + "".join(line + chance.choice(ends) for line in lines)


def said(git: Git, where: Path, paths: list[str]) -> dict[str, str]:
    """What git says of each path and attribute."""
    out = git(where, "check-attr", "-z", "--stdin", "merge", "conflict-marker-size", stdin="\0".join(paths))
    fields = out.split("\0")
    return {f"{path}: {name}": value for path, name, value in zip(*[iter(fields)] * 3, strict=False)}


@pytest.mark.parametrize("seed", range(16))
def test_compiled_attributes_of_a_random_tree_mean_to_git_what_its_files_mean(
    repository: Path, git: Git, seed: int
) -> None:
    chance = random.Random(seed)
    for folder in FOLDERS:
        (repository / folder).mkdir(parents=True, exist_ok=True)
        if chance.random() < 0.7:
            (repository / folder / ".gitattributes").write_bytes(attributes(chance).encode())
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "attributes")
    paths = [f"{folder}/{name}".lstrip("/") for folder in FOLDERS for name in NAMES]
    source = Program(str(repository / ".git"))
    rules = merge_rules.of_tree(source, "HEAD", ALL)
    with quarantine(source, rules) as place:
        assert said(git, Path(place.git.git_dir), paths) == said(git, repository, paths)


@pytest.mark.parametrize(
    ("files", "allowed", "lines", "used"),
    [
        ([("", "*.md merge=union\n")], {}, '"*.md" merge=text\n', []),
        ([("", "*.md merge=union\n")], ALL, '"*.md" merge=union\n', ["union"]),
        ([("", "[attr]keep merge=one\n*.x keep text\n")], {}, '"[attr]keep" merge=text\n"*.x" keep\n', []),
        ([("", "* text=auto eol=lf\n*.png filter=lfs diff=lfs merge=lfs -text\n")], {}, '"*.png" merge=text\n', []),
        ([("a", "x -merge\n"), ("", "y merge\n")], {}, '"y" merge\n"a/**/x" -merge\n', []),
        ([("", "x merge builtin_x\ny -merge in/valid\nz merge\n")], {}, '"z" merge\n', []),
        ([("a", "[attr]keep merge=one\n* keep\n")], ALL, "", []),
    ],
)  # fmt: skip
def test_compiled_attributes_have_what_counts_in_a_merge_and_only_allowed_drivers(
    files: list[tuple[str, str]], allowed: dict[str, MergeDriver], lines: str, used: list[str]
) -> None:
    assert merge_rules.compiled(files, allowed) == (lines, frozenset(used))


def test_attributes_that_are_a_link_do_not_count(repository: Path, git: Git) -> None:
    (repository / "real").write_text("* -merge\n")
    (repository / ".gitattributes").symlink_to("real")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", "link")
    assert merge_rules.of_tree(Program(str(repository / ".git")), "HEAD") == merge_rules.PLAIN


def test_rules_with_a_driver_of_another_version_are_refused_with_both_versions(
    repository: Path, git: Git, tmp_path: Path
) -> None:
    program = tmp_path / "merger"
    program.write_text("#!/bin/sh\necho 'merger 2.0'\n")
    program.chmod(0o755)
    git.commit(repository, {".gitattributes": "*.c merge=m\n"})
    source = Program(str(repository / ".git"))
    right, wrong = (MergeDriver(f"{program} %A", version) for version in ("merger 2.0", "merger 1.0"))
    assert merge_rules.of_tree(source, "HEAD", {"m": right}).drivers == {"m": right}
    with pytest.raises(Unverifiable, match=r"'m' in the version 'merger 1\.0'.*'merger 2\.0'"):
        merge_rules.of_tree(source, "HEAD", {"m": wrong})
    with pytest.raises(Unverifiable, match="it is not installed"):
        merge_rules.of_tree(source, "HEAD", {"m": MergeDriver("no-such-merger %A", "1")})


def test_a_driver_that_no_attribute_names_needs_not_be_there_and_leaves_no_trace(
    repository: Path, git: Git
) -> None:
    git.commit(repository, {".gitattributes": "*.c -merge\n"})
    source = Program(str(repository / ".git"))
    with_it = merge_rules.of_tree(source, "HEAD", {"m": MergeDriver("no-such-merger", "1")})
    assert with_it.fingerprint == merge_rules.of_tree(source, "HEAD").fingerprint


def test_fingerprint_changes_with_attributes_and_drivers() -> None:
    rules = [
        merge_rules.PLAIN,
        merge_rules.MergeRules('"x" -merge\n'),
        merge_rules.MergeRules('"x" merge=m\n', {"m": MergeDriver("m %A", "1")}),
        merge_rules.MergeRules('"x" merge=m\n', {"m": MergeDriver("m %A", "2")}),
    ]
    assert len({one.fingerprint for one in rules}) == len(rules)
