"""Every page in one table: the rail, the addresses and the keys are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.web.page import hosts, jobs, log, overview, sessions
from gitfleet.web.page.page import Page

PAGES: Sequence[Page] = (
    Page("overview", "o", "Overview", overview.look),
    Page("sessions", "s", "Sessions", sessions.look, asks=("id", "tab")),
    Page("jobs", "j", "Jobs", jobs.look, asks=("id", "attempt")),
    Page("hosts", "h", "Hosts", hosts.look, asks=("plan", "id")),
    Page("log", "l", "Log", log.look, asks=("q", "kind", "before")),
)
"""In the order of the rail."""
BY_NAME: Mapping[str, Page] = {page.name: page for page in PAGES}
