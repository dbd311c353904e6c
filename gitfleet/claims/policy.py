"""The fleet's rules for claims and commits, as gates need them: compiled, local, plain.

Policy is `gitfleet.yaml` as it stands on the hub's trunk. `trunk.policy_file` compiles it to JSON in the common dir
whenever the trunk moves, so that gates need no YAML; before it has landed, the defaults here hold.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, get_args

from gitfleet.base import canonical, files, statefile
from gitfleet.codec import FLAG, TEXT, WHOLE, Broken, Choice, Many, One, Struct, Table, Whole, field
from gitfleet.git.drivers import MergeDriver
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.resources import MOST_UNITS, is_name

CommitRule = Literal["require-claim", "claim-on-commit", "conflicts-only", "warn", "off"]
EditRule = Literal["claim-on-edit", "require-claim", "conflicts-only", "warn", "off"]
UnverifiableRule = Literal["stop", "warn", "allow"]
COMMITS: tuple[CommitRule, ...] = get_args(CommitRule)
EDITS: tuple[EditRule, ...] = get_args(EditRule)
UNVERIFIABLE: tuple[UnverifiableRule, ...] = get_args(UnverifiableRule)


class Policy(Struct):
    """Durations in seconds. `shared` lists patterns whose claims are shared unless asked otherwise.

    `resources` has the capacity of each resource that the rules name, by its name in small letters. `merge_drivers` are those
    that merges may use, by the name that attributes have for them.
    """

    commits: CommitRule = field(Choice[CommitRule](*COMMITS), default="require-claim")
    edits: EditRule = field(Choice[EditRule](*EDITS), default="claim-on-edit")
    ttl: int = field(WHOLE, default=45 * 60)
    margin: int = field(WHOLE, default=2 * 60)
    max_age: int = field(WHOLE, default=24 * 3600)
    shared: tuple[str, ...] = field(Many(TEXT), default=())
    everything: bool = field(FLAG, default=False)
    case_sensitive: bool = field(FLAG, default=False)
    state_max_age: int = field(WHOLE, default=15 * 60)
    unverifiable: UnverifiableRule = field(Choice[UnverifiableRule](*UNVERIFIABLE), default="stop")
    reference_transaction: bool = field(FLAG, default=False)
    resources: Mapping[str, int] = field(Table(Whole(1, MOST_UNITS)), default={})
    merge_drivers: Mapping[str, MergeDriver] = field(Table(One(MergeDriver)), default={})

    def check(self) -> None:
        """Raise Broken for a resource whose name is none."""
        if not all(is_name(name) for name in self.resources):
            raise Broken("names of resources were expected", "resources")

    def capacity(self, wanted: Pattern) -> int:
        """How many units there are of a resource: one, where the rules say nothing of it; 0 for a path."""
        return self.resources.get(wanted.resource, 1) if wanted.units else 0


_DEFAULTS = Policy()


def load(state: str) -> Policy:
    """The compiled policy of this clone; the defaults when there is none or it cannot be read."""
    return statefile.load(Policy, os.path.join(state, "policy.json")) or Policy()


class CurrentPolicy:
    """The compiled policy of one clone as it is now: read again when whichever process has compiled it anew."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._known: tuple[object, Policy] = ("", _DEFAULTS)

    def __call__(self) -> Policy:
        """The policy. Costs one look at a file where nothing has changed."""
        stamp = files.stamp(os.path.join(self._state, "policy.json"))
        if stamp != self._known[0]:
            self._known = stamp, load(self._state)
        return self._known[1]


def markers(state: str) -> dict[str, object]:
    """The orchestrator markers that the fleet's `gitfleet.yaml` adds; empty when there are none."""
    data = files.read(os.path.join(state, "policy.json"))
    try:
        found = canonical.load(data).get("orchestrators", {}) if data else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
