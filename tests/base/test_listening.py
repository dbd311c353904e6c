"""A thread that looks when something changes, for one or several."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gitfleet.base.listening import Ear
from gitfleet.base.watching import Bell
from tests.workbench import PATIENCE


class Hearer:
    """Looks at a folder; `looks` can be waited for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.looks = folder, threading.Semaphore(0)
        folder.mkdir()

    def hear(self, bell: Bell) -> float:
        bell.arm([str(self.folder)])
        self.looks.release()
        return PATIENCE

    def looked(self) -> bool:
        return self.looks.acquire(timeout=PATIENCE)


def threads(name: str) -> int:
    return sum(one.name == name for one in threading.enumerate())


def test_several_hear_by_one_thread_that_ends_with_the_last_of_them(tmp_path: Path) -> None:
    ear, one, other = Ear("shared ear"), Hearer(tmp_path / "one"), Hearer(tmp_path / "other")
    for turn in range(2):
        ear.add(one.hear)
        assert one.looked()
        ear.add(other.hear)
        assert other.looked()
        (other.folder / f"news {turn}").touch()
        assert other.looked()
        assert threads("shared ear") == 1
        assert ear.drop(one.hear)
        assert ear.drop(one.hear)
        while one.looks.acquire(blocking=False):
            pass
        (one.folder / f"news {turn}").touch()
        (other.folder / f"more {turn}").touch()
        assert other.looked()
        assert not one.looks.acquire(blocking=False)
        assert ear.drop(other.hear)
        assert threads("shared ear") == 0


def test_last_look_is_the_threads_own_once_nobody_hears_any_more(tmp_path: Path) -> None:
    done: list[str] = []
    ear = Ear("last ear", last=lambda: done.append(threading.current_thread().name))
    one, other = Hearer(tmp_path / "one"), Hearer(tmp_path / "other")
    ear.add(one.hear)
    ear.add(other.hear)
    assert ear.drop(one.hear)
    assert done == []
    assert ear.drop(other.hear)
    assert done == ["last ear"]


def test_one_that_fails_keeps_no_other_from_hearing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fails(bell: Bell) -> float:
        raise OSError("no such thing")

    ear, one = Ear("patient ear"), Hearer(tmp_path / "one")
    ear.add(fails)
    ear.add(one.hear)
    assert one.looked()
    (one.folder / "news").touch()
    assert one.looked()
    ear.drop(one.hear)
    ear.drop(fails)
    assert "no such thing" in caplog.text


def test_look_that_takes_long_is_waited_for_as_long_as_is_asked(tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(bell: Bell) -> float:
        begun.set()
        go.wait(PATIENCE)
        return PATIENCE

    ear = Ear("slow ear")
    ear.add(slow)
    assert begun.wait(PATIENCE)
    assert not ear.drop(slow, 0.01)
    go.set()
    assert ear.drop(slow)


def test_bell_that_is_stirred_ends_one_wait(tmp_path: Path) -> None:
    with Bell() as bell:
        bell.arm([str(tmp_path)])
        bell.stir()
        bell.stir()
        assert bell.wait(PATIENCE)
        assert not bell.wait(0.01)
        bell.ring()
        assert bell.wait(PATIENCE)
    bell.stir()
