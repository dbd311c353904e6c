"""What was intended on this host, and what came of it: written and on disk before and after each step, in one file per scan.

A line is whole or it was never written: a torn one at the end is what a crash left of a line whose step was not begun.
So an intent without an outcome says that nobody knows, and how far it had come; it is looked at again, never just repeated.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gitfleet.onhost import facts
from gitfleet.onhost.acting.journal_line import Line
from gitfleet.onhost.serving import OpRefused

INTENT, STEP, OUTCOME = "intent", "step", "outcome"
PATIENCE = 60.0
"""Seconds to wait for what is done here for another plan."""
_STEP = 0.1
_MOST = 64 << 20


@dataclass(frozen=True)
class ActKey:
    """One action on one candidate of one plan: it happens at most once."""

    plan_oid: str
    candidate_id: str
    action: str


@dataclass
class ActEntry:
    """What the journal says of one action. `steps` in order; `outcome` is None while nobody knows."""

    key: ActKey
    intent: Line
    steps: list[Line] = field(default_factory=list)
    outcome: Line | None = None

    def step(self, name: str) -> Line | None:
        """The last step of that name."""
        return next((one for one in reversed(self.steps) if one.get("step") == name), None)

    @property
    def paused(self) -> bool:
        """Whether it has stopped processes, and nobody has let them go on since, as far as is written."""
        stopped = self.step("about-stop") is not None and self.key.action == "pause"
        return stopped and self.step("continued") is None


class ActJournal:
    """The journal in a folder (of one scan), for as long as `with` lasts: nobody else acts on that scan meanwhile."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "acts.jsonl")
        self._file = -1

    def __enter__(self) -> ActJournal:
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if not _locked(self._file, seconds=20.0):
            os.close(self._file)
            raise OpRefused("busy", "another request acts on this scan at this moment")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def entries(self) -> dict[ActKey, ActEntry]:
        """All that is written, by action, in the order of their first intents. Raises OpRefused."""
        return entries_of(os.pread(self._file, _MOST + 1, 0))

    def write(self, kind: str, key: ActKey, **more: object) -> Line:
        """Append a line. It is on the disk when this returns. Raises OSError: then the step must not be taken."""
        line: Line = {
            "kind": kind,
            "plan_oid": key.plan_oid,
            "candidate_id": key.candidate_id,
            "action": key.action,
            "at": facts.now(),
            **more,
        }
        end = os.fstat(self._file).st_size
        torn = end > 0 and os.pread(self._file, 1, end - 1) != b"\n"
        raw = (b"\n" if torn else b"") + json.dumps(line, sort_keys=True).encode() + b"\n"
        if os.write(self._file, raw) != len(raw):
            raise OSError("the journal took only a part of a line")
        os.fsync(self._file)
        return line


@contextlib.contextmanager
def alone(folder: str, gone: Callable[[float], bool]) -> Iterator[None]:
    """Nobody else acts here for this user meanwhile, whichever scan and plan it is for: two plans of one process would end it twice.

    Raises OpRefused: somebody else does, for longer than PATIENCE; or who asked has left (`gone`).
    """
    beside = os.path.dirname(os.path.abspath(folder))
    os.makedirs(beside, mode=0o700, exist_ok=True)
    file = os.open(os.path.join(beside, "acting.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        waited = 0.0
        while not _taken(file):
            if waited >= PATIENCE or gone(_STEP):
                raise OpRefused("busy", "another plan is being applied on this host at this moment")
            waited += _STEP
        yield
    finally:
        os.close(file)


def read(folder: str) -> dict[ActKey, ActEntry]:
    """What the journal of a scan says, without waiting for who acts. Nothing, where there is none. Raises OpRefused."""
    try:
        with open(os.path.join(folder, "acts.jsonl"), "rb") as file:
            return entries_of(file.read(_MOST + 1))
    except FileNotFoundError:
        return {}


def entries_of(raw: bytes) -> dict[ActKey, ActEntry]:
    """The entries that these lines are. Raises OpRefused: too many, or a whole line that is none of ours."""
    if len(raw) > _MOST:
        raise OpRefused("journal", "the journal of this scan is too large to be read")
    found: dict[ActKey, ActEntry] = {}
    for line in raw.split(b"\n"):
        said = _line(line)
        if said is None:
            continue
        key = ActKey(str(said["plan_oid"]), str(said["candidate_id"]), str(said["action"]))
        if said["kind"] == INTENT:
            found.setdefault(key, ActEntry(key, said))
        elif key not in found:
            raise OpRefused("journal", "the journal of this scan has an outcome without an intent")
        elif said["kind"] == STEP:
            found[key].steps.append(said)
        else:
            found[key].outcome = said
    return found


def _line(raw: bytes) -> Line | None:
    """A line as it was written; None: the rest of one that a crash tore."""
    with contextlib.suppress(ValueError):
        said: object = json.loads(raw)
        if isinstance(said, Mapping) and {"kind", "plan_oid", "candidate_id", "action"} <= set(said):
            return dict(said)
    return None


def _locked(file: int, *, seconds: float) -> bool:
    for pause in _pauses(seconds):
        if _taken(file):
            return True
        time.sleep(pause)
    return False


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pauses(seconds: float) -> Iterator[float]:
    waited, pause = 0.0, 0.01
    while waited < seconds:
        yield pause
        waited, pause = waited + pause, min(pause * 1.5, 0.5)
