"""`queue process` among faults: nothing lands twice, nothing untested lands, nothing is stuck."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gitfleet.mergequeue import model
from tests.clocks import Clock
from tests.faults import test_uncertain_push as pushes
from tests.fleetbench import Fleets
from tests.places import file_system, fill, needs_mount
from tests.queuebench import Queue, hubqueue, queue
from tests.races.crowd import Crowd, Task
from tests.workbench import Git, overlaid

__all__ = ["hubqueue", "queue"]
faults = pushes.faults
PROCESS = ("queue", "process")


class Started:
    """A runner in a process of its own, whose gate waits for us: it says that it runs, and goes on when it is let."""

    def __init__(self, queue: Queue, *options: str, place: str = "", more: str = "", **rules: Any) -> None:
        self.queue = queue
        self.here, self.go = queue.folder / "here", queue.folder / "go"
        for pipe in (self.here, self.go):
            if not pipe.exists():
                os.mkfifo(pipe)
        queue.rules(more or f"echo x >{self.here}; read -r word <{self.go}", **rules)
        self.options, self.place = options, place or queue.name

    def begin(self) -> subprocess.Popen[str]:
        self.process = self.beside(self.place)
        return self.process

    def beside(self, place: str) -> subprocess.Popen[str]:
        """One more runner, in any clone, which is the caller's to wait for."""
        argv = self.queue.gitfleet.argv("queue", "process", *self.options)
        env = overlaid(self.queue.gitfleet.environment())
        return subprocess.Popen(
            argv, cwd=self.queue.fleets.clone(place), env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )  # fmt: skip

    def wait(self) -> None:
        """Until a gate runs."""
        self.here.read_text()

    def let(self) -> None:
        """The gate that runs may pass."""
        self.go.write_text("on\n")

    def end(self) -> tuple[int, str]:
        """The exit code and what was said."""
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out + err


@pytest.mark.sample(2)
@pytest.mark.parametrize("fault", pushes.FAULTS)
def test_landing_whose_push_lost_its_answer_has_landed_once(
    hubqueue: Queue, faults: Path, fault: str
) -> None:
    hubqueue.rules(f'touch "{faults}/next"')  # the push after the gate is the verdict's
    entries = [hubqueue.add("a"), hubqueue.add("b")]
    pushes.arm(faults, pushes.FAULTS[fault])
    (faults / "next").unlink()
    hubqueue.process()
    hubqueue.process().ok()
    hubqueue.sound(*entries)
    assert len(hubqueue.tested()) == 1


@pytest.mark.sample(2)
@pytest.mark.parametrize("moved", ["forward", "back", "elsewhere"])
def test_target_that_is_moved_by_hand_while_a_gate_runs_gets_only_what_was_tested_upon_it(
    queue: Queue, moved: str
) -> None:
    first = queue.commit("main", {"first.txt": "x"})
    runner = Started(queue)
    entry = queue.add("a")
    runner.begin()
    runner.wait()
    new = queue.commit("aside", {"other.txt": "x"}, upon=first if moved == "elsewhere" else "")
    queue.put("main", first if moved == "back" else new)
    runner.let()
    if (
        moved != "back"
    ):  # there the entry brings back what was taken away, so its tree is the one that has passed
        runner.wait()
        runner.let()
    code, said = runner.end()
    assert code == 0, said
    queue.sound(entry)
    assert queue.tested()[-1] == queue.git(queue.hub, "rev-parse", "main^{tree}")
    there = first if moved == "back" else new
    assert queue.git(queue.hub, "merge-base", "main", there) == there


def test_hub_whose_target_was_rewound_gets_the_next_landing_upon_what_it_has(hubqueue: Queue) -> None:
    base = hubqueue.main
    lost = hubqueue.commit("main", {"lost.txt": "x"})
    for name in ("ada", "bob"):
        hubqueue.git(hubqueue.fleets.clone(name), "fetch", "--quiet", "origin")
        hubqueue.gitfleet(hubqueue.fleets.clone(name), "sync").ok()
    hubqueue.put("main", base)
    entry = hubqueue.add("a")
    hubqueue.process("bob").ok()
    hubqueue.sound(entry)
    assert hubqueue.git.ask(hubqueue.hub, "merge-base", "--is-ancestor", lost, "main").returncode == 1


@pytest.mark.sample(1)
@pytest.mark.parametrize("change", ["amended", "gone"])
def test_branch_that_changes_while_it_is_tested_does_not_land_and_its_gate_ends_soon(
    queue: Queue, change: str
) -> None:
    runner = Started(queue)
    entry = queue.add("a")
    before = queue.main
    runner.begin()
    runner.wait()
    if change == "amended":
        queue.commit("a", {"a.txt": "other"}, upon=before)
    else:
        queue.put("a", None)
    code, said = runner.end()
    assert (code, queue.now(entry).state, queue.main) == (11, "stale", before), said
    assert queue.runs() == []


@pytest.mark.sample(2)
@pytest.mark.parametrize(("verb", "state"), [("hold", "held"), ("drop", "dropped"), ("pause", "queued")])
def test_entry_that_is_kept_back_while_it_is_tested_never_lands_and_its_gate_ends_soon(
    queue: Queue, verb: str, state: str
) -> None:
    runner = Started(queue)
    entry = queue.add("a")
    before = queue.main
    runner.begin()
    runner.wait()
    named = ("--reason", "x") if verb == "pause" else (entry.id,)
    other = "bob" if queue.has_hub else "alone"
    queue.gitfleet(queue.fleets.clone(other), "sync").ok()
    queue.gitfleet(queue.fleets.clone(other), "queue", verb, *named, "--session", f"{other}-1").ok()
    code, said = runner.end()  # nobody lets the gate go on
    assert (code, queue.now(entry).state) == (0 if verb == "drop" else 11, state), said
    assert (queue.main, queue.runs()) == (before, [])


@pytest.mark.sample(1)
def test_hotfix_that_waits_while_all_runners_are_busy_goes_first(queue: Queue) -> None:
    runner = Started(queue)
    slow = queue.add("slow")
    runner.begin()
    runner.wait()
    hot = queue.add("hot", priority=90)
    runner.wait()  # the gate of the hotfix, since nobody let the first one go on
    runner.let()
    runner.wait()
    runner.let()
    code, said = runner.end()
    assert code == 0, said
    queue.sound(hot, slow)
    assert queue.landed() == [hot.id, slow.id]
    assert "the hotfix hot goes first" in said


@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runner_that_is_interrupted_gives_its_ticket_back_and_ends_its_gate(
    queue: Queue, number: signal.Signals
) -> None:
    pid = queue.folder / "pid"
    here, go = queue.folder / "here", queue.folder / "go"
    runner = Started(queue, more=f"echo $$ >{pid}; echo x >{here}; read -r word <{go}")
    entry = queue.add("a")
    before = queue.main
    process = runner.begin()
    runner.wait()
    process.send_signal(number)
    code, said = runner.end()
    assert code == 130, said
    assert (queue.runs(), queue.now(entry).state, queue.main) == ([], "queued", before)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    queue.rules()
    queue.process().ok()
    queue.sound(entry)


@pytest.mark.sample(1)
def test_ticket_of_a_runner_that_was_killed_is_free_at_once_in_its_clone(queue: Queue) -> None:
    runner = Started(queue)
    entry = queue.add("a")
    process = runner.begin()
    runner.wait()
    process.kill()
    runner.end()
    assert [run.entries[0].id for run in queue.runs()] == [entry.id]
    queue.rules()
    queue.process().ok()
    queue.sound(entry)


def test_watching_runner_survives_a_hub_that_is_away_and_ends_in_good_order(hubqueue: Queue) -> None:
    entry = hubqueue.add("a")
    away = hubqueue.fleets.root / "away.git"
    hubqueue.fleets.hub.rename(away)
    argv = hubqueue.gitfleet.argv("queue", "process", "--watch")
    env = overlaid({**hubqueue.gitfleet.environment(), "PYTHONUNBUFFERED": "1"})
    process = subprocess.Popen(
        argv, cwd=hubqueue.clone, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    warning = process.stderr.readline()
    assert warning.startswith("warning: "), warning
    away.rename(hubqueue.fleets.hub)
    lines = iter(process.stderr.readline, "")
    assert any(line.startswith("landed: ") for line in lines)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (0, "1 landed; 1 gate run\n"), err
    hubqueue.sound(entry)


@pytest.mark.sample(1)
def test_gate_that_cannot_be_run_is_nobodys_fault_and_the_entry_lands_when_it_can(queue: Queue) -> None:
    queue.rules("exit 125")
    entry = queue.add("a")
    done = queue.process().ended(11)
    assert "could not be run to its end" in done.stdout
    assert queue.now(entry).state == "queued"
    queue.rules("echo fine")
    queue.process().ok()
    queue.sound(entry)


@pytest.mark.sample(1)
@pytest.mark.slow
def test_gate_that_hangs_floods_and_leaves_processes_is_ended_by_its_time_limit(queue: Queue) -> None:
    pids = queue.folder / "pids"
    more = f"[ -e hang.txt ] || exit 0\nsleep 1000 & echo $! >>{pids}; setsid sleep 1000 & echo $! >>{pids}\n"
    queue.rules(more + "exec yes flood")

    def limit(seconds: int) -> None:
        rules = {"gate": [str(queue.folder / "gate")], "time-limit": f"{seconds}s"}
        limited = {"version": 1, "commits": "off", "queue": rules}
        queue.commit("main", {"gitfleet.yaml": json.dumps(limited)})

    limit(1)
    good = queue.add("good")
    hangs = queue.add("hang", needs=[good.id])
    queue.process().ended(11)
    if queue.states(good) != ["landed"] or not pids.exists() or len(pids.read_text().split()) < 2:
        limit(30)  # a busy machine: the time was over before a gate had done what it was to do
        queue.process().ended(11)
    assert queue.states(good, hangs) == ["landed", "queued"]
    assert queue.runs() == []
    for pid in map(int, pids.read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    log = max((path.stat().st_size for path in queue.fleets.state(queue.name).glob("runs/logs/*")), default=0)
    assert 0 < log < 11 * 1024 * 1024


@pytest.mark.sample(2)
@pytest.mark.parametrize("fault", pushes.KILLED)
@pytest.mark.always
def test_runner_that_is_killed_while_it_lands_is_settled_by_another_clone(
    hubqueue: Queue, faults: Path, crowd: Crowd, fleets: Fleets, git: Git, fault: str
) -> None:
    with fleets.open("bob") as fleet:
        fleet.ledger.sync()
    entry = hubqueue.add("a")
    hubqueue.gitfleet(hubqueue.clone, "gate", "run", "--session", "ada-1")
    pushes.arm(faults, pushes.KILLED[fault])
    (killed,) = crowd([Task(hubqueue.clone, PROCESS)])
    assert killed.code == -9
    hubqueue.process().ok()
    hubqueue.sound(entry)
    with fleets.view() as view:
        assert model.queue(view).counts["landed"] == 1


@pytest.mark.slow
def test_runner_that_stood_still_beyond_its_lease_loses_its_ticket_and_does_no_harm(
    hubqueue: Queue, tmp_path: Path
) -> None:
    """By the other node's own clock, which goes on while the runner is stopped."""
    clock = Clock.make(tmp_path, "bob")
    runner = Started(hubqueue)
    entry = hubqueue.add("a")
    process = runner.begin()
    runner.wait()
    process.send_signal(signal.SIGSTOP)
    bob, environment = hubqueue.fleets.clone("bob"), hubqueue.gitfleet.environment()
    hubqueue.rules()
    hubqueue.gitfleet(bob, "sync").ok()
    other = subprocess.Popen(
        clock.argv("queue", "process"), cwd=bob, env=overlaid(environment), text=True, stderr=subprocess.PIPE
    )
    watched = hubqueue.fleets.state("bob") / "runs/queue.json"
    while not watched.exists():  # it has seen the ticket
        assert other.poll() is None
    clock.go_on(3600, wall=-86400)  # and its wall clock jumps back by a day
    _, err = other.communicate(timeout=300)
    assert other.returncode == 0, err
    landed = hubqueue.main
    process.send_signal(signal.SIGCONT)
    code, said = runner.end()
    assert code == 0, said
    assert hubqueue.main == landed
    hubqueue.sound(entry)


@pytest.mark.sample(1)
@needs_mount
def test_disk_that_is_full_while_candidates_are_made_changes_nothing_and_the_next_round_goes_on(
    queue: Queue, tmp_path: Path, git: Git
) -> None:
    entries = [queue.add(name) for name in ("a", "b")]
    before = queue.main
    with file_system(tmp_path / "disk", size="12m") as folder:
        shutil.copytree(queue.clone, folder / queue.name, symlinks=True)
        place = folder / queue.name
        if queue.has_hub:
            git(place, "remote", "set-url", "origin", str(queue.hub))
        main = place if not queue.has_hub else queue.hub
        for pages in (0, 4, 16):
            filler = fill(folder, leave=pages)
            done = queue.gitfleet(place, "queue", "process")
            filler.unlink()
            assert done.returncode in {0, 11, 20}, done
            assert "internal error" not in done.stderr, done
            if done.returncode:
                assert git(main, "rev-parse", "refs/heads/main") == before
        queue.gitfleet(place, "queue", "process").ok()
        form = "--format=%(trailers:key=Fleet-Entry,valueonly)"
        landed = git(main, "log", "--first-parent", form, "refs/heads/main").split()
        assert sorted(landed) == sorted(entry.id for entry in entries)


@pytest.mark.sample(1)
def test_maintainer_processes_the_queue_when_policy_says_so(
    queue: Queue,
) -> None:
    entry = queue.add("a")
    queue.gitfleet(queue.clone, "maintainer", "run").ok()
    assert queue.now(entry).state == "queued"
    queue.rules(process="maintainer")
    queue.gitfleet(queue.clone, "maintainer", "run").ok()
    assert queue.now(entry).state == "landed"
    assert len(queue.tested()) == 1
