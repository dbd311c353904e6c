"""Items of the inbox as values: their ids, their order, and how many of one kind fold."""

from __future__ import annotations

import pytest

from gitfleet.base import advice
from gitfleet.fleet.attention.item import (
    FOLD,
    ITEM_KINDS,
    WORDS,
    AttentionItem,
    ItemFold,
    folded,
    item,
    ordered,
)


def made(key: str, kind: str = "conflict", *, urgent: bool = False, since: int = 5) -> AttentionItem:
    (known,) = (one for one in ITEM_KINDS if one == kind)
    return item(known, (key,), who=key, what="w", since=since, step=advice.RADAR, urgent=urgent)


def test_id_is_the_same_for_the_same_cause_and_another_for_any_other() -> None:
    assert made("a").id == made("a", since=9, urgent=True).id
    assert len({made("a").id, made("b").id, made("a", "quota").id}) == 3


def test_hostile_words_become_one_safe_line() -> None:
    found = item("hub", ("a",), who="x\x1b[2J", what="one\ntwo " * 200, since=0, step="")
    assert found.who == r"x\x1b[2J"
    assert found.what == "one"


@pytest.mark.parametrize(
    ("items", "read", "wanted"),
    [
        ([made("late", since=9), made("early")], [], ["early", "late"]),
        ([made("soon"), made("now", urgent=True, since=9)], [], ["now", "soon"]),
        ([made("soon"), made("now", urgent=True)], [made("now").id], ["soon", "now"]),
        ([made("spent", "budget"), made("pair")], [], ["pair", "spent"]),
    ],
    ids=["longest first", "urgent first", "unread first", "by kind"],
)
def test_order_is_unread_then_urgent_then_longest(
    items: list[AttentionItem], read: list[str], wanted: list[str]
) -> None:
    assert [one.who for one in ordered(items, read)] == wanted
    assert [one.who for one in ordered(reversed(items), read)] == wanted


@pytest.mark.parametrize("count", [1, FOLD, FOLD + 1, 40])
def test_more_of_a_kind_than_a_few_are_one_row_where_the_first_was(count: int) -> None:
    many = [made(str(one)) for one in range(count)]
    rows = folded([made("first", "lost"), *many, made("last", "budget")], [many[0].id])
    if count <= FOLD:
        assert [one.kind for one in rows] == ["lost", *["conflict"] * count, "budget"]
        return
    first, fold, last = rows
    assert isinstance(fold, ItemFold)
    assert (first.kind, fold.kind, last.kind) == ("lost", "conflict", "budget")
    assert (fold.count, fold.unread, fold.first) == (count, count - 1, many[0])
    assert fold.step == advice.INBOX_KIND.of("conflict")


def test_every_kind_has_words() -> None:
    assert tuple(WORDS) == ITEM_KINDS
