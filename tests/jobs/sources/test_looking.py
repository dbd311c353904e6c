"""Looks at work sources beside an event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import cast

from gitfleet.jobs.definitions.schema import WorkSourceRules
from gitfleet.jobs.sources.looking import SourceLooks
from gitfleet.jobs.sources.source import FoundTask, SourceAway
from gitfleet.jobs.sources.task_desk import FreeTask, TaskDesk

NAME = ("tidy", "s")


class Desk:
    """Finds one task, named after the folder, once it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.looks = 0

    def look(self, rules: WorkSourceRules) -> list[FreeTask]:
        self.looks += 1
        self.let.wait(60)
        if rules.path == "away":
            raise SourceAway("It is away.")
        return [FreeTask(FoundTask(rules.path or "", "file", "Title"))]


def folder(path: str) -> WorkSourceRules:
    return WorkSourceRules(type="folder", path=path)


def test_look_is_begun_once_and_tells_of_its_end() -> None:
    async def main() -> None:
        desk, heard = Desk(), asyncio.Event()
        looks = SourceLooks(cast(TaskDesk, desk), heard.set)
        assert looks.result(NAME, folder("a")) is None
        assert looks.result(NAME, folder("a")) is None
        assert (looks.waiting, looks.done) == (True, [])
        desk.let.set()
        await heard.wait()
        found = looks.result(NAME, folder("a"))
        assert found is not None
        assert ([one.task.ref for one in found.found], found.error, desk.looks) == (["a"], None, 1)
        assert not looks.waiting

    asyncio.run(main())


def test_what_was_found_elsewhere_is_of_no_use_after_a_change_and_errors_are_told() -> None:
    async def main() -> None:
        desk, heard = Desk(), asyncio.Event()
        desk.let.set()
        looks = SourceLooks(cast(TaskDesk, desk), heard.set)
        looks.result(NAME, folder("a"))
        await heard.wait()
        heard.clear()
        assert looks.result(NAME, folder("away")) is None
        await heard.wait()
        found = looks.result(NAME, folder("away"))
        assert found is not None
        assert (found.found, str(found.error)) == ([], "It is away.")
        heard.clear()
        looks.result(NAME, folder("a"))
        await heard.wait()
        looks.drop(looks.done)
        assert not looks.waiting

    asyncio.run(main())
