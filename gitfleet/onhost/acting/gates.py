"""The gates before an action: each passes, blocks, or is unknown, which blocks too. They are looked at right before acting.

What they say leaves the host: numbers and kinds, never a path, a word of a command line or a name that is not ours.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Callable, Tuple, Union  # subscripted at run time, which Python 3.8 has only here

from gitfleet.onhost import grouping, inference, protection, provenance, snapshot
from gitfleet.onhost.acting import repositories, sighting
from gitfleet.onhost.acting.act_request import ActOptions
from gitfleet.onhost.acting.written_files import DATA, DATABASE, UNLINKED, locked_files, written_files
from gitfleet.onhost.calls import calls
from gitfleet.onhost.categories import AGENT, EDITOR, TEST_RUNNER
from gitfleet.onhost.places import placed
from gitfleet.onhost.procfs import exists
from gitfleet.onhost.records import (
    PAUSE,
    RENICE,
    TERMINATE,
    THROTTLE,
    HostProcess,
    ProcessGroup,
    ProcessTable,
    SafetyGate,
)

PASSED, BLOCKED, UNKNOWN = "passed", "blocked", "unknown"
_WRITERS = (EDITOR, AGENT, TEST_RUNNER)
_GIT = frozenset(["git", "git-lfs", "git-remote-https", "jj", "hg"])
_LOOKS = 4


@dataclass(frozen=True)
class GateQuestion:
    """What is to be done to whom: `members` as they are now. `strangers`: in their group, planned by nobody, and no child of theirs.

    `options` are the asker's. `pgid`: their process group, if it is theirs alone.
    """

    members: tuple[HostProcess, ...]
    action: str
    category: str = ""
    pgid: int = 0
    strangers: int = 0
    options: ActOptions = field(default_factory=ActOptions)

    @property
    def pids(self) -> list[int]:
        """Their numbers."""
        return [one.identity.pid for one in self.members]


def look_at_gates(question: GateQuestion) -> tuple[SafetyGate, ...]:
    """Every gate that this action has, in order."""
    return _asked(question, _GATES[question.action])


def foreseen_gates(question: GateQuestion) -> tuple[SafetyGate, ...]:
    """Those that can be told at a scan without much ado, so that a plan shows what would be refused."""
    dear = (_standing, _group, _uncommitted)
    return _asked(question, [gate for gate in _GATES[question.action] if gate not in dear])


def _asked(question: GateQuestion, gates: Iterable[Gate]) -> tuple[SafetyGate, ...]:
    found: list[SafetyGate] = []
    for gate in gates:
        said = gate(question)
        found.extend(said if isinstance(said, tuple) else [said])
    return tuple(found)


def loss_gates(question: GateQuestion) -> tuple[SafetyGate, ...]:
    """Those of them that ask whether something would be lost with the processes."""
    return (*_files(question), _git_under_way(question))


def closed(gates: Iterable[SafetyGate]) -> list[SafetyGate]:
    """Those that forbid it."""
    return [gate for gate in gates if gate.state != PASSED]


def _say(name: str, bad: int, words: str, state: str = BLOCKED) -> SafetyGate:
    return SafetyGate(name, state, f"{bad} {words}") if bad else SafetyGate(name, PASSED)


def _standing(question: GateQuestion) -> tuple[SafetyGate, SafetyGate]:
    """They are judged anew, by a scan of this moment: what is always kept, what has a supervisor or a live session again."""
    table = _table(question)
    members = tuple(table.processes[pid] for pid in question.pids if pid in table.processes)
    if not members:  # they have ended while they were looked at
        return SafetyGate("kept", PASSED), SafetyGate("in-use", PASSED)
    us, options = os.getpid(), question.options
    where = placed(table, options.places)
    known = provenance.origins(table, options.sessions, where, alive=exists, own_pid=us)
    leader = next((one for one in members if one.identity.pid == one.pgid), members[0])
    members = (leader, *(one for one in members if one is not leader))
    group = ProcessGroup(leader, members, question.pgid, *_as_server(members, table))
    origin = provenance.of_group(members, known)
    kept = inference.judge(
        group, origin, table, protect=protection.protected(options.protect), myself=us
    ).protected
    used = "somebody looks after them now" if origin.supervised else ""
    used = "their session is live" if origin.state == provenance.LIVE else used
    if question.action in {RENICE, THROTTLE}:
        used = ""
    return (
        SafetyGate("kept", BLOCKED if kept else PASSED, kept),
        SafetyGate("in-use", BLOCKED if used else PASSED, used),
    )


def _as_server(members: tuple[HostProcess, ...], table: ProcessTable) -> tuple[bool, bool | None]:
    """Whether they are an MCP server, and whether it serves somebody, as the grouping of a scan has it."""
    mcp = any(map(grouping.is_mcp, members))
    return mcp, grouping.client(members) if mcp else False


def _table(question: GateQuestion) -> ProcessTable:
    """All processes now. One that waits in the kernel for a moment is looked at again."""
    table = snapshot.take(0.0)
    for _ in range(_LOOKS):
        if not any(table.processes[pid].state == "D" for pid in question.pids if pid in table.processes):
            break
        time.sleep(0.05)
        table = snapshot.take(0.0)
    return table


def _namespace(question: GateQuestion) -> SafetyGate:
    here = (sighting.namespace("pid"), sighting.namespace("mnt"))
    elsewhere = sum(
        (one.identity.pid_namespace, one.identity.mount_namespace) != here for one in question.members
    )
    return _say("namespace", elsewhere, "of them are in a container, or cannot be looked into", UNKNOWN)


def _group(question: GateQuestion) -> SafetyGate:
    return _say("group", question.strangers, "processes in their group were not planned")


def _terminal(question: GateQuestion) -> SafetyGate:
    """In front on a terminal, or leading its session: stopped there, what people type next would go to another program."""
    found = sum(
        one.terminal != 0 and (one.pgid == one.tpgid or one.identity.pid == one.sid)
        for one in question.members
    )
    return _say("terminal", found, "of them have a terminal")


def _shell_job(question: GateQuestion) -> SafetyGate:
    """A stopped process group whose last parent in the same session ends is hung up by the kernel."""
    own = {one.pgid for one in question.members}
    jobs = 0
    for one in question.members:
        parent = sighting.line(one.ppid)
        jobs += parent is not None and parent.sid == one.sid and parent.pgid not in own
    return _say(
        "shell-job",
        jobs,
        "of them are a shell's job, and would be ended with that shell while they are paused",
    )


def _files(question: GateQuestion) -> tuple[SafetyGate, SafetyGate, SafetyGate]:
    written = written_files(question.pids)
    locks = locked_files(question.pids, written)
    unread = SafetyGate("open-files", UNKNOWN, f"what {written.unknown} of them write cannot be read")
    data, unlinked = written.count(DATA), written.count(UNLINKED)
    words = f"files are open for writing, {unlinked} of them deleted and without another copy"
    files = unread if written.unknown else _say("open-files", data + unlinked, words)
    lock = SafetyGate("locks", UNKNOWN, "locks cannot be read")
    return (
        files,
        lock if locks is None else _say("locks", locks, "files are locked for writing"),
        _say("database", written.count(DATABASE), "files of a database are open for writing"),
    )


def _locks(question: GateQuestion) -> SafetyGate:
    return _files(question)[1]


def _git_under_way(question: GateQuestion) -> SafetyGate:
    if any(_is_git(one) for one in question.members):
        return SafetyGate("git", BLOCKED, "git itself is at work among them")
    found, unknown = 0, 0
    for directory in _directories(question):
        try:
            inside = directory and repositories.git_directory(directory)
            found += bool(inside and repositories.under_way(inside))
            unknown += directory is None
        except OSError:
            unknown += 1
    if unknown and not found:
        return SafetyGate("git", UNKNOWN, "where they work cannot be read")
    return _say("git", found, "repositories that they work in have a git operation under way")


def _is_git(one: HostProcess) -> bool:
    return one.name in _GIT or any(not _GIT.isdisjoint(call.names) for call in calls(one.command))


def _uncommitted(question: GateQuestion) -> SafetyGate:
    """For what writes people's work. A test runner writes snapshots and the like: with it, only what is fresh counts."""
    if question.category not in _WRITERS:
        return SafetyGate("uncommitted", PASSED)
    found, unknown = 0, 0
    for directory in _directories(question):
        try:
            clear = directory is not None and (not directory or not repositories.git_directory(directory))
        except OSError:
            clear = False
        if clear:
            continue
        said = repositories.uncommitted(directory) if directory else None
        if said is None:
            unknown += 1
        else:
            found += said[1] if question.category == TEST_RUNNER else said[0]
    if unknown and not found:
        return SafetyGate("uncommitted", UNKNOWN, "whether work is uncommitted where they work is not known")
    return _say("uncommitted", found, "files are uncommitted where they work")


def _directories(question: GateQuestion) -> set[str | None]:
    return {repositories.working_directory(pid) for pid in question.pids}


Gate = Callable[[GateQuestion], Union[SafetyGate, Tuple[SafetyGate, ...]]]
_ALWAYS: tuple[Gate, ...] = (_standing, _namespace)
_GATES: Mapping[str, tuple[Gate, ...]] = {
    RENICE: _ALWAYS,
    THROTTLE: _ALWAYS,
    PAUSE: (*_ALWAYS, _group, _terminal, _shell_job, _git_under_way, _locks),
    TERMINATE: (*_ALWAYS, _group, _terminal, _files, _git_under_way, _uncommitted),
}
