"""Paths as people and agents type them, in a real clone with worktrees, links, submodules and odd names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from gitfleet.claims import paths
from gitfleet.claims.patterns import parse
from gitfleet.errors import BadPath, BadPattern, FleetError
from gitfleet.git.repository import discover
from tests.workbench import Git


def resolve(clone: Path, texts: Iterable[str]) -> list[str]:
    repository = discover(str(clone))
    return [p.text for p in paths.resolve(texts, worktree=repository.worktree, git=repository.git)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("src/api/a.py", "src/api/a.py"),
        ("./src/api//a.py", "src/api/a.py"),
        ("src/./api/a.py", "src/api/a.py"),
        ("src", "src/"),
        ("src/", "src/"),
        ("./src", "src/"),
        ("src//api", "src/api/"),
        ("src/api/.", "src/api/"),
        (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
        (".github/", ".github/"),
        ("not/there", "not/there"),
        ("not/there/", "not/there/"),
        ("*.py", "*.py"),
        ("src/**", "src/**"),
        (".", "**"),
        ("./", "**"),
        ("two words/it's", "two words/it's"),
        ("-dash", "-dash"),
        ('"quoted"', '"quoted"'),
        ("caf\u00e9", "caf\u00e9"),
        ("cafe\u0301", "cafe\u0301"),
        (os.fsdecode(b"caf\xe9"), os.fsdecode(b"caf\xe9")),
        ("a" * 4096, "a" * 4096),
    ],
)
def test_text_means_a_path_from_the_root(repository: Path, typed: str, meant: str) -> None:
    assert resolve(repository, [typed]) == [meant]


@pytest.mark.parametrize(
    "typed",
    ["", "../x", "a/../b", "src/..", ".git", ".git/config", "src/.GIT/x", "a\nb", "a\x1bb", "a\x7f", "a\0b",
     "a" * 4097, "é" * 2049, "\ud800"],
)  # fmt: skip
def test_text_that_is_no_path_of_a_repository_is_refused(repository: Path, typed: str) -> None:
    with pytest.raises(BadPath) as caught:
        resolve(repository, ["README.md", typed])
    assert caught.value.exit_code == 2
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize("typed", ["!x", "[a", "{a", "a\\", "{" + ",".join("abcdefghij" * 8) + "}"])
def test_text_that_is_no_pattern_is_refused(repository: Path, typed: str) -> None:
    if typed == "{a":
        assert resolve(repository, [typed])  # an open brace is a character
        return
    with pytest.raises(BadPattern):
        resolve(repository, [typed])


@pytest.mark.parametrize("name", ["a[1].txt", "b*c", "{x,y}", "!bang", "back\\slash", "q?", "-", "[", "{"])
def test_name_that_exists_as_typed_is_that_file_alone(repository: Path, name: str) -> None:
    (repository / name).touch()
    (repository / "sub").mkdir()
    (repository / "sub" / name).touch()
    for typed in (name, f"./{name}", f"sub/{name}", str(repository / name)):
        (text,) = resolve(repository, [typed])
        (again,) = resolve(repository.parent / "repository", [text])
        assert again == text
        found = parse(text)[0]
        assert found.shape == "file"
        assert found.prefix[-1] == name


def test_name_of_a_folder_with_wildcards_is_that_folder(repository: Path) -> None:
    (repository / "pages/[id]").mkdir(parents=True)
    for typed in ("pages/[id]", "pages/[id]/", "./pages/[id]"):
        (text,) = resolve(repository, [typed])
        assert parse(text)[0].prefix == ("pages", "[id]")
        assert parse(text)[0].shape == "dir"


def test_text_that_says_the_same_twice_is_one_pattern(repository: Path) -> None:
    assert resolve(repository, ["src", "src/", "./src", "README.md", "README.md"]) == ["src/", "README.md"]


def test_braces_are_every_alternative(repository: Path) -> None:
    assert resolve(repository, ["src/{a,b}.py"]) == ["src/a.py", "src/b.py"]


def test_absolute_path_counts_from_the_worktree_that_it_is_in(
    repository: Path, git: Git, tmp_path: Path
) -> None:
    linked, inner = tmp_path / "linked tree", repository / "trees/inner"
    git(repository, "worktree", "add", "--quiet", "-b", "one", linked)
    git(repository, "worktree", "add", "--quiet", "-b", "two", inner)
    (linked / "only here").mkdir()
    for top in (repository, linked, inner):
        for at in (repository, linked, inner):
            assert resolve(at, [str(top / "src/api/a.py")]) == ["src/api/a.py"]
            assert resolve(at, [str(top / "src")]) == ["src/"]
            assert resolve(at, [f"{top}//src/./api/"]) == ["src/api/"]
            assert resolve(at, [str(top / "*.py")]) == ["*.py"]
            assert resolve(at, [str(top), f"{top}/"]) == ["**"]
    assert resolve(repository, [str(linked / "only here")]) == ["only here/"]
    assert resolve(repository, ["only here"]) == ["only here"]


def test_absolute_path_through_a_link_to_the_clone_is_inside(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repository)
    assert resolve(repository, [str(tmp_path / "link/src/api/a.py")]) == ["src/api/a.py"]
    assert resolve(repository, [str(tmp_path / "link")]) == ["**"]
    assert resolve(tmp_path / "link", [str(repository / "src")]) == ["src/"]


def test_absolute_path_of_a_link_in_the_clone_is_the_link(repository: Path, tmp_path: Path) -> None:
    (repository / "link").symlink_to(tmp_path)
    (repository / "dead").symlink_to("nowhere")
    assert resolve(repository, [str(repository / "link"), "link", "dead"]) == ["link", "dead"]


@pytest.mark.parametrize("typed", ["/etc/passwd", "/", "{top}-other/x", "{top}/../x", "{top}/.git/config"])
def test_absolute_path_outside_of_the_worktrees_is_refused(repository: Path, typed: str) -> None:
    with pytest.raises(BadPath):
        resolve(repository, [typed.format(top=repository)])


def test_absolute_path_into_a_bare_repository_with_worktrees_is_outside(
    hub: Path, git: Git, tmp_path: Path
) -> None:
    git(hub, "worktree", "add", "--quiet", "-b", "one", tmp_path / "one")
    assert resolve(tmp_path / "one", [str(tmp_path / "one/src")]) == ["src/"]
    with pytest.raises(BadPath):
        resolve(tmp_path / "one", [str(hub / "config")])


def test_submodule_named_without_its_slash_is_the_link_to_its_commit(
    repository: Path, hub: Path, git: Git
) -> None:
    git(repository, "submodule", "--quiet", "add", hub, "vendor/lib")
    assert resolve(repository, ["vendor/lib", "vendor"]) == ["vendor/lib", "vendor/"]
    inside = repository / "vendor/lib"
    assert resolve(inside, ["src", str(inside / "README.md")]) == ["src/", "README.md"]


def test_refusal_never_shows_control_characters(repository: Path) -> None:
    for typed in ("/\x1b[31m", "\x1b[31m", "[\x1b[31m", "!\u202e"):
        with pytest.raises(FleetError) as caught:
            resolve(repository, [typed])
        assert "\x1b" not in caught.value.message
        assert "\u202e" not in caught.value.message
