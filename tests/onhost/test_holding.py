"""What is kept for the sake of something below it: whoever gave an editor its terminal takes it along."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.onhost.inference import judge
from gitfleet.onhost.records import KEEP, TERMINATE, HostProcess, ProcessGroup
from tests.onhost.tables import host, of_session, process

ON_TERMINAL: dict[str, Any] = {"terminal": 34817, "tpgid": -1}


def judged_above(*below: HostProcess) -> tuple[str, str]:
    """What becomes of an ended session's script with these below it, and why it is kept."""
    top = process("python3 wrap.py", pid=100)
    between = process("python3 inner.py", pid=150, ppid=100)
    group = ProcessGroup(top, (top,), 100)
    found = judge(group, of_session(), host(top, between, *below))
    return found.action, found.protected


@pytest.mark.parametrize(
    "below",
    [
        process("vim notes", pid=200, ppid=100, **ON_TERMINAL),
        process("bash -i", pid=200, ppid=100, **ON_TERMINAL),
        process("claude", pid=200, ppid=150),
        process("redis-server", pid=200, ppid=150),
        process("python3 -i", pid=200, ppid=150, terminal=34817, tpgid=200),
    ],
    ids=lambda one: one.command[0],
)
def test_leak_that_holds_what_is_kept_is_kept_and_says_why(below: HostProcess) -> None:
    action, why = judged_above(below)

    assert action == KEEP
    assert why.startswith(("has started what is kept: ", "holds a terminal"))


@pytest.mark.parametrize(
    "below",
    [
        process("node server.js", pid=200, ppid=100),
        process("bash", pid=200, ppid=100),
        process("firefox http://localhost:3000", pid=200, ppid=100),
        process("", pid=200, ppid=100, name="vim", zombie=True),
        process("vim notes", pid=200, ppid=1, **ON_TERMINAL),
    ],
    ids=[
        "a server",
        "a shell without a terminal",
        "a browser that it opened",
        "a zombie",
        "an editor elsewhere",
    ],
)
def test_leak_that_holds_nothing_of_the_kind_is_ended(below: HostProcess) -> None:
    assert judged_above(below) == (TERMINATE, "")
