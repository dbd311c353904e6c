"""Bells ring for what changes in a folder, whoever changes it, and for whoever rings them. One contract, every way to tell."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gitfleet.base import watching
from gitfleet.base.watching import Bell, Inotify, Teller

TELLERS: dict[str, Callable[[], Teller]] = {"looking": Teller, "best": watching.teller}
if sys.platform == "linux":
    TELLERS["inotify"] = Inotify
LONG = 60.0


@pytest.fixture(params=sorted(TELLERS))
def bell(request: pytest.FixtureRequest) -> Iterator[Bell]:
    with Bell(TELLERS[request.param]()) as made:
        yield made


def write(path: Path) -> None:
    aside = path.with_name(f"{path.name}.lock")
    aside.write_text("x")
    aside.rename(path)


def test_bell_rings_for_a_change_between_arming_and_waiting(bell: Bell, tmp_path: Path) -> None:
    bell.arm([str(tmp_path)])
    write(tmp_path / "coord")
    assert bell.wait(LONG)


def test_bell_rings_for_a_change_by_another_process_while_it_waits(bell: Bell, tmp_path: Path) -> None:
    bell.arm([str(tmp_path)])
    with subprocess.Popen(["touch", str(tmp_path / "coord")]):
        assert bell.wait(LONG)


def test_bell_rings_once_for_what_was_changed_before(bell: Bell, tmp_path: Path) -> None:
    bell.arm([str(tmp_path)])
    write(tmp_path / "coord")
    assert bell.wait(LONG)
    bell.arm([str(tmp_path)])
    assert not bell.wait(0.0)


def test_bell_without_a_change_ends_with_its_time(bell: Bell, tmp_path: Path) -> None:
    bell.arm([str(tmp_path)])
    assert not bell.wait(0.01)


def test_bell_rings_for_a_folder_that_was_not_there(bell: Bell, tmp_path: Path) -> None:
    folder = tmp_path / "refs/fleet"
    bell.arm([str(folder)])
    folder.mkdir(parents=True)
    assert bell.wait(LONG)
    bell.arm([str(folder)])
    with suppress(AssertionError):  # what came with the folder may ring once more
        assert bell.wait(0.0)
    bell.arm([str(folder)])
    write(folder / "coord")
    assert bell.wait(LONG)


def test_bell_rings_for_a_folder_that_went_and_came_again(bell: Bell, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    bell.arm([str(folder), str(tmp_path)])
    folder.rmdir()
    assert bell.wait(LONG)
    folder.mkdir()
    bell.arm([str(folder), str(tmp_path)])
    bell.wait(0.0)
    bell.arm([str(folder), str(tmp_path)])
    write(folder / "coord")
    assert bell.wait(LONG)


def test_bell_that_another_thread_rings_ends_this_wait_and_each_later_one(bell: Bell, tmp_path: Path) -> None:
    bell.arm([str(tmp_path)])
    ringer = threading.Thread(target=bell.ring)
    ringer.start()
    assert bell.wait(LONG)
    ringer.join()
    assert bell.rung
    assert bell.wait(LONG)


def test_bell_that_is_closed_may_still_be_rung(tmp_path: Path) -> None:
    bell = Bell()
    bell.close()
    bell.ring()
    bell.close()


def test_bells_leave_no_file_open() -> None:
    gc.collect()  # files that others have left are not to be closed in between
    before = len(os.listdir("/dev/fd"))
    for _ in range(10):
        Bell().close()
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_bell_where_the_system_tells_is_not_one_that_looks() -> None:
    found = watching.teller()
    assert isinstance(found, Inotify)
    found.close()


def test_bell_rings_for_what_is_written_to_a_file_that_stays_open(bell: Bell, tmp_path: Path) -> None:
    log = tmp_path / "folder" / "agent.log"
    log.parent.mkdir()
    with log.open("a") as file:
        bell.arm([], [str(log), str(tmp_path / "nothing")])
        bell.wait(0.0)
        file.write("a line\n")
        file.flush()
        assert bell.wait(LONG)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file for a process")
def test_bell_rings_once_for_the_end_of_a_process(bell: Bell) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        bell.arm([], (), {process.pid, 2**22 + 1})
        assert not bell.wait(0.0)
        process.kill()
        assert bell.wait(LONG)
        assert bell.ended == 1
        bell.arm([], (), {process.pid})
        assert not bell.wait(0.0)
    bell.arm([], (), set())
    assert not bell.wait(0.0)
