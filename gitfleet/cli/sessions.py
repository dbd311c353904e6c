"""`session start|adopt|end`."""

from __future__ import annotations

import os
from typing import Annotated

from gitfleet.base.names import SessionId
from gitfleet.base.text import display
from gitfleet.cli import render, starting
from gitfleet.cli.answer import Reply
from gitfleet.cli.claiming import kept
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.messages import as_session, person
from gitfleet.cli.options import SessionFlag
from gitfleet.errors import UNCHANGED, NoRepository, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import starting_rows
from gitfleet.git.repository import discover
from gitfleet.ledger.model import Status
from gitfleet.sessions import left_running, session_records
from gitfleet.sessions.service import Start
from gitfleet.trunk import draft
from gitfleet.worktrees.model import MANAGED_DIR

Id = Annotated[str | None, Option("--id", metavar="ID", help="The session's id (default: a new one).")]
Agent = Annotated[str, Option("--agent", metavar="NAME", help="Which agent it is, e.g. codex.")]
Title = Annotated[str, Option("--title", metavar="TEXT", help="What it works on.")]
Label = Annotated[
    str,
    Option("--orchestrator", metavar="LABEL", help="What drives it; replaces what gitfleet infers."),
]
Pid = Annotated[
    int, Option("--pid", metavar="PID", help="The process it lives with (default: the caller's).")
]
Log = Annotated[
    str, Option("--log", metavar="FILE", help="Its log; `gitfleet status --tail` shows the end of it.")
]
Command = Annotated[
    list[str] | None,
    Argument(metavar="[-- COMMAND [ARG]...]", help="What to run as a session (default: nothing)."),
]
ClaimPaths = Annotated[
    list[str] | None,
    Option(
        "--claim",
        metavar="PATH",
        help="With COMMAND: claim this first, and start only if it is granted; repeatable.",
    ),
]
LaunchAgent = Annotated[
    bool,
    Option("--launch", help="Without COMMAND: run the agent's program, codex or claude, as found on PATH."),
]
HereOnly = Annotated[
    bool,
    Option("--here", "--no-worktree", help="With COMMAND: work in this worktree, not in a managed one."),
]
ManagedDir = Annotated[
    str, Option("--managed-dir", metavar="DIR", help="With COMMAND: where managed worktrees are made.")
]
BaseName = Annotated[
    str,
    Option(
        "--base", metavar="BRANCH", help="With COMMAND: the branch to follow (default: the fleet's trunk)."
    ),
]
Strategy = Annotated[
    str,
    Option(
        "--strategy",
        metavar="HOW",
        help="With COMMAND: merge, rebase, ff-only or none.",
        values=("merge", "rebase", "ff-only", "none"),
    ),
]
CommitWork = Annotated[
    bool,
    Option("--commit", help="With COMMAND: commit what the session's claims cover when it ends."),
]
Maintain = Annotated[
    bool,
    Option("--maintain/--no-maintain", help="With COMMAND: bring managed worktrees up to date first."),
]


def start(
    command: Command = None,
    id_: Id = None,
    agent: Agent = "",
    title: Title = "",
    orchestrator: Label = "",
    pid: Pid = 0,
    log: Log = "",
    claims_: ClaimPaths = None,
    launch: LaunchAgent = False,
    here: HereOnly = False,
    managed_dir: ManagedDir = MANAGED_DIR,
    base: BaseName = "",
    strategy: Strategy = "merge",
    commit: CommitWork = False,
    maintain: Maintain = True,
) -> Reply:
    """Register this worktree's session for the process that calls (or --pid), and print its id.

    With a COMMAND: run it as a session, in a managed worktree of its own, its terminal logged; end the session when it
    ends, with its exit code. Options after COMMAND's name are its own.
    """
    wanted = Start(agent=agent, title=title, orchestrator=orchestrator, log=log, pid=pid)
    if not (command or launch):
        if claims_ or commit:
            words = f"{'--claim' if claims_ else '--commit'} is for a COMMAND."
            raise UsageError(words, hint=f"Use `{'gitfleet claim' if claims_ else 'git commit'}`.")
        return _start(id_, wanted)
    if pid or log:
        words = "--pid and --log have no effect with a COMMAND, which has its own process and log."
        raise UsageError(words, hint="Leave them out.")
    _check_id(id_)
    from gitfleet.cli import launching  # worktrees and terminals: for nobody else

    where = launching.Where(here, managed_dir, base, strategy, maintain)
    wish = launching.Launch(
        command or (), SessionId(id_ or ""), agent, title, orchestrator, claims_ or (), commit
    )
    return launching.start(wish, where)


def adopt(
    pid: Annotated[int, Option("--pid", metavar="PID", help="The running agent.")],
    id_: Id = None, agent: Agent = "", title: Title = "", orchestrator: Label = "", log: Log = "",
) -> Reply:  # fmt: skip
    """Register an agent that is already running, in the worktree that it works in."""
    wanted = Start(agent=agent, title=title, orchestrator=orchestrator, log=log, pid=pid)
    _check_id(id_)
    _enter_worktree_of(pid)
    return _start(id_, wanted)


def end(
    id_: Annotated[str | None, Argument(
            metavar="[ID]",
            help="Which (default: the one that this command runs in).",
            complete="own_sessions",
        )] = None,
    session: SessionFlag = None,
    lost: Annotated[bool, Option("--lost", help="The session is of another clone, whose machine is lost (people only).")] = False,
    reason: Annotated[str, Option("--reason", metavar="TEXT", help="With --lost: why; it is in the log.")] = "",
) -> Reply:  # fmt: skip
    """End a session: release its claims, and show what it left.

    Without ID it is the one that this command runs in, never another one that is at work in this worktree. With --lost, a
    person ends a session of another clone, unless that clone shows signs of life; claims that its branches retain
    stay.
    """
    if lost:
        return _dismiss(id_, session, reason)
    if reason:
        raise UsageError("--reason is for --lost.", hint="Leave it out.")
    if id_ is not None and session not in {None, id_}:
        raise UsageError("Two sessions were named.", hint="Name the one to end, once.")
    with Fleet.open(announce=render.note) as fleet:
        session = fleet.caller(session if id_ is None else id_)
        ended = fleet.end_session(session)
        result, left = ended.result, list(ended.left)
        tentative = " (tentative: the hub was out of reach)" if result.status is Status.TENTATIVE else ""
        lines = [f"session {session} ended{tentative}"]
        lines += [f"released: {claim.pattern}" for claim in result.released]
        lines += kept(result.retained)
        lines += [f"{draft.CONFIG} is claimed for session {ended.heir} now"] if ended.heir else []
        lines += [*left, *left_running.told(session, ended.running)]
        warnings = fleet.ledger.notices.fresh(session)
        return Reply(
            starting_rows.ended(result, left, ended.running), lines, warnings=warnings, session=session
        )


def _dismiss(id_: str | None, session: str | None, reason: str) -> Reply:
    if id_ is None:
        raise UsageError("--lost needs the session's ID.", hint="See `gitfleet session list`.")
    _check_id(id_)
    with as_session(session, person("ends sessions of other clones")) as (fleet, own):
        result = fleet.dismiss_session(own, SessionId(id_), reason)
        lines = [f"session {id_} of node {result.session.node} ended"]
        lines += [f"released: {claim.pattern}" for claim in result.released]
        lines += kept(result.retained)
        return Reply(starting_rows.ended(result, []), lines, warnings=fleet.messages(own), session=own)


def _check_id(id_: str | None) -> None:
    if id_ is not None:
        session_records.folder(id_)  # raises for an id that is none, the empty one included


def _start(id_: str | None, wanted: Start) -> Reply:
    _check_id(id_)
    wanted = wanted._replace(id=id_ or "")
    with Fleet.open(announce=render.note) as fleet:
        begun = fleet.start_session(wanted)
        result = begun.result
        warnings = [*begun.warnings, *starting.told(fleet, result, wanted)]
        return Reply(
            starting_rows.started(result),
            [begun.session],
            warnings=warnings,
            session=begun.session,
        )


def _enter_worktree_of(pid: int) -> None:
    """Go where the process works, if that can be told; otherwise stay."""
    place = ""
    try:
        place = os.readlink(f"/proc/{pid}/cwd")
        os.chdir(place)
        discover()
    except NoRepository as error:
        words = f"Process {pid} works in {display(place)}, which is in no git repository."
        raise NoRepository(
            words, unharmed=UNCHANGED, hint="Adopt it once it works in a worktree of this fleet.", path=place
        ) from error
    except FileNotFoundError as error:
        if os.path.isdir("/proc/self"):
            words = f"Process {pid} works in a folder that is gone" if place else f"There is no process {pid}"
            raise UsageError(f"{words}.", hint="Pass the agent's pid.") from error
    except PermissionError as error:
        words = f"Process {pid} belongs to another user."
        raise UsageError(words, hint="Adopt your own processes.") from error
