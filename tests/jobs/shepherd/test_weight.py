"""What a shepherd weighs: one of them runs for each agent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.jobs.shepherd.agents import PYTHON, python, ran, said, spec
from tests.workbench import ROOT, run

MEMORY = """
import os
def pages(pid):
    return int(open(f"/proc/{pid}/statm").read().split()[1])
print(pages(os.getppid()), pages("self"))
"""
HEAVY = {
    "asyncio",
    "subprocess",
    "logging",
    "dataclasses",
    "inspect",
    "pathlib",
    "psutil",
    "socket",
    "ssl",
    "tempfile",
}


@pytest.mark.parametrize("adapter", ["command", "codex", "claude", "acp"])
def test_shepherd_is_at_most_twice_as_big_as_a_bare_python(tmp_path: Path, adapter: str) -> None:
    ran(tmp_path, spec(*python(MEMORY), adapter=adapter))
    shepherd, bare = map(int, said(tmp_path, "stdout")[0].split())
    assert shepherd < 2 * bare


@pytest.mark.parametrize("adapter", ["command", "codex", "claude", "acp.client"])
def test_shepherd_loads_the_light_part_of_the_standard_library_only(adapter: str) -> None:
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from gitfleet.jobs.shepherd import program; import gitfleet.jobs.adapters.{adapter}; print(*sys.modules)"
    loaded = set(run([PYTHON, "-I", "-S", "-c", script], ROOT).ok().stdout.split())
    assert loaded & HEAVY == set()
    ours = {"gitfleet", "__main__"}
    assert {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names | ours} == set()
    assert not {name for name in loaded if name.startswith("gitfleet.") and "jobs" not in name} - {
        "gitfleet.base", "gitfleet.base.children", "gitfleet.base.clock", "gitfleet.base.disk", "gitfleet.base.exec_child",
        "gitfleet.base.identity", "gitfleet.base.plain_json", "gitfleet.base.shapes", "gitfleet.codec",
    }  # fmt: skip
