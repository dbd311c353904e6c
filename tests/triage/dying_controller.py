"""`gitfleet …`, killed right after its Nth line in the journal of an application.

python -m tests.triage.dying_controller N fleet apply …
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from gitfleet.cli import main
from gitfleet.triage.apply_journal import ApplyJournal


def dying(number: int) -> None:
    """Have this process killed after so many lines."""
    write, left = ApplyJournal._write, [number]

    def counted(self: ApplyJournal, kind: str, **more: Any) -> None:
        write(self, kind, **more)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    ApplyJournal._write = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    dying(int(sys.argv[1]))
    sys.argv = ["gitfleet", *sys.argv[2:]]
    sys.exit(main.process())
