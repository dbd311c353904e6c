"""Which disks may be looked at before acting: whoever asks one that does not answer waits for ever. Asked anew every half minute."""

from __future__ import annotations

import errno
import time

from gitfleet.onhost import silent_disks

_GOOD_FOR = 30.0
_known: list[tuple[float, tuple[str, ...]]] = []


def silent() -> tuple[str, ...]:
    """The mounts that do not answer."""
    now = time.monotonic()
    if not _known or _known[0][0] + _GOOD_FOR < now:
        _known[:] = [(now, silent_disks.silent())]
    return _known[0][1]


def demand(path: str) -> None:
    """Raise OSError for a path on one of them: what is there is not known."""
    if silent_disks.lies_on(path, silent()):
        raise OSError(errno.EHOSTDOWN, "its disk does not answer")
