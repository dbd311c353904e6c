"""Codex's sandbox, opened in a worktree for git and the hub where its user asks for that, and closed again.

A block in the worktree's own `.codex/config.toml`: git's folder, the worktree's own part of it (which Codex protects apart),
the hub where that is a folder of this machine, and the network. Everything else in the file stays, to the byte.
"""

from __future__ import annotations

import json
import os
import tomllib
from urllib.parse import unquote, urlsplit

from gitfleet.base import files
from gitfleet.clients import codex
from gitfleet.errors import Blocked, FleetError, NoFleet
from gitfleet.git.repository import Repository
from gitfleet.githooks.agents import marked
from gitfleet.ledger import own_node

CONFIG = codex.SANDBOX
NAME = "codex-sandbox"
TABLE = "sandbox_workspace_write"
DEFAULT_HUB = "origin"


def is_open(top: str) -> bool:
    """Whether a worktree's file has the block; what cannot be read has none."""
    try:
        return marked.find(files.read(os.path.join(top, CONFIG)) or b"", NAME, marked.SHELL) is not None
    except (OSError, ValueError):
        return False


def opened(path: str, repository: Repository, data: bytes | None) -> bytes:
    """The file with the block. Raises ValueError where it is no TOML, Blocked where it says something of that sandbox itself."""
    others = marked.without(data, NAME, marked.SHELL)
    if TABLE in tomllib.loads((others or b"").decode("utf-8")):
        words = f"{path} was left as it is: it has a table [{TABLE}] already."
        named = ", ".join(roots(repository))
        raise Blocked(
            words,
            hint=f"Add to it by hand: network_access, and the writable roots {named}.",
            unharmed="",
            path=path,
        )
    return marked.put(data, NAME, marked.SHELL, _body(roots(repository)))


def check(repository: Repository) -> None:
    """Refuse where git keeps the file: what is written names folders of this machine. Raises Blocked."""
    if repository.here.ask("ls-files", "--error-unmatch", "--", CONFIG).code == 0:
        path = os.path.join(repository.worktree or "", CONFIG)
        named = ", ".join(roots(repository))
        raise Blocked(
            f"{path} was left as it is: it is committed, and these settings are for this machine only.",
            unharmed="",
            hint=f"Put [{TABLE}] with network_access and the writable roots {named} into your own config.toml by hand.",
            path=path,
        )


def roots(repository: Repository) -> list[str]:
    """The folders that git and gitfleet write in for one worktree, each once."""
    found = [repository.common_dir, repository.git_dir, *_hubs(repository)]
    return list(dict.fromkeys(os.path.realpath(path) for path in found))


def _hubs(repository: Repository) -> list[str]:
    """Where the hub is, if it is a folder of this machine."""
    try:
        hub = own_node.load(repository.common_dir).hub or ""
    except NoFleet:
        hub = DEFAULT_HUB
    except FleetError:
        return []
    said = repository.git.ask("remote", "get-url", "--all", "--push", hub).stdout if hub else b""
    base = repository.main or repository.common_dir
    paths = [
        unquote(urlsplit(url).path) if url.startswith("file://") else url
        for url in os.fsdecode(said).split("\n")
        if url
    ]
    found = [path for name in paths if os.path.isdir(path := os.path.join(base, name))]
    return [inner if os.path.isdir(inner := os.path.join(path, ".git")) else path for path in found]


def _body(folders: list[str]) -> bytes:
    """The block. Raises ValueError for a folder whose name is no text."""
    named = ", ".join(json.dumps(path, ensure_ascii=False).replace("\x7f", "\\u007f") for path in folders)
    return f"[{TABLE}]\nnetwork_access = true\nwritable_roots = [{named}]\n".encode()
