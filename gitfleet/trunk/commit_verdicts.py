"""Whether commits may land, judged against the fleet of now by the claims that cover them, and what the rules make of it.

Owns the verdict on commits as a whole; that on one path of one is `claims.fencing`'s. Asks nobody but git here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import advice
from gitfleet.base.text import display
from gitfleet.claims import fencing
from gitfleet.claims.fencing import CommitVerdict, Fence
from gitfleet.claims.policy import Policy
from gitfleet.errors import Conflict, FleetError, PolicyRefused, StaleFence, Unverifiable
from gitfleet.git.program import Git
from gitfleet.ledger.model import View
from gitfleet.trunk.incoming import IncomingCommit

ERRORS: Mapping[str, type[FleetError]] = {
    fencing.THEIRS: Conflict,
    fencing.STALE: StaleFence,
    fencing.UNCLAIMED: PolicyRefused,
    fencing.UNVERIFIABLE: Unverifiable,
}
"""The refusal for each state that stops, the worst first."""

ADVICE: Mapping[str, str] = {
    fencing.THEIRS: "leave those paths out, or land when their holder has released them",
    fencing.STALE: "claim the paths again, merge what has landed since, and commit again",
    fencing.UNCLAIMED: "claim the paths and commit again, so that the commit names its claims",
    fencing.UNVERIFIABLE: f"{advice.FSCK} in a clone of the fleet names the record",
}
SHOWN = 20


class Judged(NamedTuple):
    """One commit and what is true of each path that it changes."""

    commit: IncomingCommit
    verdicts: tuple[CommitVerdict, ...]


def judged(view: View, policy: Policy, git: Git, commits: Iterable[IncomingCommit]) -> list[Judged]:
    """Judge `commits`, newest first as `incoming` tells them; none where the rules say `off`.

    What is stale by itself counts as taken over where a later commit of the same range, built on it, was made under
    the newest grant of that path or by the session that has it: whoever has the path now has seen it.
    """
    if policy.commits == "off":
        return []
    fence = Fence(view, case_sensitive=policy.case_sensitive)
    rows = [Judged(one, tuple(fence.judge(one.sessions, one.claims, one.paths))) for one in commits]
    return list(_with_adopted(fence, git, rows))


def stops(policy: Policy, verdict: CommitVerdict) -> bool:
    """Whether the rules let this stop a commit; what `warn` only says does."""
    if verdict.state == fencing.OK:
        return False
    return verdict.state != fencing.UNCLAIMED or policy.commits != "conflicts-only"


def stopping(policy: Policy, rows: Iterable[Judged]) -> Iterator[tuple[Judged, CommitVerdict]]:
    """What stops, or would if the rules did more than warn; in the order of the rows."""
    for row in rows:
        for verdict in row.verdicts:
            if stops(policy, verdict):
                yield row, verdict


def worst(policy: Policy, rows: Iterable[Judged]) -> int:
    """The exit code for all of them together; 0 where the rules only warn."""
    if policy.commits == "warn":
        return 0
    states = {verdict.state for _, verdict in stopping(policy, rows)}
    return next((error.exit_code for state, error in ERRORS.items() if state in states), 0)


def settle(policy: Policy, rows: Iterable[Judged], warn: Callable[[str], None]) -> None:
    """Raise the refusal for commits that may not land; where the rules only warn, `warn` is told what is wrong."""
    bad = list(stopping(policy, rows))
    if not bad:
        return
    lines = [f"{row.commit.oid[:12]} {display(one.path)}: {display(words(one))}" for row, one in bad[:SHOWN]]
    lines += [f"... and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else []
    what = "\n  ".join(["commits touch paths that are not covered by claims of their sessions.", *lines])
    if policy.commits == "warn":
        warn(what)
        return
    state = next(state for state in ERRORS if any(one.state == state for _, one in bad))
    hint = ADVICE[state][:1].upper() + ADVICE[state][1:] + "."
    raise ERRORS[state](f"Stopped: {what}", hint=hint)


def words(verdict: CommitVerdict) -> str:
    """Why a path is not fine, without its name."""
    held = f"{verdict.held} (token {verdict.token})"
    if verdict.state == fencing.THEIRS:
        return f"held by session {verdict.holder}, which claims {held}"
    if verdict.state == fencing.STALE:
        made = f"made under claim {verdict.claim}" if verdict.claim else "made under an older claim"
        return f"stale: {made}; session {verdict.holder} has been granted {held} since"
    if verdict.state == fencing.UNVERIFIABLE:
        return "unknown: a record of the ledger cannot be read"
    return "not claimed: the commit names no claim of its session that covers it"


def _with_adopted(fence: Fence, git: Git, rows: Sequence[Judged]) -> Iterator[Judged]:
    """The same rows; stale paths that a later commit has taken over count as fine."""
    built_on: dict[tuple[str, str], bool] = {}

    def adopted(row: Judged, verdict: CommitVerdict) -> bool:
        for other in rows:
            one = other.commit
            if other is row or not one.claims or not _may_adopt(fence, other, verdict):
                continue
            pair = (row.commit.oid, one.oid)
            if pair not in built_on:
                built_on[pair] = git.ask("merge-base", "--is-ancestor", *pair).code == 0
            if built_on[pair]:
                return True
        return False

    for row in rows:
        kept = [
            verdict._replace(state=fencing.OK)
            if verdict.state == fencing.STALE and adopted(row, verdict)
            else verdict
            for verdict in row.verdicts
        ]
        yield Judged(row.commit, tuple(kept))


def _may_adopt(fence: Fence, other: Judged, verdict: CommitVerdict) -> bool:
    """Whether a commit is by whoever has the path now: made under the newest grant of it, or by the session that has it."""
    one = other.commit
    if verdict.holder in one.sessions:
        return any(said.state == fencing.OK for said in other.verdicts)
    return fence.judge(one.sessions, one.claims, [verdict.path])[0].state == fencing.OK
