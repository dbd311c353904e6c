"""The clone that hook tests start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.githooks.hookbench import Bench
from tests.workbench import Git


@pytest.fixture
def bench(repository: Path, git: Git, tmp_path: Path) -> Bench:
    """A clone that is part of a fleet, with no hooks installed; git knows hooks by their folder only."""
    tools = tmp_path / "tools"
    tools.mkdir()
    bench = Bench(repository, git, tools)
    bench.join_fleet()
    bench.folder_only()
    return bench
