"""`queue …`: the merge queue, for whoever puts branches into it, looks at it, or keeps it back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Annotated

from gitfleet.base import advice, clock, shellwords
from gitfleet.base.names import SessionId
from gitfleet.base.text import counted, duration
from gitfleet.cli import render
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.claiming import informed
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.messages import as_session, person
from gitfleet.clients import acting
from gitfleet.codec import replace
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import queue as views
from gitfleet.fleet.views import queue_stats
from gitfleet.fleet.views.queue import EstimateRow, EvidenceRow, PauseRow, QueueEntryRow
from gitfleet.ledger.model import Answer
from gitfleet.mergequeue.adding import QueuedBranch, Wanted
from gitfleet.mergequeue.model import Mode
from gitfleet.mergequeue.requests import EntryChanged
from gitfleet.mergequeue.service import MergeQueue
from gitfleet.mergequeue.states import HANDED_BACK
from gitfleet.nodes import log_tails
from gitfleet.sessions.local import VARIABLE

Session = Annotated[
    str | None,
    Option(
        "--session", "--session-id", metavar="ID", help="Act for this session (default: the one of this worktree).",
        complete="own_sessions",
    ),
]  # fmt: skip
OfEntry = Annotated[
    str, Argument(metavar="ENTRY", help="Its id, the end of that, or its branch.", complete="queued")
]
Branch = Annotated[str, Option("--branch", metavar="NAME", help="The branch (default: that of the session).")]
Priority = Annotated[
    int | None,
    Option(
        "--priority", metavar="N", min=0, max=100,
        help="80-100 hotfix, 60-79 security, 40-59 feature (default: 50), 0-39 backlog.",
    ),
]  # fmt: skip
NewPriority = Annotated[str | None, Argument(metavar="[PRIORITY]", help="The priority, from 0 to 100.")]
Title = Annotated[str | None, Option("--title", metavar="TEXT", help="What it is, in one line.")]
After = Annotated[
    list[str] | None,
    Option("--after", metavar="ENTRY", help="It lands after this one; repeatable.", complete="queued"),
]
Reason = Annotated[str, Option("--reason", metavar="TEXT", help="Why; shown to those who ask.")]
Floor = Annotated[
    int, Option("--floor", metavar="N", min=0, max=101, help="Entries with this priority or more go on.")
]
Freeze = Annotated[bool, Option("--freeze", help="Go on testing; nothing lands.")]
Drain = Annotated[bool, Option("--drain", help="Go on with what is queued; take nothing more.")]
Head = Annotated[str, Option("--head", metavar="OID", help="Only if its head is still this commit.")]
WholeLog = Annotated[
    bool, Option("--log", help="Print all that the gate wrote; another node's is fetched from the hub.")
]
Limit = Annotated[int, Option("--limit", metavar="N", min=1, max=10000, help="At most so many.")]

HEAD = ("POS", "PRIORITY", "STATE", "BRANCH", "SESSION", "TITLE", "WAITED", "EXPECTED", "ENTRY", "WHY")
COLOURS = {"landed": "green", "testing": "cyan", "rejected": "red", "conflicted": "red", "held": "yellow"}


def add(
    branch: Branch = "",
    priority: Priority = None,
    title: Title = None,
    after: After = None,
    session: Session = None,
) -> Reply:
    """Queue a branch for landing, with what it is stacked on; again, to change its entry or to have a new head tested.

    A branch that the hub lacks, or that is behind there, is pushed first, through the gates of `git push`.
    """
    wanted = Wanted(branch, title, priority, tuple(after or ()), _is_another(session))
    with as_session(session) as (fleet, own):
        done = fleet.queue.add(own, wanted)
        data = views.added(fleet, own, done)
        return Reply(data, _added(data, done), warnings=[*done.warnings, *fleet.messages(own)], session=own)


def accept(
    of: Annotated[str, Argument(metavar="SESSION", help="Whose work it is.")],
    priority: Priority = None,
    title: Title = None,
    branch: Branch = "",
    head: Head = "",
    session: Session = None,
) -> Reply:
    """Queue the branch of a session whose work you have reviewed (people only): with any priority, and for a session of any clone.

    The session is told. Your own session in this worktree asks for it.
    """
    with as_session(session, person("accepts work")) as (fleet, own):
        wanted = Wanted(branch, title, priority, accepted_by=own, head=head)
        done = fleet.queue.add(SessionId(of), wanted)
        data = views.added(fleet, SessionId(of), done)
        return Reply(data, _added(data, done), warnings=[*done.warnings, *fleet.messages(own)], session=own)


def _is_another(session: str | None) -> bool:
    """Whether it is not the session itself that asks: somebody names it, and no agent does."""
    return session is not None and not (os.environ.get(VARIABLE) or acting.callers(os.environ))


def _added(data: views.QueueAddAnswer, done: QueuedBranch) -> list[str]:
    entry = data["entry"]
    place = f"place {entry['position']}" if entry["position"] else entry["state"]
    facts = f"{place}, priority {entry['priority']} ({entry['band']}), entry {entry['id']}"
    lines = [f"pushed: {entry['branch']}"] if done.pushed else []
    lines += [f"queued below it: {row['branch']}, entry {row['id']}" for row in data["below"]]
    if data["new"]:
        return [*lines, f"queued: {entry['branch']}, {facts}"]
    what = "; ".join(data["changes"]) or "nothing has changed"
    return [*lines, f"queued already: {entry['branch']}, {facts}: {what}"]


def listing() -> Reply:
    """List the queue: each entry with its place, its priority, and why it waits; and what was finished lately."""
    with Fleet.open(announce=render.note) as fleet:
        found, problems = views.listed(fleet)
        rows = [row for row in found["entries"] if row["state"] not in FINISHED]
        lately = [row for row in found["entries"] if row["state"] in FINISHED][:5]
        lines: list[str | Grid] = [*_pause(found["pause"])]
        lines += [_grid(rows)] if rows else ["the queue is empty"]
        lines += [f"lately: {row['branch']}: {row['why']}" for row in lately]
        return informed(fleet, found, lines, problems)


FINISHED = ("landed", "dropped", "expired")


def _grid(rows: Sequence[QueueEntryRow]) -> Grid:
    cells = [_cells(row) for row in rows]
    optional = ("EXPECTED", "WAITED", "SESSION", "TITLE")
    return Grid(HEAD, cells, coloured="STATE", colours=COLOURS, optional=optional)


def _cells(row: QueueEntryRow) -> tuple[str, ...]:
    more = "".join(f"+{row[part]}" for part in ("lent", "waited") if row[part])
    waited = duration(max(0, clock.now() - row["at"]))
    return (
        str(row["position"] or "-"), f"{row['priority']}{more} {row['band']}", row["state"], row["branch"], row["session"], row["title"],
        waited, _expected(row["estimate"]), row["id"], row["why"],
    )  # fmt: skip


def _expected(estimate: EstimateRow | None) -> str:
    return f"{duration(estimate['p50'])} to {duration(estimate['p90'])}" if estimate else "?"


def _pause(pause: PauseRow) -> list[str]:
    return (
        [f"the queue is {pause['mode']} below {pause['floor']} by {pause['by']}: {pause['reason']}"]
        if pause["mode"]
        else []
    )


def show(entry: OfEntry, log: WholeLog = False) -> Reply:
    """Show an entry: what it is, why it waits, and everything found about it."""
    with Fleet.open(announce=render.note) as fleet:
        found = views.shown(fleet, entry, log=log)
        if log:
            return _log(fleet, found)
        row = found["entry"]
        lines = [f"{name}: {_value(row[name])}" for name in SHOWN if row[name]]  # type: ignore[literal-required]
        lines += _evidence(found["evidence"], row["id"])
        lines += _task(found["task"]) if found["task"] else []
        lines += [f"tested by: node {run['node']}, as {run['commit'][:12]}" for run in found["runs"]]
        lines += [f"before: {one}" for one in found["above"]]
        return informed(fleet, found, lines)


def _value(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _task(task: views.TaskRow) -> list[str]:
    to = task["session"] if task["receivable"] else "nobody: its session has ended"
    left = duration(max(0, task["until"] - clock.now()))
    return [
        f"to be repaired by: {to}, within {left}; it may come back {counted(task['left'], 'time')} more"
        if task["left"]
        else f"to be repaired by: {to}; it has come back {counted(task['tries'], 'time')}, and no more is accepted"
    ]


def _log(fleet: Fleet, found: views.QueueShowAnswer) -> Reply:
    """The whole log of an entry's gate, or the end of it."""
    whole = found["log"]
    if whole is not None:
        lines = whole.removesuffix("\n")
        return informed(fleet, found, log_tails.shown(lines, len(whole)))
    end = found["evidence"].get("log", "")
    words = (
        "its log was deleted; this is the end of it"
        if end
        else "no gate has failed on it, so there is no log"
    )
    return informed(fleet, found, end.splitlines(), [words])


SHOWN = (
    "id", "branch", "title", "state", "why", "next", "position", "priority", "effective", "band", "head", "base", "target", "session",
    "needs", "stack", "tries", "landed",
)  # fmt: skip


def _evidence(found: EvidenceRow, entry: str) -> list[str]:
    """What was found of an entry, a line each."""
    lines = [f"about: {path}" for path in found.get("paths", ())]
    sides = [str(found[key]) for key in ("branch", "session", "author", "title") if found.get(key)]
    as_commit = [f"commit {found['theirs'][:12]}"] if found.get("theirs") else []
    if as_commit or found.get("branch"):
        lines.append(f"the other side: {', '.join([*sides, *as_commit])}")
    for key in ("hunks", "log"):
        lines += [f"  {line}" for line in str(found.get(key, "")).splitlines()]
    if found.get("archive"):
        lines.append(
            f"all of its log: `gitfleet queue show --log {shellwords.word(entry)}`, from node {found.get('node')}"
        )
    return lines


def why(entry: OfEntry) -> Reply:
    """Show why an entry waits: one reason, the evidence, and one next step. Local, without the network."""
    with Fleet.open(announce=render.note) as fleet:
        found = views.why(fleet, entry)
        lines = [f"{found['branch']} is {found['state']} ({found['reason']}): {found['why']}"]
        lines += _evidence(found["evidence"], found["id"])
        again = found["state"] in HANDED_BACK and found["next"] == advice.QUEUE_ADD.of(found["branch"])
        when = ", with a new commit on it" if again else ""
        lines += [f"next{when}: {found['next']}"] if found["next"] else []
        return informed(fleet, found, lines)


def _change(
    session: str | None,
    change: Callable[[MergeQueue, SessionId], EntryChanged],
    words: str,
    who: Callable[[Fleet, str | None], SessionId] = Fleet.whoami,
) -> Reply:
    """Change one entry, and say what it is now."""
    with as_session(session, who) as (fleet, own):
        done = change(fleet.queue, own)
        data = views.changed(fleet, own, done)
        row = data["entry"]
        lines = [
            f"{words}: {row['branch']}, {row['state']}, priority {row['priority']} ({row['band']}), entry {row['id']}"
        ]
        lines += [
            f"held, since it is built upon that: {above['branch']}, entry {above['id']}"
            for above in data["held"]
        ]
        return _told(done, Reply(data, lines, warnings=fleet.messages(own), session=own))


def _told(done: Answer, reply: Reply) -> Reply:
    """The same; where the hub's answer never came, with what that means: it may come too late."""
    if not done.tentative:
        return reply
    words = "the hub's answer never came, so this may not hold yet; `gitfleet sync` settles it"
    return replace(reply, code=13, status="tentative", warnings=[*reply.warnings, words])


def bump(
    entry: OfEntry,
    to: NewPriority = None,
    priority: Priority = None,
    title: Title = None,
    session: Session = None,
) -> Reply:
    """Give an entry another priority; it keeps its number, so among equals its place."""
    if to is not None and priority is None and to.isdecimal() and int(to) <= 100:
        priority = int(to)
    elif to is not None or priority is None:
        words = "A bump names one priority, from 0 to 100."
        raise UsageError(words, hint="Write `gitfleet queue bump ENTRY PRIORITY`.")
    another = _is_another(session)
    return _change(
        session,
        lambda queue, own: queue.change(own, entry, priority=priority, title=title, by_another=another),
        "changed",
    )


def hold(entry: OfEntry, reason: Reason = "", session: Session = None) -> Reply:
    """Keep an entry from landing until `unhold`. One that has landed is refused (exit code 10)."""
    return _change(session, lambda queue, own: queue.hold(own, entry, reason), "held")


def unhold(entry: OfEntry, session: Session = None) -> Reply:
    """Let a held entry wait for its turn again."""
    return _change(session, lambda queue, own: queue.unhold(own, entry), "goes on")


def drop(entry: OfEntry, reason: Reason = "", session: Session = None) -> Reply:
    """Take an entry out of the queue; what is built upon it is held. One that has landed is refused (exit code 10)."""
    return _change(session, lambda queue, own: queue.drop(own, entry, reason), "dropped")


def retry(entry: OfEntry, session: Session = None) -> Reply:
    """Test again an entry that came back, without a new commit."""
    return _change(session, lambda queue, own: queue.retry(own, entry), "tried again")


def approve(entry: OfEntry, head: Head = "", session: Session = None) -> Reply:
    """Approve an entry although lines of others vanish by it (people only)."""
    return _change(
        session, lambda queue, own: queue.approve(own, entry, head), "approved", person("approves entries")
    )


def pause(
    reason: Annotated[str, Option("--reason", metavar="TEXT", help="Why; `queue list` shows it.")],
    floor: Floor = 101,
    freeze: Freeze = False,
    drain: Drain = False,
    session: Session = None,
) -> Reply:
    """Stop the queue: nothing is tested or lands until it is resumed. With --floor 80, hotfixes go on."""
    if freeze and drain:
        raise UsageError("--freeze and --drain exclude each other.", hint="Leave one of them out.")
    mode: Mode = "frozen" if freeze else "draining" if drain else "paused"
    with as_session(session) as (fleet, own):
        done = fleet.queue.pause(own, reason, mode=mode, floor=floor)
        data = views.paused(own, done)
        return _told(done, Reply(data, _pause(data["pause"]), warnings=fleet.messages(own), session=own))


def resume(session: Session = None) -> Reply:
    """Let the queue go on."""
    with as_session(session) as (fleet, own):
        data = views.paused(own, fleet.queue.resume(own))
        words = "the queue goes on" if data["before"]["mode"] else "the queue was not paused"
        return Reply(data, [words], warnings=fleet.messages(own), session=own)


def history(limit: Limit = 20) -> Reply:
    """List finished entries, the last added first: landed, dropped or expired."""
    with Fleet.open(announce=render.note) as fleet:
        found = views.history(fleet, limit)
        cells = [
            (row["state"], row["branch"], row["session"], row["title"], row["landed"][:12] or "-", row["id"], row["why"])
            for row in found["entries"]
        ]  # fmt: skip
        head = ("STATE", "BRANCH", "SESSION", "TITLE", "COMMIT", "ENTRY", "WHY")
        lines: list[str | Grid] = (
            [Grid(head, cells, optional=("SESSION", "TITLE"))] if cells else ["nothing was finished yet"]
        )
        return informed(fleet, found, lines)


def stats() -> Reply:
    """Show figures of the queue: landings, gate runs for each, waits by band, and outcomes of gates."""
    with Fleet.open(announce=render.note) as fleet:
        found = queue_stats.stats(fleet)
        hourly, runs = found["per_hour"], found["runs_per_landing"]
        lines = [f"landed in an hour: {'?' if hourly is None else f'{hourly:.1f}'}"]
        lines += [f"gate runs for each entry that landed: {'?' if runs is None else f'{runs:.2f}'}"]
        lines += [f"{name}: {count}" for name, count in sorted(found["counts"].items())]
        lines += [
            f"wait, {row['band']}: {_expected(row['wait'])}, over {row['landed']}" for row in found["waits"]
        ]
        return informed(fleet, found, lines)


def revert(entry: OfEntry, session: Session = None) -> Reply:
    """Queue the revert of an entry that has landed, at priority 90, as a branch of its own under claims of this session."""
    with as_session(session) as (fleet, own):
        done = fleet.revert(own, entry)
        data = views.added(fleet, own, done)
        return Reply(data, _added(data, done), warnings=[*done.warnings, *fleet.messages(own)], session=own)
