"""Which files a worktree gets copies of: what is named, and only what git ignores."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.jobs.setup import ignored_files
from gitfleet.jobs.setup.ignored_files import NotThere
from tests.workbench import Git

FILES = (".env", "sub/.env", "keys/a", "keys/b", "plain.txt", "build/out", "odd\n[name]")


@pytest.fixture
def checkout(tmp_path: Path, git: Git) -> Path:
    git(tmp_path, "init", "-q")
    git.commit(tmp_path, {".gitignore": ".env\nkeys/\nbuild/\n*\\[name]\n", "code.py": "x"})
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


def chosen(checkout: Path, *patterns: str) -> list[str]:
    return sorted(ignored_files.chosen(str(checkout), str(checkout / ".git"), patterns))


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ((), []),
        ((".env",), [".env", "sub/.env"]),
        (("sub/.env",), ["sub/.env"]),
        (("keys/", "!keys/b"), ["keys/a", "keys/b"]),
        (("keys/*", "!keys/b"), ["keys/a"]),
        (("*.txt", "*.py"), []),
        (("odd*",), ["odd\n[name]"]),
    ],
)
def test_names_are_matched_as_in_gitignore(
    checkout: Path, patterns: tuple[str, ...], found: list[str]
) -> None:
    assert chosen(checkout, *patterns) == found


def test_checkouts_own_list_counts_too(checkout: Path) -> None:
    (checkout / ".worktreeinclude").write_text("# secrets\nkeys/\n")
    assert chosen(checkout) == ["keys/a", "keys/b"]
    assert chosen(checkout, "build") == ["build/out", "keys/a", "keys/b"]


def test_list_that_is_a_link_is_none(checkout: Path) -> None:
    (checkout / "elsewhere").write_text("keys/\n")
    (checkout / ".worktreeinclude").symlink_to("elsewhere")
    assert chosen(checkout) == []


@pytest.mark.parametrize("name", ["nothing", "plain.txt", "code.py"])
def test_name_that_stands_for_nothing_is_told(checkout: Path, name: str) -> None:
    with pytest.raises(NotThere, match=name):
        chosen(checkout, ".env", name)


def test_other_repository_inside_is_left_alone(checkout: Path, git: Git) -> None:
    inner = checkout / "build/inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / ".env").write_text("x")
    assert chosen(checkout, ".env") == [".env", "sub/.env"]
