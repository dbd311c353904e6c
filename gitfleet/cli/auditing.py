"""`audit`: the commits of a range that no claim covered."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from gitfleet.base import clock, files
from gitfleet.base.text import counted
from gitfleet.claims import grant_history
from gitfleet.cli import boundary
from gitfleet.cli.answer import Answer, Grid
from gitfleet.cli.options import Json
from gitfleet.errors import NoFleet
from gitfleet.fleet.fleet import Fleet
from gitfleet.githooks import audit as audits
from gitfleet.githooks import history

Range = Annotated[
    list[str], typer.Argument(metavar="RANGE...", help="Commits, as for `git log`: v1.0..main, HEAD, …")
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="Only commits younger than this, e.g. 1.year.")
]
SHOWN = 20
UNCOVERED = 16


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(audit)


def audit(revisions: Range, since: Since = None, as_json: Json = False) -> int:
    """Look for commits that no claim covered, by the grants in the ledger (exit code 16 when there are any).

    Reads what this clone knows, without the network: `gitfleet sync` first where others work.
    """
    return boundary.run("audit", lambda: _audit(revisions, since), as_json=as_json)


def _audit(revisions: Sequence[str], since: str | None) -> Answer:
    with Fleet.open() as fleet:
        tip = fleet.ledger.tip()
        if tip is None:
            raise NoFleet("This clone has no ledger yet.", hint="Run `gitfleet init` here.")
        granted = grant_history.read(fleet.repository.git, tip)
        made = history.walk(fleet.repository.here, revisions, since=since)
        found = audits.audit(made, granted, case_sensitive=fleet.policy.case_sensitive)
        cut = files.read(os.path.join(fleet.repository.common_dir, "shallow")) or b""
    code = UNCOVERED if found.uncovered else 0
    lines = list(_lines(found, granted))
    return Answer(
        "audit", _data(found, granted), lines, "uncovered" if code else "ok", code, [*_warnings(found, cut)]
    )


def _data(found: audits.Audit, granted: grant_history.Grants) -> dict[str, Any]:
    return {
        "commits": found.commits,
        "covered": found.commits - len(found.uncovered),
        "generation": granted.generation,
        "grants": len(granted),
        "uncovered": [item.as_record() for item in found.uncovered],
        "by_author": _tallies("author", found.by_author),
        "by_session": _tallies("session", found.by_session),
    }


def _tallies(what: str, tallied: Mapping[str, Counter[str]]) -> list[dict[str, Any]]:
    """The counts, those with most to tell first."""
    rows = sorted(tallied.items(), key=lambda row: (-row[1]["uncovered"], -row[1]["commits"], row[0]))
    return [
        {what: name, "commits": tally["commits"], "uncovered": tally["uncovered"]} for name, tally in rows
    ]


def _lines(found: audits.Audit, granted: grant_history.Grants) -> Iterator[str | Grid]:
    uncovered = len(found.uncovered)
    yield (
        f"{counted(found.commits, 'commit')}, {found.commits - uncovered} covered, {uncovered} not; "
        f"by {counted(len(granted), 'grant')} up to generation {granted.generation}"
    )
    for item in found.uncovered[:SHOWN]:
        made = item.commit
        why = "; ".join(audits.REASONS[reason] for reason in item.reasons)
        yield f"{made.oid[:12]}  {clock.iso(made.at)}  {made.author}: {made.subject}"
        yield f"  {why}: {_some([*item.claims, *item.paths])}"
    if uncovered > SHOWN:
        yield f"... and {uncovered - SHOWN} more (--json has all)"
    if uncovered:
        yield _grid("author", found.by_author)
        yield _grid("session", found.by_session)


def _grid(what: str, tallied: Mapping[str, Counter[str]]) -> Grid:
    worst = [row for row in _tallies(what, tallied) if row["uncovered"]][:SHOWN]
    rows = [(str(row[what]) or "(none)", str(row["commits"]), str(row["uncovered"])) for row in worst]
    return Grid((what, "commits", "uncovered"), rows)


def _some(items: Sequence[str]) -> str:
    shown = ", ".join(items[:5])
    return f"{shown} and {len(items) - 5} more" if len(items) > 5 else shown


def _warnings(found: audits.Audit, cut: bytes) -> Iterator[str]:
    """What may make the answer untrue; `cut` names the commits at which this clone's history was cut off."""
    ahead = sum(item.ahead for item in found.uncovered)
    if ahead:
        named = counted(ahead, "commit")
        yield f"younger than the ledger that is known here are claims of {named}; run `gitfleet sync` first"
    ends = cut.decode("ascii", "replace").split()
    if any(item.commit.oid in ends for item in found.uncovered):
        yield (
            "history is cut off in this clone, and its oldest commits look as if they had made every file; "
            "run `git fetch --unshallow` first"
        )
