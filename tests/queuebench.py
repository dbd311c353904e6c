"""A merge queue that works: clones of a fleet with a gate on their trunk, branches in the queue, and what their gate has seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitfleet.mergequeue import model
from gitfleet.mergequeue.model import QueueEntry
from tests.fleetbench import Fleets
from tests.operations import ask
from tests.workbench import UNSEEN, Git, Gitfleet, Ran, overlaid

GATE = """\
#!/bin/sh
echo "$GITFLEET_TREE" >>{log}
[ ! -e bad ] || exit 1
{more}
"""
MAIN = "refs/heads/main"


@dataclass(slots=True)
class Queue:
    """The queue of one place: `clone` is where branches are made, and its hub (itself, where it has none) what they land on."""

    fleets: Fleets
    git: Git
    gitfleet: Gitfleet
    name: str
    folder: Path

    @property
    def clone(self) -> Path:
        return self.fleets.clone(self.name)

    @property
    def has_hub(self) -> bool:
        return self.name != "alone"

    @property
    def hub(self) -> Path:
        return self.fleets.hub if self.has_hub else self.clone

    @property
    def main(self) -> str:
        """The commit that the target is at."""
        return self.git(self.hub, "rev-parse", MAIN)

    @property
    def log(self) -> Path:
        return self.folder / "trees"

    def tested(self) -> list[str]:
        """The trees that the gate ran on, in order."""
        return self.log.read_text().split() if self.log.exists() else []

    def rules(self, more: str = "", **rules: object) -> None:
        """Have the target name the gate: a script that notes the tree, fails where a file `bad` is, and then does `more`."""
        script = self.folder / "gate"
        script.write_text(GATE.format(log=self.log, more=more))
        script.chmod(0o755)
        said = {"version": 1, "queue": {"gate": [str(script)], **rules}, "commits": "off"}
        self.commit("main", {"gitfleet.yaml": json.dumps(said)})
        for name in ("ada", "bob") if self.has_hub else ("alone",):
            self.gitfleet(self.fleets.clone(name), "sync").ok()

    def commit(self, branch: str, files: dict[str, str | None], upon: str = "") -> str:
        """A commit on a branch of the hub, beside every worktree; its id. No gate of ours sees it."""
        git, place = self.git, self.clone
        if self.has_hub:
            git(place, "fetch", "--quiet", "origin")
        base = upon or git(self.hub, "rev-parse", MAIN)
        index = {"GIT_INDEX_FILE": str(self.folder / "index")}
        git(place, "read-tree", base, env=index)
        for path, text in files.items():
            if text is None:
                git(place, "update-index", "--force-remove", path, env=index)
                continue
            blob = git(place, "hash-object", "-w", "--stdin", stdin=text)
            git(place, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
        head = git(
            place, "commit-tree", git(place, "write-tree", env=index), "-p", base, "-m", f"work of {branch}"
        )
        self.put(branch, head)
        return head

    def put(self, branch: str, head: str | None) -> None:
        """Have a branch of the hub be somewhere, or gone, whatever was there."""
        if self.has_hub:
            what = f"+{head}:refs/heads/{branch}" if head else f":refs/heads/{branch}"
            self.git(self.clone, *UNSEEN, "push", "--quiet", "origin", what)
        elif head is None:
            self.git(self.clone, *UNSEEN, "update-ref", "-d", f"refs/heads/{branch}")
        elif branch == "main":
            self.git(self.clone, *UNSEEN, "reset", "--quiet", "--keep", head)
        else:
            self.git(self.clone, *UNSEEN, "update-ref", f"refs/heads/{branch}", head)

    def add(self, branch: str, files: dict[str, str | None] | None = None, **more: Any) -> QueueEntry:
        """A branch with one commit upon the target, which is queued."""
        base = self.main
        head = self.commit(branch, files or {f"{branch}.txt": f"{branch}\n"})
        with self.fleets.open(self.name) as fleet:
            fleet.ledger.sync()
            body = {"branch": branch, "head": head, "target": "main", "base": base, **more}
            ask(fleet.ledger, "queue.add", f"{self.name}-1", body)
            return fleet.queue.find(branch)

    def process(self, name: str = "", *options: str, **more: Any) -> Ran:
        return self.gitfleet(self.fleets.clone(name or self.name), "queue", "process", *options, **more)

    def now(self, entry: QueueEntry) -> QueueEntry:
        """The entry as the hub has it."""
        with self.fleets.view("hub.git" if self.has_hub else self.name) as view:
            found = model.find(view, entry.id)
        assert found is not None
        return found

    def states(self, *entries: QueueEntry) -> list[str]:
        return [self.now(entry).state for entry in entries]

    def runs(self) -> list[model.GateRun]:
        """The tickets that there are."""
        with self.fleets.view("hub.git" if self.has_hub else self.name) as view:
            return model.runs(view)

    def landed(self) -> list[str]:
        """The entries that commits of the target say that they landed, the first one first."""
        form = "--format=%(trailers:key=Fleet-Entry,valueonly)"
        return self.git(self.hub, "log", "--reverse", "--first-parent", form, MAIN).split()

    def sound(self, *entries: QueueEntry) -> None:
        """Assert what must hold after all: these landed, once each; nothing is in hand; each tree was tested once."""
        assert sorted(self.landed()) == sorted(entry.id for entry in entries)
        assert set(self.states(*entries)) <= {"landed"}
        assert self.runs() == []
        self.fleets.chain("hub.git" if self.has_hub else self.name, overlaps=False)


@pytest.fixture(params=["ada", "alone"], ids=["hub", "alone"])
def queue(
    request: pytest.FixtureRequest, fleets: Fleets, git: Git, gitfleet: Gitfleet, tmp_path: Path
) -> Queue:
    """A queue with a gate, of a clone of a hub and of a clone that is its own."""
    folder = tmp_path / "queue"
    folder.mkdir()
    made = Queue(fleets, git, gitfleet, request.param, folder)
    made.rules()
    return made


@pytest.fixture
def hubqueue(fleets: Fleets, git: Git, gitfleet: Gitfleet, tmp_path: Path) -> Queue:
    """A queue with a gate on a hub with two clones, `ada` and `bob`."""
    folder = tmp_path / "queue"
    folder.mkdir()
    made = Queue(fleets, git, gitfleet, "ada", folder)
    made.rules()
    return made


__all__ = ["Queue", "hubqueue", "overlaid", "queue"]
