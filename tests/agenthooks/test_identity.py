"""Who acts is what the hook says; then what the client's own variables say; then the environment; never a shared process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.agenthooks.agentbench import Agent, Starter, holders, launch, new
from tests.gatebench import Gated
from tests.workbench import Git, Gitfleet

VARIABLES = {"codex": "CODEX_SESSION_ID", "claude": "CLAUDE_CODE_SESSION_ID"}


def session(agent: Agent, clone: Gated, gitfleet: Gitfleet, **env: str) -> str:
    """The session that a command of the agent acts for, by what `prime` says."""
    told = gitfleet(clone.path, "prime", "--json", env={VARIABLES[agent.name]: agent.own, **env}).ok()
    return str(told.json()["data"]["session"])


@pytest.mark.parametrize("client", ["codex", "claude"])
def test_two_sessions_of_one_process_in_one_worktree_are_two(
    start: Starter, alone: Gated, gitfleet: Gitfleet, client: str
) -> None:
    one = start(client, "own-1", alone.path)
    two = one.as_other("own-2")
    one.begin()
    two.begin()
    assert len(new(alone)) == 2
    assert session(one, alone, gitfleet) != session(two, alone, gitfleet)
    edit = "*** Begin Patch\n*** Update File: src/a.py\n*** End Patch"
    first = one.patch(edit) if client == "codex" else one.edit(alone.path / "src/a.py")
    second = two.patch(edit) if client == "codex" else two.edit(alone.path / "src/a.py")
    assert "claimed" in first.context
    assert f"session {session(one, alone, gitfleet)}" in second.denied


def test_environment_of_a_shared_process_names_one_of_its_sessions_only(
    start: Starter, alone: Gated, gitfleet: Gitfleet
) -> None:
    one = start("codex", "own-1", alone.path).named(alone.session)
    two = one.as_other("own-2")
    one.begin()
    two.begin()
    assert session(one, alone, gitfleet) == alone.session
    (other,) = new(alone)
    assert session(two, alone, gitfleet, GITFLEET_SESSION=alone.session) == other


def test_daemon_with_the_environment_of_another_worktrees_session_starts_a_new_one(
    alone: Gated, gitfleet: Gitfleet, git: Git, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    git(alone.path, "worktree", "add", "--quiet", "-b", "tree", tree)
    gitfleet(alone.path, "session", "start", "--id", "first", "--pid", str(os.getpid())).ok()
    daemon = launch("codex", "own-1", tree, {"GITFLEET_SESSION": "first"}, "app-server")
    try:
        daemon.begin()
        late = launch("codex", "own-2", alone.path, daemon.env, "app-server")
        assert len(new(alone)) == 2
        late.begin()
        assert session(late, alone, gitfleet) == "first"
        late.quit()
    finally:
        daemon.quit()


def test_client_that_no_hook_has_told_of_is_not_taken_for_another_one(
    start: Starter, alone: Gated, gitfleet: Gitfleet
) -> None:
    one = start("codex", "own-1", alone.path).named(alone.session)
    one.begin()
    stranger = one.as_other("own-9")
    gitfleet(alone.path, "session", "end", alone.other).ok()
    said = gitfleet(
        alone.path, "claim", "x", env={"CODEX_SESSION_ID": stranger.own, "GITFLEET_SESSION": alone.session}
    )
    assert said.returncode != 0
    assert holders(alone) == {}


def test_empty_variables_count_as_unset(start: Starter, alone: Gated, gitfleet: Gitfleet) -> None:
    one = start("claude", "own-1", alone.path, {"GITFLEET_SESSION": ""})
    one.begin()
    assert len(new(alone)) == 1
    assert one.edit(alone.path / "src/a.py").denied == ""
    empty = {
        "GITFLEET_SESSION": "",
        "CODEX_SESSION_ID": "",
        "CODEX_THREAD_ID": "",
        "CLAUDE_CODE_SESSION_ID": "",
    }
    gitfleet(alone.path, "session", "end", alone.session).ok()
    gitfleet(alone.path, "session", "end", alone.other).ok()
    assert session(one, alone, gitfleet, **empty) == new(alone)[0]


@pytest.mark.parametrize("client", ["codex", "claude"])
def test_commit_of_a_client_finds_its_session_by_its_own_variable(
    start: Starter, alone: Gated, git: Git, gitfleet: Gitfleet, client: str
) -> None:
    one, two = start(client, "own-1", alone.path), start(client, "own-2", alone.path)
    one.begin()
    two.begin()
    mine = {VARIABLES[client]: "own-1", "GITFLEET_SESSION": alone.other}
    gitfleet(alone.path, "claim", "src/a.py", env=mine).ok()
    (alone.path / "src").mkdir(exist_ok=True)
    (alone.path / "src/a.py").write_text("new\n")
    git(alone.path, "add", "src/a.py")
    refused = git.ask(alone.path, "commit", "-m", "x", env={VARIABLES[client]: "own-2"})
    assert refused.returncode != 0
    git(alone.path, "commit", "-m", "x", env=mine)
    assert f"Fleet-Session: {session(one, alone, gitfleet)}" in git(alone.path, "log", "-1", "--format=%B")


def test_session_that_a_client_starts_by_a_command_is_its_own_from_then_on(
    start: Starter, alone: Gated, gitfleet: Gitfleet
) -> None:
    env = {"CODEX_THREAD_ID": "own-1"}
    gitfleet(alone.path, "session", "start", "--id", "mine", env=env).ok()
    gitfleet(alone.path, "claim", "src/a.py", env=env).ok()
    assert holders(alone) == {"src/a.py": "mine"}
    again = gitfleet(alone.path, "session", "start", "--id", "second", env=env).ok()
    assert "already acts for session mine" in again.stderr
    assert session(start("codex", "own-1", alone.path), alone, gitfleet) == "mine"


def test_session_of_a_client_that_goes_on_after_clear_is_not_given_to_a_new_one(
    start: Starter, alone: Gated, gitfleet: Gitfleet
) -> None:
    one = start("claude", "own-1", alone.path)
    one.begin()
    (first,) = new(alone)
    one.hook("end", {"reason": "clear"})
    other = start("claude", "own-9", alone.path)
    other.begin()
    assert session(other, alone, gitfleet) != first
    cleared = one.as_other("own-2")
    cleared.begin("clear")
    assert session(cleared, alone, gitfleet) == first


def test_what_was_started_before_a_clear_acts_for_the_session_that_goes_on_but_no_other_client_does(
    start: Starter, alone: Gated, gitfleet: Gitfleet
) -> None:
    one = start("claude", "own-1", alone.path)
    one.begin()
    (first,) = new(alone)
    before, after = one, one.as_other("own-2")
    for old, later in ((before, after), (after, one.as_other("own-3"))):
        old.hook("end", {"reason": "clear"})
        later.begin("clear")
        assert session(later, alone, gitfleet) == first
        assert (
            session(before, alone, gitfleet) == first
        )  # a server of tools keeps the id that it was started with
    resumed = start("claude", "own-1", alone.path)  # the conversation of old, in another process
    resumed.begin("resume")
    assert session(resumed, alone, gitfleet) != first
    assert session(after, alone, gitfleet) == first


def test_second_client_of_a_launched_process_is_a_session_of_its_own(
    start: Starter, alone: Gated, gitfleet: Gitfleet
) -> None:
    one = start("claude", "own-1", alone.path).named(alone.session)
    one.begin()
    nested = start("codex", "own-x", alone.path).named(alone.session)
    nested.begin()
    assert session(one, alone, gitfleet) == alone.session
    assert session(nested, alone, gitfleet, CLAUDE_CODE_SESSION_ID="own-1") == new(alone)[0]
    assert os.environ.get("CODEX_SESSION_ID") is None
