"""`session start --commit`: a session's work is committed for it when it ends, by the gates, and nothing else is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.forms import held
from tests.workbench import Ran

GITFLEET = f"{sys.executable} -P -m gitfleet"


def launched(cli: Cli, script: str, *args: str) -> Ran:
    """Run a shell script as a session of this worktree whose work is committed."""
    start = ("session", "start", "--here", "--no-maintain", "--id", "worker", "--commit", *args)
    return cli(*start, "--", "sh", "-c", script, env=cli.nobody)


def tracked(cli: Cli, name: str = "src/api/a.py") -> Path:
    return cli.clone.path / name


def named(cli: Cli, revision: str = "HEAD") -> list[str]:
    return cli.clone.out("show", "--name-only", "--format=", revision).splitlines()


def status(cli: Cli) -> list[str]:
    return cli.clone.out("status", "--porcelain", "-uall").splitlines()


def test_commit_has_what_the_session_claims_changed_made_and_deleted_and_says_whose_it_is(cli: Cli) -> None:
    script = "rm src/api/a.py; mkdir -p src/new; echo n > 'src/new/x y.py'; echo n > src/z.py; echo other > loose.txt; exit 3"
    before = cli.clone.out("rev-parse", "HEAD")
    ran = launched(cli, script, "--claim", "src/", "--title", "the parser", "--agent", "codex").ended(3)
    assert cli.clone.out("rev-parse", "HEAD^") == before
    assert named(cli) == ["src/api/a.py", "src/new/x y.py", "src/z.py"]
    text = cli.clone.out("log", "-1", "--format=%B")
    assert text.startswith("the parser\n")
    assert "Session worker of codex made these changes" in text
    assert "ended with exit code 3" in text
    assert "Fleet-Session: worker" in text
    assert status(cli) == ["?? loose.txt"]
    assert "committed 3 files" in ran.stderr
    assert "the session does not claim them: loose.txt" in ran.stderr


def test_what_was_uncommitted_before_stays_as_it_was_staged_or_not(cli: Cli) -> None:
    for name, text in (("src/api/a.py", "mine\n"), ("src/staged.py", "staged\n"), ("src/new.py", "new\n")):
        tracked(cli, name).write_text(text)
    cli.clone.out("add", "src/staged.py")
    before = status(cli)
    ran = launched(cli, "echo x >> src/api/a.py; echo y > src/made.py", "--claim", "src/").ok()
    assert named(cli) == ["src/made.py"]
    assert status(cli) == before
    assert tracked(cli).read_text() == "mine\nx\n"
    assert "changed before the session began: src/api/a.py" in ran.stderr


def test_refused_commit_is_told_and_loses_nothing(cli: Cli, tmp_path: Path) -> None:
    hook = tmp_path / "hooks/commit-msg"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\necho 'no ticket' >&2\nexit 1\n")
    hook.chmod(0o755)
    cli.clone.out("config", "core.hooksPath", str(hook.parent))
    head = cli.clone.out("rev-parse", "HEAD")
    ran = launched(cli, "echo x >> src/api/a.py; echo y > src/made.py", "--claim", "src/").ok()
    assert cli.clone.out("rev-parse", "HEAD") == head
    assert status(cli) == [" M src/api/a.py", "?? src/made.py"]
    assert "not committed: git refused" in ran.stderr
    assert "no ticket" in ran.stderr
    assert "retained by worktree" in ran.stderr


def test_merge_that_is_under_way_is_left_alone(cli: Cli) -> None:
    head = cli.clone.out("rev-parse", "HEAD")
    script = "git rev-parse HEAD > .git/MERGE_HEAD; echo y > src/made.py"
    ran = launched(cli, script, "--claim", "src/").ok()
    assert "a merge is under way" in ran.stderr
    assert cli.clone.out("rev-parse", "HEAD") == head
    assert tracked(cli, "src/made.py").read_text() == "y\n"


@pytest.mark.parametrize("script", ["true", "git add -A; git commit -qm own"])
def test_nothing_to_commit_is_no_commit(cli: Cli, script: str) -> None:
    ran = launched(cli, f"echo x >> src/api/a.py; {script}" if "git" in script else script, "--claim", "src/").ok()  # fmt: skip
    assert "committed" not in ran.stderr
    assert "They were committed for it" not in cli.clone.out("log", "-1", "--format=%B")


def test_session_that_was_ended_from_within_is_said_and_its_work_stays(cli: Cli) -> None:
    ran = launched(cli, f"echo x >> src/api/a.py; {GITFLEET} session end >/dev/null", "--claim", "src/").ok()
    assert "has ended already" in ran.stderr
    assert status(cli) == [" M src/api/a.py"]


def test_json_says_what_was_committed_and_what_was_not(cli: Cli) -> None:
    ran = launched(cli, "echo y > src/made.py; echo l > loose", "--claim", "src/", "--json").ok()
    data = held(ran.json(), command="session start --launch")
    assert data["committed"] == {
        "commit": cli.clone.out("rev-parse", "HEAD"), "paths": ["src/made.py"], "before": [], "unclaimed": ["loose"],
        "problem": "",
    }  # fmt: skip


def test_briefing_says_that_its_work_is_committed(cli: Cli) -> None:
    ran = launched(cli, f"{GITFLEET} prime", "--claim", "src/").ok()
    assert "are committed for you" in ran.stdout


def test_option_without_a_command_is_refused(cli: Cli) -> None:
    assert "--commit is for a COMMAND" in cli("session", "start", "--commit").ended(2).stderr
    assert not os.path.exists(cli.clone.path / ".git/gitfleet/commits")
