"""Programs started without `subprocess`: they see what they would see of it, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitfleet.base import spawning
from gitfleet.base.processes import Conversation, TimedOut, run

ENV: Mapping[str, str] = {"PATH": os.environ["PATH"]}


def test_git_in_another_folder_is_there_as_with_subprocess(tmp_path: Path) -> None:
    done = run(["git", "rev-parse", "--show-prefix", "--git-dir"], cwd=str(tmp_path), env=ENV)
    assert done.code == 128
    assert done.argv == ("git", "rev-parse", "--show-prefix", "--git-dir")
    assert b"not a git repository" in done.stderr


@pytest.mark.parametrize("where", ["gone", "file/in"])
def test_git_in_a_folder_that_is_none_raises_as_subprocess_does(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"gone|file/in") as theirs:
        subprocess.run(["git", "version"], cwd=tmp_path / where, check=False)
    with pytest.raises(OSError, match=r"gone|file/in") as ours:
        run(["git", "version"], cwd=str(tmp_path / where), env=ENV)
    assert type(ours.value) is type(theirs.value)


def test_git_starts_also_where_our_own_folder_is_gone(tmp_path: Path) -> None:
    words = (
        "import os, sys; os.rmdir('.'); from gitfleet.base.processes import run; "
        "sys.exit(run(['git', 'version'], cwd=sys.argv[1], env=os.environ).code)"
    )
    (tmp_path / "here").mkdir()
    subprocess.run([sys.executable, "-c", words, str(tmp_path)], cwd=tmp_path / "here", check=True)


def test_program_with_another_search_path_is_looked_for_there(tmp_path: Path) -> None:
    program = tmp_path / "of-its-own"
    program.write_text("#!/bin/sh\necho here\n")
    program.chmod(0o755)
    assert run(["of-its-own"], cwd=None, env={"PATH": str(tmp_path)}).stdout == b"here\n"


def test_program_holds_nothing_open_that_we_were_given_and_heeds_a_broken_pipe() -> None:
    theirs, ours = os.pipe()
    os.set_inheritable(ours, True)
    script = "ls /dev/fd/ | wc -l; kill -PIPE $$; echo ignored"
    done = run(["sh", "-c", script], cwd=None, env=ENV)
    os.close(theirs)
    os.close(ours)
    assert (done.code, done.stdout.split()) == (-signal.SIGPIPE, [b"4"])  # and the folder itself


def test_program_is_started_also_where_our_inputs_and_outputs_are_closed(tmp_path: Path) -> None:
    words = (
        "import os; from gitfleet.base.processes import Conversation, run; "
        "done = run(['sh', '-c', 'cat; echo out; echo err >&2'], cwd=None, env=os.environ); "
        "cat = Conversation(['cat'], cwd=None, env=os.environ); cat.ask(['one']); "
        "said = [done.stdout, done.stderr, cat.output.readline()]; cat.close(); "
        "open('said', 'w').write(repr(said))"
    )
    shell = f'exec "$0" -c "{words}" <&- >&- 2>&-'
    subprocess.run(["sh", "-c", shell, sys.executable], cwd=tmp_path, check=True)
    assert (tmp_path / "said").read_text() == repr([b"out\n", b"err\n", b"one\n"])


def test_program_that_writes_much_to_both_outputs_is_read_whole() -> None:
    done = run(["sh", "-c", "yes | head -c 300000; yes no | head -c 300000 >&2"], cwd=None, env=ENV)
    assert (done.code, len(done.stdout), len(done.stderr)) == (0, 300_000, 300_000)


def test_program_without_pidfds_is_waited_for_within_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert run(["sh", "-c", "exec >&- 2>&-; exit 3"], cwd=None, env=ENV).code == 3
    with pytest.raises(TimedOut):
        run(["sh", "-c", "exec >&- 2>&-; exec sleep 1000"], cwd=None, env=ENV, timeout=0.2)


def test_conversation_in_a_session_of_its_own_is_out_of_reach_of_our_group() -> None:
    told = Conversation(["sh", "-c", "ps -o sid= -p $$; cat"], cwd=None, env=ENV, own_session=True)
    assert int(told.output.readline()) != os.getsid(0)
    told.close()


def test_end_that_the_system_keeps_no_note_of_counts_as_none() -> None:
    pid = os.posix_spawnp("true", ["true"], ENV)
    os.waitpid(pid, 0)
    assert spawning.wait(pid) == 0
