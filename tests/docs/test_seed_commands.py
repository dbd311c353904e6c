"""docs/reference/seed-commands.md: each command of the five documents is in its tables, and what stands beside it is there, and takes these words."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from gitfleet import FleetManager
from gitfleet.cli import fast_args
from gitfleet.cli.app import whole
from gitfleet.cli.declaring import Command
from gitfleet.web.routes import ROUTES
from tests.workbench import ROOT

PAGE = (ROOT / "docs/reference/seed-commands.md").read_text(encoding="utf-8")
STANDS_FOR = {"N": "5", "P": "0.9"}  # what a placeholder of a number may be

# as the documents have them, without the path of the program; a line of the Makefile is `make TARGET`
COMMANDS = """
fleet-status --tail 200
fleet-claim --session-id ID --paths A B
fleet-release --session-id ID
fleet-queue-add --session-id ID --branch B --priority N --title T
fleet-queue-list
pt agent fleet plan --hosts FILE --format json
pt agent fleet apply --session ID --recommended --yes --format json
pt agent fleet apply --session ID --only dev-server --yes
pt agent fleet status --session ID
--min-posterior
agent-fleet enqueue --working-dir DIR "TASK"
agent-fleet run
agent-fleet start
agent-fleet stop
agent-fleet status
agent-fleet history TASK-ID
./scripts/codex_session.sh
./scripts/codex_session.sh --agent codex-ci --managed-dir .worktrees/codex-auto-ci
scripts/codex_session.sh --orchestrator LABEL
codex_worktree_autopilot.py ensure --agent codex --base main --reconcile
codex_worktree_autopilot.py reconcile --all --base main
codex_worktree_autopilot.py cleanup --base main --ttl-hours 24
codex_worktree_autopilot.py maintain --base main --strategy merge --ttl-hours 24
codex_worktree_autopilot.py status
--include-active
--no-delete-branches
--reconcile-only
make codex-session
make worktree-ensure
make worktree-reconcile
make worktree-cleanup
make worktree-maintain
make worktree-maintainer-install
""".strip().splitlines()
METHODS = [
    "initialize", "start", "stop", "reload", "getStatus", "getAgents", "getAgent", "getJobs", "getJob", "getSchedules",
    "getSchedule", "trigger", "cancelJob", "forkJob", "enableSchedule", "disableSchedule", "streamLogs", "streamJobOutput",
    "streamAgentLogs",
]  # fmt: skip
PATHS = [
    "GET status", "GET logs", "GET claims", "POST claims", "POST claims/release", "GET merge-queue", "POST merge-queue",
]  # fmt: skip


class MapRow(NamedTuple):
    """One line of a table: what is there, and what is here."""

    there: str
    here: str


ROWS = [MapRow(*cells) for cells in re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)]
CALLS = sorted({call for row in ROWS for call in re.findall(r"`gitfleet ([^`]+)`", row.here)})


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_a_document_is_in_the_map_beside_something(command: str) -> None:
    beside = [row.here for row in ROWS if command in row.there]
    assert beside
    assert not any(re.search(r"\blater\b|not yet", here, re.IGNORECASE) for here in beside)


@pytest.mark.parametrize("call", CALLS)
def test_command_of_ours_in_the_map_takes_the_words_that_it_is_shown_with(call: str) -> None:
    words = [STANDS_FOR.get(word, word) for word in re.sub(r'"[^"]*"', "TEXT", call).split()]
    command, rest = whole().find(words)
    if isinstance(command, Command):
        assert not rest or fast_args.parse(command.params, rest) is not None
    else:
        assert rest == []


@pytest.mark.parametrize("method", METHODS)
def test_method_of_the_fleet_manager_is_in_the_map_and_is_there(method: str) -> None:
    assert any(re.search(rf"`{method}\(", row.there) for row in ROWS)
    assert hasattr(FleetManager, re.sub(r"([A-Z])", r"_\1", method).lower())


@pytest.mark.parametrize("path", PATHS)
def test_endpoint_of_the_runbook_is_in_the_map_and_is_served(path: str) -> None:
    verb, end = path.split()
    assert (verb, f"/api/v1/coordination/fleet/{end}") in {(route.method, route.path) for route in ROUTES}
    assert any(verb in row.there and f"/api/v1/coordination/fleet/{end}" in row.there for row in ROWS)


def test_targets_of_make_in_the_map_are_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for row in ROWS for name in re.findall(r"`make ([a-z-]+)`", row.there)}
    last = "worktree-maintainer"
    assert named | {f"{last}-status", f"{last}-uninstall"} <= targets


def test_scripts_in_the_map_are_there() -> None:
    named = {name for row in ROWS for name in re.findall(r"scripts/gitfleet_session\.sh", row.here)}
    assert named
    assert all((ROOT / name).is_file() for name in named)
