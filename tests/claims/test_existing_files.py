"""What is there of a pattern: in trees, against all files of them, and in worktrees."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.claims import existing_files
from gitfleet.errors import Corrupt
from gitfleet.git import trees
from gitfleet.git.repository import discover
from gitfleet.git.trees import Entry
from gitfleet.patterns.language import Pattern, matches, parse
from tests.claims.world import Store
from tests.sampling import examples
from tests.workbench import Git


class Counting(Store):
    """A store that notes what is read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def read(self, oid: str) -> tuple[str, bytes]:
        self.asked.append(oid)
        return super().read(oid)


def one(text: str) -> Pattern:
    (pattern,) = parse(text)
    return pattern


def tree(store: Store, files: Mapping[str, str]) -> str:
    """A tree with these files."""
    entries: dict[str, Entry] = {}
    for name in {path.split("/")[0] for path in files}:
        below = {path[len(name) + 1 :]: text for path, text in files.items() if path.startswith(f"{name}/")}
        if below:
            entries[name] = Entry(trees.FOLDER, tree(store, below))
        else:
            entries[name] = Entry(trees.FILE, store.write("blob", files[name].encode()))
    return store.write("tree", trees.serialise(entries))


TEXTS = [
    "a", "a/", "a/b", "*", "**", "a/*", "*/b", "**/b", "a/**", "[ab]", "a/[b]", r"a/\[b]", "A/B", "c/**/b", "*/", "[b]/*", "b*/b",
]  # fmt: skip
NAMES = st.lists(st.sampled_from(["a", "b", "[b]", "c"]), min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(NAMES, st.sampled_from("12"), max_size=8).map(
    lambda files: {
        path: text for path, text in files.items() if not any(other.startswith(f"{path}/") for other in files)
    }
)


@given(FILES, FILES, st.sampled_from(TEXTS), st.booleans())
@examples(200)
def test_differing_of_two_trees_is_each_file_that_is_matched_and_differs(
    old: dict[str, str], new: dict[str, str], text: str, case_sensitive: bool
) -> None:
    store = Store()
    found = existing_files.differing(
        store, tree(store, old), tree(store, new), one(text), case_sensitive=case_sensitive
    )
    expected = {
        path
        for path in {*old, *new}
        if old.get(path) != new.get(path) and matches(one(text), path, case_sensitive=case_sensitive)
    }
    assert sorted(path for path, *_ in found) == sorted(expected)


@given(FILES, st.sampled_from(TEXTS))
@examples(100)
def test_without_names_what_matches_no_file(files: dict[str, str], text: str) -> None:
    store = Store()
    missing = existing_files.without(store, [tree(store, {}), tree(store, files)], [one(text)])
    assert missing == ([] if any(matches(one(text), path) for path in files) else [one(text)])


def test_differing_reads_no_folder_beside_the_path_and_none_that_is_the_same() -> None:
    store = Counting()
    many = {f"folder{n}/x/y.py": "1" for n in range(50)}
    old, new = (
        tree(store, {**many, "src/same/a": "1", "src/b": "1"}),
        tree(store, {**many, "src/same/a": "1", "src/b": "2", "folder1/x/z": "1"}),
    )
    store.asked.clear()
    assert [path for path, *_ in existing_files.differing(store, old, new, one("src"))] == ["src/b"]
    assert len(store.asked) == 4, "the two roots and the two folders `src`"


def test_differing_of_a_tree_that_is_not_here_says_so() -> None:
    store = Store()
    with pytest.raises(Corrupt):
        list(existing_files.differing(store, None, "1" * 40, one("a")))
    with pytest.raises(Corrupt):
        existing_files.tree_of(store, "1" * 40)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("src", True),
        ("src/api/a.py", True),
        ("SRC/api", True),
        ("src/api/none.py", False),
        ("src/**/*.py", True),
        ("**/*.rs", False),
        ("loose.txt", True),
        ("loo*", True),
        ("ignored.log", True),
        ("ign*", False),
        ("gone.txt", True),
        ("empty", True),
        ("app/[id]/page.tsx", True),
        (r"app/\[id]/page.tsx", True),
        ("app/[xy]/page.tsx", False),
        ("**", True),
        ("res:gpu", True),
        (":/res:x", False),
    ],
)
def test_missing_in_a_worktree_is_what_is_neither_tracked_nor_on_disk(
    repository: Path, git: Git, text: str, there: bool
) -> None:
    git.commit(repository, {".gitignore": "*.log\n", "gone.txt": "1\n", "app/[id]/page.tsx": "1\n"})
    (repository / "gone.txt").unlink()
    (repository / "loose.txt").touch()
    (repository / "ignored.log").touch()
    (repository / "empty").mkdir()
    here = discover(str(repository)).here
    assert existing_files.missing(here, str(repository), [one(text)]) == ([] if there else [one(text)])


@pytest.mark.parametrize("form", ["plain", "short paths", "shared", "only folders", "none"])
def test_missing_finds_what_is_tracked_and_not_on_disk_in_every_form_of_the_index(
    repository: Path, git: Git, form: str
) -> None:
    git.commit(repository, {"top.txt": "1\n", "far/Away.txt": "1\n"})
    if form == "short paths":
        git(repository, "update-index", "--index-version", "4")
    elif form == "shared":
        git(repository, "update-index", "--split-index")
    elif form == "only folders":
        git(repository, "sparse-checkout", "set", "--sparse-index", "src")
    shutil.rmtree(repository / "far", ignore_errors=True)
    if form == "none":
        (repository / ".git/index").unlink()
    wanted = [one(text) for text in ("far/", "FAR/away.txt", "far/none.txt", "new.txt")]
    left = existing_files.missing(discover(str(repository)).here, str(repository), wanted)
    assert left == (wanted if form == "none" else wanted[2:])
