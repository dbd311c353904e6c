"""Where our server of tools may be registered, and how it stands there. Reads only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitfleet.base import files
from gitfleet.clients import claude
from gitfleet.clients.acting import CLIENTS
from gitfleet.githooks.agents import registering

if TYPE_CHECKING:
    from gitfleet.git.repository import Repository
    from gitfleet.githooks.agents.wanted import Scope

ServerState = Literal["in place", "outdated", "absent", "not ours", "unreadable"]


class ServerPlace(NamedTuple):
    """One list of servers; `problem` says why it cannot be read, or changed."""

    agent: str
    scope: Scope
    path: str
    state: ServerState
    problem: str = ""


def places(repository: Repository | None) -> list[ServerPlace]:
    """Every list of servers where ours may be."""
    scopes: list[Scope] = ["project", "user"] if repository and repository.worktree else ["user"]
    return [look(agent, scope, repository) for agent in CLIENTS for scope in scopes]


def look(agent: str, scope: Scope, repository: Repository | None) -> ServerPlace:
    """How it stands in one: told by what putting it in, and taking it out, would do to the file."""
    path = registering.path_of(agent, scope, repository)
    put, without = registering.with_toml, registering.without_toml
    if agent == claude.NAME:
        keys = registering.keys_of(scope, repository)
        put, without = partial(registering.with_json, keys=keys), partial(registering.without_json, keys=keys)
    try:
        data = files.read(path)
        if data is None:
            return ServerPlace(agent, scope, path, "absent")
        as_wanted, ours = put(data) == data, without(data) != data
    except (ValueError, RecursionError) as error:
        return ServerPlace(agent, scope, path, "unreadable", str(error))
    except OSError as error:
        return ServerPlace(agent, scope, path, "unreadable", error.strerror or "")
    state: ServerState = "in place" if as_wanted else "outdated"
    if not ours:
        state = "not ours" if as_wanted else "absent"
    return ServerPlace(agent, scope, path, state)
