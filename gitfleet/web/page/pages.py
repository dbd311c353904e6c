"""Every page in one table: the rail, the addresses and the keys are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.web.page import claims, hosts, jobs, log, overview, queue, radar, sessions
from gitfleet.web.page.page import Page

PAGES: Sequence[Page] = (
    Page("overview", "o", "Overview", overview.look),
    Page("sessions", "s", "Sessions", sessions.look, asks=("id", "tab")),
    Page("claims", "c", "Claims", claims.look, claims.ASKS),
    Page("queue", "q", "Queue", queue.look, queue.ASKS),
    Page("radar", "r", "Radar", radar.look, radar.ASKS),
    Page("jobs", "j", "Jobs", jobs.look, jobs.ASKS),
    Page("hosts", "h", "Hosts", hosts.look, hosts.ASKS),
    Page("log", "l", "Log", log.look, log.ASKS),
)
"""In the order of the rail."""
BY_NAME: Mapping[str, Page] = {page.name: page for page in PAGES}
