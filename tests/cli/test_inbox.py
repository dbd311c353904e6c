"""`gitfleet inbox` as people and programs see it, alone and at the top of `status`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from gitfleet.ledger.notices import LOST
from tests.fleetbench import Fleets
from tests.workbench import UNSEEN, Git, Gitfleet


@pytest.fixture
def alone(fleets: Fleets) -> Path:
    return fleets.clone("alone")


@pytest.fixture
def lose(fleets: Fleets) -> Callable[..., None]:
    def lose(*texts: str) -> None:
        with fleets.open("alone") as fleet:
            for text in texts:
                fleet.ledger.notices.leave(SessionId("alone-2"), text, kind=LOST, about=text[:1])

    return lose


def squeezed(text: str) -> list[str]:
    return [re.sub(r" +", " ", re.sub(r"\S+ ago", "AGO", line)).strip() for line in text.splitlines()]


def test_inbox_of_a_fleet_in_which_all_is_well_says_so(alone: Path, gitfleet: Gitfleet) -> None:
    assert gitfleet(alone, "inbox").ok().stdout == "nothing needs a person\n"
    assert gitfleet(alone, "status").ok().stdout.startswith("node ")


def test_item_goes_from_status_to_the_inbox_and_is_read(
    alone: Path, gitfleet: Gitfleet, lose: Callable[..., None]
) -> None:
    lose("a/ was lost \x1b[2J")
    (row,) = gitfleet(alone, "inbox", "--json").ok().json()["data"]["items"]
    line = rf"! lost alone-2 AGO a/ was lost \x1b[2J gitfleet sync {row['id']}"
    head = "STATE KIND WHO SINCE WHAT NEXT ID"
    assert squeezed(gitfleet(alone, "status").ok().stdout)[:4] == ["1 item for you", head, line, ""]
    assert squeezed(gitfleet(alone, "inbox").ok().stdout) == ["1 item, 1 unread", head, line]
    assert gitfleet(alone, "inbox", "read", row["id"]).ok().stdout == f"read: {row['id']} lost alone-2\n"
    assert squeezed(gitfleet(alone, "inbox").ok().stdout) == [
        "1 item, 0 unread", head, line.replace("!", "read", 1),
    ]  # fmt: skip
    assert gitfleet(alone, "inbox", "--unread").ok().stdout == "nothing unread needs a person\n"
    assert gitfleet(alone, "status").ok().stdout.startswith("node ")
    assert gitfleet(alone, "inbox", "read", "--all").ok().stdout == "nothing was unread\n"


def test_many_of_a_kind_are_one_row_whose_command_shows_them(
    alone: Path, gitfleet: Gitfleet, lose: Callable[..., None]
) -> None:
    lose(*"abcd")
    folded = squeezed(gitfleet(alone, "inbox").ok().stdout)[2:]
    assert folded == ["! lost AGO 4 claims that were lost, 4 unread gitfleet inbox --kind lost"]
    assert folded[0] in squeezed(gitfleet(alone, "status").ok().stdout)
    for words in (["--kind", "lost"], ["--kind=lost", "--unread"], ["list", "--kind", "lost"]):
        assert len(squeezed(gitfleet(alone, "inbox", *words).ok().stdout)) == 6
    assert gitfleet(alone, "inbox", "--kind", "hub").ok().stdout == "nothing needs a person\n"
    assert "4 items" not in gitfleet(alone, "inbox", "read", "--kind", "lost").ok().stdout
    assert gitfleet(alone, "inbox", "--unread").ok().stdout == "nothing unread needs a person\n"


@pytest.mark.parametrize(
    "words",
    [["--kind", "x"], ["read"], ["read", "abcdef"], ["read", "--all", "abcdef"], ["--frob"]],
    ids=" ".join,
)
def test_inbox_that_cannot_be_understood_is_a_usage_error(
    alone: Path, gitfleet: Gitfleet, words: list[str]
) -> None:
    gitfleet(alone, "inbox", *words).ended(2)


def test_answers_are_as_their_schemas_say(alone: Path, gitfleet: Gitfleet, lose: Callable[..., None]) -> None:
    lose(*"abcd")
    listed = gitfleet(alone, "inbox", "--json", "--kind", "lost").ok().json()
    assert (listed["command"], listed["data"]["unread"], listed["data"]["folded"][0]["count"]) == (
        "inbox list",
        4,
        4,
    )
    schema.validate(schemas.COMMANDS["inbox list"].data, listed["data"])
    status = gitfleet(alone, "status", "--json").ok().json()["data"]
    assert (status["inbox"]["total"], status["inbox"]["items"]) == (4, [])
    assert status["inbox"]["folded"][0]["next"] == "gitfleet inbox --kind lost"
    schema.validate(schemas.COMMANDS["status"].data, status)
    read = gitfleet(alone, "inbox", "read", "--all", "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["inbox read"].data, read)
    assert len(read["items"]) == 4


def test_maintainer_tells_people_and_a_test_ends_a_fault(
    alone: Path, gitfleet: Gitfleet, git: Git, lose: Callable[..., None], tmp_path: Path
) -> None:
    def rules(program: str) -> None:
        text = f"version: 1\ncommits: off\nnotify: {{command: [{program}, '{{title}}'], dwell: 0s}}\n"
        (alone / "gitfleet.yaml").write_text(text)
        git(alone, *UNSEEN, "add", "gitfleet.yaml")
        git(alone, *UNSEEN, "commit", "--quiet", "--no-verify", "-m", "rules")
        gitfleet(alone, "sync").ended(0, 12)  # it says what was lost

    tell, log = tmp_path / "tell", tmp_path / "log"
    tell.write_text(f'#!/bin/sh\necho "$1" >>{log}\n')
    tell.chmod(0o755)
    lose("a")
    rules("/nowhere/tell")
    assert (
        "people could not be notified: tell could not be run" in gitfleet(alone, "maintainer", "run").stderr
    )
    assert "people were not told" in gitfleet(alone, "inbox", "--kind", "maintainer").ok().stdout
    assert gitfleet(alone, "inbox", "notify", "--test", "--json").ended(21).json()["status"] == "partial"
    rules(str(tell))
    assert gitfleet(alone, "inbox", "notify", "--test").ok().stdout == "a test was sent\n"
    assert gitfleet(alone, "inbox", "--kind", "maintainer").ok().stdout == "nothing needs a person\n"
    gitfleet(alone, "maintainer", "run")
    told = gitfleet(alone, "inbox", "notify", "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["inbox notify"].data, told)
    assert (told["told"], told["words"]) == ([], "nothing new to tell")
    assert log.read_text().count("1 item for you in alone on ") == 1
