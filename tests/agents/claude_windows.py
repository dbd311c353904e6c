"""Claude Code in a terminal and in the background: which session it is, and when that ends.

At its first start its terminal asks its maker's service, but not where another provider is set.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.agents import windows
from tests.agents.clients import installed
from tests.agents.models import Call, Messages, Turn, say, use
from tests.agents.scenario import bash, edit, scenario
from tests.agents.world import GITFLEET, World

PROGRAM = ("claude", "--permission-mode", "acceptEdits", "--allowedTools", "Bash", "Edit", "--")
PRIME = bash("gitfleet prime | head -3")


def _ready(world: World, model: Messages, *trusted: Path) -> None:
    """Another provider than its maker, and folders that its user has trusted."""
    world.fleet(world.ada, "agent", "install", "claude")
    folders = {str(path): {"hasTrustDialogAccepted": True} for path in (world.ada, *trusted)}
    config = world.home / ".claude/.claude.json"
    config.parent.mkdir(exist_ok=True)
    config.write_text(json.dumps({"hasCompletedOnboarding": True, "theme": "dark", "projects": folders}))
    world.env |= {
        "CLAUDE_CODE_USE_FOUNDRY": "1", "ANTHROPIC_FOUNDRY_BASE_URL": model.url, "ANTHROPIC_FOUNDRY_API_KEY": "none",
    }  # fmt: skip
    world.env.pop("ANTHROPIC_API_KEY", None)
    assert installed("claude").is_dir()


def _edits(top: Path, name: str) -> list[Turn]:
    return [use(Call("Read", {"file_path": str(top / name)})), use(edit(str(top / name)))]


@scenario("claude")
def clear(world: World) -> None:
    """In a terminal: after `/clear` it goes on as the same session, with its claims; leaving it ends that."""
    turns = [*_edits(world.ada, "free/a.py"), say("done one"), *_edits(world.ada, "free/b.py"), use(PRIME), say("done two")]  # fmt: skip
    with Messages(*turns) as model:
        _ready(world, model)
        try:
            windows.opened(world, "one", world.ada, *PROGRAM, "task one")
            assert world.eventually(lambda: "done one" in windows.shown(world, "one"))
            (session,) = world.sessions()
            windows.typed(world, "one", "/clear", "Enter")
            assert world.eventually(lambda: "done one" not in windows.shown(world, "one"))
            windows.typed(world, "one", "task two", "Enter")
            assert world.eventually(lambda: "done two" in windows.shown(world, "one"))
            assert world.holders() == {"free/a.py": session, "free/b.py": session}
            assert f"You act for session {session}" in model.heard
            windows.typed(world, "one", "/exit", "Enter")
            assert world.eventually(lambda: world.sessions() == []), world.sessions()
        finally:
            windows.closed(world)


def _background(world: World, *before: str) -> tuple[Path, str]:
    """Have it work in the background of a linked worktree until it waits for its user; what it printed."""
    tree = Path(world.fleet(world.ada, "worktree", "ensure", "--agent", "claude", "--print-path").strip())
    with Messages(*_edits(tree, "free/a.py"), say("done")) as model:
        _ready(world, model, tree)
        done = world.run(tree, *before, "claude", "--bg", "--permission-mode", "acceptEdits", "work")
        assert done.code == 0, done
        assert world.eventually(lambda: "free/a.py" in world.holders()), (done, model.heard[-2000:])
        assert world.eventually(lambda: len(model.asked) > 2)
        return tree, done.out + done.err


def _stop(world: World, said: str) -> None:
    word = next(line for line in said.splitlines() if "backgrounded" in line).split()[-1]
    world.run(world.ada, "claude", "stop", word)


@scenario("claude")
def background(world: World) -> None:
    """`claude --bg` keeps its session after its command has ended, until it is stopped"""
    tree, said = _background(world)
    try:
        (session,) = world.sessions()
        assert world.holders() == {"free/a.py": session}
        assert (tree / "free/a.py").read_text() == "two\n"
    finally:
        _stop(world, said)
    assert world.eventually(lambda: world.sessions() == []), world.sessions()


@scenario("claude")
def background_launched(world: World) -> None:
    """Started by `session start`, `claude --bg` goes on as a session after the launcher has ended, and that is said"""
    _, said = _background(world, str(GITFLEET), "session", "start", "--here", "--id", "launched", "--")
    try:
        assert world.holders() == {"free/a.py": "launched"}
        assert "session launched goes on" in said, said
    finally:
        _stop(world, said)
    assert world.eventually(lambda: world.sessions() == []), world.sessions()
