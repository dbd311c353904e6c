"""Three clones with a manager each, as processes, that agree through one hub: on who runs which job, and on pools without quota."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.clone import Clone
from gitfleet.dispatch import model, rules
from gitfleet.dispatch.rules import OfferJob
from gitfleet.jobs.fleet_manager import state_folder
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.words import JobStatus
from tests.members import MEMBERS
from tests.sampling import RUN
from tests.workbench import Gitfleet, Started, by_the_clock

MANY = 30 if RUN.everything else 8
WORKS = """
read -r word
job=${OTEL_RESOURCE_ATTRIBUTES##*gitfleet.job.id=}; job=${job%%,*}
if [ "$word" = hang ] && mkdir "$1.hung" 2>/dev/null; then echo "hangs $job $PWD" > "$1"; exec sleep 1000; fi
echo "$word $job $PWD" > "$1"
"""
ALONE = """
trap '' TERM
job=${OTEL_RESOURCE_ATTRIBUTES##*gitfleet.job.id=}; job=${job%%,*}
word=alone
[ -e "$1.pid" ] && kill -0 $(cat "$1.pid") 2>/dev/null && word=beside
[ -e "$1.pid" ] && { echo "$word $job $PWD" > "$1"; exit; }
echo $$ > "$1.pid"; echo "begins $job $PWD" > "$1"
while :; do sleep 1; done
"""
"""Deaf to TERM. The second one says whether the first one still runs."""
NO_QUOTA = """
echo "tried x $PWD" > "$1"
printf '%s\\n' '{"type":"thread.started","thread_id":"t"}' \\
  '{"type":"error","message":"You have hit your usage limit"}' \\
  '{"type":"turn.failed","error":{"message":"You have hit your usage limit"}}'
exit 1
"""


class Bench:
    """Three clones, and what their agents say: a line each, in a pipe that somebody always reads."""

    def __init__(self, places: dict[str, Path], said: Path, gitfleet: Gitfleet) -> None:
        self.places, self.gitfleet = places, gitfleet
        self.lease = by_the_clock(6)
        self.said = said
        os.mkfifo(said)
        self._pipe = os.fdopen(os.open(said, os.O_RDWR), "r")
        self.managers: dict[str, Started] = {}

    def close(self) -> None:
        for name in list(self.managers):
            self.end(name, signal.SIGTERM)
        self._pipe.close()

    def agent(self, name: str, script: str, more: str = "") -> None:
        for place in self.places.values():
            folder = place / "agents"
            folder.mkdir(exist_ok=True)
            (folder / "fleet.yaml").write_text(
                f"lease: {self.lease}s\ndefaults: {{working_directory: .., limits: {{grace: 1s}}}}\n"
            )
            (folder / f"{name}.sh").write_text(script)
            (folder / f"{name}.yaml").write_text(f"command: [sh, {folder}/{name}.sh, {self.said}]\n{more}")

    def start(self, *names: str) -> None:
        for name in names:
            self.managers[name] = self.gitfleet.start(self.places[name], "run")

    def end(self, name: str, number: int) -> None:
        manager = self.managers.pop(name)
        manager.send(number)
        manager.ended()

    def once(self, name: str) -> None:
        """Run what can be run there."""
        self.gitfleet(self.places[name], "run", "--until-idle").ended(0, 21)

    def trigger(self, name: str) -> str:
        told = self.gitfleet(self.places[name], "trigger", "tidy", "--json").ok().json()
        return str(told["data"]["job"]["id"])

    def line(self) -> list[str]:
        """What an agent says next: what, which job, and at which node."""
        what, job, place = self._pipe.readline().split(" ", 2)
        node = next(
            name for name, path in self.places.items() if path.name in re.split(r"[/.-]", place.strip())
        )
        return [what, job, node]

    def store(self, name: str) -> JobStore:
        return JobStore(state_folder(str(self.places[name])))

    def offer(self, *prompts: str) -> list[str]:
        """Offer jobs in one push; their ids."""
        with Clone.open(str(self.places["ada"])) as clone:
            ledger = clone.ledger
            bodies = [
                OfferJob(job_ids.new(), "tidy", prompt, clock.milliseconds(), ttl=self.lease)
                for prompt in prompts
            ]
            asked = [ledger.operation(rules.offer, ledger.itself, body) for body in bodies]
            assert all(one.ok for one in ledger.submit(asked))
        return [body.id for body in bodies]

    def until_ended(self, name: str, jobs: list[str]) -> dict[str, str]:
        """How jobs ended, and where, as the node sees it, once they have."""
        while True:
            with Clone.open(str(self.places[name])) as clone:
                clone.ledger.refresh(30)
                view = clone.current().view
                found = [model.find(view, job) for job in jobs]
                if all(one is not None and one.end for one in found):
                    return {one.id: str(one.end.status) for one in found if one and one.end}
            clock.wait(0.2)


@pytest.fixture
def bench(members: Callable[[str], Path], gitfleet: Gitfleet, tmp_path: Path) -> Iterator[Bench]:
    places = {name: members(name) for name in MEMBERS}
    made = Bench(places, tmp_path / "said", gitfleet)
    yield made
    made.close()


def test_shared_jobs_run_once_each_also_when_a_node_dies_in_the_middle(bench: Bench) -> None:
    bench.agent("tidy", WORKS, "anywhere: true\n")
    jobs = bench.offer("hang", *["work"] * (MANY - 1))
    bench.start(*MEMBERS)
    ran: Counter[str] = Counter()
    nodes = set()
    dead = ""
    while len(ran) < MANY:
        what, job, node = bench.line()
        nodes.add(node)
        if what == "hangs":
            dead = node
            bench.end(node, signal.SIGKILL)
            folder = bench.store(node).attempt_folder(job, 1)
            state = control.state(folder)
            assert state is not None
            os.kill(state.shepherd, signal.SIGKILL)
        else:
            assert node != dead or job != jobs[0]
            ran[job] += 1
    assert set(ran) == set(jobs)
    assert set(ran.values()) == {1}
    left = next(name for name in MEMBERS if name != dead)
    assert bench.until_ended(left, jobs) == dict.fromkeys(jobs, "completed")
    assert len(nodes) > 1
    (record,) = [job for job in bench.store(dead).open_jobs() if job.id == jobs[0]]
    assert record.status is JobStatus.RUNNING  # so much it knew
    bench.once(dead)
    assert bench.store(dead).get(jobs[0]).status is JobStatus.INTERRUPTED


def test_agent_whose_manager_is_gone_ends_before_another_node_begins_its_job(bench: Bench) -> None:
    bench.agent("tidy", ALONE, "anywhere: true\n")
    (job,) = bench.offer("work")
    bench.start("ada")
    assert bench.line() == ["begins", job, "ada"]
    bench.end("ada", signal.SIGKILL)
    bench.start("bob")
    assert bench.line() == ["alone", job, "bob"]
    folder = bench.store("ada").attempt_folder(job, 1)
    end = control.end(folder)
    assert end is not None
    assert (end.why, end.killed) == ("fenced", True)
    assert bench.until_ended("bob", [job]) == {job: "completed"}


def test_pool_without_quota_is_paused_on_all_nodes_and_loses_no_job(bench: Bench) -> None:
    bench.agent("tidy", NO_QUOTA, "runtime: codex\npool: account\n")
    jobs = {name: [bench.trigger(name) for _ in range(3)] for name in MEMBERS}
    running = [bench.gitfleet.start(bench.places[name], "run", "--until-idle") for name in MEMBERS]
    for one in running:
        one.ended().ok()
    left = {name: bench.store(name).open_jobs() for name in MEMBERS}
    assert {name: sorted(job.id for job in found) for name, found in left.items()} == jobs
    assert {job.status for found in left.values() for job in found} == {JobStatus.QUEUED}
    tried = [job for found in left.values() for job in found for _ in job.attempts]
    assert 1 <= len(tried) <= len(MEMBERS)
    bench.gitfleet(bench.places["cid"], "pool", "resume", "account").ok()
    bench.agent("tidy", ":", "pool: account\n")
    name = next(name for name, ids in jobs.items() if tried[0].id in ids)
    bench.once(name)
    assert {bench.store(name).get(job).status for job in jobs[name]} == {JobStatus.COMPLETED}
    again = bench.store(name).get(tried[0].id)
    assert [one.outcome for one in again.attempts] == ["quota", "no_change"]
