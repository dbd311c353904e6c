"""The gate fails closed: odd folders, odd input and a hub that stays silent let no edit of a held file through."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitfleet.agenthooks import check_edits
from tests.agenthooks.agentbench import Agent, Starter, holders, new
from tests.agenthooks.test_session import eventually
from tests.gatebench import Gated
from tests.workbench import Git, Gitfleet

PATCH = "*** Begin Patch\n*** Update File: {}\n@@\n-one\n+two\n*** End Patch"


@pytest.fixture
def codex(start: Starter, alone: Gated) -> Agent:
    """Codex in a clone that is its own hub, as the session `alone-1`; `alone-2` holds `held/`."""
    alone.claim("held/", session=alone.other)
    agent: Agent = start("codex", "x-1", alone.path)
    return agent.named(alone.session)


@pytest.fixture
def silent(ada: Gated) -> Iterator[Gated]:
    """A clone whose hub accepts, and says nothing, since another session has claimed `held/`."""
    ada.claim("held/", session=ada.other)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"git://127.0.0.1:{server.getsockname()[1]}/hub.git"
        ada.git("remote", "set-url", "origin", url).ok()
        yield ada


@pytest.mark.parametrize("left", ["folder", "folder with files", "file", "file that names nothing", "link"])
def test_git_folder_that_is_none_switches_no_check_off(codex: Agent, alone: Gated, left: str) -> None:
    inner = alone.path / "held/.git"
    inner.parent.mkdir(exist_ok=True)
    if left.startswith("folder"):
        inner.mkdir()
    if left == "folder with files":
        (inner / "config").write_text("[core]\n")
    if left.startswith("file"):
        inner.write_text("gitdir: ../nowhere\n" if "names" in left else "")
    if left == "link":
        inner.symlink_to("nowhere")
    assert "alone-2" in codex.patch(PATCH.format("held/a.py")).denied
    assert "alone-2" in codex.patch(PATCH.format("held/deep/er.py")).denied


def test_repository_within_the_worktree_is_still_one_of_its_own(codex: Agent, alone: Gated, git: Git) -> None:
    git(alone.path, "init", "--quiet", "held")
    assert codex.patch(PATCH.format("held/a.py")).silent


def shell(agent: Agent, command: str) -> str:
    told = {"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": command}}
    return agent.hook("edit", told).denied


@pytest.mark.parametrize(
    "command",
    [
        "apply_patch <<'EOF'\n" + PATCH.format("held/a.py") + "\nEOF",
        "cd held && apply_patch <<'EOF'\n" + PATCH.format("a.py") + "\nEOF",
        "echo x > held/a.py",
        "cat > 'held/a.py' <<EOF\nx\nEOF",
        "cd held; echo x | tee -a a.py",
        "bash -c 'echo x >> held/a.py'",
    ],
)
def test_shell_command_that_plainly_changes_a_held_file_is_stopped(
    codex: Agent, alone: Gated, start: Starter, command: str
) -> None:
    assert '"held/a.py" is held by session alone-2' in shell(codex, command)
    if "apply_patch" not in command:
        claude = start("claude", "c-1", alone.path)
        assert "alone-2" in shell(claude, command)


def test_shell_command_that_writes_elsewhere_passes_and_claims_nothing(codex: Agent, alone: Gated) -> None:
    for command in ("cat held/a.py", "echo '> held/a.py'", "echo x > free.txt", "make > /dev/null 2>&1"):
        assert shell(codex, command) == ""
    assert holders(alone) == {"held/": "alone-2"}
    alone.policy(edits="warn")
    told = {"tool_name": "Bash", "tool_input": {"command": "echo x > held/a.py"}}
    assert "alone-2" in codex.hook("edit", told).answer["systemMessage"]


def test_patch_through_the_shell_claims_what_is_free(codex: Agent, alone: Gated) -> None:
    assert shell(codex, "apply_patch <<'EOF'\n" + PATCH.format("free.py") + "\nEOF") == ""
    assert holders(alone) == {"held/": "alone-2", "free.py": "alone-1"}


def test_reason_is_never_ended_by_its_command(codex: Agent) -> None:
    reason = codex.patch(PATCH.format("held/a.py")).denied
    assert "\ngitfleet claim --wait --timeout 90s held/a.py\n" in reason
    assert reason.endswith("take other work")


def test_claim_for_an_edit_that_came_to_nothing_ends_with_its_turn(codex: Agent, alone: Gated) -> None:
    (alone.path / "made.py").write_text("one\n")
    for name in ("made.py", "misfit.py", "kept.py"):
        codex.hook(
            "edit",
            {"turn_id": "1", "tool_name": "apply_patch", "tool_input": {"command": PATCH.format(name)}},
        )
    (alone.path / "made.py").write_text("two\n")
    alone.claim("kept.py")
    codex.hook("turn", {"turn_id": "1"})
    eventually(lambda: "misfit.py" not in holders(alone))
    assert holders(alone)["made.py"] == "alone-1"


def test_turn_whose_end_was_not_told_ends_with_the_next_one(codex: Agent, alone: Gated) -> None:
    def patch(turn: str, name: str) -> None:
        told = {"turn_id": turn, "tool_name": "apply_patch", "tool_input": {"command": PATCH.format(name)}}
        assert codex.hook("edit", told).denied == ""

    patch("1", "misfit.py")
    patch("2", "other.py")
    assert holders(alone) == {"held/": "alone-2", "other.py": "alone-1"}


def test_end_of_codex_ends_the_session_that_its_hooks_started(start: Starter, alone: Gated) -> None:
    codex = start("codex", "own-1", alone.path)
    codex.begin()
    codex.patch(PATCH.format("src/a.py"))
    (alone.path / "src").mkdir(exist_ok=True)
    assert new(alone)
    codex.hook("end", {"reason": "other", "agent_id": "a-subagent"})
    codex.hook("end", {"reason": "other"})
    eventually(lambda: not new(alone))
    assert holders(alone) == {}


def test_session_of_a_client_that_was_killed_does_not_lock_the_next_one_out(
    start: Starter, alone: Gated
) -> None:
    one = start("codex", "own-1", alone.path)
    one.begin()
    one.patch(PATCH.format("src/a.py"))
    (first,) = new(alone)
    one.quit()
    two = start("codex", "own-2", alone.path)
    assert "claimed src/a.py" in two.patch(PATCH.format("src/a.py")).context
    assert holders(alone)["src/a.py"] != first


def test_hub_that_stays_silent_keeps_held_files_held_and_lets_free_ones_be_claimed_tentatively(
    start: Starter, silent: Gated
) -> None:
    codex = start("codex", "own-1", silent.path)
    assert silent.other in codex.patch(PATCH.format("held/a.py")).denied
    said = codex.patch(PATCH.format("free.py"))
    assert said.denied == ""
    assert "tentatively" in said.context


@pytest.mark.parametrize(
    "told",
    [
        "no JSON", "[]", '{"tool_name": 7}', '{"tool_name": "apply_patch"}', '{"tool_name": "apply_patch", "tool_input": 3}',
        '{"tool_name": "apply_patch", "tool_input": {"patch": "of another version"}}',
        json.dumps({"tool_name": "apply_patch", "tool_input": {"command": PATCH.format("a\0b")}}),
    ],
)  # fmt: skip
def test_hook_input_that_is_not_understood_stops_the_edit_in_words(codex: Agent, told: str) -> None:
    reason = codex.hook("edit", told).denied
    assert reason.startswith(check_edits.STOPPED)
    assert "could not be read" in reason


def test_hook_input_of_ten_megabytes_is_judged_like_any_other(codex: Agent) -> None:
    long = PATCH.format("held/a.py") + "\n" + "+x\n" * 3_500_000
    assert "alone-2" in codex.patch(long).denied


def test_patch_of_more_files_than_a_program_may_be_told_of_is_stopped(codex: Agent) -> None:
    names = "\n".join(f"*** Delete File: {'x' * 200}/{number}" for number in range(20_000))
    assert codex.patch(f"*** Begin Patch\n{names}\n*** End Patch").denied.startswith(check_edits.STOPPED)


@pytest.mark.sample(3)
@pytest.mark.parametrize("own", ["../../../evil", "/tmp/evil", "a/b", "\x1b[31mred", "x" * 4000, 7, None, {}])
def test_session_id_that_is_none_makes_no_file_outside_of_the_state_folder(
    start: Starter, alone: Gated, tmp_path: Path, own: object
) -> None:
    before = {path for path in tmp_path.rglob("*") if ".git/" not in str(path)}
    codex = start("codex", "x", alone.path)
    told = {"session_id": own, "tool_name": "apply_patch", "tool_input": {"command": PATCH.format("a.py")}}
    said = codex.hook("edit", told)
    assert said.denied == ""
    again = codex.hook("edit", told)
    assert again.denied == ""
    assert len(new(alone)) == 1
    assert {path for path in tmp_path.rglob("*") if ".git/" not in str(path)} == before


def test_escapes_in_a_path_are_shown_harmlessly(codex: Agent, alone: Gated) -> None:
    reason = codex.patch(PATCH.format("held/\x1b[31mred\x07.py")).denied
    assert "alone-2" in reason
    assert "\x1b" not in reason
    assert "\x07" not in reason


def test_launched_command_hears_of_no_agent_that_started_it(
    start: Starter, alone: Gated, gitfleet: Gitfleet
) -> None:
    env = {"CODEX_SESSION_ID": "outer", "CLAUDE_CODE_SESSION_ID": "outer", "CLAUDE_PID": "1"}
    ran = gitfleet(
        alone.path, "session", "start", "--here", "--id", "inner", "--", "sh", "-c",
        "echo $GITFLEET_SESSION/$CODEX_SESSION_ID$CLAUDE_CODE_SESSION_ID$CLAUDE_PID", env=env,
    )  # fmt: skip
    assert "inner/\n" in ran.ok().stdout
