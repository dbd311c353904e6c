"""The lease of an attempt: a shepherd stops its agent when it is over, and goes on while somebody renews it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.base.identity import boot_id
from gitfleet.codec import changed
from gitfleet.jobs.shepherd import lease, records
from gitfleet.jobs.shepherd.lease import LeaseNote, LeaseWatch
from gitfleet.jobs.words import AttemptOutcome, EndCause
from tests.jobs.shepherd.agents import DEAF, SAY, SLEEP, python, ran, runs, said, spec


def note(folder: Path, left: float, **more: object) -> str:
    """A note that ends in so many seconds."""
    found = LeaseNote(7, int((clock.elapsed() + left) * 1000), boot_id(), 100)
    records.save(str(folder), "lease.json", changed(found, more))
    return str(folder / "lease.json")


@pytest.mark.parametrize(
    ("more", "fence", "going"),
    [
        ({}, 7, True),
        ({}, None, True),
        ({}, 6, False),
        ({"boot": "another"}, 7, False),
        ({"until": 0}, 7, False),
    ],
)
def test_what_is_left_is_of_this_boot_and_of_this_fence(
    tmp_path: Path, more: dict[str, object], fence: int | None, going: bool
) -> None:
    path = note(tmp_path, 100, **more)
    assert (0 < lease.left(path, fence) <= 100) is going
    watch = LeaseWatch(path)
    assert watch.over() is not (going or fence == 6)
    assert lease.left(str(tmp_path / "none")) == 0


def test_note_ends_a_sixth_before_the_lease_does() -> None:
    found = lease.noted(3, 1000.0, 180)
    assert (found.until, found.grace, found.fence) == (1_150_000, 15_000, 3)


def test_attempt_without_a_lease_is_never_looked_at() -> None:
    watch = LeaseWatch("")
    assert (watch.pause(), watch.over()) == (None, False)


def test_lease_that_was_renewed_meanwhile_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = clock.elapsed()
    monkeypatch.setattr(clock, "elapsed", lambda: begun)
    watch = LeaseWatch(note(tmp_path, 0.05))
    assert not watch.over()
    note(tmp_path, 3600)
    later = begun + (watch.pause() or 0)
    monkeypatch.setattr(clock, "elapsed", lambda: later)
    assert not watch.over()
    assert watch.pause() == lease.LOOK


def test_agent_whose_lease_was_over_before_it_began_is_stopped(tmp_path: Path) -> None:
    end = ran(tmp_path / "a", spec(*python(DEAF, SLEEP), lease=str(tmp_path / "none")))
    assert (end.why, end.outcome) == (EndCause.FENCED, AttemptOutcome.INTERRUPTED)


def test_agent_is_stopped_when_nobody_renews_its_lease_any_more(tmp_path: Path) -> None:
    end = ran(tmp_path / "a", spec(*python(DEAF, SAY, SLEEP), lease=note(tmp_path, 1)))
    assert (end.why, end.outcome) == (EndCause.FENCED, AttemptOutcome.INTERRUPTED)
    assert not [one for one in said(tmp_path / "a", "stdout") if runs(int(one.split()[1]))]
