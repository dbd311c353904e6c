"""What is kept between two looks: git is asked of the worktrees where something has changed, and of no others."""

from __future__ import annotations

from pathlib import Path

from gitfleet.nodes import checkouts
from gitfleet.web.page.moment import PageMemory, PageMoment
from tests.cli.conftest import Cli
from tests.workbench import run


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
        memory = PageMemory(fleet)

        def look(made: str) -> str:
            return PageMoment(fleet, memory).of_ledger("what", lambda: made)

        assert [look("first"), look("second")] == ["first", "first"]
        cli("claim", "src/").ok()
        assert [look("third"), look("fourth")] == ["third", "third"]


def test_a_time_that_was_reckoned_stays_the_same_while_its_cause_does(cli: Cli) -> None:
    with cli.clone.open() as fleet:
        memory = PageMemory(fleet)
        assert [memory.steady("a", 100), memory.steady("a", 103), memory.steady("b", 103)] == [100, 100, 103]
        assert memory.steady("a", 160) == 160
