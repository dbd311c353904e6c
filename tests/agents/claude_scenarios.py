"""Claude Code: what becomes of its edits, which session it is, and when that ends."""

from __future__ import annotations

import signal
import threading
import time

from tests.agents.models import Call, Messages, say, use
from tests.agents.scenario import HELD, bash, edit, scenario
from tests.agents.world import GITFLEET, World

COMMIT = bash("gitfleet check free/a.py; git commit -qm x free/a.py; git log -1 --format=%B")


def _read(world: World, name: str) -> Call:
    return Call("Read", {"file_path": str(world.ada / name)})


def _plays(world: World, *calls: Call) -> Messages:
    """Have Claude Code make the calls, one a turn; the model, which knows what it was told."""
    world.fleet(world.ada, "agent", "install", "claude")
    with Messages(*(use(call) for call in calls), say("done")) as model:
        done = world.claude(model).start(world.ada).end()
        assert done.code == 0, done
        return model


def _both(world: World, name: str) -> list[Call]:
    return [_read(world, name), edit(str(world.ada / name))]


@scenario("claude")
def free(world: World) -> None:
    """An edit of a free file goes through, and claims it; a new file too."""
    made = Call("Write", {"file_path": str(world.ada / "free/new.py"), "content": "new\n"})
    model = _plays(world, *_both(world, "free/a.py"), made)
    assert (world.ada / "free/a.py").read_text() == "two\n"
    assert (world.ada / "free/new.py").exists()
    assert "claimed free/a.py for session claude-" in model.heard


@scenario("claude")
def held(world: World) -> None:
    """An edit of a held file is refused, by each of its tools, and the model reads by whom."""
    made = Call("Write", {"file_path": str(world.ada / "held/new.py"), "content": "new\n"})
    model = _plays(world, *_both(world, "held/a.py"), made)
    assert (world.ada / "held/a.py").read_text() == "one\n"
    assert not (world.ada / "held/new.py").exists()
    assert HELD in model.heard
    assert "\ngitfleet claim --wait --timeout 90s held/a.py\n" in model.heard


@scenario("claude")
def redirection(world: World) -> None:
    """A command that writes a held file by a redirection is refused; one that writes a free file runs."""
    model = _plays(world, bash("echo x > held/a.py"), bash("echo two > free/a.py"))
    assert (world.ada / "held/a.py").read_text() == "one\n"
    assert (world.ada / "free/a.py").read_text() == "two\n"
    assert HELD in model.heard


@scenario("claude")
def placeholder(world: World) -> None:
    """An empty `.git` folder switches nothing off."""
    (world.ada / "held/.git").mkdir()
    model = _plays(world, *_both(world, "held/a.py"))
    assert (world.ada / "held/a.py").read_text() == "one\n"
    assert HELD in model.heard


@scenario("claude")
def commit(world: World) -> None:
    """A commit and a check find the session without being told."""
    model = _plays(world, *_both(world, "free/a.py"), COMMIT)
    assert "mine    free/a.py" in model.heard
    assert "Fleet-Session: claude-" in model.heard


@scenario("claude")
def subagent(world: World) -> None:
    """A subagent acts for its agent's session."""
    task = Call(
        "Task", {"description": "part", "prompt": "the inner part", "subagent_type": "general-purpose"}
    )
    inner = [
        use(call, mark="the inner part") for call in [*_both(world, "free/a.py"), *_both(world, "held/a.py")]
    ]
    world.fleet(world.ada, "agent", "install", "claude")
    turns = [use(task), *inner, say("done", mark="the inner part"), say("done")]
    with Messages(*turns) as model:
        done = world.claude(model).start(world.ada).end()
    assert done.code == 0, done
    assert (world.ada / "free/a.py").read_text() == "two\n", model.heard[-3000:]
    assert (world.ada / "held/a.py").read_text() == "one\n"
    assert HELD in model.heard


@scenario("claude")
def two_at_once(world: World) -> None:
    """Two runs in one worktree are two sessions; the second is refused what the first has."""
    world.fleet(world.ada, "agent", "install", "claude")
    gate = threading.Event()
    first = _both(world, "free/a.py")
    second = [_read(world, "free/a.py"), edit(str(world.ada / "free/a.py"), "three", "two")]
    with (
        Messages(*(use(call) for call in first), say("done", gate=gate)) as one,
        Messages(*(use(call) for call in second), say("done")) as two,
    ):
        running = world.claude(one).start(world.ada)
        assert world.eventually(lambda: "free/a.py" in world.holders())
        (holder,) = world.holders().values()
        assert world.claude(two).start(world.ada).end().code == 0
        gate.set()
        assert running.end().code == 0
    assert f"is held by session {holder}" in two.heard


@scenario("claude")
def next_run(world: World) -> None:
    """What a run left uncommitted stays with its worktree: the next one there is told, and takes it over; another clone may not."""
    _plays(world, *_both(world, "free/a.py"))
    assert world.eventually(lambda: world.sessions() == []), world.sessions()
    world.fleet(world.ben, "sync")
    world.fleet(world.ben, "agent", "install", "claude")
    foreign = world.ben / "free/a.py"
    with Messages(
        use(Call("Read", {"file_path": str(foreign)})), use(edit(str(foreign))), say("done")
    ) as other:
        assert world.claude(other).start(world.ben).end().code == 0
    assert foreign.read_text() == "one\n"
    assert "retained by" in other.heard
    model = _plays(world, _read(world, "free/a.py"), edit(str(world.ada / "free/a.py"), "three", "two"))
    assert (world.ada / "free/a.py").read_text() == "three\n"
    assert 'Sessions that have ended left work here, and their claims: "free/a.py"' in model.heard


@scenario("claude")
def silent_hub(world: World) -> None:
    """With a hub that accepts and stays silent, held stays refused, each within 5 s."""
    with world.silence(world.ada):
        begun = time.monotonic()
        model = _plays(world, *_both(world, "held/a.py"), *_both(world, "free/a.py"))
        took = time.monotonic() - begun
    assert (world.ada / "held/a.py").read_text() == "one\n"
    assert HELD in model.heard
    assert "tentatively" in model.heard
    assert took < 25, took


@scenario("claude")
def hub_away(world: World) -> None:
    """With the hub away, held stays refused, and free is claimed tentatively."""
    world.hub.rename(world.hub.with_name("away.git"))
    model = _plays(world, *_both(world, "held/a.py"), *_both(world, "free/a.py"))
    assert (world.ada / "held/a.py").read_text() == "one\n"
    assert HELD in model.heard
    assert "tentatively" in model.heard


@scenario("claude")
def resume(world: World) -> None:
    """A run that is resumed is checked, and commits as its session."""
    world.fleet(world.ada, "agent", "install", "claude")
    with Messages(say("done")) as model:
        done = world.claude(model).start(world.ada).end()
    own = next(line["session_id"] for line in done.lines if line.get("type") == "result")
    calls = [*_both(world, "held/a.py"), *_both(world, "free/a.py"), COMMIT]
    with Messages(*(use(call) for call in calls), say("done")) as model:
        assert world.claude(model, "--resume", own).start(world.ada).end().code == 0
    assert HELD in model.heard
    assert "Fleet-Session: claude-" in model.heard


def _ended(world: World, number: signal.Signals) -> None:
    world.fleet(world.ada, "agent", "install", "claude")
    gate = threading.Event()
    with Messages(*(use(call) for call in _both(world, "free/a.py")), say("done", gate=gate)) as model:
        running = world.claude(model).start(world.ada)
        assert world.eventually(lambda: len(model.asked) > 2)
        world.signal_all(running, number)
        running.end()
    _plays(world, _read(world, "free/a.py"), edit(str(world.ada / "free/a.py"), "three", "two"))
    assert (world.ada / "free/a.py").read_text() == "three\n"


@scenario("claude")
def sigint(world: World) -> None:
    """SIGINT ends the session; the next run gets the file."""
    _ended(world, signal.SIGINT)


@scenario("claude")
def sigterm(world: World) -> None:
    """SIGTERM ends the session; the next run gets the file."""
    _ended(world, signal.SIGTERM)


@scenario("claude")
def sighup(world: World) -> None:
    """SIGHUP ends the session; the next run gets the file."""
    _ended(world, signal.SIGHUP)


@scenario("claude")
def sigkill(world: World) -> None:
    """SIGKILL: the next run gets the file all the same."""
    _ended(world, signal.SIGKILL)


@scenario("claude")
def own_worktree(world: World) -> None:
    """With `--worktree` the hooks of the main checkout check the edits there."""
    world.fleet(world.ada, "agent", "install", "claude")
    tree = world.ada / ".claude/worktrees/side"
    calls = [Call("Read", {"file_path": str(tree / "held/a.py")}), edit(str(tree / "held/a.py"))]
    with Messages(*(use(call) for call in calls), say("done")) as model:
        done = world.claude(model, "--worktree", "side").start(world.ada).end()
    assert done.code == 0, done
    assert (tree / "held/a.py").read_text() == "one\n"
    assert HELD in model.heard


@scenario("claude")
def launcher(world: World) -> None:
    """Started by `session start`, it is that session, in edits and in commands."""
    world.fleet(world.ada, "agent", "install", "claude")
    with Messages(*(use(call) for call in _both(world, "free/a.py")), use(COMMIT), say("done")) as model:
        before = [str(GITFLEET), "session", "start", "--id", "launched", "--here", "--"]
        done = world.claude(model).start(world.ada, before=before).end()
    assert done.code == 0, done
    assert "Fleet-Session: launched" in model.heard
    assert world.sessions() == []


@scenario("claude")
def launcher_interrupted(world: World) -> None:
    """Interrupted, the client says 0, and the launcher 130."""
    world.fleet(world.ada, "agent", "install", "claude")
    gate = threading.Event()
    with Messages(use(bash("true")), say("done", gate=gate)) as model:
        before = [str(GITFLEET), "session", "start", "--id", "launched", "--here", "--"]
        running = world.claude(model).start(world.ada, before=before)
        assert world.eventually(lambda: len(model.asked) > 1)
        running.signal(signal.SIGINT)
        done = running.end()
    assert done.code == 130, done
    assert "interrupted" in done.err, done
    assert world.sessions() == []
