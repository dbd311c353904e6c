"""Jobs of one clone, looked at in another: `job list|show|logs` and `history`; and places in a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from gitfleet.jobs.fleet_manager import FleetManager
from tests.workbench import Gitfleet

AGENT = 'working_directory: ..\ncommand: [sh, -c, \'echo one; echo "$(printf %b "\\\\033[31mtwo")" >&2; echo three\']\n'


def test_job_of_another_clone_is_shown_and_replayed_after_a_sync(
    clone: Callable[[str], Path], gitfleet: Gitfleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = clone("ada"), clone("bob")
    for place in (ada, bob):
        gitfleet(place, "init").ok()
        (place / "agents").mkdir()
        (place / "agents/tidy.yaml").write_text(AGENT)

    def told(place: Path, *args: str) -> Any:
        data = gitfleet(place, *args, "--json").ok().json()["data"]
        name = " ".join(args[:2]) if args[0] == "job" else args[0]
        schema.validate(schemas.COMMANDS[name].data, data)
        return data

    job = told(ada, "trigger", "tidy", "--prompt", "Tidy up")["job"]["id"]
    gitfleet(ada, "run", "--until-idle").ok()
    assert "sync" in gitfleet(bob, "history", job).ended(2).stderr
    gitfleet(bob, "sync").ok()
    (row,) = told(bob, "job", "list")["jobs"]
    assert (row["id"], row["status"]) == (job, "completed")
    assert row["node"]
    assert told(bob, "job", "show", job)["job"]["prompt"] == "Tidy up"
    here, there = told(ada, "history", job), told(bob, "history", job)
    assert here["lines"] == there["lines"]
    said = {line["text"]: f"{line['attempt']}.{line['seq']}" for line in there["lines"]}
    assert told(bob, "job", "logs", job)["output"] == told(ada, "job", "logs", job)["output"]
    for place in (ada, bob):
        assert gitfleet(place, "job", "logs", job, "--from", said["three"]).ok().stdout.startswith("three\n")
        assert "\033" not in gitfleet(place, "history", job).ok().stdout
        rest = told(place, "history", job, "--from", said["three"])["lines"]
        assert rest == here["lines"][-len(rest) :]
        assert gitfleet(place, "history", "-f", job, "--from", "99.1").ok().stdout.count("three") == 0
    assert "three" in gitfleet(ada, "history", "-f", job).ok().stdout
    assert "no place" in gitfleet(ada, "history", job, "--from", "x").ended(2).stderr

    async def output() -> str:
        fleet = FleetManager(config_path=str(bob / "agents"))
        assert fleet.get_job(job).status == "completed"
        return "".join([chunk async for chunk in fleet.stream_job_output(job)])

    assert "three" in asyncio.run(output())
    (ada.parent / "hub.git").rename(ada.parent / "away.git")
    assert told(bob, "job", "show", job)["job"]["status"] == "completed"
    assert "hub" in gitfleet(bob, "history", job).ended(30).stderr
