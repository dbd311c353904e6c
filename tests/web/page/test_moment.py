"""What is kept between two looks: git is asked of the worktrees where something has changed, and of no others."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from gitfleet.base.names import NodeId
from gitfleet.fleet.views.status import SessionStatus
from gitfleet.nodes import checkouts
from gitfleet.web.page import pages
from gitfleet.web.page.moment import KeptOfLedger, PageMemory, PageMoment
from gitfleet.web.page.page import Page, PageQuery, asked
from gitfleet.web.page.rendering import PageParts
from gitfleet.web.page.streams import PageStreams
from tests.cli.conftest import Cli
from tests.workbench import PATIENCE, run


def test_a_worktree_is_looked_at_again_once_somebody_stages_or_the_page_is_opened(
    cli: Cli, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    cli.clone.git("worktree", "add", "-q", "-b", "work", other).ok()
    with cli.clone.open() as fleet:
        memory, known = PageMemory(fleet), checkouts.known(fleet.repository)

        def dirty() -> int:
            return memory.checkouts.look(known, fleet.repository.git, lambda: None, 10.0)[str(other)].dirty

        assert dirty() == 0
        (other / "new.txt").write_text("x")
        assert dirty() == 0  # nobody told git, so git was not asked
        run(["git", "add", "new.txt"], other).ok()
        assert dirty() == 1
        (other / "newer.txt").write_text("x")
        assert dirty() == 1
        memory.checkouts.forget()
        assert dirty() == 2


def test_what_was_made_of_the_ledger_is_made_again_once_that_has_changed(cli: Cli) -> None:
    with cli.clone.open() as fleet:
        memory, kept = PageMemory(fleet), KeptOfLedger[str]()

        def look(made: str) -> str:
            return PageMoment(fleet, memory).of_ledger(kept, lambda: made)

        assert [look("first"), look("second")] == ["first", "first"]
        cli("claim", "src/").ok()
        assert [look("third"), look("fourth")] == ["third", "third"]


def test_a_time_that_was_reckoned_stays_the_same_while_its_cause_does(cli: Cli) -> None:
    with cli.clone.open() as fleet:
        memory = PageMemory(fleet)
        assert [memory.steady("a", 100), memory.steady("a", 103), memory.steady("b", 103)] == [100, 100, 103]
        assert memory.steady("a", 160) == 160


def test_activity_of_another_node_that_cannot_be_told_is_what_that_node_said(cli: Cli) -> None:
    with cli.clone.open() as fleet:
        moment = PageMoment(fleet)
        first: SessionStatus
        [first, *_] = moment.status.answer["sessions"]
        own: SessionStatus = {**first, "last_activity": 7}
        assert moment.active_at(own) == 7
        other: SessionStatus = {**own, "node": NodeId("elsewhere")}
        assert moment.active_at({**other, "idle": None}) == 7
        assert moment.active_at({**other, "idle": 40}) == moment.at - 40


def test_a_page_that_takes_long_keeps_no_other_page_waiting(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, went = threading.Event(), threading.Event()

    def render(_: PageStreams, page: Page, __: PageQuery) -> PageParts:
        if page.name == "claims":
            went.set()
            assert held.wait(PATIENCE)
        return PageParts(page.name, page.name, {}, {})

    async def both() -> list[str]:
        slow, quick = (next(one for one in pages.PAGES if one.name == name) for name in ("claims", "queue"))
        query = [asked(page, [], may_change=True, moment=PageMoment(fleet)) for page in (slow, quick)]
        first = asyncio.create_task(streams._at(1, slow, query[0]))
        await asyncio.to_thread(went.wait, PATIENCE)
        found = [(await asyncio.wait_for(streams._at(1, quick, query[1]), PATIENCE)).id]
        held.set()
        return [*found, (await first).id]

    monkeypatch.setattr(PageStreams, "_render", render)
    with cli.clone.open() as fleet:
        streams = PageStreams(fleet, read_only=False)
        assert asyncio.run(both()) == ["queue", "claims"]
