"""The application: the routes of the table behind the guard. Requests are answered on threads, since what they do blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gitfleet.base import files
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.web import answers, openapi
from gitfleet.web.events import LedgerEvents
from gitfleet.web.outcome import WebAnswer
from gitfleet.web.page import acts, documents, serving
from gitfleet.web.page.streams import PageStreams
from gitfleet.web.requests import NothingAsked, of_body, of_query
from gitfleet.web.routes import API, ROUTES, WebRoute

MOST_BYTES = 1 << 20
"""Bytes of a body."""
BODY = 30.0
"""Seconds in which a body must have come."""
Endpoint = Callable[[Request], Awaitable[Response]]


def application(fleet: Fleet, events: LedgerEvents, streams: PageStreams) -> Starlette:
    """The application for one clone."""
    made = Starlette(
        routes=[
            Route("/", _index),
            Route("/openapi.json", _description),
            Route(f"{API}/events", _events(events)),
            *_routes(fleet),
            *serving.routes(streams),
            *acts.routes(fleet),
        ],
        exception_handlers={HTTPException: _unknown, Exception: _bug},
    )
    made.router.redirect_slashes = False  # it would name us by what the request says, and without our headers
    return made


def _routes(fleet: Fleet) -> list[Route]:
    """One for each path: what it does depends on the method."""
    by_path: dict[str, dict[str, WebRoute]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    return [Route(path, _endpoint(fleet, found), methods=list(found)) for path, found in by_path.items()]


def _endpoint(fleet: Fleet, routes: Mapping[str, WebRoute]) -> Endpoint:
    async def answer(request: Request) -> Response:
        route = routes["GET" if request.method == "HEAD" else request.method]
        try:
            if route.method == "GET":
                asked = of_query(route.asks, request.query_params.multi_items())
            else:
                of_query(NothingAsked, request.query_params.multi_items())
                asked = of_body(route.asks, await _body(request))
            return answers.told(route.command, await run_in_threadpool(route.act, fleet, asked))
        except FleetError as error:
            return answers.refused(route.command, error)
        except PermissionError as error:
            return answers.refused(route.command, files.forbidden(error))

    return answer


async def _body(request: Request) -> bytes:
    """The body, which is JSON and has a bound."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "The body must be application/json.")
    found, large = bytearray(), HTTPException(413, f"The body is larger than {MOST_BYTES} bytes.")
    if int(request.headers.get("content-length", "0")) > MOST_BYTES:
        raise large
    try:
        async with asyncio.timeout(BODY):
            async for piece in request.stream():
                found += piece
                if len(found) > MOST_BYTES:
                    raise large
    except TimeoutError:
        raise HTTPException(408, f"The body did not come within {BODY:.0f} seconds.") from None
    return bytes(found)


async def _index(request: Request) -> Response:
    """The page for a browser; for programs what there is to ask for."""
    if documents.is_document("/", request.headers.get("accept", "")):
        return serving.document(request)
    found = [{"method": route.method, "path": route.path, "words": route.words} for route in ROUTES]
    return answers.told("web", WebAnswer({"routes": found}))


def _events(events: LedgerEvents) -> Endpoint:
    async def answer(request: Request) -> Response:
        """What changes, as it does."""
        if request.method == "HEAD":
            return Response(headers=answers.FOR_ALL, media_type="text/event-stream")
        seen = request.headers.get("last-event-id", "")
        headers = answers.FOR_ALL
        return StreamingResponse(events.stream(seen), headers=headers, media_type="text/event-stream")

    return answer


async def _description(_: Request) -> Response:
    """What programs make clients from."""
    return answers.sent(await run_in_threadpool(openapi.document))


async def _unknown(_: Request, error: Exception) -> Response:
    """What came to no route."""
    assert isinstance(error, HTTPException)
    words = {404: "There is nothing at this path.", 405: "This path has no such method."}
    message = words.get(error.status_code, error.detail)
    return answers.failed("bad-request", error.status_code, message, "See /.", error.headers)


async def _bug(_: Request, error: Exception) -> Response:
    words = f"{type(error).__name__}: {error}"
    return answers.failed("internal-error", 500, words, "Please report it.")
