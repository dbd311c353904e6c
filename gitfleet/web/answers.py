"""What is sent back: the envelope of the command line, with the HTTP status that an outcome has."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

from gitfleet.base.commands import spoken_in
from gitfleet.errors import EXIT_CODES, UNCHANGED, FleetError, NoEntry, NoSession
from gitfleet.fleet.views import envelope
from gitfleet.web.outcome import WebAnswer

STATUS_OF: Mapping[int, int] = {
    2: 400, 10: 409, 12: 410, 13: 503, 14: 409, 15: 412, 16: 403, 20: 503, 30: 502, 40: 501,
}  # fmt: skip
"""The HTTP status of each exit code that an error may have; else 500. 409: somebody else holds it, and nothing was changed."""
FOR_ALL: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every answer."""


def sent(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON value as a response."""
    text = json.dumps(spoken_in(value), ensure_ascii=True, sort_keys=True)
    return Response(
        f"{text}\n", status, headers={**FOR_ALL, **(headers or {})}, media_type="application/json"
    )


def told(command: str, answer: WebAnswer) -> Response:
    """What a route answers: 200, or 202 while the hub has not agreed."""
    word = "tentative" if answer.tentative else "ok"
    return sent(
        envelope.envelope(command, word, answer.data, answer.warnings), 202 if answer.tentative else 200
    )


def refused(command: str, error: FleetError) -> Response:
    """An error of ours, with the exit code that the command would have ended with."""
    status = 404 if isinstance(error, NoSession | NoEntry) else STATUS_OF.get(error.exit_code, 500)
    if status == 409 and not error.unharmed:  # something may have changed, so it is not what 409 says
        status = 500
    facts = {**error.facts, "exit_code": error.exit_code}
    data = envelope.failure(error.message, error.hint, error.unharmed, facts)
    return sent(envelope.envelope(command, error.status, data), status)


def failed(
    word: str, status: int, message: str, hint: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A request that came to no route, or should not have: nothing was done. Of a bug (500) nobody knows what was done before it."""
    code = 70 if status >= 500 else 16 if status in {401, 403} else 2
    data = envelope.failure(message, hint, "" if status >= 500 else UNCHANGED, {"exit_code": code})
    assert code in EXIT_CODES
    return sent(envelope.envelope("web", word, data), status, headers)
