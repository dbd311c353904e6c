"""An agent's session begins, goes on and ends with the agent's own; two agents in one worktree are told apart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.clients.notes import Notes
from tests.agenthooks.agentbench import Agent, Starter, holders, known, new
from tests.gatebench import Gated
from tests.workbench import PATIENCE, Gitfleet


def note_of(clone: Gated, agent: Agent) -> str:
    """The session that an agent is known to act for."""
    note = Notes(str(clone.fleets.state(clone.name))).get(agent.name, agent.own)
    assert note is not None
    return note.session


def eventually(true: Callable[[], bool]) -> None:
    """Wait for what a detached process brings about."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_start_of_an_agent_starts_its_session_and_briefs_it(start: Starter, alone: Gated) -> None:
    claude = start("claude", "own-1", alone.path)
    said = claude.begin()
    (session,) = new(alone)
    assert session.startswith("claude-")
    assert f"You act for session {session}" in said.context
    assert said.own["hookEventName"] == "SessionStart"
    assert known(alone)[session].pid == claude.process.pid
    assert known(alone)[session].agent == "claude"
    assert "claimed" in claude.edit(alone.path / "src/a.py").context
    assert holders(alone) == {"src/a.py": session}


def test_second_start_of_the_same_agent_goes_on_with_its_session(start: Starter, alone: Gated) -> None:
    claude = start("claude", "own-1", alone.path)
    for source in ("startup", "compact", "resume"):
        claude.begin(source)
    assert len(new(alone)) == 1
    cleared = claude.as_other("own-2")
    claude.hook("end", {"reason": "clear"})
    cleared.begin("clear")
    assert [note_of(alone, cleared)] == new(alone)


def test_two_agents_in_one_worktree_have_a_session_each(start: Starter, alone: Gated) -> None:
    one, two = start("claude", "own-1", alone.path), start("claude", "own-2", alone.path)
    one.begin()
    two.begin()
    assert note_of(alone, one) != note_of(alone, two)
    assert sorted([note_of(alone, one), note_of(alone, two)]) == new(alone)
    assert "claimed" in one.edit(alone.path / "src/a.py").context
    assert f"session {note_of(alone, one)}" in two.edit(alone.path / "src/a.py").denied
    assert one.edit(alone.path / "src/a.py").silent


def test_first_edit_starts_a_session_where_none_was_begun(start: Starter, alone: Gated) -> None:
    one, two = start("claude", "own-1", alone.path), start("codex", "own-2", alone.path)
    one.edit(alone.path / "src/a.py")
    (session,) = new(alone)
    assert holders(alone) == {"src/a.py": session}
    assert two.patch("*** Update File: src/a.py\n").denied
    assert len(new(alone)) == 2


def test_agent_that_is_resumed_in_another_process_keeps_what_it_held(start: Starter, alone: Gated) -> None:
    claude = start("claude", "own-1", alone.path)
    claude.begin()
    claude.edit(alone.path / "src/a.py")
    session = note_of(alone, claude)
    claude.quit()
    again = start("claude", "own-1", alone.path)
    again.begin("resume")
    assert note_of(alone, again) == session
    assert known(alone)[session].pid == again.process.pid
    assert again.edit(alone.path / "src/a.py").silent


def test_end_of_an_agent_ends_the_session_that_its_hooks_started(start: Starter, alone: Gated) -> None:
    claude = start("claude", "own-1", alone.path)
    claude.begin()
    claude.edit(alone.path / "src/a.py")
    for reason in ("clear", "resume"):
        assert claude.hook("end", {"reason": reason}).silent
    assert new(alone)
    assert claude.hook("end", {"reason": "prompt_input_exit"}).silent
    eventually(lambda: not new(alone))
    assert holders(alone) == {}
    assert not list((alone.fleets.state("alone") / "agents").iterdir())


def test_end_of_an_agent_after_a_clear_ends_the_session_that_went_on(start: Starter, alone: Gated) -> None:
    claude = start("claude", "own-1", alone.path)
    claude.begin()
    claude.edit(alone.path / "src/a.py")
    claude.hook("end", {"reason": "clear"})
    cleared = claude.as_other("own-2")
    cleared.begin("clear")
    assert [note_of(alone, cleared)] == new(alone)
    cleared.hook("end", {"reason": "prompt_input_exit"})
    eventually(lambda: not new(alone))
    assert holders(alone) == {}
    eventually(lambda: not list((alone.fleets.state("alone") / "agents").iterdir()))


@pytest.mark.parametrize("told", ["", "garbage", "[]", "[" * 100_000])
def test_start_and_end_of_which_nothing_can_be_read_are_said_and_stop_nobody(
    start: Starter, alone: Gated, repository: Path, told: str
) -> None:
    claude = start("claude", "own-1", alone.path)
    assert "could not be read" in claude.hook("begin", told).context
    assert claude.hook("end", told).silent
    assert new(alone) == []
    assert claude.hook("begin", told, cwd=repository).silent


def test_session_that_somebody_else_started_is_used_and_not_ended(
    start: Starter, alone: Gated, gitfleet: Gitfleet
) -> None:
    claude = start("claude", "own-1", alone.path)
    pid = str(claude.process.pid)
    gitfleet(alone.path, "session", "adopt", "--id", "adopted", "--agent", "claude", "--pid", pid).ok()
    assert "You act for session adopted" in claude.begin().context
    claude.hook("end", {"reason": "other"})
    eventually(lambda: not list((alone.fleets.state("alone") / "agents").iterdir()))
    assert "adopted" in known(alone)


def test_session_started_for_such_an_agent_is_taken_by_the_first_one_only(
    start: Starter, alone: Gated, gitfleet: Gitfleet
) -> None:
    other = start("codex", "shell", alone.path)
    pid = str(other.process.pid)
    gitfleet(alone.path, "session", "start", "--id", "named", "--agent", "claude", "--pid", pid).ok()
    one, two = start("claude", "own-1", alone.path), start("claude", "own-2", alone.path)
    one.begin()
    two.begin()
    assert note_of(alone, one) == "named"
    assert note_of(alone, two) != "named"


def test_session_of_a_person_is_never_taken(start: Starter, alone: Gated, gitfleet: Gitfleet) -> None:
    person = gitfleet(alone.path, "init", "--json").ok().json()["data"]["session"]
    claude = start("claude", "own-1", alone.path)
    claude.begin()
    assert note_of(alone, claude) != person


def test_user_s_word_comes_first(start: Starter, alone: Gated) -> None:
    claude = start("claude", "own-1", alone.path)
    assert "You act for session alone-1" in claude.named("alone-1").begin().context
    alone.git("config", "fleet.session", "alone-2").ok()
    assert "You act for session alone-2" in claude.begin().context
    assert new(alone) == []


def test_commands_of_the_agent_are_told_who_they_act_for(
    start: Starter, alone: Gated, tmp_path: Path
) -> None:
    env = tmp_path / "env file"
    env.write_text("export A=1\n")
    claude = start("claude", "own-1", alone.path, {"CLAUDE_ENV_FILE": str(env)})
    claude.begin()
    claude.begin("compact")
    assert env.read_text() == f"export A=1\nexport GITFLEET_SESSION={note_of(alone, claude)}\n"
    claude.named("alone-1").begin()
    assert env.read_text().count("GITFLEET_SESSION") == 1


def test_empty_variable_is_as_good_as_none_for_an_agent(start: Starter, alone: Gated, tmp_path: Path) -> None:
    env = tmp_path / "env"
    claude = start("claude", "own-1", alone.path, {"CLAUDE_ENV_FILE": str(env)}).named("")
    assert "You act for session claude-" in claude.begin().context
    assert env.read_text() == f"export GITFLEET_SESSION={note_of(alone, claude)}\n"


def test_start_outside_of_a_fleet_says_nothing(
    start: Starter, tmp_path: Path, repository: Path, alone: Gated
) -> None:
    for place in (tmp_path, repository):
        claude = start("claude", "own-1", place)
        assert claude.begin().silent
        assert claude.hook("end", {"reason": "other"}).silent
    claude = start("claude", "own-1", alone.path)
    for told in ("", "[]", "nonsense"):
        assert claude.hook("end", told).silent


def test_start_that_fails_is_said_to_the_agent_and_to_its_user(start: Starter, alone: Gated) -> None:
    claude = start("claude", "own-1", alone.path)
    (alone.fleets.state("alone") / "node.json").write_text("{")
    said = claude.begin()
    assert said.ran.returncode == 0
    assert "could not start a session" in said.context
    assert "node.json" in said.answer["systemMessage"]


def test_messages_wait_in_the_briefing_once(start: Starter, alone: Gated) -> None:
    claude = start("claude", "own-1", alone.path)
    claude.begin()
    with alone.open() as fleet:
        fleet.claims.tell(alone.session, SessionId(note_of(alone, claude)), "hello there")
    assert 'alone-1 says: "hello there"' in claude.begin("compact").context
    assert "hello there" not in claude.begin("compact").context


def test_notes_that_cannot_be_read_are_as_none_and_pass_away(start: Starter, alone: Gated) -> None:
    folder = alone.fleets.state("alone") / "agents"
    folder.mkdir()
    for name, text in {
        "claude-own-1.json": "{",
        "claude-x.json": json.dumps({"session": "gone", "ours": True}),
    }.items():
        (folder / name).write_text(text)
    claude = start("claude", "own-1", alone.path)
    claude.begin()
    assert [path.name for path in folder.iterdir()] == ["claude-own-1.json"]
    odd = claude.as_other("../../x")
    odd.begin()
    odd.begin()
    assert len(list(folder.iterdir())) == 2
    assert len(new(alone)) == 2
