"""`check --range` and `check --staged`: commits, or what is about to be one, judged against the hub of now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitfleet.base.text import counted, display
from gitfleet.claims import fencing, model, orphans
from gitfleet.cli import ci_annotations
from gitfleet.cli.answer import Reply
from gitfleet.errors import PolicyRefused, Unverifiable
from gitfleet.fleet import hub_state
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.hub_state import Present
from gitfleet.fleet.views import commit_rows
from gitfleet.git.repository import Repository, discover
from gitfleet.githooks import index
from gitfleet.mergequeue import arrivals
from gitfleet.mergequeue.arrivals import Arrival
from gitfleet.obstacles import Obstacle
from gitfleet.trunk import commit_verdicts, incoming, landing, ranges
from gitfleet.trunk.commit_verdicts import Judged
from gitfleet.trunk.ranges import Range

SHOWN = 200

_STATUS = {0: "ok", 10: "conflict", 13: "unverifiable", 15: "stale", 16: "unclaimed"}


def commits(text: str, hub: str | None, report: str | None, directory: str = ".") -> Reply:
    """Judge the commits of a range. `report` is a file to write GitLab's code quality report into."""
    repository = discover(directory)
    wanted = ranges.ends(text)
    with hub_state.present(repository, hub) as now:
        if now.policy.commits == "off" and not now.queue.required:
            return _answer(now, [], (wanted.base, wanted.head), report)
        with ranges.opened(repository, now.hub, now.trunk, text) as found:
            new = list(incoming.commits(found.git, *found.revisions))
            rows = commit_verdicts.judged(now.view, now.policy, found.git, new)
            arrival = _arrival(repository, now, found) if now.queue.required else None
        return _answer(now, rows, (found.base, found.head), report, arrival=arrival)


def _arrival(repository: Repository, now: Present, found: Range) -> Arrival | None:
    """The range as a change of the trunk, where it is one and no entry landed it: its head is on the trunk of the hub."""
    if not now.target:
        return None
    try:
        with ranges.opened(repository, now.hub, now.trunk, f"{found.head}..{now.target}") as since:
            if not landing.contains(since.git, now.target, found.head):
                return None
            gone = not landing.contains(since.git, now.target, found.base)
    except Unverifiable:  # nothing in common
        return None
    arrival = arrivals.judged(now.view, found.git, now.trunk, found.base, found.head)
    arrival = arrival._replace(back=arrival.back and gone)
    return None if arrivals.is_allowed(now.view, found.git, arrival) else arrival


def staged(session: str | None, report: str | None) -> Reply:
    """Judge what is staged as a commit of the session at work here, made under the claims that it has now."""
    from gitfleet.githooks import full_gate  # the gate's own way to tell who commits

    with Fleet.open() as fleet:
        now = hub_state.of_node(fleet)
        session = session or full_gate.whoami(fleet) or ""
        paths = tuple(index.paths(fleet.repository))
        mine = incoming.IncomingCommit("", paths, session, _claims(now, session), (session,))
        rows = commit_verdicts.judged(now.view, now.policy, fleet.repository.here, [mine])
        held = [
            Obstacle(path=one.path, session=one.holder, claim=one.held)
            for row in rows
            for one in row.verdicts
            if one.state == fencing.THEIRS
        ]
        freed = orphans.advice(fleet.claims.orphans.marked(held))
        return _answer(now, rows, ("", ""), report, [freed] if freed else [])


def _answer(
    now: Present,
    rows: Sequence[Judged],
    ends: tuple[str, str],
    report: str | None,
    more: Sequence[str] = (),
    arrival: Arrival | None = None,
) -> Reply:
    code = commit_verdicts.worst(now.policy, rows) or (PolicyRefused.exit_code if arrival else 0)
    if report is not None:
        ci_annotations.write_report(report, now.policy, rows)
    data = commit_rows.judged(now, rows, *ends, strange=arrival.strange if arrival else ())
    refused = (
        [arrivals.words(arrival), f"next: add your branch to the queue: {arrivals.NEXT}"] if arrival else []
    )
    lines = ci_annotations.shielded([*_lines(now, rows), *"\n".join(refused).splitlines()])
    lines += ci_annotations.for_github(now.policy, rows)
    status = _STATUS[code]
    warnings = [ci_annotations.tame(text) for text in [*now.warnings, *_warned(now, rows), *more]]
    return Reply(data, lines, status, code, warnings)


def _claims(now: Present, session: str) -> tuple[str, ...]:
    """The claims that stand for the session at the hub, as a commit would name them."""
    if not session:
        return ()
    found = model.of_session(now.view, session)
    return tuple(f"{claim.id}@{claim.token}" for claim in found if isinstance(claim, model.Claim))


def _lines(now: Present, rows: Sequence[Judged]) -> Iterator[str]:
    where = f"the hub '{now.hub}'" if now.hub else "this clone, which is the hub"
    if now.policy.commits == "off":
        yield f"nothing was judged: by the rules of {where}, commits need no claims (commits: off)"
        return
    paths = sum(len(row.verdicts) for row in rows)
    yield (
        f"{counted(len(rows), 'commit')} with {counted(paths, 'changed path')}, judged by {where} at generation {now.tip.generation} "
        f"(commits: {now.policy.commits})"
    )
    bad = list(commit_verdicts.stopping(now.policy, rows))
    for row, verdict in bad[:SHOWN]:
        name = row.commit.oid[:12] or "staged"
        yield f"{name} {display(verdict.path)}: {commit_verdicts.words(verdict)}"
    if len(bad) > SHOWN:
        yield f"... and {len(bad) - SHOWN} more"
    states = {verdict.state for _, verdict in bad}
    yield from (
        f"next: {commit_verdicts.ADVICE[state]}" for state in commit_verdicts.ERRORS if state in states
    )
    if not bad:
        yield "every path is covered"


def _warned(now: Present, rows: Sequence[Judged]) -> list[str]:
    count = sum(1 for _ in commit_verdicts.stopping(now.policy, rows))
    if now.policy.commits != "warn" or not count:
        return []
    return [f"not covered: {counted(count, 'path')}; by the rules (commits: warn) that stops nothing"]
