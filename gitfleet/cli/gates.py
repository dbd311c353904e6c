"""Whether this clone's gates are in force, as `doctor` and `status` say it."""

from __future__ import annotations

from gitfleet.errors import FleetError
from gitfleet.fleet.doctor import Finding
from gitfleet.fleet.fleet import Fleet
from gitfleet.githooks.inspection import Inspection, inspect

ADVICE = "gitfleet init puts them in place again"


def finding(fleet: Fleet) -> Finding:
    """What `doctor` found of the hooks."""
    seen = inspect(fleet.repository.common_dir, fleet.repository.worktree)
    if not seen.in_force:
        return Finding("hooks", ok=False, words=_matter(seen), advice=ADVICE)
    words = "every gate runs in every worktree"
    if seen.displaced:
        words += f", by git's configuration; an older git would skip some: {'; '.join(seen.displaced)}"
    elif seen.configurable:
        words += ", by git's configuration and by the hooks folder"
    return Finding("hooks", ok=True, words=words)


def warnings(fleet: Fleet) -> list[str]:
    """What `status` has to say of the hooks: nothing where every gate runs, or none was ever put in."""
    try:
        seen = inspect(fleet.repository.common_dir, fleet.repository.worktree)
    except FleetError as error:
        return [error.message]
    return [] if seen.in_force or not seen.installed else [f"hooks: {_matter(seen)}; {ADVICE}"]


def _matter(seen: Inspection) -> str:
    missing = [f"{hook.words}" for hook in seen.hooks if not hook.in_force]
    gates = [f"some gates do not run: {'; '.join(dict.fromkeys(missing))}"] if missing else []
    return "; ".join([*seen.problems, *gates])
