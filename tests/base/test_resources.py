"""What gitfleet brings along is found in a checkout and in an installation, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.base import resources
from gitfleet.errors import LocalStorage
from tests.workbench import ROOT


def lay_out(root: Path, *places: str) -> str:
    for place in places:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(place.encode())
    return str(root / "gitfleet")


def test_resources_in_this_checkout_are_those_beside_the_package() -> None:
    assert resources.folder("hooks") == str(ROOT / "hooks")
    assert resources.read("hooks", "pre-receive") == (ROOT / "hooks/pre-receive").read_bytes()


def test_resources_in_an_installation_are_those_below_the_package(tmp_path: Path) -> None:
    package = lay_out(tmp_path, "gitfleet/_data/templates/a/b", "templates/a/b", "pyproject.toml")
    assert resources.read("templates", "a/b", package=package) == b"gitfleet/_data/templates/a/b"


def test_resources_of_somebody_else_beside_an_installation_are_not_ours(tmp_path: Path) -> None:
    package = lay_out(tmp_path, "gitfleet/__init__.py", "hooks/pre-commit")
    with pytest.raises(LocalStorage, match="incomplete"):
        resources.folder("hooks", package=package)


def test_resources_that_are_missing_are_named(tmp_path: Path) -> None:
    package = lay_out(tmp_path, "gitfleet/_data/hooks/pre-commit")
    with pytest.raises(LocalStorage) as missing:
        resources.read("hooks", "post-commit", package=package)
    assert missing.value.path == str(tmp_path / "gitfleet/_data/hooks/post-commit")
