"""What `status` says, for people and for programs. Imports no command line framework: agents ask this often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from gitfleet.base import clock
from gitfleet.base.background_work import Meanwhile
from gitfleet.base.text import counted, duration, one_line
from gitfleet.claims.conflict_text import stays
from gitfleet.cli import inbox_text
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.claiming import freshness
from gitfleet.cli.messages import heard
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import status
from gitfleet.fleet.views.daemon_rows import JobsGist
from gitfleet.fleet.views.records import ClaimRecord
from gitfleet.fleet.views.session_rows import SessionRow
from gitfleet.fleet.views.status import FleetStatus, LedgerRow, SessionStatus, StatusAnswer
from gitfleet.nodes import details, liveness
from gitfleet.nodes.liveness import Liveness

HEAD = (
    "SESSION", "LIVENESS", "AGENT", "PATTERN", "BRANCH", "+/-", "DIRTY", "CLAIMS", "ACTIVE", "NODE", "WORKTREE", "TITLE",
)  # fmt: skip
OPTIONAL = ("WORKTREE", "PATTERN", "NODE", "ACTIVE", "TITLE")
SPARE = ("DIRTY", "+/-", "AGENT", "BRANCH")
SHOWN = 20
NAMED = 20
"""Claims of a session that more than fill their column."""
MOST = 40
"""Sessions that people are shown, those in trouble first."""
COLOURS = {"alive": "green", "dead": "red", "quiet": "yellow", "unknown": "dim", "person": "cyan"}


def look(tail: int, *, whole: bool) -> Reply:
    """Every session of the fleet, with the last `tail` lines of its log. Unless it is to be the `whole` answer, what people see of it will do."""
    with Fleet.open() as fleet:
        found, warnings = of(fleet, tail, whole=whole)
        return reply(found, warnings)


def of(
    fleet: Fleet,
    tail: int,
    of_hooks: Callable[[Fleet], list[str]] | None = None,
    checkouts_of: details.Look | None = None,
    *,
    whole: bool,
) -> FleetStatus:
    """The status of a fleet, with all that people should know besides. `of_hooks` says what there is to say of its hooks,
    `checkouts_of` of worktrees what git would, for who looks often.

    Unless it is to be the `whole` answer, and where there are very many claims, it has the first claims of those sessions that people are shown.
    """
    from gitfleet.fleet import hooks  # of no use to a list of sessions

    told = Meanwhile(lambda: (of_hooks or hooks.warnings)(fleet))
    found, problems = status.look(
        fleet, tail=tail, checkouts_of=checkouts_of, claims=whole or status.MANY_CLAIMS
    )
    view = fleet.current().view
    for row in [] if whole else shown(found["sessions"]):
        row["claims"] = row["claims"] or status.first_claims(view, row["id"], NAMED)
    ledger = found["ledger"]
    old = freshness(fleet, ledger["age"], ledger["tentative"])
    warnings = [*problems, *told.result(), *heard(fleet), *old]
    if alarm := ledger["alarm"]:
        warnings.append(f"{alarm['message']} {alarm['hint']}")
    return FleetStatus(found, warnings)


def reply(found: StatusAnswer, warnings: Sequence[str]) -> Reply:
    """A status, to be shown."""
    return Reply(found, _lines(found), warnings=warnings)


def later(found: StatusAnswer, seconds: int) -> StatusAnswer:
    """The same status so many seconds later, when nothing has happened."""
    ledger = found["ledger"]
    age = None if ledger["age"] is None else ledger["age"] + seconds
    return {
        **found,
        "sessions": [_later(row, seconds) for row in found["sessions"]],
        "ledger": {**ledger, "age": age},
    }


def _later(row: SessionStatus, seconds: int) -> SessionStatus:
    idle, quiet = row["idle"], row["quiet_for"]
    return {
        **row,
        "idle": None if idle is None else idle + seconds,
        "quiet_for": None if quiet is None else quiet + seconds,
    }


def times(found: StatusAnswer) -> Iterator[int]:
    """The lengths of time that are shown of a status, in seconds, but for the ledger's age: each grows."""
    now = clock.now()
    for row in shown(found["sessions"]):
        yield from (value for value in (row["idle"], row["quiet_for"]) if value is not None)
    yield from (
        now - one["since"] for one in (*found["inbox"]["items"], *found["inbox"]["folded"]) if one["since"]
    )
    if found["jobs"] and found["jobs"]["manager"]:
        yield now - found["jobs"]["manager"]["since"] // 1000


def gist(answer: Reply) -> object:
    """An answer without what moves with the clock alone."""
    told = answer.told
    sessions, ledger = told.get("sessions"), told.get("ledger")
    still = (
        {"sessions": [{**row, "idle": 0, "quiet_for": 0} for row in sessions]}
        if isinstance(sessions, list)
        else {}
    )
    known = {"ledger": {**ledger, "age": 0}} if isinstance(ledger, dict) else {}
    moving = [told.get(name) for name in ("inbox", "retained", "asking", "jobs")]
    return still, known, moving, len(answer.warnings)


def _lines(found: StatusAnswer) -> Iterator[str | Grid]:
    sessions, retained = found["sessions"], found["retained"]
    yield from inbox_text.top(found["inbox"])
    yield _ledger(found["ledger"])
    yield _summary(sessions) if sessions else "no sessions"
    if found["jobs"] is not None:
        yield _jobs(found["jobs"])
    if sessions:
        cells = [_cells(row) for row in shown(sessions)]
        yield Grid(HEAD, cells, coloured="LIVENESS", colours=COLOURS, optional=OPTIONAL, spare=SPARE)
        if rest := sorted(sessions, key=_trouble)[MOST:]:
            yield f"and {_summary(rest)}: `gitfleet session list`"
    if retained:
        yield f"retained after their sessions have ended: {counted(len(retained), 'claim')}"
        yield from (f"  {line}" for line in _retained(retained))
    for row in sessions:
        if row["log_tail"]:
            yield ""
            yield f"{row['id']}: the last {len(row['log_tail'])} lines of its log"
            yield from (f"  | {line}" for line in row["log_tail"])


def _ledger(ledger: LedgerRow) -> str:
    words = [f"node {ledger['node']}, ledger at generation {ledger['generation']}"]
    if ledger["hub"] is None:
        words.append("this clone is the hub")
    elif ledger["age"] is None:
        words.append(f"the hub '{ledger['hub']}' was not seen yet")
    else:
        words.append(f"the hub '{ledger['hub']}' was seen {duration(ledger['age'])} ago")
    if ledger["tentative"]:
        words.append(f"waiting for it: {counted(ledger['tentative'], 'operation')}")
    if ledger["alarm"]:
        words.append("ALARM, see below")
    return "; ".join(words)


def _summary(rows: Sequence[SessionStatus]) -> str:
    counts: Counter[str] = Counter(row["liveness"] for row in rows)
    words = ", ".join(f"{counts[word]} {word}" for word in liveness.WORDS if counts[word])
    claims = counted(sum(row["claim_count"] for row in rows), "claim")
    return f"{counted(len(rows), 'session')} ({words}), {claims}"


def _jobs(jobs: JobsGist) -> str:
    counts = f"{counted(jobs['active'], 'job')} running, {jobs['queued']} queued"
    manager = jobs["manager"]
    if manager is None:
        return f"{counts}; nobody runs jobs here" + (": `gitfleet start`" if jobs["queued"] else "")
    age = clock.now() - manager["since"] // 1000
    return f"{counts}; process {manager['pid']} runs them, since {duration(age)}"


def shown(sessions: Sequence[SessionStatus]) -> Sequence[SessionStatus]:
    """Those of the sessions that people are shown."""
    return sorted(sessions, key=_trouble)[:MOST]


def _trouble(row: SessionStatus) -> int:
    """Where it comes in the list: what is dead or not to be seen first, then what will conflict; else as they started."""
    order = {"dead": 0, "quiet": 1, "unknown": 2}
    return order.get(row["liveness"], 3 if row["conflicts"] else 4)


def _retained(claims: Sequence[ClaimRecord]) -> list[str]:
    """The claims that stay with branches and worktrees, the first of them a line each."""
    lines = [
        f"{one_line(claim['pattern'], 60)} of {claim['session']}, {stays(claim['retained'])}"
        for claim in claims[:SHOWN]
    ]
    more = len(claims) - SHOWN
    return [*lines, *([f"and {more} more: `gitfleet claims`"] if more > 0 else [])]


def _cells(row: SessionStatus) -> tuple[str, ...]:
    counts = "-" if row["ahead"] is None else f"+{row['ahead']} -{row['behind']}"
    dirty = "-" if row["dirty"] is None else str(row["dirty"])
    active = "-" if row["idle"] is None else f"{duration(row['idle'])} ago"
    return (
        row["id"], alive(row), one_line(row["agent"], 20), row["pattern"], row["branch"] or "-", counts, dirty,
        _claims(row), active, row["node"], row["worktree"], one_line(row["title"], 60),
    )  # fmt: skip


def alive(row: SessionRow) -> str:
    """Whether a session is alive, in words."""
    return str(Liveness(row["liveness"], row["quiet_for"]))


def _claims(row: SessionStatus) -> str:
    if not row["claims"]:
        return str(row["claim_count"])
    return f"{row['claim_count']}: {one_line(', '.join(claim['pattern'] for claim in row['claims']), 40)}"
