"""How much disk a folder takes."""

from __future__ import annotations

import os
from pathlib import Path

from gitfleet.base import disk

MIB = 1 << 20


def test_file_of_several_names_counts_once_and_links_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "in/a").mkdir(parents=True)
    (tmp_path / "outside").write_bytes(b"x" * 4 * MIB)
    (tmp_path / "in/a/one").write_bytes(b"x" * MIB)
    os.link(tmp_path / "in/a/one", tmp_path / "in/two")
    (tmp_path / "in/link").symlink_to("../outside")
    assert MIB <= disk.taken(str(tmp_path / "in")) < 2 * MIB


def test_folder_that_is_gone_takes_nothing(tmp_path: Path) -> None:
    assert disk.taken(str(tmp_path / "gone")) == 0
