"""How the ledger changes when paths are claimed and released, and when a session ends. Pure.

The rules decide on one snapshot and know no clock: that a lease has lapsed is the *requester's* observation, and
comes as a precondition (`lapsed`: the holder's renewal counter that was seen unchanged) which either still holds
here or does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitfleet.base.text import one_line
from gitfleet.claims import conflicts, model
from gitfleet.claims.conflicts import InTheWay
from gitfleet.claims.model import EXCLUSIVE, Claim, Unreadable
from gitfleet.claims.overlap import covers
from gitfleet.claims.patterns import Pattern
from gitfleet.errors import Conflict, UsageError
from gitfleet.ledger.model import Accepted, Decision, Operation, Refused, View
from gitfleet.sessions import model as sessions
from gitfleet.sessions import rules as session_rules

MAX_PATTERNS = 1000
Changes = dict[str, bytes | None]


def acquire(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.acquire`: all of `paths` or, with `partial`, what is free.

    Body: `paths` (a list of `{"pattern", "claim", "mode"}`; the claim ids are made by the caller), `ttl`, `reason`,
    `branch`, `partial`, `case_sensitive`, `lapsed` (by claim id, the holder's `renewed` as it was watched). Refused
    with Conflict, listing every conflict once.
    """
    session = session_rules.required(view, operation.session)
    lapsed = _lapsed(operation.body)
    granted: list[Claim] = []
    held: list[Claim] = []
    blocked: list[InTheWay] = []
    over: list[Claim] = []
    weaker: list[Claim] = []
    for pattern, claim_id, mode in _wanted(operation.body):
        nearby = list(model.near(view, pattern.prefix_key))
        mine = [claim for claim in nearby if isinstance(claim, Claim) and claim.session == session.id]
        present = _covering(mine + granted, pattern, mode)
        if present is not None:
            held.append(present)
            continue
        exact_case = operation.body.get("case_sensitive") is True
        found = list(
            conflicts.find(view, pattern, mode, session.id, nearby=nearby, case_sensitive=exact_case)
        )
        standing = [item for item in found if not _taken_over(item, lapsed)]
        if standing:
            blocked += standing
            continue
        over += [item.held for item in found if isinstance(item.held, Claim)]
        weaker += [claim for claim in mine if claim.pattern == pattern.text]
        granted.append(_claim(operation, pattern, claim_id, mode, generation))
    if blocked and not (operation.body.get("partial") is True and (granted or held)):
        return Refused(conflicts.refusal(_once(blocked)))
    changes = _changes(granted, over + weaker)
    where, data = session_rules.renewed(session, operation)
    changes[where] = data
    answer = {
        "granted": [claim.as_record() for claim in granted],
        "already_held": [claim.as_record() for claim in held],
        "refused": [item.as_record() for item in _once(blocked)],
        "taken_over": [claim.as_record() for claim in over],
    }
    what = ", ".join(claim.pattern for claim in granted) or "nothing new"
    verb = "claims" if all(claim.mode == EXCLUSIVE for claim in granted) else "shares"
    return Accepted(changes, answer, one_line(f"{session.id} {verb} {what}"))


def release(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.release`: the session's own claims on or below `patterns` (None: all of them).

    Refused with Conflict when a pattern is held by another session only. What nobody holds is no error.
    """
    del generation
    session = session_rules.required(view, operation.session)
    mine = [claim for claim in model.of_session(view, session.id) if isinstance(claim, Claim)]
    texts = operation.body.get("patterns")
    going, idle = (mine, []) if texts is None else _select(mine, _texts(texts))
    inside = [p.text for p in idle if any(covers(model.parsed(claim.pattern), p) for claim in mine)]
    if inside:
        words = f"{', '.join(inside)} is only a part of what this session claims. Nothing was changed."
        raise UsageError(words, hint="Release the whole claim; see `gitfleet claims`.")
    strangers = [item for p in idle for item in conflicts.find(view, p, EXCLUSIVE, session.id)]
    if strangers:
        return Refused(_not_ours(strangers))
    changes: Changes = {}
    for claim in going:
        changes |= model.drop(claim)
    where, data = session_rules.renewed(session, operation)
    changes[where] = data
    answer = {"released": [claim.as_record() for claim in going], "not_held": [p.text for p in idle]}
    what = ", ".join(claim.pattern for claim in going) or "nothing"
    return Accepted(changes, answer, one_line(f"{session.id} releases {what}"))


def end(view: View, operation: Operation, generation: int) -> Decision:
    """`session.end`: the session goes, and its claims with it."""
    del generation
    session = session_rules.required(view, operation.session)
    released = [claim for claim in model.of_session(view, session.id) if isinstance(claim, Claim)]
    changes: Changes = dict.fromkeys(view.files(sessions.folder(session.id)))
    for claim in released:
        changes |= model.drop(claim)
    answer = {"session": session.as_record(), "released": [claim.as_record() for claim in released]}
    return Accepted(changes, answer, f"session {session.id} ends, releasing {len(released)} claims")


def _wanted(body: Mapping[str, Any]) -> list[tuple[Pattern, str, str]]:
    rows = body["paths"]
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_PATTERNS:
        words = f"One claim takes 1 to {MAX_PATTERNS} paths. Nothing was changed."
        raise UsageError(words, hint="Claim a directory or a glob instead of very many files.")
    wanted = []
    for row in rows:
        mode = str(row["mode"])
        if mode not in model.MODES:
            raise ValueError(f"mode {mode}")
        wanted.append((model.parsed(str(row["pattern"])), str(row["claim"]), mode))
    return wanted


def _claim(operation: Operation, pattern: Pattern, claim_id: str, mode: str, generation: int) -> Claim:
    body = operation.body
    return Claim(
        id=claim_id, session=operation.session, node=operation.node, pattern=pattern.text, mode=mode, token=generation,
        ttl=int(body["ttl"]), granted_at=operation.at, nonce=operation.nonce, reason=str(body.get("reason", "")),
        branch=str(body.get("branch", "")), operation=operation.id,
    )  # fmt: skip


def _changes(granted: list[Claim], gone: list[Claim]) -> Changes:
    changes: Changes = {}
    for claim in gone:
        changes |= model.drop(claim)
    for claim in granted:
        changes |= model.put(claim)
    return changes


def _covering(claims: list[Claim], wanted: Pattern, mode: str) -> Claim | None:
    for claim in claims:
        if claim.mode in {EXCLUSIVE, mode} and covers(model.parsed(claim.pattern), wanted):
            return claim
    return None


def _taken_over(item: InTheWay, lapsed: Mapping[str, int]) -> bool:
    if isinstance(item.held, Unreadable) or item.held.id not in lapsed:
        return False
    renewed = item.session.renewed if item.session else 0
    return renewed == lapsed[item.held.id]


def _lapsed(body: Mapping[str, Any]) -> dict[str, int]:
    raw = body.get("lapsed", {})
    return {str(claim): int(renewed) for claim, renewed in raw.items()}


def _once(found: list[InTheWay]) -> list[InTheWay]:
    first: dict[tuple[str, str], InTheWay] = {}
    for item in found:
        held = item.held.where if isinstance(item.held, Unreadable) else item.held.id
        first.setdefault((held, item.wanted), item)
    return list(first.values())


def _select(mine: list[Claim], wanted: list[Pattern]) -> tuple[list[Claim], list[Pattern]]:
    going = [claim for claim in mine if any(covers(p, model.parsed(claim.pattern)) for p in wanted)]
    idle = [p for p in wanted if not any(covers(p, model.parsed(claim.pattern)) for claim in mine)]
    return going, idle


def _texts(texts: Any) -> list[Pattern]:
    if not isinstance(texts, list) or len(texts) > MAX_PATTERNS:
        raise ValueError("patterns")
    return [model.parsed(str(text)) for text in texts]


def _not_ours(strangers: list[InTheWay]) -> Conflict:
    refused = conflicts.refusal(_once(strangers))
    words = refused.message.replace("Not granted", "Not released, since it is not this session's", 1)
    return Conflict(words, hint="A claim is released by its own session.", **refused.facts)


RULES = {"claim.acquire": acquire, "claim.release": release, "session.end": end}
