"""`audit`: the commits of a range that no claim covered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated

from gitfleet.base import clock
from gitfleet.base.text import counted
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import audit_rows
from gitfleet.fleet.views.audit_rows import AuditAnswer, AuthorRow, NamedSessionRow
from gitfleet.githooks import commit_audit

Range = Annotated[
    list[str], Argument(metavar="RANGE...", help="Commits, as for `git log`: v1.0..main, HEAD, …")
]
Since = Annotated[
    str | None, Option("--since", metavar="DATE", help="Only commits younger than this, e.g. 1.year.")
]
SHOWN = 20
UNCOVERED = 16


def audit(revisions: Range, since: Since = None) -> Reply:
    """Look for commits that no claim covered, by the grants in the ledger (exit code 16 when there are any).

    Reads what this clone knows, without the network: `gitfleet sync` first where others work.
    """
    with Fleet.open() as fleet:
        done = fleet.audit(revisions, since=since)
    data = audit_rows.audited(done.found, done.grants)
    status, code = ("uncovered", UNCOVERED) if done.found.uncovered else ("ok", 0)
    return Reply(data, list(_lines(data)), status, code, [*_warnings(data, done.cut)])


def _lines(found: AuditAnswer) -> Iterator[str | Grid]:
    uncovered = found["uncovered"]
    yield (
        f"{counted(found['commits'], 'commit')}, {found['covered']} covered, {len(uncovered)} not; "
        f"by {counted(found['grants'], 'grant')} up to generation {found['generation']}"
    )
    for item in uncovered[:SHOWN]:
        why = "; ".join(commit_audit.REASONS[reason] for reason in item["reasons"])
        yield f"{item['commit'][:12]}  {clock.iso(item['at'])}  {item['author']}: {item['subject']}"
        yield f"  {why}: {_some([*item['claims'], *item['paths']])}"
    if len(uncovered) > SHOWN:
        yield f"... and {len(uncovered) - SHOWN} more (--json has all)"
    if uncovered:
        yield _grid("author", [(row["author"], row) for row in found["by_author"]])
        yield _grid("session", [(row["session"], row) for row in found["by_session"]])


def _grid(what: str, rows: Sequence[tuple[str, AuthorRow | NamedSessionRow]]) -> Grid:
    worst = [(name, row) for name, row in rows if row["uncovered"]][:SHOWN]
    cells = [(name or "(none)", str(row["commits"]), str(row["uncovered"])) for name, row in worst]
    return Grid((what, "commits", "uncovered"), cells)


def _some(items: Sequence[str]) -> str:
    shown = ", ".join(items[:5])
    return f"{shown} and {len(items) - 5} more" if len(items) > 5 else shown


def _warnings(found: AuditAnswer, cut: Collection[str]) -> Iterator[str]:
    """What may make the answer untrue; `cut` names the commits at which this clone's history was cut off."""
    ahead = sum(item["ahead"] for item in found["uncovered"])
    if ahead:
        named = counted(ahead, "commit")
        yield f"claims of {named} are newer than the ledger as this clone knows it; run `gitfleet sync` first"
    if any(item["commit"] in cut for item in found["uncovered"]):
        yield (
            "history is cut off in this clone, and its oldest commits look as if they had made every file; "
            "run `git fetch --unshallow` first"
        )
