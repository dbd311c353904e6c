"""Kills `worktree ensure` or `reconcile` before each of its effects, and looks whether the next one goes on.

A program: `crash_driver.py PREPARED OUTPUT ensure|reconcile SHARD/SHARDS`. For each effect (as Python's audit events tell them) a child, forked on a fresh
copy of the fleet, kills itself with SIGKILL right before it. What the child leaves running is adopted and waited for. Then
the same is asked for again (of a worktree for the same session, and for another one).
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gitfleet.cli import app, worktrees  # noqa: F401 - imported before forking, so that children are warm
from gitfleet.worktrees.notes import TreeNotes
from tests.fleetbench import Fleets
from tests.workbench import Git
from tests.worktrees.yard import Yard

EFFECTS = frozenset([
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate", "fcntl.flock",
    "subprocess.Popen",
])  # fmt: skip
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
MOST = 400


def run(action: Callable[[], object], kill_at: int) -> bool:
    """Do `action` in a child that dies before effect number `kill_at`. Whether it came to its end."""
    child = os.fork()
    if child == 0:
        left = kill_at

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            written = (
                event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            )
            if event in EFFECTS or written:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            action()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    try:
        while True:
            os.waitpid(-1, 0)  # git, where it has outlived the one that started it
    except ChildProcessError:
        return not os.WIFSIGNALED(status)


def prepare(yard: Yard) -> None:
    """A worktree with a commit of its own and an edited file, and a base that has moved on."""
    path = yard.make("one")
    yard.git.commit(path, {"mine": "mine\n"})
    (path / "README.md").write_text("edited\n")
    yard.advance({"src/api/a.py": "A = 2\n", "new": "new\n"})


def check_reconciled(yard: Yard) -> None:
    """The next run brings the base in, if the one that died has not; nothing is lost and nothing is there twice."""
    git, path = yard.git, yard.top / ".worktrees/one"
    assert (said := yard.outcome("one")).result in {"merged", "up-to-date"}, said
    assert git(path, "status", "--porcelain") == " M README.md"
    assert (path / "README.md").read_text() == "edited\n"
    assert git(path, "log", "--format=%s", "--first-parent", "-n3").splitlines()[1:] == ["change", "first"]
    assert (path / "new").read_text() == "new\n"
    assert git(path, "fsck", "--connectivity-only", "--no-dangling") == ""


def check(yard: Yard) -> None:
    """The same session again, and another: each has a whole worktree of its own."""
    git = yard.git
    for managed in yard.managed():
        TreeNotes(managed.git_dir).release()  # whom it was handed to has died
    one, two = yard.ensure("codex", "one").managed, yard.ensure("codex", "two").managed
    assert (one.session, two.session) == ("one", "two")
    for managed in (one, two):
        path = Path(managed.path)
        assert (said := git(path, "status", "--porcelain")) == "", said
        assert git(path, "symbolic-ref", "--short", "HEAD") == managed.branch
        assert (path / "README.md").exists()
    with yard.open() as fleet:
        found = fleet.worktrees.look()
    assert sorted(managed.session for managed, _ in found.managed) == ["one", "two"]
    assert len(found.everything) == 3
    assert not found.broken
    assert all(worktree.locked is None for worktree in found.everything)
    assert os.listdir(yard.top / ".git/gitfleet/worktrees/making") == []
    assert git(yard.top, "status", "--porcelain") == ""
    assert (yard.top / ".git/info/exclude").read_text().count("/.worktrees/") == 1


def main(prepared: str, output: str, scenario: str, shard: str) -> None:
    """Kill at one effect after the other, those of this shard, until none is left."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1)
    first, step = map(int, shard.split("/"))
    failures, at, ended = [], first, False
    while not ended and at < MOST:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(prepared, Path(folder, "fleet"), symlinks=True)
            yard = Yard(Fleets(Path(folder, "fleet")), Git())
            if scenario == "reconcile":
                prepare(yard)
            action, look = (
                (yard.reconcile, check_reconciled)
                if scenario == "reconcile"
                else (partial(yard.ensure, "codex", "one"), check)
            )
            ended = run(action, at)
            try:
                look(yard)
            except Exception:  # noqa: BLE001 - each of them is written down
                failures.append(f"effect {at}: {traceback.format_exc()}")
        at += step
    Path(output).write_text(json.dumps({"tried": at, "ended": ended, "failures": failures}))


if __name__ == "__main__":
    main(*sys.argv[1:])
