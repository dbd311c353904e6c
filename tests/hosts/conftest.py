"""Hosts for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.sshd import Hosts


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Brings hosts up; see `sshd.Hosts`. All of them are down again after the test."""
    (tmp_path / "hosts").mkdir()
    made = Hosts(tmp_path / "hosts")
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name, for sockets."""
    with tempfile.TemporaryDirectory(prefix="gf", dir="/tmp") as folder:
        yield Path(folder)
