"""`hosts check`: which of the hosts that are named can be asked, and what is to be done about the others."""

from __future__ import annotations

import os
from typing import Annotated

from gitfleet.base import text
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Option
from gitfleet.fleet.views import host_rows
from gitfleet.fleet.views.host_rows import READY, HostCheckRow
from gitfleet.hosts import inventory
from gitfleet.hosts.inventory import HostSpec, Inventory

HostsOption = Annotated[
    str, Option("--hosts", metavar="FILE|A,B,C", help="A file with one host a line, or hosts with commas.")
]
Bootstrap = Annotated[
    bool, Option("--bootstrap", help="Send gitfleet's part for hosts along: they need only python3.")
]
AtOnce = Annotated[int, Option("--at-once", min=1, max=256, help="How many hosts are asked at a time.")]

_COLOURS = {READY: "green", "no-tool": "yellow", "version-mismatch": "yellow"}
_OTHER = "red"


def check(hosts: HostsOption, bootstrap: Bootstrap = False, at_once: AtOnce = 16) -> Reply:
    """Connect to each host by ssh, and show what works there, and what to do about the rest. Changes nothing on any
    of them.

    Needs no repository. `localhost` is this machine, without ssh.
    """
    named = inventory.hosts_of(hosts)
    rows = _asked(named, bootstrap=bootstrap, at_once=at_once)
    ready = sum(row["status"] == READY for row in rows)
    merged = host_rows.merged_rows(named.merged)
    cells = [(row["host_id"], row["status"], row["tool_version"], row["python"], _words(row)) for row in rows]
    grid = Grid(
        ("HOST", "STATUS", "GITFLEET", "PYTHON", ""),
        cells,
        coloured="STATUS",
        colours={**dict.fromkeys((row["status"] for row in rows), _OTHER), **_COLOURS},
        optional=("PYTHON", "GITFLEET"),
    )
    steps = [f"{row['host_id']}: {row['next']}" for row in rows if row["next"]]
    twice = [
        f"{one['host_id']} is named more than once ({', '.join(one['places'])}); it was asked once"
        for one in merged
    ]
    code = 0 if ready == len(rows) else 21 if ready else 30
    summary = f"{ready} of {text.counted(len(rows), 'host')} can be scanned"
    return Reply({"hosts": rows, "merged": merged}, [grid, *twice, *steps, summary], code=code)


def _asked(named: Inventory, *, bootstrap: bool, at_once: int) -> list[HostCheckRow]:
    """A row for each host, in the order in which they were named; each is told of as it comes."""
    from gitfleet.hosts import checking
    from gitfleet.hosts.asking import Reach, run  # asyncio takes 40 ms, which only those pay who ask hosts

    found: dict[HostSpec, HostCheckRow] = {}

    async def ask() -> None:
        async with Reach(os.environ, bootstrap=bootstrap, at_once=at_once) as reach:
            async for one in checking.check(reach, named.hosts):
                found[one.spec] = host_rows.check_row(one)

    run(ask())
    return [found[spec] for spec in named.hosts]


def _words(row: HostCheckRow) -> str:
    if row["why"]:
        return row["why"]
    memory = f"{text.amount(row['memory_available'])} of {text.amount(row['memory_total'])} free"
    hidden = "; the system hides processes from us" if row["hidden"] else ""
    return f"{row['system']}, {text.counted(row['cores'], 'core')}, {memory}{_protected(row)}{hidden}"


def _protected(row: HostCheckRow) -> str:
    if row["protects"] is None:
        return "; what is protected there cannot be read, so everything is"
    return f"; {text.counted(row['protects'], 'pattern')} protected" if row["protects"] else ""
