"""People are told of what needs them while a manager runs, as the maintainer tells them: by a round of its own program, one at a time.

What a round tells, and that nobody is told twice, is the round's own (it writes down what it is about to tell before it does, and one round of a
clone goes on at a time): so a manager and a maintainer may both have people told. Nothing is started where the rules name nobody to tell.
"""

from __future__ import annotations

import logging
import os
import sys

from gitfleet.base import plain_json, processes
from gitfleet.base.listening import Ear
from gitfleet.base.repeated_warning import RepeatedWarning
from gitfleet.base.text import one_line
from gitfleet.base.watching import Bell
from gitfleet.errors import FleetError
from gitfleet.git import fleetrefs
from gitfleet.git.repository import discover
from gitfleet.jobs.records.store import JobStore
from gitfleet.ledger import own_node
from gitfleet.ledger.notices import Notices
from gitfleet.trunk import notify_policy

EVERY, LEAST = 300.0, 30.0
"""Seconds between two rounds where nothing changes, for not all tells of itself (a session that dies); and between any two."""
_LONGEST = 60.0
_PATIENCE = 2.0


class PeopleTold:
    """`path`: a folder in the clone. `start` and `close` may follow each other again; from any thread."""

    def __init__(self, store: JobStore, path: str, log: logging.Logger, *, least: float = LEAST) -> None:
        self._store, self._path = store, path
        self._ear = Ear("people told", least=least)
        self._bell: Bell | None = None
        self._fault = RepeatedWarning(log, "people could not be notified: %s")

    def start(self) -> None:
        """Begin; nothing where the clone is no part of a fleet."""
        try:
            self._common = discover(self._path).common_dir
            self._state = own_node.state_folder(self._common)
        except FleetError:
            return
        self._ear.add(self._hear)

    def close(self) -> None:
        """Have no more rounds. One that goes on does so to its end."""
        self._ear.drop(self._hear, _PATIENCE)

    def stir(self) -> None:
        """There is something new for people, which no folder tells of."""
        if self._bell is not None:
            self._bell.stir()

    def _hear(self, bell: Bell) -> float:
        self._bell = bell
        bell.arm([
            self._state,
            os.path.join(self._common, os.path.dirname(fleetrefs.COORD)),
            os.path.join(self._common, "reftable"),
            os.path.join(self._store.folder, "open"),
            *Notices(self._state).places(),
        ])  # fmt: skip
        rules = notify_policy.load(self._state)
        if not rules.anybody:
            return EVERY
        return min(EVERY, rules.dwell + 1) if self._round() else EVERY

    def _round(self) -> bool:
        """Have one round, in a process of its own; whether something waits for a later one."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "GITFLEET_"))}
        argv = [sys.executable, "-P", "-m", "gitfleet", "inbox", "notify", "--json"]
        try:
            done = processes.run(argv, cwd=self._path, env=env, timeout=_LONGEST, own_session=True)
            told = _data(done.stdout)
            said = str(told.get("fault", "")) if told else done.stderr.decode("utf-8", "replace")
        except (OSError, processes.TimedOut) as error:
            told, said = {}, str(error)
        self._fault.say(one_line(said, 300))
        return bool(told.get("waiting"))


def _data(answer: bytes) -> dict[str, object]:
    try:
        data = plain_json.load(answer)["data"]
    except (ValueError, KeyError, TypeError):
        return {}
    return data if isinstance(data, dict) and "waiting" in data else {}
