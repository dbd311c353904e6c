"""The routes of the page: its files for everybody, what it shows for who has a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gitfleet.web import answers
from gitfleet.web.guard import MAY
from gitfleet.web.page import documents, pages
from gitfleet.web.page.streams import PageStreams

_Endpoint = Callable[[Request], Awaitable[Response]]


def routes(streams: PageStreams) -> list[Route]:
    """All but the root, which is something else for programs."""
    return [
        *(Route(path, _document) for path in documents.everything() if path != "/"),
        Route("/page/{name}", _once(streams)),
        Route("/page/{name}/live", _live(streams)),
    ]


async def _document(request: Request) -> Response:
    return document(request)


def document(request: Request) -> Response:
    """One of the files."""
    found = documents.everything()[request.url.path]
    headers = {
        **answers.FOR_ALL,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": documents.POLICY,
        "ETag": found.tag,
        "Vary": "Accept",
    }
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.data, headers=headers, media_type=found.kind)


def nowhere(path: str, accept: str) -> Response | None:
    """The page that says that there is none at this address, for a browser that asks for one; it is the same for all of them."""
    if not documents.is_mistyped(path, accept):
        return None
    found = documents.everything()["/"]
    headers = {**answers.FOR_ALL, "Content-Security-Policy": documents.POLICY, "Vary": "Accept"}
    return Response(found.data, 404, headers=headers, media_type=found.kind)


def _once(streams: PageStreams) -> _Endpoint:
    async def answer(request: Request) -> Response:
        page = pages.BY_NAME.get(request.path_params["name"])
        if page is None:
            return _unknown()
        pairs = request.query_params.multi_items()
        return answers.sent(await streams.once(page, pairs, may_change=_may(request)))

    return answer


def _live(streams: PageStreams) -> _Endpoint:
    async def answer(request: Request) -> Response:
        page = pages.BY_NAME.get(request.path_params["name"])
        if page is None:
            return _unknown()
        if request.method == "HEAD":
            return Response(headers=answers.FOR_ALL, media_type="text/event-stream")
        pairs = request.query_params.multi_items()
        told = streams.stream(page, pairs, request.headers.get("last-event-id", ""), may_change=_may(request))
        return StreamingResponse(told, headers=answers.FOR_ALL, media_type="text/event-stream")

    return answer


def _may(request: Request) -> bool:
    return request.scope.get(MAY) == "change"


def _unknown() -> Response:
    return answers.failed("bad-request", 404, "There is no such page.", "See /.")
