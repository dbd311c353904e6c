"""Each item of the inbox leads to where one learns more of it."""

from __future__ import annotations

import pytest

from gitfleet.fleet.attention.item import ITEM_KINDS, ItemKind, item
from gitfleet.web.page import inbox_links
from gitfleet.web.page.pages import BY_NAME


@pytest.mark.parametrize(
    ("kind", "who", "about", "href"),
    [
        ("needs-input", "asker", "job-1", "/jobs?id=job-1"),
        ("needs-input", "asker", "", "/jobs"),
        ("rejected", "s-1", "q/&1", "/queue?id=q/%261"),
        ("held", "s-1", "", "/queue"),
        ("dead-session", "s-1", "", "/sessions?id=s-1"),
        ("dead-session", "s-9", "", "/sessions?state=dead"),
        ("lost", "s-9", "", "/claims"),
        ("quota", "team", "", "/jobs"),
        ("hub", "origin", "", ""),
    ],
)
def test_item_leads_to_what_it_is_about(kind: ItemKind, who: str, about: str, href: str) -> None:
    one = item(kind, ("x",), who=who, what="w", since=0, step="", about=about)
    assert inbox_links.of_item(one, {"s-1"}) == href


def test_kinds_lead_to_pages_that_there_are() -> None:
    found = {inbox_links.of_kind(kind).partition("?")[0].strip("/") for kind in ITEM_KINDS}
    assert found - {""} <= set(BY_NAME)
