"""What ssh is called with, and what it says of a host before we connect: how it would go there, and by which jump host.

Owns the argument lists, the masters of jump hosts and the end of shared connections. Many hosts behind one jump host are
reached through one connection to it, which is made first: as many logins at once as there are hosts would have it drop some.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum

from gitfleet.codec import Struct
from gitfleet.hosts.configuration import IDLE, SshFiles
from gitfleet.hosts.inventory import HostSpec
from gitfleet.hosts.status import HostProblem, HostStatus, failure
from gitfleet.hosts.wire import Wire

_LOOK = 10.0
"""Seconds for what ssh answers by itself, without the network (but for names that its configuration has it look up)."""
_MOST = 1 << 20
_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between two logins at a jump host that drops connections."""
_PLAIN = re.compile(r"[A-Za-z0-9_.:%-]+")
"""Names of jump hosts that a configuration can have as they are."""


_BEATEN = "disabling multiplexing"


class _Shared(Enum):
    """A shared connection that ssh could use: there is none, one that answers, one that does not."""

    NONE = 0
    ALIVE = 1
    HUNG = 2


class Route(Struct):
    """How ssh goes to a host: which of our files it is given, and why it cannot be reached at all (None: try it)."""

    configuration: str
    problem: HostProblem | None = None


class Done(Struct):
    """How a short ssh ended; `code` None: it took too long and was killed."""

    code: int | None
    out: str
    said: str


class Ssh:
    """The ssh of one run: finds the way to each host, and keeps one connection to each jump host."""

    def __init__(self, files: SshFiles, *, within: float, check: float) -> None:
        """Seconds: `within` for the login at a jump host, `check` for a shared connection to say that it is there."""
        self._files = files
        self._shared = check
        self._ours: dict[str, str] = {}
        self._within = within
        self._masters: dict[tuple[str, ...], asyncio.Task[Route]] = {}

    def argv(self, configuration: str, spec: HostSpec, command: str) -> list[str]:
        """The argument list that runs a command on a host."""
        return ["ssh", "-F", configuration, "-T", *_target(spec), command]

    def start(self, argv: Sequence[str]) -> Wire:
        """Start one. Raises OSError."""
        return Wire(argv, self._files.environment)

    async def route(self, spec: HostSpec) -> Route:
        """The way to a host; its jump host has been connected to when this comes back."""
        told = await self._run(["ssh", "-F", self._files.shared, "-G", *_target(spec)], _LOOK)
        if told.code != 0:
            return Route(self._files.shared, _unread(told))
        found = _settings(told)
        match await self._shared_at(found.get("controlpath", ""), spec.host):
            case _Shared.HUNG:
                return Route(self._files.alone)
            case _Shared.ALIVE:  # past any jump host: the user may have been asked for more than a key there
                return Route(self._files.shared)
        jump = found.get("proxyjump", "none")
        return Route(self._files.shared) if jump == "none" else await self._through(last_hop(jump))

    async def _through(self, hop: tuple[str, ...]) -> Route:
        """The way behind a jump host: over the connection to it that all share, made by whoever comes first."""
        if hop not in self._masters:
            self._masters[hop] = asyncio.get_running_loop().create_task(self._connect(hop))
        return await asyncio.shield(self._masters[hop])

    async def _connect(self, hop: tuple[str, ...]) -> Route:
        """Have a connection to a jump host that others can share: the user's that is there, or ours."""
        name = hop[-1]
        if not _PLAIN.fullmatch(name):
            return Route(self._files.shared)
        configuration = self._files.behind(name)
        told = await self._run(["ssh", "-F", configuration, "-G", *hop], _LOOK)
        if told.code != 0:
            return Route(configuration, _unread(told))
        path = _settings(told).get("controlpath", "")
        match await self._shared_at(path, name):
            case _Shared.HUNG:
                return Route(self._files.alone)
            case _Shared.ALIVE:
                return Route(configuration)
        return Route(configuration, await self._make(hop, path, configuration))

    async def _make(self, hop: tuple[str, ...], path: str, configuration: str) -> HostProblem | None:
        """Make a connection to a jump host; why that failed."""
        options = ("-o", "ControlMaster=auto", "-o", f"ControlPersist={IDLE}", "-N", "-f")
        done = await self._logged_in(["ssh", "-F", configuration, *options, *hop])
        name = hop[-1]
        if done.code == 0:
            self._note(path, configuration, done)
            return None
        if done.code is None:
            words = f"its jump host {name} did not let us in within {self._within:.0f} s"
            return HostProblem(HostStatus.TIMEOUT, words, "Check whether you can log in there by hand.")
        why = failure(done.said, done.code)
        return HostProblem(why.status, f"its jump host {name}: {why.words}", why.hint)

    async def _logged_in(self, argv: Sequence[str]) -> Done:
        """Log in at a jump host; again after a pause, where it drops connections before it looks at them."""
        for pause in _PAUSES:
            done = await self._run(argv, self._within)
            if not done.code or not failure(done.said, done.code).dropped:
                return done
            await asyncio.sleep(pause)
        return await self._run(argv, self._within)

    def _note(self, path: str, configuration: str, done: Done) -> None:
        """Remember a connection that is ours to end. One at a place of the user's is left to its time limit: others may use it."""
        if _BEATEN in done.said:
            _kill(
                configuration
            )  # somebody else was first, and is used; this one would be of no use, and stay
        elif path.startswith(self._files.folder):
            self._ours[path] = configuration

    async def _shared_at(self, path: str, target: str) -> _Shared:
        """What can be said of a shared connection at this path. A hung one would hang whoever uses it."""
        if not os.path.isabs(path) or not os.path.exists(path):
            return _Shared.NONE
        check = ["ssh", "-F", self._files.shared, "-S", path, "-O", "check", "--", target]
        code = (await self._run(check, self._shared)).code
        return _Shared.HUNG if code is None else _Shared.NONE if code else _Shared.ALIVE

    async def end(self) -> None:
        """End the connections that are ours; those that do not listen are killed."""
        for task in self._masters.values():
            task.cancel()
        await asyncio.gather(*self._masters.values(), return_exceptions=True)
        await asyncio.gather(*(self._end(path, configuration) for path, configuration in self._ours.items()))

    async def _end(self, path: str, configuration: str) -> None:
        done = await self._run(["ssh", "-F", "none", "-S", path, "-O", "exit", "x"], self._shared)
        if done.code != 0:
            _kill(configuration)

    async def _run(self, argv: Sequence[str], within: float) -> Done:
        """Run a short ssh to its end, however long its pipes stay open."""
        try:
            wire = self.start(argv)
        except OSError as error:
            return Done(255, "", str(error.strerror))
        out = bytearray()
        late = True
        try:
            wire.close_input()
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    while (data := await wire.read()) and len(out) < _MOST:
                        out += data
                    late = False
        finally:
            await wire.close()
        return Done(None if late else wire.code, out.decode("utf-8", "replace"), wire.said)


def _settings(told: Done) -> dict[str, str]:
    """What `ssh -G` has said, by name."""
    return dict(row.partition(" ")[::2] for row in told.out.splitlines())


def _kill(configuration: str) -> None:
    """Kill every ssh that was given this configuration, which is the one of a single connection of ours."""
    import psutil  # of no use to a run whose connections end by themselves

    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if configuration in process.cmdline():
                process.kill()


def _unread(told: Done) -> HostProblem:
    """Why ssh could not even say where a host is."""
    if told.code is None:
        return HostProblem(
            HostStatus.TIMEOUT,
            f"ssh did not find out in {_LOOK:.0f} s where it is",
            "See ssh's configuration for it.",
        )
    return failure(told.said, told.code)


def _target(spec: HostSpec) -> list[str]:
    return [
        *(["-p", str(spec.port)] if spec.port else []),
        *(["-l", spec.user] if spec.user else []),
        "--",
        spec.host,
    ]


def last_hop(jump: str) -> tuple[str, ...]:
    """The arguments by which ssh itself is told of the last of `[user@]host[:port],…`, as its connection to a target tells it."""
    before, _, last = jump.rpartition(",")
    user, _, host = last.rpartition("@")
    port = ""
    if host.startswith("["):
        host, _, port = host[1:].partition("]")
        port = port.removeprefix(":")
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    more = [
        *(["-l", user] if user else []),
        *(["-p", port] if port else []),
        *(["-J", before] if before else []),
    ]
    return (*more, "--", host)
