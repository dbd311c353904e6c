"""Which sockets and pipes processes have: where they listen, what is connected, and who still feeds their standard input.

The kernel's tables are read once a scan (and once for each other network namespace), whatever the number of processes.
"""

from __future__ import annotations

import os
import select
import stat
from dataclasses import replace
from typing import NamedTuple

from gitfleet.onhost import procfs, socket_peers
from gitfleet.onhost.procfs import Folder, ProcessEnded
from gitfleet.onhost.records import HostProcess

MOST_FILES = 4096
"""Open files that are looked at; a process with more has a gap instead."""

_LISTEN, _ESTABLISHED = "0A", "01"
_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")


class OpenEnds(NamedTuple):
    """The sockets of one process, the pipes that it can write to, and what its standard input is.

    `fed` is known of pipes; `peer` (an inode) is asked for sockets later.
    """

    sockets: frozenset[int]
    writes: frozenset[int]
    stdin: str
    source: int
    fed: bool | None
    network: int | None


class TcpTable(NamedTuple):
    """Inode to port for sockets that listen, and the inodes of those that are connected."""

    listening: dict[int, int]
    connected: frozenset[int]


def attached(found: dict[int, HostProcess], uid: int, root: str = procfs.PROC) -> dict[int, HostProcess]:
    """The same processes, those of `uid` with what they listen on, how many connections they have, and who feeds them."""
    ends: dict[int, OpenEnds | None] = {}
    for pid, one in found.items():
        if one.identity.uid == uid and not one.zombie and not one.kernel:
            ends[pid] = _ends(pid, one, root)
    here = _network(root, "self")
    tables: dict[int | None, TcpTable | None] = {None: None}
    peers = socket_peers.known() if any(end and end.stdin == "socket" for end in ends.values()) else None
    writers, owners = _holders(ends)
    for pid, end in ends.items():
        if end is None:
            found[pid] = replace(found[pid], gaps=(*found[pid].gaps, "listening"))
            continue
        if end.network not in tables:
            tables[end.network] = _tables(f"{root}/{pid}/net")
        fed, feeders = end.fed, writers.get(end.source, ())
        if end.stdin == "socket":
            peer = peers.get(end.source) if peers is not None and end.network == here else None
            fed, feeders = (None if peer is None else peer != 0), owners.get(peer or -1, ())
        found[pid] = _told(found[pid], end, tables[end.network], fed, tuple(feeders))
    return found


def _told(
    one: HostProcess, end: OpenEnds, table: TcpTable | None, fed: bool | None, feeders: tuple[int, ...]
) -> HostProcess:
    if end.stdin not in ("pipe", "socket"):
        fed, feeders = None, ()
    if not end.sockets:
        return replace(one, listening=(), connections=0, stdin=end.stdin, fed=fed, feeders=feeders)
    if table is None:
        return replace(one, stdin=end.stdin, fed=fed, feeders=feeders, gaps=(*one.gaps, "listening"))
    ports = {table.listening[inode] for inode in end.sockets if inode in table.listening}
    return replace(
        one, listening=tuple(sorted(ports)), connections=len(end.sockets & table.connected), stdin=end.stdin,
        fed=fed, feeders=feeders,
    )  # fmt: skip


def _holders(ends: dict[int, OpenEnds | None]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Who can write to each pipe, and who has each socket."""
    writers: dict[int, list[int]] = {}
    owners: dict[int, list[int]] = {}
    for pid, end in ends.items():
        for inode in end.writes if end else ():
            writers.setdefault(inode, []).append(pid)
        for inode in end.sockets if end else ():
            owners.setdefault(inode, []).append(pid)
    return writers, owners


def _ends(pid: int, one: HostProcess, root: str) -> OpenEnds | None:
    """None where its files cannot be read, or are too many."""
    try:
        with Folder(f"{root}/{pid}") as folder:
            line = procfs.parse_stat(folder.read("stat"))
            if line is None or line.start != one.identity.start:
                return None
            names = folder.names("fd")
            if len(names) > MOST_FILES:
                return None
            return _sorted_out(folder, names)
    except (ProcessEnded, OSError):
        return None


def _sorted_out(folder: Folder, names: list[str]) -> OpenEnds:
    sockets, writes = set(), set()
    stdin, source = "closed", 0
    with folder.inner("fd") as files:
        for name in names:
            try:
                target = files.link(name)
            except (ProcessEnded, OSError):
                continue  # closed meanwhile
            kind, inode = _inode(target)
            if kind == "socket":
                sockets.add(inode)
            elif kind == "pipe" and files.lstat(name).st_mode & stat.S_IWUSR:
                writes.add(inode)
            if name == "0":
                stdin, source = kind, inode
    fed = _fed(folder) if stdin == "pipe" else None
    network = _inode(folder.link("ns/net"))[1] if sockets else None
    return OpenEnds(frozenset(sockets), frozenset(writes), stdin, source, fed, network)


def _inode(target: str) -> tuple[str, int]:
    """What an open file is, by where its link points, with the inode of those that have no path."""
    kind, _, number = target.partition(":[")
    if number.endswith("]") and number[:-1].isdecimal():
        return kind, int(number[:-1])
    if target == "/dev/null":
        return "null", 0
    return ("terminal" if target.startswith(_TERMINALS) else "file"), 0


def _fed(folder: Folder) -> bool | None:
    """Whether anybody could still write to the pipe that it reads. A second look at a pipe changes nothing for who has it."""
    try:
        handle = folder.open("fd/0", os.O_RDONLY | os.O_NONBLOCK)
    except (ProcessEnded, OSError):
        return None
    try:
        asked = select.poll()
        asked.register(handle, select.POLLIN)
        return not any(event & select.POLLHUP for _, event in asked.poll(0))
    finally:
        os.close(handle)


def _network(root: str, pid: str) -> int | None:
    try:
        return _inode(os.readlink(f"{root}/{pid}/ns/net"))[1]
    except OSError:
        return None


def _tables(folder: str) -> TcpTable | None:
    """The TCP sockets of a network namespace; None where its table cannot be read."""
    listening: dict[int, int] = {}
    connected: set[int] = set()
    for name in ("tcp", "tcp6"):
        try:
            with open(f"{folder}/{name}", "rb") as file:
                lines = file.read().decode("ascii", "replace").splitlines()[1:]
        except FileNotFoundError:
            continue  # a system without IPv6
        except OSError:
            return None
        for line in lines:
            field = line.split(None, 10)
            if len(field) < 10 or not field[9].isdecimal():
                continue
            if field[3] == _LISTEN:
                listening[int(field[9])] = int(field[1].rpartition(":")[2], 16)
            elif field[3] == _ESTABLISHED:
                connected.add(int(field[9]))
    return TcpTable(listening, frozenset(connected))
