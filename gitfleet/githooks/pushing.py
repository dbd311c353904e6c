"""What a push may do: bring commits that were made under claims, and leave the fleet's own refs alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gitfleet.base import files
from gitfleet.base.console import note
from gitfleet.base.ids import is_name
from gitfleet.base.text import display
from gitfleet.errors import FleetError, PolicyRefused
from gitfleet.fleet.fleet import Fleet
from gitfleet.git import fleetrefs
from gitfleet.githooks import incoming, refusal
from gitfleet.githooks.incoming import Commit
from gitfleet.githooks.judgement import Judgement, judge
from gitfleet.ledger.ledger import State


class Update(NamedTuple):
    """One line that git gives to the hook: the remote's ref, and what it is to become (zeros: deleted)."""

    ref: str
    new: str


def updates(lines: bytes) -> list[Update]:
    """The updates that a push would make. Local names may hold blanks, refs any character of Unicode."""
    rows = [line.rsplit(b" ", 3) for line in lines.split(b"\n") if line]
    return [Update(os.fsdecode(row[2]), row[1].decode("ascii", "replace")) for row in rows]


def judge_push(fleet: Fleet, lines: bytes, whoami: Callable[[Fleet], str | None]) -> None:
    """Judge the commits that are new to the hub, and keep the fleet's refs out of anybody's hands. Raises the refusal.

    A commit that names its claims was judged when it was made: it is stopped only where its paths are another
    session's now. One that names none needs claims of the session that pushes.
    """
    rows = updates(lines)
    for row in rows:
        if row.ref.startswith((fleetrefs.ROOT, fleetrefs.HUB)):
            raise _hands_off(row)
    tips = [row.new for row in rows if row.new != incoming.ZERO and row.ref.startswith("refs/heads/")]
    if not tips or fleet.policy.commits == "off" or not fleet.ledger.node.hub:
        return
    try:
        judgement = _judged(fleet, list(_new_commits(fleet, tips)), whoami)
    except FleetError as error:
        if fleet.policy.commits != "warn":
            raise
        note(f"gitfleet: warning: {error.message}")
        return
    refusal.stop_or_warn(fleet.policy, judgement)


def _judged(fleet: Fleet, new: list[Commit], whoami: Callable[[Fleet], str | None]) -> Judgement:
    state = fleet.current()
    unnamed = sorted({path for commit in new if not commit.claims for path in commit.paths})
    judgement = judge(fleet, state, whoami(fleet), unnamed) if unnamed else Judgement("")
    return Judgement(
        judgement.session,
        judgement.used,
        [*judgement.free, *judgement.lapsed],
        [*judgement.theirs, *_others(fleet, state, new)],
        judgement.unverifiable,
    )


def _new_commits(fleet: Fleet, tips: list[str]) -> Iterator[Commit]:
    """What the hub does not have, as far as is known here, and was not here before this clone joined the fleet."""
    known = (files.read(os.path.join(fleet.ledger.state, "begun")) or b"").decode("ascii", "replace").split()
    hidden = [f"--remotes={fleet.ledger.node.hub}", *known]
    return incoming.commits(fleet.repository.here, "--ignore-missing", *tips, "--not", *hidden)


def _others(fleet: Fleet, state: State, new: list[Commit]) -> list[dict[str, Any]]:
    """What others than its own session claim now of what each commit that names its claims has changed."""
    by_session: dict[str | None, set[str]] = {}
    for commit in new:
        if commit.claims:
            by_session.setdefault(commit.session if is_name(commit.session) else None, set()).update(
                commit.paths
            )
    return [
        item for own, paths in by_session.items() for item in judge(fleet, state, own, sorted(paths)).theirs
    ]


def _hands_off(row: Update) -> PolicyRefused:
    what = "delete" if row.new == incoming.ZERO else "overwrite"
    return PolicyRefused(
        f"Stopped: this push would {what} {display(row.ref)}, which is the fleet's own record. Nothing was pushed.",
        hint="Push branches and tags by name; `gitfleet sync` brings the fleet's records to the hub.",
    )
