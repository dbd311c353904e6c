"""The skill of an agent: a file that tells it when to ask gitfleet, and where the commands are told as data.

Ours is what stands from the beginning of the file to our closing line, with the version that wrote it; what a person has added below
is kept. A file that does not begin with ours is somebody else's, and left alone. In a project git is told to ignore it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitfleet.base import files, resources
from gitfleet.clients.acting import CLIENTS
from gitfleet.githooks.agents import settings_files, wanted
from gitfleet.githooks.agents.settings_files import SettingsChange
from gitfleet.githooks.hook_files import remove_if_empty
from gitfleet.onhost.version import __version__

if TYPE_CHECKING:
    from gitfleet.clients.acting import Client
    from gitfleet.git.repository import Repository
    from gitfleet.githooks.agents.wanted import Scope

SkillState = Literal["in place", "outdated", "absent", "not ours", "unreadable"]
_HEAD = re.compile(
    rb"\A---\r?\nname: gitfleet\r?\n(?:[^\n]*\n)??---\r?\n<!-- gitfleet:begin skill (\S+) -->\r?\n.*?^<!-- gitfleet:end skill -->(?:\r?\n|\Z)",
    re.DOTALL | re.MULTILINE,
)


class SkillPlace(NamedTuple):
    """One place where a skill may be, and the version of gitfleet that wrote it ("": none did)."""

    agent: str
    scope: Scope
    path: str
    state: SkillState
    version: str = ""


def install(agent: str, scope: Scope, repository: Repository | None) -> list[SettingsChange]:
    """Have an agent know when to ask us. Twice is once. Raises UsageError, Blocked, LockHeld, LocalStorage."""
    kind = wanted.of(agent)
    there = path(kind, scope, repository)
    if scope == "user" or repository is None:
        return [settings_files.change(there, put)]
    settings_files.check_links(repository, parents(kind.SKILL))
    changes = [settings_files.change(there, put)]
    return changes + settings_files.ignore(repository, f"{agent}-skill", kind.SKILL)


def uninstall(agent: str, scope: Scope, repository: Repository | None) -> list[SettingsChange]:
    """Take exactly that out again. Raises as `install`; a file that is not there is no error."""
    kind = wanted.of(agent)
    there = path(kind, scope, repository)
    changes = [settings_files.change(there, without)]
    if changes[0].what == "removed":
        own = scope == "project" or not kind.SKILL_HOME[0]  # else it is where the agent keeps all that it has
        for _ in range(3 if own else 2):  # `gitfleet`, `skills`, and the agent's own
            there = os.path.dirname(there)
            remove_if_empty(there)
    if scope == "project" and repository is not None:
        tops = settings_files.worktrees(repository)
        if not any(_is_ours(os.path.join(top, kind.SKILL)) for top in tops):
            changes.append(settings_files.without_block(settings_files.exclude(repository), f"{agent}-skill"))
    return [one for one in changes if one.what != "unchanged"]


def follow(agent: str, repository: Repository) -> None:
    """Put it into a new worktree, where the main checkout has it. Raises as `install`."""
    parent, name = os.path.split(repository.common_dir)
    main = os.path.join(parent, CLIENTS[agent].SKILL)
    if name == ".git" and parent != repository.worktree and _is_ours(main):
        install(agent, "project", repository)


def _is_ours(there: str) -> bool:
    """Whether a file begins with ours; one that cannot be read does not."""
    try:
        return _HEAD.match(files.read(there) or b"") is not None
    except OSError:
        return False


def places(repository: Repository | None) -> list[SkillPlace]:
    """Every place where it may be. Reads only."""
    scopes: list[Scope] = ["project", "user"] if repository and repository.worktree else ["user"]
    return [look(agent, kind, scope, repository) for agent, kind in CLIENTS.items() for scope in scopes]


def path(kind: Client, scope: Scope, repository: Repository | None) -> str:
    """Where the skill of an agent is."""
    if scope == "user":
        variable, folder = kind.SKILL_HOME
        above = os.environ.get(variable, "") if variable else ""
        return os.path.join(
            above or os.path.join(os.path.expanduser("~"), folder), "skills/gitfleet/SKILL.md"
        )
    return os.path.join((repository and repository.worktree) or "", kind.SKILL)


def text() -> bytes:
    """What it says, for this version."""
    template = resources.read("templates", "SKILL.md")
    return template.replace(b"{version}", __version__.encode())


def put(data: bytes | None) -> bytes:
    """The file with our part in it, or as it is where it is not ours."""
    if data is None:
        return text()
    found = _HEAD.match(data)
    return data if found is None else text() + data[found.end() :]


def without(data: bytes | None) -> bytes | None:
    """The file without our part; None where nothing is left of it."""
    found = _HEAD.match(data or b"")
    if data is None or found is None:
        return data
    rest = data[found.end() :]
    return rest if rest.strip() else None


def look(agent: str, kind: Client, scope: Scope, repository: Repository | None) -> SkillPlace:
    """How it stands with a skill."""
    there = path(kind, scope, repository)
    try:
        data = files.read(there)
    except OSError:
        return SkillPlace(agent, scope, there, "unreadable")
    if data is None:
        return SkillPlace(agent, scope, there, "absent")
    found = _HEAD.match(data)
    if found is None:
        return SkillPlace(agent, scope, there, "not ours")
    state: SkillState = "in place" if found[0] == text() else "outdated"
    return SkillPlace(agent, scope, there, state, found[1].decode("ascii", "replace"))


def parents(name: str) -> list[str]:
    """A relative path with all folders above it."""
    parts = name.split("/")
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]
