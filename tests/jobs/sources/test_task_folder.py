"""Task files as a work source."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gitfleet.jobs.sources.source import SourceAway, TaskReport
from gitfleet.jobs.sources.task_folder import TaskFolder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "tasks"
    path.mkdir()
    return path


def source(folder: Path) -> TaskFolder:
    return TaskFolder(str(folder), str(folder.parent))


def report(folder: Path, name: str, *, done: bool = False) -> TaskReport:
    found = source(folder).find(name)
    assert found is not None
    return TaskReport("job-x", found.version, done)


def test_tasks_are_text_files_by_priority_then_by_name(folder: Path) -> None:
    for name in ("b.md", "a.txt", "c.markdown", ".hidden.md", "d.rst", "e"):
        (folder / name).write_text(f"# Task {name}\n\nDo it.\n")
    (folder / "z.md").write_text("---\ntitle: First of all\npriority: 7\n---\n\nText\n")
    (folder / "sub.md").mkdir()
    (folder / "link.md").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.md")
    (folder / "large.md").write_bytes(b"x" * (1 << 19))
    found = source(folder).ready()
    assert [task.ref for task in found] == ["z.md", "a.txt", "b.md", "c.markdown"]
    assert [(task.title, task.priority) for task in found[:2]] == [("First of all", 7), ("Task a.txt", None)]
    assert found[0].body == "Text\n"


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        ("", "t.md", ""),
        ("\n\n  Plain  \nmore", "Plain", "\n\n  Plain  \nmore"),
        ("---\n: : [\n---\nText", "---", "---\n: : [\n---\nText"),
        ("---\n- a\n---\nText", "---", "---\n- a\n---\nText"),
        ("---\ntitle: [1]\npriority: high\n---\nText", "Text", "Text"),
        ("---\nno end", "---", "---\nno end"),
        ("---\r\ntitle: W\r\n---\r\nText\r\n", "W", "Text\n"),
        ("\x1b[31mred\xff", "\\x1b[31mredÿ", "\x1b[31mredÿ"),
        ("---\ntitle: !!python/object:os.system x\n---\nText", "---", "---\ntitle: !!python/object:os.system x\n---\nText"),
    ],
)  # fmt: skip
def test_title_and_text_of_whatever_is_written_there(folder: Path, text: str, title: str, body: str) -> None:
    (folder / "t.md").write_bytes(text.encode())
    found = source(folder).find("t.md")
    assert found is not None
    assert (found.title, found.body) == (title, body)


def test_task_file_stays_as_it_is_and_its_result_is_beside_it(folder: Path) -> None:
    (folder / "t.md").write_text("Do it")
    for step, status in (("begun", "in-progress"), ("done", "done"), ("failed", "failed")):
        told = report(folder, "t.md", done=step == "done")
        if step == "begun":
            source(folder).begun("t.md", told)
        else:
            source(folder).ended("t.md", told)
        result = json.loads((folder / "results/t.md.json").read_text())
        assert (result["status"], result["job"], result["title"]) == (status, "job-x", "Do it")
        assert [task.ref for task in source(folder).ready()] == (["t.md"] if step == "begun" else [])
    assert (folder / "t.md").read_text() == "Do it"
    assert (folder / "results/.gitignore").read_text() == "*\n"
    source(folder).freed("t.md")
    assert [task.ref for task in source(folder).ready()] == ["t.md"]


def test_text_that_was_changed_meanwhile_is_another_task(folder: Path) -> None:
    (folder / "t.md").write_text("Do it")
    told = report(folder, "t.md", done=True)
    (folder / "t.md").write_text("Do more")
    source(folder).ended("t.md", told)
    assert [task.body for task in source(folder).ready()] == ["Do more"]
    (folder / "results/t.md.json").write_text("[" * 10_000)
    assert len(source(folder).ready()) == 1


def test_folder_in_the_repository_is_the_same_one_in_each_clone(tmp_path: Path) -> None:
    one, two = (TaskFolder(str(tmp_path / name / "tasks"), str(tmp_path / name)) for name in ("a", "b"))
    outside = TaskFolder(str(tmp_path / "tasks"), str(tmp_path / "a"))
    assert one.id == two.id != outside.id


def test_folder_that_is_not_there_and_names_outside_of_it_are_refused(folder: Path) -> None:
    with pytest.raises(SourceAway):
        TaskFolder(str(folder / "no"), str(folder)).ready()
    (folder.parent / "x.md").write_text("x")
    assert source(folder).find("../x.md") is None
    with pytest.raises(ValueError, match="no task file"):
        source(folder).meant("../x.md")
    assert source(folder).meant("y.md") == source(folder).meant(str(folder / "y.md")) == "y.md"
    source(folder).freed("../x.md")
    source(folder).begun("../x.md", TaskReport("job-x"))
    assert sorted(os.listdir(folder.parent)) == ["tasks", "x.md"]
