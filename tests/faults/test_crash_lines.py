"""A crash at any line of the ledger's code: the next command goes on, nothing is lost, nothing is done twice.

The lines between two effects make the same crash, so one stands for all of them (see `crash_driver`). A run tries a part
of these points, with `--all` all of them. With EVERY_LINE set in the environment too each line is tried, which takes
some 30 minutes.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.sampling import shards
from tests.workbench import PATIENCE, ROOT, run

EVERY_LINE = bool(os.environ.get("EVERY_LINE"))
PARTS = 24 if EVERY_LINE else 16
LONG = 20  # so many times as many parts for what takes so many times as long
SCENARIOS = (
    "claim",
    "claim-without-hub",
    "claim-offline",
    "release",
    "sync",
    "gate",
    "process",
    "process-without-hub",
)
DRIVER = ROOT / "tests/faults/crash_driver.py"


@pytest.mark.sample(4)
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, to wait for the processes of a dead one")
@pytest.mark.parametrize(
    ("scenario", "shard"),
    [
        (name, shard)
        for name in SCENARIOS
        for shard in shards(f"crash {name}", PARTS * LONG if "process" in name else PARTS)
    ],
)
@pytest.mark.always
def test_crash_after_every_effect_is_mended_by_the_next_command(
    prepared_fleet: Path, tmp_path: Path, scenario: str, shard: str
) -> None:
    output = tmp_path / "outcome.json"
    argv: list[str | Path] = [sys.executable, "-P", DRIVER, prepared_fleet, scenario, shard, output]
    argv += ["lines"] if EVERY_LINE else []
    run(argv, tmp_path, env={"PYTHONPATH": str(ROOT)}).ok()
    outcome = json.loads(output.read_text(encoding="utf-8"))
    assert outcome["failures"] == []
    assert outcome["all"] > 20
    assert len(outcome["missed"]) <= outcome["tried"] / 2, (
        outcome
    )  # on a busy machine waiting has fewer turns
    assert outcome["slowest"][-1][0] < PATIENCE, (
        outcome
    )  # else somebody has waited for a lock that nobody had
