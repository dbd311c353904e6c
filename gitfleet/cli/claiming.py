"""`claim`, `release`, `claims`, `check`: what they do and say. Imports nothing heavy: these run on every edit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitfleet.base.fast_dataclass import replace
from gitfleet.base.text import counted, duration
from gitfleet.claims import service
from gitfleet.claims.conflict_text import kept_by, stays, unit_words, units, until
from gitfleet.claims.model import SHARED, Claim
from gitfleet.claims.service import Terms
from gitfleet.cli import render
from gitfleet.cli.answer import Answer
from gitfleet.cli.messages import as_session, heard
from gitfleet.errors import EXIT_CODES, NoSession, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import claims as views
from gitfleet.fleet.views import grants
from gitfleet.fleet.views.claims import ClaimRow, PathRow, UnreadableRow
from gitfleet.fleet.views.knowledge import Knowledge
from gitfleet.ledger.model import Answer as Told
from gitfleet.obstacles import Obstacle
from gitfleet.telling import remarks

FRESH = 60
"""Seconds for which what the hub said last needs no mention of its age."""


def claim(flag: str | None, paths: Sequence[str], terms: Terms) -> Answer:
    """Claim paths for the session."""
    with as_session(flag) as (fleet, session):
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
        data = grants.claimed(session, result, said)
        code = 21 if refused else 0
        warnings = [*_warnings(fleet, result, session), *said.words(fleet.ledger.node.hub)]
        return Answer(data, lines, _status(result, code), code, warnings, session)


def wait(flag: str | None, paths: Sequence[str], terms: Terms, limit: float | None) -> Answer:
    """Claim paths for the session, standing in line for what others hold."""
    with as_session(flag) as (fleet, session):
        got = fleet.claims.wait(session, paths, terms, limit=limit)
        granted, held = got.granted, got.already_held
        lines = _lines(granted, "claimed", tentative=got.tentative)
        lines += _lines(held, "already held, renewed", tentative=got.tentative)
        said = remarks.of_grant(fleet, granted, held)
        data = grants.waited(session, got, said)
        warnings = fleet.ledger.outbox.warnings + fleet.messages(session) + said.words(fleet.ledger.node.hub)
        if got.tentative:
            warnings.append("The hub is out of reach. This is tentative until the hub agrees.")
        status = "tentative" if got.tentative else "ok"
        return Answer(data, lines, status, warnings=warnings, session=session)


def release(flag: str | None, paths: Sequence[str], *, everything: bool) -> Answer:
    """Release claims of the session: those on and below `paths`, or all of them where none are named."""
    if paths and everything:
        words = "You named paths, and --all as well."
        raise UsageError(words, hint="Leave the paths out, or `--all`.")
    with as_session(flag) as (fleet, session):
        result = fleet.claims.release(session, paths or None)
        lines = _lines(result.released, "released", tentative=result.tentative)
        lines += [f"not held by anybody: {path}" for path in result.not_held]
        lines = lines or ["nothing to release"]
        data = grants.released(session, result)
        return Answer(data, lines, _status(result, 0), 0, _warnings(fleet, result, session), session)


def let_go(flag: str | None, branch: str) -> Answer:
    """Release what a branch retains, as a person."""
    with as_session(flag) as (fleet, session):
        result = fleet.claims.let_go(session, branch)
        lines = [f"released: {claim.pattern}" for claim in result.released]
        lines += kept(result.retained, "still ")
        data = grants.released(session, result)
        return Answer(data, lines, _status(result, 0), 0, _warnings(fleet, result, session), session)


def claims(session: str | None, paths: Sequence[str], *, older_than: int | None = None) -> Answer:
    """List claims, by path, session and age (seconds)."""
    with Fleet.open(announce=render.note) as fleet:
        found, problems = views.listing(fleet, session=session, paths=paths, older_than=older_than)
        rows = [_cells(row) for row in found["claims"]]
        head = ("PATH", "MODE", "SESSION", "NODE", "TOKEN", "AGE", "LEFT")
        lines = render.table(rows, head) if rows else ["no claims"]
        return informed(fleet, found, lines, problems)


def check(flag: str | None, paths: Sequence[str]) -> Answer:
    """Say of each path whether it is free, mine, theirs, or cannot be told."""
    if not paths:
        raise UsageError("No path was given.", hint="Name what to check: `gitfleet check PATH...`.")
    with Fleet.open(announce=render.note) as fleet:
        session = _maybe_session(fleet, flag)
        found = views.check(fleet, session, paths)
        states = {path["state"] for path in found["paths"]}
        code = 10 if service.THEIRS in states else 13 if service.UNVERIFIABLE in states else 0
        lines = [line for path in found["paths"] for line in _verdict(path)]
        status = EXIT_CODES[code][0] if code else "ok"
        return replace(
            informed(fleet, found, lines, flag=flag), status=status, code=code, session=session or ""
        )


def kept(claims: Iterable[Claim], still: str = "") -> list[str]:
    """What claims stay with now that their session is gone: a line each."""
    rows = [([one.as_record() for one in claim.retained], claim.pattern) for claim in claims]
    return [f"{still}retained by {kept_by(keepers)} {until(keepers)}: {pattern}" for keepers, pattern in rows]


def informed(
    fleet: Fleet,
    found: Knowledge,
    lines: Sequence[str],
    problems: Sequence[str] = (),
    flag: str | None = None,
) -> Answer:
    """The answer of a command that shows what this clone knows, and how old that is."""
    age = found["age"]
    warnings = [*problems, *heard(fleet, flag), *freshness(fleet, age, len(found["tentative"]))]
    return Answer(found, [*lines, *as_of(fleet, age)], warnings=warnings)


def as_of(fleet: Fleet, age: int | None) -> list[str]:
    """How old the knowledge is that an answer rests on, where it is not fresh; what is too old is among the warnings."""
    if age is None or not FRESH <= age <= fleet.policy.state_max_age:
        return []
    return [f"as of {duration(age)} ago; `gitfleet sync` asks the hub again"]


def freshness(fleet: Fleet, age: int | None, tentative: int) -> list[str]:
    """What to say about knowledge that is old or not yet agreed: `tentative` operations wait for the hub."""
    words = [*fleet.ledger.outbox.warnings]
    if tentative:
        words.append(f"waiting for the hub, and tentative: {counted(tentative, 'operation')}")
    if age is not None and age > fleet.policy.state_max_age:
        words.append(f"as of {duration(age)} ago: the hub was last seen then; `gitfleet sync` asks it again")
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
        shared = " (shared)" if claim.mode == SHARED else units_of(claim)
        token = f", token {claim.token}" if verb != "released" and not unsure else ""
        lines.append(f"{verb}: {claim.pattern}{shared}{token}{unsure}")
    return lines


def units_of(claim: Claim) -> str:
    """Which units of a resource a claim has; nothing for one on a path."""
    return f", {unit_words(claim.slots, claim.capacity)}" if claim.slots else ""


def _status(result: Told, code: int) -> str:
    return "partial" if code else "tentative" if result.tentative else "ok"


def _warnings(fleet: Fleet, result: Told, session: str) -> list[str]:
    words = fleet.ledger.outbox.warnings + fleet.messages(session)
    if result.tentative:
        words.append(
            f"{result.receipt.hub_error or 'The hub is out of reach.'} This is tentative until the hub agrees."
        )
    return words


def _cells(row: ClaimRow | UnreadableRow) -> tuple[str, ...]:
    if "problem" in row:
        return (row["pattern"], "unreadable", "?", "?", "?", "?", "?")
    left = "expired" if row["lapsed"] else duration(row["left"])
    left += ", its process is gone" if row["gone"] else ""
    if row.get("retained"):
        left = stays(row["retained"])
    token = "tentative" if row["tentative"] else str(row["token"])
    mode = units(row) if row.get("slots") else row["mode"]
    return (row["pattern"], mode, row["session"], row["node"], token, duration(row["age"]), left)


def _verdict(path: PathRow) -> list[str]:
    if path["state"] == service.THEIRS:
        return [f"theirs  {render.holder(Obstacle.decode(item))}" for item in path["holders"]]
    words = {service.MINE: "mine   ", service.FREE: "free   ", service.UNVERIFIABLE: "unknown"}
    return [f"{words[path['state']]} {path['path']}"]
