"""Whether a client's gate would be in force in a worktree, and what can be done for that before it starts.

Looks at what the client itself says, since written is not yet run: hooks may be untrusted, of another place, or of another
version than was tried.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from gitfleet.clients.acting import CLIENTS
from gitfleet.codec import replace
from gitfleet.errors import FleetError
from gitfleet.git import git_worktrees
from gitfleet.git.repository import Repository
from gitfleet.githooks.agents import agent_hooks, asking, opening, registering, skills, wanted
from gitfleet.githooks.agents.agent_hooks import SettingsPlace

if TYPE_CHECKING:
    from gitfleet.clients.acting import Client

_WRITTEN = frozenset(["in place", "outdated"])
_REASONS = {
    "untrusted": "does not trust them yet: start {agent} there once and look at /hooks",
    "modified": "trusts another text of them: start {agent} there once and look at /hooks",
    "not read": "does not read them there: the project is not trusted yet, its hooks are switched off, or the worktree has no "
    "folder .codex",
}


def looks(repository: Repository | None, agents: Sequence[str] = tuple(CLIENTS)) -> list[SettingsPlace]:
    """Every place where hooks may be, in the state that the client says they are in."""
    found = [look for look in agent_hooks.status(repository) if look.agent in agents]
    told = None
    if any(look.agent == "codex" and look.state in _WRITTEN for look in found):
        told = asking.codex_hooks((repository.worktree if repository else None) or os.getcwd())
    return [_refined(look, told) for look in found]


def _refined(look: SettingsPlace, told: Mapping[str, asking.Trust] | None) -> SettingsPlace:
    if look.agent != "codex" or look.state != "in place" or told is None:
        return look
    said: asking.Trust | Literal["not read"] = told.get(os.path.realpath(look.path), "not read")
    return look if said == "trusted" else look._replace(state=said)


def warnings(agent: str, repository: Repository) -> list[str]:
    """Why the edits of a client that is started in a worktree would not be checked; nothing where they would."""
    found = looks(repository, [agent])
    if CLIENTS[agent].OWN and CLIENTS[agent].READS_MAIN and (main := _main(repository)):
        found += [
            look for look in agent_hooks.status(main) if look.agent == agent and look.scope == "project"
        ]
    if any(look.state in _WRITTEN for look in found):
        return []
    written = [look for look in found if look.state in _REASONS]
    if not written:
        return [
            f"{agent} has no hooks of gitfleet here, so its edits are not checked: `gitfleet agent install {agent}`"
        ]
    why = _REASONS[written[0].state].format(agent=agent)
    return [
        f"the edits of {agent} would not be checked: its hooks are in {written[0].path}, and {agent} {why}"
    ]


def prepare(agent: str, repository: Repository) -> list[str]:
    """Have a client find the hooks in a worktree that others of the clone have; says what failed. Does nothing for one that has none."""
    kind = CLIENTS[agent]
    own = wanted.settings_path(kind, "project", repository)
    try:
        skills.follow(agent, repository)
        if not kind.OWN:
            if agent_hooks.holds_ours(own):
                agent_hooks.admit(kind, repository)
            registering.follow(repository)
        elif not agent_hooks.holds_ours(own) and _elsewhere(kind, repository, own):
            agent_hooks.install(agent, "project", repository)
        main = _main(repository)
        if (
            kind.SANDBOX
            and main
            and main.worktree != repository.worktree
            and opening.is_open(main.worktree or "")
        ):
            agent_hooks.open_sandbox(repository)
    except FleetError as error:
        return [f"the hooks of {agent} could not be put into {repository.worktree}: {error.message}"]
    return []


def _elsewhere(kind: Client, repository: Repository, own: str) -> bool:
    """Whether other worktrees of the clone have the hooks, and the main checkout, which is read everywhere, does not."""
    main = _main(repository)
    if main and agent_hooks.holds_ours(os.path.join(main.worktree or "", kind.PROJECT)):
        return False
    tops = git_worktrees.folders(repository.common_dir)
    return any(
        agent_hooks.holds_ours(path) for top in tops if (path := os.path.join(top, kind.PROJECT)) != own
    )


def _main(repository: Repository) -> Repository | None:
    parent, name = os.path.split(repository.common_dir)
    return replace(repository, worktree=parent) if name == ".git" and os.path.isdir(parent) else None
