"""Files that are there whole or not at all, and words for what the system refuses."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from gitfleet.base import files
from gitfleet.errors import LocalStorage
from tests.places import file_system, fill, make_read_only, needs_mount


@pytest.mark.parametrize("durable", [True, False])
def test_replace_puts_the_content_and_leaves_nothing_beside_it(tmp_path: Path, *, durable: bool) -> None:
    path = tmp_path / "file"
    for data in (b"one", b"", b"x" * 100_000):
        files.replace(str(path), data, durable=durable)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["file"]


def test_replace_of_a_link_puts_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("target")
    files.replace(str(tmp_path / "link"), b"new")
    assert (tmp_path / "target").read_bytes() == b"kept"
    assert not (tmp_path / "link").is_symlink()


def test_create_where_something_is_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert files.create(str(path), b"first")
    assert not files.create(str(path), b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["file"]


def test_read_and_remove_of_what_is_not_there_say_so(tmp_path: Path) -> None:
    path = str(tmp_path / "no/such/file")
    assert files.read(path) is None
    assert not files.remove(path)
    assert files.names(path) == []
    (tmp_path / "file").write_bytes(b"")
    assert files.read(str(tmp_path / "file/below")) is None
    assert files.names(str(tmp_path / "file")) == []


def test_names_are_sorted_and_without_what_is_being_written(tmp_path: Path) -> None:
    for name in ("b", "a", "c.tmp", os.fsdecode(b"\xff")):
        (tmp_path / name).write_bytes(b"")
    assert files.names(str(tmp_path)) == ["a", "b", os.fsdecode(b"\xff")]


@needs_mount
def test_write_on_a_full_disk_raises_in_words_and_keeps_the_old_content(tmp_path: Path) -> None:
    with file_system(tmp_path / "disk", size="1m") as disk:
        path = disk / "file"
        files.replace(str(path), b"old")
        fill(disk, leave=0)
        with pytest.raises(LocalStorage, match="disk is full") as caught:
            files.replace(str(path), b"x" * 10_000)
        assert (caught.value.exit_code, caught.value.path) == (20, str(path))
        assert path.read_bytes() == b"old"
        assert sorted(os.listdir(disk)) == ["file", "filler"]


@needs_mount
def test_write_on_a_read_only_disk_raises_in_words(tmp_path: Path) -> None:
    with file_system(tmp_path / "disk", size="1m") as disk:
        make_read_only(disk)
        for write in (files.replace, files.create):
            with pytest.raises(LocalStorage, match="read-only"):
                write(str(disk / "file"), b"new")
        with pytest.raises(LocalStorage, match="read-only"):
            files.folder(str(disk / "folder"))


def test_write_beyond_the_allowed_size_raises_in_words(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(LocalStorage, match="larger than is allowed"):
            files.replace(str(tmp_path / "file"), b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []


def test_replace_where_the_folder_is_missing_is_a_bug_and_no_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.replace(str(tmp_path / "missing/file"), b"")
