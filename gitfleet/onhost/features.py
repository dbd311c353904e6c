"""What is looked at in a group of processes, put into bins: never a density, and nothing that could not be read.

A feature that does not apply to a kind is left out. One that applies and could not be read is missing: it moves nothing, and is
named, so that nobody takes silence for innocence.
"""

from __future__ import annotations

from gitfleet.onhost import likelihoods as model
from gitfleet.onhost.categories import MCP_SERVER
from gitfleet.onhost.records import HostProcess, Origin, ProcessGroup, ProcessTable
from gitfleet.onhost.signatures import ProcessKind, kind_of
from gitfleet.onhost.supervisors import reaps

_KIN = frozenset(["parent", "child", "group", "cgroup"])
_AGES = ((0.1, "young"), (1.0, "within its life"), (3.0, "past its life"), (10.0, "far past its life"))
_CPU = ((0.0, "none"), (0.001, "under 0.1 %"), (0.01, "under 1 %"), (0.1, "under 10 %"), (0.5, "under 50 %"))


def observe(
    group: ProcessGroup, origin: Origin, kind: ProcessKind, table: ProcessTable
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The bin of each feature that is known, and the names of those that apply and are not known."""
    found: dict[str, str | None] = {
        "provenance of a worker" if kind.worker else "provenance": provenance(
            origin, idle_worker=kind.worker and _works_for_nobody(group, kind, table)
        ),
        "folder": _folder(group),
        "terminal": "a terminal" if any(one.terminal for one in group.members) else "none",
        "cpu": _cpu(busy(group)),
        "input and output": _traffic(group),
    }
    if kind.life is not None:
        found["age"] = _age(max(one.age for one in group.members) / kind.life)
    if kind.category in model.WORK:
        found["work"] = _work(sum(one.cpu_total for one in group.members) / model.WORK[kind.category])
    if any(one.listening or one.listening is None for one in group.members):
        found["clients"] = _clients(group)
    known = {name: value for name, value in found.items() if value is not None}
    return known, tuple(name for name, value in found.items() if value is None)


def provenance(origin: Origin, *, idle_worker: bool = False) -> str:
    """Where a process comes from and who looks after it, as one bin: these depend on each other too much to be counted apart."""
    alone = not origin.supervised
    if origin.session is not None and origin.state == "ended":
        return _ended(origin, idle_worker=idle_worker) if alone else model.ENDED_SUPERVISED
    if origin.session is not None and origin.state == "live":
        return model.LIVE
    if idle_worker and alone and origin.orphan:
        return model.WITHOUT_RUNNER
    if origin.session is not None:
        return model.UNTOLD
    orphaned = model.ORPHANED if origin.orphan else model.UNSUPERVISED
    return orphaned if alone else model.SUPERVISED


def _ended(origin: Origin, *, idle_worker: bool) -> str:
    if origin.shared:
        return model.ENDED_SHARED
    if origin.by == "marker":
        return model.ENDED_MARKER if origin.orphan else model.ENDED_BELOW
    if idle_worker and origin.orphan:
        return model.WITHOUT_RUNNER
    return model.ENDED_KIN if origin.by in _KIN else model.ENDED_PLACE


def _works_for_nobody(group: ProcessGroup, kind: ProcessKind, table: ProcessTable) -> bool:
    """Whether nobody can give a worker work: who started it has ended, it listens nowhere, and nobody holds what it reads from.

    An MCP server may have been started for good, with nothing to read: of one it takes a line that has been let go of.
    """
    if group.client is not False or any(one.listening is None or one.listening for one in _alive(group)):
        return False
    if group.mcp or kind.category == MCP_SERVER:
        return let_go(group)
    return not _has_runner(group, table)


def _has_runner(group: ProcessGroup, table: ProcessTable) -> bool:
    """Whether what they work for may be there still: a process above one of them that has not only taken it over, or a program
    among them that is no worker and that none of them has started.
    """
    inside = {one.identity.pid for one in group.members}
    for one in _alive(group):
        above = table.processes.get(one.ppid)
        if one.ppid in inside:
            continue
        if not kind_of(one).worker or (above is not None and not above.zombie and not reaps(above)):
            return True
    return False


def let_go(group: ProcessGroup) -> bool:
    """Whether the other end of what one of them reads is held by nobody any more."""
    return any(one.stdin in ("pipe", "socket") and one.fed is False for one in group.members)


def busy(group: ProcessGroup) -> float | None:
    """The share of one core that the group uses; None if that of a member is not known."""
    shares: list[float] = []
    for one in _alive(group):
        if one.cpu is None:
            return None
        shares.append(one.cpu)
    return sum(shares)


def hard_at_work(group: ProcessGroup) -> bool:
    """Whether it works hard now, and has done so all its life; what has only just started up does not."""
    share, life = busy(group), max(one.age for one in group.members)
    used = sum(one.cpu_total for one in group.members)
    return share is not None and share >= model.AT_WORK and used >= model.AT_WORK * life


def _alive(group: ProcessGroup) -> list[HostProcess]:
    return [one for one in group.members if not one.zombie]


def _folder(group: ProcessGroup) -> str | None:
    alive = _alive(group)
    if any(one.cwd_deleted for one in alive):
        return "removed"
    return "there" if alive and all(one.cwd is not None for one in alive) else None


def _cpu(share: float | None) -> str | None:
    if share is None:
        return None
    return next((name for most, name in _CPU if share <= most), "half a core or more")


def _traffic(group: ProcessGroup) -> str | None:
    rates = [one.io for one in _alive(group)]
    if any(rate for rate in rates):
        return "some"
    return None if None in rates else "none"


def _age(lives: float) -> str:
    return next((name for most, name in _AGES if lives < most), "ten lives old")


def _work(lives: float) -> str:
    if lives < 1.0:
        return "in keeping with its life"
    return "more than its kind does" if lives < 3.0 else "far more than its kind does"


def _clients(group: ProcessGroup) -> str | None:
    """Whether somebody is connected. Connections of a process that listens nowhere are its own affair."""
    servers = [one for one in _alive(group) if one.listening or one.listening is None]
    if any(one.connections for one in servers):
        return "connected"
    return None if any(one.connections is None or one.listening is None for one in servers) else "nobody"
