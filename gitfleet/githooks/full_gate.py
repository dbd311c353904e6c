"""The full gate: what a commit may do, by the fleet's policy, in words that can be acted on.

Judges from local state, without the network. Two things ask the hub: claiming on commit, where policy wants that, and
taking back a claim of the session's own whose time is over. Refusals never name a way around themselves. What a push may
do is in `push_gate`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from gitfleet.base import clock, delivery, files
from gitfleet.base.console import note
from gitfleet.base.names import SessionId
from gitfleet.claims import model
from gitfleet.claims.fencing import OK, Fence
from gitfleet.clients import confined
from gitfleet.clone import Clone
from gitfleet.errors import Conflict, FleetError, NoFleet, NoSession
from gitfleet.git.repository import discover
from gitfleet.githooks import (
    amend,
    check_paths,
    gitdirs,
    handover,
    hub_gate,
    index,
    push_gate,
    ref_gate,
    refusal,
    signature,
)
from gitfleet.githooks.catfile import Unexpected
from gitfleet.githooks.check_paths import PathJudgement
from gitfleet.githooks.warned import Warned
from gitfleet.ledger.ledger import State
from gitfleet.ledger.model import SESSION, Actor
from gitfleet.sessions import session_records, session_rules
from gitfleet.sessions.local import VARIABLE, LocalSessions, mark
from gitfleet.telling import remarks
from gitfleet.trunk import draft, incoming, policy_file
from gitfleet.upkeep import branches
from gitfleet.worktrees import notes

ASK_THE_HUB = 15.0
NEEDS_CLAIMS = frozenset(["require-claim", "claim-on-commit"])


def main(arguments: Sequence[str]) -> int:
    """Answer one hook; the exit code is the error's own, which git turns into its own refusal."""
    hook, *rest = arguments
    try:
        if hook == "pre-receive":  # the hub's own: there is no clone, and so no node
            hub_gate.judge_received(sys.stdin.buffer.read())
            return 0
        with Clone.open(announce=note) as fleet:
            return HOOKS[hook](fleet, rest)
    except NoFleet as error:  # left in this very moment; or the ledger is gone
        return _stop(error) if gitdirs.in_fleet(discover().common_dir) else 0
    except (FleetError, PermissionError) as error:
        told = files.forbidden(error) if isinstance(error, PermissionError) else _for_git(error, hook)
        return _stop(confined.explained(told, "" if hook == "pre-push" else "commit", os.environ))
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - as on the command line, a bug is said in one line, and stops git
        note(f"gitfleet: internal error in {hook}, please report it: {type(error).__name__}: {error}")
        return 70


def _stop(error: FleetError) -> int:
    note(f"gitfleet: {error.message}")
    if error.hint:
        note(f"next: {error.hint}")
    return error.exit_code


def _for_git(error: FleetError, hook: str) -> FleetError:
    """The error with a next step that git's user can take: git has no option that names a session."""
    if not isinstance(error, NoSession) or not error.candidates:
        return error
    first = error.candidates[0]
    command = {"pre-push": "git push", "reference-transaction": "git"}.get(hook, "git commit")
    hint = f"Say which: `{VARIABLE}={first} {command} ...`. `gitfleet worktree ensure` gives each a worktree of its own."
    return error.again(hint=hint)


def _pre_commit(fleet: Clone, rest: list[str]) -> int:
    del rest
    rules = index.content(fleet.repository, draft.CONFIG)
    _tell(f"warning: {fault}" for fault in (policy_file.staged_faults(rules) if rules is not None else ()))
    _commit(fleet, lambda text: Warned(fleet).first(text))
    return 0


def _prepare(fleet: Clone, rest: list[str]) -> int:
    judgement = _commit(fleet, lambda text: Warned(fleet).again(text))
    if judgement.session and rest:
        signature.sign(rest, judgement.session, sorted(judgement.used | _amended(fleet, rest, judgement)))
    return 0


def _amended(fleet: Clone, arguments: list[str], judgement: PathJudgement) -> set[str]:
    """The claims that an amended commit goes on naming when its message is given anew (see `amend`); none where nothing is amended.

    Those of the session that stand, and those that HEAD names and the ledger knows to be the session's, with nobody after
    them. A path that neither covers is found out by whoever judges the commit as a whole.
    """
    found = any((judgement.used, judgement.free, judgement.theirs, judgement.unverifiable, judgement.lapsed))
    if not amend.suspected(arguments, fleet.repository.git_dir, staged=found):
        return set()
    try:
        paths = amend.paths() if amend.amends() else []
    except Unexpected:  # an unborn branch
        return set()
    state = fleet.current()
    standing = set(check_paths.judge(fleet, state, SessionId(judgement.session), paths).used)
    head = next(incoming.commits(fleet.repository.here, "--max-count=1", "HEAD"), None)
    if head is None or head.session != judgement.session:
        return standing
    verdicts = Fence(state.view, case_sensitive=fleet.policy.case_sensitive).judge(
        head.session, head.claims, paths
    )
    return standing | {verdict.claim for verdict in verdicts if verdict.state == OK}


def _written(fleet: Clone, rest: list[str]) -> int:
    """The message has been written: what `_prepare` could not put into it yet goes in now."""
    del fleet
    signature.written(rest[0])
    return 0


def _commit(fleet: Clone, warn: Callable[[str], None]) -> PathJudgement:
    """Judge what is staged. Raises the refusal; `warn` is told what policy only warns about."""
    if fleet.policy.commits == "off":
        return PathJudgement("")
    return refusal.settle(fleet.policy, lambda: _judged(fleet, whoami(fleet)), warn)


def _judged(fleet: Clone, session: SessionId | None) -> PathJudgement:
    """What is staged, judged for a session; where policy says so, free paths are claimed, and lapsed claims taken back."""
    _tell(fleet.ledger.notices.fresh(session) if session else [])
    state = fleet.current()
    session = _known(fleet, state, session)
    _tell(fleet.messages(session) if session else [])
    paths = index.paths(fleet.repository)
    branch = _kept_up(fleet) if session is None else ""
    judgement = check_paths.judge(fleet, state, session, paths, branch=branch)
    if session is None:
        return judgement
    if not judgement.theirs and _take(fleet, session, judgement):
        _tell(fleet.messages(session))  # what the hub had to say meanwhile
        judgement = check_paths.judge(fleet, fleet.current(), session, paths)
    else:
        renew(fleet, state, session)
    return judgement


def _kept_up(fleet: Clone) -> str:
    """The branch here, where it is upkeep that brings something into it; for what it does there, no session is at work."""
    if os.environ.get("GIT_REFLOG_ACTION") != notes.ACTION:
        return ""
    ref = fleet.repository.here.line("symbolic-ref", "--quiet", "HEAD") or ""
    return ref.removeprefix("refs/heads/")


def _tell(texts: Iterable[str]) -> None:
    for text in texts:
        note(f"gitfleet: {text}")
    delivery.done()


def _take(fleet: Clone, session: SessionId, judgement: PathJudgement) -> bool:
    """Ask the hub for what policy lets a commit take on the spot. Answers whether anything was asked for."""
    wanted = [*judgement.free, *judgement.unverifiable]
    if wanted and fleet.policy.commits == "claim-on-commit":
        paths = [refusal.claimable(path) for path in wanted]
        try:
            granted = fleet.claims.claim(session, paths, timeout=ASK_THE_HUB).granted
        except Conflict as error:  # its hint is for the command `claim`
            raise refusal.faster(error, wanted) from error
        _tell(remarks.of_grant(fleet, granted, new=False).words(fleet.ledger.node.hub))
        return True
    if judgement.lapsed and fleet.policy.commits in NEEDS_CLAIMS:
        fleet.claims.renew(session, timeout=ASK_THE_HUB)
        return True
    return False


def whoami(fleet: Clone) -> SessionId | None:
    """The session that commits here, or None. Raises NoSession where several could be meant."""
    here = fleet.repository
    if here.worktree:  # an agent may have died since hooks were told whom to take for granted
        mark(here.git_dir, LocalSessions(fleet.ledger.state), here.worktree)
    try:
        return fleet.whoami()
    except NoSession as error:
        if error.candidates:
            raise
        return None


def _known(fleet: Clone, state: State, session: SessionId | None) -> SessionId | None:
    """The session if the fleet knows it as one of this node. Raises NoSession, Conflict where policy needs one."""
    if session is None:
        return None
    try:
        return session_rules.of_node(state.view, session, fleet.ledger.node.id).id
    except FleetError:
        if fleet.policy.commits in NEEDS_CLAIMS:
            raise
        return None


def renew(fleet: Clone, state: State, session_id: SessionId) -> None:
    """Leave a renewal in the outbox when the lease is a third over; a detached process brings it to the hub."""
    session = session_records.find(state.view, session_id)
    ttl = min(
        [c.ttl for c in model.of_session(state.view, session_id) if isinstance(c, model.Claim)], default=0
    )
    if session is None or not ttl or clock.now() - session.renewed_at < ttl / 3:
        return
    operation = fleet.ledger.operation(session_rules.renew, Actor(SESSION, session_id), session_rules.Renew())
    fleet.ledger.outbox.prepare()
    fleet.ledger.outbox.leave(operation)
    handover.detach(["background-sync"])


def _committer(fleet: Clone) -> SessionId | None:
    """The session at work here, if the fleet knows it as one of this node. Raises as `whoami` and `_known` do."""
    return _known(fleet, fleet.current(), whoami(fleet))


def _pre_push(fleet: Clone, rest: list[str]) -> int:
    del rest
    with suppress(FleetError):  # the push may need no session
        session = whoami(fleet)
        _tell(fleet.messages(session) if session else [])
    push_gate.judge_push(fleet, sys.stdin.buffer.read(), _committer)
    return 0


def _reference_transaction(fleet: Clone, rest: list[str]) -> int:
    ref_gate.judge_moves(fleet, rest[0], rest[1:], _committer)
    return 0


def _background_sync(fleet: Clone, rest: list[str]) -> int:
    del rest
    fleet.ledger.sync()
    branches.retain_pushed(fleet)
    return 0


HOOKS = {
    "pre-commit": _pre_commit,
    "prepare-commit-msg": _prepare,
    "commit-msg": _written,
    "pre-push": _pre_push,
    "reference-transaction": _reference_transaction,
    "background-sync": _background_sync,
}
