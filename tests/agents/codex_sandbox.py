"""Codex in its default sandbox: what its commands can do there, who commits its work, and how the sandbox is opened."""

from __future__ import annotations

import os
from pathlib import Path

from tests.agents.clients import Run
from tests.agents.models import Call, Responses, say, use
from tests.agents.scenario import HELD, apply, run, scenario, update
from tests.agents.world import GITFLEET, World

SANDBOXED = ("-s", "workspace-write")
START = [str(GITFLEET), "session", "start", "--here", "--id", "launched", "--title", "the parser", "--commit", "--"]  # fmt: skip


def _plays(
    world: World, *calls: Call, where: Path | None = None, before: list[str] | None = None
) -> tuple[Run, str]:
    """Have Codex make the calls in its sandbox; the run, and what the model heard."""
    where = where or world.ada
    with Responses(*(use(call) for call in calls), say("done")) as model:
        world.codex_ready(model, where)
        done = world.codex(*SANDBOXED).start(where, "work", before=before or []).end()
        assert done.code == 0, done
        return done, model.heard


@scenario("codex")
def sandbox(world: World) -> None:
    """In the default sandbox edits are claimed, reading commands work, and the session is the same one."""
    reading = (
        "gitfleet check free/a.py",
        "gitfleet prime",
        "gitfleet status",
        "gitfleet claims",
        "gitfleet log",
    )
    done, heard = _plays(world, apply(update("free/a.py")), apply(update("held/a.py")), *map(run, reading))
    assert (world.ada / "free/a.py").read_text() == "two\n"
    assert (world.ada / "held/a.py").read_text() == "one\n"
    assert HELD in heard
    assert [code for code, _ in done.commands] == [0] * len(reading), done.commands
    assert "mine    free/a.py" in done.commands[0][1]
    assert "You act for session codex-" in done.commands[1][1]


@scenario("codex")
def sandbox_words(world: World) -> None:
    """What cannot be done in the sandbox (claim, release, sync, session start) says so in one line, with what to do."""
    commands = ("claim x.py", "claim --wait --timeout 1s x.py", "release free/a.py", "sync", "session start --agent codex",
                "session start --here -- true", "session end")  # fmt: skip
    calls = [run(f"gitfleet {command}") for command in commands]
    done, _ = _plays(world, apply(update("free/a.py")), *calls)
    for command, (code, said) in zip(commands, done.commands, strict=True):
        assert code == 20, (command, code, said)
        assert said.startswith("gitfleet: The sandbox of codex keeps the folder of git read-only."), said
        assert len(said.splitlines()) == 1, said
        assert "`gitfleet agent install codex --sandbox open`" in said, said


@scenario("codex")
def sandbox_commit(world: World) -> None:
    """A commit that the sandbox refuses is explained to the model, in one line, with what to do."""
    _, heard = _plays(world, apply(update("free/a.py")), run("git commit -qam x"))
    assert "Read-only file system" in heard
    said = [
        line
        for line in heard.splitlines()
        if "The sandbox of codex keeps the folder of git read-only" in line
    ]
    assert said, heard[-3000:]
    assert "Leave the changes as they are: your user commits them" in said[0]


@scenario("codex")
def sandbox_launched(world: World) -> None:
    """`session start --commit` commits what the session holds, and neither others' files nor what was changed before."""
    (world.ada / "free/b.py").write_text("mine, from before\n")
    part = "*** Add File: made.py\n+new"
    calls = (
        apply(update("free/a.py")),
        apply(part),
        run("echo more > unclaimed.py"),
        run("git commit -qam x"),
    )
    done, heard = _plays(world, *calls, before=START)
    assert "they are committed for you when your session ends" in heard
    assert world.git(world.ada, "log", "-1", "--format=%s") == "the parser"
    body = world.git(world.ada, "log", "-1", "--format=%B")
    assert "Session launched of codex made these changes." in body
    assert "Fleet-Session: launched" in body
    names = world.git(world.ada, "show", "--name-only", "--format=", "HEAD").split()
    assert names == ["free/a.py", "made.py"], names
    assert world.git(world.ada, "status", "--porcelain", "free", "unclaimed.py").split("\n") == [
        "M free/b.py", "?? unclaimed.py"
    ]  # fmt: skip
    assert "committed 2 files" in done.err
    assert "the session does not claim them: unclaimed.py" in done.err


@scenario("codex")
def sandbox_launched_refused(world: World) -> None:
    """A commit of the launcher that a hook refuses is told, and nothing is lost: the file and its claim stay."""
    hooks = world.root / "hooks"
    hooks.mkdir()
    (hooks / "commit-msg").write_text("#!/bin/sh\necho 'no ticket in the message' >&2\nexit 1\n")
    (hooks / "commit-msg").chmod(0o755)
    world.git(world.ada, "config", "core.hooksPath", str(hooks))
    done, _ = _plays(world, apply(update("free/a.py")), before=START)
    assert "not committed: git refused" in done.err, done.err
    assert "no ticket in the message" in done.err
    assert world.git(world.ada, "status", "--porcelain", "free") == "M free/a.py"
    assert world.holders() == {"free/a.py": "launched"}


def _open(world: World, where: Path) -> None:
    """With the sandbox opened, commits, claims and the hub work from within; without it, the files are as they were."""
    config = where / ".codex/config.toml"
    world.fleet(where, "agent", "install", "codex", "--sandbox", "open")
    commands = ("git commit -qam x", "gitfleet claim other.py", "gitfleet sync", "git push -q origin HEAD:refs/heads/aside",
                "python3 -c 'import socket; socket.socket()'")  # fmt: skip
    done, _ = _plays(world, apply(update("free/a.py")), *map(run, commands), where=where)
    assert [code for code, _ in done.commands] == [0] * len(commands), done.commands
    assert "Fleet-Session: codex-" in world.git(where, "log", "-1", "--format=%B")
    assert world.git(world.hub, "rev-parse", "aside") == world.git(where, "rev-parse", "HEAD")
    world.fleet(where, "agent", "uninstall", "codex")
    assert not config.exists()


@scenario("codex")
def sandbox_open(world: World) -> None:
    """With `--sandbox open` commits, claims and the hub work from within; `uninstall` undoes it"""
    _open(world, world.ada)


@scenario("codex")
def sandbox_open_worktree(world: World) -> None:
    """The same in a linked worktree."""
    tree = Path(world.fleet(world.ada, "worktree", "ensure", "--agent", "codex", "--print-path").strip())
    assert os.path.isfile(tree / ".git")
    _open(world, tree)
