"""A host side that is killed at its Nth effect, right after it (which is right before the next): each line of the journal, each signal, each change.

python dying_actor.py FOLDER REQUEST N [HEARD]     REQUEST: the request as JSON

With HEARD it waits, whenever it waits, until the program has written there that it has heard a signal.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitfleet.onhost.acting import grip, programs, slowing
from gitfleet.onhost.acting.act_journal import ActJournal
from gitfleet.onhost.acting.act_request import act_request
from gitfleet.onhost.acting.performing import perform
from tests.onhost.acting.living import has_heard, until

Effect = Callable[..., Any]


class Dying:
    """Counts effects, and has the process killed at one of them."""

    def __init__(self, number: int) -> None:
        self.left = number

    def around(self, effect: Effect) -> Effect:
        """The same effect, at which the process may die."""

        def run(*args: Any, **facts: Any) -> Any:
            self.left -= 1
            said = effect(*args, **facts)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return said

        return run


def main() -> None:
    folder, request, number, *heard = sys.argv[1:]
    dying = Dying(int(number))
    places: list[tuple[Any, str]] = [(ActJournal, "write"), (grip.GroupGrip, "send"), (programs, "detach")]
    for owner, name in [*places, (slowing, "_set_nice"), (slowing, "_set_limit")]:
        setattr(owner, name, dying.around(getattr(owner, name)))
    said = perform(
        act_request(json.loads(request)), folder, until(lambda: all(has_heard(Path(file)) for file in heard))
    )
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
