"""One message on its way to people: by a program, or by a webhook. Nothing here is tried again.

Variables that the rules name are read for each message, go to the place that the rules name only, and are in no words of ours. A redirect is not
followed.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping, Sequence

from gitfleet.base import popen, processes
from gitfleet.base.text import one_line
from gitfleet.codec import Struct
from gitfleet.trunk.notify_policy import NotifyPolicy

TIME = 15.0
"""Seconds that a program, or a server, may take."""
_UNFIT = "the address of the webhook, or a header, cannot be used"
_PLACE = re.compile(r"\{(?:title|text|markup)\}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class PeopleMessage(Struct):
    """`title` is one line, `text` some; `rows` are the items, for programs."""

    title: str
    text: str
    rows: Sequence[Mapping[str, object]] = ()


class NotSent(Exception):
    """It was certainly not delivered: it may be tried again. Its text says why, without secrets."""


class Doubtful(Exception):
    """Whether it was delivered cannot be told."""


def send(rules: NotifyPolicy, message: PeopleMessage, folder: str) -> None:
    """Deliver it. A program runs in `folder`. Raises NotSent, Doubtful."""
    if rules.command:
        _run(rules.command, message, folder)
    else:
        _post(rules, message)


def _run(command: Sequence[str], message: PeopleMessage, folder: str) -> None:
    stands = {"{title}": message.title, "{text}": message.text, "{markup}": _escaped(message.text)}
    words = [_PLACE.sub(lambda found: stands[found[0]], word) for word in command[1:]]
    name = one_line(os.path.basename(command[0]), 80)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "GITFLEET_"))}
    data = f"{message.title}\n{message.text}\n".encode()
    try:
        done = popen.tell([command[0], *words], cwd=folder, env=env, data=data, timeout=TIME, most=4096)
    except processes.TimedOut as error:
        raise Doubtful(f"{name} took longer than {TIME:.0f} s") from error
    except OSError as error:
        raise NotSent(f"{name} could not be run: {os.strerror(error.errno or 0)}") from error
    if done.code:
        from gitfleet.hosts import status  # what hides secrets: only where there is something to hide

        said = status.shown(done.stderr.decode("utf-8", "replace"), 200)
        raise NotSent(f"{name} ended with exit code {done.code}{f': {said}' if said else ''}")


def _post(rules: NotifyPolicy, message: PeopleMessage) -> None:
    """Post it, on a thread of its own: no single wait of a connection knows how long all of them take together."""
    url, (kind, data) = _filled(rules.webhook), _body(rules, message)
    headers = {"User-Agent": "gitfleet", "Content-Type": kind}
    if rules.format == "text":
        headers["Title"] = message.title.encode("ascii", "replace").decode()
    headers |= {name: _filled(text) for name, text in rules.headers.items()}
    if not _is_safe(url):
        raise NotSent("the address of the webhook is not an https one")
    outcomes: list[Exception | None] = []

    def deliver() -> None:
        try:
            _request(url, data, headers)
        except (NotSent, Doubtful) as error:
            outcomes.append(error)
        else:
            outcomes.append(None)

    thread = threading.Thread(target=deliver, daemon=True)
    thread.start()
    thread.join(TIME + 1)
    outcome = outcomes[0] if outcomes else Doubtful(f"the webhook did not answer within {TIME:.0f} s")
    if outcome is not None:
        raise outcome


def _is_safe(url: str) -> bool:
    """Whether nobody on the way can read what is posted there. Raises NotSent for what is no address."""
    from urllib.parse import urlsplit  # as below

    try:
        found = urlsplit(url)
    except ValueError:
        raise NotSent(_UNFIT) from None
    is_here = found.scheme == "http" and found.hostname in {"localhost", "127.0.0.1", "::1"}
    return found.scheme == "https" or is_here


def _request(url: str, data: bytes, headers: Mapping[str, str]) -> None:
    """One request. Raises NotSent, Doubtful."""
    from http.client import HTTPException  # 30 ms, of use to webhooks alone
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    try:
        request = Request(url, data=data, headers=dict(headers), method="POST")  # noqa: S310 - see above
        plain = (
            [ProxyHandler({})] if request.type == "http" else []
        )  # a proxy could read it, and is not this machine
        with build_opener(Stay, *plain).open(request, timeout=TIME):
            return
    except HTTPError as error:
        with error:
            raise NotSent(f"the webhook answers {error.code}") from None
    except URLError as error:  # no connection, or none that is safe: nothing was sent
        why = error.reason.strerror if isinstance(error.reason, OSError) else str(error.reason)
        if isinstance(error.reason, TimeoutError):
            raise Doubtful(f"the webhook did not answer within {TIME:.0f} s") from None
        raise NotSent(f"the webhook cannot be reached: {one_line(why or 'no connection', 100)}") from None
    except (OSError, HTTPException) as error:
        raise Doubtful(f"the connection to the webhook broke ({type(error).__name__})") from None
    except ValueError:  # its text would show the address
        raise NotSent(_UNFIT) from None


def _filled(text: str) -> str:
    """The text with what variables have. Raises NotSent for one that has nothing."""

    def value(found: re.Match[str]) -> str:
        known = os.environ.get(found[1], "").strip()
        if not known or not known.isascii() or not known.isprintable():
            raise NotSent(f"the variable {found[1]} has nothing that can be sent")
        return known

    return _VARIABLE.sub(value, text)


def _body(rules: NotifyPolicy, message: PeopleMessage) -> tuple[str, bytes]:
    if rules.format == "text":
        return "text/plain; charset=utf-8", message.text.encode()
    if rules.format == "slack":
        text = _escaped(f"*{message.title}*\n{message.text}")
        return "application/json", json.dumps({"text": text}).encode()
    whole = {"title": message.title, "text": message.text, "items": list(message.rows)}
    return "application/json", json.dumps(whole).encode()


def _escaped(text: str) -> str:
    """The text where `<` begins a tag: links and pictures that others wrote into it are none."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
