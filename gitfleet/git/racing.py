"""A race of two pushes whose order is certain: one is made while the other stands between the hub's word and its own.

A push first hears from the hub where its refs are. Git then runs the `pre-push` hook, and only then sends what it wants,
with those values in it. So whatever the hook moves on the hub, the push that waits for the hook has lost; a hub that
tells it otherwise does not compare before it swaps.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.processes import Completed
from gitfleet.git import answers
from gitfleet.git.push_answer import PushAnswer
from gitfleet.git.remote import Remote, Update

PATIENCE = 40.0
"""Seconds for both. A hub that serves one connection after the other never answers the faster push while the slower waits."""

_HOOK = """\
#!/bin/sh
cat >/dev/null
cd {cwd} && {push} </dev/null >{out} 2>{err}
echo $? >{code}
exit 0
"""


class Raced(NamedTuple):
    """What the slower push was told, and the faster one; None where git did not run the hook that makes it, or it did not end."""

    slow: PushAnswer
    fast: PushAnswer | None


def race(remote: Remote, slow: Sequence[Update], fast: Sequence[Update], folder: str) -> Raced:
    """Push `slow`, and `fast` when `slow` has heard where the refs are. `folder` is one where git may run hooks from.

    Costs two connections, the second within the first.
    """
    files.folder(folder)
    with files.storage(folder):
        place = tempfile.mkdtemp(prefix="race-", dir=folder)
    try:
        out, err, code = (os.path.join(place, name) for name in ("out", "err", "code"))
        cwd, argv = remote.push_command(fast)
        quoted = {"cwd": cwd, "out": out, "err": err, "code": code}
        script = _HOOK.format(
            push=shlex.join(argv), **{name: shlex.quote(path) for name, path in quoted.items()}
        )
        files.replace(os.path.join(place, "pre-push"), os.fsencode(script), mode=0o755)
        told = remote.push_watched(slow, place, timeout=PATIENCE)
        ended = files.read(code)
        if ended is None:
            return Raced(told, None)
        done = Completed(tuple(argv), int(ended), files.read(out) or b"", files.read(err) or b"")
        return Raced(told, answers.of_push(done))
    finally:
        shutil.rmtree(place, ignore_errors=True)
