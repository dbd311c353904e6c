"""The agent in a systemd scope: a control group of its own, with limits, that also holds what leaves its session.

The scope is named after the session. Nothing that an agent or a prompt says passes through an argument of `systemd-run`: it
runs a program of ours, which reads the agent's argv and environment from a file (0600), takes the file away, and becomes
the agent. A memory limit counts as in force only where the kernel shows it: systemd takes the setting without a word where
the memory controller is not delegated.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from gitfleet.codec import TEXT, Many, Struct, Table, field
from gitfleet.jobs.shepherd import records
from gitfleet.jobs.shepherd.records import ScopeSpec, Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

GROUPS = "/sys/fs/cgroup"


class ScopedStart(Struct):
    """What the program in the scope becomes."""

    argv: tuple[str, ...] = field(Many(TEXT))
    env: Mapping[str, str] = field(Table(TEXT))


def wrapped(folder: str, spec: Spec, scope: ScopeSpec) -> tuple[list[str], dict[str, str]]:
    """The argv and the environment that start the agent of `spec` in its scope. Raises OSError."""
    records.save(folder, records.SCOPE_START, ScopedStart(spec.argv, spec.env))
    inside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "in_scope.py")
    limits = [f"--property=MemoryMax={scope.memory}"] if scope.memory is not None else []
    limits += [f"--property=TasksMax={scope.tasks}"] if scope.tasks is not None else []
    argv = [
        "systemd-run", "--user", "--scope", "--quiet", "--collect", f"--unit={scope.unit}",
        f"--description=gitfleet {scope.unit}", *limits,
        "--", sys.executable, "-I", "-S", inside, os.path.join(folder, records.SCOPE_START),
    ]  # fmt: skip
    return argv, {"PATH": spec.env.get("PATH", os.defpath), **scope.environment}


def group_of(pid: int, unit: str) -> str:
    """The folder of the control group that `pid` is in, if it is the scope of that name; else empty."""
    with (
        suppress(OSError, IndexError),
        open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file,
    ):
        path = file.read().rpartition("::")[2].strip()
        if os.path.basename(path) == f"{unit.removesuffix('.scope')}.scope":
            return GROUPS + path
    return ""


def limited(group: str) -> bool:
    """Whether a memory limit is in force in a control group."""
    with suppress(OSError), open(os.path.join(group, "memory.max"), encoding="ascii") as file:
        return file.read().strip().isdigit()
    return False


def members(group: str) -> list[int]:
    """The processes in a control group; none where it is gone."""
    with suppress(OSError, ValueError), open(os.path.join(group, "cgroup.procs"), encoding="ascii") as file:
        return [int(line) for line in file]
    return []


def kill(group: str) -> None:
    """KILL everything in a control group at once, where the kernel can."""
    with suppress(OSError), open(os.path.join(group, "cgroup.kill"), "w", encoding="ascii") as file:
        file.write("1")


def out_of_memory(group: str) -> bool:
    """Whether the kernel has killed something in the group since its memory was used up."""
    with suppress(OSError), open(os.path.join(group, "memory.events"), encoding="ascii") as file:
        counts = dict(line.split() for line in file)
        return counts.get("oom_kill", "0") != "0"
    return False
