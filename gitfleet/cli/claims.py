"""`claim`, `release`, `claims`, `check` . Imports nothing heavy: these run on every edit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

from gitfleet.base.names import SessionId
from gitfleet.base.text import duration
from gitfleet.claims import service
from gitfleet.claims.asking import Claimed, Released
from gitfleet.claims.conflict_text import kept_by, stays, unit_words
from gitfleet.claims.model import SHARED, Claim
from gitfleet.claims.service import Terms
from gitfleet.claims.tickets import DEFAULT_PRIORITY
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.claiming import informed, kept, units_of
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.messages import acting_session, as_session
from gitfleet.cli.options import OfSession, SessionFlag, seconds
from gitfleet.codec import replace
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.model import Answer
from gitfleet.obstacles import Obstacle
from gitfleet.telling import remarks

if TYPE_CHECKING:
    from gitfleet.claims.retained_claims import LetGone
    from gitfleet.fleet.views.claim_rows import ClaimRow, PathRow, UnreadableRow
    from gitfleet.fleet.views.grants import ClaimAnswer, ReleaseAnswer

Paths = Annotated[
    list[str],
    Argument(
        metavar="PATH...", help="Files, folders, globs, from the root (`./x`: from here); or `res:NAME`."
    ),
]
Listed = Annotated[bool, Option("--paths", help="Paths follow (it is not needed).")]
SomePaths = Annotated[
    list[str] | None,
    Argument(metavar="[PATH]...", help="Only what meets these paths.", complete="claimed"),
]
OwnPaths = Annotated[
    list[str] | None,
    Argument(
        metavar="[PATH]...",
        help="What to release, and all below it (default: everything).",
        complete="own_claims",
    ),
]
Shared = Annotated[bool, Option("--shared", help="Others may share the claim (but not claim exclusively).")]
Exclusive = Annotated[
    bool, Option("--exclusive", help="Nobody else may claim it, even where the rules say shared.")
]
Ttl = Annotated[str | None, Option("--ttl", metavar="TIME", help="Time to live without activity, e.g. 45m.")]
Partial = Annotated[bool, Option("--partial", help="Take what is free, list the rest (exit code 21).")]
Reason = Annotated[str, Option("--reason", metavar="TEXT", help="Why; shown to those who are refused.")]
Wait = Annotated[bool, Option("--wait", help="Stand in line for what others hold.")]
Timeout = Annotated[str | None, Option("--timeout", metavar="TIME", help="With --wait: how long, e.g. 10m.")]
Priority = Annotated[
    int,
    Option("--priority", metavar="N", min=0, max=100, help="With --wait: who comes first, from 0 to 100."),
]
All = Annotated[bool, Option("--all", help="Every claim of the session; the default.")]
OfBranch = Annotated[
    str | None, Option("--branch", metavar="NAME", help="What this branch retains (people only).")
]
Older = Annotated[
    str | None, Option("--older-than", metavar="TIME", help="Only claims granted longer ago, e.g. 2h.")
]

WaitingLine = Annotated[bool, Option("--waiting", help="Show the waiting line, as `gitfleet waiting` does.")]
Revisions = Annotated[
    str | None, Option("--range", metavar="BASE..HEAD", help="The commits of HEAD that BASE lacks.")
]
Staged = Annotated[bool, Option("--staged", help="What is staged, as a commit of this session.")]
Hub = Annotated[str | None, Option("--hub", metavar="REMOTE", help="With --range: the hub to ask.")]
Report = Annotated[
    str | None,
    Option(
        "--gitlab-report", metavar="FILE", help="With --range or --staged: write a code quality report, too."
    ),
]


def claim(
    paths: Paths,
    session: SessionFlag = None,
    listed: Listed = False,
    shared: Shared = False,
    exclusive: Exclusive = False,
    ttl: Ttl = None,
    partial: Partial = False,
    reason: Reason = "",
    wait: Wait = False,
    timeout: Timeout = None,
    priority: Priority = DEFAULT_PRIORITY,
) -> Reply:
    """Claim paths for this session: all of them, or nothing (exit code 10, with every holder's name).

    With --wait, stand in line for what others hold: first come, first served; exit code 11 when the time is over (the
    place is kept), 14 when waiting would never end.
    """
    del listed
    if shared and exclusive:
        raise UsageError("A claim is either shared or exclusive.", hint="Leave one of the options out.")
    mode = True if shared else False if exclusive else None
    terms = Terms(shared=mode, ttl=None if ttl is None else seconds(ttl), reason=reason, partial=partial)
    if not wait and (timeout is not None or priority != DEFAULT_PRIORITY):
        words = "--timeout and --priority need --wait."
        raise UsageError(words, hint="Add `--wait`, or leave them out.")
    if not wait:
        return _claim(session, paths, terms)
    if partial:
        raise UsageError("--wait waits for all of the paths.", hint="Leave `--partial` out, or `--wait`.")
    limit = None if timeout is None else float(seconds(timeout))
    return _wait(session, paths, replace(terms, priority=priority), limit)


def release(
    paths: OwnPaths = None,
    session: SessionFlag = None,
    everything: All = False,
    branch: OfBranch = None,
) -> Reply:
    """Release claims of this session: those on PATH and below, or all of them.

    Another session's claims are not released (exit code 10). What nobody holds is no error.
    """
    if branch is not None and (paths or everything):
        raise UsageError("--branch goes alone.", hint="Leave paths and `--all` out, or `--branch`.")
    if paths and everything:
        words = "You named paths, and --all as well."
        raise UsageError(words, hint="Leave the paths out, or `--all`.")
    with as_session(session) as (fleet, own):
        result: Released | LetGone
        if branch is None:
            result = fleet.claims.release(own, paths or None)
            lines = _lines(result.released, "released", tentative=result.tentative)
            lines += [f"not held by anybody: {path}" for path in result.not_held]
            lines = lines or ["nothing to release"]
        else:
            result = fleet.claims.let_go(own, branch)
            lines = [f"released: {claim.pattern}" for claim in result.released]
            lines += kept(result.retained, "still ")
        warnings = _warnings(fleet, result, own)
        return Reply(lambda: _released(own, result), lines, _status(result, 0), 0, warnings, own)


def _released(session: SessionId, result: Released | LetGone) -> ReleaseAnswer:
    from gitfleet.fleet.views import grants  # only programs want it

    return grants.released(session, result)


def claims(
    paths: SomePaths = None,
    session: OfSession = None,
    older_than: Older = None,
    waiting_line: WaitingLine = False,
) -> Reply:
    """List the claims of the fleet, by path, session and age; with --waiting, who stands in line for them."""
    if waiting_line:
        from gitfleet.cli import handing  # of no use to a list of claims

        return handing.waiting()
    from gitfleet.fleet.views import claim_rows  # as above

    age = None if older_than is None else seconds(older_than)
    with Fleet.open(announce=render.note) as fleet:
        found, problems = claim_rows.listing(
            fleet, session=None if session is None else SessionId(session), paths=paths or (), older_than=age
        )
        rows = [_cells(row) for row in found["claims"]]
        head = ("PATH", "MODE", "SESSION", "NODE", "TOKEN", "AGE", "LEFT")
        lines = render.table(rows, head) if rows else ["no claims"]
        return informed(fleet, found, lines, problems)


def check(
    paths: SomePaths = None,
    revisions: Revisions = None,
    staged: Staged = False,
    hub: Hub = None,
    report: Report = None,
    session: SessionFlag = None,
) -> Reply:
    """Show for each path: free, mine, theirs (exit code 10) or unknown (13). Local, without the network.

    With --range or --staged: check commits, or what is staged, against the hub's present ledger and the rules on its
    trunk. Exit code 10 where another session holds a path, 15 where the path was granted to another since, 16 where a
    commit names no claim for it, 13 where that is unknown, 30 where the hub cannot be reached. --range needs no
    `gitfleet init`.
    """
    if bool(paths) + (revisions is not None) + staged > 1:
        raise UsageError("Paths, --range and --staged exclude each other.")
    if revisions is not None or staged:
        from gitfleet.cli import check_commits  # the gates and the hub: of no use to a check of paths

        if revisions is not None:
            return check_commits.commits(revisions, hub, report)
        return check_commits.staged(session, report)
    from gitfleet.fleet.views import claim_rows  # as above

    if not paths:
        raise UsageError("No path was given.", hint="Name what to check: `gitfleet check PATH...`.")
    with Fleet.open(announce=render.note) as fleet:
        own = acting_session(fleet, session)
        found = claim_rows.check(fleet, own, paths)
        states = {path["state"] for path in found["paths"]}
        code = 10 if service.THEIRS in states else 13 if service.UNVERIFIABLE in states else 0
        lines = [line for path in found["paths"] for line in _verdict(path)]
        answer = informed(fleet, found, lines, flag=session)
        return replace(answer, code=code, session=own or "")


def _claim(flag: str | None, paths: Sequence[str], terms: Terms) -> Reply:
    """Claim paths for the session."""
    with as_session(flag) as (fleet, session):
        result = fleet.claims.claim(session, paths, terms)
        refused = result.refused
        lines = _lines(result.granted, "claimed", tentative=result.tentative)
        lines += _lines(result.already_held, "already held, renewed", tentative=result.tentative)
        lines += [
            f"taken over with {kept_by(c.keeper_records)} of {c.session}: {c.pattern}"
            if c.retained
            else f"taken over from {c.session}, whose claim had expired: {c.pattern}"
            for c in result.taken_over
        ]
        lines += [f"not granted: {render.holder(item)}" for item in refused]
        said = remarks.of_grant(fleet, result.granted, result.already_held)
        code = 21 if refused else 0
        warnings = [*_warnings(fleet, result, session), *said.words(fleet.ledger.node.hub)]
        return Reply(
            lambda: _claimed(session, result, said), lines, _status(result, code), code, warnings, session
        )


def _claimed(session: SessionId, result: Claimed, said: remarks.Remarks) -> ClaimAnswer:
    from gitfleet.fleet.views import grants  # only programs want it

    return grants.claimed(session, result, said)


def _wait(flag: str | None, paths: Sequence[str], terms: Terms, limit: float | None) -> Reply:
    """Claim paths for the session, standing in line for what others hold."""
    from gitfleet.fleet.views import grants  # as above

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
        return Reply(data, lines, status, warnings=warnings, session=session)


def _lines(claims: Iterable[Claim], verb: str, *, tentative: bool) -> list[str]:
    unsure = " (tentative: the hub was out of reach)" if tentative else ""
    lines = []
    for claim in claims:
        shared = " (shared)" if claim.mode == SHARED else units_of(claim)
        token = f", token {claim.token}" if verb != "released" and not unsure else ""
        lines.append(f"{verb}: {claim.pattern}{shared}{token}{unsure}")
    return lines


def _status(result: Answer, code: int) -> str:
    return "partial" if code else "tentative" if result.tentative else "ok"


def _warnings(fleet: Fleet, result: Answer, session: SessionId) -> list[str]:
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
    mode = unit_words(row["slots"], row["capacity"]) if row.get("slots") else row["mode"]
    return (row["pattern"], mode, row["session"], row["node"], token, duration(row["age"]), left)


def _verdict(path: PathRow) -> list[str]:
    if path["state"] == service.THEIRS:
        return [f"theirs  {render.holder(Obstacle.decode(item))}" for item in path["holders"]]
    words = {service.MINE: "mine   ", service.FREE: "free   ", service.UNVERIFIABLE: "unknown"}
    return [f"{words[path['state']]} {path['path']}"]
