"""The gates before an action: each passes, blocks, or is unknown, which blocks too. They are looked at right before acting.

What they say leaves the host: numbers and kinds, never a path, a word of a command line or a name that is not ours.
"""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Callable, Tuple, Union  # subscripted at run time, which Python 3.8 has only here

from gitfleet.onhost.acting import repositories, sighting, units
from gitfleet.onhost.acting.sighting import Sighting
from gitfleet.onhost.acting.written_files import DATA, DATABASE, UNLINKED, locked_files, written_files
from gitfleet.onhost.records import PAUSE, RENICE, TERMINATE, THROTTLE, SafetyGate

PASSED, BLOCKED, UNKNOWN = "passed", "blocked", "unknown"
WRITERS = ("editor", "agent", "test")
"""Categories (or how they begin) whose processes write what people work on."""
_TERMINAL_IDLE = 3600.0
_MULTIPLEXERS = frozenset(
    ["tmux", "screen", "zellij", "dtach", "abduco", "mosh-server", "dvtm", "byobu", "tmux: server"]
)
_CARRIERS = frozenset([
    "sshd", "sshd-session", "ssh-agent", "ssh", "gpg-agent", "systemd", "(sd-pam)", "dbus-daemon", "dbus-broker", "init",
    "login", "containerd-shim", "dockerd", "podman", "conmon", "launchd", "supervisord", "runsv", "s6-supervise", "tini",
    "dumb-init",
])  # fmt: skip
_OURS = frozenset(["gitfleet", "git-fleet"])
_GIT = frozenset(["git", "git-lfs", "git-remote-https", "jj", "hg"])


@dataclass(frozen=True)
class GateQuestion:
    """What is to be done to whom: `members` as they are now. `strangers`: in their group, planned by nobody, and no child of theirs."""

    members: tuple[Sighting, ...]
    action: str
    category: str = ""
    protect: tuple[str, ...] = ()
    strangers: int = 0
    us: frozenset[int] = field(default_factory=frozenset)

    @property
    def pids(self) -> list[int]:
        """Their numbers."""
        return [one.pid for one in self.members]


def ourselves() -> frozenset[int]:
    """Our own process, all that stand above it (the way that the asker came), and its own process group."""
    us, group = os.getpid(), os.getpgrp()
    mates = {pid for pid, (_, pgid, _) in sighting.family().items() if pgid == group}
    return frozenset({us, *sighting.ancestors(us), *mates})


def look_at_gates(question: GateQuestion) -> tuple[SafetyGate, ...]:
    """Every gate that this action has, in order; the order is that of their cost."""
    found: list[SafetyGate] = []
    for gate in _GATES[question.action]:
        said = gate(question)
        found.extend(said if isinstance(said, tuple) else [said])
    return tuple(found)


def loss_gates(question: GateQuestion) -> tuple[SafetyGate, ...]:
    """Those of them that ask whether something would be lost with the processes."""
    return _files(question)


def closed(gates: Iterable[SafetyGate]) -> list[SafetyGate]:
    """Those that forbid it."""
    return [gate for gate in gates if gate.state != PASSED]


def _say(name: str, bad: int, words: str, state: str = BLOCKED) -> SafetyGate:
    return SafetyGate(name, state, f"{bad} {words}") if bad else SafetyGate(name, PASSED)


def _same_user(question: GateQuestion) -> SafetyGate:
    us = os.getuid()
    foreign = sum(one.identity.uid != us for one in question.members)
    return _say("same-user", foreign, "of them belong to another user")


def _ourselves(question: GateQuestion) -> SafetyGate:
    mine = sum(one.pid in question.us or _is_ours(one.pid) for one in question.members)
    return _say("ourselves", mine, "of them are gitfleet, or stand between it and who asks")


def _carriers(question: GateQuestion) -> SafetyGate:
    found = sum(_is_one_of(one, _CARRIERS) or one.pid == 1 for one in question.members)
    return _say("carriers", found, "of them carry logins, services or containers")


def _multiplexers(question: GateQuestion) -> SafetyGate:
    found = sum(_is_one_of(one, _MULTIPLEXERS) for one in question.members)
    return _say("multiplexer", found, "of them hold the terminals of others")


def _protected(question: GateQuestion) -> SafetyGate:
    found = unread = 0
    for one in question.members if question.protect else ():
        words = sighting.command(one.pid)
        if words is None:
            unread += 1
        elif is_protected(one.name, words, question.protect):
            found += 1
    if unread and not found:
        return SafetyGate("protected", UNKNOWN, f"the command line of {unread} of them cannot be read")
    return _say("protected", found, "of them match a pattern that protects them")


def is_protected(name: str, words: Sequence[str], patterns: Iterable[str]) -> bool:
    """Whether a pattern (as file names have: `*`, `?`, `[…]`) fits a program's name, or stands somewhere in its command line."""
    line = " ".join(words)
    names = {name, os.path.basename(words[0]) if words else name}
    return any(
        any(fnmatch.fnmatchcase(one, pattern) for one in names) or fnmatch.fnmatchcase(line, f"*{pattern}*")
        for pattern in patterns
    )


def _namespace(question: GateQuestion) -> SafetyGate:
    here = (sighting.namespace("self", "pid"), sighting.namespace("self", "mnt"))
    elsewhere = sum(
        (one.identity.pid_namespace, one.identity.mount_namespace) != here for one in question.members
    )
    return _say("namespace", elsewhere, "of them are in a container, or cannot be looked into", UNKNOWN)


def _group(question: GateQuestion) -> SafetyGate:
    return _say("group", question.strangers, "processes in their group were not planned")


def _uninterruptible(question: GateQuestion) -> SafetyGate:
    stuck = [one.pid for one in question.members if one.state == "D"]
    for _ in range(4 if stuck else 0):
        time.sleep(0.05)
        seen = [sighting.look(pid) for pid in stuck]
        stuck = [one.pid for one in seen if one is not None and one.state == "D"]
    return _say("uninterruptible", len(stuck), "of them wait in the kernel and hear no signal")


def _service(question: GateQuestion) -> SafetyGate:
    managed = sum(units.is_kept_up(one) for one in question.members)
    return _say("service", managed, "of them belong to a unit that a service manager keeps up")


def _foreground(question: GateQuestion) -> SafetyGate:
    front = sum(one.terminal != 0 and one.pgid == one.tpgid for one in question.members)
    return _say("terminal", front, "of them are in front on a terminal")


def _terminal(question: GateQuestion) -> SafetyGate:
    """A shell that leads a terminal's session always blocks; what is in front of it does, unless nobody typed or saw anything for long."""
    leads = busy = unknown = 0
    for one in question.members:
        if one.terminal == 0:
            continue
        idle = _terminal_idle(one.pid)
        leads += one.pid == one.sid
        front = one.pgid == one.tpgid
        busy += front and idle is not None and idle < _TERMINAL_IDLE
        unknown += front and idle is None
    if leads or busy:
        return _say("terminal", leads + busy, "of them are on a terminal that is in use")
    return _say("terminal", unknown, "of them are on a terminal that cannot be seen", UNKNOWN)


def _shell_job(question: GateQuestion) -> SafetyGate:
    """A stopped process group whose last parent in the same session ends is hung up by the kernel."""
    own = {one.pgid for one in question.members}
    jobs = 0
    for one in question.members:
        parent = sighting.look(one.ppid)
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
    if any(_is_one_of(one, _GIT) for one in question.members):
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


def _uncommitted(question: GateQuestion) -> SafetyGate:
    if not question.category.startswith(WRITERS):
        return SafetyGate("uncommitted", PASSED)
    found, unknown = 0, 0
    for directory in _directories(question):
        try:
            known = directory is not None and (not directory or not repositories.git_directory(directory))
        except OSError:
            known = False
        if known:
            continue
        said = repositories.uncommitted(directory) if directory else None
        if said is None:
            unknown += 1
        else:
            found += said[1] if question.category.startswith("test") else said[0]
    if unknown and not found:
        return SafetyGate("uncommitted", UNKNOWN, "whether work is uncommitted where they work is not known")
    return _say("uncommitted", found, "files are uncommitted where they work")


def _directories(question: GateQuestion) -> set[str | None]:
    return {repositories.working_directory(pid) for pid in question.pids}


def _is_one_of(one: Sighting, programs: frozenset[str]) -> bool:
    """By the name that the system has of it, and by the one that it was started under."""
    word = (sighting.command(one.pid) or ("",))[0]
    return not programs.isdisjoint(
        [one.name, one.name.split(":")[0], os.path.basename(word), word.split(":")[0]]
    )


def _is_ours(pid: int) -> bool:
    words = sighting.command(pid) or ()
    return any(os.path.basename(word) in _OURS for word in words[:3])


def _terminal_idle(pid: int) -> float | None:
    """Seconds since somebody typed at, or something was shown on, the terminal that this process has open; None: not known."""
    for descriptor in range(3):
        try:
            path = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            if path.startswith(("/dev/pts/", "/dev/tty")):
                found = os.stat(f"/proc/{pid}/fd/{descriptor}")
                return time.clock_gettime(time.CLOCK_REALTIME) - max(found.st_atime, found.st_mtime)
        except OSError:
            continue
    return None


Gate = Callable[[GateQuestion], Union[SafetyGate, Tuple[SafetyGate, ...]]]
_ALWAYS: tuple[Gate, ...] = (_same_user, _ourselves, _carriers, _protected, _namespace)
_GATES: Mapping[str, tuple[Gate, ...]] = {
    RENICE: _ALWAYS,
    THROTTLE: (*_ALWAYS, _multiplexers),
    PAUSE: (*_ALWAYS, _multiplexers, _group, _service, _foreground, _shell_job, _git_under_way, _locks),
    TERMINATE: (
        *_ALWAYS,
        _multiplexers,
        _group,
        _uninterruptible,
        _service,
        _terminal,
        _files,
        _git_under_way,
        _uncommitted,
    ),
}
