"""Schedules that somebody switched on or off. This comes before what the agent file says, and survives restarts."""

from __future__ import annotations

from gitfleet.base import clock
from gitfleet.codec import FLAG, Struct, field
from gitfleet.jobs.schedules.schedule_files import MOMENT, SWITCHES, ScheduleShelf


class Switch(Struct):
    """`at`: when, in milliseconds since 1970."""

    enabled: bool = field(FLAG)
    at: int = field(MOMENT, default=0)


def shelf(state: str) -> ScheduleShelf[Switch]:
    """The switches of a state directory."""
    return ScheduleShelf(Switch, state, SWITCHES)


def switch_of(state: str, agent: str, schedule: str) -> Switch | None:
    """The switch of a schedule; None where nobody touched it. One that cannot be read is off."""
    kept = shelf(state)
    found = kept.get(agent, schedule)
    return Switch(enabled=False) if found is None and kept.there(agent, schedule) else found


def turn(state: str, agent: str, schedule: str, *, enabled: bool, now_enabled: bool) -> bool:
    """Switch it; whether that changed anything. A daemon that runs hears of it. Raises LocalStorage."""
    if enabled == now_enabled:
        return False
    shelf(state).put(agent, schedule, Switch(enabled, clock.milliseconds()))
    return True
