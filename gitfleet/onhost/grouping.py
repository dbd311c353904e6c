"""What belongs together, and is acted on together: process groups, and what has left one but hangs below it. Pure.

A signal to a wrapper leaves its server running, so that groups are signalled and not wrappers. MCP servers (wrapper, server and
watchdog) are groups of their own, also where they share the process group of the agent that has started them.
"""

from __future__ import annotations

from typing import Iterable

from gitfleet.onhost import supervisors
from gitfleet.onhost.categories import MCP_SERVER
from gitfleet.onhost.records import HostProcess, Origin, ProcessGroup, ProcessTable
from gitfleet.onhost.signatures import kind_of


def is_mcp(one: HostProcess) -> bool:
    """Whether it is an MCP server or what started one."""
    return kind_of(one).category == MCP_SERVER


def groups(table: ProcessTable, origins: dict[int, Origin]) -> list[ProcessGroup]:
    """All groups of the asking user's processes, oldest leader first. Zombies are alone, each for its parent to see to."""
    own = [one for one in table.processes.values() if one.identity.pid in origins]
    living = sorted((one for one in own if not one.zombie), key=_age)
    roots = _roots(living, table, origins)
    gathered: dict[tuple[str, int], list[HostProcess]] = {}
    for one in living:
        gathered.setdefault(roots[one.identity.pid], []).append(one)
    whole = _sizes(table)
    found = [_group(kind == "mcp", number, members, whole) for (kind, number), members in gathered.items()]
    found += [ProcessGroup(one, (one,)) for one in own if one.zombie]
    return sorted(found, key=lambda group: _age(group.leader))


def _age(one: HostProcess) -> tuple[int, int]:
    return one.identity.start, one.identity.pid


def _group(mcp: bool, number: int, members: list[HostProcess], whole: dict[int, int]) -> ProcessGroup:
    pgids = {one.pgid for one in members}
    leader = next((one for one in members if one.identity.pid == number), members[0])
    only = pgids.pop() if len(pgids) == 1 else 0
    pgid = only if only > 1 and whole[only] == len(members) else 0
    return ProcessGroup(leader, tuple(members), pgid, mcp, client(members))


def _sizes(table: ProcessTable) -> dict[int, int]:
    """How many live members each process group has, those of other users included."""
    found: dict[int, int] = {}
    for one in table.processes.values():
        if not one.zombie:
            found[one.pgid] = found.get(one.pgid, 0) + 1
    return found


def client(members: Iterable[HostProcess]) -> bool | None:
    """Whether somebody outside still holds the other end of what one of them reads."""
    inside = {one.identity.pid for one in members}
    unknown = False
    for one in members:
        if one.stdin in ("pipe", "socket") and one.fed is not False:
            if one.fed and not (one.feeders and inside.issuperset(one.feeders)):
                return True
            unknown = unknown or one.fed is None
        unknown = unknown or (one.stdin is None and not one.kernel)
    return None if unknown else False


def _roots(
    living: list[HostProcess], table: ProcessTable, origins: dict[int, Origin]
) -> dict[int, tuple[str, int]]:
    """By pid what its group is known by: the topmost MCP process above it, else the process group, followed upwards."""
    by_pid = {one.identity.pid: one for one in living}
    servers = {pid: root for pid in by_pid for root in [_server(by_pid, pid)] if root}
    above: dict[int, int] = {}
    for pgid, tops in _tops(living, servers).items():
        parents = {by_pid[top.ppid].pgid for top in tops if top.ppid in by_pid and top.ppid not in servers}
        if len(parents) == 1 and all(
            top.ppid in by_pid and _left(top, by_pid[top.ppid], origins) for top in tops
        ):
            above[pgid] = parents.pop()
    found = {}
    for one in living:
        pid = one.identity.pid
        found[pid] = ("mcp", servers[pid]) if pid in servers else ("group", _highest(above, one.pgid))
    return found


def _server(by_pid: dict[int, HostProcess], pid: int) -> int:
    """The topmost of the MCP processes in its line, as long as nobody else's program stands in between; 0: there is none."""
    found, seen = 0, set()
    while pid in by_pid and pid not in seen:
        seen.add(pid)
        one = by_pid[pid]
        if supervisors.supervises(one):
            break
        found = pid if is_mcp(one) else found
        pid = one.ppid
    return found


def _tops(living: list[HostProcess], servers: dict[int, int]) -> dict[int, list[HostProcess]]:
    """The members of each process group whose parent is outside of it."""
    pgids = {one.identity.pid: one.pgid for one in living}
    found: dict[int, list[HostProcess]] = {}
    for one in living:
        if one.identity.pid not in servers and pgids.get(one.ppid) != one.pgid:
            found.setdefault(one.pgid, []).append(one)
    return found


def _left(top: HostProcess, parent: HostProcess, origins: dict[int, Origin]) -> bool:
    """Whether it has left the group of its parent without becoming anybody's business: the two go together."""
    mine, theirs = origins[top.identity.pid], origins[parent.identity.pid]
    return not mine.supervised and not theirs.supervised and mine.session == theirs.session


def _highest(above: dict[int, int], pgid: int) -> int:
    seen: set[int] = set()
    while pgid in above and pgid not in seen:
        seen.add(pgid)
        pgid = above[pgid]
    return min(seen) if pgid in seen else pgid
