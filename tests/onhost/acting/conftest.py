"""Processes to act on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.onhost.acting.living import Living


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Living]:
    """Starts processes that are ended after the test."""
    folder = tmp_path / "work"
    folder.mkdir()
    one = Living(folder)
    yield one
    one.end()
