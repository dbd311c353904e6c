"""Codex's windows: several in one daemon, which has the environment of whoever came first."""

from __future__ import annotations

import threading

from tests.agents import windows
from tests.agents.models import Responses, say, use
from tests.agents.scenario import apply, run, scenario, update
from tests.agents.world import GITFLEET, World

SAFE = "--dangerously-bypass-approvals-and-sandbox"


def _stop(world: World) -> None:
    windows.closed(world)
    world.run(world.ada, "codex", "app-server", "daemon", "stop")


def _opened(world: World, name: str, path: str) -> None:
    """Answer what a new user is asked, and wait for the window's session to claim a file."""

    def claimed() -> bool:
        if "Use existing model" in windows.shown(world, name):
            windows.typed(world, name, "2", "Enter")
        return path in world.holders()

    assert world.eventually(claimed), windows.shown(world, name)


@scenario("codex")
def two_windows(world: World) -> None:
    """Two windows in one daemon are two sessions; the second is refused what the first has."""
    gate = threading.Event()
    turns = [
        use(apply(update("free/a.py")), mark="task one"), say("done one", mark="task one", gate=gate),
        use(apply(update("free/a.py", "three", "two")), mark="task two"),
        use(apply(update("free/b.py")), mark="task two"),
        use(run("gitfleet prime | head -1"), mark="task two"), say("done two", mark="task two"),
    ]  # fmt: skip
    with Responses(*turns) as model:
        world.codex_ready(model, world.ada)
        try:
            windows.opened(world, "one", world.ada, "codex", SAFE, "task one")
            _opened(world, "one", "free/a.py")
            windows.opened(world, "two", world.ada, "codex", SAFE, "task two")
            _opened(world, "two", "free/b.py")
            holders = world.holders()
            assert len(set(holders.values())) == 2, holders
            assert f'"free/a.py" is held by session {holders["free/a.py"]}' in model.heard
            told = f"You act for session {holders['free/b.py']}"
            assert world.eventually(lambda: told in model.heard), model.heard[-2000:]
        finally:
            gate.set()
            _stop(world)


@scenario("codex")
def launched_window(world: World) -> None:
    """A window that `session start` opened beside an older one acts for its own session."""
    turns = [
        use(apply(update("free/a.py")), mark="task one"), say("done one", mark="task one"),
        use(apply(update("free/b.py")), mark="task two"), say("done two", mark="task two"),
    ]  # fmt: skip
    with Responses(*turns) as model:
        world.codex_ready(model, world.ada)
        try:
            windows.opened(world, "one", world.ada, "codex", SAFE, "task one")
            _opened(world, "one", "free/a.py")
            start = (str(GITFLEET), "session", "start", "--here", "--id", "launched", "--")
            windows.opened(world, "two", world.ada, *start, "codex", SAFE, "task two")
            _opened(world, "two", "free/b.py")
            holders = world.holders()
            assert holders["free/b.py"] == "launched", holders
            assert holders["free/a.py"] != "launched", holders
        finally:
            _stop(world)
