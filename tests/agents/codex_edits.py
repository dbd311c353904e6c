"""Codex: what becomes of its edits, by whichever of its tools they are made."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.agents.models import Call, Responses, say, use
from tests.agents.scenario import HELD, apply, patch, run, scenario, update
from tests.agents.world import World


def _plays(
    world: World, *calls: Call, model: str = "gpt-5.5", arguments: tuple[str, ...] = ()
) -> tuple[Responses, str]:
    """Have Codex make the calls, one a turn; the model, which knows what it was told, and standard error."""
    with Responses(*(use(call) for call in calls), say("done")) as scripted:
        world.codex_ready(scripted, world.ada, name=model)
        done = world.codex(*arguments).start(world.ada, "work").end()
        assert done.code == 0, done
        return scripted, done.err


def _unchanged(world: World, *names: str) -> None:
    for name in names:
        assert (world.ada / name).read_text() == "one\n", name


@scenario("codex")
def free(world: World) -> None:
    """A patch of a free file goes through, and claims it."""
    model, _ = _plays(world, apply(update("free/a.py")), run("gitfleet claims --json"))
    assert (world.ada / "free/a.py").read_text() == "two\n"
    assert "claimed free/a.py for session codex-" in model.heard


@scenario("codex")
def held(world: World) -> None:
    """A patch of a held file is refused, and the model reads by whom, and a command that can be copied."""
    model, _ = _plays(world, apply(update("held/a.py")))
    _unchanged(world, "held/a.py")
    assert HELD in model.heard
    assert "\ngitfleet claim --wait --timeout 90s held/a.py\n" in model.heard


@scenario("codex")
def mixed(world: World) -> None:
    """A patch of a free and a held file is refused whole."""
    model, _ = _plays(world, apply(update("free/a.py"), update("held/a.py")))
    _unchanged(world, "held/a.py", "free/a.py")
    assert HELD in model.heard
    assert world.holders() == {}


@scenario("codex")
def moved(world: World) -> None:
    """A move to a held path is refused."""
    part = "*** Update File: free/a.py\n*** Move to: held/new.py\n@@\n-one\n+two"
    model, _ = _plays(world, apply(part))
    _unchanged(world, "free/a.py")
    assert not (world.ada / "held/new.py").exists()
    assert HELD in model.heard


@scenario("codex")
def shell_patch(world: World) -> None:
    """A patch through the shell tool is checked: held is refused, free is claimed."""
    commands = [f"apply_patch <<'EOF'\n{patch(update(name))}EOF" for name in ("held/a.py", "free/a.py")]
    model, _ = _plays(world, *map(run, commands))
    _unchanged(world, "held/a.py")
    assert (world.ada / "free/a.py").read_text() == "two\n"
    assert HELD in model.heard
    assert "claimed free/a.py" in model.heard


@scenario("codex")
def redirection(world: World) -> None:
    """A command that writes a held file by a redirection is refused; one that writes a free file runs."""
    model, _ = _plays(world, run("echo x > held/a.py"), run("cd free && echo two > a.py"))
    _unchanged(world, "held/a.py")
    assert (world.ada / "free/a.py").read_text() == "two\n"
    assert HELD in model.heard


@scenario("codex")
def code_mode(world: World) -> None:
    """In code mode the inner patches are checked."""
    script = "const answer = await tools.apply_patch({});\ntext(answer);\n"
    calls = [
        Call("exec", text=script.format(json.dumps(patch(update(name)))))
        for name in ("held/a.py", "free/a.py")
    ]
    model, _ = _plays(world, *calls, model="gpt-5.6-sol")
    _unchanged(world, "held/a.py")
    assert HELD in model.heard
    assert (world.ada / "free/a.py").read_text() == "two\n"


@scenario("codex")
def placeholder(world: World) -> None:
    """An empty `.git` folder, as a sandbox leaves it behind, switches nothing off."""
    (world.ada / "held/.git").mkdir()
    model, _ = _plays(world, apply(update("held/a.py")))
    _unchanged(world, "held/a.py")
    assert HELD in model.heard


@scenario("codex")
def misfit(world: World) -> None:
    """A patch that does not fit keeps no claim beyond its turn."""
    with Responses(use(apply(update("free/a.py", old="nothing like it"))), say("done")) as model:
        world.codex_ready(model, world.ada)
        assert world.codex().start(world.ada, "work").end().code == 0
        assert world.eventually(lambda: world.holders() == {}), world.holders()


@scenario("codex")
def silent_hub(world: World) -> None:
    """With a hub that accepts and stays silent, held stays refused, free is claimed tentatively, each within 5 s."""
    with world.silence(world.ada):
        begun = time.monotonic()
        model, err = _plays(world, apply(update("held/a.py")), apply(update("free/a.py")))
        took = time.monotonic() - begun
    _unchanged(world, "held/a.py")
    assert HELD in model.heard
    assert (world.ada / "free/a.py").read_text() == "two\n", (model.heard[-2000:], err)
    assert "tentatively" in model.heard
    assert took < 25, took


@scenario("codex")
def hub_away(world: World) -> None:
    """With the hub away, held stays refused, and free is claimed tentatively."""
    world.hub.rename(world.hub.with_name("away.git"))
    model, _ = _plays(world, apply(update("held/a.py")), apply(update("free/a.py")))
    _unchanged(world, "held/a.py")
    assert HELD in model.heard
    assert "tentatively" in model.heard


@scenario("codex")
def linked_worktree(world: World) -> None:
    """In a linked worktree the gate is in force once its hooks are."""
    tree = Path(world.fleet(world.ada, "worktree", "ensure", "--agent", "codex", "--print-path").strip())
    with Responses(use(apply(update("held/a.py"))), say("done")) as model:
        world.codex_ready(model, tree)
        assert world.codex().start(tree, "work").end().code == 0
    assert (tree / "held/a.py").read_text() == "one\n"
    assert HELD in model.heard


@scenario("codex")
def own_worktree(world: World) -> None:
    """With `--worktree` the user's own hooks check the edits."""
    world.fleet(world.ada, "agent", "install", "codex", "--user")
    with Responses(use(apply(update("held/a.py"))), say("done")) as model:
        world.codex_ready(model, world.ada, hooks=False)
        done = (
            world.codex("--dangerously-bypass-approvals-and-sandbox", "--worktree")
            .start(world.ada, "work")
            .end()
        )
    assert done.code == 0, done
    assert HELD in model.heard, model.heard[-2000:]
