"""Codex: which of the fleet's sessions it is, in edits and in commands, and when that ends."""

from __future__ import annotations

import signal
import threading

from tests.agents.models import Call, Responses, Turn, say, use
from tests.agents.scenario import HELD, apply, run, scenario, update
from tests.agents.world import GITFLEET, World

COMMIT = run("gitfleet check free/a.py; git commit -qm x free/a.py; git log -1 --format=%B")


@scenario("codex")
def commit(world: World) -> None:
    """A commit and a check find the session without being told."""
    with Responses(use(apply(update("free/a.py"))), use(COMMIT), say("done")) as model:
        world.codex_ready(model, world.ada)
        assert world.codex().start(world.ada, "work").end().code == 0
    assert "mine    free/a.py" in model.heard
    assert "Fleet-Session: codex-" in model.heard


@scenario("codex")
def two_at_once(world: World) -> None:
    """Two runs in one worktree are two sessions; neither gets the other's files, and each commits as itself."""
    first, second = threading.Event(), threading.Event()
    turns = [
        use(apply(update("free/a.py")), mark="task one"), use(COMMIT, mark="task one", gate=second), say("done", mark="task one"),
        use(apply(update("free/a.py")), mark="task two", gate=first), use(apply(update("free/b.py")), mark="task two"),
        use(run("gitfleet check free/a.py free/b.py"), mark="task two"), say("done", mark="task two", gate=second),
    ]  # fmt: skip
    with Responses(*turns) as model:
        world.codex_ready(model, world.ada)
        one = world.codex().start(world.ada, "task one")
        assert world.eventually(lambda: "free/a.py" in world.holders()), "the first did not claim"
        two = world.codex().start(world.ada, "task two")
        first.set()
        assert world.eventually(lambda: "free/b.py" in world.holders()), "the second did not claim"
        holders = world.holders()
        second.set()
        assert (one.end().code, two.end().code) == (0, 0)
    assert len(set(holders.values())) == 2, holders
    assert f'"free/a.py" is held by session {holders["free/a.py"]}' in model.heard
    assert f"Fleet-Session: {holders['free/a.py']}" in model.heard
    assert "mine    free/b.py" in model.heard


@scenario("codex")
def subagent(world: World) -> None:
    """A subagent acts for its agent's session, and is refused what others hold."""
    spawn = Call("spawn_agent", {"message": "the inner part"}, namespace="multi_agent_v1")
    calls = [apply(update("free/a.py")), apply(update("held/a.py"))]
    inner = [Turn(calls=[call], mark="the inner part", unless="task outer") for call in calls]
    inner.append(Turn(say="inner done", mark="the inner part", unless="task outer"))
    gate = threading.Event()
    with Responses(use(spawn, mark="task outer"), *inner, say("done", gate=gate)) as model:
        world.codex_ready(model, world.ada)
        running = world.codex().start(world.ada, "task outer")
        done = world.eventually(lambda: HELD in model.heard)
        holders, sessions = world.holders(), world.sessions()
        gate.set()
        assert running.end().code == 0
    assert done, model.heard[-3000:]
    assert (world.ada / "held/a.py").read_text() == "one\n"
    assert (world.ada / "free/a.py").read_text() == "two\n"
    assert len(sessions) == 1
    assert holders == {"free/a.py": sessions[0]}


@scenario("codex")
def next_run(world: World) -> None:
    """What a run left uncommitted stays with its worktree: the next one there is told, and takes it over; another clone may not."""
    turns = [
        use(apply(update("free/a.py")), mark="task one"), say("done", mark="task one"),
        use(apply(update("free/a.py")), mark="task away"), say("done", mark="task away"),
        use(apply(update("free/a.py", "three", "two")), mark="task two"), say("done", mark="task two"),
    ]  # fmt: skip
    with Responses(*turns) as model:
        world.codex_ready(model, world.ada)
        assert world.codex().start(world.ada, "task one").end().code == 0
        assert world.eventually(lambda: world.sessions() == []), world.sessions()
        world.fleet(world.ben, "sync")
        world.codex_ready(model, world.ben, world.ada)
        assert world.codex().start(world.ben, "task away").end().code == 0
        assert (world.ben / "free/a.py").read_text() == "one\n"
        assert "retained by" in model.heard
        assert world.codex().start(world.ada, "task two").end().code == 0
    assert (world.ada / "free/a.py").read_text() == "three\n", model.heard[-2000:]
    assert 'Sessions that have ended left work here, and their claims: "free/a.py"' in model.heard


@scenario("codex")
def failed_turn(world: World) -> None:
    """A run whose model fails ends its session."""
    with Responses(use(apply(update("free/a.py"))), Turn(status=400)) as model:
        world.codex_ready(model, world.ada)
        assert world.codex().start(world.ada, "work").end().code == 1
        assert world.eventually(lambda: world.sessions() == []), world.sessions()


def _ended(world: World, number: signal.Signals) -> None:
    """End a run by a signal while its model thinks; then another run must get the file."""
    gate = threading.Event()
    with Responses(use(apply(update("free/a.py")), mark="task one"), say("done", gate=gate, mark="task one"),
                   use(apply(update("free/a.py", "three", "two")), mark="task two"), say("done", mark="task two")) as model:  # fmt: skip
        world.codex_ready(model, world.ada)
        one = world.codex().start(world.ada, "task one")
        assert world.eventually(lambda: len(model.asked) > 1)
        world.signal_all(one, number)
        one.end()
        gate.set()
        assert world.codex().start(world.ada, "task two").end().code == 0
    assert (world.ada / "free/a.py").read_text() == "three\n", model.heard[-2000:]


@scenario("codex")
def sigint(world: World) -> None:
    """SIGINT ends the session; the next run gets the file."""
    _ended(world, signal.SIGINT)


@scenario("codex")
def sigterm(world: World) -> None:
    """SIGTERM, of which no hook is told: the next run gets the file all the same."""
    _ended(world, signal.SIGTERM)


@scenario("codex")
def sighup(world: World) -> None:
    """SIGHUP, of which no hook is told: the next run gets the file all the same."""
    _ended(world, signal.SIGHUP)


@scenario("codex")
def sigkill(world: World) -> None:
    """SIGKILL: the next run gets the file all the same."""
    _ended(world, signal.SIGKILL)


@scenario("codex")
def resume(world: World) -> None:
    """A run that is resumed while its session is at work goes on as that session."""
    with Responses(use(run("gitfleet prime | head -1")), say("done")) as model:
        world.codex_ready(model, world.ada)
        done = world.codex().start(world.ada, "work").end()
        thread = next(line["thread_id"] for line in done.lines if line["type"] == "thread.started")
    with Responses(use(apply(update("free/a.py"))), use(COMMIT), say("done")) as model:
        world.codex_ready(model, world.ada)
        argv = ("resume", "--json", "--dangerously-bypass-approvals-and-sandbox", thread)
        done = (
            world.codex()
            .__class__("codex", ["codex", "exec", *argv], world.env)
            .start(world.ada, "go on")
            .end()
        )
    assert done.code == 0, done
    assert "Fleet-Session: codex-" in model.heard, model.heard[-2000:]


@scenario("codex")
def launcher(world: World) -> None:
    """Started by `session start`, it is that session, in edits and in commands, and its exit code is the launcher's."""
    with Responses(
        use(apply(update("free/a.py"))), use(apply(update("held/a.py"))), use(COMMIT), say("done")
    ) as model:
        world.codex_ready(model, world.ada)
        before = [str(GITFLEET), "session", "start", "--id", "launched", "--here", "--"]
        done = world.codex().start(world.ada, "work", before=before).end()
    assert done.code == 0, done
    assert "for session launched" in model.heard
    assert "Fleet-Session: launched" in model.heard
    assert HELD in model.heard
    assert world.sessions() == []


@scenario("codex")
def untrusted(world: World) -> None:
    """Hooks that are not trusted: `agent status` says so, and the launcher warns before anything runs."""
    with Responses(say("done")) as model:
        world.codex_ready(model, world.ada, hooks=False)
        world.fleet(world.ada, "agent", "install", "codex")
        states = {
            one["agent"]: one
            for one in world.data(world.ada, "agent", "status")["agents"]
            if one["scope"] == "project"
        }
        assert states["codex"]["state"] == "untrusted", states
        before = [str(GITFLEET), "session", "start", "--id", "launched", "--here", "--"]
        done = world.codex().start(world.ada, "work", before=before).end()
        assert "trust" in done.err, done
