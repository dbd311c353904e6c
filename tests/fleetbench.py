"""A fleet to be tested: a hub, two clones with two sessions each, a clone that is its own hub; and a judge of chains.

The fleet is made once per worker and copied for each test; clones name their hub by a relative address, so that a
copy works wherever it lies.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from gitfleet.claims import model
from gitfleet.claims.asking import Claimed
from gitfleet.claims.model import EXCLUSIVE, Claim
from gitfleet.clone import OPERATIONS
from gitfleet.fleet import joining
from gitfleet.fleet.fleet import Fleet
from gitfleet.git import fleetrefs, refs
from gitfleet.git.objects import open_objects
from gitfleet.git.program import Git as GitProgram
from gitfleet.git.repository import discover
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger import commits, replay
from gitfleet.ledger.commits import Tip
from gitfleet.patterns.overlap import overlap
from gitfleet.sessions import session_records
from tests.operations import raw
from tests.workbench import Git, seen_now

SESSIONS = {"ada": ["ada-1", "ada-2"], "bob": ["bob-1", "bob-2"], "alone": ["alone-1", "alone-2"]}
PLACES = ("new", "taken", "tentative")


@dataclass(frozen=True, slots=True)
class Fleets:
    """A copy of the prepared fleet: `root` holds `hub.git` and the clones `ada`, `bob` (of the hub) and `alone`."""

    root: Path

    @property
    def hub(self) -> Path:
        return self.root / "hub.git"

    def clone(self, name: str) -> Path:
        return self.root / name

    def open(self, name: str = "ada") -> Fleet:
        return Fleet.open(str(self.root / name))

    def claim(self, name: str, session: str, *paths: str) -> Claimed:
        """What `gitfleet claim` does, without the command line. Raises as it does."""
        with self.open(name) as fleet:
            return fleet.claims.claim(SessionId(session), paths)

    def waiting(self, name: str = "ada") -> list[str]:
        """The files that lie in the outbox of a clone, as `place/name`."""
        outbox = self.state(name) / "outbox"
        found = [f"{place}/{file.name}" for place in PLACES for file in sorted((outbox / place).iterdir())]
        return [name for name in found if not name.endswith(".tmp")]  # one that was never finished

    def state(self, name: str = "ada") -> Path:
        """The folder of what a clone keeps for itself."""
        return self.root / name / ".git" / "gitfleet"

    def tip(self, place: str = "hub.git") -> str | None:
        """Where the ledger's ref stands in the hub or in a clone."""
        folder = self.root / place
        git_dir = folder if place.endswith(".git") else folder / ".git"
        return refs.read(GitProgram(str(git_dir)), fleetrefs.COORD).get(fleetrefs.COORD)

    @contextmanager
    def view(self, place: str = "hub.git") -> Iterator[Snapshot]:
        """The records of the hub or of a clone as they stand now, taken as they are."""
        folder = self.root / place
        tip = self.tip(place)
        assert tip is not None
        objects = open_objects(str(folder if place.endswith(".git") else folder / ".git"))
        try:
            yield Snapshot(objects, commits.read(objects, tip).tree)
        finally:
            objects.close()

    def chain(self, place: str = "hub.git", *, overlaps: bool = True) -> Chain:
        """The ledger's chain in the hub or in a clone, judged."""
        folder = self.root / place
        tip = self.tip(place)
        assert tip is not None
        return judge(folder if place.endswith(".git") else folder / ".git", tip, overlaps=overlaps)


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that has been found sound: its commits from the root on, where each operation is, the claims at its end."""

    links: Sequence[Tip]
    operations: Mapping[str, Tip]
    claims: Sequence[Claim]

    def holders(self, pattern: str) -> list[str]:
        """The sessions that claim exactly `pattern` at the end."""
        return [claim.session for claim in self.claims if claim.pattern == pattern]


def judge(git_dir: Path, tip: str, *, overlaps: bool = True) -> Chain:
    """Assert that the chain is linear, that each commit is what its operations make of its parent, that no operation is
    in it twice and that, at every commit, no two claims of different sessions overlap. Slow and simple on purpose.
    """
    objects = open_objects(str(git_dir), bulk=True)
    try:
        links = _links(objects, tip)
        verified, problem = replay.check(objects, OPERATIONS, links[-1])
        assert problem is None, problem
        assert verified == len(links)
        found: dict[str, Tip] = {}
        for link in links:
            for operation_id in commits.transaction(objects, link).ids:
                assert operation_id not in found, f"operation {operation_id} is in the chain twice"
                found[operation_id] = link
        live = [_claims(objects, link) for link in (links if overlaps else links[-1:])]
        for standing in live:
            _check_apart(standing)
        return Chain(links, found, live[-1])
    finally:
        objects.close()


def unlogged(fleet: Fleet, sessions: Sequence[SessionId]) -> list[str]:
    """Claims, and sessions of these, that a commit of the ledger has changed, and whose log has no operation of that commit."""
    objects, found = fleet.ledger.objects, []
    links = _links(objects, fleet.current().tip.oid)
    logs: dict[str, set[int]] = {}
    for parent, link in itertools.pairwise(links):
        old, new = Snapshot(objects, parent.tree), Snapshot(objects, link.tree)
        for where in sorted({*old.files("claims"), *new.files("claims")}):
            if old.get(where) != new.get(where):
                pattern = model.parse(new.get(where) or old.get(where) or b"", where).pattern
                logs.setdefault(pattern, {line.generation for line in fleet.log(pattern)})
                found += [f"{pattern} at {link.generation}"] if link.generation not in logs[pattern] else []
        for session in sessions:
            folder = session_records.folder(session)
            if old.tree(folder) != new.tree(folder):
                logs.setdefault(folder, {line.generation for line in fleet.log(session=session)})
                found += [f"{session} at {link.generation}"] if link.generation not in logs[folder] else []
    return found


def _links(objects: Objects, tip: str) -> list[Tip]:
    links = [commits.read(objects, tip)]
    while links[-1].parent is not None:
        links.append(commits.read(objects, links[-1].parent))
    links.reverse()
    assert [link.generation for link in links] == list(range(len(links)))
    return links


def _claims(objects: Objects, link: Tip) -> list[Claim]:
    found = list(model.everything(Snapshot(objects, link.tree)))
    assert all(isinstance(item, Claim) for item in found), found
    return [item for item in found if isinstance(item, Claim)]


def _check_apart(standing: Sequence[Claim]) -> None:
    for one, other in itertools.combinations(standing, 2):
        if one.session != other.session and EXCLUSIVE in {one.mode, other.mode}:
            met = overlap(model.parsed(one.pattern), model.parsed(other.pattern), case_sensitive=False)
            apart = met is None or (one.slots and not set(one.slots) & set(other.slots))
            assert apart, f"{one.session} and {other.session} both hold {met}"
    for claim in standing:
        beside = sum(
            len(one.slots) for one in standing if one.where.split("/@")[0] == claim.where.split("/@")[0]
        )
        assert beside <= claim.capacity or not claim.slots, f"{beside} units of {claim.pattern} are held"


def start_body(worktree: Path, title: str = "") -> dict[str, Any]:
    """The body of a `session.start`: the least that makes a session."""
    return {"worktree": str(worktree), "agent": "tester", "title": title, "resume": False}


def start_sessions(fleet: Fleet, ids: Sequence[str]) -> None:
    """Register sessions that live with no process, in one transaction."""
    ledger = fleet.ledger
    body = start_body(Path(fleet.repository.worktree or ""))
    wanted = [raw("session.start", ledger.node.id, id_, body, at=1) for id_ in ids]
    for result in ledger.submit(wanted):
        assert result.error is None, result.error


def join(clone: Path, sessions: Sequence[str]) -> None:
    """Make a clone a node of its fleet, without hooks, and start sessions in it."""
    joining.join(discover(str(clone)), None, lambda _: None)
    with Fleet.open(str(clone)) as fleet:
        start_sessions(fleet, sessions)


def prepare(base: Path, prepared: Path, git: Git) -> None:
    """Make the fleet in `base` from the plain repositories in `prepared`."""
    shutil.copytree(prepared / "hub.git", base / "hub.git")
    for name in ("ada", "bob"):
        git(base, "clone", "--quiet", "hub.git", name)
        git(base / name, "remote", "set-url", "origin", "../hub.git")
    shutil.copytree(prepared / "work", base / "alone")
    for name, sessions in SESSIONS.items():
        join(base / name, sessions)
        (base / name / "gitfleet.yaml").unlink(missing_ok=True)
        (base / name / ".git/gitfleet/made.json").unlink(missing_ok=True)
    for place in ("hub.git", *SESSIONS):
        git(base / place, "repack", "-a", "-d", "--quiet")  # a few files in place of many, for each copy


def unpack(git_dir: Path) -> None:
    """Have each object of a copy in a file of its own again, for a test that takes one away."""
    for pack in (git_dir / "objects/pack").glob("*.pack"):
        content = pack.read_bytes()
        for file in pack.parent.glob(f"{pack.stem}.*"):
            file.unlink()
        subprocess.run(["git", "unpack-objects", "-q"], cwd=git_dir, input=content, check=True)


@pytest.fixture(scope="session")
def prepared_fleet(_prepared: Path, tmp_path_factory: pytest.TempPathFactory, git: Git) -> Path:
    """The fleet that tests get copies of."""
    base = tmp_path_factory.mktemp("fleet")
    prepare(base, _prepared, git)
    return base


@pytest.fixture
def fleets(prepared_fleet: Path) -> Iterator[Fleets]:
    """A fleet of its own for one test."""
    with tempfile.TemporaryDirectory(prefix="gitfleet-test-") as folder:
        root = Path(folder, "fleet")
        shutil.copytree(prepared_fleet, root, symlinks=True)
        for name in SESSIONS:
            seen_now(root / name)
        yield Fleets(root)


@pytest.fixture
def process() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """`process()` starts one that lives until the test ends it, or ends."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()
