"""How long a plan over many hosts takes, against one host: real sshd's, each in namespaces of its own, on this machine.

Both ends of each connection share the cores of this machine, which they would not otherwise: so a scan waits for a while, as one
does that has more to look at, or samples for longer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.hosts.sshd import TOOL, Hosts

WAITS = 4


class HostTimes(NamedTuple):
    """Seconds: for all hosts, and for the slowest of three that are asked alone."""

    all: float
    one: float


def measured(folder: Path, clone: Path, count: int) -> HostTimes:
    """Plan over so many hosts from a clone that is in a fleet, and over some of them alone."""
    home = folder / "home"
    home.mkdir()
    hosts = Hosts(folder, home)
    names = [f"host-{number:02}" for number in range(count)]
    try:
        for name in names:
            hosts.start(name, tool=f"sleep {WAITS}\n{TOOL}")
        one = max(_plan(clone, home, [name]) for name in names[:3])
        return HostTimes(_plan(clone, home, names), one)
    finally:
        hosts.end()


def _plan(clone: Path, home: Path, names: list[str]) -> float:
    begun = time.perf_counter()
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "gitfleet"), "fleet", "plan", "--hosts", ",".join(names), "--json"],
        cwd=clone, env={**os.environ, "HOME": str(home)}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    took = time.perf_counter() - begun
    assert json.loads(done.stdout)["data"]["fleet_summary"]["hosts_by_status"] == {"planned": len(names)}
    return took
