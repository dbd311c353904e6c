"""Where on the page one learns more of what needs a person. Pure."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote

from gitfleet.fleet.attention.item import AttentionItem, ItemKind


def of_item(one: AttentionItem, sessions: Collection[str]) -> str:
    """The address that an item leads to, "" for none; `sessions` are those that there are now."""
    if one.kind == "needs-input" and one.about:
        return f"/jobs?id={quote(one.about)}"
    if one.kind in {"held", "rejected"} and one.about:
        return f"/queue?id={quote(one.about)}"
    if one.kind in {"dead-session", "lost"} and one.who in sessions:
        return f"/sessions?id={quote(one.who)}"
    return of_kind(one.kind)


def of_kind(kind: ItemKind) -> str:
    """The page that has all items of a kind, "" for none."""
    match kind:
        case "needs-input" | "quota" | "budget":
            return "/jobs"
        case "held" | "rejected":
            return "/queue"
        case "conflict":
            return "/radar"
        case "dead-session":
            return "/sessions?state=dead"
        case "lost":
            return "/claims"
        case "maintainer" | "hub":
            return ""
