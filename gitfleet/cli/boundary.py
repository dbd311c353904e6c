"""Where errors end: every command runs through here, and leaves with a message, a hint and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from gitfleet.base import collecting, delivery, files
from gitfleet.cli import render
from gitfleet.cli.answer import Reply, Telling, Watching
from gitfleet.errors import FleetError
from gitfleet.fleet.views import envelope

if TYPE_CHECKING:
    from gitfleet.cli.screen import WatchScreen

_Told = TypeVar("_Told")
READ_ONLY = frozenset([
    "agent list", "agent show", "agent status", "audit", "check", "claims", "config check", "config show", "fsck", "inbox list", "log", "logs", "maintainer logs", "maintainer status", "prime", "review",
    "session list", "session show", "status", "waiting", "worktree list", "worktree status",
])  # fmt: skip
"""Commands that only look: that nothing was changed goes without saying."""


def run(command: str, action: Callable[[], Reply | Watching | Telling], *, as_json: bool) -> int:
    """Run `action`, show what it answers or why it could not, and return the exit code."""
    try:
        answer = _ask(command, action, as_json=as_json)
        if not isinstance(answer, Reply):
            collecting.often()
        if isinstance(answer, Watching):
            return _watch(command, answer, as_json=as_json)
        if isinstance(answer, Telling):
            return _follow(command, answer, as_json=as_json)
    except KeyboardInterrupt:
        words = "interrupted; what was accepted stays accepted (see `gitfleet status`)"
        render.note(f"gitfleet: {words}")
        answer = Reply(envelope.failure(words), status="interrupted", code=130)
    except BrokenPipeError:  # a command that tells as it goes
        return _nobody_reads()
    return show(command, answer, as_json=as_json)


def show(command: str, answer: Reply, *, as_json: bool) -> int:
    """Show what a command answers, and return its exit code: also where nobody reads it, for what was done is done."""
    try:
        render.show(command, answer, as_json=as_json)
        delivery.done()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        code = unheard(error)
        return answer.code or code
    return answer.code


def unheard(error: OSError) -> int:
    """The exit code of an answer that could not be written: 0 where nobody reads it any more."""
    _nobody_reads()
    if isinstance(error, BrokenPipeError):
        return 0
    render.note(f"gitfleet: the answer could not be written: {error.strerror}")
    return 20


def _watch(command: str, watch: Watching, *, as_json: bool) -> int:
    """Look again and again until Ctrl-C (0) or an error (its code), and show what has changed.

    A terminal is drawn anew each time. Elsewhere an answer is shown when its gist is another, JSON as one line each.
    """
    shown: object = None
    screen = _screen() if sys.stdout.isatty() and not as_json else None
    try:
        while True:
            answer = _ask(command, watch.look, as_json=as_json)
            gist = watch.gist(answer)
            if screen or answer.code or gist != shown:
                if screen and not answer.code:
                    screen.draw(answer)
                else:
                    render.show(command, answer, as_json=as_json, compact=True)
                delivery.done()
                shown = gist
            delivery.failed()
            if answer.code or not watch.wait():
                return answer.code
    except KeyboardInterrupt:
        return 0
    finally:
        watch.close()


def _screen() -> WatchScreen:
    from gitfleet.cli.screen import WatchScreen  # rich: 50 ms

    return WatchScreen()


def _follow(command: str, answer: Telling, *, as_json: bool) -> int:
    """Show one reply after the other, JSON as one line each, until there are no more, or Ctrl-C (0), or an error (its code)."""
    try:
        while (reply := _ask(command, lambda: next(answer.replies, None), as_json=as_json)) is not None:
            render.show(command, reply, as_json=as_json, compact=True)
            if reply.code:
                return reply.code
    except KeyboardInterrupt:
        return 0
    return 0


def _nobody_reads() -> int:
    """What was to be told by this answer is told by another one."""
    delivery.failed()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _ask(command: str, action: Callable[[], _Told], *, as_json: bool) -> _Told | Reply:
    try:
        return action()
    except FleetError as error:
        from gitfleet.clients import confined  # only for refusals

        return _refused(command, confined.explained(error, command, os.environ), as_json=as_json)
    except PermissionError as error:
        return _refused(command, files.forbidden(error), as_json=as_json)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes exit code 70
        return _bug(error)


def _refused(command: str, error: FleetError, *, as_json: bool) -> Reply:
    if command in READ_ONLY:
        error.unharmed = ""
    if not as_json:
        render.show_failure(error)
    return render.failure(error)


def _bug(error: Exception) -> Reply:
    words = f"{type(error).__name__}: {error}"
    render.note(f"gitfleet: internal error, please report it: {words}")
    if os.environ.get("GITFLEET_DEBUG"):
        import traceback  # only for bugs

        for line in "".join(traceback.format_exception(error)).splitlines():
            render.note(line)
    else:
        render.note("next: set GITFLEET_DEBUG=1 to see where it happened")
    data = envelope.failure(words, "Please report it.")
    return Reply(data, status="internal-error", code=70)
