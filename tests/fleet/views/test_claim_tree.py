"""The tree of claims: what is folded is counted right, what is open is there, and lines and answers say who is in whose way."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.claims import model
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.claims.service import Terms
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import holding
from gitfleet.fleet.views.claim_counts import ClaimCounts
from gitfleet.fleet.views.claim_tree import ClaimTree, ClaimTrees, Folding
from gitfleet.fleet.views.waiting_lines import WaitingLines
from gitfleet.git import trees
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.model import View
from tests.claims.world import Store
from tests.fleetbench import Fleets, start_sessions

ONE, TWO = SessionId("alone-1"), SessionId("alone-2")


def tree(fleet: Fleet, *turned: str, rows: int = 200) -> ClaimTree:
    state = fleet.current()
    return ClaimTrees(fleet).tree(state, WaitingLines(state.view), Folding(turned, rows))


def told(found: ClaimTree) -> list[str]:
    """The rows as an outline: `+` folded, `-` open, with how many claims are below; and the holders of claims."""
    return [
        "  " * row.depth
        + ("" if not row.fold else f"{'-' if row.open else '+'}{row.below} ")
        + row.name
        + (f" {row.claim.session}" if row.claim else "")
        + (f" and {row.more} more" if row.more else "")
        for row in found.rows
    ]


def wait(fleet: Fleet, session: SessionId, *paths: str) -> None:
    """Stand in line."""
    fleet.claims.claim(session, paths, Terms(wait=True))


@pytest.fixture
def fleet(fleets: Fleets) -> Iterator[Fleet]:
    with fleets.open("alone") as found:
        yield found


def test_few_claims_are_shown_in_folders_that_begin_where_they_differ(fleet: Fleet) -> None:
    fleet.claims.claim(ONE, ["src/App/api/", "src/App/web/a.py", "docs/**"])
    fleet.claims.claim(TWO, ["src/App/web/B.py"])
    assert told(tree(fleet)) == [
        "docs/** alone-1",
        "-3 src/App/",
        "  api/ alone-1",
        "  -2 web/",
        "    a.py alone-1",
        "    B.py alone-2",
    ]


def test_folder_is_folded_by_its_name_and_counts_what_is_below(fleet: Fleet) -> None:
    fleet.claims.claim(ONE, ["src/a/x.py", "src/a/y.py", "src/b.py"])
    fold = tree(fleet).rows[0].fold
    assert told(tree(fleet, fold)) == ["+3 src/"]
    assert told(tree(fleet, fold, "0" * 12)) == ["+3 src/"], "what is nowhere turns nothing"


def test_claim_on_a_folder_folds_those_of_others_beneath(fleet: Fleet) -> None:
    fleet.claims.claim(ONE, ["src/*.py"])
    fleet.claims.claim(TWO, ["src/deep/x"])
    assert told(tree(fleet)) == ["-1 src/*.py/ alone-1", "  deep/x alone-2"]


def test_folder_of_many_is_cut_and_says_how_many_there_are(fleet: Fleet) -> None:
    fleet.claims.claim(ONE, [f"f{number:02}" for number in range(12)])
    assert told(tree(fleet, rows=3)) == ["f00 alone-1", "f01 alone-1", "f02 alone-1", " and 9 more"]


def test_many_claims_are_folded_and_nothing_below_is_read(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.claims.claim(ONE, [f"src/part{number % 7}/f{number}" for number in range(140)])
    read: list[str] = []
    genuine = model.read

    def noted(view: View, where: str) -> Claim | Unreadable:
        read.append(where)
        return genuine(view, where)

    monkeypatch.setattr(model, "read", noted)
    assert told(tree(fleet)) == ["+140 src/"]
    assert len(read) == 1, "the one that tells how the folder is spelled"


def test_what_cannot_be_read_holds_its_place(fleet: Fleet) -> None:
    fleet.claims.claim(ONE, ["src/a.py"])
    state = fleet.current()
    state.view.put("claims/=src/=b.py/@01AAAAAAAAAAAAAAAAAAAAAAAA.json", b"{broken")
    found = ClaimTrees(fleet).tree(state, WaitingLines(state.view), Folding())
    assert [(row.name, bool(row.problem)) for row in found.rows] == [
        ("src/", False), ("a.py", False), ("src/b.py", True),
    ]  # fmt: skip
    assert found.claims == 2


def test_counts_are_those_of_a_walk_whatever_was_known_before() -> None:
    chance, store = random.Random(4), Store()
    counts, view = ClaimCounts(store), Snapshot(store, None)
    for step in range(60):
        path = "/".join(["claims", *(f"={chance.randrange(3)}" for _ in range(chance.randrange(1, 4)))])
        view.put(f"{path}/@{step}.json", b"{}")
        if chance.randrange(3) == 0:
            view.delete(chance.choice(list(view.files("claims"))))
        if chance.randrange(2):
            view = Snapshot(store, view.write())
        for folder in {"claims", path, os.path.dirname(path)}:
            assert counts.below(view, folder) == len(list(view.files(folder)))


def test_many_new_folders_are_counted_from_one_list(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MANY", 3)
    fleet.claims.claim(ONE, [f"a{number % 5}/b{number}/c" for number in range(40)])
    view = fleet.current().view
    counts = ClaimCounts(fleet.ledger.objects)
    assert counts.below(view, "claims") == 40
    assert counts.below(view, "claims/=a1") == 8
    assert counts.below(view, "claims/=nowhere") == 0


def test_lines_that_meet_are_one_with_places_in_the_order_in_which_they_are_served(fleet: Fleet) -> None:
    start_sessions(fleet, ["bob-1", "cid-1", "dan-1"])
    fleet.claims.claim(ONE, ["src/api/", "docs/"])
    for session, path in (("bob-1", "src/api/a.py"), ("cid-1", "src/api/"), ("dan-1", "docs/x")):
        wait(fleet, SessionId(session), path)
    lines = WaitingLines(fleet.current().view).lines()
    assert [(one.pattern, [place.session for place in one.places], list(one.holders)) for one in lines] == [
        ("src/api/", ["bob-1", "cid-1"], [ONE]),
        ("docs/x", ["dan-1"], [ONE]),
    ]


def test_line_behind_a_claim_is_numbered_from_one(fleet: Fleet) -> None:
    fleet.claims.claim(ONE, ["src/api/", "docs/"])
    wait(fleet, TWO, "src/api/a.py")
    rows = {row.path: row for row in tree(fleet).rows}
    claim = rows["src/api/"].claim
    assert claim is not None
    assert [(place.number, place.session) for place in claim.waiting] == [(1, TWO)]
    docs = rows["docs/"].claim
    assert docs is not None
    assert not docs.waiting


@pytest.mark.parametrize(
    ("text", "word", "holders"),
    [
        ("src/api/a.py", "held", [ONE]),
        ("src", "held", [ONE]),
        ("README", "free", []),
        ("docs/x.md", "shared", [TWO]),
        ("{README,src/api}", "free held", [ONE]),
        ("../x", "wrong", []),
        ("/etc/passwd", "wrong", []),
        ("src/[", "wrong", []),
        ("\x1b[31m", "wrong", []),
        ("**/*.py", "held", [ONE]),
    ],
)
def test_who_holds_a_path_is_answered_in_a_word(
    fleet: Fleet, text: str, word: str, holders: Sequence[str]
) -> None:
    fleet.claims.claim(ONE, ["src/api/"])
    fleet.claims.claim(TWO, ["docs/"], Terms(shared=True))
    state = fleet.current()
    found = holding.ask(fleet, state, WaitingLines(state.view), text)
    assert " ".join(one.word for one in found) == word
    assert [
        held.session for one in found for held in one.found if held.mode != "shared" or word == "shared"
    ] == holders


def test_path_that_cannot_be_looked_at_whole_is_not_called_free(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.claims.claim(ONE, [f"src/*.t{number}" for number in range(5)])
    monkeypatch.setattr(holding, "MOST_LOOKED", 3)
    state = fleet.current()
    (found,) = holding.ask(fleet, state, WaitingLines(state.view), "**/*.md")
    assert (found.word, bool(found.why)) == ("unknown", True)


def test_path_is_not_called_free_by_a_clone_that_never_saw_its_hub(fleets: Fleets) -> None:
    with fleets.open("ada") as ada:
        Path(ada.ledger.state, "seen").unlink()
        state = ada.current()
        (found,) = holding.ask(ada, state, WaitingLines(state.view), "README")
    assert found.word == "unknown"
