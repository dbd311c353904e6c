"""Pools: accounts that agents share. One that is paused has no quota left, and nothing of it is started on any node. Pure.

A pause (`pools/<name>.json`) ends at a time of day, since that is what the services tell; it needs no operation to end.
"""

from __future__ import annotations

from gitfleet.base import canonical
from gitfleet.base.ids import is_name
from gitfleet.base.names import NodeId
from gitfleet.base.text import one_line
from gitfleet.codec import FLAG, WHOLE, Maybe, One, Record, Struct, Text, field
from gitfleet.errors import PolicyRefused
from gitfleet.ledger import filing
from gitfleet.ledger.model import NODE_ID, Accepted, Answer, Changes, Operation, Refused, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation

FOLDER = "pools"
MOST = 500
"""Pools that are paused at once."""
LONGEST = 35 * 86400
"""Seconds that a pause with an end may last."""
_OLD = 86400
"""Seconds after which a pause that is over is forgotten, at the next one."""
POOL: Text[str] = Text(64, valid=is_name)
_REASON: Text[str] = Text(1000, cut=True)


class PoolPause(Record):
    """`id` is the pool's name. `until` in seconds since 1970; 0: until somebody resumes it. `job`: whose quota ran out, where that is why."""

    KIND = "poolpause"
    id: str = field(POOL)
    until: int = field(WHOLE)
    at: int = field(WHOLE)
    node: NodeId = field(NODE_ID)
    reason: str = field(_REASON, default="")
    job: str = field(Text[str](64), default="", omit=True)

    def holds(self, now: int) -> bool:
        """Whether nothing of the pool may be started at this time."""
        return not self.until or now < self.until

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())


def pauses(view: View) -> list[PoolPause]:
    """All that are known, also some that are over, by name."""
    return filing.readable(view, PoolPause, FOLDER)


def find(view: View, pool: str) -> PoolPause | None:
    """The last pause of this pool, unless somebody has ended it. Raises Corrupt, NewerFormat."""
    data = view.get(_at(pool)) if is_name(pool) else None
    return filing.one(PoolPause, data, _at(pool)) if data is not None else None


def paused(view: View, pool: str | None, now: int) -> PoolPause | None:
    """The pause for which nothing of this pool may be started at this time; None where it may. Raises Corrupt, NewerFormat."""
    found = find(view, pool) if pool else None
    return found if found and found.holds(now) else None


class PausePool(Struct):
    """See `PoolPause`. One that a `job` asks for never shortens what holds."""

    pool: str = field(POOL)
    until: int = field(WHOLE)
    reason: str = field(_REASON, default="")
    job: str = field(Text[str](64), default="", omit=True)


class PoolTold(Answer):
    """The pause that holds now; None: there is none. `changed`: whether it is other than before."""

    pause: PoolPause | None = field(Maybe(One(PoolPause)), default=None)
    changed: bool = field(FLAG, default=True)


@operation("pool.pause", body=PausePool, answer=PoolTold, actors=BY_NODES)
def pause(view: View, operation: Operation, body: PausePool, generation: int) -> Decision[PoolTold]:
    """`pool.pause`: nothing of a pool is started until then. Raises PolicyRefused for a pause that is too long, or too many."""
    del generation
    if body.until and not 0 < body.until - operation.at <= LONGEST:
        words = f"A pause of the pool {body.pool} has to end within {LONGEST // 86400} days from now."
        return Refused(PolicyRefused(words, hint="Pause it without an end, and resume it by hand."))
    known = find(view, body.pool)
    if known and body.job and known.holds(operation.at) and (not known.until or known.until >= body.until):
        return Accepted({}, PoolTold(known, False), f"the pool {body.pool} is paused already")
    changes: Changes = {
        _at(one.id): None
        for one in pauses(view)
        if one.until and one.until + _OLD < operation.at and one.id != body.pool
    }
    if known is None and len(view.names(FOLDER)) - len(changes) >= MOST:
        words = f"{MOST} pools are paused, and no more can be."
        return Refused(PolicyRefused(words, hint="Resume some of them."))
    made = PoolPause(body.pool, body.until, operation.at, operation.node, body.reason, body.job)
    changes[_at(made.id)] = made.as_bytes()
    return Accepted(changes, PoolTold(made), one_line(f"the pool {made.id} is paused: {made.reason}"))


class ResumePool(Struct):
    """A pool's name."""

    pool: str = field(POOL)


@operation("pool.resume", body=ResumePool, answer=PoolTold, actors=BY_NODES)
def resume(view: View, operation: Operation, body: ResumePool, generation: int) -> Decision[PoolTold]:
    """`pool.resume`: what waits for the pool may be started. One that is not paused stays so."""
    del operation, generation
    known = view.get(_at(body.pool)) is not None
    changes: Changes = {_at(body.pool): None} if known else {}
    return Accepted(changes, PoolTold(None, known), f"the pool {body.pool} goes on")


def _at(pool: str) -> str:
    return f"{FOLDER}/{pool}.json"


KINDS = (pause, resume)
