"""Which process is meant: a name for it that outlives the reuse of its number.

Owns the identity of a process (pid, start, boot), whether that process still runs, and what it was started as. Leaves to
others what follows from it: which process stands for a caller (`callers`), a session's liveness (`sessions`).

A pid alone is worth little: the kernel hands it out again, and a reboot starts over. So an identity also
carries the start of the process (a number that the kernel keeps, in ticks since boot, untouched by any
change of the clock) and the boot that it counts from.

Hooks load this module, hence the few imports: on Linux everything is read from `/proc`; elsewhere psutil
is imported at the first question, and where it is missing too the answers are "unknown" and "none".
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Literal, NoReturn, TypeGuard, TypeVar

    import psutil

    Answer = TypeVar("Answer")
    State = Literal["alive", "dead", "unknown"]

UNKNOWN = "unknown"

_PROC = os.path.exists("/proc/self/stat")
_INITIAL_NAMESPACE = 0xEFFFFFFC  # the kernel's fixed inode of the first pid namespace (proc_ns.h)
_MAX_PID = 2**31 - 1  # os.kill takes a C int
_MAX_READ = 1 << 18
_MAX_ENVIRONMENT = 1 << 23  # more than the kernel lets a program start with
_CLOCK_SLACK = 200  # centiseconds; psutil's start times elsewhere follow small corrections of the clock


class ProcessIdentity:
    """One process, once and for all: immutable, hashable, compared by all of its fields.

    `pid` as this host (and pid namespace) counts; `start` in clock ticks since boot on Linux, in hundredths
    of a second since 1970 elsewhere; `boot` as `boot_id()` said; `namespace` is 0 for a process outside
    any container, else the inode of its pid namespace. An identity has a meaning only on the host that
    recorded it: the caller compares hosts first.
    """

    __slots__ = ("boot", "namespace", "pid", "start")
    pid: int
    start: int
    boot: str
    namespace: int

    def __init__(self, pid: int, start: int, boot: str, namespace: int = 0) -> None:
        for name, value in (("pid", pid), ("start", start), ("boot", boot), ("namespace", namespace)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def _fields(self) -> tuple[int, int, str, int]:
        return self.pid, self.start, self.boot, self.namespace

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, ProcessIdentity) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return "ProcessIdentity(pid={}, start={}, boot={!r}, namespace={})".format(*self._fields())

    def __reduce__(self) -> tuple[type[ProcessIdentity], tuple[int, int, str, int]]:
        return ProcessIdentity, self._fields()

    def as_record(self) -> dict[str, int | str]:
        """A plain dict for JSON: `pid`, `start`, `boot`, and `namespace` where it is not 0."""
        record: dict[str, int | str] = {"pid": self.pid, "start": self.start, "boot": self.boot}
        if self.namespace:
            record["namespace"] = self.namespace
        return record

    @classmethod
    def from_record(cls, raw: object) -> ProcessIdentity | None:
        """The identity that `as_record` wrote; None when `raw` is anything else.

        Records come from other nodes, so nothing about `raw` is trusted: types (a bool is no number),
        ranges (0 and negative pids mean whole groups to `kill`), and the boot id's characters are
        checked; unknown keys are passed over. None rather than an error, because a session whose
        process cannot be named is an ordinary answer: "unknown".
        """
        if not isinstance(raw, dict):
            return None
        pid, start, boot = raw.get("pid"), raw.get("start"), raw.get("boot")
        namespace = raw.get("namespace", 0)
        if not (_whole(pid, 1, _MAX_PID) and _whole(start, 0, 2**63) and _whole(namespace, 0, 2**32)):
            return None
        if not isinstance(boot, str) or not _plain_boot(boot):
            return None
        return cls(pid, start, boot, namespace)


def _whole(value: object, low: int, high: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _plain_boot(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isascii() and text.replace("-", "").isalnum()


# The boot and the pid namespace that this process lives in.


def boot_id() -> str:
    """A name for the present boot of this machine, or "unknown". Never raises.

    Linux: the kernel's random boot id, which containers share with their host (systemd-nspawn gives each
    container its own). macOS: the boot session's UUID. Elsewhere unknown: a boot *time* is no substitute,
    since it moves whenever the clock is set, and every session would then look dead.
    """
    try:
        text = _read("/proc/sys/kernel/random/boot_id").decode("ascii", "replace").strip()
    except OSError:
        text = _boot_session()
    return text if _plain_boot(text) else UNKNOWN


def _boot_session() -> str:
    if os.uname().sysname != "Darwin":
        return UNKNOWN
    try:
        import ctypes  # only here: costs more than the rest of this module

        size = ctypes.c_size_t(64)
        buffer = ctypes.create_string_buffer(size.value)
        sysctl = ctypes.CDLL(None).sysctlbyname
    except (ImportError, OSError, AttributeError):
        return UNKNOWN
    failed = sysctl(b"kern.bootsessionuuid", buffer, ctypes.byref(size), None, ctypes.c_size_t(0))
    return UNKNOWN if failed else buffer.value.decode("ascii", "replace")


def namespace() -> int:
    """The pid namespace of this process, as `ProcessIdentity` has it: 0 outside of any container."""
    try:
        link = os.readlink("/proc/self/ns/pid")
    except OSError:
        return 0
    number = link.rpartition("[")[2].rstrip("]")
    inode = int(number) if number.isdecimal() else 0
    return 0 if inode == _INITIAL_NAMESPACE else inode


# Identity and state.


def identify(pid: int) -> ProcessIdentity | None:
    """The identity of the running process `pid`; None if there is none, it is a zombie, or it cannot be read."""
    if not _whole(pid, 1, _MAX_PID):
        return None
    try:
        status, _, start = _observe(pid)
    except OSError:
        return None
    return None if status in "ZX" else ProcessIdentity(pid, start, boot_id(), namespace())


def state(identity: ProcessIdentity) -> State:
    """Whether the process `identity` still runs: "alive", "dead", or "unknown" if that cannot be told.

    Dead: the machine has booted since, the pid is gone or belongs to a later process, or only a zombie is
    left. Unknown: the boot cannot be named, the process may not be looked at, or it was recorded in another
    pid namespace (a container, or the host seen from one): there its pid means something else, and asking
    for it here would report live sessions as dead. Only for identities recorded on this very host.
    """
    boot = boot_id()
    if UNKNOWN in (boot, identity.boot):
        return "unknown"
    if boot != identity.boot:
        return "dead"
    if identity.namespace != namespace():
        return "unknown"
    try:
        status, _, start = _observe(identity.pid)
    except ProcessLookupError:
        return "dead"
    except OSError:
        return "unknown"
    slack = 0 if _PROC else _CLOCK_SLACK
    return "alive" if status not in "ZX" and abs(start - identity.start) <= slack else "dead"


def pids() -> list[int]:
    """The processes that can be seen; none where nothing tells of them."""
    if _PROC:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    try:
        import psutil  # 20 ms, and only where there is no /proc
    except ImportError:
        return []
    return psutil.pids()


def parent(pid: int) -> int:
    """The pid of the process above `pid`; 0 where that cannot be told."""
    try:
        return _observe(pid)[1]
    except OSError:
        return 0


def _observe(pid: int) -> tuple[str, int, int]:
    """(state letter, parent's pid, start) of `pid`. Raises ProcessLookupError if gone, OSError if hidden."""
    return _from_proc(pid) if _PROC else _from_psutil(pid)


def _from_proc(pid: int) -> tuple[str, int, int]:
    try:
        text = _read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        os.kill(pid, 0)  # under hidepid=2 other users' processes look absent too; this tells them apart
        raise PermissionError(f"/proc/{pid} is hidden") from None
    # `pid (name) S ppid ...`: the name may hold anything, newlines and parentheses included, but what
    # follows the last parenthesis is ours. Numbered as in proc(5), the state is field 3.
    fields = text.rpartition(b")")[2].split()
    try:
        return fields[0].decode("ascii"), int(fields[1]), int(fields[19])
    except (IndexError, ValueError):
        raise OSError(f"/proc/{pid}/stat cannot be understood") from None


def _from_psutil(pid: int) -> tuple[str, int, int]:
    try:
        import psutil  # 20 ms, and only where there is no /proc
    except ImportError:
        raise OSError("neither /proc nor psutil") from None
    try:
        process = psutil.Process(pid)
        letter = "Z" if process.status() == psutil.STATUS_ZOMBIE else "S"
        return letter, process.ppid(), round(process.create_time() * 100)
    except psutil.ZombieProcess:
        return "Z", 0, 0
    except psutil.NoSuchProcess:
        raise ProcessLookupError(f"no process {pid}") from None
    except psutil.Error as refused:
        raise PermissionError(str(refused)) from None


# What a process was started as.


def command_line(pid: int) -> list[str]:
    """The arguments of process `pid`, as far as they can be read; [] if not (or for a zombie).

    Bytes that are no UTF-8 survive as surrogates. At most 256 KiB are read; empty arguments at the end
    are dropped, since programs that rewrite their title leave such padding. Programs may show anything
    here, so it serves for labels and guesses, never for a decision about trust.
    """
    if _PROC:
        try:
            text = _read(f"/proc/{pid}/cmdline").rstrip(b"\0")
        except OSError:
            return []
        return [os.fsdecode(part) for part in text.split(b"\0")] if text else []
    return _ask_psutil(pid, lambda process: process.cmdline(), [])


def environment_names(pid: int) -> set[str]:
    """The names (never the values) of the variables that `pid` was started with; empty if unreadable.

    A variable without a value is as good as none. Only for processes of our own user, even when we are root: other people's environments are theirs.
    """
    return {name for name, value in _environment(pid).items() if value}


def environment_values(pid: int, names: Collection[str]) -> dict[str, str]:
    """The values of just those variables in `names` that `pid` was started with. As `environment_names`."""
    return {name: value for name, value in _environment(pid).items() if name in names}


def _environment(pid: int) -> dict[str, str]:
    if not _PROC:
        own = os.geteuid()
        return _ask_psutil(pid, lambda it: it.environ() if it.uids().effective == own else {}, {})
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.geteuid():
            return {}
        text = _read(f"/proc/{pid}/environ", _MAX_ENVIRONMENT)
    except OSError:
        return {}
    pairs = (os.fsdecode(part).partition("=") for part in text.split(b"\0"))
    return {name: value for name, equals, value in pairs if name and equals}


def _ask_psutil(pid: int, question: Callable[[psutil.Process], Answer], otherwise: Answer) -> Answer:
    try:
        import psutil  # 20 ms, and only where there is no /proc
    except ImportError:
        return otherwise
    try:
        return question(psutil.Process(pid))
    except (psutil.Error, OSError, ValueError):
        return otherwise


def _read(path: str, most: int = _MAX_READ) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a third of what open() costs, 500 sessions at a time
    try:
        text = b""
        while len(text) < most and (part := os.read(file, min(_MAX_READ, most - len(text)))):
            text += part
        return text
    finally:
        os.close(file)


def program_name(argument: str) -> str:
    """The bare name of the program in the first argument of a command line: `/bin/sh` and `-sh` are `sh`.

    A title that a program gave itself (`tmux: server`, `sshd: ann@pts/0`) yields its first word.
    """
    if argument.startswith("/"):
        argument = argument.rpartition("/")[2]
    words = argument.split()
    return words[0].rpartition("/")[2].lstrip("-").rstrip(":") if words else ""
