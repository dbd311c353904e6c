"""What tests cost: `make test ARGS="-p tests.costs"` ends with a table of CPU seconds for each folder and the dearest tests.

`make test-costs` keeps them: with `--record-costs` they go to `costs.json`, from which runs are drawn (`drawing.py`).

CPU seconds say more on a busy machine than the time of day does. Where a control group can be made (as root), those of
all processes count; elsewhere those of the test's process and of the children that it waited for. What a fixture of a wider scope costs is counted for the test that asked for it first.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests import drawing

DEAREST = 40
BEGAN = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-costs", action="store_true", help="keep what tests cost, for the next runs to draw from"
    )


# where a group can be made, its file that says what it has used, and how many of its units are a second
GROUPS = (
    ("/sys/fs/cgroup/cpuacct", "cpuacct.usage", 1e9),
    ("/sys/fs/cgroup", "cpu.stat", 1e6),
)


class Meter:
    """CPU seconds that this process and what it starts have used."""

    def __init__(self) -> None:
        self._group: tuple[Path, Path, float] | None = None

    def begin(self) -> None:
        """Put this process into a group of its own, if that can be done; its children stay there, whoever their parent is."""
        for place, file, units in GROUPS:
            group = Path(place, f"gitfleet-tests-{os.getpid()}")
            with suppress(OSError):
                if (Path(place) / file).exists():
                    group.mkdir()
                    (group / "cgroup.procs").write_text(str(os.getpid()))
                    self._group = Path(place), group / file, units
                    return

    def end(self) -> None:
        """Leave the group; it stays while another process is in it."""
        if self._group is not None:
            place, file, _ = self._group
            self._group = None
            with suppress(OSError):
                (place / "cgroup.procs").write_text(str(os.getpid()))
                file.parent.rmdir()

    def used(self) -> float:
        """So far."""
        if self._group is None:
            return sum(os.times()[:4])
        _, file, units = self._group
        return int(next(word for word in file.read_text().split() if word.isdigit())) / units


METER = Meter()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        METER.begin()


def pytest_unconfigure() -> None:
    METER.end()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Begin to count."""
    item.stash[BEGAN] = METER.used()
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """What it has cost so far goes with the report of each phase; that of the last one counts."""
    if call.when == "teardown":
        item.user_properties.append(("cpu", METER.used() - item.stash[BEGAN]))
    yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, in the process that heard of all tests."""
    tests = {
        report.nodeid: float(str(dict(report.user_properties)["cpu"]))
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
    }
    if config.getoption("record_costs"):
        drawing.Costs.read().renewed(tests).write()
    for title, depth in (("folder", 2), ("module", 3)):
        costs: Counter[str] = Counter()
        count: Counter[str] = Counter()
        for nodeid, cost in tests.items():
            group = "/".join(nodeid.split("::")[0].split("/")[:depth])
            costs[group] += cost  # type: ignore[assignment]
            count[group] += 1
        terminalreporter.section(f"CPU seconds of each {title}: {sum(tests.values()):.1f} in all")
        for group, cost in costs.most_common():
            terminalreporter.write_line(f"{cost:8.2f} {count[group]:5} {group}")
    terminalreporter.section("CPU seconds of the dearest tests")
    for nodeid, cost in sorted(tests.items(), key=lambda pair: -pair[1])[:DEAREST]:
        terminalreporter.write_line(f"{cost:8.2f} {nodeid}")
