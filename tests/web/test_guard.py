"""Who gets past the guard: by Host, Origin, token and method."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from gitfleet.web.guard import RequestGuard
from gitfleet.web.page import serving
from gitfleet.web.tokens import Tokens

TOKENS = Tokens("full-token", "read-token", "", "")
FULL, READ = "Bearer full-token", "Bearer read-token"
OURS = "127.0.0.1:7437"


def status(
    method: str, *headers: tuple[str, str], loopback: bool = True, read_only: bool = False, path: str = "/"
) -> int:
    """The status that a request gets."""
    found: list[int] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers],
    }
    guard = RequestGuard(
        PlainTextResponse("yes"),
        TOKENS,
        ["localhost"],
        nowhere=serving.nowhere,
        loopback=loopback,
        read_only=read_only,
    )
    asyncio.run(guard(scope, receive, send))
    return found[0]


@pytest.mark.parametrize(
    ("host", "loopback", "wanted"),
    [
        ("127.0.0.1:7437", True, 200), ("localhost", True, 200), ("LOCALHOST:1", True, 200), ("[::1]:7437", True, 200),
        ("127.1.2.3", True, 200), ("192.168.1.5:7437", True, 403), ("192.168.1.5:7437", False, 200), ("[fe80::1]", False, 200),
        ("attacker.example", True, 403), ("attacker.example:7437", False, 403), ("localhost.attacker.example", True, 403),
        ("127.0.0.1.attacker.example", False, 403), ("localhost@attacker.example", True, 403), ("", True, 403), ("[", True, 403),
        ("[::1", True, 403), ("0.0.0.0", True, 403),
    ],
)  # fmt: skip
def test_guard_with_a_host_lets_pass_only_what_is_ours(host: str, loopback: bool, wanted: int) -> None:
    assert status("GET", ("host", host), ("authorization", FULL), loopback=loopback) == wanted


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ([("origin", f"http://{OURS}")], 200), ([("origin", f"HTTP://{OURS}")], 200), ([("origin", "null")], 403),
        ([("origin", "http://attacker.example")], 403), ([("origin", "http://127.0.0.1:1")], 403), ([("origin", "")], 403),
        ([("origin", f"http://{OURS}"), ("origin", "http://attacker.example")], 403),
        ([("sec-fetch-site", "cross-site")], 403), ([("sec-fetch-site", "same-site")], 403),
        ([("sec-fetch-site", "same-origin")], 200), ([("sec-fetch-site", "none")], 200), ([("host", OURS)], 403),
    ],
)  # fmt: skip
def test_guard_with_an_origin_lets_pass_only_pages_of_ours(
    headers: list[tuple[str, str]], wanted: int
) -> None:
    assert status("GET", ("host", OURS), ("authorization", FULL), *headers) == wanted


@pytest.mark.parametrize(
    ("given", "method", "wanted"),
    [
        (FULL, "GET", 200), (FULL, "POST", 200), (READ, "GET", 200), (READ, "HEAD", 200), (READ, "POST", 403),
        (READ, "DELETE", 403), (READ, "BREW", 403), ("bearer full-token", "GET", 200), ("Bearer", "GET", 401),
        ("Bearer ", "GET", 401), ("Bearer full-toke", "GET", 401), ("Bearer full-token2", "GET", 401),
        ("Basic full-token", "GET", 401), ("full-token", "GET", 401), ("Bearer \xff\xe9", "GET", 401),
    ],
)  # fmt: skip
def test_guard_with_a_token_allows_what_that_token_does(given: str, method: str, wanted: int) -> None:
    assert status(method, ("host", OURS), ("authorization", given)) == wanted


def test_guard_without_or_with_two_tokens_asks_for_one() -> None:
    assert status("GET", ("host", OURS)) == 401
    assert status("GET", ("host", OURS), ("authorization", FULL), ("authorization", FULL)) == 401


def test_guard_to_look_only_refuses_changes_with_the_full_token() -> None:
    answers = [
        status(one, ("host", OURS), ("authorization", FULL), read_only=True) for one in ("GET", "POST")
    ]
    assert answers == [200, 403]


@pytest.mark.parametrize(
    ("method", "path", "headers", "wanted"),
    [
        ("GET", "/nosuch", [], 404), ("HEAD", "/nosuch", [], 404), ("POST", "/nosuch", [], 401), ("GET", "/sessions/x", [], 404),
        ("GET", "/nosuch", [("sec-fetch-site", "cross-site")], 404), ("GET", "/nosuch", [("authorization", FULL)], 200),
        ("GET", "/nosuch", [("authorization", "Bearer wrong")], 401),
        ("GET", "/api/v1/nosuch", [], 401), ("GET", "/page/overview", [], 401), ("GET", "/act/claim", [], 401),
        ("GET", "/openapi.json", [], 401), ("GET", "/static/nosuch.js", [], 401),
    ],
)  # fmt: skip
def test_guard_tells_a_browser_that_a_page_is_mistyped_and_nothing_else_without_a_token(
    method: str, path: str, headers: list[tuple[str, str]], wanted: int
) -> None:
    asked = [("host", OURS), ("accept", "text/html,*/*"), *headers]
    assert status(method, *asked, path=path) == wanted
    assert status("GET", ("host", "attacker.example"), ("accept", "text/html"), path=path) == 403
    assert status("GET", ("host", OURS), ("accept", "*/*"), path=path) == 401
