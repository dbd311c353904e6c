"""`schedule …`: listed in their zones, switched, and removed, without a daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from gitfleet.jobs.schedules import self_schedules
from gitfleet.jobs.schedules.self_schedules import OwnSchedule
from tests.workbench import Gitfleet

FAR = 1 << 45


@pytest.fixture
def ada(member: Path) -> Path:
    (member / "agents").mkdir()
    (member / "agents/tidy.yaml").write_text(
        "command: [/bin/true]\nself_schedule: {}\nworking_directory: ..\n"
        "schedules:\n  morning: {cron: '0 9 * * *', timezone: Asia/Tokyo}\n  often: {interval: 90s, enabled: false}\n"
    )
    return member


def told(gitfleet: Gitfleet, place: Path, *words: str) -> dict[str, Any]:
    data: dict[str, Any] = gitfleet(place, *words, "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS[" ".join(words[:2])].data, data)
    return data


def test_schedules_are_listed_with_their_next_runs_in_their_zones(ada: Path, gitfleet: Gitfleet) -> None:
    shown = gitfleet(ada, "schedule").ok().stdout
    assert "09:00 JST" in shown
    assert "every 90s" in shown
    assert "off" in shown
    assert (
        "no schedules"
        in gitfleet(ada, "schedule", "list", "--agent", "tidy", "--config", _other(ada)).ok().stdout
    )
    gitfleet(ada, "schedule", "list", "--agent", "nobody").ended(2)
    names = [one["name"] for one in told(gitfleet, ada, "schedule", "list")["schedules"]]
    assert names == ["morning", "often"]


def _other(place: Path) -> Path:
    folder = place / "others"
    folder.mkdir()
    (folder / "tidy.yaml").write_text("command: [/bin/true]\n")
    return folder


def test_switch_is_kept_and_twice_is_harmless(ada: Path, gitfleet: Gitfleet) -> None:
    for _ in range(2):
        assert told(gitfleet, ada, "schedule", "disable", "tidy", "morning")["schedule"]["enabled"] is False
        assert told(gitfleet, ada, "schedule", "enable", "tidy", "often")["schedule"]["next_trigger"] > 0
    assert "often is enabled, next 2" in gitfleet(ada, "schedule", "enable", "tidy", "often").ok().stdout
    refused = gitfleet(ada, "schedule", "enable", "tidy", "evening").ended(2).stderr
    assert "morning, often" in refused


def test_schedule_that_an_agent_gave_itself_is_shown_and_removed_by_a_person(
    ada: Path, gitfleet: Gitfleet
) -> None:
    kept = self_schedules.shelf(str(ada / ".git/gitfleet/jobs"))
    kept.put("tidy", "self-1", OwnSchedule(1, FAR, interval=3_600_000, prompt="\x1b[31mred"))
    rows = {one["name"]: one["self"] for one in told(gitfleet, ada, "schedule", "list")["schedules"]}
    assert rows == {"morning": False, "often": False, "self-1": True}
    assert "self-1 (its own)" in gitfleet(ada, "schedule").ok().stdout
    told(gitfleet, ada, "schedule", "remove", "tidy", "self-1")
    gitfleet(ada, "schedule", "remove", "tidy", "self-1").ended(2)
    assert "in the file" in gitfleet(ada, "schedule", "remove", "tidy", "morning").ended(2).stderr


def test_person_does_not_add_a_schedule_here(ada: Path, gitfleet: Gitfleet) -> None:
    assert "agent file" in gitfleet(ada, "schedule", "add", "--every", "1h").ended(2).stderr
    gitfleet(ada, "schedule", "add").ended(2)
    gitfleet(ada, "schedule", "add", "--in", "1h", "--every", "1h").ended(2)


def test_schedule_that_is_off_is_triggered_by_hand_and_its_job_names_it(
    ada: Path, gitfleet: Gitfleet
) -> None:
    job = gitfleet(ada, "trigger", "tidy", "--schedule", "often", "--json").ok().json()["data"]["job"]["id"]
    assert "often" in gitfleet(ada, "job").ok().stdout
    assert "schedule often" in gitfleet(ada, "job", "show", job).ok().stdout
