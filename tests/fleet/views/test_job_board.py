"""Jobs as one look has them: their states, what each is about, and costs with gaps as gaps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import clock
from gitfleet.codec import replace
from gitfleet.dispatch import pools
from gitfleet.fleet.views import job_board, job_panel
from gitfleet.fleet.views.job_board import JobBoard
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.job_now import JobNow
from gitfleet.jobs.money import spending
from gitfleet.jobs.money.spending import SpendingLine
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.records.work_item import WorkItem
from gitfleet.jobs.shared import pausing
from gitfleet.jobs.words import JobStatus
from tests.fleetbench import Fleets

Q, R, F = JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.FAILED
FILES = {
    "fleet.yaml": "default_agent: ada\ndefaults: {working_directory: ..}\nprices: {m: {input: 1, output: 2}}\nbudget: {money: 5}\n",
    "ada.yaml": "runtime: claude\nbudget: {money: 2}\npool: shared\nschedules: {hourly: {interval: 1h}}\n",
    "bob.yaml": "command: ['true']\n",
}


def job(status: JobStatus = Q, agent: str = "ada", **more: Any) -> JobRecord:
    return JobRecord(job_ids.new(), agent, status, created_at=clock.milliseconds(), **more)


@pytest.mark.parametrize(
    ("status", "now", "held", "state"),
    [
        (Q, JobNow(waits="x"), False, "queued"),
        (Q, JobNow(), True, "paused"),
        (R, JobNow(phase="running"), True, "running"),
        (R, JobNow(phase="needs_input", asked_at=5), True, "asks"),
        (R, JobNow(phase="needs_input"), False, "asks"),
        (R, JobNow(phase="unwatched"), False, "unwatched"),
        (R, JobNow(phase="over"), False, "running"),
        (F, JobNow(), True, "failed"),
    ],
)
def test_state_is_what_a_person_needs_to_know_first(
    status: JobStatus, now: JobNow, held: bool, state: str
) -> None:
    assert job_board.state_of(job(status), now, held=held) == state


@pytest.mark.parametrize(
    ("made", "title"),
    [
        (job(prompt="\n  Tidy \x1b[2Jup\nand more"), "Tidy \\x1b[2Jup"),
        (job(prompt="", schedule_name="hourly"), "ada hourly"),
        (job(prompt="   "), "ada"),
        (job(prompt="p", items=(WorkItem("github-issue", "u", title="Fix it"), WorkItem("github-issue", "v", title="x"))), "Fix it and 1 more"),
    ],
)  # fmt: skip
def test_title_is_the_task_or_the_first_line_of_the_prompt_or_the_agent(made: JobRecord, title: str) -> None:
    assert job_board.title(made) == title


def attempt(number: int, **more: Any) -> AttemptRecord:
    return AttemptRecord(number, f"s-{number}", **more)


@pytest.fixture
def store(fleets: Fleets) -> JobStore:
    agents = fleets.clone("alone") / "agents"
    agents.mkdir()
    for name, text in FILES.items():
        (agents / name).write_text(text)
    return JobStore(str(fleets.state("alone") / "jobs"))


def board(fleets: Fleets, **more: Any) -> JobBoard:
    with fleets.open("alone") as fleet:
        return job_board.look(fleet, **more)


def kept(store: JobStore, made: JobRecord, **end: Any) -> str:
    store.create(made)
    if end:
        store.update(made.id, lambda one: replace(one, **end))
    return made.id


def test_clone_without_jobs_has_an_empty_board_and_nothing_is_made(fleets: Fleets) -> None:
    found = board(fleets)
    assert (found.cards, found.agents, found.budgets, found.fault, found.manager) == ((), (), (), "", 0)
    assert not (fleets.state("alone") / "jobs").exists()


def test_board_has_open_jobs_first_and_says_what_was_spent_and_what_is_not_known(
    fleets: Fleets, store: JobStore
) -> None:
    now = clock.milliseconds()
    failed = kept(
        store, job(prompt="Old", attempts=(attempt(1, started_at=now - 10, ended_at=now, cost=1.5), attempt(2, ended_at=now))),
        status=F, error="exit code 3", completed_at=now,
    )  # fmt: skip
    running = kept(store, job(R, attempts=(attempt(1, branch="b"),)))
    queued = kept(store, job(Q, "bob"))
    day = spending.path_of(store.folder, spending.today())
    spending.append(day, SpendingLine(running, 1, "ada", (), 0.25, 100, 2000))
    spending.append(day, SpendingLine(failed, 1, "ada", (), 1.5, None, 10, over=True))
    spending.append(day, SpendingLine(failed, 2, "ada", (), None, None, 0, over=True))
    found = board(fleets)
    assert [one.id for one in found.cards] == [running, queued, failed]
    assert dict(found.counts) == {"running": 1, "queued": 1, "failed": 1}
    first, _, last = found.cards
    assert (first.spent.money, first.spent.gaps, first.spent.limit.money) == (0.25, 0, 2.0)
    assert (last.spent.money, last.spent.gaps, last.why, last.attempts) == (1.5, 1, "exit code 3", 2)
    assert [(one.agent, one.attempts, one.money, one.gaps) for one in found.agents] == [("ada", 3, 1.75, 1)]
    assert [(one["name"], one["dollars_spent"]) for one in found.budgets] == [("all agents", 1.75)]
    assert [(row["agent_name"], row["name"]) for row in found.schedules] == [("ada", "hourly")]
    assert [row["name"] for row in found.pools] == ["shared"]


def test_jobs_of_a_paused_pool_are_paused_and_say_why(fleets: Fleets, store: JobStore) -> None:
    kept(store, job(Q))
    with fleets.open("alone") as fleet:
        pausing.pause(fleet.ledger, "shared", 0, "out of quota")
        (one,) = job_board.look(fleet).cards
        assert pools.paused(fleet.current().view, "shared", clock.now())
    assert one.state == "paused"
    assert "out of quota" in one.why


def test_older_jobs_are_counted_and_files_that_cannot_be_read_are_told(
    fleets: Fleets, store: JobStore
) -> None:
    for _ in range(3):
        kept(store, job(Q), status=F)
    assert (len(board(fleets, most=2).cards), board(fleets, most=2).more, board(fleets).more) == (2, 1, 0)
    (fleets.clone("alone") / "agents/bob.yaml").write_text("comand: x\n")
    found = board(fleets)
    assert "bob.yaml" in found.fault
    assert (found.schedules, found.budgets, len(found.cards)) == ((), (), 3)
    (fleets.clone("alone") / "agents/bob.yaml").write_text("command: ['true']\n")
    assert not board(fleets).fault


def test_panel_has_each_attempt_with_its_cost_and_the_end_of_the_one_that_is_asked_for(
    fleets: Fleets, store: JobStore
) -> None:
    now = clock.milliseconds()
    done = attempt(1, started_at=now - 5000, ended_at=now, cost=1.0, base="a" * 40, commit="a" * 40)
    made = kept(store, job(Q, attempts=(done, attempt(2, started_at=now, ended_at=now + 1))), status=F)
    for number in (1, 2):
        line = {"seq": 1, "at": 1, "source": "stdout", "type": "raw", "raw": f"said {number}"}
        Path(store.attempt_folder(made, number), "stream.jsonl").write_text(json.dumps(line) + "\n")
    with fleets.open("alone") as fleet:
        panel = job_panel.look(fleet, made)
        assert [(one.number, one.spent.money, one.spent.gaps) for one in panel.attempts] == [
            (2, None, 1),
            (1, 1.0, 0),
        ]
        assert (panel.attempt, [one.text for one in panel.tail]) == (2, ["said 2"])
        assert (panel.attempts[1].commit, panel.step) == ("", f"⟨have a job go on: {made}⟩")
        assert [one.text for one in job_panel.look(fleet, made, attempt=1).tail] == ["said 1"]
        assert job_panel.look(fleet, made, attempt=99).attempt == 2
        with pytest.raises(JobNotFoundError):
            job_panel.look(fleet, job_ids.new())
        waiting = kept(store, job(Q))
        assert job_panel.look(fleet, waiting).missing == "It has not begun, so nothing was written."
        assert job_panel.look(fleet, waiting).step == "⟨run jobs in the background⟩"
