"""What surrounds each page: rail, status line, and what holds for the whole page."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitfleet.base.text import display
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import hub_pace
from gitfleet.fleet.views.hub_pace import HubPace
from gitfleet.sessions import told_conflicts
from gitfleet.web.page import pages
from gitfleet.web.page.page import PageQuery


class RailEntry(Struct):
    """A page in the rail: what stands behind its name, and whether that is urgent."""

    name: str
    title: str
    key: str
    count: str
    hot: bool
    current: bool


class FrameView(Struct):
    """`seen_at`: when the hub was last seen (seconds since 1970; 0: never, or there is none). `problem`: the state of the whole page, in words."""

    repository: str
    rail: Sequence[RailEntry]
    hub: str
    generation: int
    seen_at: int
    stale: bool
    tentative: int
    alarm: str
    problem: str
    hint: str
    looks_only: bool
    pace: HubPace = HubPace()


def look(fleet: Fleet, asked: PageQuery, *, page: str, read_only: bool) -> FrameView:
    """The frame around a page. What cannot be read is told in `problem`, and never raised."""
    looks_only = read_only or not asked.may_change
    moment = asked.now(fleet)
    repository = _name(fleet)
    try:
        found = moment.status.answer
    except FleetError as error:
        rail = [RailEntry(one.name, one.title, one.key, "", False, one.name == page) for one in pages.PAGES]
        return FrameView(repository, rail, "", 0, 0, False, 0, "", error.message, error.hint, looks_only)
    unread = len(moment.inbox.unread)
    urgent = any(one.urgent for one in moment.inbox.unread)
    counts = {
        "overview": str(unread or ""),
        "sessions": str(len(found["sessions"])),
        "claims": str(sum(row["claim_count"] for row in found["sessions"]) + len(found["retained"])),
        "queue": str(_entries(fleet)),
        "radar": str(len(fleet.current().view.names(told_conflicts.ROOT)) or ""),
        "jobs": str(found["jobs"]["active"] + found["jobs"]["queued"]) if found["jobs"] else "",
    }
    rail = [
        RailEntry(
            one.name, one.title, one.key, counts.get(one.name, ""), one.name == "overview" and urgent, one.name == page
        )
        for one in pages.PAGES
    ]  # fmt: skip
    ledger = found["ledger"]
    age = ledger["age"]
    alarm = ledger["alarm"]
    return FrameView(
        repository,
        rail,
        ledger["hub"] or "",
        ledger["generation"],
        0 if age is None else moment.at - age,
        bool(ledger["hub"]) and (age is None or age > fleet.policy.state_max_age),
        ledger["tentative"],
        str(alarm["message"]) if alarm else "",
        "",
        "",
        looks_only,
        hub_pace.look(fleet),
    )


def _name(fleet: Fleet) -> str:
    """What people call the repository: the name of its folder."""
    place = fleet.repository.main or fleet.repository.common_dir
    return display(os.path.basename(place.rstrip("/").removesuffix("/.git"))) or "repository"


def _entries(fleet: Fleet) -> int:
    return len(fleet.current().view.names("queue/live"))
