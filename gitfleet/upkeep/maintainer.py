"""The maintainer: upkeep of this clone that the system runs regularly, and what is known of its runs.

Owns its record (`<common dir>/gitfleet/maintainer/`: how it was installed, how the last run ended, a log of bounded size)
and that one run goes on at a time. Leaves the schedule to `schedulers` and the work to whoever calls `Run`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from gitfleet.base import clock, files, statefile
from gitfleet.base.digests import sha256
from gitfleet.base.locks import NodeLock
from gitfleet.base.recording import Recording
from gitfleet.base.text import span
from gitfleet.codec import FLAG, TEXT, WHOLE, Choice, Many, Maybe, One, Struct, Text, field, replace
from gitfleet.errors import FleetError, UsageError
from gitfleet.git.repository import Repository
from gitfleet.ledger.own_node import state_folder
from gitfleet.nodes import log_tails
from gitfleet.upkeep import schedulers, units
from gitfleet.upkeep.schedulers import Kind, Put, Registration, Scheduler
from gitfleet.upkeep.units import Plan

EVERY = 300
LOG_LIMIT = 1024 * 1024


class Options(Struct):
    """What a run does; `ttl` in seconds. The defaults hurt nobody: base is merged in, and nothing is removed."""

    strategy: str = field(TEXT, default="merge")
    base: str = field(TEXT, default="")
    ttl: int = field(WHOLE, default=86400)
    reconcile_only: bool = field(FLAG, default=True)
    include_active: bool = field(FLAG, default=False)
    delete_branches: bool = field(FLAG, default=False)


class Installed(Struct):
    """How it was installed here. `path` is the PATH of whoever did: git and ssh are to be found as they were then.

    `clone` is where the clone lay: a clone that was moved has a schedule that looks for it there.
    """

    kind: Kind = field(Choice[Kind](*schedulers.KINDS))
    name: str = field(TEXT)
    every: int = field(WHOLE)
    interpreter: str = field(TEXT)
    path: str = field(Text[str](1 << 20))
    at: int = field(WHOLE)
    options: Options = field(One(Options))
    clone: str = field(TEXT)


class LastRun(Struct):
    """How the last run went: `code` None while it goes on, or when it never came to its end."""

    started: int = field(WHOLE)
    ended: int | None = field(Maybe(WHOLE), default=None)
    code: int | None = field(Maybe(WHOLE), default=None)
    words: tuple[str, ...] = field(Many(Text[str](1 << 20)), default=())


class Maintainer:
    """The maintainer of one clone."""

    def __init__(self, repository: Repository) -> None:
        self._common_dir = repository.common_dir
        self._clone = repository.git.cwd
        self.folder = os.path.join(state_folder(repository.common_dir), "maintainer")
        self.log = os.path.join(self.folder, "maintainer.log")
        self.lock = NodeLock(os.path.join(self.folder, "lock"))
        self._record = os.path.join(self.folder, "installed.json")
        self._last = os.path.join(self.folder, "last.json")

    @property
    def name(self) -> str:
        """What it is called among those of this machine: by the place of the clone, so that a copy is another."""
        place = os.fsencode(os.path.realpath(self._common_dir))
        return f"gitfleet-maintainer-{sha256(place).hexdigest()[:12]}"

    def plan(self, every: int) -> Plan:
        """What the system is told to run. Raises UsageError for a rhythm that makes no sense."""
        if not 60 <= every <= units.DAY:
            raise UsageError(
                f"The maintainer cannot run every {span(every)}.", hint="Choose 1m to 1d; 5m is usual."
            )
        clone = os.path.realpath(self._clone)
        command = (sys.executable, "-P", "-m", "gitfleet", "-C", clone, "maintainer", "run")
        return Plan(self.name, clone, command, every)

    def preview(self, scheduler: Scheduler, every: int) -> list[Put]:
        """What an install would put. Changes nothing."""
        return scheduler.puts(self.plan(every))

    def install(self, scheduler: Scheduler, every: int, options: Options) -> Installed:
        """Have the system run it. Twice is once, with the later options; another kind takes the place of the first.

        When the system refuses, nothing is left of it. Raises UsageError, Blocked, LocalStorage.
        """
        plan = self.plan(every)
        scheduler.puts(plan)
        if not scheduler.there():
            raise UsageError(
                f"This system has no {scheduler.kind} to run it.",
                hint="Leave `--kind` out, or use `--print` to see what would be put there.",
            )
        self.uninstall(but=scheduler.kind)
        path = os.environ.get("PATH") or os.defpath
        done = Installed(
            scheduler.kind, plan.name, every, sys.executable, path, clock.now(), options, plan.clone
        )
        files.folder(self.folder, mode=0o700)
        statefile.save(self._record, done, mode=0o600)
        try:
            scheduler.install(plan)
        except FleetError:
            with suppress(FleetError):
                scheduler.remove(plan.name)
            files.remove(self._record)
            raise
        return done

    def uninstall(self, *, but: str = "") -> list[Kind]:
        """Take it away, wherever it is; the kinds that it was there as. Its log and last run stay with the clone."""
        record, moved = self.installed(), self.moved()
        gone: list[Kind] = []
        for kind in schedulers.KINDS:
            if kind != but and self._take_from(
                schedulers.ALL[kind], self.name, sure=record is not None and record.kind == kind
            ):
                gone.append(kind)  # noqa: PERF401 - each is an act
        if moved and self._take_from(schedulers.ALL[moved.kind], moved.name, sure=True):
            gone.append(moved.kind)
        if not but:
            files.remove(self._record)
        return list(dict.fromkeys(gone))

    def _take_from(self, scheduler: Scheduler, name: str, *, sure: bool) -> bool:
        """Take it from one system. What never had it for certain may refuse to be asked (a crontab that is forbidden)."""
        try:
            return scheduler.remove(name)
        except FleetError:
            if sure:
                raise
            return False

    def installed(self) -> Installed | None:
        """How it was installed here; None when it was not, or when the record is that of a clone that this was copied from."""
        found = statefile.load(Installed, self._record)
        return found if found and found.name == self.name else None

    def moved(self) -> Installed | None:
        """How it was installed where this clone lay before; None when it is there still, or when the other place lives on."""
        found = statefile.load(Installed, self._record)
        return found if found and found.name != self.name and not os.path.lexists(found.clone) else None

    def look(self) -> tuple[Scheduler, Registration] | None:
        """What the system has of it: as recorded, or wherever else it is found."""
        record = self.installed()
        known = [schedulers.ALL[record.kind]] if record else []
        for scheduler in [*known, *schedulers.ALL.values()]:
            try:
                found = scheduler.look(self.name)
            except FleetError:
                if scheduler in known:
                    raise
                continue  # a crontab that is forbidden never had it
            if found.places:
                return scheduler, found
        return None

    def last(self) -> LastRun | None:
        """How the last run went."""
        return statefile.load(LastRun, self._last)

    def begin(self) -> Run | None:
        """Begin a run; None while another one goes on."""
        files.folder(self.folder, mode=0o700)
        return Run(self, self._last) if self.lock.acquire() else None

    def running(self) -> str:
        """Who runs it just now, in words; "" when nobody does. For people: it may be over by the time it is read."""
        if not os.path.isdir(self.folder):
            return ""
        if not self.lock.acquire():
            return self.lock.holder()
        self.lock.release()
        return ""

    def tail(self, lines: int) -> list[str]:
        """The end of the log, safe to show."""
        return log_tails.shown(log_tails.read(self.log, lines) or "", lines)


class Run:
    """One run, which holds the lock until `end`. What it says goes into the log, each line with its time."""

    def __init__(self, maintainer: Maintainer, record: str) -> None:
        self._maintainer = maintainer
        self._record = record
        self._facts = LastRun(clock.now())
        self._save()
        try:
            self._log: Recording | None = Recording(maintainer.log, limit=LOG_LIMIT)
        except OSError:
            self._log = None

    def say(self, *lines: str) -> None:
        """Put lines into the log."""
        stamp = clock.iso(clock.now())
        text = "".join(f"{stamp} {line}\n" for line in lines)
        if self._log:
            self._log.write(text.encode("utf-8", "surrogateescape"))

    def end(self, code: int, words: Sequence[str]) -> None:
        """Note how it went, and let the next one begin."""
        self.say(*words, f"ended with {code}")
        self._facts = replace(self._facts, ended=clock.now(), code=code, words=tuple(words)[:50])
        try:
            self._save()
        finally:
            if self._log:
                self._log.close()
            self._maintainer.lock.release()

    def _save(self) -> None:
        statefile.save(self._record, self._facts, mode=0o600, durable=False)


def search_path(record: Installed | None) -> str:
    """The PATH for a run: as the system gives it, then as whoever installed had it, for git, ssh and their helpers."""
    given = os.environ.get("PATH") or os.defpath
    both = [*given.split(os.pathsep), *(record.path.split(os.pathsep) if record else ())]
    return os.pathsep.join(dict.fromkeys(both))
