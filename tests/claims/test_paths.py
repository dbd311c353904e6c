"""Paths as people and agents type them, in a real clone with worktrees, links, submodules and odd names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from gitfleet.claims import paths
from gitfleet.errors import BadPath, BadPattern, FleetError, UsageError
from gitfleet.git.repository import discover
from gitfleet.patterns.language import parse
from tests.workbench import Git


def resolve(folder: Path, texts: Iterable[str]) -> list[str]:
    """What `texts` mean in a folder of a clone."""
    return [p.text for p in paths.resolve(texts, discover(str(folder)), str(folder))]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("src/api/a.py", "src/api/a.py"),
        ("./src/api//a.py", "src/api/a.py"),
        ("src/./api/a.py", "src/api/a.py"),
        ("src", "src"),
        ("src/", "src/"),
        ("./src", "src"),
        ("src//api", "src/api"),
        ("src/api/.", "src/api/"),
        (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
        (".github/", ".github/"),
        ("not/there", "not/there"),
        ("not/there/", "not/there/"),
        ("*.py", "*.py"),
        ("src/**", "src/**"),
        (".", "**"),
        ("./", "**"),
        (":/", "**"),
        (":/src/a.py", "src/a.py"),
        (":/./src//", "src/"),
        (":/res:gpu", ":/res:gpu"),
        ("./res:gpu", ":/res:gpu"),
        ("res:gpu", "res:gpu"),
        ("./src/../docs/", "docs/"),
        ("./src/api/..", "src/"),
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


@pytest.mark.parametrize(
    "name",
    [
        "a[1].txt",
        "b*c",
        "{x,y}",
        "q?",
        "-",
        "{",
        "src",
        "app/[id]",
        "app/(group)/[[...slug]]/page.tsx",
        "[größe]",
    ],
)
def test_text_means_the_same_whether_or_not_there_is_such_a_name(repository: Path, name: str) -> None:
    typed = [name, f"./{name}", f"sub/{name}", str(repository / name), f"{name}/"]
    before = resolve(repository, typed)
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    if not (repository / name).exists():
        (repository / name).touch()
    (repository / "sub" / name).mkdir(parents=True)
    assert resolve(repository, typed) == before
    assert resolve(repository, before) == before


def test_one_text_in_place_of_a_list_is_refused(repository: Path) -> None:
    with pytest.raises(UsageError, match="list of texts"):
        resolve(repository, "src")


def test_text_that_says_the_same_twice_is_one_pattern(repository: Path) -> None:
    assert resolve(repository, ["src", "src/", "./src", "README.md", "README.md"]) == [
        "src",
        "src/",
        "README.md",
    ]


# --- where a text counts from


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("./b.py", "src/api/b.py"),
        ("./b.py/", "src/api/b.py/"),
        (".//b.py", "src/api/b.py"),
        ("././b.py", "src/api/b.py"),
        ("../c.py", "src/c.py"),
        ("../../d.py", "d.py"),
        ("../api/../c.py", "src/c.py"),
        ("./*.py", "src/api/*.py"),
        ("../**/x", "src/**/x"),
        ("./[id].ts", "src/api/[id].ts"),
        (".", "src/api/"),
        ("./", "src/api/"),
        ("..", "src/"),
        ("../", "src/"),
        ("../..", "**"),
        ("./res:gpu", "src/api/res:gpu"),
        ("../../res:gpu", ":/res:gpu"),
        ("./new", "src/api/new"),
        (":/b.py", "b.py"),
        (":/", "**"),
        ("README.md", "README.md"),
        ("nowhere.py", "nowhere.py"),
        ("src/api/new.py", "src/api/new.py"),
        ("*.md", "*.md"),
        ("res:gpu", "res:gpu"),
        ("./!x", "src/api/!x"),
        ("{README.md,src/c.py}", "README.md src/c.py"),
        ("./{a,b}", "src/api/a src/api/b"),
    ],
)
def test_text_in_a_subfolder_counts_from_there_or_from_the_root(
    repository: Path, git: Git, typed: str, meant: str
) -> None:
    git.commit(repository, {"src/api/b.py": "", "src/c.py": ""})
    assert resolve(repository / "src/api", [typed]) == meant.split()


@pytest.mark.parametrize("typed", ["..", "../x", "./../x", "./a/../../x", "../../src"])
def test_text_that_leads_out_of_the_repository_is_refused(repository: Path, typed: str) -> None:
    deep = repository / "src"
    for folder, text in ((repository, typed), (deep, f"../{typed}")):
        with pytest.raises(BadPath, match="leads out of the repository") as caught:
            resolve(folder, [text])
        assert ":/" in caught.value.hint


@pytest.mark.parametrize("typed", ["./*/../x", "./[ab]/..", "{./a,./b}", "{a,../b}"])
def test_relative_text_of_which_the_place_is_unclear_is_refused(repository: Path, typed: str) -> None:
    with pytest.raises(BadPath):
        resolve(repository / "src", [typed])


def test_folder_with_wildcards_in_its_name_is_that_folder(repository: Path) -> None:
    folder = repository / "app/[id]/{a,b}/c*"
    folder.mkdir(parents=True)
    (text,) = resolve(folder, ["./page.tsx"])
    assert parse(text)[0].prefix == ("app", "[id]", "{a,b}", "c*", "page.tsx")
    (text,) = resolve(folder, ["../[x].ts"])
    assert parse(text)[0].prefix == ("app", "[id]", "{a,b}")


@pytest.mark.parametrize(
    ("typed", "there"),
    [
        ("b.py", "b.py"),
        ("v1", "v1/x.py"),
        ("v1/", "v1/x.py"),
        ("v1/x.py", "v1/x.py"),
        ("*.py", "b.py"),
        ("B.PY", "b.py"),
        ("**/x.py", "v1/x.py"),
        ("[id].ts", "[id].ts"),
        (r"\[id].ts", "[id].ts"),
        ("{README.md,b.py}", "b.py"),
    ],
)
@pytest.mark.parametrize("kept", ["tracked", "on disk", "deleted"])
def test_name_that_is_here_and_not_at_the_root_is_asked_back_about(
    repository: Path, git: Git, typed: str, there: str, kept: str
) -> None:
    here = repository / "lib/api"
    (here / there).parent.mkdir(parents=True)
    (here / there).touch()
    if kept != "on disk":
        git.commit(repository, {f"lib/api/{there}": "1"})
    if kept == "deleted":
        (here / there).unlink()
    if typed == "**/x.py":  # which takes in what is here, counted from the root
        assert resolve(here, [typed]) == [typed]
        return
    with pytest.raises(BadPath) as caught:
        resolve(here, [typed])
    assert caught.value.exit_code == 2
    assert f"Did you mean `./{typed}`, that is lib/api/" in caught.value.hint
    assert f"`:/{typed}`" in caught.value.hint
    assert resolve(repository, [typed])
    assert resolve(here, [f"./{typed}"])
    assert resolve(here, [f":/{typed}"]) == resolve(repository, [typed])


@pytest.mark.parametrize("kept", ["tracked", "on disk", "deleted"])
def test_name_that_is_at_the_root_too_counts_from_there(repository: Path, git: Git, kept: str) -> None:
    git.commit(repository, {"lib/b.py": "1"})
    (repository / "b.py").touch()
    if kept != "on disk":
        git.commit(repository, {"b.py": "1"})
    if kept == "deleted":
        (repository / "b.py").unlink()
    assert resolve(repository / "lib", ["b.py", "B.py", "*.py"]) == ["b.py", "B.py", "*.py"]


def test_subfolder_of_a_linked_worktree_counts_from_that_worktrees_root(
    repository: Path, git: Git, tmp_path: Path
) -> None:
    git(repository, "worktree", "add", "--quiet", "-b", "one", tmp_path / "linked")
    folder = tmp_path / "linked/only/here"
    folder.mkdir(parents=True)
    (folder / "x.py").touch()
    assert resolve(folder, ["./x.py", "../y", str(folder / "z")]) == [
        "only/here/x.py",
        "only/y",
        "only/here/z",
    ]
    with pytest.raises(BadPath):
        resolve(folder, ["x.py"])


def test_folder_reached_through_a_link_is_the_folder_itself(repository: Path, tmp_path: Path) -> None:
    (repository / "src/api").mkdir(parents=True, exist_ok=True)
    (tmp_path / "outside").symlink_to(repository)
    (repository / "inside").symlink_to("src/api")
    assert resolve(tmp_path / "outside/src", ["./x", "../y"]) == ["src/x", "y"]
    assert resolve(repository / "inside", ["./x", "../y"]) == ["src/api/x", "src/y"]


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
            assert resolve(at, [str(top / "src")]) == ["src"]
            assert resolve(at, [f"{top}//src/./api/"]) == ["src/api/"]
            assert resolve(at, [str(top / "*.py")]) == ["*.py"]
            assert resolve(at, [str(top), f"{top}/"]) == ["**"]
    assert resolve(repository, [str(linked / "only here")]) == ["only here"]
    assert resolve(repository, ["only here"]) == ["only here"]


def test_absolute_path_through_a_link_to_the_clone_is_inside(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repository)
    assert resolve(repository, [str(tmp_path / "link/src/api/a.py")]) == ["src/api/a.py"]
    assert resolve(repository, [str(tmp_path / "link")]) == ["**"]
    assert resolve(tmp_path / "link", [str(repository / "src")]) == ["src"]


def test_absolute_path_behind_a_link_in_the_clone_is_what_the_link_leads_to(
    repository: Path, tmp_path: Path, git: Git
) -> None:
    git(repository, "worktree", "add", "--quiet", "--detach", tmp_path / "linked")
    (repository / "api").symlink_to("src/api")
    (repository / "other").symlink_to(tmp_path / "linked/src")
    for text, meant in [("api/a.py", "src/api/a.py"), ("api/*.py", "src/api/*.py"), ("api", "api"),
                        ("api/", "src/api/"), ("other/api/new.py", "src/api/new.py")]:  # fmt: skip
        assert resolve(repository, [f"{repository}/{text}"]) == [meant]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("api/a.py", "Did you mean `src/api/a.py`? The link itself is `api`."),
        ("./api/sub/new.py", "Did you mean `src/api/sub/new.py`? "),
        ("api/", "Did you mean `src/api`? "),
        ("api/*.py", "Did you mean `src/api/*.py`? "),
        ("src/{up,x}/README.md", "Did you mean `README.md`? The link itself is `src/up`."),
        ("away/x", "The link itself is `away`."),
    ],
)
def test_path_behind_a_link_in_the_worktree_is_asked_back_about(
    repository: Path, tmp_path: Path, typed: str, hint: str
) -> None:
    for name, target in (("api", "src/api"), ("src/up", ".."), ("away", str(tmp_path))):
        (repository / name).symlink_to(target)
    with pytest.raises(BadPath, match="is a symbolic link here") as caught:
        resolve(repository, [typed])
    assert hint in caught.value.hint
    assert resolve(repository, ["api", "src/", ":/api/a.py"]) == ["api", "src/", "api/a.py"]


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
    assert resolve(tmp_path / "one", [str(tmp_path / "one/src")]) == ["src"]
    with pytest.raises(BadPath):
        resolve(tmp_path / "one", [str(hub / "config")])


def test_submodule_named_without_its_slash_is_the_link_to_its_commit(
    repository: Path, hub: Path, git: Git
) -> None:
    git(repository, "submodule", "--quiet", "add", hub, "vendor/lib")
    assert resolve(repository, ["vendor/lib", "vendor"]) == ["vendor/lib", "vendor"]
    inside = repository / "vendor/lib"
    assert resolve(inside, ["src", str(inside / "README.md")]) == ["src", "README.md"]


def test_refusal_never_shows_control_characters(repository: Path) -> None:
    for typed in ("/\x1b[31m", "\x1b[31m", "[\x1b[31m", "!\u202e"):
        with pytest.raises(FleetError) as caught:
            resolve(repository, [typed])
        assert "\x1b" not in caught.value.message
        assert "\u202e" not in caught.value.message
