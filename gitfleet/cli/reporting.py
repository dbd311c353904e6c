"""`fleet report`: a plan over hosts, and what came of it, as a page."""

from __future__ import annotations

import os
import re
from typing import Annotated

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.fleet_plans import FleetSession, Format, check_format
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.reports import fleet_page, page
from gitfleet.fleet.views import fleet_report_rows
from gitfleet.triage.service import FleetPlans

OneHost = Annotated[
    str, Option("--host", metavar="HOST", help="Of this host alone, with all that it proposed.")
]
PageFile = Annotated[
    str,
    Option(
        "--output",
        metavar="FILE",
        help="Write the page there. Without it, it is kept in the clone, beside its plans.",
    ),
]
_ODD = re.compile(r"[^A-Za-z0-9.@-]+")


def report(
    session: FleetSession, host: OneHost = "", output: PageFile = "", format: Format = "text"
) -> Reply:
    """Write a plan and what has come of it as a page: one HTML file that loads nothing. Changes nothing else.

    It says no more than the plan does, whose words were redacted on their hosts; but it names hosts.
    """
    check_format(format)
    with Fleet.open(announce=render.note) as fleet:
        plans = FleetPlans(fleet)
        answer = fleet_report_rows.report_of(plans, session, host)
        folder = plans.reports
    path = os.path.abspath(output) if output else os.path.join(folder, _name(session, host))
    if not output:
        files.folder(folder, mode=0o700)
    page.write(path, fleet_page.html(answer))
    return Reply({**answer, "file": path}, [f"{display(output or path)}: written"], status="success")


def _name(session: str, host: str) -> str:
    """A file for each host; no host names another folder."""
    return f"{session}{'-' if host else ''}{_ODD.sub('_', host)}.html"
