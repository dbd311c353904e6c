"""A few random histories, anew in each run; `scripts/soak` plays thousands."""

from __future__ import annotations

import secrets
import subprocess
import sys

import pytest

from tests.races.histories import plan
from tests.workbench import ROOT

COUNT = 6


@pytest.mark.slow
@pytest.mark.always
def test_random_histories_break_no_promise() -> None:
    seed = secrets.randbelow(10**9)
    argv = [sys.executable, "-m", "tests.races.histories", str(seed), str(COUNT)]  # forks: not from threads
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), f"scripts/soak {COUNT} --seed {seed}\n{done}"


def test_plan_of_a_history_follows_from_its_number() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)
