"""`cost`, and jobs that are kept back because a budget is spent: with a client that tells usage, and one that does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from gitfleet.jobs.money.report import CostKey
from tests.jobs.shepherd.agents import PYTHON
from tests.workbench import Gitfleet

CLIENT = """
import json, os
open(os.environ["GITFLEET_SESSION"] + ".txt", "w").write("work")
print(json.dumps({"type": "result", "subtype": "success", "is_error": False, "result": "done", "session_id": "s",
                  "total_cost_usd": 0.25, "modelUsage": {"m": {"inputTokens": 400, "outputTokens": 100}}}))
"""
FLEET = "defaults: {working_directory: .., limits: {grace: 1s}}\nbudget: {tokens: %s}\nprices: {m: {input: 1, output: 2}}\n"


@pytest.fixture
def ada(clone: Callable[[str], Path], gitfleet: Gitfleet) -> Path:
    path = clone("ada")
    gitfleet(path, "init").ok()
    client = path.parent / "client.py"
    client.write_text(CLIENT)
    agents = path / "agents"
    agents.mkdir()
    (agents / "fleet.yaml").write_text(FLEET % 500)
    argv = json.dumps([PYTHON, "-I", "-S", str(client)])
    (agents / "tidy.yaml").write_text(f"runtime: claude\ncommand: {argv}\nprompt: Tidy up\nqueue: true\n")
    (agents / "plain.yaml").write_text("command: [sh, -c, 'echo x > plain.txt']\n")
    return path


def cost(gitfleet: Gitfleet, place: Path, *more: str) -> Any:
    data = gitfleet(place, "cost", *more, "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["cost"].data, data)
    return data


def test_job_is_kept_back_while_a_budget_is_spent_and_costs_are_summed_up(
    ada: Path, gitfleet: Gitfleet
) -> None:
    assert gitfleet(ada, "cost").ok().stdout.startswith("no attempts")
    for agent in ("tidy", "plain"):
        gitfleet(ada, "trigger", agent).ok()
        gitfleet(ada, "run", "--until-idle").ok()
    listed = gitfleet(ada, "job", "list", "--status", "queued", "--json").ok().json()["data"]["jobs"]
    assert [job["agent_name"] for job in listed] == ["plain"]
    told = cost(gitfleet, ada)
    assert [(row["key"], row["dollars"], row["tokens"]) for row in told["rows"]] == [
        ("tidy", 0.25, {"input": 400, "output": 100})
    ]
    (budget,) = told["budgets"]
    assert budget["reached"] == "today's budget of all agents is spent: 500 of 500 tokens"
    assert (budget["name"], budget["tokens_spent"], budget["dollars_spent"]) == ("all agents", 500, 0.25)

    (ada / "agents/fleet.yaml").write_text(FLEET % 5000)
    gitfleet(ada, "run", "--until-idle").ok()
    whole = cost(gitfleet, ada)["total"]
    assert (whole["attempts"], whole["untold"], whole["uncosted"]) == (2, 1, 1)
    rows = {by: cost(gitfleet, ada, "--by", by)["rows"] for by in CostKey}
    assert {by: len(found) for by, found in rows.items()} == dict.fromkeys(CostKey, 2) | {CostKey.DAY: 1}
    (entry,) = (row for row in rows[CostKey.ENTRY] if row["key"])
    queued = gitfleet(ada, "queue", "list", "--json").ok().json()["data"]["entries"]
    assert (entry["key"], entry["about"]) == (queued[0]["id"], f"{queued[0]['state']}: Tidy up")
    job = rows[CostKey.JOB][-1]["key"]
    one = gitfleet(ada, "job", "show", job).ok().stdout
    assert "tokens: 400 input, 100 output" in one
    assert "cost: $0.25, as its client estimates" in one
    shown = gitfleet(ada, "cost").ok().stdout
    assert "$0.25 + ?" in shown
    assert "dollars are estimates: $0.25 by the clients" in shown
    assert "cost not known of 1 of 2 attempts" in shown


def test_cost_of_jobs_of_other_nodes_is_known_after_a_sync(
    ada: Path, clone: Callable[[str], Path], gitfleet: Gitfleet
) -> None:
    gitfleet(ada, "trigger", "tidy").ok()
    gitfleet(ada, "run", "--until-idle").ok()
    bob = clone("bob")
    gitfleet(bob, "init").ok()
    assert cost(gitfleet, bob)["rows"] == []
    for place in (ada, bob):
        gitfleet(place, "sync").ok()
    (row,) = cost(gitfleet, bob, "--by", "entry")["rows"]
    assert (row["dollars"], row["tokens"]) == (0.25, {"input": 400, "output": 100})
    assert row["about"].endswith(": Tidy up")


@pytest.mark.parametrize("wrong", [("--by", "colour"), ("--since", "yesterday")])
def test_cost_by_or_since_what_is_unknown_is_refused(
    ada: Path, gitfleet: Gitfleet, wrong: tuple[str, str]
) -> None:
    assert wrong[1] in gitfleet(ada, "cost", *wrong).ended(2).stderr


def test_cost_without_agent_files_has_no_prices_and_no_budgets(
    clone: Callable[[str], Path], gitfleet: Gitfleet
) -> None:
    path = clone("bob")
    gitfleet(path, "init").ok()
    told = cost(gitfleet, path, "--since", "2d")
    assert (told["rows"], told["budgets"], told["total"]["dollars"]) == ([], [], None)
