"""Disks that do not answer keep no scan waiting, and what lies on them is unknown."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gitfleet.onhost import silent_disks, snapshot
from tests.onhost.fakeproc import made

MOUNTS = """\
21 1 0:20 / / rw - ext4 /dev/vda rw
22 21 0:21 / /mnt/dead\\040disk rw,relatime shared:1 - nfs4 server:/x rw
23 21 0:22 / /mnt/alive rw - fuse.sshfs host:/ rw
24 21 0:23 / /mnt/gone rw - cifs //h/s rw
25 21 0:24 / /proc rw - proc proc rw
"""


def mounted(root: Path, text: str = MOUNTS) -> None:
    (root / "self").mkdir(exist_ok=True)
    (root / "self/mountinfo").write_text(text)


def test_mount_that_says_nothing_is_silent_and_one_with_an_error_is_not(tmp_path: Path) -> None:
    mounted(tmp_path)
    answers, asked = threading.Event(), []

    def probe(path: str) -> None:
        asked.append(path)
        if path == "/mnt/dead disk":
            answers.wait()
        if path == "/mnt/gone":
            raise OSError("host is down")

    try:
        assert silent_disks.silent(str(tmp_path), probe=probe, patience=1.0) == ("/mnt/dead disk",)
    finally:
        answers.set()
    assert sorted(asked) == ["/mnt/alive", "/mnt/dead disk", "/mnt/gone"]


def test_machine_without_network_disks_asks_nothing(tmp_path: Path) -> None:
    mounted(tmp_path, MOUNTS.splitlines()[0])
    assert silent_disks.silent(str(tmp_path), probe=pytest.fail) == ()


@pytest.mark.parametrize(
    ("path", "on"),
    [("/mnt/a", True), ("/mnt/a/b", True), ("/mnt/ab", False), ("/mnt", False), ("/mnt/a (deleted)", False)],
)
def test_path_is_on_a_mount_by_whole_names(path: str, on: bool) -> None:
    assert silent_disks.lies_on(path, ["/mnt/a"]) is on
    assert silent_disks.lies_on(path, ["/"])


def test_process_on_a_silent_disk_has_gaps_in_place_of_what_cannot_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = made(tmp_path)
    fake.process(50)
    fake.without(50, "cwd")
    (tmp_path / "50/cwd").symlink_to("/mnt/dead/tree")
    monkeypatch.setattr(silent_disks, "silent", lambda root: ("/mnt/dead",))
    table = snapshot.take(0, str(tmp_path))
    one = table.processes[50]
    assert (one.cwd, one.cwd_inode, one.gaps, table.facts.unreadable) == ("/mnt/dead/tree", None, ("cwd",), 1)
    assert table.silent == ("/mnt/dead",)
