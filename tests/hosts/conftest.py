"""Hosts for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.sshd import hosts

__all__ = ["hosts"]


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name, for sockets."""
    with tempfile.TemporaryDirectory(prefix="gf", dir="/tmp") as folder:
        yield Path(folder)
