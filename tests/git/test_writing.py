"""New objects are stored whole, whatever git's own upkeep takes away at the same moment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gitfleet.git.writing import PACK_ABOVE, Pending
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
