"""The audit log in pieces: each operation once, filtered, and never more of the chain at a look than its bound."""

from __future__ import annotations

import pytest

from gitfleet.fleet.views import log_pages
from gitfleet.fleet.views.log_pages import LogAsk
from tests.fleetbench import Fleets


@pytest.fixture
def busy(fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> Fleets:
    monkeypatch.setattr(log_pages, "PATIENCE", float("inf"))
    for number in range(6):
        fleets.claim("alone", f"alone-{1 + number % 2}", f"src/{number}/")
    return fleets


@pytest.mark.parametrize("count", [1, 2, 4])
def test_pieces_together_are_the_whole_log(busy: Fleets, count: int) -> None:
    with busy.open("alone") as fleet:
        whole = [(line.generation, line.operation) for line in fleet.log()]
        found, before = [], 0
        while True:
            piece = log_pages.look(fleet, LogAsk(before=before, count=count))
            found += [(row["generation"], row["operation"]) for row in piece.rows]
            if not piece.older:
                break
            before = piece.older
    assert found == whole


@pytest.mark.parametrize(
    ("asked", "subjects"),
    [
        (LogAsk("SRC/3"), {"alone-2 claims src/3/"}),
        (LogAsk("src/3/deep/a.py"), {"alone-2 claims src/3/"}),  # a path that it meets
        (LogAsk("alone-1 claims src/"), {f"alone-1 claims src/{n}/" for n in (0, 2, 4)}),
        (LogAsk(session="alone-2", kind="claim.acquire"), {f"alone-2 claims src/{n}/" for n in (1, 3, 5)}),
        (LogAsk("//", kind="claim"), set()),
        (LogAsk("src/[", kind="claim"), set()),
        (LogAsk(kind="claim.acq"), set()),
        (LogAsk("nothing at all"), set()),
    ],
)
def test_filter_shows_what_has_all_its_words_or_meets_its_path(
    busy: Fleets, asked: LogAsk, subjects: set[str]
) -> None:
    with busy.open("alone") as fleet:
        piece = log_pages.look(fleet, asked)
    assert {row["subject"] for row in piece.rows} == subjects
    assert (piece.older, piece.full) == (0, False)


def test_look_that_finds_nothing_ends_at_its_bound_and_says_where(
    busy: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pages, "REACH", 3)
    with busy.open("alone") as fleet:
        newest = fleet.current().tip.generation
        piece = log_pages.look(fleet, LogAsk("nothing at all"))
        assert (piece.rows, piece.newest, piece.older) == ((), newest, newest + 1 - 3)
        assert log_pages.look(fleet, LogAsk(before=10**9)).rows == log_pages.look(fleet, LogAsk()).rows


def test_look_that_takes_too_long_ends_with_what_it_has_found(
    busy: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pages, "PATIENCE", -1.0)
    with busy.open("alone") as fleet:
        whole = [line.operation for line in fleet.log()]
        piece, found = log_pages.look(fleet, LogAsk()), []
        while piece.older:
            found += [row["operation"] for row in piece.rows]
            assert not piece.full
            piece = log_pages.look(fleet, LogAsk(before=piece.older))
    assert found == whole[: len(found)]
    assert len(found) > 1


def test_kinds_of_the_page_are_what_the_names_of_operations_begin_with() -> None:
    from gitfleet.clone import OPERATIONS

    assert {kind.name.partition(".")[0] for kind in OPERATIONS} <= {*log_pages.LOG_KINDS, "grant"}
