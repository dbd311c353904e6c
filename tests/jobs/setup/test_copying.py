"""Copies beneath a folder: what is copied, what is left as it is, and that nothing leads out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.jobs.setup.copying import Copier


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Where is copied from and to, and a place that is neither."""
    made = (tmp_path / "source", tmp_path / "target", tmp_path / "elsewhere")
    for place in made:
        place.mkdir()
    return made


def test_file_is_copied_with_its_folders_its_permissions_and_its_time(
    places: tuple[Path, Path, Path],
) -> None:
    source, target, _ = places
    (source / "a/b").mkdir(parents=True)
    (source / "a/b/c").write_bytes(b"x" * 3_000_000)
    (source / "a/b/c").chmod(0o600)
    os.utime(source / "a/b/c", ns=(1, 2))
    copier = Copier(str(source), str(target))
    copier.files(["a/b/c"])
    made = target / "a/b/c"
    assert (made.read_bytes(), copier.copied, copier.passed) == (b"x" * 3_000_000, 1, [])
    assert (made.stat().st_mode & 0o777, made.stat().st_mtime_ns) == (0o600, 2)


def test_file_system_that_shares_nothing_gets_the_bytes(
    places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, _ = places
    (source / "one").write_bytes(b"y" * 2_000_000)
    monkeypatch.delattr(os, "copy_file_range", raising=False)
    Copier(str(source), str(target)).everything()
    assert (target / "one").read_bytes() == b"y" * 2_000_000


def test_what_is_there_stays(places: tuple[Path, Path, Path]) -> None:
    source, target, _ = places
    for place, text in ((source, "new"), (target, "old")):
        (place / "one").write_text(text)
    copier = Copier(str(source), str(target))
    copier.files(["one", "gone"])
    assert (target / "one").read_text() == "old"
    assert copier.passed == [("one", "something is there"), ("gone", "it is gone")]


@pytest.mark.parametrize("where", ["source", "target"])
def test_folder_that_is_a_link_is_not_gone_through(places: tuple[Path, Path, Path], where: str) -> None:
    source, target, elsewhere = places
    (elsewhere / "inner").mkdir()
    (elsewhere / "inner/secret").write_text("s")
    if where == "source":
        (source / "way").symlink_to(elsewhere)
    else:
        (source / "way/inner").mkdir(parents=True)
        (source / "way/inner/file").write_text("f")
        (target / "way").symlink_to(elsewhere)
    copier = Copier(str(source), str(target))
    copier.files(["way/inner/secret" if where == "source" else "way/inner/file"])
    assert [why for _, why in copier.passed] == ["a folder on its way is a link or a file"]
    tree = Copier(str(source), str(target))
    tree.everything()
    assert sorted(path.name for path in elsewhere.rglob("*")) == ["inner", "secret"]


def test_template_keeps_its_links_and_leaves_git_alone(places: tuple[Path, Path, Path]) -> None:
    source, target, _ = places
    (source / ".git").mkdir()
    (source / ".git/config").write_text("c")
    (source / "bin").mkdir()
    (source / "bin/tool").symlink_to("../tool.js")
    os.mkfifo(source / "pipe")
    copier = Copier(str(source), str(target))
    copier.everything()
    assert os.readlink(target / "bin/tool") == "../tool.js"
    assert not (target / ".git").exists()
    assert copier.passed == [("pipe", "it is no file")]
