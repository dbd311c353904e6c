"""What this clone intended to do on hosts, and what came of it: written and on disk before each request leaves, and after each answer.

A file of lines for each plan, in the clone's own folder. A line is whole or was never written. So after a crash anywhere it
is known what may have been asked for; the host knows what was done, and is asked about that, never told to do it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from gitfleet.base import advice, clock, files, plain_json
from gitfleet.base.locks import NodeLock
from gitfleet.codec import Broken, Struct
from gitfleet.errors import LockHeld
from gitfleet.triage.acts_wire import ActAnswer
from gitfleet.triage.choosing import PlannedAct

Key = tuple[str, str, str]
_FOLDER = os.path.join("triage", "applies")
_MOST = 64 << 20


class ActState(Struct):
    """What is known here of one action: whether it was asked for (`asked`), and the answer (None: there is none)."""

    asked: bool = False
    answer: ActAnswer | None = None


class ApplyJournal:
    """The journal of one plan. `with` holds it: no two processes of this clone apply one plan at once. Raises LockHeld."""

    def __init__(self, state: str, fleet_session: str, plan_oid: str) -> None:
        self._folder = os.path.join(state, _FOLDER)
        self._path = os.path.join(self._folder, f"{fleet_session}.jsonl")
        self._session, self._oid = fleet_session, plan_oid

    @contextmanager
    def held(self) -> Iterator[ApplyJournal]:
        """Nobody else applies, resumes or undoes this plan meanwhile. Raises LockHeld, LocalStorage."""
        files.folder(self._folder, mode=0o700)
        lock = NodeLock(f"{self._path}.lock")
        if not lock.acquire():
            raise LockHeld(
                f"Another process applies {self._session} at this moment.",
                hint=f"Wait for it, then look: {advice.FLEET_VERIFY.of(self._session)}.",
            )
        try:
            yield self
        finally:
            lock.release()

    def states(self) -> dict[Key, ActState]:
        """All actions that were to be done, in the order in which they were first named. Raises LocalStorage."""
        found: dict[Key, ActState] = {}
        for line in self._lines():
            acts = line.get("acts", [line])
            for key in filter(None, map(_key, acts if isinstance(acts, list) else ())):
                known = found.get(key, ActState())
                if line["kind"] == "begin":
                    found[key] = known
                elif line["kind"] == "intent":
                    found[key] = ActState(True, known.answer)
                elif line["kind"] == "answer":
                    with suppress(Broken):
                        found[key] = ActState(True, ActAnswer.decode(line.get("answer")))
        return found

    def begin(self, acts: Iterable[PlannedAct]) -> None:
        """Write down all that is to be done, before anything is. Raises LocalStorage."""
        self._write("begin", acts=[_row(act) for act in acts])

    def intent(self, act: PlannedAct) -> None:
        """Write down that this is going to be asked for now. Raises LocalStorage: then it must not be."""
        self._write("intent", **_row(act))

    def answer(self, act: PlannedAct, answer: ActAnswer) -> None:
        """Write down what came of it. Raises LocalStorage."""
        self._write("answer", **_row(act), answer=answer.encode())

    def _write(self, kind: str, **more: object) -> None:
        line = {"kind": kind, "plan_oid": self._oid, "at": clock.now(), **more}
        with files.storage(self._path):
            handle = os.open(
                self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            try:
                end = os.fstat(handle).st_size
                torn = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
                data = b"\n" * torn + json.dumps(line, sort_keys=True).encode() + b"\n"
                if os.write(handle, data) != len(data):
                    raise OSError("the disk took only a part of a line")
                os.fsync(handle)
            finally:
                os.close(handle)

    def _lines(self) -> Iterator[dict[str, object]]:
        """The lines about this very plan; the rest of one that a crash tore is passed over."""
        for raw in (files.read(self._path) or b"")[:_MOST].split(b"\n"):
            with suppress(ValueError):
                line: object = plain_json.load(raw)
                if isinstance(line, dict) and line.get("plan_oid") == self._oid and "kind" in line:
                    yield line


def forget(state: str, fleet_session: str) -> None:
    """Forget what was done of a plan, with the plan; hosts keep what they know. Raises LocalStorage."""
    files.remove(os.path.join(state, _FOLDER, f"{fleet_session}.jsonl"))


def _row(act: PlannedAct) -> dict[str, str]:
    return dict(zip(("host_id", "candidate_id", "action"), act.key, strict=True))


def _key(row: object) -> Key | None:
    if not isinstance(row, dict):
        return None
    found = (row.get("host_id"), row.get("candidate_id"), row.get("action"))
    return (str(found[0]), str(found[1]), str(found[2])) if all(found) else None
