"""The hermetic seal around every test, and the repositories that tests start from.

The seal: nothing of the user's git, shell, agent or terminal reaches a test, and nothing a test writes to its HOME
reaches another. Repositories are copies of some made once per worker, because a copy costs less than git does.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pygit2
import pytest
from pygit2.enums import ConfigLevel

from tests.workbench import OUTER_ENVIRONMENT, Git, Gitfleet, Race

hypothesis.settings.register_profile("house", deadline=None, print_blob=True)  # git's speed is the machine's
hypothesis.settings.load_profile("house")

# Children inherit what is ignored: under `nohup`, or in a background job of a shell, tests of signals would mean nothing.
for _signal in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, signal.default_int_handler if _signal is signal.SIGINT else signal.SIG_DFL)

# What would make a test depend on who runs it (PYTHONDONTWRITEBYTECODE alone would make each process of ours slower).
LEAKS = (
    "GIT",
    "GITFLEET",
    "SSH_",
    "PIP_",
    "UV_",
    "XDG_",
    "PYTHON",
    "LC_",
    "CLAUDE",
    "CODEX",
    "TMUX",
    "CLICOLOR",
)
LEAKING = {
    "CI", "COLORTERM", "COLUMNS", "EDITOR", "EMAIL", "FORCE_COLOR", "LANG", "LANGUAGE", "LESS", "LINES", "NO_COLOR",
    "PAGER", "PY_COLORS", "STY", "TERM", "TERM_PROGRAM", "VISUAL",
}  # fmt: skip

GIT_CONFIG = """\
[user]
	name = Ada Tester
	email = ada@example.org
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
[gc]
	auto = 0
[maintenance]
	auto = false
[receive]
	autogc = false
[core]
	fsync = none
[advice]
	detachedHead = false
"""

FILES = {
    "README.md": "# A project\n",
    "docs/readme.md": "Read me.\n",
    "src/api/a.py": "A = 1\n",
    "src/api/b.py": "B = 2\n",
}
THEN = "2024-05-01T12:00:00+00:00"


def _sealed(home: Path, ceiling: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in OUTER_ENVIRONMENT.items()
        if name not in LEAKING and not name.startswith((*LEAKS, "PYTEST"))
    }
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_RUNTIME_DIR": str(home / ".run"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CEILING_DIRECTORIES": str(ceiling),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }


def _enter(environment: dict[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        if not name.startswith("PYTEST"):  # pytest puts in and takes out its own
            del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _make_home(path: Path) -> Path:
    path.mkdir()
    (path / ".run").mkdir(mode=0o700)
    (path / ".gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Homes that nobody used yet."""
    base = tmp_path_factory.mktemp("homes")
    return (_make_home(base / str(number)) for number in itertools.count())


@pytest.fixture(scope="session", autouse=True)
def _seal_session(tmp_path_factory: pytest.TempPathFactory, homes: Iterator[Path]) -> None:
    """Seals what fixtures of a wider scope do. libgit2 looks for configuration once, when it is loaded."""
    home = next(homes)
    _enter(_sealed(home, tmp_path_factory.getbasetemp()))
    time.tzset()
    nowhere = home / "nowhere"
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = str(nowhere)


@pytest.fixture(autouse=True)
def _seal(
    _seal_session: None, homes: Iterator[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new HOME, a clean environment, and an empty folder to work in, around every test."""
    _enter(_sealed(next(homes), tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def git() -> Git:
    """Runs git in a directory, checked; see `workbench.Git`."""
    return Git()


@pytest.fixture(scope="session")
def gitfleet() -> Gitfleet:
    """Runs our command line in a directory; see `workbench.Gitfleet`."""
    return Gitfleet()


@pytest.fixture
def race(tmp_path_factory: pytest.TempPathFactory) -> Race:
    """Starts processes at a barrier; see `workbench.Race`."""
    return Race(tmp_path_factory.mktemp("race"))


@pytest.fixture(scope="session")
def _prepared(_seal_session: None, tmp_path_factory: pytest.TempPathFactory, git: Git) -> Path:
    """`work`, a repository with FILES committed, and `hub.git`, a bare one with the same commit."""
    base = tmp_path_factory.mktemp("prepared")
    work = base / "work"
    git(base, "init", "--quiet", "work")
    for path, content in FILES.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(content, encoding="utf-8")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "first", env={"GIT_AUTHOR_DATE": THEN, "GIT_COMMITTER_DATE": THEN})
    git(base, "clone", "--quiet", "--bare", "work", "hub.git")
    git(base / "hub.git", "remote", "remove", "origin")
    for sample in base.glob("**/hooks/*.sample"):
        sample.unlink()
    return base


@pytest.fixture
def repository(_prepared: Path, tmp_path: Path, git: Git) -> Path:
    """A repository on `main` with one commit of FILES, and no remote."""
    path = tmp_path / "repository"
    shutil.copytree(_prepared / "work", path)
    git(path, "update-index", "-q", "--refresh")  # the copies are other inodes than the index knows
    return path


@pytest.fixture
def hub(_prepared: Path, tmp_path: Path) -> Path:
    """A bare repository whose `main`, its HEAD, has the one commit of FILES."""
    path = tmp_path / "hub.git"
    shutil.copytree(_prepared / "hub.git", path)
    return path


@pytest.fixture
def clone(hub: Path, tmp_path: Path, git: Git) -> Callable[[str], Path]:
    """`clone("ada")` clones the hub, as it is now, to a new folder of that name; its `origin` is the hub."""

    def make(name: str) -> Path:
        git(tmp_path, "clone", "--quiet", hub, name)
        return tmp_path / name

    return make
