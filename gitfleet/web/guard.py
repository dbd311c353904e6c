"""What a request must show before anything looks at it: the right Host, no foreign Origin, and a token.

A page that somebody visits can send requests to this machine: from its own origin, or, having its name point here, under
that name. It can read no token, but nothing of it is let through to where one is compared.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gitfleet.web import answers
from gitfleet.web.tokens import Tokens

MAY = "gitfleet.may"
"""Where a request's scope says what its token allows: `change` or `look`."""
LOOKING = frozenset(["GET", "HEAD"])


class RequestGuard:
    """Lets through to `app` what may pass. `names` are the hosts by which we may be addressed besides addresses.

    `is_open` says of a path and an `Accept` whether that is for everybody; `nowhere` answers a person who has mistyped the address of
    a page, and may say nothing of the fleet. On loopback only (`loopback`) these are loopback addresses; else any: a name that points here by somebody's trick is none.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: Tokens,
        names: Collection[str],
        *,
        is_open: Callable[[str, str], bool] = lambda _path, _accept: False,
        nowhere: Callable[[str, str], Response | None] = lambda _path, _accept: None,
        loopback: bool,
        read_only: bool,
    ) -> None:
        self._is_open, self._nowhere = is_open, nowhere
        self._app, self._tokens, self._names = app, tokens, frozenset(name.lower() for name in names)
        self._loopback, self._read_only = loopback, read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        method = scope["method"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            hint = "Ask by the address that the server told when it started, or another one of this machine."
            return answers.failed("wrong-host", 403, "This server has no such name.", hint)
        asked = scope["path"], headers.get("accept", "")
        if method in LOOKING and self._is_open(*asked):
            return None
        if method in LOOKING and "authorization" not in headers and (found := self._nowhere(*asked)):
            return found  # never passed on, so no path that is guarded can be meant by it
        return self._of_asker(scope, headers)

    def _of_asker(self, scope: Scope, headers: Headers) -> Response | None:
        method, hosts = scope["method"], headers.getlist("host")
        origins = headers.getlist("origin")
        foreign = any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins)
        if foreign or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            hint = "Ask from a page of this server, or from a program."
            return answers.failed("wrong-origin", 403, "A page from elsewhere may not ask here.", hint)
        given = headers.getlist("authorization")
        kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        may = self._tokens.may(token.strip()) if kind.lower() == "bearer" else ""
        if not may:
            hint = (
                "Send 'Authorization: Bearer TOKEN'; the server said at its start which file holds the token."
            )
            return answers.failed("no-token", 401, "A token is needed.", hint, {"WWW-Authenticate": "Bearer"})
        if method not in LOOKING and (may == "look" or self._read_only):
            hint = (
                "Use the other token." if may == "look" else "Start the server without the option for that."
            )
            return answers.failed("read-only", 403, "Only looking is allowed here.", hint)
        scope[MAY] = "look" if self._read_only else may
        return None

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host).lower()
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return address.is_loopback or not self._loopback


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]
