"""Why a gate says no, and the one command that comes next. Never a way around itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gitfleet.base import shellwords
from gitfleet.base.console import note
from gitfleet.base.text import display
from gitfleet.claims import orphans, refusals
from gitfleet.claims.conflict_text import holder
from gitfleet.claims.policy import Policy
from gitfleet.errors import Conflict, FleetError, PolicyRefused, StaleFence, Unverifiable
from gitfleet.githooks.check_paths import PathJudgement
from gitfleet.patterns import language

SHOWN = 20
HINTED = 8
_STANDS_IN = "\ue000"  # of no meaning to anybody; where a path has it, `?` matches that too


class Complaint(NamedTuple):
    """One kind of thing that is wrong: the refusal for it, and how it is said where that only warns."""

    refusal: FleetError
    warning: str


def settle(
    policy: Policy, ask: Callable[[], PathJudgement], warn: Callable[[str], None] = note
) -> PathJudgement:
    """The judgement that `ask` comes to, once nothing in it stops. Raises the refusal, and what `ask` raises.

    Where policy only warns, `warn` is told instead; what cannot be judged then is an empty judgement.
    """
    try:
        judgement = ask()
    except FleetError as error:
        if policy.commits != "warn":
            raise
        warn(f"gitfleet: warning: {error.message}")
        return PathJudgement("")
    found = list(_findings(judgement, policy))
    stopping = [one.refusal for one in found if not _only_warned(policy, one.refusal)]
    if stopping:
        raise stopping[0]
    if found:
        warn("\n".join(f"gitfleet: warning: {one.warning}" for one in found))
    return judgement


def _only_warned(policy: Policy, error: FleetError) -> bool:
    return policy.commits == "warn" or (isinstance(error, Unverifiable) and policy.unverifiable != "stop")


def faster(error: Conflict, paths: Sequence[str]) -> Conflict:
    """The refusal of a claim that a commit asked for, with a next step for whoever commits."""
    named = " ".join(word(path) for path in paths[:HINTED])
    hint = f"Leave out what others hold; or wait in line for it: gitfleet claim --wait {named}"
    return error.again(hint=orphans.hint(hint, error.conflicts))


def claimable(path: str) -> str:
    """The pattern to claim for a path; `?` stands for the control characters that no pattern may have."""
    printable = "".join(_STANDS_IN if char < " " or char == "\x7f" else char for char in path)
    return language.literal(printable).text.replace(_STANDS_IN, "?")


def _findings(judgement: PathJudgement, policy: Policy) -> Iterator[Complaint]:
    """What is wrong, the worst first."""
    if judgement.theirs:
        lines = [holder(item) for item in judgement.theirs]
        error: FleetError = Conflict(
            f"Stopped: this touches paths that other sessions hold.{_list(lines)}",
            hint=_for_those_of_others(judgement),
            conflicts=tuple(judgement.theirs),
        )
        yield Complaint(error, f"held by other sessions:{_list(lines)}")
    if judgement.stale:
        error = StaleFence(
            f"Stopped: others have been granted paths since they were changed here.{_list(judgement.stale)}",
            hint="Claim the paths again, merge what has landed since, and commit again (`git commit --amend`).",
        )
        yield Complaint(error, f"granted to others since they were changed here:{_list(judgement.stale)}")
    if policy.commits != "conflicts-only":
        yield from _not_claimed(judgement)
    if judgement.unverifiable and policy.unverifiable != "allow":
        words = "this clone last saw the hub too long ago to know who holds these paths"
        error = Unverifiable(
            f"Stopped: {words}.{_list(judgement.unverifiable)}", hint="Ask the hub: gitfleet sync"
        )
        yield Complaint(error, f"{words}: {_row(judgement.unverifiable)}")


def _not_claimed(judgement: PathJudgement) -> Iterator[Complaint]:
    if judgement.free:
        yield Complaint(_unclaimed(judgement.session, judgement.free), f"not claimed: {_row(judgement.free)}")
    if judgement.lapsed:
        words = f"session {judgement.session}'s claims have expired, and the hub could not be reached to renew them"
        error = Unverifiable(f"Stopped: {words}.{_list(judgement.lapsed)}", hint="Ask the hub: gitfleet sync")
        yield Complaint(error, f"{words}: {_row(judgement.lapsed)}")


def _for_those_of_others(judgement: PathJudgement) -> str:
    """What to do about paths that others hold, or have left with a branch or a worktree."""
    left = judgement.left
    if left is None:
        return orphans.hint(
            "Leave those paths out, or wait until their holder has released them.", judgement.theirs
        )
    if left.here:
        claims = list(dict.fromkeys(item.path for item in judgement.theirs))
        start = "" if judgement.session else "start a session (`gitfleet session start`), and "
        return f"{left.here}: {start}`{_claim(claims)}` takes its claims over."
    return refusals.build_on(left.kept)


def _claim(paths: Sequence[str]) -> str:
    """The command that claims paths."""
    more = " ... (or the directories that they are in)" if len(paths) > HINTED else ""
    return f"gitfleet claim {' '.join(word(path) for path in paths[:HINTED])}{more}"


def _unclaimed(session: str, paths: Sequence[str]) -> PolicyRefused:
    whose = f"that session {session} has not claimed."
    if not session:
        whose = "that nobody has claimed: no session is at work in this worktree."
    hint = f"Claim them first: {_claim(paths)}"
    if not session:
        hint = f"Start a session: gitfleet session start; then c{hint[1:]}"
    return PolicyRefused(f"Stopped: this touches paths {whose}{_list(paths)}", hint=hint)


def _row(paths: Sequence[str]) -> str:
    more = f", and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(display(path) for path in paths[:SHOWN]) + more


def _list(items: Sequence[str]) -> str:
    shown = "".join(f"\n  {display(item)}" for item in items[:SHOWN])
    return shown + (f"\n  ... and {len(items) - SHOWN} more" if len(items) > SHOWN else "")


def word(path: str) -> str:
    """What to type into a shell to claim a path."""
    text = claimable(path)
    return shellwords.word(f":/{text}" if text.startswith("-") else text)
