"""Many hosts, some at a time: each asked over one connection, answers as they come, and none that fails stops another.

Owns how many at once, when a connection that was dropped is made anew, and the hard deadline of each host. What is asked, and what
an answer means, is the business of the caller.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Self, TypeVar

from gitfleet.base import clock
from gitfleet.base.stopping import StopRequests
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.hosts import bundle, commands, wire
from gitfleet.hosts.bundle import SentProgram
from gitfleet.hosts.configuration import Patience, SshFiles, quiet
from gitfleet.hosts.connection import Body, Connection, HostFailed, HostLimits
from gitfleet.hosts.inventory import HostSpec
from gitfleet.hosts.ssh import Ssh
from gitfleet.hosts.status import HostProblem, HostStatus
from gitfleet.hosts.wire import Wire

T = TypeVar("T")
AT_ONCE = 16

OnEvent = Callable[[HostSpec, Body], None]


def run(what: Coroutine[object, object, T]) -> T:
    """Run it to its end. Ctrl-C, SIGTERM and a terminal that closes cancel it, so that no ssh is left behind."""
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(what)  # signals are another's business
    with StopRequests():
        try:
            return asyncio.run(what)
        finally:
            wire.kill_left()


class HostAnswer(Struct):
    """What came of one host. `answers`: as many as there came, one for each request; `problem` is None where all did.

    `took`: milliseconds from its turn to the end.
    """

    spec: HostSpec
    status: HostStatus
    hello: Body
    answers: tuple[Body, ...]
    problem: HostProblem | None
    took: int = 0


class Reach:
    """The hosts of one run, and the way to them. Use it as an asynchronous context manager; it ends every connection that is left."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        at_once: int = AT_ONCE,
        bootstrap: bool = False,
        program: Callable[[str], SentProgram] = bundle.program,
        limits: HostLimits = HostLimits(),  # noqa: B008 - frozen
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        """With `bootstrap` a program is sent along, which needs only python3 there: `program` makes it for a nonce."""
        self._files = SshFiles(environment, patience)
        self._local = quiet(environment)
        self._bootstrap, self._program = bootstrap, program
        self._limits = limits
        self._room = asyncio.Semaphore(at_once)
        self._ssh: Ssh | None = None
        self._check = patience.shared

    @property
    def folder(self) -> str:
        """Where our configuration and the sockets of shared connections lie, once a host has been asked by ssh."""
        return self._files.folder

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._ssh is not None:
            try:
                await self._ssh.end()
            finally:
                self._files.__exit__()

    @asynccontextmanager
    async def connect(self, spec: HostSpec) -> AsyncIterator[Connection]:
        """A host that has said hello, for as long as the body runs; it counts among those at once. Raises HostFailed."""
        async with self._room, self._talking(spec) as connection:
            yield connection

    async def ask(
        self,
        spec: HostSpec,
        requests: Sequence[Body],
        *,
        deadline: float | None = None,
        on_event: OnEvent | None = None,
    ) -> HostAnswer:
        """Ask a host one thing after the other. Never raises for what the host or the way to it does.

        `deadline`: seconds for all of it, once it is this host's turn.
        """
        answers: list[Body] = []
        hello: Body = {}
        within = deadline or self._limits.deadline
        problem: HostProblem | None = None
        async with self._room:
            began = clock.elapsed()
            try:
                async with asyncio.timeout(within), self._talking(spec) as connection:
                    hello = connection.hello
                    for one in requests:
                        told = (lambda body: on_event(spec, body)) if on_event else None
                        answers.append(await connection.request(one, told))
                    await connection.leave()
            except HostFailed as error:
                problem = error.problem
            except TimeoutError:
                problem = None if len(answers) == len(requests) and hello else _too_late(within)
            took = int((clock.elapsed() - began) * 1000)
        status = problem.status if problem else HostStatus.PLANNED
        return HostAnswer(spec, status, hello, tuple(answers), problem, took)

    async def ask_all(
        self,
        specs: Sequence[HostSpec],
        requests: Callable[[HostSpec], Sequence[Body]],
        *,
        on_event: OnEvent | None = None,
    ) -> AsyncGenerator[HostAnswer, None]:
        """The answers of all hosts, in the order in which they come. Leaving the iteration early ends those that are open."""
        tasks = [asyncio.create_task(self.ask(spec, requests(spec), on_event=on_event)) for spec in specs]
        try:
            for next_one in asyncio.as_completed(tasks):
                yield await next_one
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def _talking(self, spec: HostSpec) -> AsyncIterator[Connection]:
        connection = await self._opened(spec)
        try:
            yield connection
        finally:
            await connection.close()

    async def _opened(self, spec: HostSpec) -> Connection:
        """Connect, and again where the host drops connections before it looks at them. A refused key is never tried again."""
        if spec.is_local:
            nonce = secrets.token_hex(16)
            return await self._try(lambda: Wire(commands.local(nonce), self._local), nonce, sends=True)
        ssh = self._prepared()
        route = await ssh.route(spec)
        if route.problem:
            raise HostFailed(route.problem)
        pause = self._limits.pause
        for left in reversed(range(self._limits.tries)):
            nonce = secrets.token_hex(16)
            argv = ssh.argv(route.configuration, spec, commands.remote(nonce, sends=self._bootstrap))
            try:
                return await self._try(partial(ssh.start, argv), nonce, sends=self._bootstrap)
            except HostFailed as error:
                if not error.problem.dropped or not left:
                    raise
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)  # noqa: S311 - so that they do not come back together
            pause *= 2
        raise AssertionError("the last try comes back, or raises")

    async def _try(self, start: Callable[[], Wire], nonce: str, *, sends: bool) -> Connection:
        try:
            connection = Connection(start(), nonce, self._limits)
        except OSError as error:
            words = f"it could not be asked from here: {error.strerror}"
            raise HostFailed(HostProblem(HostStatus.ERROR, words, "Ask fewer hosts at a time.")) from None
        try:
            await connection.open(self._program(nonce) if sends else None)
        except BaseException:
            await connection.close()
            raise
        return connection

    def _prepared(self) -> Ssh:
        """Our ssh, from when it is first needed: this machine alone can be asked without one. Raises HostFailed."""
        if self._ssh is None:
            try:
                self._files.__enter__()
            except FleetError as error:
                raise HostFailed(
                    HostProblem(HostStatus.ERROR, error.message.rstrip("."), error.hint)
                ) from None
            self._ssh = Ssh(self._files, within=self._limits.hello, check=self._check)
        return self._ssh


def _too_late(within: float) -> HostProblem:
    words = f"it had not answered everything after {within:.0f} s"
    return HostProblem(
        HostStatus.TIMEOUT, words, "It may be under heavy load: look at it, or give it more time."
    )
