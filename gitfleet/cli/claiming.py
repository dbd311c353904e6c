"""`claim`, `release`, `claims`, `check`: what they do and say. Imports nothing heavy: these run on every edit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gitfleet.base.text import counted, duration
from gitfleet.claims import service
from gitfleet.claims.conflict_text import kept_by, stays, units, until
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.claims.service import Terms, Verdict, time_left
from gitfleet.cli import render
from gitfleet.cli.answer import Answer
from gitfleet.cli.messages import heard, told
from gitfleet.errors import EXIT_CODES, FleetError, NoSession, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.ledger import State
from gitfleet.ledger.model import Result, Status
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
        refused = result.answer["refused"]
        lines = _told(result, "granted", "claimed") + _told(result, "already_held", "already held, renewed")
        lines += [
            f"taken over with {kept_by(c['retained'])} of {c['session']}: {c['pattern']}"
            if c.get("retained")
            else f"taken over from {c['session']}, whose claim had expired: {c['pattern']}"
            for c in result.answer["taken_over"]
        ]
        lines += [f"not granted: {render.holder(item)}" for item in refused]
        said = remarks.of_grant(fleet, result.answer["granted"], result.answer["already_held"])
        data = {"session": session, **_how(result), **result.answer, **said.as_record()}
        code = 21 if refused else 0
        warnings = [*_warnings(fleet, result, session), *said.words(fleet.ledger.node.hub)]
        return Answer("claim", data, lines, _status(result, code), code, warnings, session)


def wait(common: Common, paths: Sequence[str], terms: Terms, limit: float | None) -> Answer:
    """Claim paths for the session, standing in line for what others hold."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            got = fleet.claims.wait(session, paths, terms, limit=limit)
        granted, held = ([claim.as_record() for claim in some] for some in (got.granted, got.already_held))
        lines = _lines(granted, "claimed", tentative=got.tentative)
        lines += _lines(held, "already held, renewed", tentative=got.tentative)
        outcome = "tentative" if got.tentative else "granted"
        said = remarks.of_grant(fleet, granted, held)
        data = {
            "session": session,
            "outcome": outcome,
            "granted": granted,
            "already_held": held,
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
        lines = _told(result, "released", "released")
        lines += [f"not held by anybody: {path}" for path in result.answer["not_held"]]
        lines = lines or ["nothing to release"]
        data = {"session": session, **_how(result), **result.answer}
        return Answer(
            "release", data, lines, _status(result, 0), 0, _warnings(fleet, result, session), session
        )


def let_go(common: Common, branch: str) -> Answer:
    """Release what a branch retains, as a person."""
    with Fleet.open(common.directory, announce=render.note) as fleet:
        session = fleet.whoami(common.session)
        with told(fleet, session):
            result = fleet.claims.let_go(session, branch)
        lines = [f"released: {record['pattern']}" for record in result.answer["released"]]
        lines += kept(result.answer["retained"], "still ")
        data = {"session": session, **_how(result), "not_held": [], **result.answer}
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


def kept(records: Iterable[Mapping[str, Any]], still: str = "") -> list[str]:
    """What claims, as records, stay with now that their session is gone: a line each."""
    return [
        f"{still}retained by {kept_by(record['retained'])} {until(record['retained'])}: {record['pattern']}"
        for record in records
    ]


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
        if error.facts.get("candidates"):
            raise
        return None


def _told(result: Result, key: str, verb: str) -> list[str]:
    return _lines(result.answer[key], verb, tentative=result.status is Status.TENTATIVE)


def _lines(records: Iterable[Mapping[str, Any]], verb: str, *, tentative: bool) -> list[str]:
    unsure = " (tentative: the hub was out of reach)" if tentative else ""
    lines = []
    for record in records:
        shared = " (shared)" if record["mode"] == "shared" else _units(record)
        token = f", token {record['token']}" if verb != "released" and not unsure else ""
        lines.append(f"{verb}: {record['pattern']}{shared}{token}{unsure}")
    return lines


def _units(record: Mapping[str, Any]) -> str:
    """Which units of a resource a claim has; nothing for one on a path."""
    return f", {units(record)}" if record.get("slots") else ""


def _how(result: Result) -> dict[str, Any]:
    return {
        "outcome": result.status.value,
        "commit": result.commit,
        "generation": result.generation,
        "operation": result.operation,
    }


def _status(result: Result, code: int) -> str:
    return "partial" if code else "tentative" if result.status is Status.TENTATIVE else "ok"


def _warnings(fleet: Fleet, result: Result, session: str) -> list[str]:
    words = fleet.ledger.outbox.warnings + fleet.messages(session)
    if result.status is Status.TENTATIVE:
        words.append(
            f"{result.answer.get('hub_error', 'The hub is out of reach.')} This is tentative until the hub agrees."
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
    row = item.as_record()
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
    return {"path": verdict.path, "state": verdict.state, "holders": list(verdict.holders)}
