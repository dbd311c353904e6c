"""`web`: the page and the HTTP API of this clone, in the foreground."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from gitfleet.cli.answer import Reply, Telling
from gitfleet.cli.declaring import Option
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.repository import Repository, discover

if TYPE_CHECKING:
    from gitfleet.web.server import WebServer

_OPEN = "Other machines can reach this server, and anyone who listens on the network can read the tokens. An ssh tunnel is usually better."
Port = Annotated[
    int, Option("--port", metavar="N", min=0, max=65535, help="The port; 0 takes any that is free.")
]
Host = Annotated[str, Option("--host", metavar="ADDRESS", help="The address; any but loopback lets other machines connect.")]  # fmt: skip
ReadOnly = Annotated[bool, Option("--read-only", help="Only let look, whatever the token.")]


def web(port: Port = 7437, host: Host = "127.0.0.1", read_only: ReadOnly = False) -> Telling:
    """Serve the page of this fleet, and its HTTP API, until Ctrl-C or a signal.

    Both need the token; its file is made at the first start, and only you can read it. On a terminal a link with the
    token is printed, for a browser on this machine. Needs the extra `web`. Nothing depends on it: you can stop it at
    any time.
    """
    return Telling(_serving(port, host, read_only=read_only))


def _serving(port: int, host: str, *, read_only: bool) -> Iterator[Reply]:
    try:
        from gitfleet.web.server import WebServer  # its framework is an extra
    except ModuleNotFoundError as error:
        words = f"The page needs a package that is not installed: {error.name}."
        raise UsageError(
            words, hint="Install gitfleet again with its extra: in its checkout, `pip install '.[web]'`."
        ) from error
    with _clone() as fleet:
        server = WebServer(fleet, host, port, read_only=read_only)
        try:
            yield _started(server, read_only=read_only)
            server.run()
        finally:
            server.close()


def _clone() -> Fleet:
    """The clone, as it is seen from its main worktree: another one may be removed while a server runs that was started in it.

    Paths of requests count from the root, wherever that was. For whom it acts is told by where it was started.
    """
    from gitfleet.web.askers import settle  # as above

    found = discover()
    with Fleet.of(found) as fleet:
        settle(fleet)
    home = Repository(found.common_dir, found.common_dir, found.main)
    os.chdir(home.worktree or home.common_dir)
    return Fleet.of(home)


def _started(server: WebServer, *, read_only: bool) -> Reply:
    from gitfleet.fleet.views.web_rows import WebStartAnswer  # as above

    tokens = server.tokens
    data: WebStartAnswer = {
        "url": server.url,
        "read_only": read_only,
        "token_file": tokens.full_file,
        "read_only_token_file": tokens.read_only_file,
    }
    lines = [
        f"serving {server.url}{', to look only' if read_only else ''}; Ctrl-C stops it",
        f"token: {tokens.full_file}",
        f"token to look only: {tokens.read_only_file}",
    ]
    if sys.stdout.isatty():  # the link is for this screen, and for no file
        lines.insert(1, f"page: {server.url}/#token={tokens.read_only if read_only else tokens.full}")
    warnings = [_OPEN] if server.is_open else []
    return Reply(data, lines, warnings=warnings)
