"""Running one command of a gate on one commit, and saying what came of it.

Owns its environment, its log, its time, and that nothing of it goes on. Leaves where it runs to `slots` and `checkout`, what
its end means to `judging`, and telling the fleet to `service`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from gitfleet.base import files, plain_json, resources
from gitfleet.base.ids import ulid
from gitfleet.base.processes import Conversation
from gitfleet.base.shapes import NUMBER
from gitfleet.codec import FLAG, TEXT, WHOLE, Many, Maybe, Struct, Text, field
from gitfleet.gates import checkout, judging, slots
from gitfleet.gates.checkout import NoCheckout
from gitfleet.gates.judging import RunEnd
from gitfleet.gates.model import INDETERMINATE, TAIL_LINES, GateResult, shorter
from gitfleet.git.repository import Repository
from gitfleet.nodes import log_tails

if TYPE_CHECKING:
    from gitfleet.base.guard import GuardOrder  # a program of its own

LOG_LIMIT = 10 * 1024 * 1024
"""Bytes that are kept of what a gate writes: half from its beginning, half from its end."""
_LOGS = 100
"""Logs that a node keeps."""
_GRACE = 5
# Where the user's own git, ssh and certificates are; everything else of git's own is about another repository or command.
_KEPT = frozenset([
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO",
])  # fmt: skip
Progress = Callable[[str, float], None]
"""Told about once in a second: the last line of output, made fit to be shown, and the seconds since the start."""


class GateJob(NamedTuple):
    """What is to be run: the words of a command, on which commit and tree. `limit` in seconds (0: none).

    `variables` are told to it as GITFLEET_…: `part`, `base`, `entries`, whatever its caller knows.
    """

    argv: Sequence[str]
    commit: str
    tree: str
    limit: int = 0
    variables: Mapping[str, str] = {}


class GateEnd(Struct):
    """How a run ended. `seconds` of its own; `tail` is fit to be shown; `log` names the whole log on this node, `path` is its file.

    `left` counts the processes that it left behind, which were ended. `stopped`: its caller wanted it no more.
    """

    result: GateResult
    reason: str = ""
    code: int | None = None
    seconds: float = 0.0
    tail: tuple[str, ...] = ()
    log: str = ""
    path: str = ""
    left: int = 0
    stopped: bool = False


class GateRunner:
    """Runs commands for one clone, one after the other. `stop` may be called from another thread."""

    def __init__(self, repository: Repository, state: str, node: str) -> None:
        self._repository = repository
        self._logs = os.path.join(state, "runs", "logs")
        self._top = slots.root(node)
        self._stopped = threading.Event()
        self._guard: Conversation | None = None
        self._turn = threading.Lock()

    def stop(self) -> None:
        """End what runs, and all it has started; what is asked for after that ends at once, too."""
        with self._turn:
            self._stopped.set()
            if self._guard is not None:
                with suppress(OSError, ValueError):
                    self._guard.input.write(b"stop\n")
                    self._guard.input.flush()

    def run(self, job: GateJob, progress: Progress = lambda line, seconds: None) -> GateEnd:
        """Run a command to its end, or to that of its time. Never raises for what it does; LocalStorage where there is no room for it."""
        if self._stopped.is_set():
            return GateEnd(INDETERMINATE, "it was stopped", stopped=True)
        log = self._log()
        with slots.taken(self._top) as slot:
            try:
                folder = checkout.lay_out(self._repository, slot, job.commit, job.tree)
            except NoCheckout as error:
                return GateEnd(INDETERMINATE, f"its files could not be laid out: {error.why}")
            end = self._guarded(job, slot, folder, log, progress)
            slots.sweep(slot.folder)
        return end

    def _guarded(self, job: GateJob, slot: slots.Slot, folder: str, log: str, progress: Progress) -> GateEnd:
        env = environment(job, slot.folder, folder)
        spec: GuardOrder = {
            "argv": list(job.argv), "cwd": folder, "env": env, "limit": job.limit, "grace": _GRACE, "log": log,
            "log_limit": LOG_LIMIT, "tail": TAIL_LINES * 4, "folders": [folder, env.get("TMPDIR") or tempfile.gettempdir()],
        }  # fmt: skip
        argv = [sys.executable, "-I", "-S", resources.program("base/guard.py")]
        with self._turn:
            guard = self._guard = Conversation(
                argv,
                cwd="/",
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                handles=[slot.handle],
                own_session=True,
            )
        try:
            guard.ask([json.dumps(spec)])
            if self._stopped.is_set():
                self.stop()
            told = _listen(guard, progress)
        finally:
            with self._turn:
                self._guard = None
            guard.close()  # also where we are interrupted: it ends everything, and is waited for
        return _end(told, job, log)

    def _log(self) -> str:
        files.folder(self._logs)
        for name in files.names(self._logs)[: -(_LOGS - 1)]:
            files.remove(os.path.join(self._logs, name))
        return os.path.join(self._logs, f"{ulid()}.log")


def environment(job: GateJob, slot: str, folder: str) -> dict[str, str]:
    """The environment of a gate: ours without what is about another repository or session, and what it may know of its run."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not name.startswith(("GIT_", "GITFLEET_"))
    }
    own = {f"GITFLEET_{name.upper()}": value for name, value in job.variables.items()}
    own |= {"GITFLEET_COMMIT": job.commit, "GITFLEET_TREE": job.tree, slots.VARIABLE: slot}
    return {**kept, **own, "PWD": folder}


class _GuardEnd(Struct):
    """What the guard says at the end."""

    code: int | None = field(Maybe(WHOLE))
    why: str = field(TEXT)
    errno: int = field(WHOLE)
    room: int = field(WHOLE)
    left: int = field(WHOLE)
    full: bool = field(FLAG, default=False)
    tail: tuple[str, ...] = field(Many(Text[str](1 << 20)), default=())
    seconds: float = field(NUMBER, default=0.0)


_UNTOLD = _GuardEnd(None, "stop", 0, -1, 0)


def _listen(guard: Conversation, progress: Progress) -> _GuardEnd:
    """What the guard says at the end; `_UNTOLD` where it ended before that."""
    for line in guard.output:
        told = plain_json.load(line)
        if "end" in told:
            return _GuardEnd.decode(told["end"])
        if "line" in told:
            shown = log_tails.shown(told["line"], 1)
            progress(shown[0] if shown else "", float(told["seconds"]))
    return _UNTOLD


def _end(told: _GuardEnd, job: GateJob, log: str) -> GateEnd:
    tail = shorter(log_tails.shown("\n".join(told.tail), TAIL_LINES))
    end = RunEnd(told.code, told.why, told.errno, job.limit, told.room, full=told.full, tail=tail)
    result, reason = judging.result(end)
    return GateEnd(
        result,
        reason,
        None if end.why else end.code,
        told.seconds,
        tail,
        os.path.basename(log),
        log,
        told.left,
        stopped=end.why == "stop" and told is not _UNTOLD,
    )
