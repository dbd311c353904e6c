"""What claims and the commands around them cost."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base.names import SessionId
from gitfleet.fleet.fleet import Fleet
from tests.benches.row import Row
from tests.benches.scratch import Scratch, cli, start_sessions

WAITING = "import sys; sys.stdin.readline(); sys.stdout.write('x'); sys.stdout.flush(); sys.stdin.readline()"
"""Bare Python that has answered once, and waits."""
CONNECTIONS = {
    "claim mine": 1, "release mine": 1, "session start --id more": 1, "session end more": 1, "sync": 2, "claim theirs": 1,
}  # fmt: skip


class ClaimRows(Scratch):
    """Claims, and commands as a whole. Each method without an underscore is a row of the table, or some."""

    def claim_cli(self) -> Row:
        """A claim from the command line, without a hub."""
        place = self._with_claims(100)
        command = claims_of("bench/new{}")
        bare = [sys.executable, "-c", "pass"]
        return self._pair(
            "claim through the CLI, no hub / bare python", command, bare, 6, where=(place, place)
        )

    def cli_start(self) -> list[Row]:
        """What says something of the program itself."""
        return [self._command(words, self._with_claims(100), 4) for words in ("--version", "--help")]

    def cli_lists(self) -> list[Row]:
        """What lists a few records."""
        return [
            self._command(words, self._with_claims(100), 12) for words in ("claims", "log", "session list")
        ]

    def mcp_server(self) -> list[Row]:
        """The server of tools, from its start to its first answer and its end; and what it holds in memory, as it waits."""
        place = self._with_claims(100)
        program = [os.path.join(os.path.dirname(sys.executable), "gitfleet"), "mcp"]
        asked = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
        told = os.path.join(self.folder, "ping")
        pathlib.Path(told).write_bytes(asked)
        bare = [sys.executable, "-c", "pass"]
        name = "mcp, from its start over an answer to its end / bare python"
        rows = [self._pair(name, program, bare, 4, where=(place, place), told=told)]
        held, least = resident(program, asked), resident([sys.executable, "-c", WAITING], b"\n")
        note = f"{held} KB against {least} KB, both waiting for input; the server has answered"
        return [*rows, Row("mcp, memory / bare python", held / least, 1.5, at_most=True, note=note)]

    def _command(self, words: str, place: str, bar: float) -> Row:
        program = [os.path.join(os.path.dirname(sys.executable), "gitfleet"), *words.split()]
        bare = [sys.executable, "-c", "pass"]
        return self._pair(f"{words} / bare python", program, bare, bar, where=(place, place))

    def claim_local_hub(self) -> Row:
        """A claim from the command line, through a hub in another folder."""
        _, (place,) = self._hub("local", 1)
        cli(place, "session", "start", "--id", "local")
        bare = [sys.executable, "-c", "pass"]
        name = "claim through a local hub / bare python"
        return self._pair(name, claims_of("bench/new{}"), bare, 9, where=(place, place))

    def claim_far_hub(self) -> Row:
        """A claim through a hub that takes 0.4 s to connect, and a push of one ref there."""
        _, (place,) = self._hub("far", 1)
        cli(place, "session", "start", "--id", "far")
        self._far(place, "sleep 0.4")
        count = itertools.count()
        push = lambda: ["git", "push", "-q", "origin", f"refs/fleet/coord:refs/bench/{next(count)}"]  # noqa: E731
        name = "claim through a hub 0.4 s away / bare push of one ref there"
        return self._pair(name, claims_of("bench/new{}"), push, 1.5, where=(place, place))

    def connections(self) -> list[Row]:
        """How often commands connect to the hub."""
        _, (place, other) = self._hub("counted", 2)
        for clone in (other, place):
            cli(clone, "session", "start", "--id", f"in{clone[-1]}")
        log = os.path.join(self.folder, "connections")
        self._far(place, f"echo . >>{log}")
        rows = []
        for what, bar in CONNECTIONS.items():
            if what == "claim theirs":  # not in the way of what comes before it
                cli(other, "claim", "theirs", "--session", "in1")
                cli(place, "sync")
            with suppress(FileNotFoundError):
                os.unlink(log)
            cli(place, *what.split(), check=False)
            with open(log) as file:
                found = len(file.readlines())
            rows.append(Row(f"connections of `{what}`", found, bar, at_most=True, note="counted"))
        return rows

    def claim_many_claims(self) -> Row:
        """One claim at very many live claims and at few."""
        many, few = self._with_claims(self.many), self._with_claims(100)
        command = claims_of("area7/part3/other{}.py")
        return self._pair(
            f"one claim at {self.many:,} live claims / at 100", command, command, 2, where=(many, few)
        )

    def group_commit(self) -> list[Row]:
        """64 sessions of one node claim at once through a bare hub, together and one push a claim."""
        hub, (clone,) = self._hub("group", 1)
        start_sessions(clone, 64)
        claim_once(clone, "s0", "first")  # what a claim loads is loaded, for those forked from here
        before = generation(clone)
        together = at_once([(clone, f"s{i}", f"together/f{i}") for i in range(64)])
        pushes = generation(clone) - before
        alone_started = time.perf_counter()
        for i in range(16):
            claim_once(clone, f"s{i}", f"alone/f{i}")
        alone = 16 / (time.perf_counter() - alone_started)
        rate = 64 / together.wall
        note = (
            f"{pushes} pushes for 64 claims; {rate:.0f}/s against {alone:.1f}/s; hub {os.path.basename(hub)}"
        )
        return [
            Row("64 sessions of one node: claims per push", 64 / pushes, 8, at_most=False, note=note),
            Row(
                "the same: claims per second / one push per claim", rate / alone, 8, at_most=False, note=note
            ),
        ]

    def contention(self) -> Row:
        """8 nodes claim at once, several times each: how much the unluckiest grant waits."""
        _, clones = self._hub("contention", 8)
        for clone in clones:
            start_sessions(clone, 1, os.path.basename(clone))
        work = [
            (clone, f"{os.path.basename(clone)}0", f"{os.path.basename(clone)}/f{{}}") for clone in clones
        ]
        outcome = at_once(work, times=5)
        ratio = max(outcome.each) / statistics.median(outcome.each)
        note = f"median {statistics.median(outcome.each) * 1000:.0f} ms, slowest {max(outcome.each) * 1000:.0f} ms, 40 grants"
        return Row("8 nodes contending: slowest grant / median grant", ratio, 10, at_most=True, note=note)


class Outcome(NamedTuple):
    """How long all took together, and each."""

    wall: float
    each: list[float]


def claims_of(path: str) -> Callable[[], list[str]]:
    """Command lines that claim a new path at each turn; `{}` in `path` is its number."""
    count = itertools.count()
    program = os.path.join(os.path.dirname(sys.executable), "gitfleet")
    return lambda: [program, "claim", path.format(next(count))]


def resident(program: Sequence[str], asked: bytes) -> int:
    """The memory (KB, resident) of a program that has answered what it was asked, and waits for more."""
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(asked)
        assert process.stdout.read(1)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.close()
        process.stdout.read()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def generation(place: str) -> int:
    """The generation that a clone knows."""
    with Fleet.open(place) as fleet:
        return fleet.current().tip.generation


def claim_once(place: str, session: str, path: str) -> float:
    """One claim through the library; the seconds it took."""
    start = time.perf_counter()
    with Fleet.open(place) as fleet:
        fleet.claims.claim(SessionId(session), [path], timeout=300.0)
    return time.perf_counter() - start


def at_once(work: Sequence[tuple[str, str, str]], *, times: int = 1) -> Outcome:
    """Claim from one process each, all at the same moment; the library is loaded before the start.

    Measured is from where the first begins to where the last has done: what it costs to fork so many and to end them is not.
    """
    ready, go, told, stop = os.pipe(), os.pipe(), os.pipe(), os.pipe()
    form = struct.Struct(f"{times + 2}d")
    gc.collect()
    gc.freeze()  # or each of them would look for garbage in all that is loaded here, and copy it

    def one(place: str, session: str, path: str) -> None:
        for _, end in (go, stop):
            os.close(end)
        os.write(ready[1], b".")
        os.read(go[0], 1)
        begun = time.perf_counter()
        each = [claim_once(place, session, path.format(turn)) for turn in range(times)]
        os.write(told[1], form.pack(begun, time.perf_counter(), *each))
        os.read(stop[0], 1)

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=one, args=item) for item in work]
    for process in processes:
        process.start()
    gc.unfreeze()
    _take(ready, len(work))
    os.close(go[1])
    found = list(form.iter_unpack(_take(told, len(work) * form.size)))
    os.close(stop[1])
    for process in processes:
        process.join()
    os.close(go[0])
    os.close(stop[0])
    wall = max(ended for _, ended, *_ in found) - min(begun for begun, *_ in found)
    return Outcome(wall, [seconds for _, _, *each in found for seconds in each])


def _take(pipe: tuple[int, int], size: int) -> bytes:
    """So many bytes from a pipe of ours, which closes then. Raises where those who write have ended before."""
    os.close(pipe[1])
    with os.fdopen(pipe[0], "rb") as file:
        data = file.read(size)
    if len(data) < size:
        raise SystemExit("a process that claims has ended before it was done")
    return data
