"""Claims, queue and radar as pages: every state has its sign, its reason and its time, and what others wrote is text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from gitfleet.base.names import SessionId
from gitfleet.claims.service import Terms
from gitfleet.fleet.views.queue import PauseRow, QueueEntryRow
from gitfleet.fleet.views.queue_line import GateCandidate, LandedHour, QueueLine, WindowPlace
from gitfleet.mergequeue import reasons, states
from gitfleet.mergequeue.states import State
from gitfleet.radar import alerts
from gitfleet.radar.last_round import RoundKeeper
from gitfleet.radar.model import BaseClash, Doublet, Effort, Findings, PairClash, PathClash, Untold, WorkHead
from gitfleet.sessions.service import Start
from gitfleet.web.page import claims, queue, radar, rendering
from gitfleet.web.page.page import PageQuery
from gitfleet.web.page.queue import EntryPanel, QueueRow, QueueView
from gitfleet.web.page.rendering import PageParts, Rendered
from gitfleet.web.page.words import STATES
from tests.browser import needs_browser
from tests.cli.conftest import Cli
from tests.fleetbench import Fleets
from tests.web.page.conftest import Shown
from tests.web.page.test_work_pages import HOSTILE, Tags

LOOKS: dict[str, Callable[..., Any]] = {"claims": claims.look, "queue": queue.look, "radar": radar.look}
ONE, TWO = SessionId("alone-1"), SessionId("alone-2")
TREE = "[...document.querySelectorAll('[data-list=tree] > .lr')]"


def checked(name: str, view: Any) -> PageParts:
    """A view as it is rendered: whole elements, one for each row, and nothing that is not ours."""
    found = rendering.parts(name, (Rendered(name), view))
    tags = {key: Tags(html) for key, html in found.blocks.items()}
    assert all(tags[key].tops == 1 for keys in found.lists.values() for key in keys)
    assert not any(one.names & {"script", "style", "iframe", "img"} for one in tags.values())
    text = "".join(found.blocks.values())
    assert not {"\x1b", "\u202e"} & set(text)
    return found


def shown(fleets: Fleets, name: str, **fields: str) -> PageParts:
    """A page of the clone `alone`."""
    with fleets.open("alone") as fleet:
        return checked(name, LOOKS[name](fleet, PageQuery(fields)))


def entry(state: State, reason: str = "hold", **more: Any) -> QueueEntryRow:
    """A row of the queue with everything in it."""
    row: dict[str, Any] = {
        "id": f"01AAAAAAAAAAAAAAAAAAAAA{states.STATES.index(state):03}", "seq": 1, "branch": HOSTILE, "head": "a" * 40, "base": "b" * 40,
        "target": "main", "session": HOSTILE, "title": HOSTILE, "state": state, "position": 1, "priority": 50, "effective": 57,
        "lent": 2, "waited": 5, "band": "feature", "reason": reason, "why": HOSTILE, "next": f"⟨show an entry: {HOSTILE}⟩", "needs": [], "stack": "",
        "at": 1, "changed": 2, "by": HOSTILE, "tries": 1, "estimate": {"p50": 90, "p90": 4000}, "landed": "c" * 40, "tentative": True,
    }  # fmt: skip
    return cast(QueueEntryRow, {**row, **more})


def line(**more: Any) -> QueueLine:
    """A queue with a pause, a candidate, and hostile words wherever there are any."""
    pause: PauseRow = {"mode": "frozen", "floor": 80, "reason": HOSTILE, "by": HOSTILE, "at": 1}
    place = WindowPlace(HOSTILE, 1, HOSTILE, 57, hot=True)
    run = GateCandidate(
        "r", 1, HOSTILE, 1, 1, whole=False, beyond=True, words="1", at=1, typical=90, purpose=HOSTILE
    )
    found: dict[str, Any] = {
        "line": [], "aside": [], "finished": [], "window": [place], "candidates": [run], "pause": pause, "target": HOSTILE, "tip": "d" * 40,
        "processors": [HOSTILE], "nobody": False, "landed_today": 2, "wait": 61, "hours": [LandedHour(0, 2, 1)], "warnings": [HOSTILE],
    }  # fmt: skip
    return QueueLine(**{**found, **more})


@pytest.mark.parametrize(
    ("name", "words"),
    [("claims", "No claim yet"), ("claims", "Nobody waits"), ("queue", "The queue is empty"), ("radar", "no round yet")],
)  # fmt: skip
def test_page_with_nothing_to_show_says_how_there_would_be_something(
    fleets: Fleets, name: str, words: str
) -> None:
    assert words in "".join(shown(fleets, name).blocks.values())


@pytest.mark.parametrize("state", states.STATES)
def test_every_state_of_an_entry_has_a_sign_a_reason_and_a_time_or_the_word_why_none(state: State) -> None:
    assert state in STATES
    row = QueueRow("1", entry(state, "hold"), "codex", "", "")
    word = QueueRow("2", entry(state, "gate-failed", estimate=None), "", "not yet", "1 and 2")
    page = checked("queue", QueueView(line(), [row, word], [], [], None, "", 3, may_change=False))
    for key, reason, time in (("queue:1", "hold", "p90 1&nbsp;h"), ("queue:2", "gate-failed", "not yet")):
        html = page.blocks[key]
        assert f'href="#g-{STATES[state].glyph}"' in html
        assert STATES[state].word in html
        assert f">{reason}</code>" in html
        assert time in html


def test_every_reason_fits_into_a_row() -> None:
    rows = [QueueRow(reason, entry("queued", reason), "", "", "") for reason in reasons.REASONS]
    page = checked("queue", QueueView(line(), rows, [], [], None, "", 3, may_change=False))
    assert all(f">{reason}</code>" in page.blocks[f"queue:{reason}"] for reason in reasons.REASONS)


def test_entry_with_all_evidence_is_text_in_its_panel() -> None:
    names = (
        "words",
        "entry",
        "branch",
        "session",
        "title",
        "hunks",
        "verdict",
        "log",
        "archive",
        "author",
        "node",
    )
    evidence: dict[str, Any] = dict.fromkeys(names, f"{HOSTILE}\n{HOSTILE}")
    evidence |= {"paths": [HOSTILE] * 60, "commit": "e" * 40, "theirs": "f" * 40}
    task: Any = {"session": HOSTILE, "receivable": False, "since": 1, "until": 2, "tries": 1, "left": 1}
    run: Any = {
        "id": "r",
        "node": HOSTILE,
        "commit": "",
        "tree": "",
        "base": "",
        "entries": [],
        "at": 1,
        "purpose": HOSTILE,
    }
    panel = EntryPanel(
        "1",
        entry("rejected"),
        HOSTILE,
        "",
        cast(Any, evidence),
        task,
        [run],
        [("2", HOSTILE)],
        [("3", HOSTILE)],
    )
    page = checked("queue", QueueView(line(), [], [], [], panel, "", 0, may_change=False))
    html = page.blocks["panel"]
    assert html.count("&lt;script&gt;") > 20
    assert "and 10 more" in html
    missing = checked("queue", QueueView(line(), [], [], [], None, HOSTILE, 0, may_change=False))
    assert "no such entry" in missing.blocks["panel"]


def test_claims_and_lines_of_hostile_names_are_text(fleets: Fleets) -> None:
    path = "<img src=x onerror=alert(1)>'&" + "x" * 300
    with fleets.open("alone") as fleet:
        fleet.sessions.start(Start(id=SessionId("evil-1"), title=HOSTILE, person=True))
        fleet.claims.claim(SessionId("evil-1"), [f"src/{path}", "docs/"], Terms(reason=HOSTILE))
        fleet.claims.claim(ONE, [f"src/{path}/deep"], Terms(wait=True))
    page = shown(fleets, "claims", q=f"src/{path}")
    assert "&lt;img" in "".join(page.blocks.values())
    assert "Held" in page.blocks["answer"]
    assert len(page.lists["lines"]) == 1
    assert "No path" in shown(fleets, "claims", q=HOSTILE).blocks["answer"]


def test_address_of_another_time_or_version_is_read_as_far_as_it_can_be(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        fleet.claims.claim(ONE, ["a/b", "a/c"])
    plain = shown(fleets, "claims")
    for fields in ({"open": "zz.." + "f" * 12}, {"rows": "-1"}, {"rows": "²"}, {"rows": "9" * 9}):
        assert shown(fleets, "claims", **fields).lists == plain.lists


def test_round_with_hostile_names_is_text_and_has_a_matrix_of_those_that_meet(fleets: Fleets) -> None:
    heads = [
        WorkHead(f"{HOSTILE}{number}", "1" * 40, "1" * 40, owner=HOSTILE, title=HOSTILE, dirty=True)
        for number in range(40)
    ]
    path = (PathClash(HOSTILE, (HOSTILE,), ((1, 2),)),)
    pairs = [PairClash(heads[0], other, path) for other in heads[1:]]
    found = Findings(
        "f" * 40, heads, pairs, [BaseClash(heads[3], path)], [Doublet(heads[1], heads[2], HOSTILE, HOSTILE)],
        [Untold((HOSTILE,), HOSTILE)], heads, [], Effort(40, 1, 1, 1, 1, 0),
    )  # fmt: skip
    (fleets.state("alone") / "radar").mkdir()
    RoundKeeper(str(fleets.state("alone"))).keep(found, [HOSTILE])
    page = shown(fleets, "radar")
    assert len(page.lists["radar"]) == 41
    assert "10 branches" in page.blocks["matrix"]
    assert page.blocks["matrix"].count('class="w"') == 1
    assert "39 pairs" in page.blocks["gist"]


@pytest.mark.parametrize(("branches", "stale"), [("", False), ("of another time", True)])
def test_round_before_a_branch_moved_is_said_to_be_not_of_now(
    fleets: Fleets, branches: str, stale: bool
) -> None:
    with fleets.open("alone") as fleet:
        base = fleet.repository.git.line("rev-parse", "main") or ""
    (fleets.state("alone") / "radar").mkdir()
    found = Findings(base, [], [], [], [], [], [], [], Effort(0, 0, 0, 0, 0, 0))
    RoundKeeper(str(fleets.state("alone"))).keep(found, [], branches)
    said = shown(fleets, "radar").blocks["round"]
    assert ("Not of now" in said) is stale
    assert ("branches have moved" in said) is stale


def test_conflict_that_another_node_told_of_is_shown_without_a_round(fleets: Fleets) -> None:
    with fleets.open("ada") as ada:
        path = (PathClash("x.py", ("contents",)),)
        one, two = (
            WorkHead(name, "1" * 40, "1" * 40, owner=f"ada-{number}") for number, name in ((1, "a"), (2, "b"))
        )
        found = Findings(
            "f" * 40, [one, two], [PairClash(one, two, path)], [], [], [], [], [], Effort(2, 1, 1, 1, 1, 0)
        )
        alerts.tell(ada.ledger, found, certain=True)
    with fleets.open("bob") as bob:
        bob.sync()
        page = checked("radar", radar.look(bob, PageQuery()))
    assert len(page.lists["radar"]) == 1
    assert "seen on" in "".join(page.blocks.values())


@needs_browser
def test_tree_is_folded_by_keys_and_the_address_says_so(show: Callable[..., Shown], cli: Cli) -> None:
    cli("claim", "src/api/a.py", "src/web/b.py", "docs/").ok()
    page = show(cli)
    page.at("/claims")
    page.page.until(f"{TREE}.length === 4")
    page.page.value(f"{TREE}.find(row => row.innerText.includes('src')).focus()")
    page.page.press("ArrowLeft")
    page.page.until(f"{TREE}.length === 2")
    assert page.page.value("document.activeElement.innerText").startswith("src/")
    assert page.page.value("/[?]open=[0-9a-f]{12}$/.test(location.search)")
    page.at(page.page.value("location.pathname + location.search"))
    page.page.until(f"{TREE}.length === 2 && {TREE}[1].querySelector('[aria-expanded=false]')")
    page.page.value(f"{TREE}[1].focus()")
    page.page.press("ArrowRight")
    page.page.until(f"{TREE}.length === 4 && !location.search")
    cli("release", "docs/").ok()
    page.page.until(f"{TREE}.length === 3")


@needs_browser
def test_question_who_holds_a_path_is_answered_as_it_is_typed_and_from_a_link(
    show: Callable[..., Shown], cli: Cli
) -> None:
    cli("claim", "src/api/").ok()
    page = show(cli)
    page.at("/claims?q=src/api/a.py")
    page.says("#answer", "through src/api/")
    page.page.until(f"{TREE}.some(row => row.classList.contains('hit'))")
    page.page.value("document.querySelector('[data-find]').focus()")
    page.page.value(
        "(one => { one.value = 'README'; one.dispatchEvent(new Event('input', {bubbles: true})) })(document.querySelector('[data-find]'))"
    )
    page.says("#answer", "nobody holds README")
    assert (
        page.page.value("document.querySelector('#answer [data-copy]').dataset.copy")
        == "gitfleet claim README"
    )
