"""`claim`, `release`, `claims`, `check`: what they do and say. Imports nothing heavy: these run on every edit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from gitfleet.base.text import counted, duration
from gitfleet.claims import service
from gitfleet.claims.conflict_text import kept_by, stays, unit_words, units, until
from gitfleet.claims.model import SHARED, Claim, Unreadable
from gitfleet.claims.service import Terms, Verdict, time_left
from gitfleet.cli import render
from gitfleet.cli.answer import Answer
from gitfleet.cli.messages import heard, told
from gitfleet.errors import EXIT_CODES, FleetError, NoSession, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.ledger import State
from gitfleet.ledger.model import Answer as Told
from gitfleet.sessions import model as sessions
from gitfleet.telling import remarks

FRESH = 60
"""Seconds for which what the hub said last needs no mention of its age."""


class Common(NamedTuple):
    """The options of every command that acts for a session: `directory` is where it runs."""

    directory: str = "."
    session: str | None = None


def claim(common: Common, paths: Sequence[str], terms: Terms) -> Answer:
    """Claim paths for the session."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            result = fleet.claims.claim(session, paths, terms)
        refused = result.refused
        lines = _lines(result.granted, "claimed", tentative=result.tentative)
        lines += _lines(result.already_held, "already held, renewed", tentative=result.tentative)
        lines += [
            f"taken over with {kept_by([one.as_record() for one in c.retained])} of {c.session}: {c.pattern}"
            if c.retained
            else f"taken over from {c.session}, whose claim had expired: {c.pattern}"
            for c in result.taken_over
        ]
        lines += [f"not granted: {render.holder(item)}" for item in refused]
        said = remarks.of_grant(fleet, result.granted, result.already_held)
        data = {"session": session, **_how(result), **result.encode(), **said.as_record()}
        code = 21 if refused else 0
        warnings = [*_warnings(fleet, result, session), *said.words(fleet.ledger.node.hub)]
        return Answer("claim", data, lines, _status(result, code), code, warnings, session)


def wait(common: Common, paths: Sequence[str], terms: Terms, limit: float | None) -> Answer:
    """Claim paths for the session, standing in line for what others hold."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            got = fleet.claims.wait(session, paths, terms, limit=limit)
        granted, held = got.granted, got.already_held
        lines = _lines(granted, "claimed", tentative=got.tentative)
        lines += _lines(held, "already held, renewed", tentative=got.tentative)
        outcome = "tentative" if got.tentative else "granted"
        said = remarks.of_grant(fleet, granted, held)
        data = {
            "session": session,
            "outcome": outcome,
            "granted": [claim.encode() for claim in granted],
            "already_held": [claim.encode() for claim in held],
            **said.as_record(),
        }
        warnings = fleet.ledger.outbox.warnings + fleet.messages(session) + said.words(fleet.ledger.node.hub)
        if got.tentative:
            warnings.append("The hub is out of reach. This is tentative until the hub agrees.")
        status = "tentative" if got.tentative else "ok"
        return Answer("claim", data, lines, status, warnings=warnings, session=session)


def release(common: Common, paths: Sequence[str], *, everything: bool) -> Answer:
    """Release claims of the session: those on and below `paths`, or all of them where none are named."""
    if paths and everything:
        words = "You named paths, and --all as well."
        raise UsageError(words, hint="Leave the paths out, or `--all`.")
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            result = fleet.claims.release(session, paths or None)
        lines = _lines(result.released, "released", tentative=result.tentative)
        lines += [f"not held by anybody: {path}" for path in result.not_held]
        lines = lines or ["nothing to release"]
        data = {"session": session, **_how(result), **result.encode()}
        return Answer(
            "release", data, lines, _status(result, 0), 0, _warnings(fleet, result, session), session
        )


def let_go(common: Common, branch: str) -> Answer:
    """Release what a branch retains, as a person."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            result = fleet.claims.let_go(session, branch)
        lines = [f"released: {claim.pattern}" for claim in result.released]
        lines += kept(result.retained, "still ")
        data = {"session": session, **_how(result), "not_held": [], **result.encode()}
        return Answer(
            "release", data, lines, _status(result, 0), 0, _warnings(fleet, result, session), session
        )


def claims(common: Common, paths: Sequence[str], *, older_than: int | None = None) -> Answer:
    """List claims, by path, session and age (seconds)."""
    with Fleet.open(common.directory, bulk=not paths, announce=render.note) as fleet:
        state = fleet.current()
        found = list(fleet.claims.find(state, session=common.session, texts=paths))
        known: dict[str, tuple[sessions.Session | None, bool]] = {}
        rows = [_row(fleet, state, item, known) for item in found]
        rows = [row for row in rows if older_than is None or row.get("age", 0) >= older_than]
        rows.sort(key=lambda row: (row["pattern"], row["id"]))
        lines = render.table(
            [_cells(row) for row in rows], ("PATH", "MODE", "SESSION", "NODE", "TOKEN", "AGE", "LEFT")
        )
        lines = [*(lines if rows else ["no claims"]), *as_of(fleet, state)]
        warnings = [item.error.message for item in found if isinstance(item, Unreadable)]
        warnings += [*heard(fleet), *freshness(fleet, state)]
        return Answer("claims", {"claims": rows, **knowledge(state)}, lines, warnings=warnings)


def check(common: Common, paths: Sequence[str]) -> Answer:
    """Say of each path whether it is free, mine, theirs, or cannot be told."""
    if not paths:
        raise UsageError("No path was given.", hint="Name what to check: `gitfleet check PATH...`.")
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = _maybe_session(fleet, common.session)
        state = fleet.current()
        verdicts = fleet.claims.check(state, session, paths)
        states = {verdict.state for verdict in verdicts}
        code = 10 if service.THEIRS in states else 13 if service.UNVERIFIABLE in states else 0
        lines = [line for verdict in verdicts for line in _verdict(verdict)] + as_of(fleet, state)
        data = {"session": session, "paths": [_verdict_record(v) for v in verdicts], **knowledge(state)}
        return Answer(
            "check",
            data,
            lines,
            EXIT_CODES[code][0] if code else "ok",
            code,
            [*heard(fleet, common.session), *freshness(fleet, state)],
            session or "",
        )


def kept(claims: Iterable[Claim], still: str = "") -> list[str]:
    """What claims stay with now that their session is gone: a line each."""
    rows = [([one.as_record() for one in claim.retained], claim.pattern) for claim in claims]
    return [f"{still}retained by {kept_by(keepers)} {until(keepers)}: {pattern}" for keepers, pattern in rows]


def knowledge(state: State) -> dict[str, Any]:
    """How good the local knowledge is that an answer rests on."""
    return {
        "generation": state.tip.generation,
        "commit": state.tip.oid,
        "age": state.age,
        "tentative": sorted(state.tentative),
    }


def as_of(fleet: Fleet, state: State) -> list[str]:
    """How old the knowledge is that an answer rests on, where it is not fresh; what is too old is among the warnings."""
    if state.age is None or not FRESH <= state.age <= fleet.policy.state_max_age:
        return []
    return [f"as of {duration(state.age)} ago; `gitfleet sync` asks the hub again"]


def freshness(fleet: Fleet, state: State) -> list[str]:
    """What to say about knowledge that is old or not yet agreed."""
    words = [*fleet.ledger.outbox.warnings]
    if state.tentative:
        words.append(f"waiting for the hub, and tentative: {counted(len(state.tentative), 'operation')}")
    if state.age is not None and state.age > fleet.policy.state_max_age:
        words.append(
            f"as of {duration(state.age)} ago: the hub was last seen then; `gitfleet sync` asks it again"
        )
    return words


def _maybe_session(fleet: Fleet, flag: str | None) -> str | None:
    try:
        return fleet.whoami(flag)
    except NoSession as error:
        if error.candidates:
            raise
        return None


def _lines(claims: Iterable[Claim], verb: str, *, tentative: bool) -> list[str]:
    unsure = " (tentative: the hub was out of reach)" if tentative else ""
    lines = []
    for claim in claims:
        shared = " (shared)" if claim.mode == SHARED else _units(claim)
        token = f", token {claim.token}" if verb != "released" and not unsure else ""
        lines.append(f"{verb}: {claim.pattern}{shared}{token}{unsure}")
    return lines


def _units(claim: Claim) -> str:
    """Which units of a resource a claim has; nothing for one on a path."""
    return f", {unit_words(claim.slots, claim.capacity)}" if claim.slots else ""


def _how(result: Told) -> dict[str, Any]:
    how = {
        "outcome": result.status.value,
        "commit": result.commit,
        "generation": result.generation,
        "operation": result.receipt.operation,
    }
    return how | ({"hub_error": result.receipt.hub_error} if result.tentative else {})


def _status(result: Told, code: int) -> str:
    return "partial" if code else "tentative" if result.tentative else "ok"


def _warnings(fleet: Fleet, result: Told, session: str) -> list[str]:
    words = fleet.ledger.outbox.warnings + fleet.messages(session)
    if result.tentative:
        words.append(
            f"{result.receipt.hub_error or 'The hub is out of reach.'} This is tentative until the hub agrees."
        )
    return words


def _row(
    fleet: Fleet,
    state: State,
    item: Claim | Unreadable,
    known: dict[str, tuple[sessions.Session | None, bool]],
) -> dict[str, Any]:
    if isinstance(item, Unreadable):
        return {"id": "", "pattern": item.pattern.text, "where": item.where, "problem": item.error.message}
    if item.session not in known:
        known[item.session] = _session(state, item.session), fleet.claims.orphans.is_dead(item.session)
    session, gone = known[item.session]
    left = time_left(item, session)
    row = item.encode()
    age = max(0, (session.renewed_at if session else item.granted_at) + item.ttl - left - item.granted_at)
    lapsed = left <= 0 and not (item.retained and session is None)
    row |= {
        "age": age,
        "left": left,
        "tentative": item.operation in state.tentative,
        "lapsed": lapsed,
        "gone": gone,
    }
    return row


def _session(state: State, session_id: str) -> sessions.Session | None:
    try:
        return sessions.find(state.view, session_id)
    except FleetError:
        return None


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    if "problem" in row:
        return (row["pattern"], "unreadable", "?", "?", "?", "?", "?")
    left = "expired" if row["lapsed"] else duration(row["left"])
    left += ", its process is gone" if row["gone"] else ""
    if row.get("retained"):
        left = stays(row["retained"])
    token = "tentative" if row["tentative"] else str(row["token"])
    mode = units(row) if row.get("slots") else row["mode"]
    return (row["pattern"], mode, row["session"], row["node"], token, duration(row["age"]), left)


def _verdict(verdict: Verdict) -> list[str]:
    if verdict.state == service.THEIRS:
        return [f"theirs  {render.holder(item)}" for item in verdict.holders]
    words = {service.MINE: "mine   ", service.FREE: "free   ", service.UNVERIFIABLE: "unknown"}
    return [f"{words[verdict.state]} {verdict.path}"]


def _verdict_record(verdict: Verdict) -> dict[str, Any]:
    return {
        "path": verdict.path,
        "state": verdict.state,
        "holders": [item.encode() for item in verdict.holders],
    }
