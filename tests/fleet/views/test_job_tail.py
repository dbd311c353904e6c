"""What people are shown of what agents write: the words, the tools, the faults; safe, and bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitfleet.fleet.views import job_tail
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import records
from gitfleet.jobs.streams.lines import StreamLine
from gitfleet.jobs.streams.writer import StreamWriter


def line(raw: str, source: str = "json", kind: str = "raw", **event: Any) -> StreamLine:
    return StreamLine(7, 1, source, raw.encode(), kind, event or None)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (line("plain\n", "stdout"), [("plain", "")]),
        (line("\x1b[31mred\x1b[0m\x07\u202e", "stderr"), [("red\\x07\\u202e", "bad")]),
        (line("a\r50 %\r100 %", "stdout"), [("100 %", "")]),
        (line("{}", kind="message", text="one\ntwo"), [("one", "said"), ("two", "said")]),
        (line("{}", kind="message", text=["odd"]), []),
        (line("{}", kind="reasoning", text="first\nsecond"), [("thinking: first", "dim")]),
        (line("{}", kind="tool_start", name="Bash", input='{"description": "d", "command": "ls -l\\nx"}'), [("Bash ls -l", "")]),
        (line("{}", kind="tool_start", input="[1]"), [("tool [1]", "")]),
        (line("{}", kind="tool_start", name="X", input='{"command": 1}'), [('X {"command": 1}', "")]),
        (line("{}", kind="tool_end", ok=True, output="1\n2\n3\n4\n5\n6\n"), [(str(n), "dim") for n in (3, 4, 5, 6)]),
        (line("{}", kind="tool_end", ok=False, output="no"), [("no", "bad")]),
        (line("{}", kind="file_change", changes=[{"path": "a"}, "b"]), [("changed a, b", "")]),
        (line("{}", kind="file_change", changes="odd"), [("changed files", "")]),
        (line("{}", kind="needs_input", question="which?"), [("asks: which?", "bad")]),
        (line("{}", kind="error", text="gone"), [("gone", "bad")]),
        (line("{}", kind="usage", models={}), []),
        (line("{}", kind="from_the_future", text="x"), []),
        (line("", "system", "ended", why="exited", outcome="success", usage={}), [("ended: why exited, outcome success", "dim")]),
        (line("ours", "system"), []),
    ],
)  # fmt: skip
def test_line_is_shown_as_what_it_means(given: StreamLine, shown: list[tuple[str, str]]) -> None:
    found = list(job_tail.pieces(given))
    assert [(one.text, one.tone) for one in found] == shown
    assert len({one.key for one in found}) == len(found)


def test_end_of_a_stream_is_its_last_lines_and_nothing_is_made_where_there_is_none(tmp_path: Path) -> None:
    store = JobStore(str(tmp_path / "jobs"))
    job = job_ids.new()
    assert job_tail.end(store, job, 1) == ()
    assert not (tmp_path / "jobs").exists()
    writer = StreamWriter(f"{store.attempt_folder(job, 1)}/{records.STREAM}")
    for number in range(40):
        writer.write("stdout", f"{number}\n".encode(), at=1)
    writer.close()
    assert [one.text for one in job_tail.end(store, job, 1, lines=3)] == ["37", "38", "39"]
