"""`fleet apply|resume|undo|verify`: what a plan over hosts proposes is done, gone on with, looked at again, and taken back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

from gitfleet.base import advice, clock
from gitfleet.base.text import counted, display, duration
from gitfleet.cli import render
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.fleet_plans import FleetSession, Format, check_format
from gitfleet.errors import Blocked, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import fleet_apply_rows as rows
from gitfleet.fleet.views import fleet_plan_rows
from gitfleet.triage.applications import Applications, ApplyReport, HostActs
from gitfleet.triage.applying import ActResult, ApplyPace
from gitfleet.triage.choosing import (
    MOST_KILLS,
    MOST_KILLS_PER_HOST,
    MOST_KILLS_PER_PATTERN,
    ApplyChoice,
    ChosenActs,
)
from gitfleet.triage.plan_record import WholePlan

Recommended = Annotated[bool, Option("--recommended", help="All that the plan selects.")]
Only = Annotated[
    list[str],
    Option("--only", metavar="CATEGORY", help="Only what it selects of this category; repeatable."),
]
Targets = Annotated[
    list[str],
    Option("--targets", metavar="IDS", help="Ids of candidates, with commas; also those only offered."),
]
Yes = Annotated[bool, Option("--yes", help="Do not ask. The plan must have been shown here before.")]
Sure = Annotated[bool, Option("--yes", help="Go on with the other hosts when one refuses something.")]
MinPosterior = Annotated[
    float,
    Option("--min-posterior", metavar="P", help="Only what is unused with at least this probability."),
]
MaxKills = Annotated[int, Option("--max-kills", metavar="N", help="End so many groups at most, in all.")]
PerHost = Annotated[int, Option("--max-kills-per-host", metavar="N", help="On one host.")]
PerPattern = Annotated[int, Option("--max-kills-per-pattern", metavar="N", help="Of one pattern.")]
Batch = Annotated[
    int, Option("--batch", metavar="N", help="Hosts at a time after the first. 0: a tenth, at least two.")
]
Between = Annotated[float, Option("--between", metavar="SECONDS", help="Pause between two batches.")]
Grace = Annotated[float, Option("--grace", metavar="SECONDS", help="From TERM to KILL.")]
Reason = Annotated[str, Option("--reason", metavar="TEXT", help="Why it was a mistake.")]
_COLOURS = {
    "done": "green",
    "refused-gate": "red",
    "refused-identity": "red",
    "survived": "red",
    "unknown": "red",
}
_LEFT = frozenset(["running", "respawned", "cannot"])


def apply(
    session: FleetSession,
    recommended: Recommended = False,
    only: Only = [],  # noqa: B006
    targets: Targets = [],  # noqa: B006
    yes: Yes = False,
    min_posterior: MinPosterior = 0.0,
    max_kills: MaxKills = MOST_KILLS,
    max_kills_per_host: PerHost = MOST_KILLS_PER_HOST,
    max_kills_per_pattern: PerPattern = MOST_KILLS_PER_PATTERN,
    batch: Batch = 0,
    between: Between = 2.0,
    grace: Grace = 10.0,
    format: Format = "text",
) -> Reply:
    """Do what a plan proposes: on one host first, then on some at a time, and it stops when a host refuses something.

    Each host looks again at who it is and at every safety gate, right before it acts.
    """
    check_format(format)
    choice = ApplyChoice(
        recommended, tuple(only), tuple(one for some in targets for one in some.split(",") if one), min_posterior,
        max_kills, max_kills_per_host, max_kills_per_pattern,
    )  # fmt: skip
    pace = _pace(batch, between, grace)
    person = sys.stdin.isatty() and sys.stderr.isatty()
    if not yes and not person:
        raise UsageError(
            "This is no terminal, so nobody can be asked to confirm.",
            hint=f"Look at the plan ({advice.FLEET_SHOW.of(session)}), then say --yes.",
        )
    with Fleet.open(announce=render.note) as fleet:
        applications = Applications(fleet, _told, _ask if person and not yes else None)
        whole, chosen = applications.prepare(session, choice, reviewed=yes)
        if chosen.acts and not yes and not _ask_first(whole, chosen):
            raise Blocked("Nothing was applied: you said no.")
        report = applications.apply(whole, chosen, pace)
    return _reply(report)


def resume(
    session: FleetSession,
    yes: Sure = False,
    batch: Batch = 0,
    between: Between = 2.0,
    grace: Grace = 10.0,
    format: Format = "text",
) -> Reply:
    """Continue an application that was interrupted. Nothing is done twice: hosts tell what they have done."""
    check_format(format)
    pace = _pace(batch, between, grace)
    person = sys.stdin.isatty() and sys.stderr.isatty()
    with Fleet.open(announce=render.note) as fleet:
        applications = Applications(fleet, _told, _ask if person else None)
        report = applications.resume(session, pace, sure=yes)
    return _reply(report)


def verify(session: FleetSession, format: Format = "text") -> Reply:
    """Check what is left of the processes that were acted on: gone, running, paused, or started again. Changes nothing."""
    check_format(format)
    with Fleet.open(announce=render.note) as fleet:
        whole, found = Applications(fleet).verify(session)
    status, code = rows.acts_status(found, bad=_LEFT)
    return Reply(rows.acts_answer(session, whole.oid, found), [*_acts(found)], status=status, code=code)


def undo(
    session: FleetSession,
    targets: Targets = [],  # noqa: B006
    reason: Reason = "",
    format: Format = "text",
) -> Reply:
    """Take back what can be taken back: pauses, nice values, throttles. What has ended stays ended.

    Undoing what the plan selected counts as a mistake of the plan: plans of the whole fleet may then risk less.
    """
    check_format(format)
    wanted = [one for some in targets for one in some.split(",") if one]
    with Fleet.open(announce=render.note) as fleet:
        whole, found, warnings = Applications(fleet).undo(session, wanted, reason)
    status, code = rows.acts_status(found, bad=frozenset(["cannot"]))
    answer = rows.acts_answer(session, whole.oid, found)
    return Reply(answer, [*_acts(found)], status=status, code=code, warnings=warnings)


def _pace(batch: int, between: float, grace: float) -> ApplyPace:
    if not 0 <= batch <= 256 or not 0 <= between <= 3600 or not 0 <= grace <= 300:
        raise UsageError("--batch is 0 to 256 hosts, --between 0 to 3600 seconds, --grace 0 to 300.")
    return ApplyPace(batch, between, grace)


def _told(one: ActResult) -> None:
    render.progress(
        f"{one.act.host_id}: {one.act.candidate.candidate_id} {one.act.action}: {one.answer.outcome}"
    )


def _ask_first(whole: WholePlan, chosen: ChosenActs) -> bool:
    """Show what would be done, and ask."""
    ids = {act.candidate.candidate_id for act in chosen.acts}
    found = [one for one in fleet_plan_rows.candidates(whole) if one["candidate_id"] in ids]
    hosts = {one["host_id"] for one in found}
    for one in found:
        words = f"{one['category']} {one['command'] or one['pattern']}"
        render.note(
            f"{one['host_id']}: {one['action']} {one['candidate_id']} ({words}; in use: {one['mistake']:.3f})"
        )
    return _ask(f"{counted(len(found), 'action')} on {counted(len(hosts), 'host')}. Do it?")


def _ask(question: str) -> bool:
    sys.stderr.write(f"{display(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _reply(report: ApplyReport) -> Reply:
    render.progress("")
    data = rows.apply_answer(report)
    status, code = rows.status_of(report)
    return Reply(data, [*_shown(data, report)], status=status, code=code, warnings=report.warnings)


def _shown(data: rows.FleetApplyAnswer, report: ApplyReport) -> Iterator[str | Grid]:
    cells = [
        (row["outcome"], row["host_id"], row["candidate_id"], row["action"], row["pattern"], row["detail"])
        for row in data["actions"]
    ]
    head = ("OUTCOME", "HOST", "CANDIDATE", "ACTION", "WHAT", "WHY")
    yield (
        Grid(head, cells, coloured="OUTCOME", colours=_COLOURS, optional=("WHAT",))
        if cells
        else "nothing to do"
    )
    summary, plan = data["apply_summary"], report.whole.plan.id
    yield f"{plan}: {summary['total_done']} of {counted(summary['total_actions'], 'action')} done"
    if data["stopped"]:
        yield f"stopped: {data['stopped']}"
    if any(one.answer.outcome == "unknown" for one in report.results):
        yield f"the outcome of some is not known; do not repeat them: {advice.FLEET_RESUME.of(plan)}"
    if any(row["outcome"] == "done" and row["reversible"] for row in data["actions"]):
        yield f"what can be taken back: {advice.FLEET_UNDO.of(plan)}"


def _acts(found: list[HostActs]) -> Iterator[str | Grid]:
    cells = []
    for one in found:
        if one.problem:
            cells.append((one.status, one.host.host_id, "", "", one.problem))
        for row in one.rows:
            word = row.undo or row.now or row.outcome or "unknown"
            cells.append(
                (word, one.host.host_id, row.candidate_id, row.action, _why(row.paused_until, row.detail))
            )
    yield Grid(("NOW", "HOST", "CANDIDATE", "ACTION", "WHY"), cells) if cells else "nothing was done"


def _why(until: float | None, detail: str) -> str:
    left = f"goes on by itself in {duration(max(0, int(until) - clock.now()))}" if until else ""
    return "; ".join(filter(None, (detail, left)))
