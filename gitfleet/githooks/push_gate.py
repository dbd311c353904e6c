"""What a push may do: bring commits that were made under claims, and leave the fleet's own refs alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from gitfleet.base import files
from gitfleet.base.names import SessionId
from gitfleet.base.text import display
from gitfleet.claims import fencing
from gitfleet.clone import Clone
from gitfleet.errors import PolicyRefused
from gitfleet.git import fleetrefs, refs
from gitfleet.githooks import check_paths, fast_push, refusal
from gitfleet.githooks.check_paths import PathJudgement
from gitfleet.trunk import commit_verdicts, incoming
from gitfleet.trunk.incoming import IncomingCommit


def judge_push(fleet: Clone, lines: bytes, whoami: Callable[[Clone], SessionId | None]) -> None:
    """Judge the commits that are new to the hub, and keep the fleet's refs out of anybody's hands. Raises the refusal.

    What a commit says of its claims is held against the ledger (`claims.fencing`). Paths for which it names none that
    count must be claimed by the session that pushes.
    """
    rows = fast_push.updates(lines)
    for ref, new in rows:
        if ref.startswith((fleetrefs.ROOT, fleetrefs.HUB)):
            raise _hands_off(ref, new)
    tips = [new for ref, new in rows if new != refs.ZERO and ref.startswith("refs/heads/")]
    if not tips or fleet.policy.commits == "off" or not fleet.ledger.node.hub:
        return
    refusal.settle(fleet.policy, lambda: judged(fleet, list(_new_commits(fleet, tips)), whoami))


def judged(
    fleet: Clone, new: Sequence[IncomingCommit], whoami: Callable[[Clone], SessionId | None]
) -> PathJudgement:
    """New commits, each held against the ledger; what their claims do not cover, against those of the session here."""
    state = fleet.current()
    rows = commit_verdicts.judged(state.view, fleet.policy, fleet.repository.here, new)
    bad = [verdict for row in rows for verdict in row.verdicts if verdict.state != fencing.OK]
    stale = {
        v.path: f"{display(v.path)}: {commit_verdicts.words(v)}" for v in bad if v.state == fencing.STALE
    }
    left = sorted({verdict.path for verdict in bad} - stale.keys())
    found = check_paths.judge(fleet, state, whoami(fleet), left) if left else PathJudgement("")
    return found._replace(free=[*found.free, *found.lapsed], lapsed=(), stale=list(stale.values()))


def _new_commits(fleet: Clone, tips: list[str]) -> Iterator[IncomingCommit]:
    begun = files.read(os.path.join(fleet.ledger.state, "begun")) or b""
    revisions = fast_push.new_to_hub(tips, fleet.ledger.node.hub, begun)
    return incoming.commits(fleet.repository.here, *revisions)


def _hands_off(ref: str, new: str) -> PolicyRefused:
    what = "delete" if new == refs.ZERO else "overwrite"
    return PolicyRefused(
        f"Stopped: this push would {what} {display(ref)}, which is the fleet's own record. Nothing was pushed.",
        hint="Push branches and tags by name; `gitfleet sync` brings the fleet's records to the hub.",
    )
