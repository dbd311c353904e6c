"""`metrics`: the figures of a fleet, for whoever watches it."""

from __future__ import annotations

import os
from typing import Annotated

from gitfleet.base.text import display
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.telemetry import exposition
from gitfleet.fleet.telemetry import metrics as figures
from gitfleet.fleet.views import metrics_rows

MetricsFile = Annotated[
    str,
    Option("--output", metavar="FILE", help="Write them there, in one step; the name should end with .prom."),
]


def metrics(output: MetricsFile = "") -> Reply:
    """Print the figures of the fleet as Prometheus reads them: sessions, claims, the queue, jobs, costs, the hub.

    As this clone knows them, without asking the hub. They name no session, branch, path or person.
    """
    with Fleet.open() as fleet:
        families = figures.collect(fleet)
    if not output:
        return Reply(metrics_rows.metrics(families), exposition.lines(families))
    path = os.path.abspath(output)
    figures.write(path, families)
    return Reply(metrics_rows.metrics(families, path), [f"{display(path)}: written"])
