"""The hermetic seal around every test, and the repositories that tests start from.

The seal: nothing of the user's git, shell, agent or terminal reaches a test, and nothing a test writes to its HOME
reaches another. Repositories are copies of some made once per worker, because a copy costs less than git does.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pygit2
import pytest
from pygit2.enums import ConfigLevel

from tests import memory, sampling
from tests.fleetbench import fleets, prepared_fleet, process
from tests.gatebench import ada, alone, bob, copies, hooked_fleet
from tests.members import lone_member, member, members, prepared_members
from tests.seal import Seal
from tests.workbench import Git, Gitfleet, Race

__all__ = [
    "ada", "alone", "bob", "copies", "fleets", "hooked_fleet", "lone_member", "member", "members", "prepared_fleet",
    "prepared_members", "process",
]  # fmt: skip

memory.use()
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)  # git's speed is the machine's
hypothesis.settings.load_profile("house")

# Children inherit what is ignored: under `nohup`, or in a background job of a shell, tests of signals would mean nothing.
for _signal in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, signal.default_int_handler if _signal is signal.SIGINT else signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    sampling.add_options(parser)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    sampling.configure(config)


def pytest_report_header() -> str:
    return sampling.header()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two for each processor: tests wait, for processes, pauses and pipes."""
    del config
    return 2 * len(
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """What is collected stays, so nothing is gained by looking for what of it is garbage, again and again."""
    del session
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    sampling.choose(config, items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells the process that prints what it has drawn; all draw the same."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["drawn"] = session.config.stash.get(sampling.DRAWN, "")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[sampling.DRAWN] = getattr(node, "workeroutput", {}).get("drawn", "")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if told := config.stash.get(sampling.DRAWN, ""):
        terminalreporter.write_line(told)


FILES = {
    "README.md": "# A project\n",
    "docs/readme.md": "Read me.\n",
    "src/api/a.py": "A = 1\n",
    "src/api/b.py": "B = 2\n",
}
THEN = "2024-05-01T12:00:00+00:00"


@pytest.fixture(scope="session", autouse=True)
def seal(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    """Puts what follows into a new HOME, a clean environment and a folder. libgit2 looks for configuration once."""
    seal = Seal(tmp_path_factory.mktemp("homes"), tmp_path_factory.getbasetemp())
    nowhere = tmp_path_factory.getbasetemp() / "nowhere"
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = str(nowhere)
    return seal


@pytest.fixture(autouse=True)
def _seal(seal: Seal, tmp_path: Path) -> Iterator[None]:
    """A new HOME, a clean environment, and an empty folder to work in, around every test; then those of nobody again.

    Fixtures of a wider scope are made between two tests: what they make must not depend on which test asked first.
    """
    seal(tmp_path)
    yield
    seal()


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
def _prepared(tmp_path_factory: pytest.TempPathFactory, git: Git) -> Path:
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
