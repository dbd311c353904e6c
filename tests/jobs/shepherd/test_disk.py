"""The limit of the disk that a worktree may take."""

from __future__ import annotations

from pathlib import Path

from gitfleet.jobs.shepherd.disk import DiskWatch
from gitfleet.jobs.shepherd.records import AttemptLimits
from tests.jobs.shepherd.agents import SLEEP, python, ran, spec

MIB = 1 << 20


def test_large_folder_is_looked_at_in_pieces_and_with_pauses(tmp_path: Path) -> None:
    for number in range(900):
        (tmp_path / str(number)).write_bytes(b"x" * 4096)
    watch = DiskWatch(str(tmp_path), 900 * 4096 - 1)
    assert [watch.passed(), watch.passed(), watch.passed()] == [False, False, True]
    watch = DiskWatch(str(tmp_path), MIB)
    assert watch.passed()
    watch = DiskWatch(str(tmp_path), 8 * MIB)
    assert not any(watch.passed() for _ in range(9))


def test_attempt_whose_worktree_grows_beyond_its_limit_is_ended_with_clear_words(tmp_path: Path) -> None:
    worktree = tmp_path / "tree"
    worktree.mkdir()
    grow = "open('big', 'wb').write(b'x' * (3 << 20)); print('grown', flush=True)"
    made = spec(
        *python(grow, SLEEP),
        cwd=str(worktree),
        worktree=str(worktree),
        limits=AttemptLimits(grace=1000, disk=2 * MIB),
    )
    end = ran(tmp_path / "attempt", made)
    assert (end.why, end.outcome) == ("disk", "failed")
    assert "limits.disk allows (2.0 MiB)" in end.error
