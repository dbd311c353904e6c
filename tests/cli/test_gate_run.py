"""`gate run` and `gate status`: a tree is tested once in the whole fleet, by real processes on two nodes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gitfleet.gates import leases
from tests.gatebench import Copies, Gated
from tests.workbench import PATIENCE, ROOT, Entrant, Git, Gitfleet, Overlay, Race, Ran, run


class GateFleet:
    """A fleet with a gate: `ada` and `bob`, and the trunk with its rules."""

    def __init__(self, copies: Copies, git: Git, gitfleet: Gitfleet, folder: Path) -> None:
        self.ada, self.bob = copies.clone("ada"), copies.clone("bob")
        self._git, self._gitfleet = git, gitfleet
        self.folder = folder
        self.ran = folder / "ran"
        git(folder, "clone", "--quiet", self.ada.fleets.hub, "trunk")
        self.trunk = folder / "trunk"

    def rules(self, queue: dict[str, Any]) -> str:
        """Land rules; the commit."""
        text = json.dumps({"version": 1, "commits": "off", "queue": queue})
        return self.land({"gitfleet.yaml": text})

    def gate(self, script: str, **queue: Any) -> str:
        """Land a gate that is a line for the shell, and notes that it ran."""
        told = f"echo x >> {shlex.quote(str(self.ran))}; {script}"
        return self.rules({"gate": ["sh", "-c", told], "trust": ["session"], **queue})

    def land(self, files: dict[str, str]) -> str:
        commit = self._git.commit(self.trunk, files)
        self._git(self.trunk, "push", "--quiet", "origin", "HEAD:main")
        for clone in (self.ada, self.bob):
            clone.out("fetch", "--quiet", "origin")
        return commit

    def __call__(self, clone: Gated, *args: str, env: Overlay | None = None) -> Ran:
        return self._gitfleet(
            clone.path, "gate", *args, env={**clone.as_session(clone.session), **(env or {})}
        )

    def start(self, clone: Gated, *args: str) -> subprocess.Popen[bytes]:
        env = {**os.environ, **self._gitfleet.environment(), "GITFLEET_SESSION": clone.session}
        argv = self._gitfleet.argv("gate", *args)
        return subprocess.Popen(argv, cwd=clone.path, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE)

    @property
    def runs(self) -> int:
        return len(self.ran.read_text().splitlines()) if self.ran.exists() else 0

    def under_way(self) -> Sequence[str]:
        with self.ada.fleets.view() as view:
            return [one.id for one in leases.running(view)]

    def fifo(self) -> Path:
        """A pipe with a name; a gate that has it open as file 3 tells by it that it is alive."""
        path = self.folder / "fifo"
        os.mkfifo(path)
        return path


@pytest.fixture
def fleet(copies: Copies, git: Git, gitfleet: Gitfleet, tmp_path: Path) -> GateFleet:
    return GateFleet(copies, git, gitfleet, tmp_path)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("script", "word", "code", "said"),
    [
        ("true", "passed", 0, "gate: passed"),
        ("echo broken; exit 3", "failed", 20, "with exit code 3"),
        ("exit 125", "indeterminate", 13, "it cannot tell"),
        ("no-such-program", "indeterminate", 13, "is not there"),
        ("kill -9 $$", "indeterminate", 13, "a signal ended it (SIGKILL)"),
    ],
)
@pytest.mark.always
def test_verdict_of_one_node_is_known_to_the_other_with_its_exit_code(
    fleet: GateFleet, script: str, word: str, code: int, said: str
) -> None:
    commit = fleet.gate(script)
    assert said in fleet(fleet.ada, "run", "--commit", commit).ended(code).stdout
    told = fleet(fleet.bob, "status", "--commit", commit, "--json").ended(code).json()
    assert (told["status"], told["data"]["known"]) == (word, word)
    assert told["data"]["parts"][0]["outcome"]["session"] == "ada-1"
    tree = fleet.ada.out("rev-parse", f"{commit}^{{tree}}")
    assert (
        fleet(fleet.bob, "status", "--tree", tree).ended(code).stdout.startswith(f"tree {tree[:12]}: {word}")
    )
    again = fleet(fleet.bob, "run", "--commit", commit, "--json").ended(code).json()
    assert again["data"]["parts"][0]["ran"] == (word == "indeterminate")
    assert fleet.runs == (2 if word == "indeterminate" else 1)
    assert fleet.under_way() == []


def test_tree_that_nobody_has_tested_is_unknown_and_says_so_for_ci(fleet: GateFleet) -> None:
    commit = fleet.gate("true")
    assert fleet(fleet.bob, "status", "--commit", commit, "--json").ended(13).json()["status"] == "unknown"
    absent = fleet(fleet.bob, "status", "--tree", "b" * 40, "--json").ended(13).json()
    assert absent["data"]["known"] == "unknown"


@pytest.mark.parametrize("queue", [{}, {"gate": None}])
def test_nothing_passes_before_the_rules_say_what_it_must_pass(
    fleet: GateFleet, queue: dict[str, Any]
) -> None:
    fleet.rules(queue)
    told = fleet(fleet.ada, "status", "--json").ended(16).json()
    assert (told["status"], told["data"]["configured"], told["data"]["known"]) == (
        "unconfigured",
        False,
        "unknown",
    )
    assert "gate: none" in fleet(fleet.ada, "run").ended(16).stderr


def test_everything_passes_where_the_rules_say_that_there_is_no_gate(fleet: GateFleet) -> None:
    fleet.rules({"gate": "none"})
    assert "every tree passes" in fleet(fleet.ada, "run").ok().stdout
    assert fleet(fleet.ada, "status", "--json").ok().json()["data"]["none"] is True


@pytest.mark.parametrize(
    "args",
    [
        ("run", "--commit", "no-such-branch"),
        ("run", "--commit", "--upload-pack=x"),
        ("run", "--tree", "HEAD^{blob}"),
        ("run", "--tree", "HEAD", "--commit", "HEAD"),
        ("run", "--part", "web"),
        ("run", "--timeout", "soon"),
        ("run", "--ci", "--session", "ada-1"),
        ("status", "--tree", "\x1b[31mred"),
        ("status", "--hub", "nowhere", "--tree", "HEAD"),
    ],
)
def test_request_that_is_not_valid_ends_with_two_and_runs_nothing(
    fleet: GateFleet, args: tuple[str, ...]
) -> None:
    fleet.gate("true")
    done = fleet(fleet.ada, *args).ended(2)
    assert "\x1b" not in done.stderr
    assert fleet.runs == 0


def test_commit_is_tested_and_not_what_differs_from_it_in_the_worktree(fleet: GateFleet, git: Git) -> None:
    fleet.gate("cat src/api/a.py; git rev-parse HEAD^{tree}; git status --porcelain")
    fleet.ada.out("merge", "--quiet", "--ff-only", "origin/main")
    (fleet.ada.path / "src/api/a.py").write_text("dirt\n")
    done = fleet(fleet.ada, "run", "--json").ok().json()
    assert any("not the 1 path that differ" in words for words in done["warnings"])
    log = Path(done["data"]["parts"][0]["log_file"]).read_text()
    assert log == f"A = 1\n{fleet.ada.out('rev-parse', 'HEAD^{tree}')}\n"
    assert (fleet.ada.path / "src/api/a.py").read_text() == "dirt\n"


def test_tree_without_a_commit_can_be_tested(fleet: GateFleet) -> None:
    fleet.gate("test -f a.py")
    done = fleet(fleet.ada, "run", "--tree", "HEAD:src/api", "--json").ok().json()
    assert done["data"]["tree"] == fleet.ada.out("rev-parse", "HEAD:src/api")


def test_gate_has_an_environment_without_ours_and_knows_what_it_tests(fleet: GateFleet) -> None:
    commit = fleet.gate("env")
    env = {"GIT_DIR": None, "GIT_AUTHOR_NAME": "Eve", "GIT_EDITOR": "x", "GITFLEET_FOO": "x", "OTHER": "kept"}
    done = fleet(fleet.ada, "run", "--commit", commit, "--json", env=env).ok().json()
    said = dict(
        line.partition("=")[::2]
        for line in Path(done["data"]["parts"][0]["log_file"]).read_text().splitlines()
    )
    assert said["GITFLEET_COMMIT"] == commit
    assert said["GITFLEET_TREE"] == done["data"]["tree"]
    assert said["OTHER"] == "kept"
    ours = {name for name in said if name.startswith(("GIT_", "GITFLEET_"))}
    assert ours <= {
        "GITFLEET_COMMIT",
        "GITFLEET_TREE",
        "GITFLEET_GATE_PART",
        "GITFLEET_GATE_SLOT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
    }


def test_output_that_would_write_over_a_terminal_is_shown_as_text(fleet: GateFleet) -> None:
    commit = fleet.gate(
        r"printf '\033[31mred\033[0m\n\033]0;title\007plain\rover\nnull\0byte\342\200\256\n'; exit 1"
    )
    done = fleet(fleet.ada, "run", "--commit", commit).ended(20)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x07" not in done.stdout
    told = fleet(fleet.bob, "status", "--commit", commit, "--json").ended(20).json()
    assert told["data"]["parts"][0]["outcome"]["tail"] == ["red", "over", "null\\x00byte\\u202e"]


def test_command_that_is_a_text_is_split_and_never_run_by_a_shell(fleet: GateFleet) -> None:
    commit = fleet.rules({"gate": f"touch '{fleet.folder}/a b' ; {fleet.folder}/$(id)", "trust": ["session"]})
    fleet(fleet.ada, "run", "--commit", commit)
    assert (fleet.folder / "a b").exists()
    assert not (fleet.folder / "$(id)").is_dir()
    assert (fleet.folder / "$(id)").exists(), "a word like any other"


def test_session_that_is_not_trusted_is_told_that_its_verdict_decides_nothing(fleet: GateFleet) -> None:
    commit = fleet.gate("true", trust=["ci"])
    done = fleet(fleet.ada, "run", "--commit", commit).ok()
    assert "decides no landing" in done.stderr
    told = fleet(fleet.bob, "status", "--commit", commit, "--json").ended(13).json()
    assert told["data"]["known"] == "unknown"
    assert [one["by"] for one in told["data"]["parts"][0]["uncounted"]] == ["session"]
    fleet(fleet.bob, "run", "--ci", "--commit", commit).ok()
    fleet(fleet.ada, "status", "--commit", commit).ok()
    assert fleet.runs == 2


def test_failure_that_a_pass_vouches_against_is_told_as_flaky(fleet: GateFleet) -> None:
    commit = fleet.gate(f"test $(wc -l < {shlex.quote(str(fleet.ran))}) -gt 1")
    fleet(fleet.ada, "run", "--commit", commit).ended(20)
    fleet(fleet.ada, "run", "--commit", commit).ended(20)
    assert fleet.runs == 1
    done = fleet(fleet.ada, "run", "--again", "--commit", commit, "--json").ok().json()
    assert done["data"]["parts"][0]["flaky"] is True


def test_part_whose_inputs_are_known_is_not_run_again(fleet: GateFleet) -> None:
    def note(name: str) -> list[str]:
        return ["sh", "-c", f"echo {name} >> {shlex.quote(str(fleet.ran))}"]

    parts = {
        "api": {"run": note("api"), "inputs": ["src/api/"]},
        "docs": {"run": note("docs"), "inputs": ["**/*.md"]},
    }
    commit = fleet.rules({"gate": parts, "trust": ["session"]})
    fleet(fleet.ada, "run", "--commit", commit).ok()
    other = fleet.land({"src/api/new.py": "new\n"})
    assert (
        fleet(fleet.bob, "status", "--commit", other, "--json").ended(13).json()["data"]["parts"][1]["known"]
        == "passed"
    )
    fleet(fleet.bob, "run", "--commit", other).ok()
    fleet(fleet.bob, "run", "--commit", fleet.land({"other.txt": "new\n"})).ok()
    assert fleet.ran.read_text().split() == ["api", "docs", "api"]
    third = fleet.land({"src/api/new.py": "newer\n", "new.md": "x\n"})
    fleet(fleet.ada, "run", "--part", "docs", "--commit", third).ok()
    assert fleet.ran.read_text().split() == ["api", "docs", "api", "docs"]


def test_same_tree_on_two_nodes_at_once_is_run_by_one_of_them(
    fleet: GateFleet, race: Race, gitfleet: Gitfleet
) -> None:
    commit = fleet.gate("sleep 0.3")
    entrants = [
        Entrant(gitfleet.argv("gate", "run", "--timeout", "5m", "--commit", commit), clone.path,
                {**gitfleet.environment(), **clone.as_session(clone.session)})
        for clone in (fleet.ada, fleet.bob)
    ]  # fmt: skip
    done = race(entrants)
    for one in done:
        assert "gate: passed, run by session" in one.ok().stdout
    assert fleet.runs == 1
    assert fleet.under_way() == []


def test_run_of_another_node_is_waited_for_or_told(fleet: GateFleet) -> None:
    fifo = fleet.fifo()
    commit = fleet.gate(f"exec 3> {fifo}; echo started >&3; read word < {fifo}.go", trust=["session"])
    os.mkfifo(f"{fifo}.go")
    first = fleet.start(fleet.ada, "run", "--commit", commit)
    with fifo.open() as told:
        assert told.readline() == "started\n"
        refused = fleet(fleet.bob, "run", "--commit", commit, "--json").ended(11).json()
        assert "session ada-1 on node" in refused["data"]["parts"][0]["waits"]
        state = fleet(fleet.bob, "status", "--commit", commit, "--json").ended(11).json()
        assert [one["session"] for one in state["data"]["running"]] == ["ada-1"]
        Path(f"{fifo}.go").write_text("go\n")
    first.communicate(timeout=PATIENCE)
    fleet(fleet.bob, "run", "--commit", commit).ok()
    assert fleet.runs == 1


def test_part_with_a_capacity_is_run_so_often_at_once_in_the_fleet(fleet: GateFleet) -> None:
    fifo = fleet.fifo()
    slow = {"run": ["sh", "-c", f"exec 3> {fifo}; echo started >&3; read word < {fifo}.go"], "capacity": 1}
    one = fleet.rules({"gate": {"slow": slow, "quick": {"run": "true"}}, "trust": ["session"]})
    two = fleet.land({"other": "x\n"})
    os.mkfifo(f"{fifo}.go")
    first = fleet.start(fleet.ada, "run", "--commit", one)
    with fifo.open() as told:
        assert told.readline() == "started\n"
        done = fleet(fleet.bob, "run", "--commit", two, "--json").ended(11).json()
        assert [(part["part"], part["ran"], bool(part["waits"])) for part in done["data"]["parts"]] == [
            ("slow", False, True),
            ("quick", True, False),
        ]
        Path(f"{fifo}.go").write_text("go\n")
    first.communicate(timeout=PATIENCE)
    assert first.returncode == 0


@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_runner_that_is_ended_leaves_no_process_and_the_next_one_goes_on(
    fleet: GateFleet, number: signal.Signals
) -> None:
    fifo = fleet.fifo()
    wait = f"if test $(wc -l < {shlex.quote(str(fleet.ran))}) = 1; then exec 3> {fifo}; echo started >&3; (setsid sleep 600 &); sleep 600; fi"
    commit = fleet.gate(
        f"echo dirt > src/api/a.py; {wait}; git checkout -q src; git status --porcelain; test \"$(cat src/api/a.py)\" = 'A = 1'"
    )
    first = fleet.start(fleet.ada, "run", "--commit", commit)
    with fifo.open() as told:
        assert told.readline() == "started\n"
        first.send_signal(number)
        assert told.read() == "", "everybody who had the pipe has ended"
    first.communicate(timeout=PATIENCE)
    assert first.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 128 + number)
    assert len(fleet.under_way()) == (number == signal.SIGKILL)
    fleet(fleet.ada, "run", "--commit", commit).ok()
    assert fleet.under_way() == []


def test_gate_that_hangs_is_ended_at_the_limit_of_the_rules_and_blamed_on_nobody(fleet: GateFleet) -> None:
    commit = fleet.gate("(setsid sleep 600 &) ; sleep 600", **{"time-limit": "1s"})
    told = fleet(fleet.ada, "run", "--commit", commit, "--json").ended(13).json()
    part = told["data"]["parts"][0]
    assert part["outcome"]["reason"] == "it took longer than 1s"
    assert part["outcome"]["code"] is None


def test_disk_that_is_full_while_the_files_are_laid_out_is_blamed_on_nobody(fleet: GateFleet) -> None:
    fleet.gate("true")
    commit = fleet.land({"large.bin": "x" * 3_000_000})
    command = shlex.join(fleet._gitfleet.argv("gate", "run", "--commit", commit, "--json"))
    env = {**fleet._gitfleet.environment(), "GITFLEET_SESSION": "ada-1"}
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 1000; {command}"], cwd=fleet.ada.path, env={**os.environ, **env}, capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 13, done
    told = json.loads(done.stdout)["data"]["parts"][0]
    assert told["outcome"]["reason"].startswith("its files could not be laid out")
    assert fleet.runs == 0
    fleet(fleet.ada, "run", "--commit", commit).ok()


@pytest.fixture
def checkout(fleet: GateFleet, git: Git, tmp_path: Path) -> Path:
    """A checkout of CI: one commit, on no branch. Only the verdicts of CI count."""
    commit = fleet.gate("true", trust=["ci"])
    path = tmp_path / "checkout"
    git(tmp_path, "init", "--quiet", path)
    git(path, "remote", "add", "origin", f"file://{fleet.ada.fleets.hub}")
    git(path, "fetch", "--quiet", "--no-tags", "--depth=1", "origin", f"+{commit}:refs/remotes/pull/1/merge")
    git(path, "checkout", "--quiet", "--force", "refs/remotes/pull/1/merge")
    return path


def test_checkout_of_ci_asks_and_publishes_without_being_set_up(
    fleet: GateFleet, git: Git, gitfleet: Gitfleet, checkout: Path
) -> None:
    env: Overlay = {"GITFLEET_SESSION": None}
    before = git(checkout, "for-each-ref")
    gitfleet(checkout, "gate", "status", env=env).ended(13)
    assert git(checkout, "for-each-ref") == before
    gitfleet(checkout, "gate", "run", env=env).ended(2)
    gitfleet(checkout, "gate", "run", "--ci", env=env).ok()
    assert git(checkout, "status", "--porcelain") == ""
    assert "run by ci" in fleet(fleet.ada, "status", "--commit", "origin/main").ok().stdout
    assert "not run again" in gitfleet(checkout, "gate", "run", "--ci", env=env).ok().stdout
    assert fleet.runs == 1


@pytest.mark.parametrize("name", ["github-gate.yml", "gitlab-gate.yml"])
def test_template_of_ci_publishes_the_verdict_and_skips_what_is_known(
    fleet: GateFleet, gitfleet: Gitfleet, checkout: Path, tmp_path: Path, name: str
) -> None:
    read = YAML(typ="safe", pure=True).load((ROOT / "templates/ci" / name).read_text(encoding="utf-8"))
    if "jobs" in read:
        steps = [(step.get("if"), step["run"]) for step in read["jobs"]["gate"]["steps"] if "run" in step]
    else:
        steps = [(None, line) for line in read["gitfleet-gate"]["script"]]
    programs, output = tmp_path / "programs", tmp_path / "output"
    programs.mkdir()
    settings = [f"{key}={shlex.quote(value)}" for key, value in gitfleet.environment().items()]
    program = programs / "gitfleet"
    program.write_text(f'#!/bin/sh\nexec env {" ".join(settings)} {shlex.join(gitfleet.argv())} "$@"\n')
    program.chmod(0o755)
    env: Overlay = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "GITFLEET_SESSION": None,
        "GITHUB_OUTPUT": str(output),
    }
    for _ in range(2):
        output.write_text("")
        for condition, command in steps:
            assert "${{" not in command
            if "gitfleet" not in command or command.startswith("pip"):
                continue
            if condition is None or "passed=yes" not in output.read_text():
                run(["sh", "-e", "-c", command], checkout, env=env).ok()
    assert fleet.runs == 1
    assert "run by ci" in fleet(fleet.ada, "status", "--commit", "origin/main").ok().stdout


def test_runner_that_is_killed_while_git_lays_out_files_leaves_nothing_that_stops_the_next(
    fleet: GateFleet, git: Git
) -> None:
    fifo, once = fleet.fifo(), fleet.folder / "once"
    script = fleet.folder / "filter"
    script.write_text(
        f"#!/bin/sh\nif [ ! -e {once} ]; then touch {once}; exec 3> {fifo}; echo started >&3; sleep 600; fi\ncat\n"
    )
    script.chmod(0o755)
    git(fleet.ada.path, "config", "filter.slow.smudge", str(script))
    git(fleet.ada.path, "config", "filter.slow.clean", "cat")
    git(fleet.ada.path, "config", "filter.slow.required", "true")
    fleet.gate('test "$(cat a.bin)" = x')
    commit = fleet.land({".gitattributes": "*.bin filter=slow\n", "a.bin": "x\n"})
    first = fleet.start(fleet.ada, "run", "--commit", commit)
    with fifo.open() as told:
        assert told.readline() == "started\n"
        first.kill()
        first.communicate(timeout=PATIENCE)
        fleet(fleet.ada, "run", "--commit", commit).ok()
        assert told.read() == ""


def test_places_of_gates_go_when_the_clone_leaves_its_fleet(fleet: GateFleet, gitfleet: Gitfleet) -> None:
    fleet(fleet.ada, "run", "--commit", fleet.gate("true")).ok()
    assert fleet.ada.out("worktree", "list", "--porcelain").count("worktree ") == 2
    gitfleet(fleet.ada.path, "uninstall", "--force").ok()
    assert fleet.ada.out("worktree", "list", "--porcelain").count("worktree ") == 1


def test_verdict_waits_in_the_clone_while_the_hub_is_away(fleet: GateFleet, gitfleet: Gitfleet) -> None:
    commit = fleet.gate("true")
    fleet(fleet.ada, "status").ended(13)
    away = fleet.ada.fleets.hub.rename(fleet.folder / "away.git")
    done = fleet(fleet.ada, "run", "--commit", commit).ok()
    assert "the verdict waits in this clone until `gitfleet sync`" in done.stderr
    away.rename(fleet.ada.fleets.hub)
    fleet(fleet.bob, "status", "--commit", commit).ended(13)
    gitfleet(fleet.ada.path, "sync").ok()
    fleet(fleet.bob, "status", "--commit", commit).ok()
    assert fleet.under_way() == []
