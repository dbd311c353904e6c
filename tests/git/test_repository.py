"""Where a repository is, whatever its shape."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gitfleet.errors import NoRepository, UnsupportedRepository
from gitfleet.git import clones, refs
from gitfleet.git.remote import Remote
from gitfleet.git.repository import discover
from tests.workbench import Git


def test_discover_in_a_clone_names_its_folders_from_anywhere_inside(repository: Path) -> None:
    for place in (repository, repository / "src/api"):
        found = discover(str(place))
        assert (found.common_dir, found.git_dir) == (str(repository / ".git"),) * 2
        assert found.worktree == str(repository)


def test_discover_in_a_linked_worktree_names_what_is_shared(repository: Path, git: Git) -> None:
    git(repository, "worktree", "add", "-q", "../linked")
    found = discover(str(repository.parent / "linked"))
    assert found.common_dir == str(repository / ".git")
    assert found.git_dir == str(repository / ".git/worktrees/linked")
    assert found.worktree == str(repository.parent / "linked")
    head = found.here.line("symbolic-ref", "HEAD")
    assert (head, found.git.line("symbolic-ref", "HEAD")) == ("refs/heads/linked", "refs/heads/main")


def _asked(place: Path) -> list[str]:
    """What git itself says: the common git directory, the git directory, the top."""
    words = ("--git-common-dir", "--git-dir", "--show-toplevel")
    argv = ["git", "rev-parse", "--path-format=absolute", *words]
    return subprocess.run(argv, cwd=place, capture_output=True, text=True).stdout.splitlines()


def _linked(repository: Path, git: Git) -> Path:
    git(repository, "worktree", "add", "-q", "../linked")
    return repository.parent / "linked"


def _through_a_link(repository: Path, _: Git) -> Path:
    (repository.parent / "way").symlink_to(repository / "src")
    return repository.parent / "way/api"


def _git_dir_behind_a_link(repository: Path, _: Git) -> Path:
    (repository / ".git").rename(repository.parent / "really")
    (repository / ".git").symlink_to("../really")
    return repository


def _git_dir_elsewhere(repository: Path, git: Git) -> Path:
    git(repository, "init", "-q", "--separate-git-dir=../elsewhere")
    return repository


def _worktree_elsewhere(repository: Path, git: Git) -> Path:
    git(repository, "config", "core.worktree", str(repository / "src"))
    return repository / "src"


def _worktree_elsewhere_in_one_line(repository: Path, _: Git) -> Path:
    with (repository / ".git/config").open("a") as config:
        config.write(f"[core] worktree = {repository / 'src'}\n")
    return repository / "src"


def _settings_of_its_own(repository: Path, git: Git) -> Path:
    git(repository, "config", "extensions.worktreeConfig", "true")
    git(repository, "config", "--worktree", "core.worktree", str(repository / "src"))
    return repository / "src"


def _newer_format(repository: Path, git: Git) -> Path:
    git(repository, "config", "core.repositoryFormatVersion", "1")
    return repository


def _bare_within(repository: Path, git: Git) -> Path:
    git(repository, "init", "-q", "--bare", "src/api")
    return repository / "src/api"


def _submodule(repository: Path, git: Git) -> Path:
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "sub")
    return repository / "sub"


USUAL: Mapping[str, Callable[[Path, Git], Path]] = {
    "plain": lambda repository, _: repository / "src/api",
    "linked": _linked,
    "link": _through_a_link,
}
OTHERS = [
    _git_dir_behind_a_link, _git_dir_elsewhere, _worktree_elsewhere, _worktree_elsewhere_in_one_line, _settings_of_its_own,
    _newer_format, _bare_within, _submodule,
]  # fmt: skip


@pytest.mark.parametrize("shape", USUAL)
def test_find_in_a_clone_of_the_usual_form_answers_what_git_says(
    repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.delenv("GIT_CEILING_DIRECTORIES")
    place = USUAL[shape](repository, git)
    assert list(clones.find(str(place)) or ()) == _asked(place)
    monkeypatch.chdir(place)
    assert list(clones.find(".") or ()) == _asked(place)


@pytest.mark.parametrize("shape", OTHERS)
def test_find_in_a_clone_of_another_form_leaves_it_to_git(
    repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch, shape: Callable[[Path, Git], Path]
) -> None:
    monkeypatch.delenv("GIT_CEILING_DIRECTORIES")
    place = shape(repository, git)
    assert clones.find(str(place)) is None
    found = discover(str(place))
    assert [found.common_dir, found.git_dir, *filter(None, [found.worktree])] == _asked(place)


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_CEILING_DIRECTORIES"])
def test_find_where_the_environment_tells_of_repositories_leaves_it_to_git(
    repository: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert clones.find(str(repository))
    monkeypatch.setenv(name, str(repository))
    assert clones.find(str(repository / "src")) is None


def test_discover_in_a_bare_repository_has_no_worktree(hub: Path) -> None:
    assert discover(str(hub)).worktree is None


def test_discover_with_git_dir_set_obeys_it_only_for_here(
    repository: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.chdir(repository)
    assert discover().common_dir == str(repository / ".git")
    assert discover(str(hub)).common_dir == str(hub)


@pytest.mark.parametrize("name", ["a b", "\u00e9\u2028x", "-x", "\x0cform\x85feed", "'\"$(x)"])
def test_discover_in_a_folder_with_an_odd_name_works(repository: Path, git: Git, name: str) -> None:
    place = repository.rename(repository.parent / name)
    found = discover(str(place))
    assert found.worktree == str(place)
    assert found.git.line("rev-parse", "HEAD")


def test_discover_in_a_folder_with_a_line_break_refuses_in_words(repository: Path) -> None:
    place = repository.rename(repository.parent / "line\nbreak")
    with pytest.raises(UnsupportedRepository, match="line break"):
        discover(str(place))


def test_discover_outside_of_any_repository_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoRepository, match="not in a git repository"):
        discover(str(tmp_path))
    with pytest.raises(NoRepository):
        discover(str(tmp_path / "missing"))


def test_discover_of_what_git_does_not_trust_says_that(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(NoRepository, match="does not trust") as caught:
        discover(str(repository))
    assert "safe.directory" in caught.value.hint


def test_discover_in_a_folder_that_was_deleted_meanwhile_says_so(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = repository / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(NoRepository, match="current folder is not in a git repository"):
        discover()


@pytest.mark.parametrize("inside", [".git", ".git/hooks"])
def test_discover_inside_of_a_git_directory_says_where_that_is(repository: Path, inside: str) -> None:
    with pytest.raises(NoRepository, match="inside a git directory") as caught:
        discover(str(repository / inside))
    assert caught.value.exit_code == 2


def test_discover_in_a_sha256_repository_refuses_with_exit_code_2(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "new")
    with pytest.raises(UnsupportedRepository, match="sha256") as caught:
        discover(str(tmp_path / "new"))
    assert caught.value.exit_code == 2
    assert not (tmp_path / "new/.git/gitfleet").exists()


def test_relative_hub_address_from_every_place_of_a_clone_is_the_same_hub(
    repository: Path, hub: Path, git: Git
) -> None:
    git(repository, "remote", "add", "origin", f"../{hub.name}")
    git(repository, "worktree", "add", "-q", "../deep/er/linked")
    for place in (repository, repository / "src/api", repository.parent / "deep/er/linked"):
        assert "refs/heads/main" in Remote(discover(str(place)).git, "origin").look()


def test_relative_hub_address_with_a_git_directory_elsewhere_counts_from_the_worktree(
    tmp_path: Path, hub: Path, git: Git
) -> None:
    (tmp_path / "elsewhere").mkdir()
    git(tmp_path, "init", "-q", "--separate-git-dir=elsewhere/git", "work")
    git(tmp_path / "work", "remote", "add", "origin", f"../{hub.name}")
    git(tmp_path / "work", "fetch", "-q")
    found = discover(str(tmp_path / "work"))
    assert refs.read(found.git, "refs/remotes/origin/main")
    assert "refs/heads/main" in Remote(found.git, "origin").look()
