"""What `status` says, for people and for programs. Imports no command line framework: agents ask this often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitfleet.base.text import counted, duration, one_line
from gitfleet.claims.conflict_text import stays
from gitfleet.claims.model import Claim
from gitfleet.cli.answer import Answer, Grid
from gitfleet.cli.claiming import freshness
from gitfleet.cli.messages import heard
from gitfleet.fleet import hooks
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.status import SessionStatus, Status
from gitfleet.nodes import liveness

HEAD = (
    "SESSION", "LIVENESS", "AGENT", "PATTERN", "BRANCH", "+/-", "DIRTY", "CLAIMS", "ACTIVE", "NODE", "WORKTREE", "TITLE",
)  # fmt: skip
OPTIONAL = ("WORKTREE", "PATTERN", "NODE", "ACTIVE", "TITLE")
SHOWN = 20
COLOURS = {"alive": "green", "dead": "red", "quiet": "yellow", "unknown": "dim", "person": "cyan"}


def look(tail: int) -> Answer:
    """Every session of the fleet, with the last `tail` lines of its log."""
    with Fleet.open(bulk=True) as fleet:
        found = fleet.status(tail=tail)
        warnings = [*found.warnings, *hooks.warnings(fleet), *heard(fleet), *freshness(fleet, found.state)]
        alarm = found.ledger["alarm"]
        if alarm:
            warnings.append(f"{alarm['message']} {alarm['hint']}")
        return Answer("status", found.as_record(), list(_lines(found)), warnings=warnings)


def gist(answer: Answer) -> object:
    """An answer without what moves with the clock alone."""
    rows = [{**row, "idle": 0, "quiet_for": 0} for row in answer.data.get("sessions", ())]
    ledger = {**answer.data.get("ledger", {}), "age": 0}
    return rows, answer.data.get("retained", ()), ledger, len(answer.warnings)


def _lines(found: Status) -> Iterator[str | Grid]:
    yield _ledger(found.ledger)
    yield _summary(found.sessions) if found.sessions else "no sessions"
    if found.sessions:
        rows = [_cells(row) for row in found.sessions]
        yield Grid(HEAD, rows, coloured="LIVENESS", colours=COLOURS, optional=OPTIONAL)
    if found.retained:
        yield f"retained after their sessions have ended: {counted(len(found.retained), 'claim')}"
        yield from (f"  {line}" for line in _retained(found.retained))
    for row in found.sessions:
        if row.log_tail:
            yield ""
            yield f"{row.session.id}: the last {len(row.log_tail)} lines of its log"
            yield from (f"  | {line}" for line in row.log_tail)


def _ledger(ledger: Mapping[str, Any]) -> str:
    words = [f"node {ledger['node']}, ledger at generation {ledger['generation']}"]
    if ledger["hub"] is None:
        words.append("this clone is the hub")
    elif ledger["age"] is None:
        words.append(f"the hub '{ledger['hub']}' was not seen yet")
    else:
        words.append(f"the hub '{ledger['hub']}' was seen {duration(ledger['age'])} ago")
    if ledger["tentative"]:
        words.append(f"waiting for it: {counted(ledger['tentative'], 'operation')}")
    if ledger["alarm"]:
        words.append("ALARM, see below")
    return "; ".join(words)


def _summary(rows: Sequence[SessionStatus]) -> str:
    counts = Counter(row.liveness.word for row in rows)
    words = ", ".join(f"{counts[word]} {word}" for word in liveness.WORDS if counts[word])
    claims = counted(sum(len(row.claims) for row in rows), "claim")
    return f"{counted(len(rows), 'session')} ({words}), {claims}"


def _retained(claims: Sequence[Claim]) -> list[str]:
    """The claims that stay with branches and worktrees, the first of them a line each."""
    lines = [
        f"{one_line(claim.pattern, 60)} of {claim.session}, {stays([one.as_record() for one in claim.retained])}"
        for claim in claims[:SHOWN]
    ]
    more = len(claims) - SHOWN
    return [*lines, *([f"and {more} more: `gitfleet claims`"] if more > 0 else [])]


def _cells(row: SessionStatus) -> tuple[str, ...]:
    session, detail = row.session, row.detail
    counts = f"+{detail.ahead} -{detail.behind}" if detail and detail.ahead is not None else "-"
    dirty = str(detail.dirty) if detail and detail.dirty is not None else "-"
    active = f"{duration(row.idle)} ago" if row.idle is not None else "-"
    return (
        session.id, str(row.liveness), one_line(session.agent, 20), session.pattern, row.branch or "-", counts, dirty,
        _claims(row), active, session.node, session.worktree, one_line(session.title, 60),
    )  # fmt: skip


def _claims(row: SessionStatus) -> str:
    if not row.claims:
        return "0"
    return f"{len(row.claims)}: {one_line(', '.join(claim.pattern for claim in row.claims), 40)}"
