"""Every act of the page in one table, and its route: a dialog is asked for, made as things stand now, and shown before anything is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.web import answers
from gitfleet.web.guard import MAY
from gitfleet.web.page import queue_acts, radar_acts, session_acts
from gitfleet.web.page.act_form import ActForm
from gitfleet.web.page.page import MOST_CHARACTERS, MOST_FIELDS
from gitfleet.web.page.rendering import Rendered

Look = Callable[[Fleet, Mapping[str, str]], ActForm]
ACTS: Mapping[str, Look] = {
    "accept": queue_acts.accept,
    "approve": queue_acts.approve,
    "bump": queue_acts.bump,
    "claim": session_acts.claim,
    "drop": queue_acts.drop,
    "end": session_acts.end,
    "enqueue": queue_acts.enqueue,
    "hold": queue_acts.hold,
    "lost": session_acts.lost,
    "pause": queue_acts.pause,
    "radar": radar_acts.radar,
    "release": session_acts.release,
    "resume": queue_acts.resume,
    "retry": queue_acts.retry,
    "tell": session_acts.tell,
    "unhold": queue_acts.unhold,
}


def routes(fleet: Fleet) -> list[Route]:
    """`/act/NAME?…` is the dialog of an act, as HTML in JSON; only for who may change something."""
    return [Route("/act/{name}", _answer(fleet))]


def html(form: ActForm) -> str:
    """The dialog."""
    return dict(Rendered("act").blocks(form))["act"]


def _answer(fleet: Fleet) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        look = ACTS.get(request.path_params["name"])
        if look is None:
            return answers.failed("bad-request", 404, "There is no such act.", "See /.")
        if request.scope.get(MAY) != "change":
            return answers.failed("read-only", 403, "Only looking is allowed here.", "Use the other token.")
        pairs = request.query_params.multi_items()[:MOST_FIELDS]
        try:
            form = await run_in_threadpool(
                look, fleet, {name: value[:MOST_CHARACTERS] for name, value in pairs}
            )
        except FleetError as error:
            return answers.refused("web", error)
        return answers.sent({"html": html(form)})

    return answer
