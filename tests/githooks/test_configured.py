"""The gates as hooks of the configuration: settings in and out, and each gate asked once, whoever starts it.

What git itself does with the settings is tried where git knows them (2.54 and later; `make test-gits`). What the
scripts do among themselves is tried under every git, with a shell in the place of git.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gitfleet.githooks.shims import GATED
from tests.githooks.hookbench import Bench, script, state_of
from tests.workbench import Git, run

knows = pytest.mark.skipif(
    subprocess.run(["git", "hook", "list", "pre-commit"], capture_output=True, check=False).returncode == 129,
    reason="this git has no hooks of the configuration",
)
BOTH = ["gate pre-commit", "gate prepare-commit-msg"]


@pytest.fixture
def newer(bench: Bench) -> Bench:
    """The bench, and git knows both kinds of hooks if it can."""
    for name in [name for name in os.environ if name.startswith("GIT_CONFIG_") and name[11:12] in "CKV"]:
        del os.environ[name]
    return bench


# The settings.


@pytest.mark.parametrize(
    "config",
    [
        ("hook.gitfleet-pre-commit.enabled", "false"),
        ("hook.gitfleet-pre-push.enabled", "false"),
        ("hook.gitfleet-commit-msg.command", "true"),
    ],
)
def test_settings_that_somebody_changed_are_put_right_and_taken_out(
    newer: Bench, config: tuple[str, str]
) -> None:
    before = state_of(newer)
    newer.install()
    put_in = state_of(newer)
    newer.git("config", *config)
    assert newer.install().changed
    assert not newer.install().changed
    assert state_of(newer) == put_in
    newer.git("config", *config)
    newer.git("config", "user.more", "x")
    newer.uninstall()
    newer.git("config", "--unset", "user.more")
    assert "hook" not in newer.git("config", "--list", "--local")
    assert {**state_of(newer), "config": 0} == {**before, "config": 0}


def test_settings_left_by_an_installation_without_its_record_are_neither_doubled_nor_kept(
    newer: Bench,
) -> None:
    before = state_of(newer)
    newer.install()
    (newer.common / "gitfleet/hooks.json").unlink()
    newer.install()
    assert newer.git("config", "--get-all", "hook.gitfleet-pre-push.event") == "pre-push"
    newer.uninstall()
    assert state_of(newer)["config"] == before["config"]


def test_settings_of_a_gate_come_and_go_with_the_rules(newer: Bench) -> None:
    newer.install()
    off = (newer.common / "config").read_bytes()
    (newer.common / "gitfleet/policy.json").write_text('{"reference_transaction":true}\n')
    newer.install()
    assert newer.git("config", "hook.gitfleet-reference-transaction.event") == "reference-transaction"
    assert (newer.common / "gitfleet/gates/reference-transaction").exists()
    (newer.common / "gitfleet/policy.json").write_text("{}\n")
    newer.install()
    assert (newer.common / "config").read_bytes() == off
    assert not (newer.common / "gitfleet/gates/reference-transaction").exists()


# Each gate once. A shell stands for git, which starts the hook of the configuration, and then that of the folder.


def started(bench: Bench, *lines: str) -> list[str]:
    """The gates that were asked while one process, which is not replaced by the last line, ran these."""
    bench.ran()
    subprocess.run(["sh", "-c", "\n".join([*lines, ":"])], cwd=bench.path, check=False, capture_output=True)
    return [" ".join(line.split()[:2]) for line in bench.ran()]


CONFIGURED = ".git/gitfleet/gates/pre-commit"
FOLDER = ".git/hooks/pre-commit"


def test_gate_asked_by_the_configuration_is_not_asked_again_in_the_folder(newer: Bench) -> None:
    newer.hook("pre-commit")
    newer.install()
    assert started(newer, CONFIGURED, FOLDER) == ["gate pre-commit", "user"]
    assert started(newer, CONFIGURED, f"sh -c 'sh -c {FOLDER}; :'") == ["gate pre-commit", "user"]
    assert started(newer, CONFIGURED, FOLDER, CONFIGURED, FOLDER) == ["gate pre-commit", "user"] * 2


def test_gate_that_refused_is_not_asked_again_in_the_folder(newer: Bench) -> None:
    newer.install()
    os.environ["GATE_CODE"] = "16"
    assert started(newer, CONFIGURED, FOLDER) == ["gate pre-commit"]


def test_gate_in_the_folder_is_asked_where_another_process_or_another_gate_has_the_mark(newer: Bench) -> None:
    newer.hook("pre-commit")
    newer.install()
    asked = ["user", "gate pre-commit"]
    assert started(newer, FOLDER) == asked
    assert started(newer, f"sh -c '{CONFIGURED}; :'", FOLDER) == ["gate pre-commit", *asked]
    assert started(newer, ".git/gitfleet/gates/prepare-commit-msg x", FOLDER) == [
        "gate prepare-commit-msg",
        *asked,
    ]


def test_gate_is_asked_where_a_mark_is_of_a_process_that_had_the_same_number(newer: Bench) -> None:
    newer.install()
    asked = newer.common / "gitfleet/gates/asked"
    old = f'echo "1 $(cat /proc/sys/kernel/random/boot_id)" > {asked}/pre-commit.$$'
    assert started(newer, old, FOLDER) == ["gate pre-commit"]
    assert started(newer, f": > {asked}/pre-commit.$$", FOLDER) == ["gate pre-commit"]


def test_marks_of_processes_that_are_gone_do_not_pile_up(newer: Bench) -> None:
    newer.install()
    for _ in range(40):
        started(newer, CONFIGURED)
    assert len(list((newer.common / "gitfleet/gates/asked").iterdir())) <= 17


def test_gate_whose_mark_cannot_be_left_is_asked_again_rather_than_not_at_all(newer: Bench) -> None:
    newer.install()
    shutil.rmtree(newer.common / "gitfleet/gates/asked")
    assert started(newer, CONFIGURED, FOLDER) == ["gate pre-commit", "gate pre-commit"]


# With git.


@knows
def test_commit_and_push_ask_each_gate_once(newer: Bench, hub: Path, tmp_path: Path) -> None:
    newer.hook("pre-commit")
    newer.install()
    assert newer.ran_at_commit() == [BOTH[0], "user", BOTH[1]]
    newer.git("push", "--quiet", hub, "HEAD:refs/heads/new")
    assert [line.split()[0] for line in newer.ran()] == ["gate", "stdin"]
    newer.git("worktree", "add", "--quiet", tmp_path / "linked")
    assert newer.ran_at_commit(tmp_path / "linked") == [BOTH[0], "user", BOTH[1]]
    assert newer.inspect().displaced == []
    os.environ["GATE_CODE"] = "1"
    assert newer.commit().returncode
    assert newer.ran() == ["gate pre-commit ", "user"]


def over(bench: Bench, folder: str) -> None:
    for hook in GATED:
        script(bench.path / folder / hook, f'#!/bin/sh\necho "other {hook}" >>"$HOOK_LOG"\n')


@knows
@pytest.mark.parametrize(("how", "chosen"), [("files", ""), ("files", "own-hooks"), ("path", "")])
def test_gates_that_another_tool_displaced_are_asked_all_the_same(
    newer: Bench, how: str, chosen: str
) -> None:
    if chosen:
        newer.hook("post-commit", "post", folder=chosen)
        newer.git("config", "core.hooksPath", chosen)
    newer.install()
    if how == "path":
        newer.git("config", "core.hooksPath", "theirs")
        over(newer, "theirs")
    else:
        over(newer, ".git/gitfleet/hooks/shared" if chosen else ".git/hooks")
    ran = newer.ran_at_commit()
    assert ran[:4] == [BOTH[0], "other pre-commit", BOTH[1], "other prepare-commit-msg"]
    seen = newer.inspect()
    assert seen.in_force
    assert len(seen.displaced) == len(GATED)


@knows
def test_gates_of_a_clone_that_was_moved_or_copied_are_its_own(newer: Bench, tmp_path: Path) -> None:
    newer.install()
    shutil.copytree(newer.path, tmp_path / "copy", symlinks=True)
    newer.path.rename(tmp_path / "moved")
    for name in ("copy", "moved"):
        assert newer.ran_at_commit(tmp_path / name) == BOTH
    newer.git("commit", "--quiet", "--allow-empty", "-m", "below", at=tmp_path / "moved/src")
    assert [" ".join(line.split()[:2]) for line in newer.ran()] == BOTH


@knows
@pytest.mark.parametrize("name", ["gitfleet-pre-commit", "pre-commit"])
def test_gate_switched_off_in_the_configuration_is_asked_in_the_folder(newer: Bench, name: str) -> None:
    newer.install()
    newer.git("config", "--global", f"hook.{name}.enabled", "false")
    assert newer.ran_at_commit() == BOTH
    assert newer.inspect().in_force
    over(newer, ".git/hooks")
    assert not newer.inspect().in_force


@knows
def test_gate_of_a_clone_that_has_left_its_fleet_by_hand_stops_nothing(newer: Bench) -> None:
    newer.install()
    shutil.rmtree(newer.common / "gitfleet")
    shutil.rmtree(newer.common / "hooks")
    assert newer.ran_at_commit() == []


@knows
def test_gate_for_moves_of_branches_is_asked_once_and_for_nothing_else(newer: Bench) -> None:
    (newer.common / "gitfleet/policy.json").write_text('{"reference_transaction":true}\n')
    newer.install()
    head = newer.git("rev-parse", "HEAD")
    newer.ran()
    newer.git("update-ref", "refs/heads/x", head)
    assert [row.split()[:3] for row in newer.ran()] == [["gate", "reference-transaction", "prepared"]]
    newer.git("tag", "x")
    assert newer.ran() == []


@knows
def test_hooks_of_the_users_configuration_stop_as_they_did(newer: Bench, git: Git) -> None:
    newer.install()
    newer.git("config", "--global", "hook.mine.command", 'echo mine >>"$HOOK_LOG"')
    newer.git("config", "--global", "hook.mine.event", "pre-commit")
    assert newer.ran_at_commit() == ["mine", *BOTH]
    newer.git("config", "--global", "hook.mine.command", "false")
    assert newer.commit().returncode
    newer.uninstall()
    assert newer.git("config", "hook.mine.event") == "pre-commit"


@pytest.mark.parametrize("gate", GATED)
def test_gate_that_cannot_be_run_stops_and_says_which(newer: Bench, gate: str) -> None:
    newer.install()
    command = newer.git("config", f"hook.gitfleet-{gate}.command")
    asked = ["sh", "-c", f'{command} "$@"', command, "x"]
    (newer.common / "gitfleet/gates" / gate).chmod(0o600)
    ran = run(asked, newer.path)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"gitfleet: {gate}: this user may not run .git/gitfleet/gates/{gate} ")
    shutil.rmtree(newer.common / "gitfleet")
    assert run(asked, newer.path).returncode == 0
