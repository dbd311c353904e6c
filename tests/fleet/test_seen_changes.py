"""What a status shows becomes another: whoever waits is told, by the system, and never by its own look."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.fleet.attention.people_inbox import PeopleInbox
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.seen_changes import StatusChanges
from gitfleet.fleet.seen_signs import SeenSigns
from gitfleet.sessions.service import Start
from gitfleet.upkeep.maintainer import Maintainer
from tests import jobbench
from tests.fleetbench import Fleets
from tests.workbench import Git

LONG = 60.0


class Watched:
    """A clone with a session that has a process and a log, a look at it, and what tells of changes since."""

    def __init__(self, fleet: Fleet, log: Path, agent: subprocess.Popen[bytes]) -> None:
        self.fleet, self.log, self.agent = fleet, log, agent
        self.place = Path(fleet.repository.worktree or "")
        self.changes = StatusChanges(fleet)

    def look(self) -> bool:
        """Look, and watch what is there; whether that has told of anything itself, or of more to watch."""
        self.changes.arm()
        more = self.changes.watch(self.fleet.status(tail=1).answer)
        return self.changes.wait(0.0) or more


@pytest.fixture
def watched(
    fleets: Fleets, tmp_path: Path, process: Callable[[], subprocess.Popen[bytes]]
) -> Iterator[Watched]:
    jobbench.agent_file(str(fleets.clone("alone")), "plain", "true")
    with fleets.open("alone") as fleet:
        log, agent = tmp_path / "s1.log", process()
        log.write_text("one\n")
        fleet.sessions.start(Start("s1", pid=agent.pid, agent="codex", log=str(log)))
        found = Watched(fleet, log, agent)
        found.look()
        yield found
        found.changes.close()


def ends(watched: Watched, git: Git) -> None:
    watched.agent.kill()


def claims(watched: Watched, git: Git) -> None:
    watched.fleet.claims.claim(SessionId("s1"), ["src/"])


def writes(watched: Watched, git: Git) -> None:
    with open(watched.log, "a") as file:
        file.write("two\n")


def adds_a_file(watched: Watched, git: Git) -> None:
    (watched.place / "new.py").write_text("x")


def commits(watched: Watched, git: Git) -> None:
    git(watched.place, "commit", "--quiet", "--allow-empty", "-m", "more")


def queues_a_job(watched: Watched, git: Git) -> None:
    jobbench.queue(str(watched.place), "plain", 1)


def hears_of_the_hub(watched: Watched, git: Git) -> None:
    Path(watched.fleet.ledger.state, "seen").unlink(missing_ok=True)
    os.replace(watched.log.with_name("s1.log"), Path(watched.fleet.ledger.state, "seen"))


def stages(watched: Watched, git: Git) -> None:
    (watched.place / "src/new.py").write_text("x")
    git(watched.place, "add", "src/new.py")


def sets_a_setting(watched: Watched, git: Git) -> None:
    git(watched.place, "config", "core.hooksPath", "elsewhere")


def puts_a_hook(watched: Watched, git: Git) -> None:
    (watched.place / ".git/hooks/pre-commit").write_text("#!/bin/sh\n")


def keeps_something_new(watched: Watched, git: Git) -> None:
    Path(watched.fleet.ledger.state, "of-a-later-version").write_text("x")


SHOWN = [
    ends, claims, writes, adds_a_file, commits, queues_a_job, stages, sets_a_setting, puts_a_hook, keeps_something_new,
]  # fmt: skip


@pytest.mark.parametrize("happens", [*SHOWN, hears_of_the_hub])
def test_change_of_what_a_status_shows_ends_the_wait(
    watched: Watched, git: Git, happens: Callable[[Watched, Git], None]
) -> None:
    watched.look()
    signs = watched.changes.signs()
    happens(watched, git)
    assert watched.changes.wait(LONG)
    if happens in SHOWN:
        assert watched.changes.signs() != signs


@pytest.mark.parametrize("name", ["alone", "ada"])
def test_round_that_changes_nothing_leaves_the_signs_as_they_were(fleets: Fleets, name: str) -> None:
    with fleets.open(name) as fleet:
        fleet.upkeep.run(processing=True)  # the first round has more to do
        changes = StatusChanges(fleet)
        changes.arm()
        changes.watch(fleet.status().answer)
        signs = changes.signs()
        assert fleet.upkeep.run(processing=True).code == 0
        assert changes.wait(LONG)
        assert changes.signs() == signs
        changes.close()


def test_beat_of_another_node_and_how_a_maintainer_fared_are_signs(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        bob.sync()
        ada.sync()
        signs = SeenSigns(ada)
        found = [signs.now(())]
        bob.sync()
        ada.sync()
        found.append(signs.now(()))
        maintainer = Maintainer(ada.repository)
        state = Path(maintainer.folder)
        state.mkdir()
        (state / "installed.json").write_text("{}")
        found.append(signs.now(()))
        assert len({repr(one) for one in found}) == 3
        for code in (0, 0, 1, 1):
            run = maintainer.begin()
            assert run is not None
            assert signs.now(()) == found[-1]
            run.end(code, [])
            found.append(signs.now(()))
        assert found[3] == found[4] != found[5]


def test_what_is_read_in_the_inbox_ends_the_wait(watched: Watched) -> None:
    watched.agent.kill()
    watched.agent.wait()
    watched.look()
    inbox = PeopleInbox(watched.fleet)
    assert [one.kind for one in inbox.mark_all().items] == ["dead-session"]
    assert watched.changes.wait(LONG)


def test_look_alone_ends_no_wait(watched: Watched) -> None:
    jobbench.queue(str(watched.place), "plain", 1)
    watched.look()
    assert [watched.look() for _ in range(3)][1:] == [False, False]


def test_wait_ends_when_another_file_is_closed_at_its_other_end(watched: Watched) -> None:
    reads, writes = os.pipe()
    changes = StatusChanges(watched.fleet, writes)
    assert not changes.wait(0.0)
    os.close(reads)
    assert changes.wait(LONG)
    changes.close()
    os.close(writes)
