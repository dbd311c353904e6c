"""GitHub's REST API, as far as issues and their labels go: https://docs.github.com/en/rest/issues.

A request either has an answer within its time or raises SourceAway, with the pause that the server asks for. Nothing here waits. The token
is read from its variable for each request, goes to the API's own address only, and is in no message.
"""

from __future__ import annotations

import json
import os
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from gitfleet.base import clock, plain_json
from gitfleet.base.text import display, one_line
from gitfleet.jobs.sources.source import SourceAway

TIME = 30.0
"""Seconds that all pages of one question may take."""
_SOCKET_TIME = 10.0
_MOST_BYTES = 1 << 24
_MOST_PAUSE = 6 * 3600
_MOST_CACHED = 64
_MOST_HOPS = 3
_REFUSED_PAUSE = 300
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_PORTS = {"https": 443, "http": 80}
_TOKEN_HINT = "Give the variable {} a token that may read issues and write their labels."  # noqa: S105 - no token


class _Answer(NamedTuple):
    """`value`: what its JSON holds; `next`: the address of the page after it, "" where it is the last."""

    value: object
    next: str = ""
    status: int = 200


class _Cached(NamedTuple):
    etag: str
    answer: _Answer


class _Stay(HTTPRedirectHandler):
    """Follows nothing: where the token goes is decided here."""

    def redirect_request(self, *_: object) -> None:
        return None


class GitHubApi:
    """For one thread at a time. `base` is the API's address, `variable` the one that has the token."""

    def __init__(self, base: str, variable: str) -> None:
        self._base, self._variable = base.rstrip("/") + "/", variable
        self._origin = _origin(urlsplit(self._base))
        self._opener = build_opener(_Stay)
        self._pages: OrderedDict[str, _Cached] = OrderedDict()

    def pages(self, path: str) -> Iterator[object]:
        """What each page of a list holds, from the first on, as the server links them."""
        url, until, seen = urljoin(self._base, path), clock.elapsed() + TIME, set[str]()
        while url and url not in seen:
            seen.add(url)
            answer = self._asked("GET", url, until=until)
            yield answer.value
            url = answer.next

    def get(self, path: str) -> object:
        """What is at `path`; None where nothing is."""
        answer = self._asked("GET", urljoin(self._base, path), missing=True)
        return None if answer.status in {404, 410} else answer.value

    def post(self, path: str, body: object) -> None:
        """Have it so."""
        self._asked("POST", urljoin(self._base, path), body=json.dumps(body).encode())

    def delete(self, path: str) -> None:
        """Have it gone. Harmless where it is."""
        self._asked("DELETE", urljoin(self._base, path), missing=True)

    def _asked(
        self, method: str, url: str, *, body: bytes | None = None, missing: bool = False, until: float = 0
    ) -> _Answer:
        """The answer, from wherever the server sends us that is the same server."""
        until = until or clock.elapsed() + TIME
        for _ in range(_MOST_HOPS):
            cached = self._pages.get(url) if method == "GET" else None
            status, headers, data = self._sent(method, url, body, cached.etag if cached else "", until)
            if status == 304 and cached is not None:
                self._pages.move_to_end(url)
                return cached.answer
            there = headers.get("location", "")
            if not (status in {307, 308} or (status in {301, 302} and method == "GET")) or not there:
                return self._read(method, url, status, headers, data, missing=missing)
            url = self._own(urljoin(url, there))
        raise SourceAway("GitHub redirects too often.", pause=_REFUSED_PAUSE)

    def _sent(
        self, method: str, url: str, body: bytes | None, etag: str, until: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One exchange: status, headers (names in lower case) and body."""
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "gitfleet",
        }
        headers |= self._authorization()
        if body is not None:
            headers["Content-Type"] = "application/json"
        if etag:
            headers["If-None-Match"] = etag
        request = Request(url, data=body, headers=headers, method=method)  # noqa: S310 - http(s), see `_own`
        left = until - clock.elapsed()
        if left <= 0:
            raise SourceAway(f"GitHub did not answer within {TIME:.0f} s.")
        try:
            try:
                answer = self._opener.open(request, timeout=min(left, _SOCKET_TIME))
            except HTTPError as error:
                answer = error
            with answer:
                names = {name.lower(): value for name, value in answer.headers.items()}
                return answer.status, names, _content(answer, until)
        except (OSError, HTTPException, ValueError) as error:
            why = one_line(display(str(getattr(error, "reason", error)) or type(error).__name__))
            raise SourceAway(f"GitHub cannot be reached: {why}.") from None

    def _authorization(self) -> dict[str, str]:
        token = os.environ.get(self._variable, "").strip()
        if _UNPRINTABLE.search(token):
            words = f"What the variable {self._variable} has is no token."
            raise SourceAway(words, hint=_TOKEN_HINT.format(self._variable), pause=_REFUSED_PAUSE)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _read(
        self, method: str, url: str, status: int, headers: Mapping[str, str], data: bytes, *, missing: bool
    ) -> _Answer:
        if missing and status in {404, 410}:
            return _Answer(None, status=status)
        if not 200 <= status < 300:
            raise self._refused(status, headers, data)
        if method != "GET":
            return _Answer(None, status=status)
        try:
            value = plain_json.load(data)
        except ValueError as error:
            raise SourceAway("GitHub's answer is no JSON.") from error
        following = _next(headers.get("link", ""))
        answer = _Answer(value, self._own(urljoin(url, following)) if following else "")
        if etag := headers.get("etag", ""):
            self._pages[url] = _Cached(etag, answer)
            while len(self._pages) > _MOST_CACHED:
                self._pages.popitem(last=False)
        return answer

    def _own(self, url: str) -> str:
        """An address that the server gave us, if it is its own."""
        try:
            if _origin(urlsplit(url)) == self._origin:
                return url
        except ValueError:
            pass
        words = (
            f"GitHub sends us to another server: {one_line(display(url), 120)}. The token does not go there."
        )
        raise SourceAway(words, pause=_REFUSED_PAUSE)

    def _refused(self, status: int, headers: Mapping[str, str], data: bytes) -> SourceAway:
        pause = _pause(headers)
        if status == 429 or (status == 403 and pause):
            words = "GitHub's rate limit is used up."
            return SourceAway(words, hint="There is nothing to do but wait.", pause=pause or 60)
        said = self._words(data)
        if status in {401, 403, 404, 410, 422}:
            hint = _TOKEN_HINT.format(self._variable)
            return SourceAway(f"GitHub refuses ({status}): {said}.", hint=hint, pause=pause or _REFUSED_PAUSE)
        return SourceAway(f"GitHub failed ({status}): {said}.", pause=pause)

    def _words(self, data: bytes) -> str:
        """What the server says; never what we said."""
        try:
            told: object = plain_json.load(data)
        except ValueError:
            told = None
        words = str(told.get("message", "")) if isinstance(told, dict) else ""
        token = os.environ.get(self._variable, "").strip()
        if token:
            words = words.replace(token, "***")
        return one_line(display(words), 200).rstrip(".") or "it does not say why"


def _origin(parts: SplitResult) -> tuple[str, str, int] | None:
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        return None
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _content(answer: HTTPResponse, until: float) -> bytes:
    """The body, as long as it is no larger and takes no longer than it may."""
    chunks, size = [], 0
    while chunk := answer.read1(1 << 16):
        size += len(chunk)
        chunks.append(chunk)
        if size > _MOST_BYTES:
            raise SourceAway("GitHub's answer is too long.")
        if clock.elapsed() > until:
            raise SourceAway(f"GitHub did not answer within {TIME:.0f} s.")
    declared = answer.headers.get("Content-Length", "")
    if declared.isdigit() and size < int(declared):
        raise SourceAway("GitHub's answer was cut off.")
    return b"".join(chunks)


def _next(link: str) -> str:
    """The address of the next page in a `Link` header, RFC 8288."""
    for address, parameters in re.findall(r"<([^<>]*)>([^<]*)", link[:8192]):
        if re.search(r';\s*rel="?(?:[^";]*\s)?next(?:\s[^";]*)?"?\s*(?:[;,]|$)', parameters):
            return str(address)
    return ""


def _pause(headers: Mapping[str, str]) -> int:
    """Seconds for which the server wants to be left alone; 0: it does not say."""
    after = headers.get("retry-after", "")
    if after.isdigit():
        return min(max(int(after[:9]), 1), _MOST_PAUSE)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return min(max(int(reset[:15]) - clock.now() + 1, 1), _MOST_PAUSE)
    return 0
