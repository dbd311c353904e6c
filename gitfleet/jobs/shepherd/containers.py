"""The containers of an attempt, which its signals may not reach: found by their label, removed by the docker program.

Docker's client ends when it is killed, and its container goes on. So an attempt is over only when docker says that there is no
container with its label any more.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

from gitfleet.jobs.shepherd.records import ContainerSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.jobs.shepherd.agent import AgentProcess

LABEL = "gitfleet.attempt"
"""The key of the label."""
_ANSWER = "containers.txt"
_MOST = 1 << 16
_GIVE_UP = 60.0
"""Seconds until containers count as ones that cannot be removed, such as those of a docker that does not answer."""
_HANGS = 20.0
_PAUSE = 0.5
_ID = frozenset("0123456789abcdef")


def listing(box: ContainerSpec) -> list[str]:
    """The command line that tells the ids of the containers, one a line."""
    return [box.program, "ps", "--all", "--quiet", "--no-trunc", f"--filter=label={LABEL}={box.label}"]


def removal(box: ContainerSpec, ids: Sequence[str]) -> list[str]:
    """The command line that kills and removes them."""
    return [box.program, "rm", "--force", *ids]


def ids(output: bytes) -> list[str]:
    """What `listing` told. Whatever is no id is passed over."""
    words = output.decode("ascii", "replace").split()
    return [word for word in words if len(word) >= 12 and _ID.issuperset(word)]


def unknown(box: ContainerSpec) -> tuple[str, ...]:
    """What is said where docker does not tell."""
    return (f"those with the label {LABEL}={box.label}, if there are any",)


class ContainerWatch:
    """Sees to it that no container of the attempt in `folder` is left. Moments in seconds of one clock."""

    def __init__(self, box: ContainerSpec, folder: str) -> None:
        self._box, self._path = box, os.path.join(folder, _ANSWER)
        self._helper, self._began, self._due = 0, 0.0, 0.0
        self._listing = True
        self._over = self._last = False
        self._since: float | None = None
        self._found: list[str] = []
        self._gone = False
        self.left: tuple[str, ...] = ()
        """What could not be removed."""

    def due(self) -> float | None:
        """When to look again; None: when something ends, or never."""
        if self._since is None or self._gone:
            return None
        return self._began + _HANGS if self._helper else self._due

    def look(self, agent: AgentProcess, now: float, *, over: bool) -> bool:
        """Go on with their removal; whether none is left, or nothing can be done. `over`: none can come any more."""
        if self._since is None or (over and not self._over):
            self._over, self._since = over, now
        if self._helper:
            self._answered(agent, now)
        if self._gone or self._helper or now < self._due:
            return self._gone
        if self._over and now >= self._since + _GIVE_UP:
            self.left = tuple(self._found) or unknown(self._box)
            self._gone = True
        else:
            self._ask(agent, now)
        return self._gone

    def _ask(self, agent: AgentProcess, now: float) -> None:
        argv = listing(self._box) if self._listing else removal(self._box, self._found)
        try:
            self._helper = _started(argv, self._box, self._path)
        except OSError:
            self._due = now + _PAUSE
            return
        self._began, self._last = now, self._over
        agent.helpers[self._helper] = None

    def _answered(self, agent: AgentProcess, now: float) -> None:
        status = agent.helpers.get(self._helper)
        if status is None:
            if now >= self._began + _HANGS:
                with suppress(ProcessLookupError):
                    os.kill(self._helper, signal.SIGKILL)
            return
        del agent.helpers[self._helper]
        self._helper = 0
        if not self._listing:
            self._listing = True
        elif status:
            self._due = now + _PAUSE
        else:
            self._found = ids(_read(self._path))
            self._gone = self._last and not self._found
            self._listing = not self._found
            self._due = now if self._found or self._over else now + _PAUSE


def clear(box: ContainerSpec, run: Callable[[Sequence[str]], bytes | None]) -> tuple[str, ...]:
    """Remove them now; what could not be. `run` answers what a program printed, None where it failed."""
    for _ in range(3):
        told = run(listing(box))
        if told is None:
            return unknown(box)
        found = ids(told)
        if not found:
            return ()
        run(removal(box, found))
    return tuple(ids(run(listing(box)) or b""))


def _started(argv: Sequence[str], box: ContainerSpec, path: str) -> int:
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    return os.posix_spawn(
        argv[0], list(argv), dict(box.environment), file_actions=actions, setsigdef=[signal.SIGPIPE]
    )


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST)
    except OSError:
        return b""
