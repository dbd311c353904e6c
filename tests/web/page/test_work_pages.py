"""The pages of jobs, hosts and the log: every place that they have is filled, and what others wrote is text in them."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

from gitfleet.base import clock
from gitfleet.codec import replace
from gitfleet.fleet.views.job_board import JobSpending
from gitfleet.jobs.money.allowance import SpendLimit
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.web.page import hosts, jobs, log, rendering
from gitfleet.web.page.jobs import CostWords, cost_words
from gitfleet.web.page.page import PageQuery
from gitfleet.web.page.rendering import PageParts, Rendered
from tests.fleet.views.test_plan_shelf import ended, planned
from tests.fleetbench import Fleets
from tests.triage.candidates import candidate

LOOKS = {"jobs": jobs.look, "hosts": hosts.look, "log": log.look}
HOSTILE = "<script>alert(1)</script>\u202egnp\x1b[2J'\"&" + "x" * 400


class Tags(HTMLParser):
    """The elements of a page: how deep they lie, and what they are places for."""

    VOID = frozenset(["input", "br", "use", "rect", "line"])

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tops = self.depth = 0
        self.blocks: list[str] = []
        self.lists: list[str] = []
        self.names: set[str] = set()
        self.feed(html)
        assert self.depth == 0, html

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert "style" not in found
        assert not any(name.startswith("on") for name in found)
        self.tops += self.depth == 0
        self.depth += tag not in self.VOID
        self.names.add(tag)
        self.blocks += [found["data-block"] or ""] if "data-block" in found else []
        self.lists += [found["data-list"] or ""] if "data-list" in found else []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tops += self.depth == 0
        self.names.add(tag)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag not in self.VOID


def shown(fleets: Fleets, name: str, **fields: str) -> PageParts:
    """A page as it is rendered of the clone `alone`, checked."""
    with fleets.open("alone") as fleet:
        view = LOOKS[name](fleet, PageQuery(fields))
        found = rendering.parts(name, (Rendered(name), view))
    tags = {key: Tags(html) for key, html in found.blocks.items()}
    places = [block for one in tags.values() for block in one.blocks]
    lists = [one for tag in tags.values() for one in tag.lists]
    assert sorted(places) == sorted(set(places))
    assert set(places) <= set(found.blocks)
    assert set(lists) <= set(found.lists)
    for name_of_list, keys in found.lists.items():
        assert len(set(keys)) == len(keys), name_of_list
        assert all(tags[key].tops == 1 for key in keys)
    assert not any(one.names & {"script", "style", "iframe"} for one in tags.values())
    text = "".join(found.blocks.values())
    assert "\x1b" not in text
    assert "\u202e" not in text
    return found


@pytest.fixture
def store(fleets: Fleets) -> JobStore:
    agents = fleets.clone("alone") / "agents"
    agents.mkdir()
    (agents / "fleet.yaml").write_text("defaults: {working_directory: ..}\nbudget: {money: 5}\n")
    (agents / "ada.yaml").write_text(
        "runtime: claude\nbudget: {money: 2}\npool: p\nschedules: {hourly: {interval: 1h}, late: {cron: '0 3 * * *', enabled: false}}\n"
    )
    return JobStore(str(fleets.state("alone") / "jobs"))


@pytest.mark.parametrize(
    ("name", "words"),
    [("jobs", "No job yet"), ("hosts", "No plan yet"), ("log", "Every operation")],
)
def test_page_with_nothing_to_show_says_how_there_would_be_something(
    fleets: Fleets, name: str, words: str
) -> None:
    assert words in "".join(shown(fleets, name).blocks.values())


def test_jobs_of_hostile_words_are_text_in_list_and_panel(fleets: Fleets, store: JobStore) -> None:
    now = clock.milliseconds()
    attempt = AttemptRecord(
        1,
        "s",
        branch=HOSTILE[:200],
        worktree=HOSTILE,
        started_at=now,
        ended_at=now,
        error=HOSTILE,
        notes=(HOSTILE,),
        kept=HOSTILE,
    )
    made = JobRecord(
        job_ids.new(), "ada", JobStatus.QUEUED, prompt=f"{HOSTILE}\n{HOSTILE}", attempts=(attempt,)
    )
    store.create(made)
    store.update(made.id, lambda one: replace(one, status=JobStatus.FAILED, error=HOSTILE, completed_at=now))
    store.create(JobRecord(job_ids.new(), "ada", JobStatus.QUEUED, prompt="Wait"))
    page = shown(fleets, "jobs", id=made.id)
    assert [key.split(":")[0] for key in page.lists["jobs"]] == ["jobs", "jobs"]
    assert "&lt;script&gt;" in page.blocks[f"jobs:{made.id}"]
    assert "gitfleet job retry" in page.blocks["job_call"]
    assert "+ ?" not in page.blocks[f"jobs:{made.id}"]
    assert "not known of $2.00" in page.blocks[f"jobs:{made.id}"]
    assert page.lists["schedules"] == ("schedules:ada/hourly", "schedules:ada/late")
    assert "Nobody runs jobs here" in page.blocks["jobs_fault"]
    assert "gitfleet job list" in shown(fleets, "jobs", id="job-none", attempt="x").blocks["jobs_fault"]


def test_files_that_cannot_be_read_take_nothing_but_what_they_say_from_the_page(
    fleets: Fleets, store: JobStore
) -> None:
    store.create(JobRecord(job_ids.new(), "ada", JobStatus.QUEUED, prompt="Wait"))
    (fleets.clone("alone") / "agents/ada.yaml").write_text("comand: '<b>'\n")
    page = shown(fleets, "jobs")
    assert "cannot be read" in page.blocks["jobs_fault"]
    assert len(page.lists["jobs"]) == 1


@pytest.mark.parametrize("acts", [(), ("done", "survived"), ("done", "undone")])
def test_plan_is_shown_with_its_candidates_and_what_came_of_them(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch, acts: tuple[str, ...]
) -> None:
    def hostile(number: int = 0, **more: Any) -> dict[str, Any]:
        return candidate(number, command=f"<b>{number}</b> & x", cwd="~/<i>", **more)

    monkeypatch.setattr("tests.fleet.views.test_plan_shelf.candidate", hostile)
    with fleets.open("alone") as fleet:
        whole = planned(fleet, 60)
        if acts:
            ended(fleet, whole, *acts)
    page = shown(fleets, "hosts", plan=whole.plan.id, id="c-000000000002")
    assert list(page.lists["hosts"]) == ["hosts:c-000000000001", "hosts:c-000000000002"]
    assert page.lists["machines"] == ("machines:host2", "machines:host1")
    assert "&lt;b&gt;2&lt;/b&gt;" in page.blocks["panel"]
    assert len(page.lists["acts"]) == len(acts)
    assert ("Not all of it ended well" in page.blocks["plan_call"]) == ("survived" in acts)
    assert "no such candidate" in shown(fleets, "hosts", id="c-00000000000f").blocks["plan_call"]
    assert "no plan" in shown(fleets, "hosts", plan="fleet-<b>").blocks["plan_call"]


@pytest.mark.parametrize(
    ("fields", "claims", "newest"),
    [
        ({}, 2, False),
        ({"kind": "claim", "q": "src/1"}, 1, False),
        ({"session": "alone-1", "before": "x"}, 1, False),
        ({"kind": "queue"}, 0, False),
        ({"before": "1"}, 0, True),
        ({"before": "9" * 30}, 2, False),
    ],
)
def test_log_shows_what_its_address_asks_for(
    fleets: Fleets, fields: Mapping[str, str], claims: int, newest: bool
) -> None:
    for number in (1, 2):
        fleets.claim("alone", f"alone-{number}", f"src/{number}")
    page = shown(fleets, "log", **fields)
    lines = [page.blocks[key] for key in page.lists["log"]]
    assert sum(" claims src/" in line for line in lines) == claims
    assert (">Newest<" in page.blocks["log_end"]) == newest
    assert ("Nothing matches" in page.blocks["log_end"]) == (fields == {"kind": "queue"})


@pytest.mark.parametrize(
    ("spent", "words"),
    [
        (JobSpending(), CostWords("")),
        (JobSpending(gaps=1), CostWords("not known")),
        (JobSpending(1.5), CostWords("$1.50")),
        (JobSpending(1.5, gaps=2), CostWords("$1.50", gap="not known of 2 attempts")),
        (JobSpending(tokens=1200, gaps=1), CostWords("1,200 tokens", gap="not known of 1 attempt")),
        (JobSpending(0.5, limit=SpendLimit("job", 2.0)), CostWords("$0.50 of $2.00", 0.25)),
        (JobSpending(1.7, limit=SpendLimit("job", 2.0)), CostWords("$1.70 of $2.00", 0.85, "amber")),
        (JobSpending(3.0, limit=SpendLimit("job", 2.0)), CostWords("$3.00 of $2.00", 1.0, "red")),
        (JobSpending(gaps=1, limit=SpendLimit("job", 2.0)), CostWords("not known of $2.00", 0.0)),
        (JobSpending(limit=SpendLimit("job", 2.0)), CostWords("nothing of $2.00", 0.0)),
        (JobSpending(None, 50, limit=SpendLimit("job", None, 100)), CostWords("50 tokens of 100 tokens", 0.5)),
        (JobSpending(1.0, 50, 60_000, limit=SpendLimit("job", None, None, 120_000)), CostWords("1m00s of 2m00s", 0.5)),
    ],
)  # fmt: skip
def test_cost_is_told_by_what_limits_it_and_a_gap_is_a_gap(spent: JobSpending, words: CostWords) -> None:
    assert cost_words(spent) == words
