"""What agents leave behind when they are killed, found among everything else that runs on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.leakbench import WAYS, measured


@pytest.mark.skipif(sys.platform != "linux", reason="a scan reads /proc")
def test_leaks_of_ten_ways_are_attributed_and_ended_and_bystanders_are_not(tmp_path: Path) -> None:
    found = measured(tmp_path, len(WAYS), seconds=0.2, machine=False)

    assert found.lost == ()
    assert found.leaks == found.attributed == found.ended == len(WAYS)
    assert found.bystanders > 0
    assert found.harmed == 0
