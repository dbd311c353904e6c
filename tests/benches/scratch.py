"""Where benchmarks run: a scratch folder, clones and hubs in it, programs that are timed in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from gitfleet.base.ids import ulid
from gitfleet.base.names import NodeId
from gitfleet.clone import OPERATIONS
from gitfleet.git.objects import open_objects
from gitfleet.git.repository import discover
from gitfleet.ledger import own_node
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import SESSION, Actor, Operation
from tests.benches.row import Row

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INTERPRETER = os.path.realpath(sys.executable)
"""The interpreter itself, not a version manager's shim."""


class Scratch:
    """A scratch folder, and what several benchmarks do in it."""

    def __init__(self, folder: str, *, quick: bool) -> None:
        self.folder = folder
        self.runs = 9 if quick else 25
        self.many = 10_000 if quick else 100_000
        self._claims: dict[int, str] = {}

    def _far(self, place: str, first: str) -> None:
        """Have the clone reach its hub by a program in place of ssh, which does something first."""
        program = f"{place}.ssh"
        with open(program, "w") as file:
            file.write(f'#!/bin/sh\n{first}\nexec sh -c "$2"\n')
        os.chmod(program, 0o755)
        where = subprocess.check_output(["git", "remote", "get-url", "origin"], cwd=place, text=True).strip()
        settings = {"core.sshCommand": program, "ssh.variant": "simple", "remote.origin.url": f"far:{where}"}
        for key, value in settings.items():
            subprocess.run(["git", "config", key, value], cwd=place, check=True)

    def _pair(
        self, name: str, one: Any, other: Any, bar: float, *, where: tuple[str, str], told: str = os.devnull
    ) -> Row:
        first, second = [], []
        for turn in range(self.runs + 2):
            a, b = timed(one, where[0], told), timed(other, where[1], told)
            if turn >= 2:
                first.append(a)
                second.append(b)
        ratio = statistics.median(a / b for a, b in zip(first, second, strict=True))
        note = f"{statistics.median(first) * 1000:.0f} ms against {statistics.median(second) * 1000:.0f} ms, {self.runs} pairs"
        return Row(name, ratio, bar, at_most=True, note=note)

    def _with_claims(self, count: int) -> str:
        if count not in self._claims:
            place = self._clone_alone(f"claims{count}")
            with_claims(place, sessions=max(10, count // 1000), claims=count)
            self._claims[count] = place
        return self._claims[count]

    def _clone_alone(self, name: str) -> str:
        place = self._repository(name)
        cli(place, "init")
        return place

    def _repository(self, name: str) -> str:
        place = os.path.join(self.folder, name)
        os.makedirs(place)
        for command in (
            ["git", "init", "-q", "-b", "main"],
            ["git", "commit", "-q", "--allow-empty", "-m", "start"],
        ):
            subprocess.run(command, cwd=place, check=True)
        return place

    def _hub(self, name: str, clones: int) -> tuple[str, list[str]]:
        hub = os.path.join(self.folder, f"{name}.git")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", hub], check=True)
        made = []
        for number in range(clones):
            place = os.path.join(self.folder, f"{name}{number}")
            subprocess.run(["git", "clone", "-q", hub, place], check=True, stderr=subprocess.DEVNULL)
            cli(place, "init")
            made.append(place)
        return hub, made


def timed(command: list[str] | Callable[[], list[str]], place: str, told: str = os.devnull) -> float:
    """Seconds that a command took, from start to end, with the file `told` as its input."""
    argv = command() if callable(command) else command
    with open(told) as file:
        start = time.perf_counter()
        done = subprocess.run(
            argv, cwd=place, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        taken = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{argv} ended with {done.returncode}: {done.stderr.decode()}")
    return taken


def cli(place: str, *arguments: str, check: bool = True) -> None:
    """Run gitfleet in a folder."""
    subprocess.run(
        [sys.executable, "-m", "gitfleet", *arguments],
        cwd=place,
        check=check,
        stdout=subprocess.DEVNULL,
        stderr=None if check else subprocess.DEVNULL,
        env=environment(),
    )


def environment() -> dict[str, str]:
    """Ours, with the checkout's package first."""
    return {**os.environ, "PYTHONPATH": ROOT}


def ledger(place: str, *, bulk: bool) -> Ledger:
    """The ledger of a clone."""
    repository = discover(place)
    objects = open_objects(repository.common_dir, bulk=bulk)
    node = own_node.load(repository.common_dir)
    return Ledger(
        common_dir=repository.common_dir, git=repository.git, objects=objects, node=node, kinds=OPERATIONS
    )


def operation(node: str, kind: str, session: str, body: dict[str, Any]) -> Operation:
    """An operation as a service makes it."""
    actor = Actor(SESSION, session)
    return Operation(kind, ulid(), NodeId(node), actor, int(time.time()), body, ulid())


def start_sessions(place: str, count: int, prefix: str = "s") -> None:
    """Register sessions s0, s1, … (or with another prefix)."""
    book = ledger(place, bulk=True)
    body = {"worktree": place, "branch": "main", "agent": "bench"}
    book.submit([operation(book.node.id, "session.start", f"{prefix}{i}", body) for i in range(count)])
    book.close()


def with_claims(place: str, *, sessions: int, claims: int) -> None:
    """Fill a ledger with live claims, in folders of a plausible tree, a thousand a transaction."""
    start_sessions(place, sessions)
    book = ledger(place, bulk=True)
    share = claims // sessions
    paths = [f"area{n % 37}/part{n % 11}/module{n % 101}/file{n}.py" for n in range(claims)]
    operations = []
    for number in range(sessions):
        mine = paths[number * share : (number + 1) * share]
        for start in range(0, len(mine), 500):
            rows = [{"pattern": p, "claim": ulid(), "mode": "exclusive"} for p in mine[start : start + 500]]
            body = {
                "paths": rows,
                "ttl": 86400,
                "reason": "",
                "branch": "",
                "partial": False,
                "case_sensitive": False,
            }
            operations.append(operation(book.node.id, "claim.acquire", f"s{number}", body))
    for start in range(0, len(operations), 50):
        results = book.submit(operations[start : start + 50], timeout=600)
        assert all(result.ok for result in results), results
    book.close()
    subprocess.run(["git", "repack", "-adq"], cwd=place, check=True)
