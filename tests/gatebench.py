"""Clones of a fleet with the real hooks in place, for tests of what git may then do.

The hooks are put in once per worker; a test gets a copy. Sessions live with no process, and are named by the
environment, as agents do.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitfleet.base import canonical
from gitfleet.base.names import SessionId
from gitfleet.fleet.fleet import Fleet
from gitfleet.githooks.install import install
from gitfleet.githooks.shims import GATED, OPTIONAL
from tests.fleetbench import Fleets
from tests.workbench import ROOT, Overlay, Ran, run, seen_now

GATE = ROOT / "gitfleet/githooks/run.py"


@dataclass(frozen=True, slots=True)
class Gated:
    """One clone whose hooks are ours; `session` is named to them unless a test says otherwise."""

    fleets: Fleets
    name: str
    session: SessionId

    @property
    def path(self) -> Path:
        return self.fleets.clone(self.name)

    @property
    def other(self) -> SessionId:
        """Another session of the same clone."""
        return SessionId(self.session.replace("-1", "-2"))

    def as_session(self, session: str | None) -> Overlay:
        return {"GITFLEET_SESSION": session}

    def git(
        self, *args: str | Path, at: Path | None = None, env: Overlay | None = None, stdin: str = ""
    ) -> Ran:
        """Run git in the clone, as the session."""
        env = {**self.as_session(self.session), **(env or {})}
        return run(["git", *args], at or self.path, env=env, stdin=stdin)

    def out(self, *args: str | Path, at: Path | None = None, stdin: str = "") -> str:
        """What git answers, without the last newline."""
        return self.git(*args, at=at, stdin=stdin).ok().stdout.removesuffix("\n")

    def write(self, path: str, content: str = "new\n") -> None:
        """Write a file and stage it."""
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        self.out("add", "--", path)

    def commit(self, *args: str, at: Path | None = None, env: Overlay | None = None) -> Ran:
        return self.git("commit", "--quiet", *(args or ("-m", "try")), at=at, env=env)

    def folder_only(self) -> None:
        """Have git pass over the configuration's hooks, as an older one does."""
        for hook in (*GATED, *OPTIONAL):
            self.out("config", "--global", f"hook.gitfleet-{hook}.enabled", "false")

    def claim(self, *paths: str, session: str | None = None) -> str:
        """Claim paths; `id@token` of the first claim granted."""
        answer = self.fleets.claim(self.name, session or self.session, *paths)
        first = [*answer.granted, *answer.already_held][0]
        return f"{first.id}@{first.token}"

    def release(self, *paths: str, session: str | None = None) -> None:
        with self.open() as fleet:
            fleet.claims.release(SessionId(session or self.session), list(paths) or None)

    def open(self) -> Fleet:
        return self.fleets.open(self.name)

    def policy(self, **values: object) -> None:
        """Set compiled rules, as they are made from the trunk."""
        (self.fleets.state(self.name) / "policy.json").write_bytes(canonical.dump(values))

    def keep_gates(self, *hooks: str) -> None:
        """Take out all gates but these, and those in the configuration, which older gits do not know."""
        for name in {*GATED, *OPTIONAL} - {*hooks}:
            (self.path / ".git/hooks" / name).unlink(missing_ok=True)
        (self.path / ".git/config.gitfleet").unlink(missing_ok=True)

    def message(self, revision: str = "HEAD") -> str:
        return self.out("log", "-1", "--format=%B", revision).rstrip("\n")

    def trailers(self, revision: str = "HEAD") -> list[str]:
        """The trailers of ours that git itself sees in a commit."""
        lines = self.out("log", "-1", "--format=%(trailers:unfold)", revision).splitlines()
        return [line for line in lines if line.startswith("Fleet-")]

    def paths(self, revision: str = "HEAD") -> list[str]:
        args = ("diff-tree", "-r", "--root", "--no-commit-id", "--name-only", "--no-renames", "-z", revision)
        return [path for path in self.out(*args).split("\0") if path]


def refused(ran: Ran, *words: str) -> Ran:
    """Itself, having asserted that a hook of ours stopped git and said `words`; and that no bug did."""
    assert ran.returncode, f"not stopped\n{ran}"
    assert "gitfleet: " in ran.stderr, ran
    for word in words:
        assert word in ran.stderr, f"{word!r} was not said\n{ran}"
    for bug in ("Traceback", "internal error", "cannot check this"):
        assert bug not in ran.stderr, ran
    return ran


@pytest.fixture(scope="session")
def hooked_fleet(prepared_fleet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared fleet with hooks in every clone."""
    base = tmp_path_factory.mktemp("hooked") / "fleet"
    shutil.copytree(prepared_fleet, base, symlinks=True)
    for name in ("ada", "bob", "alone"):
        clone = base / name
        install(str(clone / ".git"), str(clone), interpreter=sys.executable, gate=str(GATE))
    return base


class Copies:
    """Copies of the prepared clones for one test, each made when it is first asked for."""

    def __init__(self, prepared: Path, root: Path) -> None:
        self._prepared, self._root = prepared, root

    def clone(self, name: str) -> Gated:
        for place in [name] if name == "alone" else ["hub.git", name]:
            if not (self._root / place).exists():
                shutil.copytree(self._prepared / place, self._root / place, symlinks=True)
        seen_now(self._root / name)
        return Gated(Fleets(self._root), name, SessionId(f"{name}-1"))


@pytest.fixture
def copies(hooked_fleet: Path, tmp_path: Path) -> Copies:
    """Where clones of one fleet come from."""
    return Copies(hooked_fleet, tmp_path / "fleet")


@pytest.fixture
def alone(copies: Copies) -> Gated:
    """A clone that is its own hub; its sessions are `alone-1` and `alone-2`."""
    return copies.clone("alone")


@pytest.fixture
def ada(copies: Copies) -> Gated:
    """A clone of the hub; its sessions are `ada-1` and `ada-2`."""
    return copies.clone("ada")


@pytest.fixture
def bob(copies: Copies) -> Gated:
    """Another clone of the same hub; its sessions are `bob-1` and `bob-2`."""
    return copies.clone("bob")


def hook(clone: Path, name: str, *args: str, env: Overlay | None = None) -> Ran:
    """Run one of our hooks as git does."""
    return run(["git", "hook", "run", name, *(("--", *args) if args else ())], clone, env=env)
