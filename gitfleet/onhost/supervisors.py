"""Who looks after processes: programs that stand for a person, an agent or a manager that is still there.

What has one of them above it is not left behind. Which programs those are is told by their signatures; who is above whom is in
`provenance`.
"""

from __future__ import annotations

import posixpath
import re

from gitfleet.onhost import categories
from gitfleet.onhost.records import HostProcess
from gitfleet.onhost.signatures import kind_of

_SUPERVISING = frozenset((
    categories.AGENT, categories.AGENT_DAEMON, categories.MULTIPLEXER, categories.TERMINAL, categories.EDITOR,
    categories.DESKTOP, categories.CONTAINER, categories.SYSTEM, categories.OURS,
))  # fmt: skip
_BY_NAME = frozenset((
    "su", "sudo", "doas", "runuser", "machinectl", "dropbear", "gitlab-runner", "Runner.Listener", "Runner.Worker",
    "buildkite-agent", "act_runner", "woodpecker-agent", "buildbot", "slurmstepd", "systemd-nspawn", "lxc-start",
    "remote-dev-serv", "remote-dev-server",
))  # fmt: skip
_JARS = frozenset(("agent.jar", "remoting.jar", "slave.jar"))
"""What a build server runs on its nodes."""
_OWN_FILE = re.compile(r"(?:.*/)?gitfleet/(?:jobs|launching|upkeep|agenthooks|githooks|base)/[a-z_/]+\.py\Z")

REAPERS = frozenset(
    (
        "systemd",
        "init",
        "tini",
        "dumb-init",
        "catatonit",
        "docker-init",
        "s6-svscan",
        "runit",
        "launchd",
        "podman-init",
    )
)
"""What children are handed to when their parent has ended. To be below one of these is to be below nobody."""


def supervises(one: HostProcess) -> bool:
    """Whether what it starts is looked after for as long as it lives. Ourselves included: what runs jobs sees to their ends."""
    known = kind_of(one).category in _SUPERVISING or one.name in _BY_NAME or _ours(one)
    return not reaps(one) and (known or any(posixpath.basename(word) in _JARS for word in one.command[1:8]))


def _ours(one: HostProcess) -> bool:
    """Whether it is one of our own programs, which are started by their files."""
    return any(_OWN_FILE.match(word) for word in one.command[1:6])


def serves_many(one: HostProcess) -> bool:
    """Whether what is below it may belong to others than what started it: a terminal multiplexer."""
    return kind_of(one).category == categories.MULTIPLEXER


def reaps(one: HostProcess) -> bool:
    """Whether it is init, or a user's service manager: one of those names alone makes none."""
    return one.identity.pid == 1 or (known_init(one) and one.ppid in (0, 1))


def known_init(one: HostProcess) -> bool:
    """Whether it only takes children over, and starts none that are to be looked after but as units."""
    return one.name in REAPERS
