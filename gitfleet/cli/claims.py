"""`claim`, `release`, `claims`, `check` on the full command line; what they do is in `claiming`."""

from __future__ import annotations

from typing import Annotated

from gitfleet.claims.service import Terms
from gitfleet.claims.tickets import DEFAULT_PRIORITY
from gitfleet.cli import claiming
from gitfleet.cli.answer import Answer
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.options import OfSession, SessionId, seconds
from gitfleet.errors import UsageError

Paths = Annotated[
    list[str],
    Argument(
        metavar="PATH...", help="Files, folders, globs, from the root (`./x`: from here); or `res:NAME`."
    ),
]
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
    str | None, Option("--branch", metavar="NAME", help="What this branch retains (persons only).")
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
    session: SessionId = None,
    shared: Shared = False,
    exclusive: Exclusive = False,
    ttl: Ttl = None,
    partial: Partial = False,
    reason: Reason = "",
    wait: Wait = False,
    timeout: Timeout = None,
    priority: Priority = DEFAULT_PRIORITY,
) -> Answer:
    """Claim paths for this session: all of them, or nothing (exit code 10, with every holder's name).

    With --wait, stand in line for what others hold: first come, first served; exit code 11 when the time is over (the
    place is kept), 14 when waiting would never end.
    """
    if shared and exclusive:
        raise UsageError("A claim is either shared or exclusive.", hint="Leave one of the options out.")
    mode = True if shared else False if exclusive else None
    terms = Terms(shared=mode, ttl=None if ttl is None else seconds(ttl), reason=reason, partial=partial)
    if not wait and (timeout is not None or priority != DEFAULT_PRIORITY):
        words = "--timeout and --priority need --wait."
        raise UsageError(words, hint="Add `--wait`, or leave them out.")
    if not wait:
        return claiming.claim(session, paths, terms)
    if partial:
        raise UsageError("--wait waits for all of the paths.", hint="Leave `--partial` out, or `--wait`.")
    limit = None if timeout is None else float(seconds(timeout))
    return claiming.wait(session, paths, terms._replace(priority=priority), limit)


def release(
    paths: OwnPaths = None,
    session: SessionId = None,
    everything: All = False,
    branch: OfBranch = None,
) -> Answer:
    """Release claims of this session: those on PATH and below, or all of them.

    What others hold is theirs to release (exit code 10).
    """
    if branch is None:
        return claiming.release(session, paths or [], everything=everything)
    if paths or everything:
        raise UsageError("--branch goes alone.", hint="Leave paths and `--all` out, or `--branch`.")
    return claiming.let_go(session, branch)


def claims(
    paths: SomePaths = None,
    session: OfSession = None,
    older_than: Older = None,
    waiting_line: WaitingLine = False,
) -> Answer:
    """List the claims of the fleet, by path, session and age; with --waiting, who stands in line for them."""
    if waiting_line:
        from gitfleet.cli import handing  # of no use to a list of claims

        return handing.waiting()
    return claiming.claims(
        session, paths or [], older_than=None if older_than is None else seconds(older_than)
    )


def check(
    paths: SomePaths = None,
    revisions: Revisions = None,
    staged: Staged = False,
    hub: Hub = None,
    report: Report = None,
    session: SessionId = None,
) -> Answer:
    """Say of each path: free, mine, theirs (exit code 10) or not to be told (13). Local, without the network.

    With --range or --staged: judge commits, or what is staged, against the hub of now and the rules on its trunk. Exit
    code 10 where another session holds a path, 15 where the path was granted to another since, 16 where a commit names
    no claim for it, 13 where that cannot be told, 30 where the hub cannot be reached. --range needs no `gitfleet init`.
    """
    if bool(paths) + (revisions is not None) + staged > 1:
        raise UsageError("Paths, --range and --staged exclude each other.")
    if revisions is not None or staged:
        from gitfleet.cli import check_commits  # the gates and the hub: of no use to a check of paths

        if revisions is not None:
            return check_commits.commits(revisions, hub, report)
        return check_commits.staged(session, report)
    return claiming.check(session, paths or [])
