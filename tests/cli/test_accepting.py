"""`queue accept` on real hubs: a person who has reviewed a session's work queues it, and nobody else can."""

from __future__ import annotations

import pytest

from gitfleet.sessions.service import Start
from tests.cli.conftest import Cli
from tests.gatebench import Copies
from tests.workbench import Gitfleet


@pytest.fixture
def two(copies: Copies, gitfleet: Gitfleet) -> tuple[Cli, Cli]:
    """The command line in the clones `ada` and `bob` of one hub; the person `mira` is in that of ada."""
    ada, bob = (Cli(copies.clone(name), gitfleet) for name in ("ada", "bob"))
    with ada.clone.open() as fleet:
        fleet.sessions.start(Start(id="mira", person=True))
    return ada, bob


def work(cli: Cli, name: str = "feat") -> str:
    """A branch with a commit of the clone's session; its head."""
    cli.clone.out("switch", "--quiet", "--create", name, "main")
    return more(cli, name)


def more(cli: Cli, name: str) -> str:
    cli.clone.claim(f"{name}.txt")
    path = cli.clone.path / f"{name}.txt"
    cli.clone.write(path.name, (path.read_text() if path.exists() else "") + "more\n")
    cli.clone.commit("-m", f"{name}: more").ok()
    return cli.clone.out("rev-parse", "HEAD")


@pytest.mark.parametrize("whose", [0, 1])
def test_work_accepted_by_a_person_is_queued_for_its_session_above_the_ceiling(
    two: tuple[Cli, Cli], whose: int
) -> None:
    ada, worker = two[0], two[whose]
    head = work(worker)
    worker.clone.out("push", "--quiet", "origin", "feat")
    ada("sync").ok()
    said = ("queue", "accept", worker.clone.session, "--branch", "feat", "--head", head, "--priority", "90")
    entry = ada(*said, "--session", "mira", "--json").ok().json()["data"]["entry"]
    assert (entry["session"], entry["by"], entry["priority"]) == (worker.clone.session, "mira", 90)
    worker("sync").ok()
    assert "mira queues feat" in worker("queue", "list").stderr
    again = more(worker, "feat")
    worker.clone.out("push", "--quiet", "origin", "feat")
    found = ada("queue", "accept", worker.clone.session, "--branch", "feat", "--session", "mira", "--json")
    assert (found.ok().json()["data"]["entry"]["head"], found.json()["data"]["entry"]["session"]) == (
        again, worker.clone.session,
    )  # fmt: skip


def test_work_that_has_moved_since_it_was_looked_at_is_refused_and_nothing_is_changed(
    two: tuple[Cli, Cli],
) -> None:
    ada, _ = two
    head = work(ada)
    more(ada, "feat")
    ran = ada("queue", "accept", ada.clone.session, "--head", head, "--session", "mira").ended(10)
    assert f"and no longer at {head[:12]}" in ran.stderr
    assert ada("queue", "list", "--json").ok().json()["data"]["entries"] == []


def test_work_is_accepted_by_no_session_of_an_agent(two: tuple[Cli, Cli]) -> None:
    ada, _ = two
    work(ada)
    assert "Only a person" in ada("queue", "accept", ada.clone.session).ended(16).stderr
    assert ada("queue", "list", "--json").ok().json()["data"]["entries"] == []
