"""The prompt policy, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.delivery import instructions
from gitfleet.jobs.delivery.forges import Forge
from gitfleet.jobs.delivery.instructions import Place

GITHUB, GITLAB = Forge("github", "github.com", "ada/tool"), Forge("gitlab", "gitlab.com", "ada/tool")
PLAIN, NONE = Forge("plain"), Forge("none")
TASK = "Mend the parser.\n"


def told(forge: Forge = PLAIN, *, claimed: bool = True, **more: Any) -> str:
    agent = Agent.model_validate({"name": "mender", "runtime": "codex", **more})
    return instructions.prompt(agent, TASK, Place("agent/x", "main", forge, claimed))


REQUEST = {"commit": {"pull_request": True}}
AFTERWARDS = [
    (NONE, {}, "There is no remote to push to: the branch stays in this clone."),
    (NONE, REQUEST, "There is no remote to push to: the branch stays in this clone."),
    (PLAIN, {"commit": {"push": False}}, "Do not push: the branch stays in this clone."),
    (PLAIN, {}, "this is done with your branch: it is pushed."),
    (PLAIN, REQUEST, "this is done with your branch: it is pushed."),
    (GITHUB, {}, "this is done with your branch: it is pushed."),
    (GITHUB, REQUEST, "it is pushed and a pull request is opened for it."),
    (GITLAB, REQUEST, "it is pushed and a merge request is opened for it."),
    (NONE, {"queue": True}, "Do not merge it yourself. Once the work has been checked, this is done with your branch: it enters the merge queue of main."),
    (GITHUB, {"queue": True, **REQUEST}, "it is pushed, a pull request is opened for it and it enters the merge queue of main."),
]  # fmt: skip


@pytest.mark.parametrize(("forge", "more", "words"), AFTERWARDS)
def test_agent_is_told_what_is_done_for_it_by_the_kind_of_remote(
    forge: Forge, more: dict[str, Any], words: str
) -> None:
    assert words in told(forge, **more)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "uncommitted is committed for you."),
        ({"commit": {"leftovers": "keep"}}, "is not part of the work."),
        ({"commit": {"leftovers": "fail"}}, "count as a failure."),
        ({}, "Before you change a path, claim it: `gitfleet claim PATH`."),
        ({"claims": ["src/", "docs/"]}, "You hold the claims on src/, docs/. Before"),
        ({}, "counts as done if something has changed."),
        ({"verify": ["make", "a test"]}, "something has changed and this succeeds here: `make 'a test'`."),
        ({"commit": {"no_change": "success"}}, "End once the work is done."),
    ],
)
def test_agent_is_told_by_what_its_file_says(more: dict[str, Any], words: str) -> None:
    assert words in told(**more)


def test_task_comes_first_as_it_was_given() -> None:
    assert told().startswith("Mend the parser.\n\nHow to hand over")


def test_claims_are_not_spoken_of_where_the_rules_ask_for_none() -> None:
    assert "claim" not in told(claimed=False)


@pytest.mark.parametrize("runtime", ["codex", "claude", "command"])
@pytest.mark.parametrize("asked", [None, True, False])
def test_program_gets_its_prompt_as_written_unless_its_file_asks(runtime: str, asked: bool | None) -> None:
    more: dict[str, Any] = {"command": ["true"]} if runtime == "command" else {}
    wanted = runtime != "command" if asked is None else asked
    assert (told(runtime=runtime, commit={"instruct": asked}, **more) != TASK) is wanted


def test_without_a_task_nothing_is_added() -> None:
    agent = Agent.model_validate({"name": "mender", "runtime": "codex"})
    assert instructions.prompt(agent, " ", Place("agent/x", "main")) == " "
