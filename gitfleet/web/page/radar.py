"""The radar: which branches will conflict, as a matrix and as pairs, by the last round of this clone and what others have told."""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.codec import Struct
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import radar_seen
from gitfleet.fleet.views.radar_seen import BranchMeeting, RadarSeen
from gitfleet.web.page.page import PageQuery

ASKS = ("id",)
MOST_PAIRS = 500
_SLACK = 60
"""Seconds after a round in which work still counts as seen by it: whoever ran it was at work."""


class RadarView(Struct):
    """All of it. `active`: sessions that have worked since the round. `radar` are the pairs; `conflicts`, `broken` and `watched` count them by kind; `left_out`: pairs beyond those shown."""

    seen: RadarSeen
    active: int
    may_change: bool
    radar: Sequence[BranchMeeting]
    conflicts: int
    broken: int
    watched: int
    left_out: int


def look(fleet: Fleet, asked: PageQuery) -> RadarView:
    """What is known of conflicts to come; makes no round of its own. Raises NoFleet, NewerFormat, Corrupt."""
    seen = radar_seen.look(fleet, fleet.current())
    moment = asked.now(fleet)
    since = seen.at + _SLACK
    active = sum(
        moment.active_at(row) > since for row in moment.status.answer["sessions"] if not row["person"]
    )
    tiers = [one.tier for one in seen.meetings]
    return RadarView(
        seen, active if seen.at else 0, asked.may_change, seen.meetings[:MOST_PAIRS], tiers.count("conflict"), tiers.count("trunk"), tiers.count("watch"), max(0, len(tiers) - MOST_PAIRS),
    )  # fmt: skip
