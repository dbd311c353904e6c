"""A throwaway repository: what it can read, and what it leaves behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.errors import HubUnreachable, Unverifiable
from gitfleet.git.program import Git as Program
from gitfleet.git.scratch import Scratch, scratch
from tests.workbench import Git


@pytest.fixture
def history(hub: Path, clone: Callable[[str], Path], git: Git) -> Path:
    """A clone whose `main` has three commits more than the hub had, pushed."""
    path = clone("maker")
    for number in range(3):
        git.commit(path, {f"f{number}": f"{number}\n"}, f"c{number}")
    git(path, "push", "--quiet", "origin", "main")
    return path


def program(path: Path) -> Program:
    return Program(str(path / ".git"), cwd=str(path))


def count(place: Scratch) -> int:
    return int(place.git.run("rev-list", "--count", place.tip(0)))


def test_scratch_shows_the_head_and_refs_of_the_remote(history: Path, git: Git) -> None:
    with scratch(program(history), "origin") as place:
        head, found = place.remote.survey("HEAD", "refs/heads/*")
    assert head.branch == "main"
    assert found["refs/heads/main"] == git(history, "rev-parse", "HEAD")


def test_scratch_fetches_as_deep_as_is_asked_and_leaves_the_clone_alone(history: Path, git: Git) -> None:
    before = (
        git(history, "for-each-ref"),
        git(history, "config", "--list", "--local"),
        sorted(os.listdir(history / ".git")),
    )
    with scratch(program(history), "origin") as place:
        folder = place.git.git_dir
        for depth in (1, 3):
            place.fetch(["refs/heads/main"], depth=depth, contents=False)
            assert count(place) == depth
        assert place.git.run("cat-file", "blob", f"{place.tip(0)}:f2") == b"2\n"
    assert not os.path.exists(folder)
    after = (
        git(history, "for-each-ref"),
        git(history, "config", "--list", "--local"),
        sorted(os.listdir(history / ".git")),
    )
    assert after == before


def test_scratch_from_a_hub_that_leaves_files_out_fetches_them_when_asked_for(
    history: Path, hub: Path, git: Git
) -> None:
    git(hub, "config", "uploadpack.allowFilter", "true")
    git(history, "remote", "set-url", "origin", f"file://{hub}")
    with scratch(program(history), "origin") as place:
        place.fetch(["refs/heads/main"], depth=1, contents=False)
        known = place.git.run("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)").split()
        assert b"blob" not in known
        assert place.git.run("cat-file", "blob", f"{place.tip(0)}:f1") == b"1\n"


def test_scratch_asked_for_what_the_remote_does_not_have_is_unverifiable(history: Path) -> None:
    with scratch(program(history), "origin") as place:
        for name in ("1" * 40, "refs/heads/none"):
            with pytest.raises(Unverifiable):
                place.fetch([name], depth=1)


def test_scratch_of_a_remote_that_is_away_says_so(history: Path, hub: Path) -> None:
    hub.rename(hub.with_name("away"))
    with scratch(program(history), "origin") as place:
        with pytest.raises(HubUnreachable):
            place.remote.survey("HEAD")
        with pytest.raises(HubUnreachable):
            place.fetch(["refs/heads/main"], depth=1)


def test_scratch_reaches_a_remote_by_a_relative_address_and_by_the_clones_own_settings(
    history: Path, hub: Path, git: Git
) -> None:
    git(history, "remote", "set-url", "origin", f"../{hub.name}")
    with scratch(program(history), "origin") as place:
        assert place.remote.survey("HEAD")[0].branch == "main"
    git(history, "remote", "set-url", "origin", "there:x")
    git(history, "config", f"url.{hub}.insteadOf", "there:x")
    with scratch(program(history), "origin") as place:
        assert place.remote.survey("HEAD")[0].branch == "main"


def test_scratch_lends_credentials_without_writing_them_down(
    history: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(history, "config", "http.https://example.org/.extraheader", "AUTHORIZATION: basic c2VjcmV0")
    git(history, "config", "remote.origin.promisor", "true")
    git(history, "config", "--global", "http.userAgent", "once")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.postBuffer")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "1234567")
    with scratch(program(history), "origin") as place:
        said = place.git.run("config", "--list").decode().splitlines()
        kept = [file.read_bytes() for file in Path(place.git.git_dir).rglob("*") if file.is_file()]
        argv = place.git.argv("fetch")
    assert said.count("http.https://example.org/.extraheader=AUTHORIZATION: basic c2VjcmV0") == 1
    assert said.count("http.useragent=once") == 1
    assert "http.postbuffer=1234567" in said
    assert "remote.origin.promisor=true" not in said
    assert not any(b"c2VjcmV0" in data for data in kept)
    assert "c2VjcmV0" not in " ".join(argv)
