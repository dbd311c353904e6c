"""How git is called, and that nothing secret is ever said."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from gitfleet.git import program
from gitfleet.git.program import Git, GitFailed, environment, redact
from gitfleet.git.remote import Remote
from tests.workbench import Git as Run

SECRETS = [
    "fatal: unable to access 'https://ada:{}@host.example/x.git/': could not resolve host",
    "fatal: could not read from ssh://ada:{}@host.example:22/x",
    "https://{}@github.com/x/y",
    "https://ada:p@{}@host/x",
    "> Authorization: Basic {}",
    "authorization: bearer {}",
    "GET https://host/x?private_token={}&y=1",
    "https://host/x?access_token={}",
]


@pytest.mark.parametrize("text", SECRETS)
def test_redact_of_text_with_a_secret_hides_it(text: str) -> None:
    assert "hunter2" not in redact(text.format("hunter2"))


@pytest.mark.parametrize("text", ["see https://host/a/b@c", "ada@example.org", "git@github.com:x/y.git"])
def test_redact_of_text_without_a_secret_changes_nothing(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("remote: \x1b[2Jgone\r\nnext", "remote: gone\nnext"),
        ("\x1b[1;31merror:\x1b[0m no\x1b[K", "error: no"),
        ("\x1b]0;title\x07\x1b]8;;http://x\x1b\\no", "no"),
        ("a\tb", "a b"),
        ("half an escape \x1b[", "half an escape \\x1b["),
        ("\x9b2J \x07", "\\x9b2J \\x07"),
    ],
)
def test_redact_of_terminal_escapes_takes_them_out_or_shows_them_harmless(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH"])
def test_environment_from_an_outer_git_does_not_reach_our_calls(
    repository: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/nowhere")
    assert name not in environment()
    assert Git(str(repository / ".git")).line("rev-parse", "HEAD")


def test_environment_that_carries_credentials_reaches_our_calls(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "credential.helper")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "!echo")
    assert Git(str(repository / ".git")).line("config", "credential.helper") == "!echo"


def test_run_of_a_failing_command_raises_its_words_and_survives_pickling(repository: Path) -> None:
    with pytest.raises(GitFailed, match="no-such-thing") as caught:
        Git(str(repository / ".git")).run("rev-parse", "--verify", "no-such-thing")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.code, again.message, again.hint) == (128, caught.value.message, caught.value.hint)


def test_ask_beyond_its_time_answers_124(repository: Path) -> None:
    git = Git(str(repository / ".git"))
    done = git.ask("-c", "alias.hang=!exec sleep 3", "hang", timeout=0.2)
    assert done.code == 124
    assert b"longer than" in done.stderr


def test_hooks_of_the_repository_do_not_run_because_of_us(repository: Path) -> None:
    for name in ("reference-transaction", "post-index-change"):
        hook = repository / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    git = Git(str(repository / ".git"))
    assert git.ask("update-ref", "refs/heads/other", "HEAD").code == 0


def test_error_about_a_hub_with_a_password_in_its_address_does_not_say_it(repository: Path) -> None:
    git = Git(str(repository / ".git"))
    git.run("remote", "add", "origin", "https://ada:hunter2@127.0.0.1:1/x.git")
    remote = Remote(git, "origin")
    with pytest.raises(Exception, match=r"127\.0\.0\.1") as caught:
        remote.look()
    said = f"{caught.value} {getattr(caught.value, 'facts', '')} {getattr(caught.value, 'hint', '')}"
    assert "hunter2" not in said


def test_hooks_of_the_configuration_do_not_run_because_of_us(
    repository: Path, hub: Path, git: Run, tmp_path: Path
) -> None:
    for event in (*program._EVENTS, "unheard-of"):
        git(repository, "config", "--add", "hook.probe.event", event)
    git(repository, "config", "hook.probe.command", f"echo >>{tmp_path}/ran; false")
    ours = Git(str(repository / ".git"), cwd=str(repository))
    ours.run("update-ref", "refs/heads/other", "HEAD")
    ours.run("worktree", "add", "--quiet", "-b", "linked", str(tmp_path / "linked"))
    there = Git(str(repository / ".git/worktrees/linked"), cwd=str(tmp_path / "linked"), hooks=True)
    there.quiet.run("commit", "--quiet", "--allow-empty", "-m", "try")
    there.quiet.run("checkout", "--quiet", "other")
    there.quiet.run("merge", "--quiet", "--ff-only", "linked")
    there.quiet.run("push", "--quiet", str(hub), "HEAD:refs/heads/pushed")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("said", "start"), [(None, 0), ("", 0), ("2", 2)])
def test_settings_against_hooks_leave_those_that_are_there(said: str | None, start: int) -> None:
    laid = program.without_configured_hooks({} if said is None else {"GIT_CONFIG_COUNT": said})
    assert int(laid["GIT_CONFIG_COUNT"]) == start + len(program._EVENTS)
    assert laid[f"GIT_CONFIG_KEY_{start}"].startswith("hook.")


def test_settings_against_hooks_leave_it_to_git_to_refuse_what_it_cannot_read() -> None:
    assert program.without_configured_hooks({"GIT_CONFIG_COUNT": "many"}) == {"GIT_CONFIG_COUNT": "many"}
