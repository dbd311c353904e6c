"""A log of bounded size: what is kept of what was written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gitfleet.base.recording import Recording


def test_bytes_of_any_kind_are_kept_as_they_came(tmp_path: Path) -> None:
    log = Recording(str(tmp_path / "log"))
    log.write(b"\xff\x00one\n")
    log.write(b"")
    log.write(b"two")
    log.close()
    log.close()
    assert (tmp_path / "log").read_bytes() == b"\xff\x00one\ntwo"
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_log_that_is_there_goes_on_and_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    path.chmod(0o644)
    log = Recording(str(path))
    log.write(b"after\n")
    log.close()
    assert path.read_bytes() == b"before\nafter\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_full_log_begins_anew_with_its_last_lines(tmp_path: Path) -> None:
    log = Recording(str(tmp_path / "log"), limit=1000)
    for number in range(200):
        log.write(b"line %d\n" % number)
    log.close()
    new, old = (tmp_path / "log").read_bytes(), (tmp_path / "log.1").read_bytes()
    assert len(new) <= 1000
    assert len(old) <= 1000
    assert new.endswith(b"line 199\n")
    assert new.startswith(b"line ")
    assert old.splitlines()[-1] in new.splitlines()
    assert stat.S_IMODE((tmp_path / "log.1").stat().st_mode) == 0o600


def test_one_write_larger_than_the_limit_is_kept_within_it(tmp_path: Path) -> None:
    log = Recording(str(tmp_path / "log"), limit=1000)
    log.write(b"x" * 10_000 + b"\nend\n")
    log.close()
    assert (tmp_path / "log").stat().st_size <= 1000
    assert (tmp_path / "log").read_bytes().endswith(b"\nend\n")


def test_link_in_the_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "log").symlink_to("precious")
    with pytest.raises(OSError, match="symbolic link"):
        Recording(str(tmp_path / "log"))
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_disk_that_is_full_is_said_and_disturbs_nobody() -> None:
    log = Recording.__new__(Recording)
    log.path, log.fault, log._limit, log._size = "/dev/full", "", 1000, 0
    log._handle = os.open("/dev/full", os.O_WRONLY)
    log.write(b"more")
    log.write(b"and more")
    assert "No space" in log.fault
    log.close()
