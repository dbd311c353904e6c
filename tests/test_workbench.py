"""The seal and the fixtures do what every other test relies on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest

from tests.workbench import OUTER_ENVIRONMENT, Entrant, Git, Gitfleet, Race

SAY_WHO_AND_WHERE = "import os; print(os.environ['WHO'], os.getcwd())"


def test_seal_environment_of_the_user_stays_outside() -> None:
    assert os.environ["HOME"] != OUTER_ENVIRONMENT.get("HOME")
    assert os.environ["TZ"] == "UTC"
    assert {name for name in os.environ if name.startswith("GIT")} == {
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_TERMINAL_PROMPT",
    }


@pytest.mark.parametrize("turn", [1, 2])
def test_seal_what_a_test_writes_is_gone_in_the_next(turn: int, git: Git, tmp_path: Path) -> None:
    assert git.ask(tmp_path, "config", "--global", "test.turn").returncode == 1
    assert "LEFT_BEHIND" not in os.environ
    git(tmp_path, "config", "--global", "test.turn", str(turn))
    os.environ["LEFT_BEHIND"] = str(turn)


@pytest.fixture(scope="module", params=[1, 2])
def made_for_many(request: pytest.FixtureRequest) -> tuple[str, str | None, Path, int]:
    """What a fixture that outlives its first test sees of that one and of those before it."""
    umask = os.umask(0o022)
    return os.environ["HOME"], os.environ.get("LEFT_BEHIND"), Path.cwd(), umask


def test_seal_around_a_fixture_of_many_tests_shows_it_nothing_of_any_test(
    made_for_many: tuple[str, str | None, Path, int], tmp_path: Path
) -> None:
    home, left_behind, folder, umask = made_for_many
    assert home != os.environ["HOME"]
    assert (left_behind, umask) == (None, 0o022)
    assert tmp_path.is_relative_to(folder)
    assert folder != tmp_path
    os.environ["LEFT_BEHIND"] = "yes"
    os.umask(0o077)


def test_seal_working_directory_is_an_empty_folder_outside_of_any_repository(
    git: Git, tmp_path: Path
) -> None:
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []
    assert git.ask(tmp_path, "rev-parse", "--git-dir").returncode == 128


def test_seal_libgit2_reads_no_configuration_of_the_user(repository: Path) -> None:
    levels = {int(entry.level) for entry in pygit2.Repository(str(repository)).config}
    assert levels == {int(pygit2.enums.ConfigLevel.LOCAL)}


def test_repository_as_copied_is_clean_and_stat_fresh(repository: Path, git: Git) -> None:
    assert git(repository, "diff-index", "HEAD") == ""
    assert git(repository, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(repository, "ls-files").split() == [
        "README.md",
        "docs/readme.md",
        "src/api/a.py",
        "src/api/b.py",
    ]
    assert git(repository, "remote") == ""
    assert (repository / ".git/hooks").is_dir()


def test_clone_of_the_hub_pushes_to_it(hub: Path, clone: Callable[[str], Path], git: Git) -> None:
    ada, ben = clone("ada"), clone("ben")
    made = git.commit(ada, {"src/new.py": "N = 3\n"})
    git(ada, "push", "--quiet", "origin", "main")
    git(ben, "pull", "--quiet", "--ff-only")
    assert git(hub, "rev-parse", "HEAD") == git(ben, "rev-parse", "HEAD") == made


def test_gitfleet_wrong_usage_ends_with_2(gitfleet: Gitfleet, tmp_path: Path) -> None:
    assert "no-such-command" in gitfleet(tmp_path, "no-such-command").ended(2).stderr


def test_race_with_own_folders_and_environments_answers_in_the_order_given(
    race: Race, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    folders = [tmp_path, tmp_path / "elsewhere", tmp_path, tmp_path]
    argv = [sys.executable, "-I", "-S", "-c", SAY_WHO_AND_WHERE]
    ran = race([Entrant(argv, folder, {"WHO": str(i)}) for i, folder in enumerate(folders)])
    said = [result.ok().stdout.split() for result in ran]
    assert [(int(who), Path(where)) for who, where in said] == list(enumerate(folders))


def test_race_when_one_cannot_come_to_the_gate_starts_nobody(race: Race, tmp_path: Path) -> None:
    first = Entrant(["touch", "started"], tmp_path)
    with pytest.raises(FileNotFoundError):
        race([first, Entrant(["true"], tmp_path / "missing")])
    assert not (tmp_path / "started").exists()


def test_race_of_failing_entrants_answers_codes_in_order(race: Race, tmp_path: Path) -> None:
    ran = race([Entrant(["sh", "-c", f"echo {n} >&2; exit {n}"], tmp_path) for n in range(3)])
    assert [(result.returncode, result.stderr) for result in ran] == [(0, "0\n"), (1, "1\n"), (2, "2\n")]
