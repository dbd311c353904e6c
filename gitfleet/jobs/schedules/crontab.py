"""Cron expressions: what they may say, and when they fire next in a zone whose clock has gaps and overlaps.

The rule (of Debian's cron, which cronsim follows): where minute and hour are fixed, a time that the clock skips fires once,
at the end of the gap, and a time that comes twice fires the first time only. Where the minute or the hour begins with `*`,
the schedule goes on by the time that passes: nothing fires in a gap, and what comes twice fires twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_YEAR = 2000  # to see whether an expression ever fires; cronsim looks 50 years ahead
_FIELDS = 5
_DAYS = 8


def zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises ValueError where the system knows none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a folder of zones is an OSError
        raise ValueError(
            f"{name[:60]!a} is no time zone that is known here, such as UTC or Europe/Berlin"
        ) from error


def fields(expression: str) -> str:
    """The five fields that it stands for. Raises ValueError: it is none, or it never fires."""
    said = expression.strip()
    if said.startswith("@"):
        known = SHORTHANDS.get(said.lower())
        if known is None:
            raise ValueError(f"{said[:40]!a} is not one of {', '.join(sorted(SHORTHANDS))}")
        return known
    if len(said.split()) != _FIELDS or len(said) > 200:
        raise ValueError(
            f"{said[:60]!a} is no cron expression: minute, hour, day of month, month and day of week"
        )
    try:
        next(CronSim(said, datetime(_YEAR, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(f"{said[:60]!a} is no cron expression: {str(error).lower()}") from error
    except StopIteration:
        raise ValueError(f"{said[:60]!a} never fires: there is no such day") from None
    return " ".join(said.split())


def following(expression: str, after: float, where: ZoneInfo) -> float:
    """When it fires first after `after`; both in seconds since 1970. Raises ValueError as `fields` does."""
    times = CronSim(fields(expression), datetime.fromtimestamp(int(after), where))
    for moment in times:  # one that comes twice is told again where `after` is between the two
        if moment.timestamp() > after:
            return moment.timestamp()
    raise ValueError(f"{expression[:60]!a} never fires again")


def fixed(expression: str) -> bool:
    """Whether it is for times of the day, by its minute and hour; else it goes on by the time that passes."""
    return not any(field.startswith("*") for field in fields(expression).split()[:2])


def closer_than(expression: str, least: float, after: float, where: ZoneInfo) -> float | None:
    """Seconds between two runs that follow each other in less than `least`; None where none do. Raises ValueError as `fields` does.

    Looks at the first days on which it fires; its minutes and hours are the same on each.
    """
    last, days = None, set()
    for moment in CronSim(fields(expression), datetime.fromtimestamp(int(after), where)):
        now = moment.timestamp()
        if last is not None and 0 < now - last < least:
            return now - last
        last = now
        days.add(moment.date())
        if len(days) > _DAYS:
            break
    return None


def local_time(stamp: float, name: str) -> str:
    """A moment as the clocks of that zone show it: `2026-11-30 09:00 CET`; in UTC where there is no such zone any more; `?`: no time that people have."""
    try:
        where: tzinfo = zone(name)
    except ValueError:
        where = UTC
    try:
        shown = datetime.fromtimestamp(stamp, where)
    except (OverflowError, ValueError, OSError):
        return "?"
    return shown.strftime("%Y-%m-%d %H:%M:%S %Z" if shown.second else "%Y-%m-%d %H:%M %Z")
