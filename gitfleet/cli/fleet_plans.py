"""`fleet plan|show|status|list|review|mistake|trust`: processes of many hosts, looked at and planned for. Nothing here changes anything on a host."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

from gitfleet.base import advice, clock, files
from gitfleet.base.text import amount, counted, display, duration
from gitfleet.cli import candidate_text, render
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.messages import as_session, person
from gitfleet.cli.options import SessionFlag
from gitfleet.dispatch import risk
from gitfleet.errors import Blocked, HubError, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import fleet_plan_rows as rows
from gitfleet.hosts.inventory import hosts_of
from gitfleet.triage import outcomes, plan_view, service
from gitfleet.triage.plan_record import WholePlan
from gitfleet.triage.planning import ScanReply
from gitfleet.triage.service import FleetPlans, KeptPlan, PlanOptions

Hosts = Annotated[
    str,
    Option(
        "--hosts", metavar="HOSTS", help="A file with one host a line, or hosts with commas: a,user@b:22."
    ),
]
FleetSession = Annotated[str, Option("--session", metavar="ID", help="The plan: its fleet session.")]
Format = Annotated[
    str,
    Option(
        "--format", metavar="FORMAT", help="`json` is the same as --json; or `text`.", values=("json", "text")
    ),
]
Alpha = Annotated[
    float, Option("--alpha", metavar="SHARE", help="The largest share of mistakes among what is selected.")
]
Bootstrap = Annotated[
    bool,
    Option("--bootstrap", help="Ask hosts without gitfleet too: what they need is sent; they need python3."),
]
Profile = Annotated[
    str,
    Option(
        "--profile",
        metavar="NAME",
        help="What may leave a host: minimal, safe or forensic.",
        values=("minimal", "safe", "forensic"),
    ),
]
Timeout = Annotated[float, Option("--timeout", metavar="SECONDS", help="How long a host may take.")]
MaxParallel = Annotated[int, Option("--max-parallel", metavar="N", help="Hosts asked at the same time.")]
LeftBy = Annotated[
    str, Option("--left-by", metavar="SESSION", help="Only what this session, which has ended, left running.")
]
AsYaml = Annotated[bool, Option("--yaml", help="Print its YAML, with the comments of its last review.")]
Output = Annotated[
    str,
    Option(
        "--output", metavar="FILE", help="Write its YAML there. A file of this plan that has comments stays."
    ),
]
CandidateId = Annotated[str, Argument(metavar="CANDIDATE", help="A candidate's id, as the plan shows it.")]
Reason = Annotated[str, Option("--reason", metavar="TEXT", help="What was wrong about it.")]
TrustReason = Annotated[str, Option("--reason", metavar="TEXT", help="What was done about the mistakes.")]
OneCandidate = Annotated[
    str, Argument(metavar="[CANDIDATE]", help="One candidate alone, with all that is known of it.")
]
YamlFile = Annotated[str, Argument(metavar="FILE", help="The plan's YAML with your comments.")]
_STATES = {"selected": "red", "offered": "yellow"}


def plan(
    hosts: Hosts,
    alpha: Alpha = 0.05,
    bootstrap: Bootstrap = False,
    profile: Profile = "safe",
    timeout: Timeout = 120.0,
    max_parallel: MaxParallel = 16,
    left_by: LeftBy = "",
    format: Format = "text",
) -> Reply:
    """Scan hosts, and plan what to do about processes that nobody needs any more. Nothing is changed on any host.

    A host that cannot be asked is listed, and does not stop the others. `localhost` is this machine, without ssh.
    """
    check_format(format)
    found = hosts_of(hosts)
    options = PlanOptions(alpha, profile, timeout, max_parallel, bootstrap, left_by)
    with Fleet.open(announce=render.note) as fleet:
        progress = _Progress(len(found.hosts))
        whole, warnings = FleetPlans(fleet, progress.told).make(found.hosts, options)
        progress.end()
        FleetPlans(fleet).note_shown(whole)
    merged = [f"{one.host_id} is named more than once ({', '.join(one.places)})" for one in found.merged]
    status, code = rows.status_of(whole.plan)
    lines = [*_shown(whole), *_next(whole)]
    return Reply(rows.plan_answer(whole), lines, status=status, code=code, warnings=[*merged, *warnings])


def show(
    session: FleetSession,
    candidate: OneCandidate = "",
    yaml: AsYaml = False,
    output: Output = "",
    format: Format = "text",
) -> Reply:
    """Show a plan with everything that it proposes; it then counts as reviewed in this clone. With a candidate, all that is known of it."""
    check_format(format)
    with Fleet.open(announce=render.note) as fleet:
        plans = FleetPlans(fleet)
        warnings = plans.refs.renew(session) if yaml or output else []
        kept = plans.get(session)
        answer = rows.plan_answer(kept.whole)
        if candidate:
            return _one(answer, candidate)
        lines: list[str | Grid] = [*_shown(kept.whole)]
        if output:
            lines = [_write(output, kept)]
        elif yaml:
            lines = [*service.latest_review(kept).splitlines()]
        plans.note_shown(kept.whole)
    return Reply(answer, lines, status="success", warnings=warnings)


def _one(answer: rows.FleetPlanAnswer, candidate_id: str) -> Reply:
    """The answer with this candidate alone. Raises UsageError where there is none."""
    found = [one for one in answer["candidates"] if one["candidate_id"] == candidate_id]
    if not found:
        words = f"The plan {answer['fleet_session_id']} has no candidate {display(candidate_id[:40])}."
        raise UsageError(words, hint=f"See {advice.FLEET_SHOW.of(answer['fleet_session_id'])}.")
    return Reply({**answer, "candidates": found}, candidate_text.shown(found[0]), status="success")


def status(session: FleetSession, format: Format = "text") -> Reply:
    """Show the outcome for each host of a plan, what it selects, and what has become of it."""
    check_format(format)
    with Fleet.open(announce=render.note) as fleet:
        plans = FleetPlans(fleet)
        warnings = plans.refs.renew(session)
        kept = plans.get(session)
        whole, budget = kept.whole, plans.budget()
        staked = plans.staked(whole)
        shown = plans.is_shown(whole)
    data = rows.status_answer(
        whole,
        ours=kept.ours,
        shown=shown,
        staked=staked,
        budget=budget,
        ended=outcomes.counted(whole, kept.added),
    )
    word, _ = rows.status_of(whole.plan)
    lines = [*_hosts(whole), *_selection(whole), *_fate(data, whole), _budget(budget)]
    return Reply(data, lines, status="success" if word == "success" else "partial", warnings=warnings)


def listing(format: Format = "text") -> Reply:
    """List the plans of this clone and of its hub, newest first; and what plans may risk."""
    check_format(format)
    with Fleet.open(announce=render.note) as fleet:
        plans = FleetPlans(fleet)
        own, budget = plans.refs.own(), plans.budget()
        found, warnings = own, []
        try:
            found = plans.refs.everywhere()
        except HubError as error:
            warnings = [f"those of this clone alone: {error.message}"]
    data = rows.listing(found, own, budget)
    cells = [
        (row["fleet_session_id"], "here" if row["here"] else "on the hub", row["tip"][:12])
        for row in data["plans"]
    ]
    grid = Grid(("FLEET SESSION", "WHERE", "COMMIT"), cells)
    return Reply(data, [grid if cells else "no plans", _budget(budget)], status="success", warnings=warnings)


def review(file: YamlFile, session: FleetSession, format: Format = "text") -> Reply:
    """Store your comments with a plan: its YAML with your comments, and nothing else changed. Others see them with
    --yaml.
    """
    check_format(format)
    data = files.read(file)
    if data is None:
        raise UsageError(f"There is no file {display(file)}.")
    with Fleet.open(announce=render.note) as fleet:
        plans = FleetPlans(fleet)
        kept = plans.get(session)
        warnings = plans.review(kept, data)
        plans.note_shown(kept.whole)
    comments = sum(line.lstrip().startswith(b"#") or b" #" in line for line in data.splitlines())
    answer: rows.FleetReviewAnswer = {
        "fleet_session_id": session, "plan_oid": kept.whole.oid, "comments": comments,
    }  # fmt: skip
    return Reply(
        answer,
        [f"{session}: reviewed, with {counted(comments, 'line')} of comments"],
        status="success",
        warnings=warnings,
    )


def mistake(
    candidate: CandidateId, session: FleetSession, reason: Reason = "", format: Format = "text"
) -> Reply:
    """Report that ending a candidate was, or would have been, a mistake. Plans of the whole fleet may then risk less."""
    check_format(format)
    with Fleet.open(announce=render.note) as fleet:
        plans = FleetPlans(fleet)
        told = plans.report(plans.get(session).whole, candidate, reason)
    answer: rows.FleetMistakeAnswer = {
        "fleet_session_id": session, "candidate_id": candidate, "changed": told.changed, "budget": rows.budget_row(told.budget),
    }  # fmt: skip
    words = f"{candidate}: reported as a mistake" if told.changed else f"{candidate}: reported already"
    warnings = ["The hub is out of reach: other nodes hear of it when it is back."] if told.tentative else []
    return Reply(answer, [words, _budget(told.budget)], status="success", warnings=warnings)


def check_format(format: str) -> None:
    """Raise UsageError for a format that is none."""
    if format not in {"text", "json"}:
        raise UsageError(f"'{display(format[:40])}' is no format.", hint="One of text, json.")


def trust(reason: TrustReason, session: SessionFlag = None, format: Format = "text") -> Reply:
    """Let plans risk as much as before the reported mistakes (people only): say what was done about these."""
    check_format(format)
    with as_session(session, person("decides what plans may risk")) as (fleet, own):
        told = FleetPlans(fleet).trust(own, reason)
    data: rows.FleetTrustAnswer = {"changed": told.changed, "budget": rows.budget_row(told.budget)}
    return Reply(data, [_budget(told.budget)], status="success", session=own)


class _Progress:
    """How many hosts have answered, for whoever watches."""

    def __init__(self, total: int) -> None:
        self._total, self._count = total, 0

    def told(self, reply: ScanReply) -> None:
        self._count += 1
        render.progress(f"{self._count} of {self._total} hosts; {reply.host_id}: {reply.status}")

    def end(self) -> None:
        render.progress("")


def _shown(whole: WholePlan) -> Iterator[str | Grid]:
    yield from _hosts(whole)
    found = rows.candidates(whole)
    if found:
        cells = [
            (
                one["state"], one["candidate_id"], one["host_id"], one["action"], f"{one['category']} {one['signature']}",
                one["command"] or one["pattern"], amount(one["pss"] if one["pss"] is not None else one["rss"]),
                duration(one["age"]), f"{one['mistake']:.3f}", _why(one),
            )
            for one in found
        ]  # fmt: skip
        head = ("STATE", "CANDIDATE", "HOST", "ACTION", "WHAT", "COMMAND", "MEMORY", "AGE", "IN USE", "WHY")
        yield ""
        yield Grid(
            head, cells, coloured="STATE", colours=_STATES, optional=("WHY", "AGE", "COMMAND", "MEMORY")
        )
    yield ""
    yield from _selection(whole)


def _why(one: rows.FleetCandidateRow) -> str:
    found = sorted(one["evidence"], key=lambda piece: -abs(piece["bits"]))[:3]
    return ", ".join(f"{piece['feature']} {piece['bits']:+.1f}" for piece in found)


def _hosts(whole: WholePlan) -> Iterator[str | Grid]:
    cells = [
        (
            host.host_id,
            host.status,
            str(host.candidates),
            str(host.selected),
            _gaps(host.counts.unreadable),
            rows.host_words(host),
        )
        for host in whole.plan.hosts
    ]
    yield Grid(
        ("HOST", "STATUS", "PROPOSED", "SELECTED", "UNREADABLE", "WHY"), cells, optional=("UNREADABLE",)
    )


def _gaps(unreadable: int) -> str:
    return str(unreadable) if unreadable else ""


def _selection(whole: WholePlan) -> Iterator[str]:
    plan = whole.plan
    for one in plan.patterns[:10]:
        yield f"on {len(one.hosts)} hosts alike: {one.pattern} ({counted(one.count, 'time')})"
    tested = counted(plan.tested, "group")
    yield f"{plan.id}: {len(plan.selected)} selected of {tested} on {counted(len(plan.hosts), 'host')}, at most {plan.alpha:g} of them mistakes"
    if not plan.alpha:
        yield "mistakes have used up what plans may risk: nothing is selected until a person says why they are to be trusted again"
    elif not plan.selected and any(host.candidates for host in plan.hosts):
        yield f"nothing has evidence enough: the strongest would need {plan.needed:.1f} bits"
    if plan.offered:
        yield f"{len(plan.offered)} more could be paused or slowed down, if you name them"


def _next(whole: WholePlan) -> Iterator[str]:
    failed = [host for host in whole.plan.hosts if host.hint]
    for host in failed[:3]:
        yield f"{host.host_id}: {host.hint}"
    if whole.plan.selected:
        yield f"nothing has been done yet; look at it again: {advice.FLEET_SHOW.of(whole.plan.id)}"


def _fate(data: rows.FleetStatusAnswer, whole: WholePlan) -> Iterator[str]:
    age = duration(max(0, clock.now() - whole.plan.at))
    where = "here" if data["made_here"] else f"by node {whole.plan.node}"
    yield f"made {age} ago {where}; {'shown' if data['shown'] else 'not shown yet'}; {'applied' if data['applied'] else 'not applied'}"
    if data["outcomes"]:
        yield f"what came of it: {', '.join(f'{count} {word}' for word, count in data['outcomes'].items())}"
    if data["mistakes"]:
        yield f"reported as mistakes: {', '.join(data['mistakes'][:5])}"


def _budget(budget: risk.RiskBudget) -> str:
    row = rows.budget_row(budget)
    lost = f" ({row['lost']:.0%} lost to mistakes)" if row["lost"] else ""
    return f"plans may risk mistakes among at most {row['level']:g} of what they select{lost}"


def _write(path: str, kept: KeptPlan) -> str:
    """Write the YAML to a file, unless it is there with somebody's comments. Raises Blocked for a file that says something else."""
    there = files.read(path)
    if there is not None:
        try:
            plan_view.check(there, kept.whole)
        except plan_view.NoView as error:
            hint = "Name another file; you choose what to apply when you apply the plan."
            raise Blocked(
                f"{display(path)} is there, and is not this plan's YAML: {error}.", hint=hint
            ) from None
        return f"{path}: left as it is, it is this plan's"
    files.replace(os.path.abspath(path), service.latest_review(kept).encode(), mode=0o600)
    return f"{path}: written"
