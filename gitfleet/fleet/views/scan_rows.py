"""What a scan of this host found, as rows. Words are redacted by the profile that was asked for."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.fleet.views.fleet_plan_rows import FleetEvidenceRow
from gitfleet.fleet.views.rows import row_of
from gitfleet.onhost import candidate_form, memory
from gitfleet.onhost.records import HostFacts, HostProcess, Judgement, Origin, ProcessGroup
from gitfleet.triage.this_host import HostLook


class MachineRow(TypedDict):
    """A machine at the time of a scan. Memory in bytes."""

    system: str
    cores: int
    memory_total: int
    memory_available: int
    swap_total: int
    swap_free: int
    load: list[float]
    pressure: dict[str, float | None]
    """By resource the percent of the last minute in which something waited for it; null where the kernel does not count."""
    oom_kills: int | None
    """Processes that the kernel has killed since the boot for want of memory."""


class ScannedHostRow(MachineRow):
    """The machine of the scan, and what of it was not to be seen."""

    uptime: float
    foreign: int
    """Processes of other users: seen, not looked at."""
    unreadable: int
    """Processes of this user of which something that matters could not be read."""
    hidden: bool
    """Whether the system hides processes, so that not everything was seen."""


class ScanJudgementRow(TypedDict):
    """What is thought of a group."""

    category: str
    signature: str
    posterior: dict[str, float]
    """The probability of each class."""
    action: str
    """What costs least, as far as is known. A scan does nothing."""
    protected: str
    """Why it is never acted on; empty: it may be."""
    evidence: list[FleetEvidenceRow]
    missing: list[str]
    """What was not known."""


class ScanGroupRow(TypedDict):
    """Processes that belong together. Times in seconds, memory in bytes, `cpu` in cores; null: not known."""

    leader: int
    parent: int
    """The parent of the leader; of a zombie who has to ask how it ended. 0: there is none, or it is not to be seen."""
    pids: list[int]
    pgid: int
    """The process group if they are all of it, else 0."""
    command: str
    cwd: str
    age: float
    cpu: float | None
    rss: int
    pss: int | None
    processes: int
    listening: list[int] | None
    """TCP ports."""
    zombie: bool
    mcp: bool
    """Whether it is an MCP server, with all that belongs to it."""
    client: bool | None
    """Whether anybody outside still holds the other end of what it reads."""
    session: str | None
    """The session that started it, as far as that is known."""
    origin: str
    """How that is known: `marker`, `parent`, `child`, `group`, `terminal`, `cgroup`, `place` or `none`."""
    session_state: str
    """`live`, `ended` or `unknown`."""
    supervised: bool
    """Whether somebody who looks after it stands above it or in its group, or may do so unseen."""
    orphan: bool
    judgement: ScanJudgementRow | None


class ScanAnswer(TypedDict):
    """`scan`: the groups of processes of this user on this host, the oldest first."""

    host: ScannedHostRow
    profile: str
    seconds: float
    """Between the two samples that rates are from."""
    processes: int
    groups: list[ScanGroupRow]
    gaps: dict[str, int]
    """How often something could not be read, by what it was."""


class SessionUseRow(TypedDict):
    """What the processes of one session use together. Memory in bytes, `cpu` in cores; null: not known."""

    session: str
    """Empty: those of no session."""
    state: str
    worktree: str
    processes: int
    pss: int
    """With memory that several share counted in part; 0 for those of no session."""
    unweighed: int
    """Processes that `pss` leaves out."""
    rss: int
    swap: int
    cpu: float | None
    oldest: float
    orphans: int
    """Processes that nobody looks after any more."""


class ScanBySessionAnswer(TypedDict):
    """`scan --by session`: the session with the most memory first; those of no session last."""

    host: ScannedHostRow
    seconds: float
    sessions: list[SessionUseRow]


def host_row(facts: HostFacts) -> ScannedHostRow:
    """The machine."""
    return row_of(ScannedHostRow, facts, pressure=dict(facts.pressure))


def scan_answer(found: HostLook) -> ScanAnswer:
    """All groups."""
    findings = found.findings
    gaps: dict[str, int] = {}
    for pid in findings.origins:
        for gap in findings.table.processes[pid].gaps:
            gaps[gap] = gaps.get(gap, 0) + 1
    judged = {one.group.leader.identity.pid: one.judgement for one in findings.candidates}
    return {
        "host": host_row(findings.table.facts),
        "profile": found.hides.profile,
        "seconds": findings.table.seconds,
        "processes": len(findings.origins),
        "groups": [
            group_row(group, findings.origin(group), judged.get(group.leader.identity.pid), found)
            for group in findings.groups
        ],
        "gaps": gaps,
    }


def group_row(
    group: ProcessGroup, origin: Origin, judgement: Judgement | None, found: HostLook
) -> ScanGroupRow:
    """One group."""
    leader, hides = group.leader, found.hides
    numbers = candidate_form.numbers(group.members, leader)
    return {
        "leader": leader.identity.pid,
        "parent": leader.ppid,
        "pids": [one.identity.pid for one in group.members],
        "pgid": group.pgid,
        "command": hides.command(leader.command or (leader.name,)),
        "cwd": hides.path(leader.cwd),
        "age": numbers["age"],
        "cpu": numbers["cpu"],
        "rss": numbers["rss"],
        "pss": numbers["pss"],
        "processes": numbers["processes"],
        "listening": numbers["listening"],
        "zombie": leader.zombie,
        "mcp": group.mcp,
        "client": group.client,
        "session": candidate_form.session_form(origin, hides),
        "origin": origin.by,
        "session_state": origin.state,
        "supervised": origin.supervised,
        "orphan": origin.orphan,
        "judgement": None if judgement is None else judgement_row(judgement, found),
    }


def judgement_row(judgement: Judgement, found: HostLook) -> ScanJudgementRow:
    """What is thought of one."""
    evidence: list[FleetEvidenceRow] = [
        {"feature": one.feature, "value": found.hides.text(one.value), "bits": one.bits}
        for one in judgement.evidence
    ]
    return {
        "category": judgement.category,
        "signature": judgement.signature,
        "posterior": dict(judgement.posterior),
        "action": judgement.action,
        "protected": found.hides.text(judgement.protected),
        "evidence": evidence,
        "missing": list(judgement.missing),
    }


def session_answer(found: HostLook) -> ScanBySessionAnswer:
    """What each session uses. Of those without one only what is ours counts."""
    findings = found.findings
    of_session: dict[str, list[HostProcess]] = {}
    for pid, origin in findings.origins.items():
        of_session.setdefault(origin.session or "", []).append(findings.table.processes[pid])
    worktrees = {session: path for path, session in found.known.places.items()}
    uses = [
        (session, _use(found, session, worktrees.get(session, ""), members))
        for session, members in of_session.items()
    ]
    uses.sort(key=lambda one: (not one[0], -one[1]["pss"], one[0]))
    return {
        "host": host_row(findings.table.facts),
        "seconds": findings.table.seconds,
        "sessions": [row for _, row in uses],
    }


def _use(found: HostLook, session: str, worktree: str, members: list[HostProcess]) -> SessionUseRow:
    origins = found.findings.origins
    state = origins[members[0].identity.pid].state
    living = [one for one in members if not one.zombie]
    weights = [memory.pss(one) if session else one.pss for one in living]
    rates = [one.cpu for one in living if one.cpu is not None]
    return {
        "session": candidate_form.session_form(Origin(session or None, state=state), found.hides) or "",
        "state": state,
        "worktree": found.hides.path(worktree),
        "processes": len(living),
        "pss": sum(one or 0 for one in weights),
        "unweighed": weights.count(None),
        "rss": sum(one.rss for one in members),
        "swap": sum(one.swap for one in members),
        "cpu": sum(rates) if rates else None,
        "oldest": max(one.age for one in members),
        "orphans": sum(origins[one.identity.pid].orphan for one in living),
    }
