"""`scan`: the processes of this host, whose they are, and what they use. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from gitfleet.base import text
from gitfleet.cli import render
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Option
from gitfleet.errors import UsageError
from gitfleet.fleet.views import scan_rows
from gitfleet.fleet.views.scan_rows import (
    ScanAnswer,
    ScanBySessionAnswer,
    ScanGroupRow,
    ScannedHostRow,
    SessionUseRow,
)
from gitfleet.onhost import candidate_form
from gitfleet.onhost.records import KEEP
from gitfleet.onhost.redaction import FORENSIC, PROFILES, SAFE
from gitfleet.triage import this_host
from gitfleet.triage.this_host import HostLook

By = Annotated[
    str,
    Option(
        "--by",
        metavar="WHAT",
        help="session: what each session uses, instead of groups.",
        values=("session",),
    ),
]
All = Annotated[bool, Option("--all", help="Also list what is supervised and was started by no session.")]
Profile = Annotated[
    str,
    Option(
        "--profile",
        metavar="NAME",
        help="How words are shown: forensic (all but secrets; the default), safe (known words; the default of a report), minimal (none).",
        values=PROFILES,
    ),
]
Seconds = Annotated[
    float, Option("--seconds", min=0, max=30, help="Time between the two samples that rates are from.")
]
Report = Annotated[
    str,
    Option("--report", metavar="FILE", help="Write it as a page, too: one HTML file, for this user alone."),
]
_COLOURS = {"live": "green", "ended": "red", "unknown": "yellow"}


def scan(
    by: By = "", all_: All = False, profile: Profile = "", seconds: Seconds = 1.0, report: Report = ""
) -> Reply:
    """Show what runs on this host, which session started it, and what nobody looks after. Changes nothing.

    Works outside of a repository, too; inside of a fleet, the sessions that it knows are told apart.
    """
    profile = profile or (SAFE if report else FORENSIC)
    if profile not in PROFILES:
        raise UsageError(
            f"'{text.display(profile[:40])}' is no profile.", hint=f"One of {', '.join(PROFILES)}."
        )
    if by not in ("", "session"):
        raise UsageError(f"A scan cannot be shown by '{text.display(by[:40])}'.", hint="By session.")
    found = this_host.look(profile=profile, seconds=seconds)
    warnings = [found.problem] if found.problem else []
    if report:
        _write(report, found)
    if by:
        uses = scan_rows.session_answer(found)
        return Reply(uses, _sessions(uses), warnings=warnings)
    answer = scan_rows.scan_answer(found)
    return Reply(answer, _groups(answer, everything=all_), warnings=warnings)


def _write(path: str, found: HostLook) -> None:
    """Write the page of a scan. Raises Blocked for a file that is no report."""
    from gitfleet.fleet.reports import page, scan_page  # templates cost 50 ms, and most scans write none

    uses = scan_rows.session_answer(found)["sessions"]
    name = candidate_form.host_name(found.findings.table.facts, found.hides)
    taken = int(found.findings.table.taken)
    page.write(path, scan_page.html(scan_rows.scan_answer(found), uses, name=name, at=taken))
    render.note(f"{text.display(path)}: written")


def _groups(answer: ScanAnswer, *, everything: bool) -> Iterator[str | Grid]:
    yield from _host(answer["host"])
    shown = [row for row in answer["groups"] if everything or _is_to_be_seen(row)]
    dead = [row["parent"] for row in answer["groups"] if row["zombie"] and row not in shown]
    left_out = len(answer["groups"]) - len(shown) - len(dead)
    counts = text.counted(answer["processes"], "process")
    yield f"{counts} of this user in {text.counted(len(answer['groups']), 'group')}"
    if shown:
        head = (
            "PID", "N", "AGE", "CPU", "RSS", "PORTS", "SESSION", "STATE", "BY", "LEFT", "KIND", "ABANDONED", "COMMAND",
        )  # fmt: skip
        yield Grid(
            head,
            [_cells(row) for row in shown],
            coloured="STATE",
            colours=_COLOURS,
            optional=("BY", "PORTS", "N"),
        )
    if dead:
        parents = text.some([str(parent) for parent in sorted(set(dead))])
        yield f"ended, but not yet collected by their parents: {len(dead)} (parents: {parents})"
    if left_out:
        yield f"supervised, started by no session, and not listed (--all): {left_out}"


def _is_to_be_seen(row: ScanGroupRow) -> bool:
    """What is of a session, what nobody looks after, and what something could be done about."""
    judgement = row["judgement"]
    left = row["orphan"] and not row["zombie"]
    return bool(row["session"] or left or (judgement and judgement["action"] != KEEP))


def _cells(row: ScanGroupRow) -> tuple[str, ...]:
    ports, found = row["listening"], row["judgement"]
    return (
        str(row["leader"]),
        str(row["processes"]),
        text.duration(row["age"]),
        "?" if row["cpu"] is None else f"{row['cpu'] * 100:.0f}%",
        text.amount(row["rss"]),
        "?" if ports is None else text.some([str(port) for port in ports]),
        row["session"] or "",
        row["session_state"] if row["session"] else "",
        row["origin"] if row["session"] else "",
        f"zombie of {row['parent']}" if row["zombie"] else "orphan" if row["orphan"] else "",
        found["category"] if found else "",
        f"{found['posterior']['abandoned']:.2f}, {found['action']}" if found else "",
        text.one_line(row["command"], 120),
    )


def _sessions(answer: ScanBySessionAnswer) -> Iterator[str | Grid]:
    yield from _host(answer["host"])
    rows = [_use(row) for row in answer["sessions"]]
    if not any(row["session"] for row in answer["sessions"]):
        yield "no processes of sessions"
    head = ("SESSION", "STATE", "PROCESSES", "ORPHANS", "MEMORY", "RSS", "SWAP", "CPU", "OLDEST", "WORKTREE")
    yield Grid(head, rows, coloured="STATE", colours=_COLOURS, optional=("WORKTREE", "SWAP", "RSS"))


def _use(row: SessionUseRow) -> tuple[str, ...]:
    memory = text.amount(row["pss"]) + (" + ?" if row["unweighed"] else "") if row["session"] else ""
    return (
        row["session"] or "(none)",
        row["state"] if row["session"] else "",
        str(row["processes"]),
        str(row["orphans"]),
        memory,
        text.amount(row["rss"]),
        text.amount(row["swap"]),
        "?" if row["cpu"] is None else f"{row['cpu'] * 100:.0f}%",
        text.duration(row["oldest"]),
        row["worktree"],
    )


def _host(host: ScannedHostRow) -> Iterator[str]:
    """The machine in a line, what it suffers from, and what could not be seen."""
    memory = f"{text.amount(host['memory_available'])} of {text.amount(host['memory_total'])} memory free"
    load = " ".join(f"{one:.2f}" for one in host["load"])
    yield f"{host['cores']} cores, load {load or '?'}; {memory}; up {text.duration(host['uptime'])}"
    waits = [f"{name} {share:.0f}%" for name, share in host["pressure"].items() if share is not None]
    yield "waiting in the last minute: " + (", ".join(waits) if waits else "not told by this kernel")
    if host["oom_kills"]:
        yield f"killed by the kernel for want of memory since boot: {host['oom_kills']}"
    if host["unreadable"]:
        yield f"partly unreadable, so they count as unknown: {host['unreadable']} of this user's processes"
    if host["foreign"]:
        yield f"of other users, and not looked at: {host['foreign']}"
    if host["hidden"]:
        yield "this system hides processes: what is not seen may still be there"
