"""Commands that pages name can be copied into a shell: they exist, names of others are one word in them, and a sentence is no command."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import advice, clock
from gitfleet.base.names import SessionId
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.sessions.service import Start
from gitfleet.web.page import claims, failing, pages, rendering, session_acts, sessions, words
from gitfleet.web.page.page import PageQuery
from gitfleet.web.page.rendering import Rendered
from tests.docs.test_pages import unknown
from tests.fleetbench import Fleets
from tests.operations import ask
from tests.workbench import ROOT, UNSEEN, Git

TEMPLATES = sorted((ROOT / "templates/page").glob("*.html"))
HOSTILE = "x'; touch /tmp/pwned; $(reboot) `id` --all"
_CALL = re.compile(r"""(?:cmd\("|call\("\w*", "|<code>)gitfleet ([a-z][^"<{]*)""")
_COPIED = re.compile(r'data-copy="([^"]*)"')


def blocks(fleet: Fleet, name: str, look: Callable[..., Any], **fields: str) -> dict[str, str]:
    """The blocks of a page for who may change something."""
    shown = look(fleet, PageQuery(fields, may_change=True))
    return dict(rendering.parts(name, (Rendered(name), shown)).blocks)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_commands_that_a_template_names_exist_with_these_options(template: Path) -> None:
    calls = _CALL.findall(template.read_text(encoding="utf-8"))
    assert [fault for call in calls if (fault := unknown(call.strip()))] == []


def test_commands_are_found_in_the_templates() -> None:
    assert len([call for path in TEMPLATES for call in _CALL.findall(path.read_text(encoding="utf-8"))]) > 15


@pytest.mark.parametrize("tab", ["", "review"])
def test_name_from_an_address_is_one_word_of_the_command_that_is_shown_for_it(
    fleets: Fleets, tab: str
) -> None:
    with fleets.open("alone") as fleet:
        found = blocks(fleet, "sessions", sessions.look, id=HOSTILE, tab=tab)
    [command] = _COPIED.findall(found["panel_now"])
    assert shlex.split(command.replace("&#39;", "'").replace("&#34;", '"'))[-1] == HOSTILE
    assert "Not there" in found["panel_state"]


@pytest.mark.parametrize(
    ("hint", "command"),
    [
        (advice.SYNC, "gitfleet sync"),
        (f"Wait, or see {advice.CLAIMS}.", ""),
        ("Use 1 to 64 letters.", ""),
        ("", ""),
    ],
)
def test_only_a_hint_that_is_a_command_is_one_to_copy(hint: str, command: str) -> None:
    assert words.only_step(hint) == command
    view = failing.view(pages.BY_NAME["queue"], UsageError("It failed.", hint=hint))
    html = dict(Rendered("failed").blocks(view))["page"]
    assert _COPIED.findall(html) == ([command] if command else [])
    assert hint in html or advice.OPEN in hint


@pytest.mark.parametrize("path", ["--all", "-x/y"])
def test_path_that_begins_as_an_option_is_no_option_of_the_commands_that_are_shown(
    fleets: Fleets, path: str
) -> None:
    with fleets.open("alone") as fleet:
        free = blocks(fleet, "claims", claims.look, q=path)["answer"]
        fleet.claims.claim(SessionId("alone-1"), [f":/{path}"])
        held = blocks(fleet, "claims", claims.look, q=path)["answer"]
        form = session_acts.release(fleet, {"session": "alone-1", "path": path})
    assert _COPIED.findall(free)[0] == f"gitfleet claim :/{path}"
    assert _COPIED.findall(held)[0].startswith(f"gitfleet claim :/{path} ")
    assert form.command == f"gitfleet release :/{path} --session alone-1"
    assert form.fixed["paths"] == [path]


def test_claims_of_another_clone_are_not_offered_for_release(fleets: Fleets) -> None:
    fleets.claim("ada", "ada-1", "src/")
    fleets.claim("bob", "bob-1", "docs/")
    with fleets.open("ada") as fleet:
        fleet.sync()
        own = blocks(fleet, "claims", claims.look, q="src/a.py")["answer"]
        other = blocks(fleet, "claims", claims.look, q="docs/a.md")["answer"]
    assert 'data-act="release"' in own
    assert "Held" in other
    assert 'data-act="release"' not in other


def test_claim_that_the_hub_has_not_agreed_to_is_held_tentatively(fleets: Fleets) -> None:
    fleets.claim("ada", "ada-1", "src/")
    fleets.hub.rename(fleets.root / "gone.git")
    fleets.claim("ada", "ada-1", "docs/")
    with fleets.open("ada") as fleet:
        agreed = blocks(fleet, "claims", claims.look, q="src/a.py")["answer"]
        told = blocks(fleet, "claims", claims.look, q="docs/a.md")["answer"]
    assert "tentative" not in agreed
    assert "Held" in told
    assert "tentative until the hub agrees" in told


def test_review_has_the_evidence_of_the_queue(fleets: Fleets, git: Git) -> None:
    clone, name = fleets.clone("alone"), SessionId("worker")
    git(clone, *UNSEEN, "checkout", "--quiet", "-b", "work", "main")
    (clone / "new.txt").write_text("new\n")
    git(clone, *UNSEEN, "add", "--all")
    git(clone, *UNSEEN, "commit", "--quiet", "--no-verify", "-m", "work")
    with fleets.open("alone") as fleet:
        fleet.sessions.start(Start(name, pid=os.getpid(), agent="codex"))
        run = fleet.repository.git
        head, base = run.line("rev-parse", "work"), run.line("rev-parse", "main")
        body = {"branch": "work", "head": head, "target": "main", "base": base, "title": "w"}
        ask(fleet.ledger, "queue.add", name, body)
        pin = {"id": fleet.queue.find("work").id, "head": head}
        found = {"words": "its gate ended with exit code 1", "log": "test_x <FAILED>\n"}
        ask(fleet.ledger, "queue.reject", "", {"pin": pin, "evidence": found})
        rest = blocks(fleet, "sessions", sessions.look, id=name, tab="review")["panel_rest"]
    assert "exit code 1" in rest
    assert "test_x &lt;FAILED&gt;" in rest
    assert "this commit" in rest


def test_session_with_many_claims_shows_some_and_says_how_many_more(fleets: Fleets) -> None:
    fleets.claim("alone", "alone-1", *(f"src/{number}.py" for number in range(60)))
    with fleets.open("alone") as fleet:
        html = blocks(fleet, "sessions", sessions.look, id="alone-1")["panel_now"]
    assert html.count('class="lease"') == 50
    assert "and 10 more: <code>gitfleet claims --session alone-1</code>" in html


def test_session_of_a_job_leads_to_what_its_agent_writes(fleets: Fleets) -> None:
    job, now = job_ids.new(), clock.milliseconds()
    attempt = AttemptRecord(1, SessionId("alone-1"), started_at=now)
    JobStore(str(fleets.state("alone") / "jobs")).create(
        JobRecord(job, "ada", JobStatus.RUNNING, attempts=(attempt,))
    )
    with fleets.open("alone") as fleet:
        html = blocks(fleet, "sessions", sessions.look, id="alone-1")["panel_now"]
        other = blocks(fleet, "sessions", sessions.look, id="alone-2")["panel_now"]
    assert f'href="/jobs?id={job}"' in html
    assert "has written nothing yet" in html
    assert "/jobs?id=" not in other
