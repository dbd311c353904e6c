"""The texts that have a system run our upkeep: a launchd agent, a systemd service and timer, a crontab line. Pure.

Owns how each format quotes what it is given: paths hold spaces, quotes, ampersands, dollar and percent signs, and each of
the three reads these in its own way. What a format has no way to say is refused, never mangled. Leaves where the texts
go to `schedulers`. The templates are in `templates/`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from gitfleet.base import resources
from gitfleet.base.text import display, span
from gitfleet.errors import UsageError

_PLACE = re.compile(rb"@([A-Z]+)@")
_CRON_MOST = 900
"""Bytes of a line; cron programs cut or refuse from 998 on."""
DAY = 86400


class Plan(NamedTuple):
    """What is to be run, and how often. `name` tells the clones of one machine apart; `every` in seconds."""

    name: str
    clone: str
    command: Sequence[str]
    every: int


def plist(plan: Plan) -> bytes:
    """The launchd agent. Raises UsageError for a path that XML cannot hold."""
    arguments = "\n".join(f"    <string>{_xml(word)}</string>" for word in plan.command)
    values = {"NAME": _xml(plan.name), "ARGUMENTS": arguments, "SECONDS": str(plan.every)}
    return _filled("maintainer.plist", values)


def service(plan: Plan, env: str) -> bytes:
    """The systemd service. `env` is the program of that name: in the place of a program, systemd knows no `$$`."""
    command = " ".join(systemd_word(word) for word in [env, *plan.command])
    values = {"CLONE": _description(plan.clone), "CONDITION": _condition(plan.clone), "COMMAND": command}
    return _filled("maintainer.service", values)


def timer(plan: Plan) -> bytes:
    """The systemd timer."""
    return _filled("maintainer.timer", {"CLONE": _description(plan.clone), "SECONDS": str(plan.every)})


def cron_line(plan: Plan) -> bytes:
    """The crontab line, its newline included. Raises UsageError for a rhythm or a path that cron cannot keep."""
    command = " ".join(_cron_word(word) for word in plan.command)
    line = _filled("maintainer.crontab", {"WHEN": _when(plan.every), "COMMAND": command, "NAME": plan.name})
    if len(line) > _CRON_MOST:
        raise UsageError(
            "The path of this clone is too long for a crontab line.",
            hint="Use `--kind systemd` or `--kind launchd`, or a shorter path.",
        )
    return line


def is_cron_line_of(name: str, line: bytes) -> bool:
    """Whether a line of a crontab is the one that was made for `name`."""
    return line.rstrip(b"\n").endswith(f" # {name}".encode()) and not line.startswith(b"#")


def systemd_word(text: str) -> str:
    """One word of a systemd command line, quoted (systemd.service(5), "Command lines")."""
    plain = _plain(text, "systemd")
    for char, instead in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        plain = plain.replace(char, instead)
    return f'"{plain}"'


def _description(text: str) -> str:
    return _plain(text, "systemd").replace("\\", "/").replace("%", "%%")


def _condition(clone: str) -> str:
    """Skips runs quietly while the clone is not there. Left out for what such a line would cut off or read otherwise."""
    awkward = clone != clone.strip() or "\\" in clone or not clone.startswith("/")
    return "" if awkward else f"ConditionPathExists={clone.replace('%', '%%')}\n"


def _xml(text: str) -> str:
    return escape(_plain(text, "launchd"), quote=False).replace('"', "&quot;").replace("'", "&apos;")


def _cron_word(text: str) -> str:
    r"""One word for the shell, through cron: `\%` outside of quotes is a percent sign to both.

    A backslash of the text itself has no such spelling: some cron programs halve them, others do not.
    """
    if "\\" in text or "\n" in text or "\r" in text:
        raise UsageError(
            f"{display(text)} has a backslash or a line break, which a crontab cannot hold safely.",
            hint="Use `--kind systemd` or `--kind launchd`, or another path.",
        )
    return "\\%".join(shlex.quote(part) if part else "" for part in text.split("%")) or "''"


def _when(seconds: int) -> str:
    """The five fields of a rhythm. Raises UsageError for one that the clock does not divide into."""
    minutes, rest = divmod(seconds, 60)
    if not rest and minutes and 60 % minutes == 0:
        return "0 * * * *" if minutes == 60 else f"*/{minutes} * * * *" if minutes > 1 else "* * * * *"
    hours, rest = divmod(seconds, 3600)
    if not rest and hours and 24 % hours == 0:
        return "0 0 * * *" if hours == 24 else f"0 */{hours} * * *"
    raise UsageError(
        f"cron cannot run something every {span(seconds)}.",
        hint="Use a divisor of an hour or of a day, such as 5m, 15m, 1h, 6h or 1d.",
    )


def _plain(text: str, what: str) -> str:
    """`text`, if it is printable or a space, and not broken UTF-8."""
    if any(not (char.isprintable() or char == " ") for char in text):
        raise UsageError(
            f"{display(text)} has characters that a file of {what} cannot hold.",
            hint="Use another path, or `--kind cron`.",
        )
    return text


def _filled(template: str, values: Mapping[str, str]) -> bytes:
    """The template with its places filled, in one pass: what is put in is never looked at again."""

    def value(found: re.Match[bytes]) -> bytes:
        return values[found[1].decode()].encode("utf-8", "surrogateescape")

    return _PLACE.sub(value, resources.read("templates", template))
