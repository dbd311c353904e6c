"""`landing: pull-request`: what was tested is handed to the host, and what the host makes of it is found out. GitHub by a stand-in for `gh`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.test_queue_required import main, push, queued, unseen
from tests.workbench import ROOT, Ran

HOOK = ROOT / "templates/queue/github-pull-request.py"
FAKE = ROOT / "tests/mergequeue/fake_gh.py"


@dataclass
class GitHub:
    """The stand-in, and a clone whose trunk is GitHub's to change."""

    cli: Cli
    folder: Path
    path: str

    def process(self, code: int) -> Any:
        ran = self.run()
        return ran.ended(code).json()["data"]

    def run(self) -> Ran:
        return self.cli("queue", "process", "--json", env={"PATH": self.path, "GH_WORLD": str(self.folder)})

    def rules(self, **rules: Any) -> None:
        (self.folder / "rules.json").write_text(json.dumps(rules))

    @property
    def requests(self) -> list[dict[str, Any]]:
        path = self.folder / "requests.json"
        return json.loads(path.read_text()) if path.exists() else []

    def change(self, number: int, **values: Any) -> None:
        known = self.requests
        known[number - 1].update(values)
        (self.folder / "requests.json").write_text(json.dumps(known))

    def calls(self, command: str) -> list[list[str]]:
        path = self.folder / "calls.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [row for row in rows if row[0] == command]

    def entry(self, name: str) -> dict[str, Any]:
        self.cli("sync").ok()
        return dict(self.cli("queue", "show", name, "--json").ok().json()["data"]["entry"])

    def tree(self, revision: str) -> str:
        return self.cli.clone.out("rev-parse", f"{revision}^{{tree}}", at=self.cli.clone.fleets.hub)


def policy(cli: Cli, *command: str, extra: str = "") -> None:
    words = json.dumps([str(word) for word in command])
    unseen(
        cli,
        "gitfleet.yaml",
        f"version: 1\nqueue: {{gate: none, landing: pull-request, pull-request: {words}{extra}}}\n",
    )
    push(cli, "main").ok()
    cli("sync").ok()


@pytest.fixture
def github(hub_cli: Cli, tmp_path: Path) -> GitHub:
    folder, programs = tmp_path / "github", tmp_path / "programs"
    folder.mkdir()
    programs.mkdir()
    (folder / "hub").write_text(str(hub_cli.clone.fleets.hub))
    gh = programs / "gh"
    gh.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    gh.chmod(0o755)
    policy(hub_cli, sys.executable, str(HOOK))

    return GitHub(hub_cli, folder, f"{programs}:{os.environ['PATH']}")


@pytest.mark.parametrize("method", ["merge", "squash"])
@pytest.mark.always
def test_entries_land_as_pull_requests_in_the_order_in_which_they_were_tested(
    github: GitHub, method: str
) -> None:
    policy(github.cli, sys.executable, str(HOOK), extra=f", method: {method}, required: true")
    base = main(github.cli)
    for name in ("one", "two"):
        queued(github.cli, name)
    done = github.process(0)
    assert [entry["branch"] for entry in done["landed"]] == ["one", "two"]
    assert [one["state"] for one in github.requests] == ["MERGED", "MERGED"]
    assert done["landed"][-1]["landed"] == main(github.cli)
    assert {github.entry(name)["reason"] for name in ("one", "two")} == {"landed"}
    for call in github.calls("merge"):
        assert f"--{method}" in call
        assert "--auto" in call
        assert any(word.startswith("--match-head-commit=") for word in call)
    github.cli("check", "--range", f"{base}..{main(github.cli)}").ok()


def test_pull_request_that_waits_for_a_review_waits_and_lands_later(github: GitHub) -> None:
    github.rules(new={"mergeStateStatus": "BLOCKED"})
    queued(github.cli, "one")
    assert "the host has 1 entry in hand" in github.process(11)["halted"]
    row = github.entry("one")
    assert (row["state"], row["reason"]) == ("queued", "host")
    assert "GitHub merges it when its rules are met (blocked) (https://github.example/pull/1)" in row["why"]
    assert len(github.calls("create")) == 1
    github.process(11)
    assert (len(github.calls("create")), len(github.calls("merge"))) == (1, 1)
    github.change(1, mergeStateStatus="CLEAN", autoMergeRequest=None)
    assert [entry["branch"] for entry in github.process(0)["landed"]] == ["one"]


def test_order_that_the_host_has_landed_is_known_by_the_target_alone(github: GitHub) -> None:
    github.rules(new={"mergeStateStatus": "BLOCKED"})
    head = queued(github.cli, "one") and github.cli.clone.out("rev-parse", "one")
    github.process(11)
    hub = github.cli.clone.fleets.hub
    tree = github.cli.clone.out("merge-tree", "--write-tree", "main", "one", at=hub)
    made = github.cli.clone.out(
        "commit-tree", tree, "-p", main(github.cli), "-p", head, "-m", "the host's own words", at=hub
    )
    github.cli.clone.out("update-ref", "refs/heads/main", made, at=hub)
    assert [entry["landed"] for entry in github.process(0)["landed"]] == [made]


def test_refused_entry_goes_back_to_its_session_and_the_rest_goes_on(github: GitHub) -> None:
    queued(github.cli, "one")
    queued(github.cli, "two")
    github.rules(**{"1": {"reviewDecision": "CHANGES_REQUESTED"}})
    assert [one["branch"] for one in github.process(21)["landed"]] == ["two"]
    with github.cli.clone.open() as fleet:
        assert "Your branch one is refused by the host" in "\n".join(fleet.messages(github.cli.clone.session))
    row = github.entry("one")
    assert (row["state"], row["reason"]) == ("rejected", "host-refused")
    assert "a review asks for changes" in row["why"]


def test_entry_that_the_host_lands_as_another_tree_is_not_called_landed(github: GitHub) -> None:
    queued(github.cli, "one")
    github.rules(tree=github.tree("main"))
    done = github.process(11)
    assert (done["landed"], [entry["branch"] for entry in done["held"]]) == ([], ["one"])
    row = github.entry("one")
    assert (row["state"], row["reason"]) == ("held", "host-differs")
    assert "not as it was tested" in row["why"]
    github.cli("queue", "unhold", "one").ok()
    github.process(0)
    assert github.entry("one")["reason"] == "landed-elsewhere"


def test_host_that_cannot_be_asked_keeps_the_entry_waiting_and_is_asked_again(github: GitHub) -> None:
    queued(github.cli, "one")
    github.rules(broken="HTTP 401: \x1b[31mBad credentials")
    halted = github.process(11)["halted"]
    assert "exit code 1" in halted
    assert "Bad credentials" in halted
    assert "\x1b" not in halted
    assert github.entry("one")["reason"] == "host"
    github.rules()
    github.process(0)


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("print('{')", "not JSON"),
        ("print('[' * 100000)", "not JSON"),
        ("print('[]')", "no object"),
        ("print('{\"version\": 2, \"entries\": []}')", "no object"),
        ("print('{\"version\": 1, \"entries\": [{\"id\": \"x\", \"state\": \"merged\"}]}')", "was not asked about"),
        ("import json, sys; i = json.load(sys.stdin)['entries'][0]['id']; print(json.dumps({'version': 1, 'entries': [{'id': i, 'state': 'done'}]}))", "a state is one of"),
        ("print('x' * 2000000)", "longer than"),
        ("import sys; sys.exit(3)", "exit code 3"),
    ],
)  # fmt: skip
def test_nonsense_from_the_command_is_said_and_changes_nothing(hub_cli: Cli, script: str, words: str) -> None:
    policy(hub_cli, sys.executable, "-c", script)
    before = main(hub_cli)
    queued(hub_cli, "one")
    done = hub_cli("queue", "process", "--json").ended(11).json()["data"]
    assert words in done["halted"]
    assert main(hub_cli) == before


def test_command_that_is_not_there_is_named(hub_cli: Cli) -> None:
    policy(hub_cli, "/no/such/program")
    queued(hub_cli, "one")
    done = hub_cli("queue", "process", "--json").ended(11).json()["data"]
    assert "/no/such/program (queue.pull-request) could not be run" in done["halted"]


def test_claim_of_the_host_that_it_merged_is_not_believed(hub_cli: Cli) -> None:
    script = (
        "import json, sys; o = json.load(sys.stdin); "
        "print(json.dumps({'version': 1, 'entries': [{'id': e['id'], 'state': 'merged'} for e in o['entries']]}))"
    )
    policy(hub_cli, sys.executable, "-c", script)
    queued(hub_cli, "one")
    done = hub_cli("queue", "process", "--json").ended(11).json()["data"]
    assert (done["landed"], len(done["waiting"])) == ([], 1)


def test_runner_that_goes_on_asks_about_the_same_order_less_and_less_often(
    hub_cli: Cli, tmp_path: Path
) -> None:
    log = tmp_path / "asked"
    script = f"open({str(log)!r}, 'a').write('asked '); print('{{\"version\": 1, \"entries\": []}}')"
    policy(hub_cli, sys.executable, "-c", script)
    queued(hub_cli, "one")
    with hub_cli.clone.open() as fleet:
        runner = fleet.queue.processor(fleet.gates)
        halts = [runner.work().halted for _ in range(3)]
    assert halts == ["the host has 1 entry in hand"] * 3
    assert log.read_text() == "asked "
    hub_cli("queue", "process").ended(11)  # another runner asks for itself
    assert log.read_text() == "asked asked "


def test_frozen_queue_hands_nothing_over(github: GitHub) -> None:
    queued(github.cli, "one")
    github.cli("queue", "pause", "--freeze", "--reason", "release day").ok()
    github.process(11)
    assert github.requests == []


def by_hand(github: GitHub, *parents: str, tree: str = "") -> str:
    """A commit that somebody has the host put onto the target: the merge of one, or another tree."""
    hub, before = github.cli.clone.fleets.hub, main(github.cli)
    tree = tree or github.cli.clone.out("merge-tree", "--write-tree", "main", "one", at=hub)
    onto = [word for parent in (before, *parents) for word in ("-p", parent)]
    made = github.cli.clone.out("commit-tree", tree, *onto, "-m", "the host's own words", at=hub)
    github.cli.clone.out("update-ref", "refs/heads/main", made, at=hub)
    return made


def handed_over(github: GitHub) -> str:
    """The head of a branch that GitHub merges when a review is there."""
    github.rules(new={"mergeStateStatus": "BLOCKED"})
    queued(github.cli, "one")
    github.process(11)
    return github.cli.clone.out("rev-parse", "one")


def test_entry_that_is_dropped_has_its_pull_request_closed_and_another_one_when_it_comes_again(
    github: GitHub,
) -> None:
    handed_over(github)
    github.cli("queue", "drop", "one").ok()
    assert "may still land it" in github.entry("one")["why"]
    github.process(0)
    assert (github.requests[0]["state"], github.requests[0]["autoMergeRequest"]) == ("CLOSED", None)
    assert "may still land it" not in github.entry("one")["why"]
    github.process(0)
    assert len(github.calls("close")) == 1
    github.rules()
    github.cli("queue", "add", "--branch", "one").ok()
    assert [entry["branch"] for entry in github.process(0)["landed"]] == ["one"]
    assert [one["state"] for one in github.requests] == ["CLOSED", "MERGED"]


def test_entry_that_is_held_is_merged_by_the_host_only_after_it_goes_on(github: GitHub) -> None:
    handed_over(github)
    github.cli("queue", "hold", "one").ok()
    github.process(11)
    assert (github.requests[0]["state"], github.requests[0]["autoMergeRequest"]) == ("OPEN", None)
    github.cli("queue", "unhold", "one").ok()
    github.process(11)
    assert github.requests[0]["autoMergeRequest"]
    assert github.entry("one")["reason"] == "host"


def test_host_that_does_not_let_go_is_asked_again(github: GitHub) -> None:
    handed_over(github)
    github.cli("queue", "drop", "one").ok()
    github.rules(stubborn=True)
    github.process(0)
    github.rules(broken="HTTP 500")
    assert "could not be asked to let go of one" in github.run().ended(0).stderr
    assert "may still land it" in github.entry("one")["why"]
    github.rules()
    github.process(0)
    assert github.requests[0]["state"] == "CLOSED"


@pytest.mark.sample(2)
@pytest.mark.parametrize("word", ["drop", "hold"])
@pytest.mark.parametrize("how", ["merge", "squash", "stale"])
def test_entry_that_the_host_lands_although_it_was_kept_back_is_told_as_that(
    github: GitHub, word: str, how: str
) -> None:
    head = handed_over(github)
    github.cli("queue", word, "one", "--reason", "not yet").ok()
    if how == "stale":
        by_hand(github, tree=github.tree("main"))
    made = by_hand(github, *([] if how == "squash" else [head]))
    assert [entry["branch"] for entry in github.process(0)["landed"]] == ["one"]
    row = github.entry("one")
    state = {"drop": "dropped", "hold": "held"}[word]
    assert (row["state"], row["reason"], row["landed"]) == ("landed", "landed-by-host", made)
    assert f"The host has put it onto main, as {made[:12]}, although it was {state} (not yet)." in row["why"]
    history = github.cli("queue", "history", "--json").ok().json()["data"]["entries"]
    assert [(one["branch"], one["state"]) for one in history] == [("one", "landed")]
    assert "one.txt" not in github.cli("claims").ok().stdout
    assert github.calls("close") == []


def test_drop_of_what_the_host_never_had_asks_it_nothing(github: GitHub) -> None:
    queued(github.cli, "one")
    github.cli("queue", "drop", "one").ok()
    github.process(0)
    assert github.calls("list") == []
