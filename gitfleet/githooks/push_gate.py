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
from gitfleet.mergequeue import arrivals
from gitfleet.trunk import commit_verdicts, incoming, queue_policy
from gitfleet.trunk.incoming import IncomingCommit


def judge_push(
    fleet: Clone, lines: bytes, place: Sequence[str], whoami: Callable[[Clone], SessionId | None]
) -> None:
    """Judge the commits that are new to the hub, and keep the fleet's refs out of anybody's hands. Raises the refusal.

    `place` is where git pushes to: the remote, as it was named, and its URL. Where the rules demand the merge queue, the hub's trunk
    is not for anybody's hands either.

    What a commit says of its claims is held against the ledger (`claims.fencing`). Paths for which it names none that
    count must be claimed by the session that pushes.
    """
    rows = fast_push.updates(lines)
    for ref, new in rows:
        if ref.startswith((fleetrefs.ROOT, fleetrefs.HUB)):
            raise _hands_off(ref, new)
    if queue_policy.load(fleet.ledger.state).required and _is_hub(fleet, place):
        _check_target(fleet, lines)
    tips = [new for ref, new in rows if new != refs.ZERO and ref.startswith("refs/heads/")]
    if not tips or fleet.policy.commits == "off" or not fleet.ledger.node.hub:
        return
    refusal.settle(fleet.policy, lambda: judged(fleet, list(_new_commits(fleet, tips)), whoami))


def _check_target(fleet: Clone, lines: bytes) -> None:
    """Raise the refusal of a change of the trunk that no entry landed, as far as the ledger is known here."""
    trunk = fleet.ledger.node.trunk
    for ref, new, old in fast_push.moves(lines):
        if ref == f"refs/heads/{trunk}":
            view, git = fleet.current().view, fleet.repository.here
            arrivals.check(view, git, arrivals.judged(view, git, trunk, old, new))


def _is_hub(fleet: Clone, place: Sequence[str]) -> bool:
    """Whether a push goes to the hub; where git does not say where it goes, it may."""
    hub = fleet.ledger.node.hub
    if not hub:
        return False
    urls = os.fsdecode(
        fleet.repository.git.ask("remote", "get-url", "--push", "--all", "--", hub).stdout
    ).split("\n")
    return not place or hub == place[0] or any(one in urls for one in place)


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
