"""What hosts answer, made by hand."""

from __future__ import annotations

import itertools
from typing import Any

BOOT = "11111111-2222-3333-4444-555555555555"
_numbers = itertools.count(1)


def identity(pid: int = 4321, *, boot: str = BOOT, uid: int = 1000, **more: Any) -> dict[str, Any]:
    return {
        "boot": boot, "pid": pid, "start": 100_000 + pid, "uid": uid, "exe": [64_768, 1234],
        "pid_namespace": 4_026_531_836, "mount_namespace": 4_026_531_841, **more,
    }  # fmt: skip


def candidate(number: int = 0, *, in_use: float = 0.002, **more: Any) -> dict[str, Any]:
    """A leaked dev server; `in_use`: the probability that somebody needs it."""
    number = number or next(_numbers)
    leader = more.pop("identity", None) or identity(1000 + number)
    return {
        "candidate_id": f"c-{number:012x}",
        "identity": leader,
        "members": [leader],
        "pgid": leader["pid"],
        "category": "dev-server",
        "signature": "node",
        "pattern": "node server.js",
        "command": "node server.js --port 3000",
        "cwd": "~/h-0a1b2c3d",
        "age": 200_000.5,
        "cpu": 0.0012,
        "rss": 128 << 20,
        "pss": 96 << 20,
        "processes": 1,
        "listening": [3000],
        "session": "codex-7h3k9q2m",
        "origin": "marker",
        "session_state": "ended",
        "orphan": True,
        "posterior": {"useful": in_use / 2, "useful_bad": in_use / 2, "abandoned": 1 - in_use, "zombie": 0.0},
        "log_e": 18.5,
        "evidence": [
            {"feature": "session", "value": "ended", "bits": 12.0},
            {"feature": "orphan", "value": "yes", "bits": 3.25},
        ],
        "missing": ["io"],
        "action": "terminate",
        "loss": {"keep": 9.5, "terminate": 0.25},
        "gates": [{"name": "open-files", "state": "passed", "detail": ""}],
        "reversible": {"pause": True, "terminate": False},
        "protected": "",
        **more,
    }


def facts(*, boot: str = BOOT, uid: int = 1000, **more: Any) -> dict[str, Any]:
    return {
        "boot": boot, "uid": uid, "user": "h-1", "host_name": "h-2", "system": "Linux 6.1", "python": "3.11.2", "cores": 8,
        "ticks": 100, "memory_total": 1 << 34, "memory_available": 1 << 33, "swap_total": 0, "swap_free": 0,
        "load": [0.5, 0.25, 0.1], "pressure": {"cpu": 1.5, "memory": None, "io": 0.0}, "oom_kills": 0, "uptime": 1e6,
        "foreign": 12, "unreadable": 0, "hidden": False, **more,
    }  # fmt: skip


def scan(session_id: str, *candidates: dict[str, Any], judged: int = 0, **more: Any) -> dict[str, Any]:
    """The answer of a host to a scan."""
    return {
        "session_id": session_id,
        "facts": facts(),
        "candidates": list(candidates),
        "counts": {"processes": 200, "judged": judged or len(candidates), "foreign": 12, "unreadable": 3},
        "gaps": {"fields": {"io": 3}, "hidden": False, "left_out": 0},
        **more,
    }
