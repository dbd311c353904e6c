"""Pools of accounts: one attempt that ran out of quota pauses its pool in the whole fleet, and its job waits for the end of that."""

from __future__ import annotations

from collections.abc import Iterable

from gitfleet.base import advice, clock
from gitfleet.base.ids import is_name
from gitfleet.base.text import display
from gitfleet.clone import Clone
from gitfleet.codec import Struct
from gitfleet.dispatch import pools
from gitfleet.dispatch.pools import PausePool, PoolPause, PoolTold, ResumePool
from gitfleet.errors import FleetError, UsageError
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.words import AttemptOutcome
from gitfleet.ledger.ledger import Ledger


class PoolState(Struct):
    """A pool, its pause where it has one, and the agents here that belong to it."""

    name: str
    pause: PoolPause | None = None
    agents: tuple[str, ...] = ()


UNTOLD = 3600
"""Seconds that a pool is paused for where the client does not tell when its quota is there again."""
_LEAST = 60


def words(pause: PoolPause) -> str:
    """Why something waits for its pool."""
    until = f"until {clock.iso(pause.until)}" if pause.until else "until it is resumed"
    return f"the pool {pause.id} is paused {until}: {pause.reason or 'no reason was given'}"


def known(ledger: Ledger, agents: Iterable[Agent]) -> list[PoolState]:
    """The pools that these agents belong to, and those that are paused, by name. Raises NoFleet."""
    members: dict[str, list[str]] = {}
    for agent in agents:
        if agent.pool:
            members.setdefault(agent.pool, []).append(agent.name)
    now = clock.now()
    found = {one.id: one for one in pools.pauses(ledger.current().view) if one.holds(now)}
    return [
        PoolState(name, found.get(name), tuple(members.get(name, ())))
        for name in sorted(members.keys() | found.keys())
    ]


def named(pool: str) -> str:
    """`pool`, which is the name of one. Raises UsageError."""
    if not is_name(pool):
        raise UsageError(f"'{display(pool[:80])}' is no name of a pool.", hint="Name it as agent files do.")
    return pool


def one_of(states: Iterable[PoolState], pool: str) -> PoolState:
    """The pool of that name. Raises UsageError where no agent here names it, and none of that name is paused."""
    found = next((one for one in states if one.name == pool), None)
    if found is None:
        raise UsageError(
            f"No agent file here names a pool '{display(pool[:80])}', and none of that name is paused.",
            hint=f"Run {advice.SYNC} if it is another clone's.",
        )
    return found


def pause(ledger: Ledger, pool: str, until: int, reason: str) -> PoolTold:
    """Pause a pool until a time (seconds since 1970), or until it is resumed (0). Raises PolicyRefused for one that is over or too far."""
    return ledger.request(pools.pause, ledger.itself, PausePool(pool, until, reason))


def resume(ledger: Ledger, pool: str) -> PoolTold:
    """Let what waits for a pool be started again. `changed` says whether it was paused."""
    return ledger.request(pools.resume, ledger.itself, ResumePool(pool))


def until_reset(resets_at: int | None, now: int) -> int:
    """The second until which a pool is paused, by what the client told (milliseconds since 1970). Pure."""
    told = (resets_at or 0) // 1000
    if told <= now:
        return now + UNTOLD
    return min(max(told, now + _LEAST), now + pools.LONGEST)


def ran_out(agent: Agent, job_id: str, outcome: AttemptOutcome, resets_at: int | None) -> bool:
    """Pause the agent's pool in the whole fleet, where an attempt of it ended for want of quota; whether its job waits for that.

    It does not where there is no pool, or where the pause could not be agreed on: then it would only run out again.
    """
    if outcome is not AttemptOutcome.QUOTA or not agent.pool:
        return False
    reason = f"the quota of {agent.name} ran out"
    body = PausePool(agent.pool, until_reset(resets_at, clock.now()), reason, job_id)
    try:
        with Clone.open(agent.working_directory) as clone:
            told: PoolTold = clone.ledger.request(pools.pause, clone.ledger.itself, body)
    except (FleetError, OSError):
        return False
    return told.pause is not None
