"""Which local sockets are connected to which: asked of the kernel, since /proc does not tell.

Programs that start others often give them a pair of local sockets as standard input (node does), so that only this says
whether anybody still listens to a server that talks on it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_FAMILY, _NETLINK_DIAG, _BY_FAMILY, _DUMP = (
    16,
    4,
    20,
    0x301,
)  # AF_NETLINK, NETLINK_SOCK_DIAG, …, REQUEST | DUMP
_DONE, _ERROR = 3, 2
_SHOW_PEER, _PEER = 4, 2
_HEADER, _MESSAGE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBBBIII"), struct.Struct("=HH")
_SECONDS = 2.0


def known() -> dict[int, int] | None:
    """By the inode of each local socket of this network namespace that of its peer; 0: it had one that has closed, or none.

    None where the kernel does not say.
    """
    import socket  # 2 ms, which each command about sessions would pay

    request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, _SHOW_PEER, 0, 0)
    try:
        with socket.socket(_FAMILY, socket.SOCK_RAW, _NETLINK_DIAG) as kernel:
            kernel.settimeout(_SECONDS)
            kernel.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _DUMP, 1, 0) + request)
            return _answer(kernel)
    except (OSError, struct.error):
        return None


def _answer(kernel: socket.socket) -> dict[int, int] | None:
    found: dict[int, int] = {}
    while True:
        data = kernel.recv(1 << 20)
        while len(data) >= _HEADER.size:
            length, kind = _HEADER.unpack_from(data)[:2]
            if kind == _ERROR or length < _HEADER.size:
                return None
            if kind == _DONE:
                return found
            inode, peer = _pair(data[_HEADER.size : length])
            found[inode] = peer
            data = data[(length + 3) & ~3 :]


def _pair(message: bytes) -> tuple[int, int]:
    inode = _MESSAGE.unpack_from(message)[4]
    rest = message[_MESSAGE.size :]
    while len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        if kind == _PEER and length >= _ATTRIBUTE.size + 4:
            return inode, struct.unpack_from("=I", rest, _ATTRIBUTE.size)[0]
        if length < _ATTRIBUTE.size:
            break
        rest = rest[(length + 3) & ~3 :]
    return inode, 0
