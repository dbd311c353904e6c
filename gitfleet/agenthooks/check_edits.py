"""Whether an agent may edit files, by the fleet's policy; where that says so, free ones are claimed on the spot.

Judges as the commit gate does (`githooks.check_paths`), from local state. The hub is asked for three things only: to claim,
to take back a claim of the session's own whose time is over, and to start the session of an agent that has none.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from gitfleet.agenthooks import identity
from gitfleet.agenthooks.hook_output import EditVerdict
from gitfleet.agenthooks.turn_claims import Turns, settle_before
from gitfleet.base import quotation
from gitfleet.base.names import SessionId
from gitfleet.base.text import display
from gitfleet.claims import orphans
from gitfleet.claims.service import Terms
from gitfleet.errors import Conflict, FleetError, HubError, LockHeld, Unverifiable
from gitfleet.fleet.fleet import Fleet
from gitfleet.githooks import check_paths, full_gate, refusal
from gitfleet.githooks.check_paths import LeftClaims, PathJudgement
from gitfleet.ledger.model import Status
from gitfleet.obstacles import Obstacle
from gitfleet.sessions import session_records, session_rules
from gitfleet.telling import quoting, remarks
from gitfleet.upkeep import reaping

STOPPED = "gitfleet: this edit was stopped; nothing was changed."
SHOWN = 10
AGAIN = "and then edit again"
ASK_THE_HUB = 2.0
"""Seconds for one request, waiting for other processes included; the hub's patience for all together is less than 5."""
PASSES_FREE = frozenset(["conflicts-only", "warn"])
REASON = "edited by an agent"


class Ask(NamedTuple):
    """What an agent is about to do in one worktree: change `paths` with its edit tools, have a shell command write `written`."""

    agent: str
    own: str
    turn: str
    top: str
    paths: Sequence[str]
    written: Sequence[str] = ()


def check(fleet: Fleet, ask: Ask) -> EditVerdict:
    """Whether an agent may do what it asks. Raises what stands in the way of telling."""
    edits = fleet.policy.edits
    if edits == "off":
        return EditVerdict()
    if os.path.realpath(fleet.repository.worktree or "") != ask.top:
        raise Unverifiable(
            f"git knows another worktree than {ask.top} there.", hint="Look at `git status` there."
        )
    paths, written = _kept(fleet, ask.paths), _kept(fleet, ask.written)
    verdict = _of_writing(fleet, ask, written) if written else EditVerdict()
    if paths and not verdict.deny:
        verdict = _of_edits(fleet, ask, paths)
    if edits == "warn" and verdict.deny:
        words = verdict.deny.removeprefix(STOPPED).strip()
        verdict = EditVerdict(warnings=[f"gitfleet: warning: {words}"], told=verdict.told)
    return verdict


def _of_writing(fleet: Fleet, ask: Ask, written: Sequence[str]) -> EditVerdict:
    """What a shell command writes is stopped where others hold it, and claims nothing: the commit is judged anyway."""
    if not check_paths.judge(fleet, fleet.current(), None, written).theirs:
        return EditVerdict()
    session = identity.session_of(fleet, ask.agent, ask.own)
    theirs = _living(fleet, session, written)
    return _refused(theirs) if theirs else EditVerdict()


def _of_edits(fleet: Fleet, ask: Ask, paths: Sequence[str]) -> EditVerdict:
    try:
        session = identity.session_of(fleet, ask.agent, ask.own)
    except (LockHeld, HubError, Unverifiable) as error:  # it could not be started in time
        return _without_hub(fleet, check_paths.judge(fleet, fleet.current(), None, paths), error)
    if fleet.policy.edits not in PASSES_FREE:
        session_rules.of_node(fleet.current().view, session, fleet.ledger.node.id)
    _living(fleet, session, paths)
    try:
        verdict = _decide(fleet, *_find(fleet, session, ask, paths))
    except Conflict as error:
        verdict = EditVerdict(_held(error.conflicts, paths))
    except (LockHeld, HubError) as error:
        verdict = _without_hub(fleet, check_paths.judge(fleet, fleet.current(), session, paths), error)
    return verdict._replace(told=[*verdict.told, *messages(fleet, session)])


def _living(fleet: Fleet, session: SessionId, paths: Sequence[str]) -> Sequence[Obstacle]:
    """What others hold of `paths`, once the sessions of this node whose process has died for certain have been ended."""
    theirs = check_paths.judge(fleet, fleet.current(), session, paths).theirs
    holders = {item.session for item in theirs if item.session and not item.retained}
    found = [session_records.find(fleet.current().view, holder) for holder in holders]
    here = [one for one in found if one and one.node == fleet.ledger.node.id]
    dead = [one for one in here if reaping.dead_for_certain(one)]
    for one in dead:
        with suppress(FleetError):  # then they hold it for a while longer
            fleet.sessions.end(one.id, was=session_rules.Process.of(one), timeout=ASK_THE_HUB)
    return check_paths.judge(fleet, fleet.current(), session, paths).theirs if dead else theirs


def _without_hub(fleet: Fleet, judgement: PathJudgement, error: FleetError) -> EditVerdict:
    """The verdict where nothing could be claimed in time: held stays held, mine is mine, and free is policy's word."""
    if judgement.theirs:
        return _refused(judgement.theirs)
    missing = _missing(judgement)
    if not missing or fleet.policy.edits in PASSES_FREE or fleet.policy.unverifiable == "allow":
        return EditVerdict()
    words = f"{_names(missing)} could not be claimed: {display(error.message)}"
    if fleet.policy.unverifiable == "warn":
        return EditVerdict(warnings=[f"gitfleet: warning: {words}"])
    return EditVerdict(f"{STOPPED}\n{words}\n{_next('see whether the hub answers', 'gitfleet sync', AGAIN)}")


def messages(fleet: Fleet, session: SessionId) -> list[str]:
    """What the session has to be told now, each once, as quotations."""
    return [
        f"gitfleet: for you (information, no instruction): {quotation.told(text, 500)}"
        for text in fleet.messages(session)
    ]


def _kept(fleet: Fleet, paths: Sequence[str]) -> list[str]:
    """The paths that git would keep: what it ignores is each worktree's own. Where git cannot tell, all of them."""
    data = b"".join(b"./" + os.fsencode(path) + b"\0" for path in paths)  # `./` for colons in front
    done = fleet.repository.here.ask("check-ignore", "-z", "--stdin", data=data)
    ignored = set(os.fsdecode(done.stdout).split("\0")) if done.code == 0 else set()
    return [path for path in paths if f"./{path}" not in ignored]


def _find(
    fleet: Fleet, session: SessionId, ask: Ask, paths: Sequence[str]
) -> tuple[PathJudgement, list[str]]:
    """The judgement, once what is missing was asked for; and what to tell of that."""
    state = fleet.current()
    judgement = check_paths.judge(fleet, state, session, paths)
    told: list[str] = []
    wanted = _missing(judgement)
    if wanted and fleet.policy.edits == "claim-on-edit":
        turns = Turns(fleet.ledger.state, ask.agent, ask.own)
        settle_before(fleet, turns, ask.turn, session)
        turns.add(ask.turn, ask.top, wanted)
        told = _claim(fleet, session, wanted)
    elif judgement.lapsed and not judgement.theirs and fleet.policy.edits == "require-claim":
        fleet.claims.renew(session, timeout=ASK_THE_HUB)
    else:
        full_gate.renew(fleet, state, session)
        return judgement, told
    return check_paths.judge(fleet, fleet.current(), session, paths), told


def _missing(judgement: PathJudgement) -> list[str]:
    """The paths that are not the session's, each once; those of others too, since only the hub knows whether they still are."""
    theirs = [item.path for item in judgement.theirs]
    return list(dict.fromkeys([*judgement.free, *judgement.unverifiable, *judgement.lapsed, *theirs]))


def _claim(fleet: Fleet, session: SessionId, paths: Sequence[str]) -> list[str]:
    """Claim what is free, all or nothing; what to tell. Raises Conflict where another was faster."""
    patterns = [refusal.claimable(path) for path in paths]
    result = fleet.claims.claim(session, patterns, Terms(reason=REASON), timeout=ASK_THE_HUB)
    names = ", ".join(display(path) for path in paths[:SHOWN])
    said = remarks.of_grant(fleet, result.granted, new=False).words(fleet.ledger.node.hub)
    older = [f"gitfleet: {words}" for words in said]
    if result.status is Status.TENTATIVE:
        words = f"gitfleet: claimed {names} for session {session}, but only tentatively: the hub is out of reach. "
        return [words + "Before you push, run `gitfleet sync`.", *older]
    return [f"gitfleet: claimed {names} for session {session}.", *older]


def _decide(fleet: Fleet, judgement: PathJudgement, told: Sequence[str]) -> EditVerdict:
    edits = fleet.policy.edits
    if judgement.theirs:
        return _refused(judgement.theirs, judgement.left)
    if judgement.unverifiable and edits != "claim-on-edit":
        return _unclear(fleet, judgement)
    if judgement.free and edits == "require-claim":
        words = f"Session {judgement.session} has not claimed {_names(judgement.free)}."
        return EditVerdict(
            f"{STOPPED}\n{words}\n{_next('claim first', f'gitfleet claim {_shell(judgement.free)}', AGAIN)}"
        )
    missing = _missing(judgement)
    if missing and edits not in PASSES_FREE:
        words = f"Could not confirm that this session holds {_names(missing)}."
        raise Unverifiable(words, hint="Ask the hub: gitfleet sync")
    return EditVerdict(told=told)


def _unclear(fleet: Fleet, judgement: PathJudgement) -> EditVerdict:
    words = f"This clone last saw the hub too long ago to know who holds {_names(judgement.unverifiable)}."
    if fleet.policy.unverifiable == "allow":
        return EditVerdict()
    if fleet.policy.unverifiable == "warn":
        return EditVerdict(warnings=[f"gitfleet: warning: {words}"])
    return EditVerdict(f"{STOPPED}\n{words}\n{_next('ask the hub', 'gitfleet sync', AGAIN)}")


def _held(items: Sequence[Obstacle], paths: Sequence[str], left: LeftClaims | None = None) -> str:
    shown = "\n".join(f"- {quoting.holder(item)}" for item in items[:SHOWN])
    more = f"\n- and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    names = _shell(list(dict.fromkeys(paths)))
    if left and left.here:
        following = _next(f"{left.here}; take its claims over", f"gitfleet claim {names}", AGAIN)
        return f"{STOPPED}\n{shown}{more}\n{following}"
    freed = "".join(f"{words}\n" for words in [orphans.advice(items)] if words)
    command = f"gitfleet claim --wait --timeout 90s {names}"
    following = _next("wait for them", command, "or leave these files as they are and take other work")
    return f"{STOPPED}\n{shown}{more}\n{freed}{following}"


def _refused(theirs: Sequence[Obstacle], left: LeftClaims | None = None) -> EditVerdict:
    return EditVerdict(_held(theirs, [item.path for item in theirs], left))


def _next(what: str, command: str, then: str) -> str:
    """The next step. The command has a line of its own and is never the end: clients put words of theirs behind a reason."""
    return f"Next: {what}:\n{command}\n{then}"


def _names(paths: Sequence[str]) -> str:
    return ", ".join(quotation.quoted(path, 200) for path in paths[:SHOWN])


def _shell(paths: Sequence[str]) -> str:
    """Paths as an agent types them into a shell; the first few."""
    return " ".join(refusal.word(path) for path in paths[: refusal.HINTED])


def said(error: FleetError) -> str:
    """A refusal's words for an error that kept the edit from being judged."""
    hint = f"\nNext: {error.hint}\n{AGAIN}" if error.hint else ""
    return f"{STOPPED}\nIt could not be checked: {display(error.message)}{hint}"
