"""`session adopt`: where the process works is where its session is; where that cannot be, it says which folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/cwd").exists(), reason="needs /proc, to see where others work"
)


@contextmanager
def at_work_in(folder: Path) -> Iterator[int]:
    """The pid of a process that works there."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=folder) as process:
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("gone", [False, True], ids=["no repository", "gone"])
def test_adopt_of_a_process_that_works_in_no_repository_names_its_folder(
    cli: Cli, tmp_path: Path, gone: bool
) -> None:
    before = cli.clone.fleets.tip("alone")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with at_work_in(folder) as pid:
        if gone:
            folder.rmdir()
        ran = cli("session", "adopt", "--pid", str(pid)).ended(2)
    words = "a folder that is gone" if gone else f"{folder}, which is in no git repository"
    assert f"Process {pid} works in {words}. Nothing was changed." in ran.stderr
    assert "-C" not in ran.stderr, "that is not where an adopted process is looked for"
    assert cli.clone.fleets.tip("alone") == before
