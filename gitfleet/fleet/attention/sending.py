"""One message on its way to people: by a program, or by a webhook. Nothing here is tried again.

Variables that the rules name are read for each message, go to the place that the rules name only, and are in no words of ours. A redirect is not
followed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gitfleet.base import processes
from gitfleet.base.text import one_line
from gitfleet.codec import Struct
from gitfleet.trunk.notify_policy import NotifyPolicy

TIME = 15.0
"""Seconds that a program, or a server, may take."""
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class PeopleMessage(Struct):
    """`title` is one line, `text` some; `rows` are the items, for programs."""

    title: str
    text: str
    rows: Sequence[Mapping[str, Any]] = ()


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
    words = [word.replace("{title}", message.title).replace("{text}", message.text) for word in command[1:]]
    name = one_line(os.path.basename(command[0]), 80)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "GITFLEET_"))}
    data = f"{message.title}\n{message.text}\n".encode()
    try:
        done = processes.run(
            [command[0], *words], cwd=folder, env=env, data=data, timeout=TIME, own_session=True
        )
    except processes.TimedOut as error:
        raise Doubtful(f"{name} took longer than {TIME:.0f} s") from error
    except OSError as error:
        raise NotSent(f"{name} could not be run: {os.strerror(error.errno or 0)}") from error
    if done.code:
        said = one_line(done.stderr.decode("utf-8", "replace"), 200)
        raise NotSent(f"{name} ended with exit code {done.code}{f': {said}' if said else ''}")


def _post(rules: NotifyPolicy, message: PeopleMessage) -> None:
    from http.client import HTTPException  # 30 ms, of use to webhooks alone
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    url, (kind, data) = _filled(rules.webhook), _body(rules, message)
    headers = {"User-Agent": "gitfleet", "Content-Type": kind}
    if rules.format == "text":
        headers["Title"] = message.title.encode("ascii", "replace").decode()
    headers |= {name: _filled(text) for name, text in rules.headers.items()}
    if not url.startswith(("https://", "http://localhost", "http://127.0.0.1", "http://[::1]")):
        raise NotSent("the address of the webhook is not an https one")
    try:
        request = Request(url, data=data, headers=headers, method="POST")  # noqa: S310 - see above
        with build_opener(Stay).open(request, timeout=TIME):
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
        raise NotSent("the address of the webhook, or a header, cannot be used") from None


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
        text = f"*{message.title}*\n{message.text}"
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return "application/json", json.dumps({"text": text}).encode()
    whole = {"title": message.title, "text": message.text, "items": list(message.rows)}
    return "application/json", json.dumps(whole).encode()
