"""Who is refused because of a session whose process is gone hears that, and the command that frees the paths; it works."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator

import pytest

from gitfleet.base.names import SessionId
from gitfleet.sessions.service import Start
from tests.cli.conftest import Cli
from tests.gatebench import Copies, Gated, refused
from tests.operations import ask
from tests.workbench import Gitfleet, run

GONE = "its process is gone"
NEXT = re.compile(r"`(gitfleet [^`]*session end [\w.-]+)`")

Doomed = Callable[[Gated, str], None]


@pytest.fixture
def doomed() -> Iterator[Doomed]:
    """`doomed(clone, "src/")`: the session `doomed` claims src/ there, and its process is gone."""
    processes: list[subprocess.Popen[bytes]] = []

    def make(clone: Gated, path: str) -> None:
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        processes.append(process)
        with clone.open() as fleet:
            fleet.sessions.start(Start(id="doomed", agent="codex", pid=process.pid))
            fleet.claims.claim(SessionId("doomed"), [path])
        process.kill()
        process.wait()

    yield make
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()


def followed(cli: Cli, said: str) -> None:
    """Do what the answer names as the next step."""
    found = NEXT.search(said)
    assert found, said
    words = found[1].split()[1:]
    run(cli.gitfleet.argv(*words), cli.clone.path, env={**cli.gitfleet.environment(), **cli.nobody}).ok()


def test_claim_names_the_dead_holder_and_the_way_which_leads_on(cli: Cli, doomed: Doomed) -> None:
    doomed(cli.clone, "src/")
    ran = cli("claim", "src/api/a.py").ended(10)
    assert ran.stderr.count(GONE) == 1
    (item,) = cli("claim", "src/api/a.py", "--json").ended(10).json()["data"]["error"]["conflicts"]
    assert (item["gone"], item["ends"]) == (True, "gitfleet session end doomed")
    assert GONE in cli("check", "src/api/a.py").ended(10).stdout
    assert GONE in cli("claim", "--partial", "src/", "README.md").ended(21).stdout
    assert GONE in cli("release", "src/").ended(10).stderr
    assert GONE in cli("claims").ok().stdout
    assert GONE in cli("prime").ok().stdout
    followed(cli, ran.stderr)
    cli("claim", "src/api/a.py").ok()


def test_wait_says_at_once_that_the_holder_is_dead_and_ends_when_it_is_ended(
    cli: Cli, doomed: Doomed
) -> None:
    doomed(cli.clone, "src/")
    ran = cli("claim", "--wait", "--timeout", "0s", "src/").ended(11)
    assert len(NEXT.findall(ran.stderr)) == 2  # at once, and at the end
    line = cli("waiting").ok()
    assert GONE in line.stdout
    followed(cli, line.stderr)
    cli("claim", "--wait", "--timeout", "9s", "src/").ok()


def test_commit_gate_names_the_dead_holder_and_the_way(cli: Cli, doomed: Doomed) -> None:
    doomed(cli.clone, "src/")
    cli.clone.write("src/api/a.py")
    followed_by = cli("check", "--staged").ended(10).stderr
    assert NEXT.search(followed_by)
    ran = refused(cli.clone.commit(), GONE)
    followed(cli, ran.stderr)
    cli("claim", "src/").ok()
    cli.clone.commit().ok()


def test_dead_holder_of_another_clone_on_this_machine_is_ended_there(
    copies: Copies, gitfleet: Gitfleet, doomed: Doomed
) -> None:
    ada, bob = (Cli(copies.clone(name), gitfleet) for name in ("ada", "bob"))
    doomed(bob.clone, "src/")
    said = ada("claim", "src/").ended(10).stderr
    assert GONE in said
    assert f"-C {bob.clone.path} session end doomed" in said
    followed(ada, said)
    ada("claim", "src/").ok()


def test_live_holder_and_a_person_are_called_dead_by_nobody(cli: Cli) -> None:
    cli("claim", "src/", env=cli.other).ok()
    with cli.clone.open() as fleet:
        fleet.sessions.start(Start(id="ann", person=True))
        fleet.claims.claim(SessionId("ann"), ["docs/"])
    ran = cli("claim", "src/", "docs/").ended(10)
    assert GONE not in ran.stderr
    assert "--wait" in ran.stderr


def test_dead_holder_of_another_machine_is_known_by_what_its_node_told(
    copies: Copies, gitfleet: Gitfleet, doomed: Doomed
) -> None:
    ada, bob = (Cli(copies.clone(name), gitfleet) for name in ("ada", "bob"))
    doomed(bob.clone, "src/")
    with bob.clone.open() as fleet:
        ask(
            fleet.ledger,
            "session.start",
            "doomed",
            {"worktree": "/w", "resume": True, "boot": "another-machine-s"},
        )
    bob("sync").ok()
    ada("sync").ok()
    said = ada("claim", "src/").ended(10).stderr
    assert GONE in said
    assert "gitfleet worktree maintain" in said
    assert NEXT.search(said) is None
