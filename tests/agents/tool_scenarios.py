"""Our tools (MCP), called by the real clients: whom they act for, and what the model reads."""

from __future__ import annotations

import threading

from tests.agents.models import Call, Messages, Responses, say, use
from tests.agents.scenario import apply, edit, scenario, update
from tests.agents.world import World

APPROVED = 'mcp_servers.gitfleet.default_tools_approval_mode="approve"'


@scenario("claude")
def tools(world: World) -> None:
    """Our tools act for the session of its edits: a free path is claimed, a held one refused, and the model reads by whom."""
    world.fleet(world.ada, "agent", "install", "claude")
    calls = (
        edit(str(world.ada / "free/a.py")),
        Call("mcp__gitfleet__claim", {"paths": ["free/b.py"]}),
        Call("mcp__gitfleet__claim", {"paths": ["held/a.py"]}),
        Call("mcp__gitfleet__check", {"paths": ["free/a.py", "free/b.py"]}),
        Call("mcp__gitfleet__status", {}),
    )
    with Messages(*(use(call) for call in calls), say("done")) as model:
        done = world.claude(model, "mcp__gitfleet").start(world.ada, "").end()
        assert done.code == 0, done
    _judge(model.heard)


@scenario("codex")
def tools_in_the_sandbox(world: World) -> None:
    """Our tools, once its user has approved them, claim though commands in the sandbox cannot: for the session of its edits."""
    calls = (
        apply(update("free/a.py")),
        _tool("claim", paths=["free/b.py"]),
        _tool("claim", paths=["held/a.py"]),
        _tool("check", paths=["free/a.py", "free/b.py"]),
        _tool("status"),
    )
    with Responses(*(use(call) for call in calls), say("done")) as model:
        world.codex_ready(model, world.ada)
        done = world.codex("-s", "workspace-write", "-c", APPROVED).start(world.ada, "work").end()
        assert done.code == 0, done
    _judge(model.heard)


@scenario("claude")
def tools_of_two(world: World) -> None:
    """The tools of two runs in one worktree act each for the session of its own run."""
    world.fleet(world.ada, "agent", "install", "claude")
    over = threading.Event()
    second = (
        Call("mcp__gitfleet__claim", {"paths": ["free/b.py"]}),
        Call("mcp__gitfleet__claim", {"paths": ["free/a.py"]}),
    )
    with (
        Messages(use(edit(str(world.ada / "free/a.py"))), say("done", gate=over)) as one,
        Messages(*(use(call) for call in second), say("done", gate=over)) as two,
    ):
        running = world.claude(one).start(world.ada)
        assert world.eventually(lambda: "free/a.py" in world.holders())
        beside = world.claude(two, "mcp__gitfleet").start(world.ada)
        assert world.eventually(lambda: "free/b.py" in world.holders())
        holders = world.holders()
        over.set()
        assert (running.end().code, beside.end().code) == (0, 0)
    assert holders["free/a.py"] != holders["free/b.py"]
    assert f"session {holders['free/a.py']}" in two.heard


@scenario("codex")
def tools_of_two_runs(world: World) -> None:
    """The tools of two runs in one worktree act each for the session of its own run."""
    over = threading.Event()
    turns = [
        use(_tool("claim", paths=["free/a.py"]), mark="task one"), say("done", mark="task one", gate=over),
        use(_tool("claim", paths=["free/b.py"]), mark="task two"), use(_tool("claim", paths=["free/a.py"]), mark="task two"),
        say("done", mark="task two", gate=over),
    ]  # fmt: skip
    with Responses(*turns) as model:
        world.codex_ready(model, world.ada)
        one = world.codex("-c", APPROVED).start(world.ada, "task one")
        assert world.eventually(lambda: "free/a.py" in world.holders()), "the first did not claim"
        two = world.codex("-c", APPROVED).start(world.ada, "task two")
        assert world.eventually(lambda: "free/b.py" in world.holders()), "the second did not claim"
        holders = world.holders()
        over.set()
        assert (one.end().code, two.end().code) == (0, 0)
    assert holders["free/a.py"] != holders["free/b.py"]
    assert f"session {holders['free/a.py']}" in model.heard


def _tool(name: str, **arguments: object) -> Call:
    return Call(name, arguments, namespace="mcp__gitfleet")


def _judge(heard: str) -> None:
    words = heard.replace("\\", "")
    assert '"pattern":"free/b.py"' in words, heard[-6000:]
    assert "Not granted: session" in words, heard[-6000:]
    assert words.count('"state":"mine"') >= 2, heard[-6000:]
    assert "You act for session" in words, heard[-6000:]
