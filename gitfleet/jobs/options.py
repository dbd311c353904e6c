"""Options of the FleetManager in groups, as its document has them, beside the same ones by their own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from gitfleet.base.text import display
from gitfleet.jobs.admission import Bounds
from gitfleet.jobs.durations import milliseconds
from gitfleet.jobs.errors import ConfigurationError
from gitfleet.jobs.schedules.ticker import CHECK_INTERVAL

_CONCURRENCY = {"per_agent": "per_agent", "fleet_wide": "fleet_wide"}
_HISTORY = {"max_jobs_per_agent": "kept_per_agent", "max_jobs_total": "kept_total"}
_Option = TypeVar("_Option", int, int | str)
_NAMES = {bound: name for names in (_CONCURRENCY, _HISTORY) for name, bound in names.items()}


def bounds(own: Bounds, concurrency: Mapping[str, int] | None, history: Mapping[str, int] | None) -> Bounds:
    """All of them; an option that has its own name and is in its group, too, goes by its own. Raises ConfigurationError."""
    given: dict[str, int] = {}
    for group, options, known in (
        ("concurrency", concurrency, _CONCURRENCY),
        ("history", history, _HISTORY),
    ):
        for name, value in _group(group, options).items():
            if name not in known:
                raise _wrong(f"{group}.{name}", f"there is no such option; there are: {', '.join(known)}")
            given[known[name]] = value
    named = {field.name: getattr(own, field.name) for field in Bounds.FIELDS}
    given |= {name: value for name, value in named.items() if value is not None}
    for name, value in given.items():
        if type(value) is not int or value < 1:
            raise _wrong(_NAMES[name], "must be a whole number of at least 1")
    return Bounds(**given)


def check_interval(scheduler: Mapping[str, int | str] | None) -> int:
    """How long schedules sleep at most between two looks at the clock, in milliseconds, by the option `scheduler`. Raises ConfigurationError."""
    given = _group("scheduler", scheduler)
    try:
        every = milliseconds(given.pop("check_interval", CHECK_INTERVAL))
    except ValueError as error:
        raise _wrong("scheduler.check_interval", str(error)) from error
    if given:
        raise _wrong(f"scheduler.{next(iter(given))}", "there is no such option; there is: check_interval")
    return every


def _group(name: str, options: Mapping[str, _Option] | None) -> dict[str, _Option]:
    if not isinstance(options or {}, Mapping):
        raise _wrong(name, "must be a mapping of options")
    return dict(options or {})


def time_limit(timeout: int | str | None) -> float | None:
    """Seconds that jobs are waited for; None: for ever. Raises ConfigurationError."""
    try:
        return None if timeout is None else milliseconds(timeout, least=0) / 1000
    except ValueError as error:
        raise _wrong("timeout", str(error), "Nothing is stopped") from error


def _wrong(name: str, words: str, what: str = "The manager cannot be made") -> ConfigurationError:
    said = display(f"{name}: {words}"[:400])
    return ConfigurationError(f"{what}: {said}.", validation_errors=(said,))
