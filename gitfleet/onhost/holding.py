"""What has something below it that is always kept: a program that gave an editor its terminal takes it along when it ends. Pure."""

from __future__ import annotations

from gitfleet.onhost.categories import BROWSER, SHELL
from gitfleet.onhost.records import HostProcess, ProcessTable
from gitfleet.onhost.signatures import kind_of


def holders(table: ProcessTable) -> dict[int, str]:
    """By pid why a process is not to be acted on for the sake of one below it. Shells count where somebody may come back to them; a
    window that a server has opened stays open without it.
    """
    found: dict[int, str] = {}
    for one in table.processes.values():
        reason = "" if one.zombie or one.kernel else _kept(one)
        above = table.processes.get(one.ppid) if reason else None
        while above is not None and above.identity.pid not in found:
            found[above.identity.pid] = reason
            above = table.processes.get(above.ppid)
    return found


def _kept(one: HostProcess) -> str:
    if one.terminal and one.pgid == one.tpgid:
        return "holds a terminal that is in use"
    kind = kind_of(one)
    if not kind.kept or kind.category == BROWSER or (kind.category == SHELL and not one.terminal):
        return ""
    return f"has started what is kept: {kind.kept}"
