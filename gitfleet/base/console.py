"""The one door to the terminal: stdout is the result, stderr everything else.

Whatever is shown goes through here, so that text from records, branches and logs can never move the cursor.
"""

from __future__ import annotations

import sys

from gitfleet.base.commands import spoken
from gitfleet.base.text import display


def out(text: str) -> None:
    """One line of the result, which its caller has made safe to show."""
    sys.stdout.buffer.write(spoken(text).encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def note(text: str) -> None:
    """A line or several beside the result, made safe to show."""
    lines = [display(line) for line in spoken(text).split("\n")]
    sys.stderr.buffer.write("\n".join(lines).encode("utf-8", "backslashreplace") + b"\n")
    sys.stderr.buffer.flush()
