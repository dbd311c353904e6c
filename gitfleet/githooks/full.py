"""The full gate: what a commit or a push may do, by the fleet's policy, in words that can be acted on.

Judges from local state, without the network; the one thing that asks the hub is claiming on commit, where policy
wants that. Refusals never name a way around themselves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gitfleet.base import clock
from gitfleet.base.console import note
from gitfleet.base.ids import ulid
from gitfleet.base.text import display
from gitfleet.claims import model, patterns
from gitfleet.claims.wording import holder
from gitfleet.errors import Conflict, FleetError, NoFleet, NoSession, PolicyRefused, Unverifiable
from gitfleet.fleet.fleet import Fleet
from gitfleet.git import fleetrefs, refs
from gitfleet.githooks import gate, incoming
from gitfleet.githooks.judgement import Judgement, judge
from gitfleet.ledger.ledger import State
from gitfleet.ledger.model import Operation
from gitfleet.sessions import model as sessions

SHOWN = 20


def main(arguments: Sequence[str]) -> int:
    """Answer one hook; the exit code is the error's own, which git turns into its own refusal."""
    hook, *rest = arguments
    try:
        with Fleet.open(announce=note) as fleet:
            return HOOKS[hook](fleet, rest)
    except NoFleet:
        return 0
    except FleetError as error:
        note(f"gitfleet: {error.message}")
        if error.hint:
            note(f"next: {error.hint}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _pre_commit(fleet: Fleet, rest: list[str]) -> int:
    del rest
    _commit(fleet)
    return 0


def _prepare(fleet: Fleet, rest: list[str]) -> int:
    judgement = _commit(fleet)
    if judgement.session:
        gate.add_trailers(rest[0], judgement.session, sorted(judgement.used))
    return 0


def _commit(fleet: Fleet) -> Judgement:
    """Judge what is staged. Raises the refusal; says what policy only warns about."""
    session = _session(fleet)
    if session:
        for text in fleet.ledger.notices.show(session):
            note(f"gitfleet: {text}")
    if fleet.policy.commits == "off":
        return Judgement(session or "")
    state = fleet.current()
    judgement = judge(fleet, state, session, _staged(fleet))
    if fleet.policy.commits == "claim-on-commit" and session and judgement.free and not judgement.theirs:
        fleet.claims.claim(session, [_claimable(path) for path in judgement.free], timeout=15.0)
        judgement = judge(fleet, fleet.current(), session, _staged(fleet))
    if session:
        _renew(fleet, state, session)
    _stop_or_warn(fleet, judgement)
    return judgement


def _stop_or_warn(fleet: Fleet, judgement: Judgement) -> None:
    policy = fleet.policy
    free = judgement.free if policy.commits != "conflicts-only" else []
    error = _refusal(judgement, free, policy.unverifiable)
    if error is None:
        return
    if policy.commits == "warn" or (isinstance(error, Unverifiable) and policy.unverifiable != "stop"):
        note(f"gitfleet: warning: {error.message}")
        return
    raise error


def _refusal(judgement: Judgement, free: Sequence[str], unverifiable: str) -> FleetError | None:
    if judgement.theirs:
        lines = [holder(item) for item in judgement.theirs]
        return Conflict(
            f"Stopped: this touches paths that other sessions hold.{_list(lines)}",
            hint="Leave those paths out, or wait until their holder has released them.",
            conflicts=list(judgement.theirs),
        )
    if free:
        who = f"session {judgement.session}" if judgement.session else "no session at work here"
        hint = f"Claim them first: gitfleet claim {' '.join(_quoted(path) for path in list(free)[:8])}"
        if not judgement.session:
            hint = "Start a session: gitfleet session start; then claim the paths."
        return PolicyRefused(
            f"Stopped: this touches paths that {who} has not claimed.{_list(free)}", hint=hint
        )
    if judgement.unverifiable and unverifiable != "allow":
        words = "Stopped: what is known of the fleet is too old to say whose these paths are."
        return Unverifiable(words + _list(judgement.unverifiable), hint="Ask the hub: gitfleet sync")
    return None


def _list(items: Sequence[str]) -> str:
    shown = "".join(f"\n  {display(item)}" for item in items[:SHOWN])
    return shown + (f"\n  ... and {len(items) - SHOWN} more" if len(items) > SHOWN else "")


def _staged(fleet: Fleet) -> list[str]:
    git = fleet.repository.here
    head = refs.resolve(git, "HEAD")
    merging = os.path.join(fleet.repository.git_dir, "MERGE_HEAD")
    if head and os.path.exists(merging):
        with open(merging, encoding="ascii") as file:
            return incoming.merged(git, file.read().split())
    return incoming.staged(git, head or gate.EMPTY_TREE)


def _session(fleet: Fleet) -> str | None:
    try:
        return fleet.whoami()
    except NoSession as error:
        if error.facts.get("candidates"):
            raise
        return None


def _renew(fleet: Fleet, state: State, session_id: str) -> None:
    """Leave a renewal in the outbox when the lease is a third over; a detached process brings it to the hub."""
    session = sessions.find(state.view, session_id)
    ttl = min(
        [c.ttl for c in model.of_session(state.view, session_id) if isinstance(c, model.Claim)], default=0
    )
    if session is None or not ttl or clock.now() - session.renewed_at < ttl / 3:
        return
    operation = Operation(
        kind="session.renew",
        id=ulid(),
        node=fleet.ledger.node.id,
        session=session_id,
        at=clock.now(),
        body={},
        nonce=ulid(),
    )
    fleet.ledger.outbox.prepare()
    fleet.ledger.outbox.leave(operation)
    gate.detach([sys.executable, "-I", gate.script(), "--full", "background-sync"])


def _pre_push(fleet: Fleet, rest: list[str]) -> int:
    """Judge the commits that are new to the remote, and keep `refs/fleet/*` out of anybody's hands."""
    rows = [line.split() for line in sys.stdin.read().splitlines()]
    for row in rows:
        if len(row) == 4 and row[2].startswith(fleetrefs.ROOT):
            raise PolicyRefused(
                f"Stopped: this push would {'delete' if row[1] == incoming.ZERO else 'overwrite'} {display(row[2])}, which "
                "is the fleet's own record. Nothing was pushed.",
                hint="Push branches and tags by name; `gitfleet sync` brings the fleet's records to the hub.",
            )
    tips = [
        row[1]
        for row in rows
        if len(row) == 4 and row[1] != incoming.ZERO and row[2].startswith("refs/heads/")
    ]
    if not tips or fleet.policy.commits == "off" or not fleet.ledger.node.hub:
        return 0
    session = _session(fleet)
    state = fleet.current()
    new = list(incoming.commits(fleet.repository.here, *tips, "--not", f"--remotes={fleet.ledger.node.hub}"))
    unnamed = sorted({path for commit in new if not commit.claims for path in commit.paths})
    named = sorted({path for commit in new if commit.claims for path in commit.paths})
    judgement = judge(fleet, state, session, unnamed)
    theirs = [*judgement.theirs, *judge(fleet, state, session, named).theirs]
    _stop_or_warn(
        fleet, Judgement(judgement.session, judgement.used, judgement.free, theirs, judgement.unverifiable)
    )
    return 0


def _background_sync(fleet: Fleet, rest: list[str]) -> int:
    del rest
    fleet.ledger.sync()
    return 0


def _claimable(path: str) -> str:
    return patterns.literal(path).text


def _quoted(path: str) -> str:
    text = display(_claimable(path) if not any(c < " " for c in path) else path)
    return f"'{text}'" if any(c in ' *?[]{}$&;()|<>"\\' for c in text) else text


HOOKS = {
    "pre-commit": _pre_commit,
    "prepare-commit-msg": _prepare,
    "pre-push": _pre_push,
    "background-sync": _background_sync,
}
