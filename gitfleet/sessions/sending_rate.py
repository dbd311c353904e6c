"""How fast a session may tell others something: two agents that answer each other at once would else never end.

Kept in this clone, where the session lives: the moments of what it sent last. Counted before it is sent, so that no crash gives more.
"""

from __future__ import annotations

import os

from gitfleet.base import clock, files, statefile
from gitfleet.base.locks import NodeLock
from gitfleet.base.names import SessionId
from gitfleet.base.text import duration
from gitfleet.codec import WHOLE, Many, Struct, field
from gitfleet.errors import PolicyRefused

MOST = 30
"""Messages that a session may send in SPAN seconds."""
SPAN = 600


class _Sent(Struct):
    at: tuple[int, ...] = field(Many(WHOLE), default=())


def count(state: str, session: SessionId) -> None:
    """Count a message of a session of this node, at this moment. Raises PolicyRefused where it is one too many, LockHeld, LocalStorage."""
    folder = files.folder(os.path.join(state, "sent"))
    path, now = os.path.join(folder, f"{session}.json"), clock.now()
    with NodeLock(f"{path}.lock").held(5.0):
        known = statefile.load(_Sent, path) or _Sent()
        lately = [at for at in known.at if now - SPAN < at <= now]  # none of a clock that was wrong
        if len(lately) >= MOST:
            raise PolicyRefused(
                f"{session} has sent {MOST} messages in {duration(SPAN)}, the most that a session may send.",
                hint=f"Say it in one message, in {duration(lately[0] + SPAN - now)}.",
                unharmed="Nothing was sent.",
            )
        statefile.save(path, _Sent((*lately, now)), durable=False)
