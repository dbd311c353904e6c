"""`help --json`: every command, with what it takes, as data."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from tests.workbench import Gitfleet


def test_help_as_json_tells_of_every_command(gitfleet: Gitfleet, tmp_path: Path) -> None:
    data = gitfleet(tmp_path, "help", "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["help"].data, data)
    names = [one["name"] for one in data["commands"]]
    assert set(names) == {name.partition(" --")[0] for name in schemas.COMMANDS}
    claim = data["commands"][names.index("claim")]
    assert claim["words"]
    assert claim["text"]
    assert {one["name"] for one in claim["parameters"]} >= {"--shared", "--wait", "--json"}
    assert {10, 70} <= {one["code"] for one in data["exit_codes"]}


@pytest.mark.parametrize(
    ("asked", "told"),
    [(["queue", "add"], ["queue add"]), (["gate"], ["gate run", "gate status"]), (["help"], ["help"])],
)
def test_help_of_some_tells_of_these_alone(
    gitfleet: Gitfleet, tmp_path: Path, asked: list[str], told: list[str]
) -> None:
    data = gitfleet(tmp_path, "help", *asked, "--json").ok().json()["data"]
    assert [one["name"] for one in data["commands"]] == told


def test_help_of_no_command_as_json_is_a_usage_error(gitfleet: Gitfleet, tmp_path: Path) -> None:
    assert gitfleet(tmp_path, "help", "nope", "--json").ended(2).json()["status"] == "usage-error"
