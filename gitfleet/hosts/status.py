"""How it went with a host, in one word and a sentence; and what ssh's own words mean.

ssh ends with 255 for every failure of its own, for a remote program that ended so, and for one that was killed: the code
alone says nothing. What counts is how far our own lines came; ssh's words are read only where none of them did.
"""

from __future__ import annotations

import re
from enum import StrEnum

from gitfleet.base import text
from gitfleet.codec import Struct
from gitfleet.onhost.redaction import FORENSIC, Redactor


class HostStatus(StrEnum):
    """Every host ends with one of these. `planned`: it has answered all that it was asked."""

    PLANNED = "planned"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"
    NO_TOOL = "no-tool"
    VERSION_MISMATCH = "version-mismatch"
    TIMEOUT = "timeout"
    DIED = "died"
    ERROR = "error"


class HostProblem(Struct):
    """Why a host has not answered: `words` are safe to show, `hint` says what to do. `dropped`: worth trying again by itself."""

    status: HostStatus
    words: str
    hint: str = ""
    dropped: bool = False


SSH_FAILED = 255
_BUSY = re.compile(r"(?:kex_exchange_identification|ssh_exchange_identification|banner exchange): .*")
_CLOSED = re.compile(r"Connection (?:closed|reset) by .*|client_loop: send disconnect: .*")

_BY_HAND = "Connect once by hand with ssh, and look at what it asks."
_BLOCKED = (
    (r"remote host identification has changed", "its host key is not the one that is known", "Find out why its key has changed before anything else."),
    (r"host key verification failed", "its host key is not known here", "Connect once by hand with ssh, and compare the key that it shows."),
    (r"too many authentication failures", "it refused our keys: too many were offered", "Name the key for it in ssh's configuration (IdentityFile, IdentitiesOnly)."),
    (r"permission denied \(", "it refused our key", "Check that your key is in its authorized_keys, and loaded here (ssh-add -l)."),
    (r"no (?:more|supported) authentication methods", "it has no login method that works without a person", _BY_HAND),
)  # fmt: skip
_LOCAL = (
    (r"bad configuration option|bad owner or permissions|terminating, \d+ bad configuration|bad permissions|line \d+: (?:unsupported|missing|bad)", "ssh does not accept its configuration here", "Mend what ssh names."),
    (r"contains invalid characters", "ssh does not accept this name", "Use another name for the host, or give it an alias in ssh's configuration."),
)  # fmt: skip
_AWAY = (
    (r"could not resolve hostname", "its name is not known", "Check the name, or give it a HostName in ssh's configuration."),
    (r"connection refused", "nothing listens there", "Check that its ssh server runs, and the port."),
    (r"connection timed out|operation timed out|timed out during banner exchange|not responding", "it did not answer in time", "Check that it is up and that the network lets you through."),
    (r"no route to host|network is unreachable|host is down", "there is no way to it", "Check that it is up and that the network lets you through."),
    (r"unable to negotiate|no matching ", "its ssh and ours have no method in common", _BY_HAND),
)  # fmt: skip


def failure(said: str, code: int | None) -> HostProblem:
    """What the end of an ssh means of which no line of ours came: by what it `said` on stderr, and its exit code."""
    lines = _lines(said)
    if code not in {SSH_FAILED, None} and (code or 0) >= 0:
        return HostProblem(
            HostStatus.ERROR,
            f"its login ended with {code} before our command ran{_quoted(lines)}",
            "Check what its login files do without a terminal, and whether the account may run commands.",
        )
    for status, rows in (
        (HostStatus.BLOCKED, _BLOCKED),
        (HostStatus.ERROR, _LOCAL),
        (HostStatus.UNREACHABLE, _AWAY),
    ):
        for pattern, words, hint in rows:
            found = [line for line in lines if re.search(pattern, line, re.IGNORECASE)]
            if found:
                return HostProblem(status, words + _quoted(found), hint)
    dropped = any(_BUSY.fullmatch(line) for line in lines) and all(
        _BUSY.fullmatch(line) or _CLOSED.fullmatch(line) for line in lines
    )
    words = "it closed the connection before it said who it is" if dropped else "ssh could not connect"
    return HostProblem(
        HostStatus.UNREACHABLE,
        words + _quoted(lines),
        "It may take too many connections at once, or keep us out for a while: try again later."
        if dropped
        else _BY_HAND,
        dropped=dropped,
    )


def unanswered(said: str, code: int, *, sends: bool) -> HostProblem:
    """What it means that our program on a host ended with this code before its hello; `sends`: a Python was to take it."""
    if code in {126, 127}:
        return _NO_PYTHON if sends else _NO_GITFLEET
    if code == _USAGE and not sends:
        return _OLDER
    if code > _SIGNALS:
        return died(said, code)
    words = f"what answers there did not start: it ended with {code}{_quoted(_lines(said))}"
    return HostProblem(HostStatus.ERROR, words, "Run the same by hand on that host.")


def died(said: str, code: int | None) -> HostProblem:
    """What it means that a host which had spoken to us ended before it was done; `code` None: the connection broke."""
    if code is None:
        how = "the connection broke"
    elif code > _SIGNALS:
        how = f"what answered there was killed (signal {code - _SIGNALS})"
    else:
        how = f"what answered there ended with {code}"
    return HostProblem(
        HostStatus.DIED,
        how + _quoted(_lines(said)),
        "Check whether that host is up and has memory left, then ask it again.",
    )


_SIGNALS = 128
"""A shell's exit code for a program that a signal ended is this and the signal."""
_USAGE = 2
_NO_PYTHON = HostProblem(HostStatus.NO_TOOL, "it has no python3", "Install Python 3.8 or newer there.")
_NO_GITFLEET = HostProblem(
    HostStatus.NO_TOOL,
    "gitfleet is not on its PATH",
    "Install gitfleet there, or use --bootstrap: only python3 is needed then.",
)
_OLDER = HostProblem(
    HostStatus.VERSION_MISMATCH,
    "its gitfleet is older, and cannot be asked",
    "Upgrade gitfleet there, or use --bootstrap, which sends this one along.",
)


def _lines(said: str) -> list[str]:
    return [line.strip() for line in said.replace("\r", "\n").split("\n") if line.strip()]


def _quoted(lines: list[str]) -> str:
    """What it said last, safe to show; "" where it said nothing."""
    return f" ({shown(lines[-1], 160)})" if lines else ""


def shown(said: str, most: int) -> str:
    """Words of a host in one line, without what looks like a secret: a login file that traces itself says all that it sets."""
    plain = text.one_line(said, 4 * most)
    return text.one_line(_REDACTOR.command(["", *plain.split(" ")]).strip(), most)


_REDACTOR = Redactor(FORENSIC, b"")
