"""`worktree maintain`, and `maintainer install|status|uninstall|logs|run`: upkeep now, and regularly."""

from __future__ import annotations

import os
from typing import Annotated

from gitfleet.base import clock
from gitfleet.base.text import duration
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.options import seconds
from gitfleet.errors import FleetError
from gitfleet.fleet import upkeep_facade
from gitfleet.fleet.attention import notifying
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import maintainer_rows, upkeep_rows
from gitfleet.fleet.views.maintainer_rows import LastRunRow, MaintainerLogsAnswer
from gitfleet.git.repository import discover
from gitfleet.ledger import own_node
from gitfleet.upkeep import maintainer, round, schedulers
from gitfleet.upkeep.maintainer import Maintainer, Options
from gitfleet.worktrees import reconcile_plan

Base = Annotated[
    str, Option("--base", metavar="BRANCH", help="The branch to bring in (default: each worktree's).")
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
Ttl = Annotated[
    float,
    Option("--ttl-hours", min=0.0, max=87600.0, metavar="HOURS", help="How long idle worktrees are kept."),
]
OnlyReconcile = Annotated[
    bool,
    Option("--reconcile-only/--cleanup", help="Whether to keep idle worktrees."),
]
IncludeActive = Annotated[bool, Option("--include-active", help="Also worktrees that someone works in.")]
Branches = Annotated[
    bool,
    Option(
        "--delete-branches/--no-delete-branches", help="Whether cleanup deletes branches that have landed."
    ),
]
DryRun = Annotated[bool, Option("--dry-run", help="Show what would be done, and change nothing.")]
Every = Annotated[str, Option("--every", metavar="TIME", help="How often, e.g. 5m or 1h.")]
Kind = Annotated[
    str | None,
    Option(
        "--kind",
        metavar="KIND",
        help="launchd, systemd or cron (default: what this system has).",
        values=schedulers.KINDS,
    ),
]
Print = Annotated[
    bool, Option("--print", "--dry-run", help="Show what would be put where, and change nothing.")
]
Tail = Annotated[int, Option("--tail", min=1, max=100_000, metavar="N", help="How many lines.")]


def maintain(
    base: Base = "", strategy: Strategy = "merge", ttl_hours: Ttl = 24.0, reconcile_only: OnlyReconcile = False,
    include_active: IncludeActive = False, delete_branches: Branches = False, dry_run: DryRun = False,
) -> Reply:  # fmt: skip
    """Bring the base in everywhere, clean up what is idle and safe, end dead sessions, exchange with the hub.

    If one part fails, the others are done all the same; the exit code is 21 then, with a summary.
    """
    options = Options(strategy, base, int(ttl_hours * 3600), reconcile_only, include_active, delete_branches)
    with Fleet.open(bulk=True, announce=render.note) as fleet:
        done = fleet.upkeep.run(options, dry_run=dry_run)
    data = upkeep_rows.upkeep(done)
    return Reply(data, done.words(), code=done.code, warnings=done.warnings)


def install(
    every: Every = "5m", kind: Kind = None, strategy: Strategy = "merge", base: Base = "", ttl_hours: Ttl = 24.0,
    reconcile_only: OnlyReconcile = True, include_active: IncludeActive = False, delete_branches: Branches = False,
    preview: Print = False,
) -> Reply:  # fmt: skip
    """Have the system run upkeep of this clone regularly. Run it again to change its options; twice is harmless."""
    options = Options(strategy, base, int(ttl_hours * 3600), reconcile_only, include_active, delete_branches)
    pause = seconds(every)
    upkeep_facade.check(options)
    found = _clone()
    scheduler = schedulers.choose(kind)
    if not preview:
        found.install(scheduler, pause, options)
    data = maintainer_rows.installed(
        scheduler, found.name, pause, found.preview(scheduler, pause), done=not preview
    )
    if preview:
        lines = [
            line for file in data["files"] for line in (f"# {file['path']}", *file["text"].splitlines(), "")
        ]
    else:
        places = ", ".join(file["path"] for file in data["files"])
        lines = [f"{scheduler.kind} runs upkeep of this clone every {duration(pause)}: {places}"]
        if scheduler.kind == "systemd":
            lines.append("it runs while you are logged in; `loginctl enable-linger` has it run always")
    return Reply(data, lines)


def status() -> Reply:
    """Show what is installed, how the last run went, and when the next one comes."""
    found = maintainer_rows.status(_clone())
    every, upcoming = duration(found["every"]), found["next_run"]
    there = f"{found['kind']}, every {every}, {', '.join(found['places'])}"
    lines = [f"installed: {there}" if found["installed"] else "not installed"]
    lines += [f"running now: {found['running']}"] if found["running"] else []
    lines.append(f"last run: {_last_words(found['last']) if found['last'] else 'none yet'}")
    lines += [f"next run: about {clock.iso(upcoming)}"] if upcoming else []
    lines += [f"problem: {problem}" for problem in found["problems"]]
    return Reply(found, lines)


def uninstall() -> Reply:
    """Remove it again, and nothing else."""
    found = maintainer_rows.removed(Maintainer(discover()).uninstall())
    lines = [f"the maintainer is gone from {kind}" for kind in found["removed"]]
    return Reply(found, lines or ["no maintainer was installed"])


def logs(tail: Tail = 50) -> Reply:
    """Show the end of the log of its runs."""
    found = _clone()
    data: MaintainerLogsAnswer = {"log": found.log, "lines": found.tail(tail)}
    return Reply(data, data["lines"] or ["nothing was logged yet"])


def run() -> Reply:
    """One run, as the system starts it: with the options of the install, logged, and only while no other goes on."""
    found = _clone()
    turn = found.begin()
    if turn is None:
        words = f"another run goes on: {found.lock.holder()}"
        return Reply(upkeep_rows.ran(round.Round(), words), [words])
    record = found.installed()
    os.environ["PATH"] = maintainer.search_path(record)
    options = record.options if record else Options()
    code, lines = 70, ["the run ended early"]
    try:
        with Fleet.open(bulk=True) as fleet:
            done = fleet.upkeep.run(options, processing=True)
        code, lines = done.code, [*done.words(), *[f"warning: {words}" for words in done.warnings]]
    except FleetError as error:
        code, lines = error.exit_code, [error.message]
        raise
    finally:
        turn.end(code, lines)
        told = _notified()
    return Reply(upkeep_rows.ran(done), lines, code=code, warnings=told)


def _notified() -> list[str]:
    """Tell people of what needs them, now that the run is over, for that may have failed; what went wrong, which the inbox keeps."""
    try:
        with Fleet.open() as fleet:
            fault = notifying.run(fleet).fault
    except (FleetError, OSError) as error:
        fault = str(error)
    return [f"people could not be notified: {fault}"] if fault else []


def _last_words(last: LastRunRow) -> str:
    began = f"{clock.iso(last['started'])}, {duration(clock.now() - last['started'])} ago"
    if last["ended"] is None:
        return f"{began}, not ended"
    how = {0: "all done", 21: "partly done"}.get(last["code"] or 0, "failed")
    first = f": {last['words'][0]}" if last["code"] and last["words"] else ""
    return f"{began}, {how} (exit code {last['code']}){first}"


def _clone() -> Maintainer:
    repository = discover()
    own_node.load(repository.common_dir)  # no fleet, no state folder
    return Maintainer(repository)
