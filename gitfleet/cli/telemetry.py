"""`metrics` and `bug-report`: figures of a fleet for whoever watches it, and a report for the maintainers of gitfleet."""

from __future__ import annotations

import os
import tempfile
from typing import Annotated

from gitfleet.base.text import display
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.telemetry import bug_report, exposition
from gitfleet.fleet.telemetry import metrics as figures
from gitfleet.fleet.views import metrics_rows

MetricsFile = Annotated[
    str,
    Option("--output", metavar="FILE", help="Write them there, in one step; the name should end with .prom."),
]


def metrics(output: MetricsFile = "") -> Reply:
    """Print the figures of the fleet for Prometheus: sessions, claims, the queue, jobs, costs, the hub.

    As this clone knows them, without asking the hub. They name no session, branch, path or person.
    """
    with Fleet.open() as fleet:
        families = figures.collect(fleet)
    if not output:
        return Reply(metrics_rows.metrics(families), exposition.lines(families))
    path = os.path.abspath(output)
    figures.write(path, families)
    return Reply(metrics_rows.metrics(families, path), [f"{display(path)}: written"])


ReportFile = Annotated[
    str,
    Option(
        "--output",
        metavar="FILE",
        help="Write it there, or print it with -. Without it, a new file in the folder for temporary ones.",
    ),
]


def report_bug(output: ReportFile = "") -> Reply:
    """Write one file with what the maintainers need to know of a fault. Sends nothing.

    Versions, settings, rules, findings, figures and the last errors; no content of files, no prompts. It holds gitfleet's
    own words and numbers only: names, paths, addresses and secrets are hidden. Look at it before you send it.
    """
    report = bug_report.collect()
    if output == "-":
        return Reply({"file": "", "report": report}, bug_report.text(report).splitlines())
    path = os.path.abspath(output) if output else _new_file()
    bug_report.write(path, report)
    return Reply(
        {"file": path, "report": report},
        [f"{display(path)}: written", "nothing was sent; look at it before you do"],
    )


def _new_file() -> str:
    handle, path = tempfile.mkstemp(prefix="gitfleet-bug-report-", suffix=".json")
    os.close(handle)
    return path
