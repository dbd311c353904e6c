"""`radar`: which branches will conflict, before anybody merges them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from gitfleet.base import clock
from gitfleet.base.text import counted, duration, one_line
from gitfleet.cli import render
from gitfleet.cli.answer import Grid, Reply, Watching
from gitfleet.cli.declaring import Option
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import radar_rows
from gitfleet.fleet.views.radar_rows import ConflictPathRow, HeadRow, RadarAnswer
from gitfleet.radar import alerts

EVERY = 15.0
_SHOWN = 5

Watch = Annotated[
    bool, Option("--watch", help="Look again every 15 seconds until Ctrl-C; print what changes.")
]
Hot = Annotated[bool, Option("--hot", help="Show the paths over which branches conflict again and again.")]
Offline = Annotated[bool, Option("--no-fetch", help="Go by what was last seen of the hub.")]
Quiet = Annotated[bool, Option("--no-tell", help="Only look: tell no session of what is found.")]


def radar(
    watch: Watch = False, hot: Hot = False, offline: Offline = False, quiet: Quiet = False
) -> Reply | Watching:
    """Show which live branches, and uncommitted work here, will conflict with each other and with the trunk."""
    if hot:
        if watch:
            raise UsageError("--hot and --watch do not go together.", hint="Leave one of them out.")
        with Fleet.open(announce=render.note) as fleet:
            return _hot(fleet)

    def look() -> Reply:
        with Fleet.open(announce=render.note) as fleet:
            return _look(fleet, fetch=not offline, tell=not quiet)

    return Watching(look, _gist, _pause) if watch else look()


def _pause() -> bool:
    clock.wait(EVERY)
    return True


def _look(fleet: Fleet, *, fetch: bool, tell: bool) -> Reply:
    found = fleet.radar.look(fetch=fetch)
    told = fleet.radar.tell(found) if tell else []
    data = radar_rows.answer(fleet, found, told)
    return Reply(data, list(_lines(data)), warnings=found.warnings)


def _gist(answer: Reply) -> object:
    """An answer without what it cost and what was told."""
    return {
        name: value for name, value in answer.told.items() if name not in {"effort", "told"}
    }, answer.warnings


def _lines(found: RadarAnswer) -> Iterator[str | Grid]:
    effort = found["effort"]
    yield (
        f"{counted(effort['heads'], 'line')} of work against '{found['trunk']}': {counted(len(found['conflicts']), 'conflict')}"
        f" to come, {len(found['trunk_conflicts'])} with '{found['trunk']}' ({counted(effort['merges'], 'merge')} for "
        f"{counted(effort['pairs'], 'pair')})"
    )
    for one in found["trunk_conflicts"]:
        yield f"conflicts with '{found['trunk']}': {_named(one['head'])}: {_listed(one['paths'])}"
    for pair in found["conflicts"]:
        yield f"conflict: {_named(pair['a'])} and {_named(pair['b'])}: {_listed(pair['paths'])}"
    for row in found["watch"]:
        yield (
            f"watch: {_named(row['a'])} and {_named(row['b'])} both add {one_line(row['name'], 80)} to "
            f"{one_line(row['path'], 80)}, and would merge cleanly"
        )
    for untold in found["untold"]:
        yield f"not known: {', '.join(one_line(name, 80) for name in untold['branches'])}: {one_line(untold['why'])}"
    if found["conflicts"] or found["trunk_conflicts"]:
        yield f"land in this order: {', '.join(one_line(head['branch'], 60) for head in found['order'])}"
    if found["told"]:
        yield f"told: sessions of {counted(len(found['told']), 'conflict')}"


def _named(head: HeadRow) -> str:
    who = f" of {head['session']}" if head["session"] else ""
    title = f" ({one_line(head['title'], 40)})" if head["title"] else ""
    return f"{one_line(head['branch'], 80)}{' (uncommitted)' if head['dirty'] else ''}{who}{title}"


def _listed(paths: list[ConflictPathRow]) -> str:
    said = [
        f"{one_line(row['path'], 80)} ({alerts.what(row['kinds'], row['hunks'])})" for row in paths[:_SHOWN]
    ]
    more = len(paths) - _SHOWN
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def _hot(fleet: Fleet) -> Reply:
    found = radar_rows.hot(fleet.radar)
    rows = [
        (
            one_line(row["path"], 80),
            str(row["conflicts"]),
            f"{duration(max(0, clock.now() - row['last']))} ago",
        )
        for row in found["paths"]
    ]
    grid = Grid(("PATH", "CONFLICTS", "LAST"), rows)
    return Reply(
        found,
        [grid] if rows else ["no branches have conflicted within 30 days, as far as this clone has looked"],
    )
