"""`worktree ensure|list|status|reconcile`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from gitfleet.base.text import amount, duration
from gitfleet.cli import render
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Option
from gitfleet.clients.acting import CLIENTS
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import worktree_rows
from gitfleet.fleet.views.worktree_rows import ExceptionRow, WorktreeReconcileAnswer, WorktreeRow
from gitfleet.git.repository import discover
from gitfleet.githooks.agents import ready
from gitfleet.trunk import hub_head
from gitfleet.worktrees import reconcile_plan
from gitfleet.worktrees.ensure import Wish
from gitfleet.worktrees.liveness import User
from gitfleet.worktrees.model import MANAGED_DIR
from gitfleet.worktrees.outcome import PARTIAL, Outcome
from gitfleet.worktrees.reconcile_plan import ReconcileTerms
from gitfleet.worktrees.service import Ensured, Reconciled, Selection
from gitfleet.worktrees.upstream import Base

Agent = Annotated[str, Option("--agent", metavar="NAME", help="Which agent it is for.")]
BaseName = Annotated[
    str,
    Option("--base", metavar="BRANCH", help="The hub's branch to follow (default: the fleet's trunk)."),
]
Session = Annotated[
    str | None, Option("--session", "--session-id", metavar="ID", help="The session's own worktree.")
]
ManagedDir = Annotated[
    str, Option("--managed-dir", metavar="DIR", help="The folder that worktrees are made in.")
]
Strategy = Annotated[
    str,
    Option(
        "--strategy",
        metavar="HOW",
        help="How to bring the base in: merge, rebase, ff-only or none.",
        values=reconcile_plan.STRATEGIES,
    ),
]
DryRun = Annotated[bool, Option("--dry-run", help="Show what would be done and why; do nothing.")]
All = Annotated[bool, Option("--all", help="All managed worktrees of this clone.")]
Disk = Annotated[bool, Option("--disk", help="Also what disk each takes; every file is looked at.")]
Paths = Annotated[
    list[str] | None, Option("--path", metavar="PATH", help="The worktree at PATH; repeatable.")
]
Sessions = Annotated[
    list[str] | None,
    Option(
        "--session",
        metavar="ID",
        help="The worktree of this session; repeatable.",
        complete="own_sessions",
    ),
]
IncludeActive = Annotated[bool, Option("--include-active", help="Also where a process or a session works.")]


def ensure(
    agent: Agent = "codex",
    base: BaseName = "",
    session: Session = None,
    managed_dir: ManagedDir = MANAGED_DIR,
    reconcile: Annotated[
        bool, Option("--reconcile", help="Bring the base into a worktree that is reused.")
    ] = False,
    strategy: Strategy = reconcile_plan.MERGE,
    force_new: Annotated[bool, Option("--force-new", help="Make a new one, even if one is free.")] = False,
    print_path: Annotated[bool, Option("--print-path", help="Print only its path.")] = False,
    dry_run: DryRun = False,
) -> Reply:
    """Give a session a worktree of its own: a free one of the same agent, or a new one."""
    wish = Wish(
        agent=agent, base=base, session=session, folder=managed_dir, force_new=force_new, dry_run=dry_run
    )
    with Fleet.open(announce=render.note) as fleet:
        found = fleet.worktrees.ensure(wish, reconcile=reconcile, strategy=strategy)
        news = hub_head.news(fleet.ledger, once=True)
    for words in _hooks(found, agent):
        render.note(f"warning: {words}")
    return _ensured(found, news, print_path=print_path)


def listing() -> Reply:
    """List the managed worktrees of this clone."""
    with Fleet.open() as fleet:
        found = worktree_rows.listed(fleet.worktrees.look())
    cells = [
        (
            row["session"], row["agent"], row["branch"], row["base"],
            row["path"] + (" (its folder is gone)" if row["missing"] else ""),
        )
        for row in found["worktrees"]
    ]  # fmt: skip
    head = ("SESSION", "AGENT", "BRANCH", "BASE", "PATH")
    lines = render.table(cells, head) if cells else ["no managed worktrees"]
    return Reply(found, lines, warnings=_broken(found["broken"]))


def status(disk: Disk = False) -> Reply:
    """Show each managed worktree: its branch, what it has changed, who is at work there, and what reconcile would do."""
    with Fleet.open() as fleet:
        found = worktree_rows.states(*fleet.worktrees.status(disk=disk))
    head: tuple[str, ...] = (
        "SESSION",
        "AGENT",
        "BRANCH",
        "AHEAD",
        "BEHIND",
        "DIRTY",
        "IDLE",
        "USED BY",
        "RECONCILE",
    )
    head = (*head, "DISK") if disk else head
    grid = Grid(head, [_cells(row) for row in found["worktrees"]], optional=("AGENT", "BRANCH", "IDLE"))
    lines: list[str | Grid] = [grid] if found["worktrees"] else ["no managed worktrees"]
    return Reply(found, lines, warnings=_broken(found["broken"]))


def reconcile(
    everything: All = False,
    paths: Paths = None,
    sessions: Sessions = None,
    base: BaseName = "",
    strategy: Strategy = reconcile_plan.MERGE,
    include_active: IncludeActive = False,
    dry_run: DryRun = False,
) -> Reply:
    """Bring the base into managed worktrees (default: the one that this runs in)."""
    selection = Selection(everything=everything, paths=paths or (), sessions=sessions or ())
    wanted = ReconcileTerms(strategy=strategy, include_active=include_active, dry_run=dry_run)
    with Fleet.open(announce=render.note) as fleet:
        found = fleet.worktrees.reconcile(selection, wanted, base=base)
        return _reconciled(found, hub_head.news(fleet.ledger, once=True))


def _hooks(found: Ensured, agent: str) -> list[str]:
    """Put the hooks of the client that the agent is named after into its worktree; what failed."""
    client = agent.partition("-")[0]
    if client not in CLIENTS or not found.choice.done:
        return []
    return ready.prepare(client, discover(found.managed.path))


def _ensured(found: Ensured, news: Sequence[str], *, print_path: bool) -> Reply:
    managed, choice = found.managed, found.choice
    made = "new" if choice.created else "reused"
    told = made if choice.done else f"would be {made}"
    lines = (
        [managed.path]
        if print_path
        else [f"{told}: {managed.path} (session {managed.session}, branch {managed.branch})"]
    )
    if not print_path:
        lines += [f"not free: {path}: {why}" for path, why in choice.passed]
        lines += [_line(found.outcome)] if found.outcome else []
    failed = found.outcome is not None and found.outcome.failed
    warnings = [*_stale([found.base]), *news]
    return Reply(
        worktree_rows.ensured(found),
        lines,
        code=PARTIAL if failed else 0,
        warnings=warnings,
        session=managed.session,
    )


def _cells(row: WorktreeRow) -> tuple[str, ...]:
    ahead, behind, dirty = (
        "?" if one is None else str(one) for one in (row["ahead"], row["behind"], row["dirty"])
    )
    branch = "?" if row["branch"] is None else row["branch"] or "(detached)"
    idle = "?" if row["idle"] is None else duration(row["idle"])
    used = str(User(**row["users"][0])) if row["users"] else "reserved" if row["reserved"] else ""
    word, reason = row["reconcile"]["result"], row["reconcile"]["reason"]
    would = f"would bring it in ({reason})" if word == "go" else f"{word}: {reason}"
    cells = (row["session"], row["agent"], branch, ahead, behind, dirty, idle, used, would)
    return cells if row["disk"] is None else (*cells, amount(row["disk"]))


def _reconciled(found: Reconciled, news: Sequence[str]) -> Reply:
    data = worktree_rows.reconciled(found)
    lines = [_line(outcome) for outcome in found.outcomes] or ["no managed worktrees"]
    lines += counts(data)
    warnings = [*_stale(found.bases), *news, *_broken(data["broken"])]
    return Reply(data, lines, code=PARTIAL if found.failed else 0, warnings=warnings)


def counts(data: WorktreeReconcileAnswer) -> list[str]:
    """How many worktrees came to what, in one line, where there are several."""
    if len(data["outcomes"]) < 2:
        return []
    return [", ".join(f"{count} {word}" for word, count in sorted(data["summary"].items()))]


def _broken(rows: Sequence[ExceptionRow]) -> list[str]:
    return [f"{row['path']}: {row['why']}" for row in rows]


def _line(outcome: Outcome) -> str:
    return f"{outcome.result}: {outcome.session}: {outcome.reason}"


def _stale(bases: Sequence[Base]) -> list[str]:
    return [
        f"{base.name} could not be fetched, so this uses its last known state: {base.error}"
        for base in bases
        if not base.fresh
    ]
