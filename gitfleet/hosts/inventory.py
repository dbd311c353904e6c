"""Which hosts are meant: a file with one a line, or a list with commas.

Owns what a host may be called. Whatever could be read as an option, as shell text or as a second word is refused with the
place where it stands: a name that is accepted here can be an argument of ssh. Leaves what a name stands for to ssh.
"""

from __future__ import annotations

import ipaddress
import os
import re

from gitfleet.base import text
from gitfleet.codec import Struct
from gitfleet.errors import UsageError

MOST_HOSTS = 10_000
MOST_BYTES = 1 << 20
LONGEST = 320
"""Characters of an entry: a user of 64, and a name of 253."""
LOCAL = "localhost"

_USER = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}"
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?"
_ENTRY = re.compile(
    rf"(?:(?P<user>{_USER})@)?(?:(?P<name>{_NAME})|\[(?P<address>[0-9A-Fa-f:.]{{2,45}})(?P<zone>%[A-Za-z0-9_.-]{{1,32}})?\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_FILES = (".txt", ".list", ".hosts", ".conf", ".yaml", ".yml", ".json")


class HostSpec(Struct):
    """One host as ssh is to be told of it. `user` "" and `port` 0: as ssh's configuration has it.

    `host_id` is the entry itself, and tells it from all others of its inventory.
    """

    host_id: str
    user: str
    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, reached without ssh."""
        return self.host_id == LOCAL


class MergedEntry(Struct):
    """A host that was named more than once, and where (`line 3`, or `entry 3` of a list)."""

    host_id: str
    places: tuple[str, ...]


class Inventory(Struct):
    """The hosts in the order in which they were named, each once; and which were named more than once."""

    hosts: tuple[HostSpec, ...]
    merged: tuple[MergedEntry, ...] = ()


class _Refused(ValueError):
    """An entry that is no host, and why."""


def hosts_of(given: str) -> Inventory:
    """What `--hosts` names: a file where there is one of that name, else a list. Raises UsageError, with every place that is wrong."""
    if "," not in given and (os.path.exists(given) or "/" in given or given.endswith(_FILES)):
        return from_file(given)
    return from_list(given)


def from_list(given: str) -> Inventory:
    """The hosts of `a,b,c`. Raises UsageError."""
    entries = [(f"entry {number}", entry.strip(" ")) for number, entry in enumerate(given.split(","), 1)]
    return _inventory("The list of hosts", entries)


def from_file(path: str) -> Inventory:
    """The hosts of a file: one a line; what follows `#` is a remark. Raises UsageError."""
    shown = text.display(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no such name"
        raise UsageError(
            f"The host file {shown} cannot be read: {why}.",
            hint="Name a file with one host a line, or hosts with commas: a,b,c.",
        ) from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"The host file {shown} is larger than {text.amount(MOST_BYTES)}.")
    try:
        told = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{shown}:{line}: this is not UTF-8 text.") from None
    rows = [
        (f"line {number}", row.partition("#")[0].strip(" \t\r"))
        for number, row in enumerate(told.split("\n"), 1)
    ]
    return _inventory(shown, [(place, row) for place, row in rows if row], is_file=True)


def spec(entry: str) -> HostSpec:
    """The host that one entry names. Raises UsageError."""
    try:
        return _spec(entry)
    except _Refused as error:
        raise UsageError(f"'{text.display(entry[:80])}' is no host: {error}.", hint=_HINT) from None


_HINT = "Write host, user@host or user@host:port, and an IPv6 address in brackets."


def _inventory(source: str, entries: list[tuple[str, str]], *, is_file: bool = False) -> Inventory:
    found: dict[str, HostSpec] = {}
    places: dict[str, list[str]] = {}
    wrong: list[str] = []
    for place, entry in entries:
        try:
            one = _spec(entry)
        except _Refused as error:
            at = f"{source}:{place.rpartition(' ')[2]}" if is_file else f"{place} of the list"
            wrong.append(f"{at}: '{text.one_line(entry, 60)}' is no host: {error}")
            continue
        key = one.user + one.host_id[len(one.user) :].lower()  # only names of hosts are the same in capitals
        found.setdefault(key, one)
        places.setdefault(key, []).append(place)
    if wrong:
        more = f"; and {len(wrong) - 5} more" if wrong[5:] else ""
        raise UsageError("; ".join(wrong[:5]) + more + ".", hint=_HINT)
    if not found:
        raise UsageError(f"{source} names no host.", hint=_HINT)
    if len(found) > MOST_HOSTS:
        raise UsageError(f"{source} names {len(found)} hosts; {MOST_HOSTS} can be asked at once.")
    merged = tuple(MergedEntry(found[key].host_id, tuple(at)) for key, at in places.items() if len(at) > 1)
    return Inventory(tuple(found.values()), merged)


def _spec(entry: str) -> HostSpec:
    if reason := _plainly_wrong(entry):
        raise _Refused(reason)
    read = _ENTRY.fullmatch(entry)
    if read is None:
        raise _Refused(_why_not(entry))
    port = int(read["port"] or 0)
    if read["port"] and not 1 <= port <= 65535:
        raise _Refused("its port is not between 1 and 65535")
    host = read["name"] or _address(read["address"]) + (read["zone"] or "")
    user = read["user"] or ""
    shown = f"[{host}]" if read["address"] else host
    host_id = (f"{user}@" if user else "") + shown + (f":{port}" if port else "")
    return HostSpec(host_id, user, host, port)


def _plainly_wrong(entry: str) -> str:
    """What is wrong with it before it is taken apart; "" for nothing."""
    if not entry:
        return "it is empty"
    if len(entry) > LONGEST:
        return f"it has more than {LONGEST} characters"
    if entry.startswith("-") or "@-" in entry:
        return "it would be read as an option"
    if not entry.isprintable():
        return "it has control characters"
    if any(char.isspace() for char in entry):
        return "it has a space in it"
    return ""


def _why_not(entry: str) -> str:
    if entry.count(":") > 1 and "[" not in entry:
        return "an IPv6 address stands in brackets, and there is one port at most"
    if not entry.isascii():
        return "it has characters that are not ASCII (write an international name as xn--…)"
    strange = sorted({char for char in entry if not re.match(r"[A-Za-z0-9_.+@:\[\]%-]", char)})
    if strange:
        return f"it may not have {' '.join(strange)}"
    return "it is not written as host, user@host or user@host:port"


def _address(told: str) -> str:
    try:
        return str(ipaddress.IPv6Address(told))
    except ValueError:
        raise _Refused("what stands in brackets is no IPv6 address") from None
