"""Our server of tools in the lists of servers that clients start: put in, and taken out again.

Claude Code keeps such a list for each user in `.claude.json`: at the top, and for each project under the path of its main
checkout, which holds in its linked worktrees, too. A server in the project's own `.mcp.json` would be for everybody, and would wait for an
approval. Codex keeps one in `config.toml`: the user's own, and the one of each worktree where the project is trusted. An
entry of ours is known by the word gitfleet-mcp among its arguments, which also says what was made to hold it; a server that is named
gitfleet and is not ours stays as it is. Every other byte stays as it was.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Sequence
from functools import partial

from gitfleet.base import plain_json, resources
from gitfleet.clients import claude, codex
from gitfleet.git.repository import Repository
from gitfleet.githooks.agents import jsontext, settings_files
from gitfleet.githooks.agents.settings_files import SettingsChange
from gitfleet.githooks.agents.wanted import Scope

NAME = "gitfleet"
MARK = "gitfleet-mcp"
SERVERS = "mcpServers"
IGNORED = "codex-mcp"
FORWARDED = (
    "GITFLEET_SESSION", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME", "CODEX_HOME",
)  # fmt: skip
"""What Codex is to hand on: it gives servers little of its environment."""


def register(
    agent: str, scope: Scope, repository: Repository | None
) -> tuple[list[SettingsChange], list[str]]:
    """Have a client start our server with each session; and in words what could not be done. Twice is once.

    Raises Blocked for a file that cannot be changed without harm, LockHeld, LocalStorage.
    """
    path = path_of(agent, scope, repository)
    if agent == claude.NAME:
        keys = keys_of(scope, repository)
        return [settings_files.change(path, partial(with_json, keys=keys), private=True)], []
    if scope == "user" or repository is None:
        return [settings_files.change(path, with_toml, private=True)], []
    if repository.here.ask("ls-files", "--error-unmatch", "--", codex.SANDBOX).code == 0:
        words = (
            f"{path} is committed, so it does not name this machine's server of tools: "
            "`gitfleet agent install codex --user` puts that into your own settings"
        )
        return [], [words]
    settings_files.check_links(repository, [codex.SANDBOX])
    changes = [settings_files.change(path, with_toml)]
    return changes + settings_files.ignore(repository, IGNORED, codex.SANDBOX), []


def unregister(agent: str, scope: Scope, repository: Repository | None) -> list[SettingsChange]:
    """Take exactly that out again. Raises as `register`; a file that is not there is no error."""
    path = path_of(agent, scope, repository)
    if agent == claude.NAME:
        changes = [settings_files.change(path, partial(without_json, keys=keys_of(scope, repository)))]
    else:
        changes = [settings_files.change(path, without_toml)]
        if scope == "project" and repository is not None and not _elsewhere(repository):
            changes.append(settings_files.without_block(settings_files.exclude(repository), IGNORED))
    return [one for one in changes if one.what != "unchanged"]


def follow(repository: Repository) -> None:
    """Have Codex start the server in a new worktree, where it does in the main checkout. Raises as `register`."""
    parent, name = os.path.split(repository.common_dir)
    if name == ".git" and parent != repository.worktree and _registered(os.path.join(parent, codex.SANDBOX)):
        register(codex.NAME, "project", repository)


def path_of(agent: str, scope: Scope, repository: Repository | None) -> str:
    """The file with a client's list of servers."""
    if agent == claude.NAME:
        folder = os.environ.get(claude.HOME[0]) or os.path.expanduser("~")
        return os.path.join(folder, ".claude.json")
    if scope == "project" and repository is not None:
        return os.path.join(repository.worktree or "", codex.SANDBOX)
    variable, folder = codex.HOME
    return os.path.join(
        os.environ.get(variable) or os.path.join(os.path.expanduser("~"), folder), "config.toml"
    )


def keys_of(scope: Scope, repository: Repository | None) -> tuple[str, ...]:
    """Where the list stands in Claude Code's file."""
    if scope == "user" or repository is None:
        return (SERVERS,)
    parent, name = os.path.split(os.path.realpath(repository.common_dir))
    main = parent if name == ".git" else os.path.realpath(repository.worktree or "")
    return ("projects", main, SERVERS)


def _elsewhere(repository: Repository) -> bool:
    return any(_registered(os.path.join(top, codex.SANDBOX)) for top in settings_files.worktrees(repository))


def _registered(path: str) -> bool:
    """Whether a file has an entry of ours; what cannot be read counts as yes."""
    try:
        with open(path, "rb") as file:
            return MARK.encode() in file.read()
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _arguments(made: str) -> list[str]:
    return ["-I", "-S", resources.program("mcp/run.py"), f"{MARK}{made}"]


# JSON. Each raises ValueError for what cannot be changed without harm.


def with_json(data: bytes | None, keys: Sequence[str]) -> bytes:
    """Claude Code's file with our server in it; as it is where one of that name is not ours. Raises ValueError for what is none."""
    text = "{}\n" if data is None else data.decode("utf-8")
    holders = _holders(text, keys)
    missing = keys[len(holders) - 1 :]
    if missing:
        made = f" made={len(missing)}{',file' if data is None else ''}"
        value: dict[str, object] = {NAME: _entry(made)}
        for key in reversed(missing[1:]):
            value = {key: value}
        return jsontext.append(text, holders[-1], value, missing[0]).encode("utf-8")
    servers = holders[-1]
    known = servers.get(NAME)
    if known is None:
        return jsontext.append(text, servers, _entry(""), NAME).encode("utf-8")
    said = _made(text[known.start : known.end])
    if said is None or plain_json.load(text[known.start : known.end]) == _entry(said):
        return text.encode("utf-8")
    return jsontext.replace(text, servers, servers.place(NAME), _entry(said)).encode("utf-8")


def without_json(data: bytes | None, keys: Sequence[str]) -> bytes | None:
    """The same without it; None where nothing is left. Raises as `with_json`."""
    if data is None or MARK.encode() not in data:
        return data
    text = data.decode("utf-8")
    holders = _holders(text, keys)
    known = holders[-1].get(NAME) if len(holders) > len(keys) else None
    made = None if known is None else _made(text[known.start : known.end])
    if made is None:
        return data
    text = jsontext.remove(text, holders[-1], holders[-1].place(NAME))
    said = re.fullmatch(r" made=(\d)(,file)?", made)
    for depth in range(int(said[1]) if said else 0):
        *_, holder, inner = _holders(text, keys[: len(keys) - depth])
        if inner.items:
            break
        text = jsontext.remove(text, holder, holder.place(keys[len(keys) - depth - 1]))
    return None if said and said[2] and not jsontext.parse(text).items else text.encode("utf-8")


def _holders(text: str, keys: Sequence[str]) -> list[jsontext.Part]:
    """The root, and the objects under the keys one in the other, as far as they are there."""
    found = [jsontext.parse(text)]
    for key in keys:
        if found[-1].kind != "{":
            break
        inner = found[-1].get(key)
        if inner is None:
            return found
        found.append(inner)
    if any(one.kind != "{" for one in found):
        raise ValueError("it is not of the form that Claude Code's settings have")
    return found


def _entry(made: str) -> dict[str, object]:
    return {"type": "stdio", "command": sys.executable, "args": _arguments(made), "env": {}}


def _made(text: str) -> str | None:
    """What an entry of ours says was made to hold it, with a blank before it; None for one that is not ours."""
    value = plain_json.load(text)
    given = value.get("args") if isinstance(value, dict) else None
    last = given[-1] if isinstance(given, list) and given else None
    return last[len(MARK) :] if isinstance(last, str) and last.startswith(MARK) else None


# TOML. Our table is recognised line by line: a comment that marks its end would move, since Codex writes into its own file.

_TABLE = re.compile(
    rf'^\[mcp_servers\.{NAME}\]\r?\ncommand = [^\n]*\nargs = \[[^\n]*"{MARK} gap=(\d)(,file)?"\]\r?\nenv_vars = [^\n]*\n',
    re.MULTILINE,
)


def with_toml(data: bytes | None) -> bytes:
    """Codex's file with our server in it; as `with_json`."""
    text = (data or b"").decode("utf-8")
    servers = tomllib.loads(text).get("mcp_servers", {})
    known = _TABLE.search(text)
    if known is not None:
        return (
            text[: known.start()] + _table(f" gap={known[1]}{known[2] or ''}") + text[known.end() :]
        ).encode()
    if not isinstance(servers, dict) or NAME in servers:
        return data or b""
    gap = 0 if not text else 1 if text.endswith("\n") else 2
    made = f" gap={gap}{',file' if data is None else ''}"
    return (text + "\n" * gap + _table(made)).encode("utf-8")


def without_toml(data: bytes | None) -> bytes | None:
    """The same without it; as `without_json`."""
    if data is None or MARK.encode() not in data:
        return data
    text = data.decode("utf-8")
    known = _TABLE.search(text)
    if known is None or not re.match(r"\s*(\[|#|\Z)", text[known.end() :]):
        raise ValueError(f"its table [mcp_servers.{NAME}] was changed by hand; take that out yourself")
    before, after = text[: known.start()], text[known.end() :]
    for _ in range(int(known[1])):
        before = before.removesuffix("\n")
    if after and before and not before.endswith("\n"):
        before += "\n"
    return None if known[2] and not before + after else (before + after).encode("utf-8")


def _table(made: str) -> str:
    def listed(items: Sequence[str]) -> str:
        return ", ".join(_quoted(item) for item in items)

    return (
        f"[mcp_servers.{NAME}]\ncommand = {_quoted(sys.executable)}\nargs = [{listed(_arguments(made))}]\n"
        f"env_vars = [{listed(FORWARDED)}]\n"
    )


def _quoted(text: str) -> str:
    """A text as TOML has it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
