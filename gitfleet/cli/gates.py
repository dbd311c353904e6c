"""`gate run|status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.base.stopping import StopRequests
from gitfleet.base.text import counted, display
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.messages import acting_session
from gitfleet.cli.options import seconds
from gitfleet.errors import HubUnreachable, UsageError
from gitfleet.fleet import gates, hub_state
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import gate_rows
from gitfleet.fleet.views.gate_rows import GateOutcomeRow, GatePartRow, GateStatusAnswer
from gitfleet.gates import judging
from gitfleet.gates.model import BY_SESSION, CI, PASSED
from gitfleet.gates.service import GateTerms, GateTested, PartRun, unconfigured
from gitfleet.git import checkout
from gitfleet.git.repository import discover

_CODES = {"passed": 0, "failed": 20, "indeterminate": 13, "unknown": 13}
QUEUED = 11
_SHOWN = 10

Tree = Annotated[
    str | None, Option("--tree", metavar="OID", help="A tree, or anything that has one (default: HEAD's).")
]
CommitName = Annotated[str | None, Option("--commit", metavar="REV", help="A commit (default: HEAD).")]
PartName = Annotated[str, Option("--part", metavar="NAME", help="Only this part of the gate.")]
Ci = Annotated[
    bool,
    Option(
        "--ci",
        help="The verdict is CI's. A checkout that is in no fleet becomes a node of it, without hooks.",
    ),
]
Again = Annotated[bool, Option("--again", help="Run it even if there is a verdict already.")]
Timeout = Annotated[
    str, Option("--timeout", metavar="TIME", help="How long to wait for runs of others (default: 0s).")
]
Hub = Annotated[
    str | None, Option("--hub", metavar="REMOTE", help="The hub's remote (default: the fleet's, or origin).")
]
Session = Annotated[
    str | None,
    Option(
        "--session",
        metavar="ID",
        help="Act for this session (default: the one of this worktree).",
        complete="own_sessions",
    ),
]


def run(
    commit: CommitName = None, tree: Tree = None, part: PartName = "", ci: Ci = False, again: Again = False,
    timeout: Timeout = "0s", hub: Hub = None, session: Session = None,
) -> Reply:  # fmt: skip
    """Run the gate on a commit, away from your files, and tell the fleet the verdict. A verdict that is known is not
    made again.
    """
    revision, whole = _named(commit, tree)
    if ci and session is not None:
        raise UsageError("CI acts for no session.", hint="Leave --ci or --session out.")
    repository = discover()
    with gates.opened(repository, hub, render.note, join=ci) as fleet:
        warnings = _news(fleet)
        wanted = fleet.gates.target(revision, tree=whole)
        if commit is None and tree is None:
            warnings += _dirt(fleet)
        acting = (not ci and acting_session(fleet, session)) or SessionId("")
        terms = GateTerms(CI if ci else BY_SESSION, acting, part, again, float(seconds(timeout)))
        try:
            with StopRequests():  # so that a run which is ended is given back
                done = fleet.gates.run(wanted, terms, progress=_progress)
        finally:
            render.progress("")
        heard = fleet.messages(acting) if acting else []
        return _ran(done, [*warnings, *heard], acting)


def status(tree: Tree = None, commit: CommitName = None, hub: Hub = None) -> Reply:
    """Show what the fleet knows of a tree, as the exit code too: 0 passed, 20 failed, 11 being run, 13 not known, 16
    no gate configured.
    """
    revision, whole = _named(commit, tree)
    found, warnings = gates.status(discover(), revision, hub, tree=whole)
    data = gate_rows.standing(found)
    if not found.configured:
        error = unconfigured()
        return Reply(data, [error.message], "unconfigured", error.exit_code, [*warnings, error.hint])
    code = QUEUED if found.running and _CODES[found.word] == 13 else _CODES[found.word]
    return Reply(data, _lines(data), found.word if code != QUEUED else "running", code, warnings)


def _progress(line: str, passed: float) -> None:
    render.progress(f"{judging.took(passed)}: {line}")


def _named(commit: str | None, tree: str | None) -> tuple[str, bool]:
    if commit is not None and tree is not None:
        raise UsageError("A tree or a commit can be tested, not both.", hint="Leave --tree or --commit out.")
    return (tree, True) if tree is not None else (commit or "HEAD", False)


def _news(fleet: Fleet) -> list[str]:
    """Have the hub's ledger and rules here, if it can be reached; warnings."""
    try:
        return list(hub_state.of_node(fleet).warnings)
    except HubUnreachable as error:
        return [f"{error.message} This goes by what was last seen of it."]


def _dirt(fleet: Fleet) -> list[str]:
    here = fleet.repository
    if here.worktree is None:
        return []
    dirty = checkout.look(here.worktree, here.git_dir).dirty
    return (
        [f"the commit is tested, not the {counted(dirty, 'path')} that differ from it here"] if dirty else []
    )


def _ran(done: GateTested, warnings: Sequence[str], session: SessionId) -> Reply:
    data = gate_rows.run(done)
    queued = any(one.waits for one in done.parts) and _CODES[done.word] == 13
    code = QUEUED if queued else _CODES[done.word]
    lines = ["gate: none, so every tree passes"] if done.none else []
    for row, one in zip(data["parts"], done.parts, strict=True):
        lines += [_line(row) + _how(one)]
        if one.end is not None:
            lines += [f"  {text}" for text in one.end.tail[-_SHOWN:] if one.end.result != PASSED]
            lines += [f"  log: {one.end.path}"] if one.end.path else []
    said = list(warnings)
    said += [
        f"{row['part'] or 'the gate'} left processes behind ({row['left']}); they were ended"
        for row in data["parts"]
        if row["left"]
    ]
    if any(one.tentative for one in done.parts):
        said.append(f"the hub could not be reached: the verdict waits in this clone until {advice.SYNC}")
    if not done.counts and not done.none:
        said.append(
            "the rules do not count verdicts of this publisher (`queue: trust:`), so this decides no landing"
        )
    status = "queued" if queued else done.word if code else "ok"
    return Reply(data, lines, status, code, said, session=session)


def _how(one: PartRun) -> str:
    if one.end is not None:
        return f" (took {judging.took(one.end.seconds)})"
    return f"; not run now: {one.waits.message}" if one.waits else " (known already, and not run again)"


def _lines(data: GateStatusAnswer) -> list[str]:
    if data["none"]:
        return ["gate: none, so every tree passes"]
    rows = [_line(row) for row in data["parts"]]
    running = [
        f"{one['part'] or 'gate'}: being run by {one['session'] or one['by']} on node {one['node']}"
        for one in data["running"]
    ]
    return [f"tree {data['tree'][:12]}: {data['known']}", *rows, *running]


def _line(row: GatePartRow) -> str:
    words = f"{row['part'] or 'gate'}: {row['known']}"
    if row["outcome"] is not None:
        words += f", {_words(row['outcome'])}"
    if row["flaky"]:
        words += "; it is flaky: it has failed on the very same, too"
    if row["uncounted"]:
        words += f"; {counted(len(row['uncounted']), 'verdict')} of others that the rules do not count"
    return words


def _words(row: GateOutcomeRow) -> str:
    whose = f"session {row['session']}" if row["session"] else row["by"]
    why = f" ({row['reason']})" if row["reason"] else f" with exit code {row['code']}" if row["code"] else ""
    return f"run by {display(whose)} on node {display(row['node'])}{why}"
