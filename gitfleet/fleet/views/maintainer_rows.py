"""The maintainer as rows: what is installed, and how its runs went."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypedDict

from gitfleet.base import clock
from gitfleet.base.text import display, duration
from gitfleet.fleet.views.rows import row_of
from gitfleet.upkeep.maintainer import EVERY, LastRun, Maintainer
from gitfleet.upkeep.schedulers import Kind, Put, Registration, Scheduler


class PutFileRow(TypedDict):
    """A file of the maintainer's, or its line in the table of that name."""

    path: str
    text: str


class MaintainerInstallAnswer(TypedDict):
    """`maintainer install`."""

    installed: bool
    """False with `--print`: nothing was changed then."""
    kind: Kind
    name: str
    every: int
    """Seconds."""
    files: list[PutFileRow]


class LastRunRow(TypedDict):
    """How the last run went."""

    started: int
    ended: int | None
    """Null while it goes on, or when it never came to its end."""
    code: int | None
    """Its exit code."""
    words: list[str]


class MaintainerStatusAnswer(TypedDict):
    """`maintainer` and `maintainer status`."""

    installed: bool
    kind: str
    """Empty when it is not installed."""
    name: str
    every: int
    """Seconds; 0 when it is not installed."""
    places: list[str]
    active: bool
    running: str
    """Who runs it just now, in words; empty when nobody does."""
    last: LastRunRow | None
    next_run: int | None
    """About when it runs next."""
    log: str
    problems: list[str]


class MaintainerUninstallAnswer(TypedDict):
    """`maintainer uninstall`."""

    removed: list[Kind]


class MaintainerLogsAnswer(TypedDict):
    """`maintainer logs`, oldest first."""

    log: str
    lines: list[str]


def installed(
    scheduler: Scheduler, name: str, every: int, puts: Sequence[Put], *, done: bool
) -> MaintainerInstallAnswer:
    """What was put where, or would be."""
    files: list[PutFileRow] = [
        {"path": put.path, "text": put.text.decode("utf-8", "backslashreplace")} for put in puts
    ]
    return {"installed": done, "kind": scheduler.kind, "name": name, "every": every, "files": files}


def status(found: Maintainer) -> MaintainerStatusAnswer:
    """What is installed, how the last run went, and what is not as it should be."""
    record, last, there = found.installed(), found.last(), found.look()
    every = record.every if record else EVERY
    running = found.running()
    return {
        "installed": there is not None,
        "kind": there[0].kind if there else "",
        "name": found.name,
        "every": every if there else 0,
        "places": list(there[1].places) if there else [],
        "active": bool(there and there[1].on),
        "running": running,
        "last": row_of(LastRunRow, last) if last else None,
        "next_run": there[0].next_run(last.started if last else None, every) if there else None,
        "log": found.log,
        "problems": _problems(found, there, last, every, running=running),
    }


def removed(kinds: Iterable[Kind]) -> MaintainerUninstallAnswer:
    """What it is gone from."""
    return {"removed": list(kinds)}


def _problems(
    found: Maintainer,
    there: tuple[Scheduler, Registration] | None,
    last: LastRun | None,
    every: int,
    *,
    running: str,
) -> list[str]:
    """What is not as it should be."""
    record = found.installed()
    problems = list(there[1].words) if there else []
    if record and not there:
        problems.append(f"it was installed for {record.kind}, which does not know it any more")
    if moved := found.moved():
        was = f"it was installed for {moved.kind} while this clone was {display(moved.clone)}"
        problems.append(f"{was}; install it again, or uninstall it")
    if record and not os.access(record.interpreter, os.X_OK):
        problems.append(f"its Python is gone: {record.interpreter}; install it again")
    if last and last.ended is None and not running:
        problems.append("the last run never came to its end")
    since = max(last.started if last else 0, record.at if record else 0)
    if there and since and clock.now() - since > 3 * every + 60:
        problems.append(f"it has not run for {duration(clock.now() - since)}")
    return problems
