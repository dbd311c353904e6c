"""What is known of the processes of a host: plain values that the other modules of this package pass on.

Full snapshots never leave the host. What does leave it is a `TriageCandidate`, put into words by `redaction`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

RECORD_VERSION = 1
"""The form of what this package answers. A controller that speaks another one says `version-mismatch` and goes no further."""

USEFUL, USEFUL_BAD, ABANDONED, ZOMBIE = "useful", "useful_bad", "abandoned", "zombie"
CLASSES = (USEFUL, USEFUL_BAD, ABANDONED, ZOMBIE)

KEEP, RENICE, PAUSE, THROTTLE, TERMINATE = "keep", "renice", "pause", "throttle", "terminate"
ACTIONS = (KEEP, RENICE, PAUSE, THROTTLE, TERMINATE)
"""By blast radius, least first."""


@dataclass(frozen=True)
class Identity:
    """One process, so that it cannot be taken for another: all fields must agree, whenever it is looked at again.

    `start` is in clock ticks since boot, as /proc/P/stat has it. `exe` and `pid_namespace`, `mount_namespace` are the device and
    inode of what `stat` finds behind /proc/P/exe and the inodes of /proc/P/ns/*; None where they cannot be read.
    """

    boot: str
    pid: int
    start: int
    uid: int
    exe: tuple[int, int] | None = None
    pid_namespace: int | None = None
    mount_namespace: int | None = None


@dataclass(frozen=True)
class HostProcess:
    """One process as a scan found it. None means "could not be read", and `gaps` names those fields. It stays on the host.

    Times are in seconds, memory in bytes. `cpu` is the share of one core between two samples (1.0: one core), None with a
    single sample; `cpu_total` what it has used since its start. `io`: bytes a second that it read and wrote between the samples,
    whatever they came from. `zombie` only if its last task is one. `listening`: TCP ports; `connections`: established ones.
    `stdin` is terminal, null, pipe, socket, file or closed; `fed` says of a pipe or socket whether anybody still holds its other end,
    and `feeders` which processes do, as far as they can be seen.
    """

    identity: Identity
    ppid: int
    pgid: int
    sid: int
    tpgid: int
    terminal: int
    state: str
    name: str
    command: tuple[str, ...] = ()
    exe: str | None = None
    exe_deleted: bool = False
    cwd: str | None = None
    cwd_inode: tuple[int, int] | None = None
    cwd_deleted: bool = False
    age: float = 0.0
    cpu: float | None = None
    cpu_total: float = 0.0
    io: float | None = None
    rss: int = 0
    pss: int | None = None
    swap: int = 0
    threads: int = 1
    nice: int = 0
    cgroup: str | None = None
    unit: str | None = None
    marker: str | None = None
    zombie: bool = False
    kernel: bool = False
    listening: tuple[int, ...] | None = None
    connections: int | None = None
    gaps: tuple[str, ...] = ()
    stdin: str | None = None
    fed: bool | None = None
    feeders: tuple[int, ...] = ()


@dataclass(frozen=True)
class HostFacts:
    """The machine at the time of a scan. `pressure` holds the `avg60` of "some" by resource, in percent; None where there is none.

    `foreign` counts processes of other users (seen, not judged); `unreadable` counts own processes of which something that
    matters could not be read, without zombies; `hidden`: /proc hides processes (hidepid), so that absence proves nothing.
    """

    boot: str
    uid: int
    user: str
    host_name: str
    system: str
    python: str
    cores: int
    ticks: int
    memory_total: int
    memory_available: int
    swap_total: int = 0
    swap_free: int = 0
    load: tuple[float, ...] = ()
    pressure: dict[str, float | None] = field(default_factory=dict)
    oom_kills: int | None = None
    uptime: float = 0.0
    foreign: int = 0
    unreadable: int = 0
    hidden: bool = False


@dataclass(frozen=True)
class ProcessTable:
    """All processes of one scan. `processes` by pid. `taken`: seconds since 1970 on the host's clock; `seconds`: between the samples.

    `silent`: mounts of network disks that did not answer; nothing on them was looked at.
    """

    facts: HostFacts
    processes: dict[int, HostProcess]
    taken: float
    seconds: float
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin:
    """Which session started a process, and how that is known: marker, parent, child, group, terminal, cgroup, place, or none.

    `state` is what the asker said of that session: live, ended, or unknown. `supervised`: a live supervisor stands above it or
    in its group (its pid in `supervisor`); unknown ancestors count as one. `orphan`: reparented, and no supervisor anywhere.
    `shared`: it works in the worktree of a session that lives and is not its own, and may be of use to that one.
    """

    session: str | None = None
    by: str = "none"
    state: str = "unknown"
    supervised: bool = True
    supervisor: int | None = None
    orphan: bool = False
    shared: bool = False


@dataclass(frozen=True)
class FeatureEvidence:
    """What one feature says: its value in words, and how many bits it moves towards abandonment (negative: away)."""

    feature: str
    value: str
    bits: float


@dataclass(frozen=True)
class Judgement:
    """What is thought of a process: probability of each class, the evidence, and the log (base 2) of its e-value.

    `log_e` is log2 of p(x | abandoned) / max over useful, useful_bad of p(x | class): under any of the null classes its
    expectation is at most 1 (Wang & Ramdas 2022), as far as the model is right. `missing` names features that were not known.
    """

    category: str
    signature: str
    posterior: dict[str, float]
    log_e: float
    evidence: tuple[FeatureEvidence, ...]
    action: str
    loss: dict[str, float]
    missing: tuple[str, ...] = ()
    protected: str = ""


@dataclass(frozen=True)
class SafetyGate:
    """One safety gate: passed, blocked or unknown (which blocks). `detail` is redacted where it leaves the host."""

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True)
class ProcessGroup:
    """What is acted on together: a leader (the first that is alive) and all members, wrapper, server and watchdog alike.

    `pgid` is the process group if the members are all of it, else 0: then each member is signalled by itself. `mcp`: they are an
    MCP server with what belongs to it. `client`: somebody outside of the group holds the other end of a member's standard input,
    and so may be served by it; None: that could not be told.
    """

    leader: HostProcess
    members: tuple[HostProcess, ...]
    pgid: int = 0
    mcp: bool = False
    client: bool | None = False


@dataclass(frozen=True)
class TriageCandidate:
    """A group with what is thought of it: what a plan may act on."""

    group: ProcessGroup
    origin: Origin
    judgement: Judgement
    gates: tuple[SafetyGate, ...] = ()
    reversible: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class ScanRequest:
    """What the asker says for a scan: sessions by state, where their worktrees are, who asks, and how it is to be redacted.

    `sessions` maps a session id to live or ended; `places` an absolute path to a session id,
    or to `-` where a place is the fleet's, but no session's alone. `ends` says when a session ended, in seconds since 1970. `key` is the fleet's redaction key
    (HMAC-SHA256); it is never kept on the host. `protect` are patterns of command lines that are never judged.
    """

    sessions: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    protect: list[str] = field(default_factory=list)
    key: bytes = b""
    profile: str = "safe"
    seconds: float = 1.0
    session_id: str = ""
