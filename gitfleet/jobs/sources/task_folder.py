"""The work source `folder`: each Markdown or text file in a folder is a task.

A task file is only read: it is never moved, changed or taken away. What became of it is in `results/NAME.json` in that folder, and, for all
nodes, in the fleet's ledger. A file whose text has changed since is another task.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
from collections.abc import Sequence

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gitfleet.base import clock, files, plain_json
from gitfleet.base.text import display, one_line
from gitfleet.jobs.records.work_item import FILE
from gitfleet.jobs.sources.source import LONGEST_BODY, FoundTask, SourceAway, TaskReport

RESULTS = "results"
_ENDINGS = (".md", ".markdown", ".txt")
_MOST = 1 << 18
_MOST_FILES = 10_000
_MOST_HEAD = 4096
_FENCE = "---"
_BROKEN = (YAMLError, ValueError, RecursionError, AttributeError, TypeError, LookupError)


class TaskFolder:
    """`top` is the worktree that the folder may be in: there it is the same folder in every clone."""

    remembers = False

    def __init__(self, path: str, top: str) -> None:
        self._path = os.path.realpath(path)
        top = os.path.realpath(top)
        inside = files.within(self._path, top)
        where = f"repository:{os.path.relpath(self._path, top)}" if inside else self._path
        self.id = hashlib.sha256(os.fsencode(f"folder {where}")).hexdigest()[:24]
        self.words = f"the folder {display(path)}"

    def ready(self) -> Sequence[FoundTask]:
        """The tasks without an end, by priority, then by name. Files that are no tasks are passed over."""
        try:
            names = sorted(os.listdir(self._path))[:_MOST_FILES]
        except OSError as error:
            raise SourceAway(f"{self.words} cannot be read: {error.strerror}.") from error
        found = [task for name in names if (task := self._read(name)) and not self._over(task)]
        return sorted(found, key=lambda task: -(task.priority or 0))

    def find(self, ref: str) -> FoundTask | None:
        """The task in the file of that name."""
        return self._read(ref) if self._is_name(ref) else None

    def meant(self, place: str) -> str:
        """The name of the file."""
        folder, name = os.path.split(os.path.join(self._path, place))
        if os.path.realpath(folder) != self._path or not self._is_name(name):
            raise ValueError(f"'{display(place[:200])}' is no task file in {self.words}")
        return name

    def begun(self, task: str, report: TaskReport) -> None:
        """Say so in its result file."""
        self._note(task, "in-progress", report)

    def ended(self, task: str, report: TaskReport) -> None:
        """Say so in its result file."""
        self._note(task, "done" if report.done else "failed", report)

    def freed(self, task: str) -> None:
        """Its result file goes."""
        if self._is_name(task):
            files.remove(self._result(task))

    def _is_name(self, name: str) -> bool:
        fits = name.endswith(_ENDINGS) and not name.startswith(".") and name.isprintable()
        return fits and os.path.basename(name) == name

    def _read(self, name: str) -> FoundTask | None:
        if not self._is_name(name) or len(name) > 255:
            return None
        path = os.path.join(self._path, name)
        data = _content(path)
        if data is None:
            return None
        head, text = _parted(data.decode("utf-8", "replace").replace("\r\n", "\n"))
        first = next((line.lstrip("#").strip() for line in text.splitlines() if line.strip("# \t")), "")
        title, priority = head.get("title"), head.get("priority")
        return FoundTask(
            ref=name,
            type=FILE,
            title=one_line(title if isinstance(title, str) and title.strip() else first or name, 200),
            body=text[:LONGEST_BODY],
            path=path,
            version=hashlib.sha256(data).hexdigest()[:32],
            priority=priority if type(priority) is int and -1000 <= priority <= 1000 else None,
        )

    def _over(self, task: FoundTask) -> bool:
        """Whether its result file says that this very text has an end."""
        try:
            told: object = plain_json.load(files.read(self._result(task.ref)) or b"{}")
        except ValueError:
            return False
        known = told if isinstance(told, dict) else {}
        return known.get("version") == task.version and known.get("status") in ("done", "failed")

    def _note(self, name: str, status: str, report: TaskReport) -> None:
        if not self._is_name(name):
            return
        task = self._read(name)
        folder = files.folder(os.path.join(self._path, RESULTS))
        files.create(os.path.join(folder, ".gitignore"), b"*\n")
        told = {
            "status": status, "title": task.title if task else "", "version": report.version,
            "job": report.job, "branch": report.branch, "commit": report.commit, "error": report.error,
            "at": clock.iso(clock.now()),
        }  # fmt: skip
        files.replace(self._result(name), json.dumps(told, indent=1).encode() + b"\n")

    def _result(self, name: str) -> str:
        return os.path.join(self._path, RESULTS, f"{name}.json")


def _content(path: str) -> bytes | None:
    """The bytes of a regular file; None for anything else, and for one that is too large for a task."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        with open(handle, "rb", closefd=False) as file:
            data = file.read(_MOST + 1)
    finally:
        os.close(handle)
    if len(data) > _MOST:
        logging.getLogger("gitfleet.jobs").warning("%s is too large for a task", display(path))
        return None
    return data


def _parted(text: str) -> tuple[dict[str, object], str]:
    """The front matter, and what follows it; a front matter that cannot be read is part of the text."""
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE or _FENCE not in [line.rstrip() for line in lines[1:]]:
        return {}, text
    end = [line.rstrip() for line in lines].index(_FENCE, 1)
    head = "\n".join(lines[1:end])
    try:
        values = YAML(typ="safe", pure=True).load(head) if len(head) <= _MOST_HEAD else None
    except _BROKEN:
        values = None
    return (values, "\n".join(lines[end + 1 :]).lstrip("\n")) if isinstance(values, dict) else ({}, text)
