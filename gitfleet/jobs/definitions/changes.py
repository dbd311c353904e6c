"""What a new configuration changes, in the words of `config:reloaded`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitfleet.jobs.definitions.configuration import Configuration


def changes(old: Configuration, new: Configuration) -> list[str]:
    """Each difference, by the place of its key: `agent:NAME added`, `agent:NAME:schedule:NAME:interval changed`."""
    found = []
    for name in sorted({*old.agents, *new.agents}):
        before, after = old.agents.get(name), new.agents.get(name)
        if before is None or after is None:
            found.append(f"agent:{name} {'added' if before is None else 'removed'}")
        else:
            found += _between(before.model_dump(mode="json"), after.model_dump(mode="json"), f"agent:{name}")
    return found + list(
        _between(old.fleet.model_dump(mode="json"), new.fleet.model_dump(mode="json"), "fleet")
    )


_NAMED = {"schedules": "schedule", "budgets": "budget", "prices": "price"}


def _between(before: Mapping[str, object], after: Mapping[str, object], where: str) -> Iterator[str]:
    for key in [*before, *(one for one in after if one not in before)]:
        one, other = before.get(key), after.get(key)
        place = f"{where}:{_NAMED.get(key, key)}"
        if one == other:
            continue
        if key in _NAMED:
            yield from _of_names(_table(one), _table(other), place)
        elif isinstance(one, dict) and isinstance(other, dict):
            yield from _between(one, other, place)
        else:
            yield f"{place} {_verb(one, other)}"


def _of_names(before: Mapping[str, object], after: Mapping[str, object], where: str) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if name in before and name in after:
            yield from _between(_table(before[name]), _table(after[name]), f"{where}:{name}")
        else:
            yield f"{where}:{name} {'removed' if name in before else 'added'}"


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _verb(one: object, other: object) -> str:
    if isinstance(one, dict) or isinstance(other, dict):
        return "added" if one is None else "removed"
    return "changed"
