"""New objects are stored whole, whatever git's own upkeep takes away at the same moment."""

from __future__ import annotations

import _thread
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from gitfleet.errors import LocalStorage
from gitfleet.git.writing import AT_ONCE, PACK_ABOVE, Pending
from tests.workbench import Git


@pytest.mark.parametrize("times", [1, 7])
@pytest.mark.parametrize("what", ["folder", "file"])
def test_object_is_stored_although_git_takes_its_folder_or_its_file_away_meanwhile(
    repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch, what: str, times: int
) -> None:
    taken: list[str] = []
    name = "open" if what == "folder" else "rename"
    real = getattr(os, name)

    def meanwhile(path: Any, *rest: Any, **named: Any) -> Any:
        if "tmp_obj_" in str(path) and len(taken) < times:
            taken.append(path)
            os.rmdir(os.path.dirname(path)) if what == "folder" else os.unlink(path)
        return real(path, *rest, **named)

    monkeypatch.setattr(os, name, meanwhile)
    pending = Pending(str(repository / ".git"))
    oid = pending.add("blob", b"nobody has this\n")
    pending.flush()
    assert len(taken) == times
    assert git(repository, "cat-file", "-p", oid) == "nobody has this"
    assert not list((repository / ".git/objects").glob("*/tmp_obj_*"))


def test_object_that_is_there_is_kept_from_being_pruned_as_an_old_one(repository: Path, git: Git) -> None:
    oid = git(repository, "hash-object", "-w", "--stdin", stdin="left behind long ago\n")
    os.utime(repository / ".git/objects" / oid[:2] / oid[2:], (1, 1))
    pending = Pending(str(repository / ".git"))
    assert pending.add("blob", b"left behind long ago\n") == oid
    pending.flush()
    git(repository, "prune", "--expire=1.hour.ago")
    assert git(repository, "cat-file", "-t", oid) == "blob"


@pytest.mark.parametrize("count", [3, PACK_ABOVE + 1], ids=["loose", "pack"])
def test_objects_that_are_packed_and_pruned_again_and_again_are_stored(
    repository: Path, git: Git, count: int
) -> None:
    for number in range(3):
        pending = Pending(str(repository / ".git"))
        oids = [pending.add("blob", b"%d of %d\n" % (number, one)) for one in range(count)]
        pending.flush()
        found = git(repository, "cat-file", "--batch-check", stdin="\n".join(oids))
        assert found.count(" blob ") == count
        git(repository, "gc", "--quiet", "--prune=now")


def test_object_that_cannot_be_stored_beside_others_is_told_of_when_all_have_come_to_an_end(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = Pending(str(repository / ".git"))
    oids = [pending.add("blob", b"%d\n" % number) for number in range(4 * AT_ONCE)]
    real = os.open

    def full(path: Any, *rest: Any, **named: Any) -> int:
        if f"/{oids[AT_ONCE + 1][:2]}/tmp_obj_" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return real(path, *rest, **named)

    with monkeypatch.context() as during:
        during.setattr(os, "open", full)
        with pytest.raises(LocalStorage, match="the disk is full"):
            pending.flush()
    assert not list((repository / ".git/objects").glob("*/tmp_obj_*"))
    pending.flush()
    assert all((repository / ".git/objects" / oid[:2] / oid[2:]).exists() for oid in oids)


def test_objects_are_stored_also_where_no_thread_is_to_be_had(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", none)
    pending = Pending(str(repository / ".git"))
    oids = [pending.add("blob", b"%d\n" % number) for number in range(2 * AT_ONCE)]
    pending.flush()
    assert all((repository / ".git/objects" / oid[:2] / oid[2:]).exists() for oid in oids)
