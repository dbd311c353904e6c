"""`session start -- COMMAND`: a command run as a session, in a worktree of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.text import counted
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.claiming import kept
from gitfleet.clients.acting import CLIENTS
from gitfleet.errors import FleetError
from gitfleet.fleet import hooks
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import starting_rows
from gitfleet.git.repository import discover
from gitfleet.githooks.agents import client_versions, ready
from gitfleet.launching import launcher
from gitfleet.launching.committing import Made
from gitfleet.launching.launcher import Launch, LaunchEnd, Launcher, LaunchPlace
from gitfleet.trunk import hub_head, policy_file
from gitfleet.upkeep import round
from gitfleet.upkeep.maintainer import Options
from gitfleet.worktrees.ensure import Wish

__all__ = ["Launch", "Where", "start"]


class Where(NamedTuple):
    """Where the command is to work: `here`, or in a managed worktree that follows `base`."""

    here: bool = False
    folder: str = ""
    base: str = ""
    strategy: str = "merge"
    maintain: bool = True


def start(launch: Launch, where: Where) -> Reply:
    """Run it to its end. Says what goes on to standard error: standard output is the command's own."""
    try:
        return _started(launch, where)
    except FleetError as error:  # upkeep came first, and it may have changed something
        error.unharmed = error.unharmed and "The command was not started."
        raise


def _started(launch: Launch, where: Where) -> Reply:
    command = launcher.program(launch.command, launch.agent)
    agent = launch.agent or launcher.agent_of(command)
    launch = launch._replace(command=command, agent=agent)
    with Fleet.open(announce=say) as fleet:
        files.tryout(os.path.join(fleet.ledger.state, "commits", "tryout"))  # before upkeep changes anything
        claims = [pattern.text for pattern in fleet.claims.patterns(launch.claims)]  # from this folder
        launch = launch._replace(claims=claims)
        _ready(fleet, where)
        place = _place(fleet, launch, where)
    _gate(place.path, launcher.agent_of(command))
    ended = Launcher(place, say).run(launch)
    return _answer(ended)


def _gate(worktree: str, client: str) -> None:
    """Make the worktree ready for a client that we have hooks for, and warn where its edits would not be checked."""
    if client not in CLIENTS:
        return
    try:
        repository = discover(worktree)
        told = [*ready.prepare(client, repository), *ready.warnings(client, repository)]
    except FleetError as error:
        told = [error.message]
    for words in [*told, client_versions.doubt(client_versions.look(client))]:
        if words:
            say(f"warning: {words}")


def say(words: str) -> None:
    """Tell people, if there is still somebody: a terminal that was closed must not keep the session from its end."""
    with suppress(OSError):
        render.note(words)


def _ready(fleet: Fleet, where: Where) -> None:
    """Upkeep before anything starts: what fails is said, and stops nothing."""
    for words in [
        *policy_file.refresh(fleet.repository, fleet.ledger.node),
        *hooks.put_again(fleet.repository),
    ]:
        say(f"warning: {words}")
    if not where.maintain:
        return
    try:
        strategy = (
            "merge" if where.strategy == "rebase" else where.strategy
        )  # nobody asked for others' to be rewritten
        done = round.run(fleet, Options(strategy=strategy), ledger=False)
    except FleetError as error:
        say(f"warning: upkeep failed: {error.message}")
        return
    failed = [f"{one.session}: {one.reason}" for one in done.outcomes if one.failed]
    for words in [
        *(f"{failure.step}: {failure.message}" for failure in done.failures),
        *failed,
        *done.warnings,
    ]:
        say(f"warning: upkeep: {words}")


def _place(fleet: Fleet, launch: Launch, where: Where) -> LaunchPlace:
    if where.here:
        return LaunchPlace(fleet.repository.worktree or os.getcwd())
    wish = Wish(
        agent=launch.agent, base=where.base, session=launch.id or None, folder=where.folder,
        pid=os.getpid(),
    )  # fmt: skip
    found = fleet.worktrees.ensure(wish, reconcile=True, strategy=where.strategy)
    if found.outcome is not None and found.outcome.failed:
        say(f"warning: {found.outcome.reason}")
    for words in hub_head.news(fleet.ledger, once=True):
        say(f"warning: {words}")
    made = "new" if found.choice.created else "reused"
    say(f"worktree {found.managed.path} ({made}, branch {found.managed.branch})")
    return LaunchPlace(found.managed.path, found.managed if found.choice.created else None)


def _answer(ended: LaunchEnd) -> Reply:
    released = ended.answer.released if ended.answer else ()
    retained = ended.answer.retained if ended.answer else ()
    how = "was interrupted" if ended.interrupted else "ended"
    words = f"session {ended.session.id} {how}, exit code {ended.code}"
    if ended.goes_on:
        words = f"session {ended.session.id} goes on without its command, exit code {ended.code}"
    words += (
        _committed(ended.made)
        + _listed("released", [claim.pattern for claim in released])
        + "".join(f"; {line}" for line in kept(retained))
    )
    say(f"gitfleet: {words}")
    status = "ok" if ended.code == 0 else "command-failed"
    return Reply(starting_rows.launched(ended), [], status, ended.code, ended.warnings)


def _committed(made: Made | None) -> str:
    return (
        f"; committed {counted(len(made.paths), 'file')}: {made.commit[:12]}" if made and made.commit else ""
    )


def _listed(verb: str, patterns: Sequence[str]) -> str:
    return f"; {verb}: {', '.join(patterns)}" if patterns else ""
