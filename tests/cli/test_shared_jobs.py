"""The commands for jobs that any node may run, and for pools: two clones of one hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from tests.workbench import Gitfleet


class Clones:
    """Two clones with the same agents: `tidy` for any node, `mine` for none, `pooled` of a pool."""

    def __init__(self, members: Callable[[str], Path], gitfleet: Gitfleet) -> None:
        self.ada, self.bob = members("ada"), members("bob")
        self._gitfleet = gitfleet
        for place in (self.ada, self.bob):
            agents = place / "agents"
            agents.mkdir()
            (agents / "fleet.yaml").write_text("default_agent: tidy\ndefaults: {working_directory: ..}\n")
            (agents / "tidy.yaml").write_text("command: [sh, -c, 'cat > task.txt']\n")
            (agents / "mine.yaml").write_text("command: [sh, -c, ':']\nanywhere: false\n")
            (agents / "pooled.yaml").write_text("command: [sh, -c, ':']\npool: account\n")

    def told(self, place: Path, *args: str) -> Any:
        data = self._gitfleet(place, *args, "--json").ok().json()["data"]
        words = [word for word in args[:2] if not word.startswith(("-", "job-"))]
        name = next(name for name in (" ".join(words), words[0]) if name in schemas.COMMANDS)
        schema.validate(schemas.COMMANDS[name].data, data)
        return data


@pytest.fixture
def clones(members: Callable[[str], Path], gitfleet: Gitfleet) -> Clones:
    return Clones(members, gitfleet)


@pytest.mark.always
def test_job_for_any_node_is_run_by_another_clone_and_seen_by_both(
    clones: Clones, gitfleet: Gitfleet
) -> None:
    ada, bob = clones.ada, clones.bob
    job = clones.told(ada, "trigger", "tidy", "--anywhere", "--prompt", "Tidy up")["job"]["id"]
    other = clones.told(ada, "enqueue", "Do more", "--anywhere")["job"]["id"]
    said = gitfleet(ada, "trigger", "tidy", "--anywhere").ok().stdout
    assert said.endswith(": queued, for any tidy\n")
    gitfleet(ada, "job", "cancel", said.partition(":")[0]).ok()
    assert "any node that has its agent may take it" in gitfleet(ada, "job").ok().stdout
    assert "sync" in gitfleet(bob, "job", "show", job).ended(2).stderr
    assert clones.told(ada, "job", "cancel", other)["job"]["status"] == "cancelled"
    assert "ended already" in gitfleet(ada, "job", "cancel", other).ended(20).stderr
    assert clones.told(bob, "run", "--until-idle")["completed"] == 1
    assert clones.told(bob, "job", "show", job)["job"]["attempts"][0]["number"] == 1
    gitfleet(ada, "sync").ok()
    seen = clones.told(ada, "job", "show", job)["job"]
    assert (seen["status"], seen["prompt"]) == ("completed", "Tidy up")
    assert seen["node"]
    assert seen["attempts"][0]["branch"]
    rows = {row["id"]: row["status"] for row in clones.told(ada, "job", "list")["jobs"]}
    assert sorted(rows.values()) == ["cancelled", "cancelled", "completed"]
    assert rows[job] == "completed"


def test_job_for_any_node_that_no_other_could_do_is_refused(clones: Clones, gitfleet: Gitfleet) -> None:
    ada = clones.ada
    assert "anywhere: false" in gitfleet(ada, "trigger", "mine", "--anywhere").ended(2).stderr
    assert (
        "working directory"
        in gitfleet(ada, "enqueue", "x", "--anywhere", "--working-dir", ada).ended(2).stderr
    )
    assert "65536" in gitfleet(ada, "trigger", "tidy", "--anywhere", "--prompt", "x" * 70_000).ended(2).stderr
    assert clones.told(ada, "job", "list")["jobs"] == []


def test_job_whose_agent_cannot_be_started_here_is_left_to_others(clones: Clones, gitfleet: Gitfleet) -> None:
    (clones.ada / "agents/tidy.yaml").write_text("command: [no-such-program]\n")
    job = clones.told(clones.ada, "trigger", "tidy", "--anywhere")["job"]["id"]
    gitfleet(clones.ada, "run", "--until-idle").ended(21)
    assert clones.told(clones.ada, "job", "show", job)["job"]["status"] == "queued"
    assert "any node may take it" in gitfleet(clones.ada, "job", "retry", job).ended(20).stderr
    assert clones.told(clones.bob, "run", "--until-idle")["completed"] == 1


def test_pool_is_paused_by_one_clone_for_all(clones: Clones, gitfleet: Gitfleet) -> None:
    ada, bob = clones.ada, clones.bob
    assert clones.told(ada, "pool", "list")["pools"][0]["agents"] == ["pooled"]
    paused = clones.told(ada, "pool", "pause", "account", "--for", "2h", "--reason", "no money")["pool"]
    assert (paused["paused"], paused["reason"]) == (True, "no money")
    job = clones.told(bob, "trigger", "pooled")["job"]["id"]
    assert clones.told(bob, "run", "--until-idle")["completed"] == 0
    assert "no money" in gitfleet(bob, "pool", "show", "account").ok().stdout
    assert clones.told(bob, "pool", "resume", "account")["pool"]["paused"] is False
    assert clones.told(bob, "run", "--until-idle")["completed"] == 1
    assert clones.told(bob, "job", "show", job)["job"]["status"] == "completed"
    other = gitfleet(bob, "pool", "pause", "accuont", "--for", "2h").ok().stdout
    assert "no agent file here names this pool" in other
    assert "no agent file" not in gitfleet(bob, "pool", "pause", "account").ok().stdout
    gitfleet(bob, "pool", "resume", "account").ok()
    assert "was not paused" in gitfleet(bob, "pool", "resume", "account").ok().stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nowhere"), "nowhere"),
        (("pause", "a b"), "no name"),
        (("resume", "../x"), "no name"),
        (("pause", "account", "--until", "soon"), "no moment"),
        (("pause", "account", "--until", "2026-12-01T08:00Z", "--for", "1h"), "exclude"),
        (("pause", "account", "--for", "400d"), "35 days"),
    ],
)
def test_pool_that_is_asked_for_badly_is_refused(
    lone_member: Path, gitfleet: Gitfleet, words: tuple[str, ...], said: str
) -> None:
    ran = gitfleet(lone_member, "pool", *words)
    assert said in ran.stderr
    assert ran.returncode in {2, 16}
    assert gitfleet(lone_member, "pool").ok().stdout == "no pools\n"
