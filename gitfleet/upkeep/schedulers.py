"""Where a system keeps what it runs regularly: launchd, systemd's user manager, cron.

Each knows where its files lie, how they are made known, and what became of them. Two installs are one; taking away takes
exactly ours. What is written is `units`' business, what is run the `maintainer`'s.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, get_args

from gitfleet.base import advice, clock, files, processes
from gitfleet.base.text import one_line
from gitfleet.errors import Blocked, UsageError
from gitfleet.upkeep import units
from gitfleet.upkeep.units import Plan

Kind = Literal["launchd", "systemd", "cron"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_TIME = 60.0


class Put(NamedTuple):
    """One thing to be put: a file at `path`, or a line of the table of that name."""

    path: str
    text: bytes


class Registration(NamedTuple):
    """What a scheduler knows of ours: the places that hold it, whether it is switched on, and what is not as it should be."""

    places: Sequence[str]
    on: bool
    words: Sequence[str] = ()


class Scheduler(Protocol):
    """One of the three. Methods raise Blocked when the system's own program refuses."""

    @property
    def kind(self) -> Kind:
        """Which one."""

    def there(self) -> bool:
        """Whether this system has it and lets us."""

    def puts(self, plan: Plan) -> list[Put]:
        """What `install` would put. Pure but for the search for programs. Raises UsageError."""

    def install(self, plan: Plan) -> None:
        """Put it and switch it on. Twice is the same as once."""

    def remove(self, name: str) -> bool:
        """Switch it off and take it away; whether there was anything."""

    def look(self, name: str) -> Registration:
        """What is there."""

    def next_run(self, last: int | None, every: int) -> int:
        """About when it runs next (seconds since 1970), given the start of the last run."""


class _FromTheLast:
    def next_run(self, last: int | None, every: int) -> int:
        """From the start of the last run on."""
        return (last if last is not None else clock.now()) + every


class Launchd(_FromTheLast):
    """macOS: an agent of the user's, in ~/Library/LaunchAgents."""

    kind: Kind = "launchd"

    def there(self) -> bool:
        """Whether this is macOS."""
        return sys.platform == "darwin" and shutil.which("launchctl") is not None

    def puts(self, plan: Plan) -> list[Put]:
        """The one file."""
        return [Put(self._path(plan.name), units.plist(plan))]

    def install(self, plan: Plan) -> None:
        """Write it, and have launchd take it (anew)."""
        put = self.puts(plan)[0]
        files.folder(os.path.dirname(put.path))
        files.replace(put.path, put.text)
        _ask(["launchctl", "bootout", f"{_domain()}/{plan.name}"])
        done = _ask(["launchctl", "bootstrap", _domain(), put.path])
        if done.code:
            raise _refused(done)

    def remove(self, name: str) -> bool:
        """Have launchd let go of it, and take the file away."""
        if shutil.which("launchctl"):
            _ask(["launchctl", "bootout", f"{_domain()}/{name}"])
        return files.remove(self._path(name))

    def look(self, name: str) -> Registration:
        """The file, and whether launchd has the agent."""
        path = self._path(name)
        loaded = (
            shutil.which("launchctl") is not None
            and _ask(["launchctl", "print", f"{_domain()}/{name}"]).code == 0
        )
        if not os.path.exists(path):
            return Registration([], on=loaded)
        return Registration([path], loaded, () if loaded else ["launchd has not loaded it"])

    def _path(self, name: str) -> str:
        return os.path.expanduser(f"~/Library/LaunchAgents/{name}.plist")


class Systemd(_FromTheLast):
    """Linux with a user manager: a service and a timer of the user's."""

    kind: Kind = "systemd"

    def there(self) -> bool:
        """Whether the user's manager answers."""
        return shutil.which("systemctl") is not None and self._ask("show", "--property=Version").code == 0

    def puts(self, plan: Plan) -> list[Put]:
        """The service and the timer."""
        env = shutil.which("env") or "/usr/bin/env"
        service, timer = self._paths(plan.name)
        return [Put(service, units.service(plan, env)), Put(timer, units.timer(plan))]

    def install(self, plan: Plan) -> None:
        """Write both, and start the timer (anew)."""
        for put in self.puts(plan):
            files.folder(os.path.dirname(put.path))
            files.replace(put.path, put.text)
        self._must("daemon-reload")
        self._must("enable", f"{plan.name}.timer")
        self._must("restart", f"{plan.name}.timer")

    def remove(self, name: str) -> bool:
        """Stop the timer and take both files away. A run that is under way ends by itself."""
        paths = [path for path in self._paths(name) if os.path.lexists(path)]
        answers = bool(paths) and shutil.which("systemctl") is not None
        if answers:
            self._ask("disable", "--now", f"{name}.timer")
        for path in paths:
            files.remove(path)
        files.remove(os.path.join(_units_folder(), "timers.target.wants", f"{name}.timer"))
        if answers:
            self._ask("daemon-reload")
        return bool(paths)

    def look(self, name: str) -> Registration:
        """The files, and whether the timer is waiting."""
        paths = [path for path in self._paths(name) if os.path.exists(path)]
        if not paths:
            return Registration([], on=False)
        on = (
            shutil.which("systemctl") is not None
            and self._ask("is-active", "--quiet", f"{name}.timer").code == 0
        )
        words = [] if len(paths) == 2 else ["one of its two files is gone"]
        return Registration(paths, on, words if on else [*words, "its timer is not active"])

    def _paths(self, name: str) -> tuple[str, str]:
        folder = _units_folder()
        return os.path.join(folder, f"{name}.service"), os.path.join(folder, f"{name}.timer")

    def _ask(self, *words: str) -> processes.Completed:
        return _ask(["systemctl", "--user", *words])

    def _must(self, *words: str) -> None:
        done = self._ask(*words)
        if done.code:
            raise _refused(done)


class Cron:
    """Anywhere else: one line of the user's crontab, marked at its end. All other lines stay to the byte."""

    kind: Kind = "cron"

    def there(self) -> bool:
        """Whether there is a crontab program."""
        return shutil.which("crontab") is not None

    def puts(self, plan: Plan) -> list[Put]:
        """The one line."""
        return [Put("crontab", units.cron_line(plan))]

    def install(self, plan: Plan) -> None:
        """Put the line in the place of the one that was there, or at the end."""
        line = self.puts(plan)[0].text
        before = _crontab()
        rows = before.splitlines(keepends=True)
        if rows and not rows[-1].endswith(b"\n"):
            rows[-1] += b"\n"
        at = [number for number, row in enumerate(rows) if units.is_cron_line_of(plan.name, row)]
        if at:
            rows[at[0]] = line
            rows = [row for number, row in enumerate(rows) if number not in at[1:]]
        else:
            rows.append(line)
        if (after := b"".join(rows)) != before:
            _write_crontab(after)

    def remove(self, name: str) -> bool:
        """Take the line away; a table that holds nothing else goes, too."""
        if not self.there():
            return False
        rows = _crontab().splitlines(keepends=True)
        kept = [row for row in rows if not units.is_cron_line_of(name, row)]
        if len(kept) == len(rows):
            return False
        _write_crontab(b"".join(kept))
        return True

    def look(self, name: str) -> Registration:
        """Whether the line is there. Whether a cron program runs nobody can tell."""
        rows = _crontab().splitlines() if self.there() else []
        mine = [row for row in rows if units.is_cron_line_of(name, row)]
        words = ["its line is there more than once"] if len(mine) > 1 else []
        return Registration(["crontab"] if mine else [], on=bool(mine), words=words)

    def next_run(self, last: int | None, every: int) -> int:
        """The next time that the clock divides by `every`, as UTC has it."""
        del last
        return clock.now() // every * every + every


ALL: Mapping[str, Scheduler] = {one.kind: one for one in (Launchd(), Systemd(), Cron())}


def choose(kind: str | None) -> Scheduler:
    """The one that is asked for, or the first that this system has. Raises UsageError when there is none."""
    if kind is not None:
        if kind not in ALL:
            raise UsageError(
                f"'{one_line(kind, 40)}' is not a kind of maintainer.", hint=f"One of: {', '.join(KINDS)}."
            )
        return ALL[kind]
    for one in ALL.values():
        if one.there():
            return one
    raise UsageError(
        "This system has no launchd, no systemd user manager and no crontab.",
        hint=f"Have the scheduler of this system run {advice.MAINTAINER_RUN}; `--print --kind cron` shows a line.",
    )


def _units_folder() -> str:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.config"), "systemd", "user")


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _crontab() -> bytes:
    """The user's table; empty when there is none. Raises Blocked for any other refusal: it must never be taken for empty."""
    done = _ask(["crontab", "-l"])
    said = done.stderr.lower()
    if done.code and (b"no crontab" in said or b"no such file" in said):
        return b""
    if done.code:
        raise _refused(done)
    return done.stdout


def _write_crontab(text: bytes) -> None:
    done = _ask(["crontab", "-"], text) if text else _ask(["crontab", "-r"])
    if done.code:
        raise _refused(done)


def _ask(argv: Sequence[str], data: bytes = b"") -> processes.Completed:
    env = {**os.environ, "LC_ALL": "C"}
    try:
        return processes.run(argv, cwd=None, env=env, data=data, timeout=_TIME)
    except (processes.TimedOut, FileNotFoundError) as error:
        return processes.Completed(tuple(argv), 124, b"", str(error).encode())


def _refused(done: processes.Completed) -> Blocked:
    said = one_line((done.stderr or done.stdout).decode("utf-8", "replace")) or "no message"
    return Blocked(
        f"`{' '.join(done.argv)}` ended with {done.code}: {said}",
        hint="Fix that, or choose another `--kind`.",
        unharmed="",
        command=list(done.argv),
        code=done.code,
    )
