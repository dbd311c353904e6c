"""Programs that end with their test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.onhost.starting import Programs, programs


@pytest.fixture
def start() -> Iterator[Programs]:
    """Starts real programs."""
    with programs() as found:
        yield found
