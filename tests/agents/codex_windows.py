"""Codex's windows: several in one daemon, which has the environment of whoever came first."""

from __future__ import annotations

import shlex
import threading

from tests.agents.models import Responses, say, use
from tests.agents.scenario import apply, run, scenario, update
from tests.agents.world import GITFLEET, World

SAFE = "--dangerously-bypass-approvals-and-sandbox"


def _stop(world: World) -> None:
    world.run(world.ada, "tmux", "-L", world.root.name, "kill-server")
    world.run(world.ada, "codex", "app-server", "daemon", "stop")


def _window(world: World, name: str, *argv: str) -> None:
    """A terminal of its own with a command in it."""
    command = shlex.join(argv)
    size = ("-x", "150", "-y", "50")
    done = world.run(
        world.ada, "tmux", "-L", world.root.name, "-f", "/dev/null", "new-session", "-d", "-s", name, *size,
        "-c", str(world.ada), command,
    )  # fmt: skip
    assert done.code == 0, done


def _opened(world: World, name: str, path: str) -> None:
    """Answer what a new user is asked, and wait for the window's session to claim a file."""

    def claimed() -> bool:
        if "Use existing model" in _shown(world, name):
            world.run(world.ada, "tmux", "-L", world.root.name, "send-keys", "-t", name, "2", "Enter")
        return path in world.holders()

    assert world.eventually(claimed, 60), _shown(world, name)


def _shown(world: World, name: str) -> str:
    return world.run(world.ada, "tmux", "-L", world.root.name, "capture-pane", "-p", "-t", name).out


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
            _window(world, "one", "codex", SAFE, "task one")
            _opened(world, "one", "free/a.py")
            _window(world, "two", "codex", SAFE, "task two")
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
            _window(world, "one", "codex", SAFE, "task one")
            _opened(world, "one", "free/a.py")
            start = (str(GITFLEET), "session", "start", "--here", "--id", "launched", "--")
            _window(world, "two", *start, "codex", SAFE, "task two")
            _opened(world, "two", "free/b.py")
            holders = world.holders()
            assert holders["free/b.py"] == "launched", holders
            assert holders["free/a.py"] != "launched", holders
        finally:
            _stop(world)
