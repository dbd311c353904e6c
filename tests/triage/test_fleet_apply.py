"""Plans that are applied over real sshd's: what is ended, what is refused, what a crash on either side leaves, and what is undone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import clock
from tests.clocks import Clock
from tests.fleetbench import Fleets
from tests.forms import held
from tests.hosts.sshd import TOOL, Host, Hosts, needs_hosts
from tests.triage.candidates import candidate, facts, identity, scan
from tests.triage.test_fleet_plan_real import SECRETS, SERVER, ended, leak, objects
from tests.workbench import ROOT, Git, Gitfleet, Ran, overlaid, run

__all__ = ["ended"]
pytestmark = needs_hosts

COUNTS = f"""
import os, signal, sys
def heard(*_):
    with open(sys.argv[1], 'ab') as file:
        file.write(b't')
signal.signal(signal.SIGTERM, heard)
{SERVER}
"""
PAUSES = """exec "{python}" -c '
import sys
from gitfleet.onhost import __main__, likelihoods
likelihoods.LOSSES["abandoned"]["pause"] = 0.0
likelihoods.LOSSES["useful"]["pause"] = likelihoods.LOSSES["useful_bad"]["pause"] = 0.0
sys.exit(__main__.main(sys.argv[2:]))' "$@"
"""
"""A gitfleet whose table of losses would rather pause than end."""


class Bench:
    """Hosts with leaks, and the command line that plans and applies."""

    def __init__(self, gitfleet: Gitfleet, fleets: Fleets, hosts: Hosts, session: str) -> None:
        self.gitfleet, self.clone, self.hosts, self.session = gitfleet, fleets.clone("ada"), hosts, session
        self.fleets = fleets
        self.plan = ""

    def leak(self, host: Host, code: str = SERVER, *words: str) -> int:
        """A server that its session has left behind; its pid on that host."""
        script = host.home / f"app{len(list(host.home.glob('app*')))}" / "server.py"
        script.parent.mkdir()
        script.write_text(code)
        return leak(host, "work", str(script), *words, session=self.session)

    def make(self, *names: str, **more: str) -> Any:
        """Plan; what is selected by host."""
        self.hosts.write()
        data = held(self("plan", "--hosts", ",".join(names), "--json", **more).ok().json())
        self.plan = data["fleet_session_id"]
        return data

    def __call__(self, *args: str, clone: str = "ada") -> Ran:
        return self.gitfleet(self.fleets.clone(clone), "fleet", *args)

    def apply(self, *args: str, code: int = 0, verb: str = "apply") -> Any:
        """Apply; the data."""
        words = [verb, "--session", self.plan, *(args or ["--recommended"] * (verb == "apply"))]
        words += ["--yes"] * (verb == "apply") + ["--between", "0"] * (verb in {"apply", "resume"})
        return held(self(*words, "--json").ended(code).json(), code)


@pytest.fixture
def bench(gitfleet: Gitfleet, fleets: Fleets, hosts: Hosts, ended: str) -> Bench:
    return Bench(gitfleet, fleets, hosts, ended)


def runs(host: Host, pid: int) -> bool:
    """Whether a process runs on a host; a zombie does not."""
    ran = host.run("sh", "-c", f"cat /proc/{pid}/stat 2>/dev/null || :")
    return bool(ran.stdout) and ran.stdout.rpartition(")")[2].split()[0] != "Z"


def state(host: Host, pid: int) -> str:
    """The state in which a process comes to rest: one that computes, or waits for a processor, is waited for."""
    found = "R"
    while found in {"R", "D"}:
        found = host.run("cat", f"/proc/{pid}/stat").stdout.rpartition(")")[2].split()[0]
    return found


def outcomes(data: Any) -> dict[str, str]:
    return {row["host_id"]: row["outcome"] for row in data["actions"]}


def test_plan_is_reviewed_applied_and_verified_on_hosts_with_and_without_gitfleet(
    bench: Bench, git: Git
) -> None:
    first = bench.hosts.start("build-01")
    second = bench.hosts.start("build-02", tool=None, login="echo noise; echo more >&2\n", banner="Beware!\n")
    pids = {host: bench.leak(host, SERVER, "--password", SECRETS[0]) for host in (first, second)}
    bench.hosts.write()
    words = ["plan", "--hosts", "build-01,build-02", "--bootstrap", "--format", "json"]
    bench.plan = held(bench(*words).ok().json())["fleet_session_id"]
    bench("show", "--session", bench.plan).ok()
    data = bench.apply()
    assert outcomes(data) == {"build-01": "done", "build-02": "done"}
    assert data["apply_summary"] == {"total_actions": 2, "total_done": 2, "outcomes": {"done": 2}}
    assert [(host["status"], host["done"]) for host in data["hosts"]] == [("applied", 1)] * 2
    assert not any(runs(host, pid) for host, pid in pids.items())
    seen = bench.apply(verb="verify")
    assert [row["now"] for host in seen["hosts"] for row in host["actions"]] == ["gone", "gone"]
    undone = bench.apply(verb="undo", code=21)
    assert [row["undo"] for host in undone["hosts"] for row in host["actions"]] == ["cannot", "cannot"]
    kept = objects(git, bench.clone) + json.dumps([data, seen, undone])
    kept += "".join(path.read_text() for path in bench.clone.glob(".git/gitfleet/triage/applies/*.jsonl"))
    assert SECRETS[0] not in kept
    again = bench.apply()
    assert [row["repeated"] for row in again["actions"]] == [True, True]


def test_first_host_that_refuses_stops_all_the_others(bench: Bench) -> None:
    hosts = [bench.hosts.start(f"build-0{number}") for number in (1, 2, 3)]
    writes = f"import signal\nsignal.signal(10, lambda *_: globals().update(f=open('only-copy.txt', 'w')))\n{SERVER}"
    pids = [bench.leak(host, writes if host is hosts[0] else SERVER) for host in hosts]
    bench.make("build-01", "build-02", "build-03")
    hosts[0].run("kill", "-USR1", str(pids[0]))
    while not (hosts[0].home / "work/only-copy.txt").exists():
        time.sleep(0.01)
    data = bench.apply(code=20)
    assert outcomes(data) == {"build-01": "refused-gate", "build-02": "not-asked", "build-03": "not-asked"}
    (gate,) = data["actions"][0]["gates"]
    assert gate == {
        "name": "open-files", "state": "blocked",
        "detail": "1 files are open for writing, 0 of them deleted and without another copy",
    }  # fmt: skip
    assert "only-copy" not in json.dumps(data)
    assert data["stopped"].startswith("build-01 refused")
    assert all(runs(host, pid) for host, pid in zip(hosts, pids, strict=True))
    for words in (["apply", "--recommended", "--yes"], ["resume"]):
        assert "was stopped" in bench(*words, "--session", bench.plan).ended(20).stderr
    data = bench.apply("--yes", verb="resume", code=21)
    assert outcomes(data) == {"build-01": "refused-gate", "build-02": "done", "build-03": "done"}
    assert [runs(host, pid) for host, pid in zip(hosts, pids, strict=True)] == [True, False, False]


def test_what_a_host_would_refuse_at_the_scan_is_shown_and_left_out(bench: Bench) -> None:
    host = bench.hosts.start("build-01")
    writing = bench.leak(host, f"f = open('only-copy.txt', 'w')\n{SERVER}")
    other = bench.leak(host)
    found = bench.make("build-01")["candidates"]
    shut = {one["pid"]: [gate["name"] for gate in one["gates"] if gate["state"] != "passed"] for one in found}
    assert shut == {writing: ["open-files"], other: []}
    assert all(one["reversible"]["terminate"] is False and one["reversible"]["pause"] for one in found)
    assert bench.apply()["apply_summary"]["outcomes"] == {"done": 1, "left-out": 1}
    assert (runs(host, writing), runs(host, other)) == (True, False)


def test_host_under_a_name_of_another_is_not_touched(bench: Bench) -> None:
    first, second = bench.hosts.start("build-01"), bench.hosts.start("build-02")
    pids = {host: bench.leak(host) for host in (first, second)}
    bench.make("build-01")
    known = second.host_key.parent.parent / "build-02.known"
    bench.hosts.say(
        f"Host build-01\n    HostName 127.0.0.1\n    Port {second.port}\n    UserKnownHostsFile {known}"
    )
    data = bench.apply(code=20)
    assert (outcomes(data), data["actions"][0]["detail"]) == (
        {"build-01": "refused"},
        "this host has no such scan",
    )
    assert all(runs(host, pid) for host, pid in pids.items())


def test_host_that_is_down_leaves_the_application_partial(bench: Bench) -> None:
    first, second = bench.hosts.start("build-01"), bench.hosts.start("build-02")
    pid = bench.leak(second)
    bench.leak(first)
    bench.make("build-01", "build-02")
    first.stop()
    data = bench.apply(code=21)
    assert outcomes(data) == {"build-01": "not-asked", "build-02": "done"}
    assert [host["status"] for host in data["hosts"]] == ["unreachable", "applied"]
    assert not runs(second, pid)
    second.stop()
    again = bench.apply(code=30, verb="verify")
    assert [host["status"] for host in again["hosts"]] == ["unreachable"]


def test_caps_leave_out_what_is_above_them(bench: Bench) -> None:
    host = bench.hosts.start("build-01")
    pids = [bench.leak(host) for _ in range(3)]
    bench.make("build-01")
    data = bench.apply("--only", "dev-server", "--max-kills-per-host", "1")
    assert data["apply_summary"]["outcomes"] == {"done": 1, "left-out": 2}
    assert sum(runs(host, pid) for pid in pids) == 2
    assert bench.apply("--recommended", "--min-posterior", "1")["apply_summary"]["outcomes"] == {
        "left-out": 3
    }


NONSENSE = [
    ["--recommended"],
    ["--yes"],
    ["--yes", "--recommended", "--targets", "c-000000000001"],
    ["--yes", "--targets", "c-000000000001"],
    ["--yes", "--only", "nothing-of-that-kind"],
    ["--yes", "--recommended", "--min-posterior", "7"],
    ["--yes", "--recommended", "--grace", "-1"],
]


def test_request_that_makes_no_sense_is_refused_before_any_host_is_asked(bench: Bench) -> None:
    bench.hosts.down("build-01")
    bench("plan", "--hosts", "build-01").ended(30)
    (bench.plan,) = [row["fleet_session_id"] for row in held(bench("list", "--json").ok().json())["plans"]]
    for args in NONSENSE:
        bench("apply", "--session", bench.plan, *args).ended(2)


def test_plan_that_may_not_be_applied_is_refused_and_nothing_is_touched(bench: Bench, tmp_path: Path) -> None:
    host = bench.hosts.start("build-01")
    pid = bench.leak(host)
    bench.make("build-01")
    apply = ["apply", "--session", bench.plan, "--recommended", "--yes"]
    said = bench(*apply, clone="bob").ended(16)
    assert "made by another clone" in said.stderr
    later = Clock.make(tmp_path, "later")
    later.set(wall=7 * 86400)
    argv = [str(later.python), "-P", "-m", "gitfleet", "fleet", *apply]
    old = run(argv, bench.clone, env=bench.gitfleet.environment()).ended(20)
    assert "7d00h old" in old.stderr
    (seen,) = bench.clone.glob(".git/**/triage/seen/*")
    seen.unlink()
    unseen = bench(*apply).ended(20)
    assert "has not been shown to anybody" in unseen.stderr
    bench("verify", "--session", bench.plan).ended(2)
    bench("resume", "--session", bench.plan).ended(2)
    assert runs(host, pid)


def test_plan_of_which_a_mistake_was_reported_is_not_applied(bench: Bench) -> None:
    host = bench.hosts.start("build-01")
    pid = bench.leak(host)
    data = bench.make("build-01")
    bench("mistake", data["candidates"][0]["candidate_id"], "--session", bench.plan).ok()
    bench("apply", "--session", bench.plan, "--recommended", "--yes").ended(16)
    assert runs(host, pid)


def test_plan_of_which_a_mistake_is_reported_in_the_middle_is_not_gone_on_with(bench: Bench) -> None:
    host = bench.hosts.start("build-01")
    pids = [bench.leak(host) for _ in range(2)]
    candidates = bench.make("build-01")["candidates"]
    bench.apply("--targets", candidates[0]["candidate_id"])
    bench("mistake", candidates[0]["candidate_id"], "--session", bench.plan, clone="bob").ok()
    bench("apply", "--session", bench.plan, "--recommended", "--yes").ended(16)
    assert sum(runs(host, pid) for pid in pids) == 1


def test_resumed_plan_of_which_a_mistake_was_reported_begins_nothing(bench: Bench) -> None:
    host = bench.hosts.start("build-01")
    pid = bench.leak(host)
    (one,) = bench.make("build-01")["candidates"]
    words = ["fleet", "apply", "--session", bench.plan, "--recommended", "--yes"]
    argv = [sys.executable, "-P", "-m", "tests.triage.dying_controller", "1", *words]
    run(argv, bench.clone, env=bench.gitfleet.environment()).ended(-signal.SIGKILL)
    bench("mistake", one["candidate_id"], "--session", bench.plan, clone="bob").ok()
    data = bench.apply(verb="resume", code=20)
    assert (outcomes(data), runs(host, pid)) == ({"build-01": "not-asked"}, True)
    assert data["actions"][0]["detail"] == "a mistake of the plan was reported: plan again"


def test_pause_is_undone_and_costs_what_the_plan_staked(bench: Bench) -> None:
    host = bench.hosts.start("build-01", tool=PAUSES.format(python=sys.executable))
    pid = bench.leak(host)
    (one,) = bench.make("build-01")["candidates"]
    assert (one["action"], one["state"]) == ("pause", "selected")
    (row,) = bench.apply()["actions"]
    assert (row["outcome"], row["reversible"], state(host, pid)) == ("done", True, "T")
    assert row["paused_until"] > clock.now()
    (seen,) = bench.apply(verb="verify")["hosts"]
    assert seen["actions"][0]["now"] == "paused"
    before = held(bench("list", "--json").ok().json())["budget"]["level"]
    (back,) = bench.apply(verb="undo")["hosts"]
    assert (back["actions"][0]["undo"], state(host, pid)) == ("undone", "S")
    budget = held(bench("list", "--json").ok().json())["budget"]
    assert budget["level"] < before
    assert budget["lost"] > 0


def wait_for(path: Path) -> None:
    while not path.exists() or not path.read_bytes():
        time.sleep(0.01)


def begun(bench: Bench, *args: str) -> subprocess.Popen[bytes]:
    """An application in a process of its own."""
    words = [
        "fleet",
        "apply",
        "--session",
        bench.plan,
        "--recommended",
        "--yes",
        "--grace",
        "200",
        "--json",
        *args,
    ]
    environment = overlaid(bench.gitfleet.environment())
    return subprocess.Popen(
        bench.gitfleet.argv(*words),
        cwd=bench.clone,
        env=environment,
        stdout=-1,
        stderr=-1,
        start_new_session=True,
    )


def test_controller_that_is_killed_leaves_the_host_to_do_no_more_and_is_resumed(bench: Bench) -> None:
    host, other = bench.hosts.start("build-01"), bench.hosts.start("build-02")
    heard = host.home / "heard"
    pid = bench.leak(host, COUNTS, str(heard))
    second = bench.leak(other)
    bench.make("build-01", "build-02")
    controller = begun(bench)
    wait_for(heard)
    for verb in (["apply", "--recommended", "--yes"], ["undo"], ["resume"]):
        assert "at this moment" in bench(*verb, "--session", bench.plan).ended(20).stderr
    os.killpg(controller.pid, signal.SIGKILL)
    controller.communicate()
    while "on-host" in host.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'").stdout:
        time.sleep(0.02)
    refused = bench("apply", "--session", bench.plan, "--recommended", "--yes").ended(20)
    assert "the outcome for 1 action is not known" in refused.stderr
    assert (runs(host, pid), runs(other, second)) == (True, True)
    data = bench.apply("--grace", "0.2", verb="resume")
    assert outcomes(data) == {"build-01": "done", "build-02": "done"}
    assert data["actions"][0]["detail"] == "ended by KILL"
    assert heard.read_bytes() == b"t"
    assert (runs(host, pid), runs(other, second)) == (False, False)
    assert outcomes(bench.apply("--grace", "0.2", verb="resume")) == {"build-01": "done", "build-02": "done"}


@pytest.mark.sample(1)
@pytest.mark.parametrize("line", [1, 2, 3])
def test_controller_that_dies_between_two_steps_is_resumed_and_nothing_is_done_twice(
    bench: Bench, line: int
) -> None:
    """Its lines are: all that is to be done, the first intent, the first answer, and so on."""
    host = bench.hosts.start("build-01")
    heard = [host.home / "heard-0", host.home / "heard-1"]
    once = COUNTS.replace("file.write(b't')", "file.write(b't')\n    os._exit(0)")
    pids = [bench.leak(host, once, str(path)) for path in heard]
    bench.make("build-01")
    words = ["fleet", "apply", "--session", bench.plan, "--recommended", "--yes"]
    argv = [sys.executable, "-P", "-m", "tests.triage.dying_controller", str(line), *words]
    run(argv, bench.clone, env=bench.gitfleet.environment()).ended(-signal.SIGKILL)
    data = bench.apply(verb="resume")
    assert data["apply_summary"]["outcomes"] in ({"done": 2}, {"done": 1, "gone-before": 1})
    assert [path.read_bytes() for path in heard] == [b"t", b"t"]
    assert not any(runs(host, pid) for pid in pids)
    assert bench.apply(verb="resume")["apply_summary"]["total_done"] == 2


def test_host_that_dies_in_the_middle_is_unknown_and_asked_again(bench: Bench) -> None:
    host = bench.hosts.start("build-01", tool=f"echo $$ > tool.pid\n{TOOL}")
    heard = host.home / "heard"
    pid = bench.leak(host, COUNTS, str(heard))
    bench.make("build-01")
    controller = begun(bench)
    wait_for(heard)
    host.run("sh", "-c", f"kill -9 $(cat {host.home}/tool.pid)")
    said, _ = controller.communicate()
    assert controller.returncode == 21
    (row,) = json.loads(said)["data"]["actions"]
    assert (row["outcome"], runs(host, pid)) == ("unknown", True)
    data = bench.apply("--grace", "0.2", verb="resume")
    assert (outcomes(data), heard.read_bytes(), runs(host, pid)) == ({"build-01": "done"}, b"t", False)


def stranger(bench: Bench, tmp_path: Path, boot: str, act: dict[str, Any]) -> None:
    """A plan of a host that says this to every act."""
    planned = scan("", candidate(1, identity=identity(1001, boot=boot)), facts=facts(boot=boot))
    del planned["session_id"]
    (tmp_path / "answers.json").write_text(json.dumps({"scan": planned, "act": act}))
    program = ROOT / "tests/triage/fake_host.py"
    tool = f'exec "{sys.executable}" "{program}" "{tmp_path}/answers.json" "$@"\n'
    bench.hosts.start("build-01", tool=tool)
    bench.make("build-01")


def answered(bench: Bench, answer: bytes) -> subprocess.CompletedProcess[bytes]:
    """An application at a terminal, where somebody types this."""
    here, there = os.openpty()
    os.write(here, answer)
    argv = bench.gitfleet.argv("fleet", "apply", "--session", bench.plan, "--recommended", "--json")
    environment = overlaid({**bench.gitfleet.environment(), "TERM": "dumb"})
    done = subprocess.run(argv, cwd=bench.clone, env=environment, stdin=there, stderr=there, stdout=-1)
    os.close(there)
    os.close(here)
    return done


def test_person_at_a_terminal_is_asked_and_may_say_no(bench: Bench, tmp_path: Path) -> None:
    stranger(bench, tmp_path, "b", ACTED)
    said = answered(bench, b"n\n")
    assert (said.returncode, b"you said no" in said.stdout) == (20, True)
    said = answered(bench, b"y\n")
    assert (said.returncode, json.loads(said.stdout)["data"]["apply_summary"]["total_done"]) == (0, 1)


ACTED = {"candidate_id": "c-000000000001", "action": "terminate", "outcome": "done"}


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("boot", "act", "code", "outcome", "detail"),
    [
        ("b", ACTED, 0, "done", ""),
        ("b", {**ACTED, "detail": "\x1b[31mred"}, 0, "done", "red"),
        ("b", {**ACTED, "candidate_id": "c-000000000002"}, 21, "unknown", "another question"),
        ("b", {**ACTED, "outcome": "\x1b]0;x"}, 21, "unknown", "outcome"),
        ("b", {"error": {"code": "no-scan", "message": "none"}}, 20, "refused", "none"),
        ("b", {"error": {"code": "internal", "message": "disk full"}}, 21, "unknown", "disk full"),
        ("b", {"die": True}, 21, "unknown", "killed"),
        ("c", ACTED, 20, "refused-identity", "not the machine in the plan"),
    ],
    ids=["fine", "escape", "other-question", "no-outcome", "refused", "internal", "dies", "other-machine"],
)
def test_answer_of_a_host_is_a_strangers_word(
    bench: Bench, tmp_path: Path, boot: str, act: dict[str, Any], code: int, outcome: str, detail: str
) -> None:
    stranger(bench, tmp_path, boot, act)
    ran = bench("apply", "--session", bench.plan, "--recommended", "--yes", "--json").ended(code)
    (row,) = held(ran.json(), code)["actions"]
    assert row["outcome"] == outcome
    assert detail in row["detail"]
    assert "\\u001b" not in ran.stdout


def test_host_that_was_started_anew_in_the_middle_does_not_say_that_nothing_was_touched(
    bench: Bench, tmp_path: Path
) -> None:
    stranger(bench, tmp_path, "b", {"die": True})
    assert outcomes(bench.apply(code=21)) == {"build-01": "unknown"}
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({**json.loads(answers.read_text()), "hello": {"boot": "c"}}))
    (row,) = bench.apply(verb="resume", code=21)["actions"]
    assert (row["outcome"], "restarted since" in row["detail"]) == ("unknown", True)
