"""The review of a session: its diff against where it left the trunk, file by file, and all that speaks for or against accepting it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from gitfleet.base.names import SessionId
from gitfleet.codec import Struct
from gitfleet.errors import NoEntry, NoSession, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import queue, review_rows
from gitfleet.fleet.views.gate_rows import GateStatusAnswer
from gitfleet.fleet.views.queue import EvidenceRow, QueueEntryRow, QueueShowAnswer, RunRow
from gitfleet.fleet.views.review_rows import ReviewAnswer, ReviewFileRow, ReviewJobRow
from gitfleet.fleet.views.status import ToldConflict
from gitfleet.web.page.queue import bounded

MOST_LINES = 3000
"""Lines of a diff that are shown, of all files together."""
MOST_OF_FILE = 800
_MOST_CHARACTERS = 1000

LineSort = Literal["same", "added", "removed", "hunk", "note"]
_SORTS: dict[str, LineSort] = {" ": "same", "+": "added", "-": "removed", "\\": "note"}


class DiffLine(Struct):
    """A line of a diff without its sign; the numbers that it has before and after (0: none)."""

    sort: LineSort
    text: str
    old: int = 0
    new: int = 0


class DiffFile(Struct):
    """One file that differs. `said`: "new", "deleted", "binary", "mode" or "". `hidden`: how many of its lines are not shown."""

    key: str
    added: int | None
    removed: int | None
    most: int
    said: str
    lines: Sequence[DiffLine]
    hidden: int
    open: bool


class ReviewView(Struct):
    """All that is known of a session's work but the files. `evidence` and `runs` are what the queue has found of its entry, and tests it in. `spent` in dollars, of the jobs that tell; `gaps` do not."""

    session: str
    branch: str
    head: str
    base: str
    files: int
    added: int
    removed: int
    dirty: int
    cut: bool
    gate: GateStatusAnswer | None
    entry: QueueEntryRow | None
    evidence: EvidenceRow
    runs: Sequence[RunRow]
    conflicts: Sequence[ToldConflict]
    jobs: Sequence[ReviewJobRow]
    spent: float
    gaps: int
    why: str
    next: str
    person: bool
    ready: bool


def look(fleet: Fleet, session: str) -> tuple[ReviewView | None, Sequence[DiffFile]]:
    """The review of a session, and the files of its diff; None where there is no such session. Raises GitFailed, Corrupt, NewerFormat."""
    try:
        found = review_rows.review(fleet, SessionId(session), diff=True)
    except (NoSession, UsageError):  # none is called so, or could be
        return None, ()
    return _view(found, _queued(fleet, found)), files(found["files"], found["diff"] or "")


def _queued(fleet: Fleet, found: ReviewAnswer) -> QueueShowAnswer | None:
    """What the queue knows of its entry."""
    if found["entry"] is None:
        return None
    try:
        return queue.shown(fleet, found["entry"]["id"])
    except NoEntry:  # it has just gone
        return None


def _view(found: ReviewAnswer, queued: QueueShowAnswer | None) -> ReviewView:
    spent = [job["dollars"] for job in found["jobs"]]
    return ReviewView(
        session=found["session"]["id"], branch=found["branch"], head=found["head"], base=found["base"],
        files=len(found["files"]), added=sum(one["added"] or 0 for one in found["files"]),
        removed=sum(one["removed"] or 0 for one in found["files"]), dirty=found["dirty"] or 0, cut=found["cut"],
        gate=found["gate"], entry=found["entry"], evidence=bounded(queued["evidence"]) if queued else {}, runs=queued["runs"] if queued else (), conflicts=found["conflicts"], jobs=found["jobs"],
        spent=sum(one for one in spent if one is not None), gaps=spent.count(None), why=found["why"], next=found["next"],
        person=found["session"]["person"],
        ready=bool(found["head"] and found["ahead"]) and (found["entry"] is None or found["entry"]["head"] != found["head"]),
    )  # fmt: skip


def files(rows: Sequence[ReviewFileRow], diff: str) -> list[DiffFile]:
    """The files of a diff, in its order, each with its lines as far as there is room for them. Pure."""
    texts = _sections(diff)
    most = max(((one["added"] or 0) + (one["removed"] or 0) for one in rows), default=0)
    room, found = MOST_LINES, []
    for row in rows:
        text = next(texts, None)
        said, lines = ("", []) if text is None else _parsed(text)
        shown = lines[: min(room, MOST_OF_FILE)]
        room -= len(shown)
        hidden = len(lines) - len(shown) if text is not None else -1
        if row["added"] is None:
            said = "binary"
        is_open = len(rows) <= 12 and 0 < len(shown) <= 200
        found.append(DiffFile(row["path"], row["added"], row["removed"], most, said, shown, hidden, is_open))
    return found


def _sections(diff: str) -> Iterator[list[str]]:
    """The lines of each file's part: a line of content never begins as a header does."""
    part: list[str] = []
    for line in diff.removesuffix("\n").split("\n"):
        if line.startswith("diff --git "):
            if part:
                yield part
            part = []
        part.append(line)
    if part and part[0].startswith("diff --git "):
        yield part


def _parsed(part: Sequence[str]) -> tuple[str, list[DiffLine]]:
    """What is said of a file as a whole, and its lines."""
    start = next((i for i, line in enumerate(part) if line.startswith("@@ ")), len(part))
    words = {"new file mode": "new", "deleted file mode": "deleted", "old mode": "mode"}
    said = next(
        (word for line in part[:start] for begin, word in words.items() if line.startswith(begin)), ""
    )
    lines, old, new = [], 0, 0
    for line in part[start:]:
        if line.startswith("@@ "):
            old, new = _numbers(line)
            lines.append(DiffLine("hunk", line[:_MOST_CHARACTERS]))
            continue
        sort = _SORTS.get(line[:1], "note")
        text = line[1 : _MOST_CHARACTERS + 1].removesuffix("\r")
        lines.append(
            DiffLine(sort, text, old if sort in {"same", "removed"} else 0, new if sort in {"same", "added"} else 0)
        )  # fmt: skip
        old += sort in {"same", "removed"}
        new += sort in {"same", "added"}
    return said, lines


def _numbers(line: str) -> tuple[int, int]:
    """Where a hunk begins, before and after: `@@ -1,3 +1,4 @@`."""
    words = line.split(" ")
    found = [word[1:].partition(",")[0] for word in words[1:3]]
    old, new = (int(one) if one.isdecimal() and len(one) < 10 else 0 for one in found)
    return old, new
