"""`agent` and `prime`: an agent's own hooks, put in and taken out, and the briefing for its context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from gitfleet.base.names import SessionId
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.claiming import freshness
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.messages import acting_session
from gitfleet.cli.options import SessionFlag
from gitfleet.clients.acting import CLIENTS
from gitfleet.errors import Blocked, FleetError, NoFleet, NoRepository, UsageError
from gitfleet.fleet import briefing
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import agent_rows, briefing_rows
from gitfleet.git.repository import Repository, discover
from gitfleet.githooks.agents import (
    agent_hooks,
    client_versions,
    ready,
    registering,
    server_places,
    skills,
    wanted,
)
from gitfleet.githooks.agents.agent_hooks import SettingsPlace
from gitfleet.githooks.agents.server_places import ServerPlace
from gitfleet.githooks.agents.settings_files import SettingsChange
from gitfleet.githooks.agents.skills import SkillPlace
from gitfleet.githooks.agents.wanted import Scope
from gitfleet.ledger import own_node
from gitfleet.sessions import session_records

UNRUN = frozenset(["untrusted", "modified", "not read"])
Name = Annotated[str, Argument(metavar="AGENT", help=f"One of {', '.join(CLIENTS)}.", values=CLIENTS)]
User = Annotated[bool, Option("--user", help="In your own settings, for all your repositories.")]
Project = Annotated[
    bool, Option("--project", help="In this worktree only, in files that git ignores (the default).")
]

Sandbox = Annotated[
    str,
    Option(
        "--sandbox", metavar="open|closed",
        help="For codex: whether commands in its sandbox may write git's folder and reach the hub.",
        values=("open", "closed"),
    ),
]  # fmt: skip


def install(name: Name, user: User = False, project: Project = False, sandbox: Sandbox = "") -> Reply:
    """Put our hooks and tools (MCP) into an agent's settings: it then asks before it edits, and starts its own
    session. Everything else in its settings stays.
    """
    scope = _scope(user=user, project=project)
    _check_sandbox(name, sandbox, scope)
    repository = _repository(scope)
    changes = agent_hooks.install(name, scope, repository)
    if repository is not None and sandbox:
        changes += (
            agent_hooks.open_sandbox(repository)
            if sandbox == "open"
            else agent_hooks.close_sandbox(repository)
        )
    warnings: list[str] = []
    try:
        registered, warnings = registering.register(name, scope, repository)
        changes += registered
        changes += skills.install(name, scope, repository)
    except Blocked as error:
        warnings.append(
            f"{error.message} So {name} does not have all of our tools and our skill; its hooks are in place."
        )
    lines = _told(changes) or [f"the hooks of {name} are in place"]
    if any(change.what != "unchanged" for change in changes):
        lines.append(CLIENTS[name].NOTE)
    if words := client_versions.doubt(client_versions.look(name)):
        warnings.append(words)
    if repository is not None and not _in_fleet(repository):
        warnings.append(
            "this clone is not part of a fleet yet, and until then the hooks do nothing: `gitfleet init`"
        )
    return Reply(agent_rows.changed(name, scope, changes), lines, warnings=warnings)


def uninstall(name: Name, user: User = False, project: Project = False) -> Reply:
    """Remove exactly these from the agent's settings again."""
    scope = _scope(user=user, project=project)
    wanted.of(name)
    repository = _repository(scope)
    changes: list[SettingsChange] = []
    warnings: list[str] = []
    try:
        changes += registering.unregister(name, scope, repository)
        changes += skills.uninstall(name, scope, repository)
    except Blocked as error:
        warnings.append(error.message)
    changes += agent_hooks.uninstall(name, scope, repository)
    lines = _told(changes) or [f"there are no hooks of ours in the settings of {name}"]
    return Reply(agent_rows.changed(name, scope, changes), lines, warnings=warnings)


def status() -> Reply:
    """Show which agents have our hooks, our server of tools (MCP) and our skill, and where."""
    try:
        repository: Repository | None = discover()
    except NoRepository:
        repository = None
    looks = ready.looks(repository)
    servers, found = server_places.places(repository), skills.places(repository)
    rows: list[tuple[str, str, str, str, str]]
    rows = [(look.agent, look.scope, "hooks", look.state, look.path) for look in looks]
    rows += [(one.agent, one.scope, "tools", one.state, one.path) for one in servers]
    rows += [(one.agent, one.scope, "skill", one.state, one.path) for one in found]
    colours = {"in": "green", "outdated": "yellow", "unreadable": "red"} | dict.fromkeys(
        ("untrusted", "modified", "not"), "red"
    )
    rows.sort(key=lambda row: row[:2])
    grid = Grid(("AGENT", "SCOPE", "WHAT", "STATE", "FILE"), rows, coloured="STATE", colours=colours)
    with_ours = {row[0] for row in rows if row[3] not in {"absent", "not ours"}}
    versions = [client_versions.look(agent) for agent in CLIENTS if agent in with_ours]
    warnings = [*_problems(looks, servers, found), *filter(None, map(client_versions.doubt, versions))]
    return Reply(agent_rows.status(looks, servers, found, versions), [grid], warnings=warnings)


def _problems(
    looks: Sequence[SettingsPlace], servers: Sequence[ServerPlace], found: Sequence[SkillPlace]
) -> Iterator[str]:
    """What is wrong with what was put in, each with what mends it."""
    for path, problem in [(one.path, one.problem) for one in looks] + [
        (one.path, one.problem) for one in servers
    ]:
        if problem:
            yield f"{path}: {problem}"
    old = [(one.agent, one.scope, one.path) for one in looks if one.state == "outdated"]
    old += [(one.agent, one.scope, one.path) for one in servers if one.state == "outdated"]
    for agent, scope, path in old:
        yield f"{path} was made by another installation of gitfleet: {_again(agent, scope)}"
    for look in looks:
        if look.state in UNRUN:
            yield f"{look.path} is in place, but {look.agent} would not run it ({look.state})"
    for skill in found:
        if skill.state == "outdated":
            yield f"{skill.path} was written by gitfleet {skill.version}: {_again(skill.agent, skill.scope)}"


def _again(agent: str, scope: Scope) -> str:
    return f"`gitfleet agent install {agent}{' --user' if scope == 'user' else ''}`"


def prime(session: SessionFlag = None) -> Reply:
    """Brief an agent: who it is, what it and others hold, the rules, the commands, its messages."""
    with Fleet.open() as fleet:
        trouble = briefing.ask(fleet)
        state = fleet.current()
        who = acting_session(fleet, session) or SessionId("")
        told = briefing_rows.gather(fleet, who, _hooked(fleet, who))
        warnings = [f"the hub could not be asked: {trouble}"] if trouble else []
        warnings += freshness(fleet, state.age, len(state.tentative))
        return Reply(told, told["text"].split("\n"), warnings=warnings, session=who)


def _scope(*, user: bool, project: bool) -> Scope:
    if user and project:
        raise UsageError(
            "The hooks go into your own settings or into the project's, not both.",
            hint="Leave one option out.",
        )
    return "user" if user else "project"


def _check_sandbox(name: str, sandbox: str, scope: Scope) -> None:
    """Refuse what cannot be opened. Raises UsageError."""
    if sandbox not in {"", "open", "closed"}:
        raise UsageError("A sandbox is `open` or `closed`.")
    if sandbox and not wanted.of(name).SANDBOX:
        raise UsageError(f"{name} has no sandbox to open.")
    if sandbox and scope == "user":
        words = "A sandbox is opened for one worktree, and not for all your repositories."
        raise UsageError(words, hint="Leave `--user` out.")


def _hooked(fleet: Fleet, session: str) -> str:
    """The agent of the session, if its own hooks are in place here; without a session, whichever agent's are."""
    found = session_records.find(fleet.current().view, session) if session else None
    named = found.agent if found else ""
    in_place = {look.agent for look in agent_hooks.status(fleet.repository) if look.state == "in place"}
    fitting = [agent for agent in CLIENTS if agent in in_place and (not session or _is(named, agent))]
    return fitting[0] if fitting else ""


def _is(named: str, agent: str) -> bool:
    """Whether a session that was started with that name is one of that agent (`codex-ci`: codex)."""
    return named == agent or named.startswith(f"{agent}-")


def _repository(scope: Scope) -> Repository | None:
    return None if scope == "user" else discover()


def _in_fleet(repository: Repository) -> bool:
    try:
        own_node.load(repository.common_dir)
    except NoFleet:
        return False
    except FleetError:
        return True
    return True


def _told(changes: list[SettingsChange]) -> list[str]:
    return [f"{change.what}: {change.path}" for change in changes if change.what != "unchanged"]
