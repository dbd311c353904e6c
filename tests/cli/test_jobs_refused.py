"""Jobs that cannot be: in a clone of no fleet, and in a state directory that nobody can make."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet import FleetManager
from gitfleet.errors import NoFleet
from tests.workbench import Gitfleet

AGENT = "working_directory: ..\ncommand: [sh, -c, 'cat > task.txt']\n"


def with_agent(place: Path) -> Path:
    (place / "agents").mkdir()
    (place / "agents/tidy.yaml").write_text(AGENT)
    return place


@pytest.mark.parametrize(
    "command", [["trigger", "tidy"], ["enqueue", "Tidy up"], ["run", "--until-idle"], ["start"], ["restart"]]
)
def test_clone_of_no_fleet_takes_no_jobs(
    clone: Callable[[str], Path], gitfleet: Gitfleet, command: list[str]
) -> None:
    place = with_agent(clone("ada"))
    told = gitfleet(place, *command, "--json").ended(2).json()
    assert told["status"] == "no-fleet"
    assert "agent tidy works in" in told["data"]["error"]["message"]
    assert "gitfleet init" in gitfleet(place, *command).ended(2).stderr
    assert gitfleet(place, "job", "list").ok().stdout == "no jobs\n"
    assert "not part of a fleet" in gitfleet(place, "config", "check").ok().stderr


def test_agent_in_a_clone_of_no_fleet_keeps_no_other_from_its_work(
    member: Path, clone: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    place, outside = with_agent(member), clone("bob")
    (place / "agents/lost.yaml").write_text(f"command: [cat]\nworking_directory: {outside}\n")

    async def main() -> None:
        async with FleetManager(config_path=str(place / "agents")) as fleet:
            with pytest.raises(NoFleet):
                await fleet.trigger("lost")
            job = await fleet.trigger("tidy", prompt_override="Tidy up")
            await fleet.until_idle()
            assert fleet.get_job(job.id).status == "completed"

    asyncio.run(main())
    assert f"works in {outside}, which is not part of a fleet" in caplog.text


@pytest.mark.parametrize("command", [["trigger", "tidy"], ["run", "--until-idle"], ["start"]])
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that takes nothing new")
def test_state_directory_that_cannot_be_made_is_told_of(
    member: Path, gitfleet: Gitfleet, command: list[str]
) -> None:
    told = gitfleet(with_agent(member), *command, "--state-dir", "/proc/x", "--json").ended(20).json()
    assert (told["status"], told["data"]["error"]["path"]) == ("local-storage", "/proc/x")
