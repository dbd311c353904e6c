"""The machine as a scan finds it, and what its processes really weigh."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from gitfleet.onhost import facts, memory
from gitfleet.onhost.records import ProcessGroup
from tests.onhost.fakeproc import FakeProc, made
from tests.onhost.starting import Programs, seen


def told(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return made(tmp_path)


def test_facts_of_this_machine_are_those_that_psutil_tells() -> None:
    found = facts.gather(os.getuid())
    assert found.memory_total == psutil.virtual_memory().total
    assert found.swap_total == psutil.swap_memory().total
    assert found.cores == os.cpu_count()
    assert abs(found.uptime - (found_now() - psutil.boot_time())) < 60
    assert (found.boot, found.user) == (facts.boot(), psutil.Process().username())


def found_now() -> float:
    return facts.now()


def test_pressure_and_kills_are_read_as_the_kernel_writes_them(proc: FakeProc) -> None:
    told(
        proc.root,
        "pressure/memory",
        "some avg10=1.00 avg60=12.50 avg300=3.00 total=9\nfull avg10=0.00 avg60=9.00\n",
    )
    told(proc.root, "vmstat", "nr_free_pages 5\noom_kill 3\n")
    found = facts.gather(os.getuid(), str(proc.root))
    assert found.pressure == {"cpu": None, "memory": 12.5, "io": None}
    assert found.oom_kills == 3


def test_machine_that_tells_nothing_is_not_an_error(proc: FakeProc) -> None:
    found = facts.gather(os.getuid(), str(proc.root))
    assert (found.memory_total, found.load, found.oom_kills) == (0, (), None)


@pytest.mark.parametrize(
    ("options", "hidden"),
    [
        ("rw", False), ("rw,hidepid=0", False), ("rw,hidepid=off", False), ("rw,hidepid=2", True),
        ("rw,hidepid=invisible", True), ("rw,hidepid=noaccess", True), ("rw,hidepid=ptraceable", True),
        ("rw,gid={gid},hidepid=invisible", False), ("rw,gid=54321,hidepid=2", True),
    ],
)  # fmt: skip
def test_proc_that_hides_is_told_by_how_it_is_mounted(proc: FakeProc, options: str, hidden: bool) -> None:
    line = f"24 1 0:22 / {proc.root} rw,nosuid - proc proc {options.format(gid=os.getegid())}\n"
    told(proc.root, "self/mountinfo", line)
    assert facts.hidden(str(proc.root), 12345) is hidden
    assert not facts.hidden(str(proc.root), 0)


def test_proc_that_shows_no_first_process_hides(proc: FakeProc) -> None:
    proc.without(1, "stat")
    assert facts.hidden(str(proc.root), 0)


def test_weight_of_a_process_is_its_share(start: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    one = seen(start.python("print('ready', flush=True)\nimport time\ntime.sleep(600)").pid)
    weight = memory.pss(one)
    assert weight is not None
    assert 0 < weight <= psutil.Process(one.identity.pid).memory_info().rss
    monkeypatch.setattr(
        memory, "pss", lambda *_: weight
    )  # a second look may differ: others share less, or more
    group = memory.weighed(ProcessGroup(one, (one,)))
    assert group.leader.pss == group.members[0].pss == weight


def test_weight_of_another_process_of_the_same_number_is_not_known(start: Programs) -> None:
    one = seen(start(["/bin/sleep", "600"]).pid)
    assert memory.pss(replace(one, identity=replace(one.identity, start=one.identity.start + 1))) is None
