"""Where a system keeps what it runs regularly: launchd, systemd's user manager, cron.

Each knows where its files lie, how they are made known, and what became of them. Two installs are one; taking away takes
exactly ours. What is written is `units`' business, what is run the `maintainer`'s.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from gitfleet.base import advice, clock, files, processes
from gitfleet.base.text import one_line
from gitfleet.errors import Blocked, UsageError
from gitfleet.upkeep import units
from gitfleet.upkeep.units import Plan

Kind = Literal["launchd", "systemd", "cron"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_SYSTEMCTL = ("systemctl", "--user")
_TIME = 60.0


def _which(name: str) -> str | None:
    from shutil import which  # 10 ms: whoever reads how the last run went asks for no program

    return which(name)


class Put(NamedTuple):
    """One thing to be put: a file at `path`, or a line of the table of that name."""

    path: str
    text: bytes


class Registration(NamedTuple):
    """What a scheduler knows of ours: the places that hold it, whether it is switched on, and what is not as it should be."""

    places: Sequence[str]
    on: bool
    words: Sequence[str] = ()


class Scheduler:
    """One of the three. Methods raise Blocked when the system's own program refuses."""

    kind: Kind

    def there(self) -> bool:
        """Whether this system has it and lets us."""
        raise NotImplementedError

    def puts(self, plan: Plan) -> list[Put]:
        """What `install` would put. Pure but for the search for programs. Raises UsageError."""
        raise NotImplementedError

    def install(self, plan: Plan) -> None:
        """Put it and switch it on. Twice is the same as once."""
        raise NotImplementedError

    def remove(self, name: str) -> bool:
        """Switch it off and take it away; whether there was anything. A run that is under way ends by itself."""
        raise NotImplementedError

    def look(self, name: str) -> Registration:
        """What is there."""
        raise NotImplementedError

    def next_run(self, last: int | None, every: int) -> int:
        """About when it runs next (seconds since 1970), given the start of the last run."""
        return (last if last is not None else clock.now()) + every


class Launchd(Scheduler):
    """macOS: an agent of the user's, in ~/Library/LaunchAgents."""

    kind = "launchd"

    def there(self) -> bool:
        return sys.platform == "darwin" and _which("launchctl") is not None

    def puts(self, plan: Plan) -> list[Put]:
        return [Put(self._path(plan.name), units.plist(plan))]

    def install(self, plan: Plan) -> None:
        (put,) = _written(self.puts(plan))
        _ask(["launchctl", "bootout", f"{_domain()}/{plan.name}"])
        _must(["launchctl", "bootstrap", _domain(), put.path])

    def remove(self, name: str) -> bool:
        _ask(["launchctl", "bootout", f"{_domain()}/{name}"])
        return files.remove(self._path(name))

    def look(self, name: str) -> Registration:
        path = self._path(name)
        loaded = _ask(["launchctl", "print", f"{_domain()}/{name}"]).code == 0
        if not os.path.exists(path):
            return Registration([], on=loaded)
        return Registration([path], loaded, () if loaded else ["launchd has not loaded it"])

    def _path(self, name: str) -> str:
        return os.path.expanduser(f"~/Library/LaunchAgents/{name}.plist")


class Systemd(Scheduler):
    """Linux with a user manager: a service and a timer of the user's."""

    kind = "systemd"

    def there(self) -> bool:
        return _ask([*_SYSTEMCTL, "show", "--property=Version"]).code == 0

    def puts(self, plan: Plan) -> list[Put]:
        env = _which("env") or "/usr/bin/env"
        service, timer = self._paths(plan.name)
        return [Put(service, units.service(plan, env)), Put(timer, units.timer(plan))]

    def install(self, plan: Plan) -> None:
        _written(self.puts(plan))
        for words in (["daemon-reload"], ["enable", f"{plan.name}.timer"], ["restart", f"{plan.name}.timer"]):
            _must([*_SYSTEMCTL, *words])

    def remove(self, name: str) -> bool:
        paths = [path for path in self._paths(name) if os.path.lexists(path)]
        if paths:
            _ask([*_SYSTEMCTL, "disable", "--now", f"{name}.timer"])
        for path in paths:
            files.remove(path)
        files.remove(os.path.join(_units_folder(), "timers.target.wants", f"{name}.timer"))
        if paths:
            _ask([*_SYSTEMCTL, "daemon-reload"])
        return bool(paths)

    def look(self, name: str) -> Registration:
        paths = [path for path in self._paths(name) if os.path.exists(path)]
        if not paths:
            return Registration([], on=False)
        on = _ask([*_SYSTEMCTL, "is-active", "--quiet", f"{name}.timer"]).code == 0
        words = [] if len(paths) == 2 else ["one of its two files is gone"]
        return Registration(paths, on, words if on else [*words, "its timer is not active"])

    def _paths(self, name: str) -> tuple[str, str]:
        folder = _units_folder()
        return os.path.join(folder, f"{name}.service"), os.path.join(folder, f"{name}.timer")


class Cron(Scheduler):
    """Anywhere else: one line of the user's crontab, marked at its end. All other lines stay to the byte."""

    kind = "cron"

    def there(self) -> bool:
        return _which("crontab") is not None

    def puts(self, plan: Plan) -> list[Put]:
        return [Put("crontab", units.cron_line(plan))]

    def install(self, plan: Plan) -> None:
        """In the place of the line that was there, or at the end."""
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
        """A table that holds nothing else goes, too."""
        if not self.there():
            return False
        rows = _crontab().splitlines(keepends=True)
        kept = [row for row in rows if not units.is_cron_line_of(name, row)]
        if len(kept) == len(rows):
            return False
        _write_crontab(b"".join(kept))
        return True

    def look(self, name: str) -> Registration:
        """Whether a cron program runs nobody can tell."""
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
    _must(["crontab", "-" if text else "-r"], text)


def _written(puts: list[Put]) -> list[Put]:
    for put in puts:
        files.folder(os.path.dirname(put.path))
        files.replace(put.path, put.text)
    return puts


def _must(argv: Sequence[str], data: bytes = b"") -> None:
    done = _ask(argv, data)
    if done.code:
        raise _refused(done)


def _ask(argv: Sequence[str], data: bytes = b"") -> processes.Completed:
    env = {**os.environ, "LC_ALL": "C"}
    try:
        return processes.run(argv, cwd=None, env=env, data=data, timeout=_TIME)
    except (processes.TimedOut, OSError) as error:
        return processes.Completed(tuple(argv), 124, b"", str(error).encode())


def _refused(done: processes.Completed) -> Blocked:
    said = one_line((done.stderr or done.stdout).decode("utf-8", "replace")) or "no message"
    command = " ".join(done.argv)
    return Blocked(
        f"`{command}` ended with {done.code}: {said}",
        hint="Fix that, or choose another `--kind`.",
        unharmed="",
        command=command,
        code=done.code,
    )
