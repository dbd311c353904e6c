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
        self._pids: list[int] = []
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
        rows = [row.partition(" ")[::2] for row in told.out.splitlines()]
        found = dict(rows)
        if not await self._answers(found.get("controlpath", ""), spec.host):
            return Route(self._files.alone)
        jump = found.get("proxyjump", "none")
        if jump == "none":
            return Route(self._files.shared)
        return await self._through(_last_hop(jump))

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
        path = dict(row.partition(" ")[::2] for row in told.out.splitlines()).get("controlpath", "")
        if os.path.exists(path):
            return Route(configuration if await self._answers(path, name) else self._files.alone)
        options = ("-o", "ControlMaster=yes", "-o", f"ControlPersist={IDLE}", "-N", "-f")
        done = await self._logged_in(["ssh", "-F", configuration, *options, *hop])
        if done.code == 0:
            self._pids.append(_pid_in(await self._check(path, name)))
            return Route(configuration)
        if done.code is None:
            words = f"its jump host {name} did not let us in within {self._within:.0f} s"
            hint = "See whether you can log in there by hand."
            return Route(configuration, HostProblem(HostStatus.TIMEOUT, words, hint))
        why = failure(done.said, done.code)
        return Route(configuration, HostProblem(why.status, f"its jump host {name}: {why.words}", why.hint))

    async def _logged_in(self, argv: Sequence[str]) -> Done:
        """Log in at a jump host; again after a pause, where it drops connections before it looks at them."""
        for pause in _PAUSES:
            done = await self._run(argv, self._within)
            if not done.code or not failure(done.said, done.code).dropped:
                return done
            await asyncio.sleep(pause)
        return await self._run(argv, self._within)

    async def _answers(self, path: str, target: str) -> bool:
        """Whether the shared connection at this path can be used; so it is where there is none. A hung one would hang us."""
        if not os.path.isabs(path) or not os.path.exists(path):
            return True
        return (await self._check(path, target)).code is not None

    async def _check(self, path: str, target: str) -> Done:
        return await self._run(
            ["ssh", "-F", self._files.shared, "-S", path, "-O", "check", "--", target], self._shared
        )

    async def end(self) -> None:
        """End the connections that are ours; those that do not listen are killed."""
        for task in self._masters.values():
            task.cancel()
        await asyncio.gather(*self._masters.values(), return_exceptions=True)
        exits = [["ssh", "-F", "none", "-S", path, "-O", "exit", "x"] for path in self._files.sockets()]
        ended = await asyncio.gather(*(self._run(argv, self._shared) for argv in exits))
        if any(one.code is None for one in ended):
            for pid in self._pids:
                _kill(pid, self._files.folder)

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


def _pid_in(checked: Done) -> int:
    """The process of a shared connection, as it says itself; 0 where it says none."""
    found = re.search(r"\(pid=(\d{1,10})\)", checked.said)
    return int(found[1]) if found else 0


def _kill(pid: int, folder: str) -> None:
    """Kill a process of ours: an ssh whose configuration lies in our folder."""
    import psutil  # of no use to a run whose connections end by themselves

    with suppress(psutil.Error, ValueError):
        process = psutil.Process(pid)
        if any(word.startswith(folder) for word in process.cmdline()):
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


def _last_hop(jump: str) -> tuple[str, ...]:
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
