"""A task that a job was made for: an issue, a file, or whatever somebody names."""

from __future__ import annotations

from collections.abc import Iterable

from gitfleet.codec import TEXT, WHOLE, Struct, Text, field

ISSUE, FILE = "github-issue", "file"
_LONG: Text[str] = Text(1 << 12, cut=True)
_TITLE: Text[str] = Text(200, cut=True)


class WorkItem(Struct):
    """`type` is `github-issue`, `file`, or a word of whoever named it; `url` or `path` tells where it is.

    `source`, `ref` and `version` are what it is in the fleet's ledger, and `fence` is that by which it was had last; "" and 0 for one that
    was only named. `body` is kept nowhere but in the job's prompt.
    """

    type: str = field(TEXT, default="")
    url: str = field(_LONG, default="")
    path: str = field(_LONG, default="")
    title: str = field(_TITLE, default="")
    source: str = field(TEXT, default="", omit=True)
    ref: str = field(_LONG, default="", omit=True)
    version: str = field(TEXT, default="", omit=True)
    fence: int = field(WHOLE, default=0, omit=True)

    @property
    def place(self) -> str:
        """Where it is."""
        return self.url or self.path


def fence(items: Iterable[WorkItem]) -> int:
    """The fence of the lease by which a job has its tasks; 0: it has none that others could take."""
    return max((item.fence for item in items if item.source), default=0)
