"""Which other nodes' heartbeats move while this one watches: no two machines' clocks are ever compared.

After every look at the hub, `note` writes down where each node's ref was, and since when, on this machine's own
clock. A node is alive when its ref moved between two looks that were not far apart; it is quiet when it did not for
a while; and nothing is known of it before the second look, after a reboot, or when the last look is too long ago.
Observations are kept in the node's state folder, so that one command goes on where another began.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, Literal

from gitfleet.base import clock, statefile
from gitfleet.base.identity import boot_id
from gitfleet.codec import FLAG, TEXT, WHOLE, One, Struct, Table, field
from gitfleet.nodes.records import ALIVE, UNKNOWN

QUIET: Final = "quiet"
NodeState = Literal["alive", "quiet", "unknown"]
QUIET_AFTER = 5 * 60


class Observation(Struct):
    """A node's ref as this machine saw it: at `tip` from `since` to `seen` (its own clock), and whether it moved there."""

    tip: str = field(TEXT)
    since: int = field(WHOLE)
    seen: int = field(WHOLE)
    moved: bool = field(FLAG)
    boot: str = field(TEXT)


class _Observations(Struct):
    nodes: Mapping[str, Observation] = field(Table(One(Observation)), default={})


class NodeJudgement(Struct):
    """Whether a node is `alive`, `quiet` (and for how many seconds, of our clock) or `unknown`."""

    liveness: NodeState
    quiet_for: int | None = None
    since: int | None = None


def watched(before: Observation | None, tip: str, *, now: int, boot: str, patience: int) -> Observation:
    """What is known after a look that found `tip`. Two looks further apart than `patience` seconds tell nothing."""
    if before is None or not _holds(before, now=now, boot=boot, patience=patience):
        return Observation(tip, since=now, seen=now, moved=False, boot=boot)
    if before.tip != tip:
        return Observation(tip, since=now, seen=now, moved=True, boot=boot)
    return Observation(tip, since=before.since, seen=now, moved=before.moved, boot=boot)


def judge(observation: Observation | None, *, now: int, boot: str, patience: int) -> NodeJudgement:
    """What an observation says now. Pure."""
    if observation is None or not _holds(observation, now=now, boot=boot, patience=patience):
        return NodeJudgement(UNKNOWN)
    still = observation.seen - observation.since
    if still > QUIET_AFTER:
        return NodeJudgement(QUIET, still, observation.since)
    return NodeJudgement(ALIVE if observation.moved else UNKNOWN, None, observation.since)


def _holds(observation: Observation, *, now: int, boot: str, patience: int) -> bool:
    return observation.boot == boot and 0 <= now - observation.seen <= patience


class Pulse:
    """The observations of one node. `note` needs the node's lock; reading needs none."""

    def __init__(self, state: str, patience: int) -> None:
        self._path = os.path.join(state, "pulse.json")
        self._patience = patience
        self._now = int(clock.elapsed())
        self._boot = boot_id()

    def note(self, tips: Mapping[str, str]) -> None:
        """Write down what a look at the hub found: each node's tip. Nodes that are gone are forgotten. Atomic."""
        before, now = self.load(), int(clock.elapsed())
        seen = {
            node: watched(before.get(node), tip, now=now, boot=self._boot, patience=self._patience)
            for node, tip in tips.items()
        }
        statefile.save(self._path, _Observations(seen))

    def load(self) -> Mapping[str, Observation]:
        """The observations by node; none where they cannot be read."""
        return (statefile.load(_Observations, self._path) or _Observations()).nodes

    def judge(self, observation: Observation | None) -> NodeJudgement:
        """What `observation` says now."""
        return judge(observation, now=self._now, boot=self._boot, patience=self._patience)

    def ago(self, since: int) -> int:
        """Seconds since a moment of this machine's clock."""
        return max(0, self._now - since)
