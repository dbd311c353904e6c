"""`pool list|show|pause|resume`: accounts that agents share, and whether something of them may be started."""

from __future__ import annotations

import os
from typing import Annotated

from gitfleet.base import clock, text
from gitfleet.cli import render
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.jobs import Config, config_path
from gitfleet.cli.options import seconds
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import pool_rows
from gitfleet.fleet.views.pool_rows import PoolRow
from gitfleet.jobs import submission
from gitfleet.jobs.errors import ConfigurationError
from gitfleet.jobs.shared import pausing
from gitfleet.jobs.shared.pausing import PoolState

PoolName = Annotated[str, Argument(metavar="POOL", help="A pool, as agent files name it.")]
Reason = Annotated[str, Option("--reason", metavar="TEXT", help="Why; shown to those who wait.")]
For = Annotated[str, Option("--for", metavar="TIME", help="How long (default: until it is resumed).")]
Until = Annotated[str, Option("--until", metavar="MOMENT", help="Until then, such as 2026-12-01T08:00Z.")]


def listing(config: Config = "") -> Reply:
    """List the pools that agent files here name, and those that are paused anywhere."""
    rows = [pool_rows.pool_row(one, clock.now()) for one in _states(config)]
    cells = [(row["name"], _word(row), row["reason"], ", ".join(row["agents"])) for row in rows]
    grid = Grid(("POOL", "STATE", "WHY", "AGENTS"), cells, optional=("AGENTS",))
    return Reply({"pools": rows}, [grid] if rows else ["no pools"])


def show(pool: PoolName, config: Config = "") -> Reply:
    """Show a pool: whether it is paused, until when, why, and by which node."""
    row = pool_rows.pool_row(pausing.one_of(_states(config), pool), clock.now())
    lines = [f"{pool}: {_word(row)}"]
    if row["paused"]:
        lines.append(f"why: {row['reason'] or '(no reason was given)'}")
        lines.append(f"paused at {clock.iso(row['at'])} by node {row['node']}")
        lines += [f"job: {row['job']}"] if row["job"] else []
    return Reply({"pool": row}, [*lines, f"agents here: {', '.join(row['agents']) or 'none'}"])


def pause(pool: PoolName, reason: Reason = "", span: For = "", until: Until = "") -> Reply:
    """Stop all nodes from starting jobs of a pool, until its end or until it is resumed. What runs goes on."""
    if span and until:
        raise UsageError("--for and --until exclude each other.", hint="Leave one of them out.")
    end = clock.now() + seconds(span) if span else clock.parsed(until) if until else 0
    if until and not end:
        raise UsageError(f"'{text.display(until[:60])}' is no moment.", hint="Write it as 2026-12-01T08:00Z.")
    pausing.named(pool)
    with Fleet.open(announce=render.note) as fleet:
        done = pausing.pause(fleet.ledger, pool, end, reason)
    return _told(PoolState(pool, done.pause), tentative=done.tentative, more=_unnamed(pool))


def resume(pool: PoolName) -> Reply:
    """Let jobs of a pool be started again, on all nodes."""
    pausing.named(pool)
    with Fleet.open(announce=render.note) as fleet:
        done = pausing.resume(fleet.ledger, pool)
        more = "" if done.changed else " (it was not paused)"
        return _told(PoolState(pool), tentative=done.tentative, more=more)


def _states(config: str) -> list[PoolState]:
    path = config_path(config)
    agents = submission.load(path).agents.values() if config or os.path.isdir(path) else ()
    with Fleet.open(announce=render.note) as fleet:
        return pausing.known(fleet.ledger, agents)


def _unnamed(pool: str) -> str:
    """That no agent file here names the pool; "" where one does, or where they cannot be read."""
    path = config_path("")
    try:
        agents = submission.load(path).agents.values() if os.path.isdir(path) else ()
    except ConfigurationError:
        return ""
    named = any(agent.pool == pool for agent in agents)
    return "" if named else " (no agent file here names this pool; those of other clones may)"


def _told(state: PoolState, *, tentative: bool, more: str = "") -> Reply:
    row = pool_rows.pool_row(state, clock.now())
    warnings = ["The hub is out of reach: other nodes hear of it when it is back."] if tentative else []
    status = "tentative" if tentative else ""
    return Reply({"pool": row}, [f"{state.name}: {_word(row)}{more}"], status=status, warnings=warnings)


def _word(row: PoolRow) -> str:
    if not row["paused"]:
        return "open"
    return f"paused until {clock.iso(row['until'])}" if row["until"] else "paused until it is resumed"
