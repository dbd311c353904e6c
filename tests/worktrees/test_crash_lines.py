"""`kill -9` at every step of `worktree ensure` and `reconcile`: the next one goes on, and nothing is left that blocks or is unknown."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.sampling import shards
from tests.workbench import ROOT, run

PARTS = {"ensure": 8, "reconcile": 16}
DRIVER = ROOT / "tests/worktrees/crash_driver.py"


@pytest.mark.sample(1)
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, to wait for the processes of a dead one")
@pytest.mark.parametrize(
    ("scenario", "shard"),
    [(name, shard) for name, count in PARTS.items() for shard in shards(f"crash {name}", count)],
)
@pytest.mark.always
def test_crash_before_every_effect_is_mended_by_the_next_run(
    prepared_fleet: Path, tmp_path: Path, scenario: str, shard: str
) -> None:
    output = tmp_path / "outcome.json"
    run(
        [sys.executable, "-P", DRIVER, prepared_fleet, output, scenario, shard],
        tmp_path,
        env={"PYTHONPATH": str(ROOT)},
    ).ok()
    outcome = json.loads(output.read_text(encoding="utf-8"))
    assert outcome["failures"] == []
    assert outcome["ended"]
    assert outcome["tried"] > 15
