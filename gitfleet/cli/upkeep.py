"""`worktree cleanup|archive|restore`: taking worktrees away, and getting them back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from gitfleet.base import clock
from gitfleet.base.names import BranchName
from gitfleet.base.text import duration
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.worktrees import All, BaseName, DryRun, IncludeActive, Paths, Sessions, counts
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import archive_rows, worktree_rows
from gitfleet.fleet.views.archive_rows import ArchiveAnswer, ArchiveListAnswer, RestoreAnswer
from gitfleet.git.repository import discover
from gitfleet.trunk import hub_head
from gitfleet.worktrees import archive_store, archiving, ignored
from gitfleet.worktrees.archive import Archive
from gitfleet.worktrees.cleanup import Cleaned
from gitfleet.worktrees.outcome import PARTIAL, Outcome
from gitfleet.worktrees.removable import HOUR, CleanupTerms
from gitfleet.worktrees.service import Selection

Ignored = Annotated[
    list[str] | None,
    Option(
        "--ignored",
        metavar="WHICH",
        help="Ignored files to archive: small (default), all, none, or a pattern; repeatable.",
        values=(ignored.SMALL, ignored.ALL, ignored.NONE),
    ),
]
Hours = Annotated[
    float, Option("--ttl-hours", metavar="HOURS", help="How long a worktree must have been idle.")
]
Delete = Annotated[
    bool | None,
    Option(
        "--delete-branches/--no-delete-branches",
        help="Also delete the branches of removed worktrees, or no branches (default: landed ones without a worktree).",
    ),
]


def clean(
    base: BaseName = "",
    ttl_hours: Hours = 24.0,
    everything: All = False,
    paths: Paths = None,
    sessions: Sessions = None,
    delete_branches: Delete = None,
    include_active: IncludeActive = False,
    ignored_files: Ignored = None,
    dry_run: DryRun = False,
) -> Reply:
    """Remove managed worktrees that are idle and whose work is on the hub; archive the rest of what they hold first."""
    selection = Selection(
        everything=everything or not (paths or sessions), paths=paths or (), sessions=sessions or ()
    )
    terms = CleanupTerms(
        ttl=_seconds(ttl_hours),
        include_active=include_active,
        delete_branches=delete_branches is True,
        prune_branches=delete_branches is not False,
        ignored=ignored.check(ignored_files or ()),
        dry_run=dry_run,
    )
    with Fleet.open(announce=render.note) as fleet:
        found = fleet.worktrees.cleanup(terms, selection, base=base)
        return _cleaned(found, hub_head.news(fleet.ledger, once=True), dry_run=dry_run)


def archive(
    place: Annotated[
        str | None,
        Argument(metavar="[PATH|SESSION]", help="Which worktree (default: the one that this runs in)."),
    ] = None,
    listing: Annotated[bool, Option("--list", help="List the archives of this clone.")] = False,
    drop: Annotated[str | None, Option("--drop", metavar="ID", help="Delete an archive for good.")] = None,
    ignored_files: Ignored = None,
) -> Reply:
    """Keep everything that a worktree holds in one commit of this clone, and remove nothing."""
    if sum([place is not None, listing, drop is not None]) > 1:
        raise UsageError("A worktree, --list and --drop exclude each other.", hint="Choose one.")
    if listing:
        return _listed()
    return _dropped(drop) if drop is not None else _archived(place, ignored_files or ())


def bring_back(
    archive_id: Annotated[
        str, Argument(metavar="ID", help="Which archive; `worktree archive --list` shows them.")
    ],
    path: Annotated[
        str | None, Option("--path", metavar="PATH", help="Where to put it (default: where it was).")
    ] = None,
) -> Reply:
    """Bring an archived worktree back: its branch, index and files, byte for byte. Overwrites nothing."""
    with Fleet.open(announce=render.note) as fleet:
        found = fleet.worktrees.restore(archive_id, path)
    data: RestoreAnswer = {
        "archive": archive_rows.archive(found.archive),
        "path": found.path,
        "branch": BranchName(found.branch),
        "notes": list(found.notes),
    }
    on = (
        f"on the branch {found.branch}"
        if found.branch
        else f"at {found.archive.owner.head[:12]}, on no branch"
    )
    lines = [f"restored: {found.path}, {on}, {found.archive.files} files", *found.notes]
    return Reply(data, lines, session=found.archive.owner.session)


def _seconds(hours: float) -> int:
    if not math.isfinite(hours) or not 0 <= hours <= 24 * 3660:
        raise UsageError(f"{hours} is not a time to live.", hint="Pass hours, e.g. --ttl-hours 24.")
    return int(hours * HOUR)


def _cleaned(found: Cleaned, news: Sequence[str], *, dry_run: bool) -> Reply:
    data = worktree_rows.cleaned(found, dry_run=dry_run)
    lines = [*found.recovered, *[_line(outcome) for outcome in found.outcomes]] or ["no managed worktrees"]
    lines += counts(data)
    warnings = [f"{base.name} could not be fetched: {base.error}" for base in found.bases if not base.fresh]
    warnings += news
    warnings += [f"{item.path}: {item.why}; it was left alone" for item in found.broken]
    return Reply(data, lines, code=PARTIAL if found.failed else 0, warnings=warnings)


def _line(outcome: Outcome) -> str:
    own = outcome.facts.get("branch_deleted") and outcome.facts["kind"] != "branch"
    deleted = "; its branch was deleted" if own else ""
    return f"{outcome.result}: {outcome.session}: {outcome.reason}{deleted}"


def _archived(place: str | None, words: Sequence[str]) -> Reply:
    made = archiving.take(discover(), place, words)
    lines = [f"archived: {made.owner.path} as {made.id}, {made.files} files"]
    lines += [f"not archived: {row}" for row in made.left_out]
    return _answer(made, lines, dropped=False)


def _dropped(archive_id: str) -> Reply:
    common = discover().git
    found = archive_store.find(common, archive_id)
    archive_store.drop(common, found)
    lines = [f"dropped: {found.id} (its commit was {found.oid}, which git keeps for a while)"]
    return _answer(found, lines, dropped=True)


def _answer(found: Archive, lines: list[str], *, dropped: bool) -> Reply:
    data: ArchiveAnswer = {"archive": archive_rows.archive(found), "dropped": dropped}
    return Reply(data, lines, session=found.owner.session)


def _listed() -> Reply:
    found = archive_store.everything(discover().git)
    data: ArchiveListAnswer = {"archives": [archive_rows.archive(one) for one in found.archives]}
    rows = [
        (
            row["id"], f"{duration(clock.now() - row['at'])} ago", row["branch"] or "(detached)", str(row["files"]),
            row["path"],
        )
        for row in data["archives"]
    ]  # fmt: skip
    lines = render.table(rows, ("ARCHIVE", "MADE", "BRANCH", "FILES", "WAS AT")) if rows else ["no archives"]
    return Reply(data, lines, warnings=found.broken)
