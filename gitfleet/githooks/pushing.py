"""What a push may do: bring commits that were made under claims, and leave the fleet's own refs alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.claims import fencing
from gitfleet.clone import Clone
from gitfleet.errors import PolicyRefused
from gitfleet.git import fleetrefs, refs
from gitfleet.githooks import incoming, refusal, verdicts
from gitfleet.githooks.incoming import Commit
from gitfleet.githooks.judgement import Judgement, judge


class Update(NamedTuple):
    """One line that git gives to the hook: the remote's ref, and what it is to become (zeros: deleted)."""

    ref: str
    new: str


def updates(lines: bytes) -> list[Update]:
    """The updates that a push would make. Local names may hold blanks, refs any character of Unicode."""
    rows = [line.rsplit(b" ", 3) for line in lines.split(b"\n") if line]
    return [Update(os.fsdecode(row[2]), row[1].decode("ascii", "replace")) for row in rows]


def judge_push(fleet: Clone, lines: bytes, whoami: Callable[[Clone], str | None]) -> None:
    """Judge the commits that are new to the hub, and keep the fleet's refs out of anybody's hands. Raises the refusal.

    What a commit says of its claims is held against the ledger (`claims.fencing`). Paths for which it names none that
    count must be claimed by the session that pushes.
    """
    rows = updates(lines)
    for row in rows:
        if row.ref.startswith((fleetrefs.ROOT, fleetrefs.HUB)):
            raise _hands_off(row)
    tips = [row.new for row in rows if row.new != refs.ZERO and row.ref.startswith("refs/heads/")]
    if not tips or fleet.policy.commits == "off" or not fleet.ledger.node.hub:
        return
    refusal.settle(fleet.policy, lambda: judged(fleet, list(_new_commits(fleet, tips)), whoami))


def judged(fleet: Clone, new: Sequence[Commit], whoami: Callable[[Clone], str | None]) -> Judgement:
    """New commits, each held against the ledger; what their claims do not cover, against those of the session here."""
    state = fleet.current()
    rows = verdicts.judged(state.view, fleet.policy, fleet.repository.here, new)
    bad = [verdict for row in rows for verdict in row.verdicts if verdict.state != fencing.OK]
    stale = {v.path: f"{display(v.path)}: {verdicts.words(v)}" for v in bad if v.state == fencing.STALE}
    left = sorted({verdict.path for verdict in bad} - stale.keys())
    found = judge(fleet, state, whoami(fleet), left) if left else Judgement("")
    return replace(found, free=[*found.free, *found.lapsed], lapsed=(), stale=list(stale.values()))


def _new_commits(fleet: Clone, tips: list[str]) -> Iterator[Commit]:
    """What the hub does not have, as far as is known here, and was not here before this clone joined the fleet."""
    known = (files.read(os.path.join(fleet.ledger.state, "begun")) or b"").decode("ascii", "replace").split()
    seen = fleetrefs.seen(fleet.ledger.node.hub)  # what upkeep merges was fetched into refs of our own
    hidden = [f"--remotes={fleet.ledger.node.hub}", f"--glob={seen}trunk*", f"--glob={seen}bases", *known]
    return incoming.commits(fleet.repository.here, "--ignore-missing", *tips, "--not", *hidden)


def _hands_off(row: Update) -> PolicyRefused:
    what = "delete" if row.new == refs.ZERO else "overwrite"
    return PolicyRefused(
        f"Stopped: this push would {what} {display(row.ref)}, which is the fleet's own record. Nothing was pushed.",
        hint="Push branches and tags by name; `gitfleet sync` brings the fleet's records to the hub.",
    )
