"""Which process stands for a caller: by table, then in earnest, below chains of shells."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gitfleet.base.callers import anchor, durable_parent, passes, shell_command
from gitfleet.base.identity import ProcessIdentity, boot_id, state
from tests.base.test_identity import LINUX, ROOT, ask, known


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("sh -c 'make x'", "make x"),
        ("/bin/bash -lc ls", "ls"),
        ("-zsh -c ls", "ls"),
        ("bash -l -c ls zero one", "ls"),
        ("zsh -c -l 'source x && eval y'", "source x && eval y"),
        ("bash -euxo pipefail -c ls", "ls"),
        ("bash -o pipefail +x -c ls", "ls"),
        ("bash --norc --rcfile /c -c ls", "ls"),
        ("fish --command=ls", "ls"),
        ("fish --command ls", "ls"),
        ("dash -c", ""),
        ("bash", None),
        ("bash -i", None),
        ("bash --noediting -il", None),
        ("bash --rcfile -c", None),
        ("bash run.sh -c x", None),
        ("bash - -c", None),
        ("bash -- -c", None),
        ("sh -s -e", None),
        ("python -c ls", None),
        ("", None),
    ],
)
def test_shell_command_is_the_text_after_c(command: str, text: str | None) -> None:
    assert shell_command(shlex.split(command)) == text


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("bash -lc 'gitfleet session start'", True),
        ("env A=1 gitfleet", True),
        ("timeout 5 gitfleet", True),
        ("uv run gitfleet", True),
        ("uv --directory x run gitfleet", True),
        ("uv sync", False),
        ("npm exec gitfleet", True),
        ("npm start", False),
        ("git fleet session start", True),
        ("git -c a.b=c fleet", True),
        ("gitfleet session start", True),
        ("/usr/bin/git-fleet claim", True),
        ("python3 -m gitfleet claim", True),
        ("/usr/bin/python3.12 -I -X utf8 -m gitfleet.cli.main claim", True),
        ("python /usr/local/bin/gitfleet claim", True),
        ("python -m gitfleets", False),
        ("python -m", False),
        ("python agent.py gitfleet", False),
        ("python -c gitfleet", False),
        ("python", False),
        ("bash", False),
        ("-bash", False),
        ("bash work.sh", False),
        ("claude -c", False),
        ("node cli.js -c", False),
        ("gitfleetd", False),
        ("timeouts 5", False),
        ("", False),
    ],
)
def test_passes_only_one_shot_shells_and_wrappers(command: str, expected: bool) -> None:
    assert passes(shlex.split(command)) is expected


# Who called: by table, then in earnest.


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        # (pid, command) from our parent upwards
        ([(9, "claude")], 9),
        ([(9, "bash -lc x"), (8, "claude"), (7, "bash")], 8),
        ([(9, "sh -c x"), (8, "timeout 5 sh -c x"), (7, "bash -lc x"), (6, "codex")], 6),
        ([(9, "git fleet"), (8, "bash"), (7, "sshd: a")], 8),
        ([(9, "python -m gitfleet"), (8, "uv run gitfleet"), (7, "zsh -c x"), (6, "node agent.js")], 6),
        ([(9, "bash work.sh"), (8, "bash")], 9),
        # copies that a shell makes of itself
        ([(9, "bash work.sh"), (8, "bash work.sh"), (7, "claude")], 8),
        ([(9, "-zsh"), (8, "-zsh"), (7, "-zsh"), (6, "tmux: server")], 7),
        ([(9, "agent"), (8, "agent")], 9),
        # the end of the way: the last one before it
        ([(9, "sh -c x"), (8, "tmux: server")], 9),
        ([(9, "timeout 5 x"), (8, "sh -c x"), (7, "sshd-session: ann@notty")], 8),
        ([(9, "sh -c x"), (8, "/usr/lib/systemd/systemd --user")], 9),
        ([(9, "sh -c x"), (8, "timeout 5 x")], 8),
        ([(9, "sh -c x")], 9),
        ([(9, "sshd: ann@notty")], 9),
        ([(9, "sh -c x"), (9, "sh -c x")], 9),
    ],
)
def test_anchor_chain_gives_the_first_that_lasts(chain: list[tuple[int, str]], expected: int) -> None:
    above = [*(pid for pid, _ in chain[1:]), 1]
    table = {pid: (shlex.split(command), up) for (pid, command), up in zip(chain, above, strict=True)}
    assert anchor(9, table.get) == expected


def test_anchor_unreadable_parent_is_the_parent() -> None:
    assert anchor(9, lambda _: None) == 9


def test_anchor_endless_chain_ends_at_the_parent() -> None:
    assert anchor(9, lambda pid: (["sh", "-c", "x"], pid + 1)) == 9


CODE = "from gitfleet.base.callers import durable_parent; print(durable_parent())"
ASK = f"{shlex.join([sys.executable, '-c', CODE])}; true"


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-c", CODE],
        ["sh", "-c", ASK],
        ["bash", "-c", f"set -o pipefail; ({ASK}) | cat; true"],
        ["bash", "-o", "pipefail", "-c", f"x=$({ASK}); echo $x"],
        ["sh", "-c", f"timeout 50 env A=1 sh -c {shlex.quote(ASK)}; true"],
        ["git", "-c", f"alias.ask=!{ASK}", "ask"],
    ],
    ids=["direct", "sh", "pipe", "substitution", "wrappers", "git alias"],
)
def test_durable_parent_through_passing_shells_is_the_program_above(command: list[str]) -> None:
    assert ask(*command) == [str(os.getpid())]


@pytest.mark.parametrize("body", [ASK, f"echo $({ASK})", f"sh -c {shlex.quote(ASK)}", f"({ASK})"])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_durable_parent_in_a_script_is_the_script(tmp_path: Path, shell: str, body: str) -> None:
    script = tmp_path / "work.sh"
    script.write_text(f"echo $$\n{body}\n")
    own, answer = ask(shell, str(script))
    assert answer == own


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_durable_parent_in_a_shell_without_a_command_is_that_shell(shell: str) -> None:
    own, answer = ask(shell, text=f"echo $$\n{ASK}\n")
    assert answer == own


def test_durable_parent_below_gitfleet_itself_is_above_it(tmp_path: Path) -> None:
    program = tmp_path / "gitfleet"
    program.write_text(
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CODE!r}], check=True)\n"
    )
    assert ask(sys.executable, str(program)) == [str(os.getpid())]


@pytest.mark.skipif(
    not LINUX or known(os.getpid()).namespace != 0, reason="in a container pid 1 may be any program"
)
def test_durable_parent_of_an_orphaned_shell_is_that_shell(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    inner = f"echo $$; read _ < {shlex.quote(str(gate))}; {ASK}"
    with subprocess.Popen(
        ["sh", "-c", f"sh -c {shlex.quote(inner)} & exit 0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as outer:
        assert outer.stdout is not None
        own = outer.stdout.readline()
        outer.wait()
        gate.write_text("go\n")
        assert outer.stdout.readline() == own


def _may_unshare() -> bool:
    try:
        return subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not LINUX or not _may_unshare(), reason="needs the right to make a pid namespace")
def test_durable_parent_in_a_container_may_be_its_first_process() -> None:
    code = "from gitfleet.base.callers import *; from gitfleet.base.identity import *; print(durable_parent(), identify(durable_parent()).as_record())"
    agent = f"import subprocess; subprocess.run(['sh', '-c', {shlex.join([sys.executable, '-c', code]) + '; true'!r}])"
    answer = ask("unshare", "-pf", "--mount-proc", sys.executable, "-c", agent)
    assert answer[0] == "1"
    inside = ProcessIdentity.from_record(ast.literal_eval(" ".join(answer[1:])))
    assert inside is not None
    assert inside.boot == boot_id()
    assert inside.namespace not in {0, known(os.getpid()).namespace}
    assert state(inside) == "unknown"


def test_durable_parent_of_this_process_is_running() -> None:
    assert state(known(durable_parent())) == "alive"
