"""Why a gate says no, and the one command that comes next. Never a way around itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gitfleet.base.console import note
from gitfleet.base.text import display
from gitfleet.claims import conflicts, patterns
from gitfleet.claims.policy import Policy
from gitfleet.claims.wording import holder
from gitfleet.errors import Conflict, FleetError, PolicyRefused, StaleFence, Unverifiable
from gitfleet.githooks.judgement import Judgement

SHOWN = 20
HINTED = 8
_STANDS_IN = "\ue000"  # of no meaning to anybody; where a path has it, `?` matches that too


def settle(policy: Policy, ask: Callable[[], Judgement]) -> Judgement:
    """The judgement that `ask` comes to, once nothing in it stops. Raises the refusal, and what `ask` raises.

    Where policy only warns, either is said instead; what cannot be judged then is an empty judgement.
    """
    try:
        judgement = ask()
    except FleetError as error:
        if policy.commits != "warn":
            raise
        note(f"gitfleet: warning: {error.message}")
        return Judgement("")
    _stop_or_warn(policy, judgement)
    return judgement


def _stop_or_warn(policy: Policy, judgement: Judgement) -> None:
    """Raise the refusal for a judgement, or say it where policy only warns."""
    error = _refusal(judgement, policy)
    if error is None:
        return
    if policy.commits == "warn" or (isinstance(error, Unverifiable) and policy.unverifiable != "stop"):
        note(f"gitfleet: warning: {error.message}")
        return
    raise error


def claimable(path: str) -> str:
    """The pattern to claim for a path; `?` stands for the control characters that no pattern may have."""
    printable = "".join(_STANDS_IN if char < " " or char == "\x7f" else char for char in path)
    return patterns.literal(printable).text.replace(_STANDS_IN, "?")


def _refusal(judgement: Judgement, policy: Policy) -> FleetError | None:
    if judgement.theirs:
        lines = [holder(item) for item in judgement.theirs]
        return Conflict(
            f"Stopped: this touches paths that other sessions hold.{_list(lines)}",
            hint=_for_those_of_others(judgement),
            conflicts=list(judgement.theirs),
        )
    if judgement.stale:
        return StaleFence(
            f"Stopped: others have been granted paths since they were changed here.{_list(judgement.stale)}",
            hint="Claim the paths again, take in what has landed since, and commit anew (`git commit --amend`).",
        )
    if judgement.free and policy.commits != "conflicts-only":
        return _unclaimed(judgement.session, judgement.free)
    if judgement.lapsed and policy.commits != "conflicts-only":
        words = (
            f"Stopped: the time of what session {judgement.session} has claimed is over, and the hub could not be "
            "asked whether it still stands."
        )
        return Unverifiable(words + _list(judgement.lapsed), hint="Ask the hub: gitfleet sync")
    if judgement.unverifiable and policy.unverifiable != "allow":
        words = "Stopped: what is known of the fleet is too old to say whose these paths are."
        return Unverifiable(words + _list(judgement.unverifiable), hint="Ask the hub: gitfleet sync")
    return None


def _for_those_of_others(judgement: Judgement) -> str:
    """What to do about paths that others hold, or have left with a branch or a worktree."""
    left = judgement.left
    if left is None:
        return "Leave those paths out, or wait until their holder has released them."
    if left.here:
        claims = list(dict.fromkeys(str(item["path"]) for item in judgement.theirs))
        start = "" if judgement.session else "start a session (`gitfleet session start`), and "
        return f"{left.here}: {start}`{_claim(claims)}` takes its claims over."
    return conflicts.build_on(left.kept)


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
        hint = "Start a session: gitfleet session start; then claim the paths."
    return PolicyRefused(f"Stopped: this touches paths {whose}{_list(paths)}", hint=hint)


def _list(items: Sequence[str]) -> str:
    shown = "".join(f"\n  {display(item)}" for item in items[:SHOWN])
    return shown + (f"\n  ... and {len(items) - SHOWN} more" if len(items) > SHOWN else "")


def word(path: str) -> str:
    """What to type into a shell to claim a path."""
    import shlex  # only refusals need it

    text = claimable(path)
    text = f":/{text}" if text.startswith("-") else text
    if display(text) == text:
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{display(escaped)}'"
