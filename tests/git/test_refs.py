"""Refs move only from the value that their mover saw."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitfleet.errors import LocalStorage, LockHeld
from gitfleet.git import refs
from gitfleet.git.program import Git as Program
from gitfleet.git.program import GitFailed
from tests.workbench import Git

REF = "refs/fleet/coord"


@pytest.fixture
def program(repository: Path) -> Program:
    return Program(str(repository / ".git"))


@pytest.fixture
def one(repository: Path, git: Git) -> str:
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def two(repository: Path, git: Git) -> str:
    return git(repository, "commit-tree", "-m", "two", "HEAD^{tree}")


Move = Callable[..., bool]
both = pytest.mark.parametrize("move", [refs.move, refs.swap])


@both
def test_move_from_the_right_value_moves(program: Program, one: str, two: str, move: Move) -> None:
    assert move(program, REF, new=one, old=None)
    assert move(program, REF, new=two, old=one)
    assert refs.read(program, REF) == {REF: two}
    assert program.line("rev-parse", REF) == two


@both
@pytest.mark.parametrize("stale", ["other", "absent"])
def test_move_from_a_stale_value_changes_nothing(
    program: Program, one: str, two: str, stale: str, move: Move
) -> None:
    move(program, REF, new=one, old=None)
    assert not move(program, REF, new=two, old=two if stale == "other" else None)
    assert refs.read(program, REF) == {REF: one}


@both
def test_move_of_a_ref_that_is_gone_changes_nothing(program: Program, one: str, two: str, move: Move) -> None:
    assert not move(program, REF, new=two, old=one)
    assert refs.read(program, REF) == {}


@both
def test_move_while_a_lock_of_the_ref_is_there_changes_nothing(
    program: Program, one: str, two: str, move: Move
) -> None:
    refs.move(program, REF, new=one, old=None)
    lock = Path(program.git_dir, f"{REF}.lock")
    lock.touch()
    assert not move(program, REF, new=two, old=one)
    error = refs.locked(program, REF)
    assert isinstance(error, LockHeld)
    assert str(lock) in error.hint
    assert lock.exists()
    lock.unlink()
    assert move(program, REF, new=two, old=one)
    assert not lock.exists()


def test_swap_of_a_ref_with_a_file_of_its_own_takes_no_process_and_keeps_its_mode(
    program: Program, one: str, two: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs.move(program, REF, new=one, old=None)
    file = Path(program.git_dir, REF)
    file.chmod(0o640)
    with monkeypatch.context() as none:
        none.setattr(Program, "ask", None)
        assert refs.swap(program, REF, new=two, old=one)
    assert (file.read_text(), file.stat().st_mode & 0o777) == (f"{two}\n", 0o640)


@pytest.mark.parametrize("how", ["packed", "link", "symbolic"])
def test_swap_of_another_ref_is_left_to_git(program: Program, one: str, two: str, how: str) -> None:
    refs.move(program, REF, new=one, old=None)
    file = Path(program.git_dir, REF)
    if how == "packed":
        program.run("pack-refs", "--all")
    elif how == "link":
        file.rename(file.with_name("there"))
        file.symlink_to("there")
    else:
        refs.move(program, "refs/fleet/there", new=one, old=None)
        program.run("symbolic-ref", REF, "refs/fleet/there")
    assert refs.swap(program, REF, new=two, old=one)
    assert program.line("rev-parse", REF) == two


def test_swap_where_the_disk_is_full_changes_nothing_and_says_so(
    program: Program, one: str, two: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs.move(program, REF, new=one, old=None)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as now:
        now.setattr(os, "fsync", full)
        with pytest.raises(LocalStorage, match="full"):
            refs.swap(program, REF, new=two, old=one)
    assert refs.read(program, REF) == {REF: one}
    assert refs.swap(program, REF, new=two, old=one)


def test_swaps_and_moves_at_once_lose_none(program: Program, repository: Path, git: Git) -> None:
    oids = [git(repository, "commit-tree", "-m", str(number), "HEAD^{tree}") for number in range(24)]
    after = dict(itertools.pairwise(oids))
    refs.move(program, REF, new=oids[0], old=None)

    def work(move: Move) -> int:
        done = 0
        while (now := refs.read(program, REF)[REF]) in after:
            done += move(program, REF, new=after[now], old=now)
        return done

    with ThreadPoolExecutor() as pool:
        done = list(pool.map(work, [refs.swap, refs.swap, refs.move]))
    assert sum(done) == len(after)


def test_move_to_what_is_no_object_raises_in_git_s_words(program: Program, one: str) -> None:
    refs.move(program, REF, new=one, old=None)
    with pytest.raises(GitFailed, match="12345") as caught:
        refs.move(program, REF, new="12345" * 8, old=one)
    assert caught.value.exit_code == 20
    assert refs.read(program, REF) == {REF: one}


def test_move_where_the_ref_s_file_is_broken_raises_and_never_overwrites(program: Program, one: str) -> None:
    file = Path(program.git_dir, REF)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    assert refs.read(program, REF) == {}
    with pytest.raises(GitFailed):
        refs.move(program, REF, new=one, old=None)
    assert file.read_bytes() == b""


def test_move_below_a_ref_that_exists_raises(program: Program, one: str) -> None:
    refs.move(program, REF, new=one, old=None)
    with pytest.raises(GitFailed, match="exists"):
        refs.move(program, f"{REF}/below", new=one, old=None)


def test_delete_from_a_stale_value_keeps_the_ref(program: Program, one: str, two: str) -> None:
    refs.move(program, REF, new=one, old=None)
    assert not refs.delete(program, REF, old=two)
    assert refs.read(program, REF) == {REF: one}
    assert refs.delete(program, REF, old=one)
    assert not refs.delete(program, REF, old=one)
    assert refs.read(program, REF) == {}


def test_read_names_answers_what_is_at_or_below_them(program: Program, one: str) -> None:
    odd = "refs/heads/\u2028line\x85separators"
    for name in (REF, "refs/fleet-hub/origin/coord", odd):
        assert refs.move(program, name, new=one, old=None)
    assert refs.read(program, "refs/fleet") == {REF: one}
    assert refs.read(program, "refs/fleet/coor") == {}
    assert refs.read(program, odd, "refs/fleet-hub") == {odd: one, "refs/fleet-hub/origin/coord": one}


def test_read_of_packed_and_loose_names_answers_the_newest_of_each(
    program: Program, one: str, two: str
) -> None:
    aside = "refs/fleet/aside"
    for name in (REF, aside):
        refs.move(program, name, new=one, old=None)
    program.run("pack-refs", "--all")
    assert refs.loose(program.git_dir, REF) is None
    assert refs.read(program, REF) == {REF: one}
    refs.move(program, REF, new=two, old=one)
    assert refs.read(program, REF, aside) == {REF: two, aside: one}
    assert refs.read(program, REF) == {REF: two}


@pytest.mark.parametrize(
    "text", ["", "{one}", "{one}0\n", "{one}\nmore\n", "ref: refs/heads/main\n", "{ONE}\n"]
)
def test_file_of_a_ref_that_is_no_id_is_left_to_git(
    program: Program, one: str, tmp_path: Path, text: str
) -> None:
    (tmp_path / "odd").write_text(text.format(one=one, ONE=one.upper()))
    assert refs.loose(str(tmp_path), "odd") is None
    assert refs.loose(str(tmp_path), "") is None
    assert refs.loose(str(tmp_path), "not/there") is None


def test_head_is_the_branch_that_is_checked_out_or_nothing(program: Program, one: str) -> None:
    program.run("symbolic-ref", "HEAD", "refs/heads/näch/ste")
    assert refs.head(program) == "refs/heads/näch/ste"
    program.run("update-ref", "--no-deref", "HEAD", one)
    assert refs.head(program) == ""


def test_resolve_of_revisions_answers_object_or_none(program: Program, one: str) -> None:
    assert refs.resolve(program, "HEAD") == one
    assert refs.resolve(program, "no-such-thing") is None
    assert refs.resolve(program, "--all") is None


@pytest.mark.parametrize("how", ["loose", "packed", "detached", "linked worktree", "branch in folders"])
def test_look_up_answers_as_git_does_whatever_keeps_the_ref(
    repository: Path, git: Git, tmp_path: Path, how: str
) -> None:
    place = repository
    if how == "detached":
        git(repository, "checkout", "--quiet", "--detach")
    elif how == "branch in folders":
        git(repository, "checkout", "--quiet", "-b", "a/b/c")
    elif how == "linked worktree":
        place = tmp_path / "linked"
        git(repository, "worktree", "add", "--quiet", "-b", "other", place)
        git(place, "commit", "--quiet", "--allow-empty", "-m", "on the other branch")
    if how == "packed":
        git(repository, "pack-refs", "--all")
    here = Program(git(place, "rev-parse", "--absolute-git-dir"), cwd=str(place))
    names = ["HEAD", "refs/heads/main", "refs/heads/nosuch"]

    found = [*refs.look_up(here, *names[:2]), *refs.look_up(here, *names)]

    said = [git(place, "rev-parse", name) for name in names[:2]]
    assert found == [*said, *said, None]


def test_look_up_before_the_first_commit_finds_nothing(git: Git, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "-b", "main", "new")
    assert refs.look_up(Program(str(tmp_path / "new/.git")), "HEAD", "refs/heads/main") == [None, None]


@pytest.mark.parametrize("packed", [False, True])
def test_peek_finds_a_ref_loose_or_packed_and_nothing_that_has_a_longer_name(
    repository: Path, git: Git, *, packed: bool
) -> None:
    git(repository, "update-ref", "refs/heads/other/one", "HEAD")
    if packed:
        git(repository, "pack-refs", "--all")
    git_dir = str(repository / ".git")
    oid = git(repository, "rev-parse", "HEAD")
    assert refs.peek(git_dir, "refs/heads/other/one") == oid
    for name in ("heads/other/one", "refs/heads/other/on", "refs/heads/nothing"):
        assert refs.peek(git_dir, name) == ""
    assert not refs.peek(git_dir, "refs/heads/other")


def test_peek_where_refs_are_kept_in_tables_leaves_it_to_git(repository: Path) -> None:
    (repository / ".git/refs/heads").rename(repository / ".git/refs/tables")
    (repository / ".git/refs/heads").write_text("this repository uses the reftable format\n")
    assert refs.peek(str(repository / ".git"), "refs/remotes/origin/main") is None
    assert refs.peek(str(repository / ".git"), "refs/heads/main") is None


def test_peek_at_a_packed_ref_that_has_moved_or_leads_elsewhere_since_is_never_the_old_one(
    repository: Path, git: Git
) -> None:
    git(repository, "update-ref", "refs/heads/one", "HEAD")
    git(repository, "update-ref", "refs/heads/two", "HEAD")
    git(repository, "pack-refs", "--all")
    new = git(repository, "commit-tree", "-m", "new", "HEAD^{tree}")
    git(repository, "update-ref", "refs/heads/one", new)
    git(repository, "symbolic-ref", "refs/heads/two", "refs/heads/one")
    assert refs.peek(str(repository / ".git"), "refs/heads/one") == new
    assert refs.peek(str(repository / ".git"), "refs/heads/two") is None


def test_tips_of_refs_are_those_that_git_lists_however_they_are_kept(
    repository: Path, git: Git, program: Program, one: str, two: str
) -> None:
    git(repository, "update-ref", "refs/heads/deep/er", two)
    git(repository, "update-ref", "refs/remotes/origin/main", two)
    git(
        repository,
        "update-ref",
        "refs/headstrong/x",
        git(repository, "commit-tree", "-m", "3", "HEAD^{tree}"),
    )
    git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    assert refs.tips(program, "refs/heads", "refs/remotes") == {one, two}
    git(repository, "pack-refs", "--all")
    git(repository, "update-ref", "refs/heads/deep/er", one)
    assert refs.tips(program, "refs/heads") == {one}
    assert refs.tips(program, "refs/heads/deep/er", "refs/remotes/none") == {one}
    assert refs.tips(program, "refs/none") == set()


def test_tips_of_refs_that_are_not_files_are_for_git_to_tell(
    repository: Path, git: Git, program: Program
) -> None:
    git(repository, "symbolic-ref", "refs/heads/other", "HEAD")
    assert refs.tips(program, "refs/heads") is None
    (repository / ".git/refs/tables").write_text("this repository uses the reftable format\n")
    assert refs.tips(program, "refs/tables") is None


@pytest.mark.parametrize(
    "patterns",
    [
        ("refs/remotes/",),
        ("refs/heads", "refs/remotes/origin/"),
        ("refs/heads/deep",),
        ("refs/none", "refs/heads/two"),
    ],
)
def test_read_without_git_answers_as_git_does(
    repository: Path, git: Git, program: Program, two: str, patterns: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    for name in ("heads/deep/er", "heads/two", "remotes/origin/main", "remotes/origin/main.x"):
        git(repository, "update-ref", f"refs/{name}", two)
    git(repository, "pack-refs", "--all")
    git(repository, "update-ref", "refs/heads/deep/est", "HEAD")
    git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    (repository / ".git/refs/remotes/origin/main.lock").touch()
    said = git(repository, "for-each-ref", "--format=%(objectname) %(refname)", *patterns)
    monkeypatch.setattr(Program, "run", None)
    found = refs.read(program, *patterns)
    assert [f"{oid} {name}" for name, oid in found.items()] == said.splitlines()


def test_read_of_a_ref_that_leads_nowhere_is_for_git_to_tell(
    repository: Path, git: Git, program: Program, one: str
) -> None:
    git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    git(repository, "update-ref", "refs/remotes/origin/x", one)
    assert refs.read(program, "refs/remotes/") == {"refs/remotes/origin/x": one}
