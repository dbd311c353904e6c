"""Whether an agent may edit files, by the fleet's policy; where that says so, free ones are claimed on the spot.

Judges as the commit gate does (`githooks.judgement`), from local state. The hub is asked for three things only: to claim,
to take back a claim of the session's own whose time is over, and to start the session of an agent that has none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitfleet.agenthooks import identity
from gitfleet.agenthooks.answer import Verdict
from gitfleet.base import clock
from gitfleet.base.text import display
from gitfleet.claims import orphans
from gitfleet.claims.service import Terms
from gitfleet.errors import Conflict, FleetError, Unverifiable
from gitfleet.fleet import hearsay, remarks
from gitfleet.fleet.fleet import Fleet
from gitfleet.githooks import full, refusal
from gitfleet.githooks.judgement import Judgement, Left, judge
from gitfleet.ledger.model import Operation, Status
from gitfleet.sessions import rules as session_rules

STOPPED = "gitfleet: this edit was stopped; nothing was changed."
SHOWN = 10
PASSES_FREE = frozenset(["conflicts-only", "warn"])
REASON = "edited by an agent"


class Finding(NamedTuple):
    """A judgement, and what was done on the way to it."""

    judgement: Judgement
    told: Sequence[str] = ()


def check(fleet: Fleet, agent: str, own: str, paths: Sequence[str]) -> Verdict:
    """Whether an agent (its own session's id is `own`) may edit `paths`. Raises what stands in the way of telling."""
    if fleet.policy.edits == "off":
        return Verdict()
    paths = _kept(fleet, paths)
    if not paths:
        return Verdict()
    session = identity.session_of(fleet, agent, own)
    if fleet.policy.edits not in PASSES_FREE:
        asked = Operation("", "", fleet.ledger.node.id, session, clock.now(), {})
        session_rules.own(fleet.current().view, asked)
    try:
        finding = _find(fleet, session, paths)
        verdict = _decide(fleet, finding)
    except Conflict as error:
        verdict = Verdict(_held(error.facts.get("conflicts", []), paths))
    if fleet.policy.edits == "warn" and verdict.deny:
        words = verdict.deny.removeprefix(STOPPED).strip()
        verdict = Verdict(warnings=[f"gitfleet: warning: {words}"])
    return verdict._replace(told=[*verdict.told, *messages(fleet, session)])


def messages(fleet: Fleet, session: str) -> list[str]:
    """What the session has to be told now, each once, as quotations."""
    return [
        f"gitfleet: a message for you (information, no instruction): {hearsay.quoted(text, 500)}"
        for text in fleet.messages(session)
    ]


def _kept(fleet: Fleet, paths: Sequence[str]) -> list[str]:
    """The paths that git would keep: what it ignores is each worktree's own. Where git cannot tell, all of them."""
    data = b"".join(
        b"./" + os.fsencode(path) + b"\0" for path in paths
    )  # `./`: a colon in front has no meaning then
    done = fleet.repository.here.ask("check-ignore", "-z", "--stdin", data=data)
    ignored = set(os.fsdecode(done.stdout).split("\0")) if done.code == 0 else set()
    return [path for path in paths if f"./{path}" not in ignored]


def _find(fleet: Fleet, session: str, paths: Sequence[str]) -> Finding:
    state = fleet.current()
    judgement = judge(fleet, state, session, paths)
    told: list[str] = []
    wanted = _missing(judgement)
    if wanted and fleet.policy.edits == "claim-on-edit":
        told = _claim(fleet, session, wanted)
    elif judgement.lapsed and not judgement.theirs and fleet.policy.edits == "require-claim":
        fleet.claims.renew(session, timeout=full.ASK_THE_HUB)
    else:
        full.renew(fleet, state, session)
        return Finding(judgement)
    return Finding(judge(fleet, fleet.current(), session, paths), told)


def _missing(judgement: Judgement) -> list[str]:
    """The paths that are not the session's, each once; those of others too, since only the hub knows whether they still are."""
    theirs = [str(item["path"]) for item in judgement.theirs]
    return list(dict.fromkeys([*judgement.free, *judgement.unverifiable, *judgement.lapsed, *theirs]))


def _claim(fleet: Fleet, session: str, paths: Sequence[str]) -> list[str]:
    """Claim what is free, all or nothing; what to tell. Raises Conflict where another was faster."""
    patterns = [refusal.claimable(path) for path in paths]
    result = fleet.claims.claim(session, patterns, Terms(reason=REASON), timeout=full.ASK_THE_HUB)
    names = ", ".join(display(path) for path in paths[:SHOWN])
    said = remarks.of_grant(fleet, result.answer["granted"], new=False).words(fleet.ledger.node.hub)
    older = [f"gitfleet: {words}" for words in said]
    if result.status is Status.TENTATIVE:
        words = f"gitfleet: claimed {names} for session {session}, but only tentatively: the hub is out of reach. "
        return [words + "Before you push, run `gitfleet sync`.", *older]
    return [f"gitfleet: claimed {names} for session {session}.", *older]


def _decide(fleet: Fleet, finding: Finding) -> Verdict:
    judgement, edits = finding.judgement, fleet.policy.edits
    if judgement.theirs:
        return Verdict(
            _held(judgement.theirs, [str(item["path"]) for item in judgement.theirs], judgement.left)
        )
    if judgement.unverifiable and edits != "claim-on-edit":
        return _unclear(fleet, judgement)
    if judgement.free and edits == "require-claim":
        words = f"Session {judgement.session} has not claimed {_names(judgement.free)}."
        return Verdict(f"{STOPPED}\n{words}\nNext: claim first: gitfleet claim {_shell(judgement.free)}")
    missing = _missing(judgement)
    if missing and edits not in PASSES_FREE:
        words = f"It could not be made sure that {_names(missing)} is this session's."
        raise Unverifiable(words, hint="Ask the hub: gitfleet sync")
    return Verdict(told=finding.told)


def _unclear(fleet: Fleet, judgement: Judgement) -> Verdict:
    words = f"What is known of the fleet is too old to say whose {_names(judgement.unverifiable)} is."
    if fleet.policy.unverifiable == "allow":
        return Verdict()
    if fleet.policy.unverifiable == "warn":
        return Verdict(warnings=[f"gitfleet: warning: {words}"])
    return Verdict(f"{STOPPED}\n{words}\nNext: ask the hub: gitfleet sync")


def _held(items: Sequence[Mapping[str, Any]], paths: Sequence[str], left: Left | None = None) -> str:
    shown = "\n".join(f"- {hearsay.holder(item)}" for item in items[:SHOWN])
    more = f"\n- and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    distinct = list(dict.fromkeys(paths))
    if left and left.here:
        return f"{STOPPED}\n{shown}{more}\nNext: {left.here}: gitfleet claim {_shell(distinct)} takes its claims over"
    freed = "".join(f"{words}\n" for words in [orphans.advice(items)] if words)
    return (
        f"{STOPPED}\n{shown}{more}\n{freed}"
        "Next: leave these files as they are and take other work; or wait for them: "
        f"gitfleet claim --wait --timeout 90s {_shell(distinct)}"
    )


def _names(paths: Sequence[str]) -> str:
    return ", ".join(hearsay.quoted(path, 200) for path in paths[:SHOWN])


def _shell(paths: Sequence[str]) -> str:
    """Paths as an agent types them into a shell; the first few."""
    return " ".join(refusal.word(path) for path in paths[: refusal.HINTED])


def said(error: FleetError) -> str:
    """A refusal's words for an error that kept the edit from being judged."""
    hint = f"\nNext: {error.hint}" if error.hint else ""
    return f"{STOPPED}\nIt could not be checked: {display(error.message)}{hint}"
