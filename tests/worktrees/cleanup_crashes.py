"""Kills a cleanup, or a restore, between each two of its effects, and looks whether anything is lost.

A program: `cleanup_crashes.py TEMPLATE SCENARIO SHARD/SHARDS OUTPUT`. How it finds the points and kills at them is
`tests.faults.crash_driver`'s; here are the scenarios, and what must hold after the next command.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gitfleet
from gitfleet.errors import Blocked
from gitfleet.git.repository import discover
from gitfleet.worktrees import archiving, cleanup, restore  # noqa: F401 - before forking, so that children are warm
from tests.faults import crash_driver as engine
from tests.fleetbench import Fleets
from tests.workbench import Git
from tests.worktrees.attic import age, archives, clean, listed, mess, portrait
from tests.worktrees.yard import Yard

engine.TRACED = (
    *engine.TRACED,
    os.path.join(os.path.dirname(os.path.abspath(gitfleet.__file__)), "worktrees") + os.sep,
)
GIT = Git()


class Scenario(NamedTuple):
    """`prepare` makes the state, `run` is what is killed, `mend` comes next and says what does not hold."""

    prepare: Callable[[Yard], None]
    run: Callable[[Yard], None]
    mend: Callable[[Yard], None]


def _tree(yard: Yard) -> Path:
    return yard.top / ".worktrees/s1"


def _note(yard: Yard) -> Path:
    return yard.fleets.root / "portrait"


def _idle_mess(yard: Yard) -> None:
    worktree = yard.make("s1")
    mess(GIT, worktree)
    GIT(yard.top, "push", "--quiet", "--no-verify", "origin", f"{yard.head(worktree)}:refs/heads/main")
    age(GIT, worktree)
    _note(yard).write_text(repr(portrait(GIT, worktree)), encoding="utf-8", errors="surrogateescape")


def _archived(yard: Yard) -> None:
    _idle_mess(yard)
    archiving.take(discover(str(yard.top)), "s1")
    GIT(yard.top, "worktree", "remove", "--force", "--force", _tree(yard))


def _same(yard: Yard, worktree: Path) -> None:
    now = repr(portrait(GIT, worktree))
    assert now == _note(yard).read_text(encoding="utf-8", errors="surrogateescape"), "not the same"


def _clean(yard: Yard) -> None:
    assert not clean(yard).failed


def _clean_again(yard: Yard) -> None:
    """The next cleanup ends what was begun; everything is in an archive, and nothing lies about."""
    found = clean(yard)
    assert not found.failed, found
    assert not _tree(yard).exists(), found
    assert listed(yard) == [], found
    assert os.listdir(yard.top / ".worktrees") == [], found
    assert os.listdir(yard.fleets.state() / "worktrees/removing") == [], found
    (made,) = archives(yard)
    restore.restore(discover(str(yard.top)), made.id)
    _same(yard, _tree(yard))
    GIT(yard.top, "fsck", "--strict", "--no-dangling", "--connectivity-only")


def _restore(yard: Yard) -> None:
    restore.restore(discover(str(yard.top)), "s1")


def _restore_again(yard: Yard) -> None:
    """Either it is back as it was, or what is there is locked or not there, and the archive restores."""
    try:
        _restore(yard)
    except Blocked:
        words = GIT(yard.top, "worktree", "list", "--porcelain")
        if "locked gitfleet is restoring s1 here" in words:
            GIT(yard.top, "worktree", "remove", "--force", "--force", _tree(yard))
        elif _tree(yard).exists() and not listed(yard):
            shutil.rmtree(_tree(yard))  # git had not come so far as to know it
        else:
            _same(yard, _tree(yard))
            return
        _restore(yard)
    _same(yard, _tree(yard))


SCENARIOS = {
    "cleanup": Scenario(_idle_mess, _clean, _clean_again),
    "restore": Scenario(_archived, _restore, _restore_again),
}


def _try(prepared: Path, work: Fleets, scenario: Scenario, point: engine.Point) -> tuple[str, str]:
    shutil.rmtree(work.root)
    subprocess.run(["cp", "-a", prepared, work.root], check=True)
    yard = Yard(work, GIT)
    where, said = engine._crash(_engines(scenario), work, point)
    if not where:
        return "", said
    try:
        scenario.mend(yard)
    except Exception:  # noqa: BLE001 - whatever it is, it is what the crash has led to
        return where, f"killed at {where} ({point})\n{traceback.format_exc()}"
    return where, ""


def _engines(scenario: Scenario) -> engine.Scenario:
    """The scenario in the form that the engine knows."""
    return engine.Scenario(
        lambda _: None, lambda fleets: scenario.run(Yard(fleets, GIT)), lambda _: None, lambda _: None
    )


def _run(template: Path, scenario: Scenario, shard: tuple[int, int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gitfleet-test-") as folder:
        prepared, work = Path(folder, "prepared"), Fleets(Path(folder, "work"))
        subprocess.run(["cp", "-a", template, work.root], check=True)
        scenario.prepare(Yard(work, GIT))
        subprocess.run(["cp", "-a", work.root, prepared], check=True)
        points = engine._record(_engines(scenario), work, by_lines=False)
        tried = [_try(prepared, work, scenario, point) for point in points[shard[0] :: shard[1]]]
        os.chdir("/")
    return {
        "all": len(points),
        "tried": len(tried),
        "missed": [said for where, said in tried if not where],
        "failures": [words for where, words in tried if where and words],
    }


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(engine.SUBREAPER, 1, 0, 0, 0)
    number, shards = map(int, sys.argv[3].split("/"))
    result = _run(Path(sys.argv[1]), SCENARIOS[sys.argv[2]], (number, shards))
    Path(sys.argv[4]).write_text(json.dumps(result), encoding="utf-8")
