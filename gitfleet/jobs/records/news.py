"""News for whoever waits for changes in a folder: a file that comes and goes. Light: shepherds use it, too."""

from __future__ import annotations

import os
from contextlib import suppress


def ring(folder: str) -> None:
    """Have those who watch the folder look. Nothing happens where there is no such folder, or no room."""
    path = os.path.join(folder, f".news-{os.getpid()}")
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    with suppress(OSError):
        os.unlink(path)
