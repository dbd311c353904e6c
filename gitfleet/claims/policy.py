"""The fleet's rules for claims and commits, as gates need them: compiled, local, plain.

Policy is `gitfleet.yaml` as it stands on the hub's trunk. `trunk.policy_file` compiles it to JSON in the common dir
whenever the trunk moves, so that gates need no YAML; before it has landed, the defaults here hold.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from gitfleet.base import canonical, files
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.resources import MOST_UNITS, is_name

CommitRule = Literal["require-claim", "claim-on-commit", "conflicts-only", "warn", "off"]
EditRule = Literal["claim-on-edit", "require-claim", "conflicts-only", "warn", "off"]
UnverifiableRule = Literal["stop", "warn", "allow"]
COMMITS: tuple[CommitRule, ...] = get_args(CommitRule)
EDITS: tuple[EditRule, ...] = get_args(EditRule)
UNVERIFIABLE: tuple[UnverifiableRule, ...] = get_args(UnverifiableRule)


@dataclass(frozen=True, slots=True)
class Policy:
    """Durations in seconds. `shared` lists patterns whose claims are shared unless asked otherwise.

    `resources` has the capacity of each resource that the rules name, by its name in small letters.
    """

    commits: CommitRule = "require-claim"
    edits: EditRule = "claim-on-edit"
    ttl: int = 45 * 60
    margin: int = 2 * 60
    max_age: int = 24 * 3600
    shared: tuple[str, ...] = ()
    everything: bool = False
    case_sensitive: bool = False
    state_max_age: int = 15 * 60
    unverifiable: UnverifiableRule = "stop"
    reference_transaction: bool = False
    resources: Mapping[str, int] = field(default_factory=dict)

    def capacity(self, wanted: Pattern) -> int:
        """How many units there are of a resource: one, where the rules say nothing of it; 0 for a path."""
        return self.resources.get(wanted.resource, 1) if wanted.units else 0


_DEFAULTS = Policy()


def load(state: str) -> Policy:
    """The compiled policy of this clone; the defaults when there is none or it cannot be read."""
    data = files.read(os.path.join(state, "policy.json"))
    try:
        return from_record(canonical.load(data)) if data else Policy()
    except (ValueError, TypeError):
        return Policy()


class CurrentPolicy:
    """The compiled policy of one clone as it is now: read again when whichever process has compiled it anew."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._known: tuple[object, Policy] = ("", _DEFAULTS)

    def __call__(self) -> Policy:
        """The policy. Costs one look at a file where nothing has changed."""
        try:
            found = os.stat(os.path.join(self._state, "policy.json"))
            stamp: object = found.st_mtime_ns, found.st_ino, found.st_size
        except OSError:
            stamp = None
        if stamp != self._known[0]:
            self._known = stamp, load(self._state)
        return self._known[1]


def from_record(raw: Mapping[str, Any]) -> Policy:
    """The policy in compiled form; fields that this version does not know are for another one. Raises TypeError, ValueError."""
    known = {f.name: raw[f.name] for f in fields(Policy) if f.name in raw}
    if "shared" in known:
        known["shared"] = tuple(str(text) for text in known["shared"])
    policy = Policy(**known)
    for f in fields(Policy):
        if type(getattr(policy, f.name)) is not type(getattr(_DEFAULTS, f.name)):
            raise TypeError(f.name)
    for name, capacity in policy.resources.items():
        if not is_name(name) or type(capacity) is not int or not 0 < capacity <= MOST_UNITS:
            raise ValueError(f"resources {name} {capacity}")
    if policy.commits not in COMMITS or policy.edits not in EDITS or policy.unverifiable not in UNVERIFIABLE:
        words = f"commits {policy.commits}, edits {policy.edits}, unverifiable {policy.unverifiable}"
        raise ValueError(words)
    return policy


def markers(state: str) -> dict[str, Any]:
    """The orchestrator markers that the fleet's `gitfleet.yaml` adds; empty when there are none."""
    data = files.read(os.path.join(state, "policy.json"))
    try:
        found = canonical.load(data).get("orchestrators", {}) if data else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
