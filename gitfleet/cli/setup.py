"""`init` and `uninstall`, and the folder that commands run in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

from gitfleet.base import files
from gitfleet.base.names import BranchName, SessionId
from gitfleet.base.text import one_line
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.errors import FleetError, NoSession, UsageError
from gitfleet.fleet import hooks, joining
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.probe import Trial
from gitfleet.fleet.views import joining_rows
from gitfleet.fleet.views.joining_rows import InitAnswer, UninstallAnswer
from gitfleet.git.repository import discover
from gitfleet.githooks import install
from gitfleet.githooks.agents import uninstalling
from gitfleet.launching import draft_claim
from gitfleet.ledger.own_node import state_folder
from gitfleet.sessions import session_records
from gitfleet.sessions.service import Start
from gitfleet.trunk import policy_file
from gitfleet.upkeep import retained_worktrees
from gitfleet.upkeep.maintainer import Maintainer
from gitfleet.worktrees import leaving

Hub = Annotated[
    str | None, Option("--hub", metavar="REMOTE", help="The remote to agree through (default: origin).")
]
Force = Annotated[
    bool, Option("--force", help="Leave even if operations still wait for the hub; they are lost.")
]


def init(hub: Hub = None) -> Reply:
    """Make this clone a node of a fleet: hooks, a commented gitfleet.yaml, a session for you. Twice is harmless."""
    repository = discover()
    hooks.check(repository)
    joined = joining.join(repository, hub, render.note)
    with files.after("This clone is a node of the fleet now; run `gitfleet init` again for the rest."):
        installed = hooks.put(repository)
        warnings = [*joined.warnings, *installed.closed]
        with Fleet.open() as fleet:
            warnings += policy_file.refresh(fleet.repository, fleet.ledger.node)
            warnings += hooks.put_again(fleet.repository)  # the rules may switch on another gate
            person = _person(fleet)
            warnings += draft_claim.hold(fleet, person)
    where = f"the hub '{joined.node.hub}'" if joined.node.hub else "this clone alone"
    lines = [
        f"node {joined.node.id} {'joins' if joined.fresh else 'is part of'} the fleet that agrees through {where}",
        *_abilities(joined.findings),
        f"hooks: {'put into' if installed.changed else 'in place in'} {', '.join(installed.folders)}",
        *[f"hooks: {note}" for note in installed.notes],
        f"gitfleet.yaml: {_CONFIG[joined.config].format(trunk=joined.node.trunk)}",
        f"your session in this worktree: {person}",
        *_next(joined.config, joined.node.hub),
    ]
    data: InitAnswer = {
        "node": joined.node.id,
        "hub": joined.node.hub,
        "trunk": BranchName(joined.node.trunk),
        "fresh": joined.fresh,
        "probe": joining_rows.probe(joined.findings),
        "hooks": {"folders": list(installed.folders), "notes": list(installed.notes)},
        "session": person,
        "config": joined.config,
    }
    return Reply(data, lines, warnings=warnings)


def uninstall(force: Force = False) -> Reply:
    """Remove everything that gitfleet put into this clone. The records on the hub stay for the others."""
    repository = discover()
    if leaving.left(repository) and not os.path.isdir(state_folder(repository.common_dir)):
        kept = leaving.leave(repository)
        return Reply(
            UninstallAnswer(kept=kept),
            ["what was left for the worktrees was removed where it could be", *kept],
        )
    if not force:
        joining.check_leaving(repository)
    install.check_leaving(repository.common_dir, repository.worktree)
    warnings = _end_sessions(force=force)
    with files.after("The sessions of this clone have ended; run `gitfleet uninstall` again for the rest."):
        if not force:  # the hub may have gone away while the sessions ended
            joining.check_leaving(repository)
        removal = install.uninstall(repository.common_dir, repository.worktree)
        notes = [*removal.notes, *uninstalling.uninstall_everywhere(repository)]
        gone = [f"the maintainer is gone from {kind}" for kind in Maintainer(repository).uninstall()]
        kept = joining.leave(repository, force=force)
    lines = ["hooks, refs, settings and state of gitfleet are gone from this clone", *gone, *kept]
    return Reply(UninstallAnswer(kept=kept), lines, warnings=[*warnings, *notes])


_CONFIG = {
    "written": "written, and claimed for you; its rules hold once it has landed on '{trunk}'",
    "kept": "kept; its rules hold once it has landed on '{trunk}'",
    "landed": "its rules hold as they stand on '{trunk}'",
    "none": "none yet, so the defaults hold; the clone that started the fleet has one to land on '{trunk}'",
}


def _next(config: str, hub: str) -> list[str]:
    """What one does now."""
    push = ", `git push`" if hub else ""
    land = f"`git add gitfleet.yaml`, `git commit`{push}: then these rules hold for all (edit them first, if you like)"
    work = f"`gitfleet claim PATH`, change it, `git commit`{push}"
    return [f"next: {work}", *([f"next: {land}"] if config == "written" else [])]


def _abilities(findings: Sequence[Trial]) -> list[str]:
    """What was found out about the hub, in one line."""
    good = [finding.what for finding in findings if finding.ok]
    bad = [f"{finding.what}: {one_line(finding.words)}" for finding in findings if not finding.ok]
    words = [*([f"{', '.join(good)}: ok"] if good else []), *bad]
    return [f"hub: {'; '.join(words)}"] if words else []


def _person(fleet: Fleet) -> SessionId:
    """The session of the person whose worktree this is; a person outside any agent's session acts for it."""
    worktree = fleet.repository.worktree or ""
    known = [
        session for session in fleet.sessions.local.all() if session.person and session.worktree == worktree
    ]
    if known and session_records.find(fleet.current().view, known[0].id) is not None:
        return known[0].id
    name = fleet.repository.here.line("config", "--get", "user.name") or "person"
    own = known[0].id if known else ""  # the fleet began anew, and has forgotten it
    started = fleet.sessions.start(
        Start(id=own, agent=name.split()[0] if name.split() else "person", person=True)
    )
    return started.session.id


def _end_sessions(*, force: bool) -> list[str]:
    """End this clone's sessions, so that nobody waits for their claims; what is said about that. Raises, with nothing changed, unless forced."""
    try:
        with Fleet.open() as fleet:
            mine = fleet.sessions.local.all()
            live = [session for session in mine if session.alive and not session.person]
            if live and not force:
                words = f"Session {live[0].id} is still at work in {live[0].worktree}."
                raise UsageError(words, hint=f"End it first: `gitfleet session end {live[0].id}`.")
            fleet.ledger.sync()  # a hub that is out of reach is found out before anything ends
            for session_id in sorted({session.id for session in mine} | _of_node(fleet)):
                with suppress(NoSession):  # it has ended already
                    fleet.sessions.end(session_id)
            return retained_worktrees.abandon(fleet)
    except FleetError as error:
        if not force:
            raise
        return [error.message]


def _of_node(fleet: Fleet) -> set[SessionId]:
    """The sessions that the fleet has of this node, those included that the clone has forgotten."""
    return {one.id for one in session_records.readable(fleet.current().view, fleet.ledger.node.id)}
