"""What is kept of worktrees is what git would say, wherever something tells that it may have changed; and costs no process elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import clock, processes
from gitfleet.base.names import SessionId
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.model import SESSION, Actor
from gitfleet.nodes import checkout_signs, checkouts
from gitfleet.nodes.checkouts import Checkout
from gitfleet.nodes.kept_checkouts import KeptCheckouts, NotedCheckouts
from gitfleet.nodes.own_sessions import SessionsHere
from gitfleet.sessions import session_rules
from gitfleet.sessions.service import Start
from gitfleet.trunk import position
from tests.fleetbench import Fleets
from tests.workbench import Git


class TwoWorktrees:
    """A clone with a linked worktree, in which a session with a log is at work."""

    def __init__(self, fleet: Fleet, other: Path, log: Path, git: Git) -> None:
        self.fleet, self.other, self.log, self.git = fleet, other, log, git
        self.place = Path(fleet.repository.worktree or "")
        self.common = fleet.repository.common_dir
        self.started = 0

    def kept(self, *, calm: float = 0.0) -> KeptCheckouts:
        """What a process that goes on keeps."""
        here = SessionsHere(self.fleet.ledger.state, self.common)
        return KeptCheckouts(self.fleet.ledger, self.common, here, calm=calm)

    def noted(self) -> NotedCheckouts:
        """What processes note for each other."""
        return NotedCheckouts(self.fleet.ledger, self.common)

    def look(self, kept: KeptCheckouts | NotedCheckouts) -> Mapping[str, Checkout]:
        """What is said of both."""
        return kept.look(checkouts.known(self.fleet.repository), self.fleet.repository.git, self.trunk, 60.0)

    def fresh(self) -> Mapping[str, Checkout]:
        """What git says of both."""
        known = checkouts.known(self.fleet.repository)
        return checkouts.look(known, self.fleet.repository.git, self.trunk(), seconds=60.0)

    def trunk(self) -> str | None:
        """Where the trunk is."""
        return position.tip(self.fleet.repository.git, self.fleet.ledger.node)

    def cost(self, kept: KeptCheckouts | NotedCheckouts) -> int:
        """How many processes a look takes."""
        before = self.started
        self.look(kept)
        return self.started - before


@pytest.fixture
def two(
    fleets: Fleets,
    git: Git,
    tmp_path: Path,
    process: Callable[[], subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TwoWorktrees]:
    other, log, run = tmp_path / "other", tmp_path / "s1.log", processes.run
    (fleets.clone("alone") / "src/a.py").write_text("a")
    git(fleets.clone("alone"), "add", "src")
    git(fleets.clone("alone"), "commit", "--quiet", "-m", "more")
    git(fleets.clone("alone"), "worktree", "add", "--quiet", "-b", "work", other)
    log.write_text("one\n")
    with Fleet.open(str(other)) as fleet:
        fleet.sessions.start(Start("s1", pid=process().pid, agent="codex", log=str(log)))
    with fleets.open("alone") as fleet:
        site = TwoWorktrees(fleet, other, log, git)

        def counted(*given: Any, **named: Any) -> processes.Completed:
            site.started += 1
            return run(*given, **named)

        monkeypatch.setattr(processes, "run", counted)
        yield site


def stages(two: TwoWorktrees) -> None:
    (two.other / "src/new.py").write_text("x")
    two.git(two.other, "add", "src/new.py")


def commits(two: TwoWorktrees) -> None:
    two.git(two.other, "commit", "--quiet", "--allow-empty", "-m", "more")


def switches(two: TwoWorktrees) -> None:
    two.git(two.other, "switch", "--quiet", "-c", "elsewhere")


def moves_the_trunk(two: TwoWorktrees) -> None:
    two.git(two.place, "commit", "--quiet", "--allow-empty", "-m", "more")


def packs_the_trunk(two: TwoWorktrees) -> None:
    moves_the_trunk(two)
    two.git(two.place, "pack-refs", "--all")


def moves_its_branch_from_elsewhere(two: TwoWorktrees) -> None:
    new = two.git(two.place, "commit-tree", "-m", "more", "HEAD^{tree}", "-p", "HEAD")
    two.git(two.place, "update-ref", "refs/heads/work", new)


def edits_and_claims(two: TwoWorktrees) -> None:
    (two.other / "src/a.py").write_text("edited")
    two.fleet.claims.claim(SessionId("s1"), ["src/"])


def edits_and_is_renewed(two: TwoWorktrees) -> None:
    (two.other / "src/a.py").write_text("edited")
    actor = Actor(SESSION, SessionId("s1"))
    two.fleet.ledger.request(session_rules.renew, actor, session_rules.Renew())


def makes_a_worktree(two: TwoWorktrees) -> None:
    two.git(two.place, "worktree", "add", "--quiet", "-b", "third", two.other.with_name("third"))


def loses_a_worktree(two: TwoWorktrees) -> None:
    shutil.rmtree(two.other)


def adds_a_file(two: TwoWorktrees) -> None:
    (two.other / "new.py").write_text("x")


def edits_and_logs(two: TwoWorktrees) -> None:
    (two.other / "src/a.py").write_text("edited")
    with open(two.log, "a") as file:
        file.write("two\n")


SURE = [
    stages, commits, switches, moves_the_trunk, packs_the_trunk, moves_its_branch_from_elsewhere, edits_and_claims, edits_and_is_renewed,
    makes_a_worktree, loses_a_worktree,
]  # fmt: skip
WORK = [adds_a_file, edits_and_logs]


@pytest.mark.parametrize("happens", [*SURE, *WORK])
def test_look_after_a_change_is_what_git_says(
    two: TwoWorktrees, happens: Callable[[TwoWorktrees], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout_signs, "_YOUNG", -1)
    kept, noted = two.kept(), two.noted()
    before = two.fresh()
    assert [two.look(kept), two.look(noted)] == [before, before]
    happens(two)
    now = two.fresh()
    assert now != before
    assert [two.look(kept), two.look(noted)] == [now, now]
    if str(two.other) in now:  # what git has no answer for is asked again
        assert [two.cost(kept), two.cost(two.noted())] == [0, 0]


@pytest.mark.sample(4)
@pytest.mark.parametrize("happens", SURE)
def test_look_within_the_calm_is_what_git_says_where_it_is_sure_that_something_changed(
    two: TwoWorktrees, happens: Callable[[TwoWorktrees], None]
) -> None:
    kept = two.kept(calm=1e9)
    two.look(kept)
    happens(two)
    assert two.look(kept) == two.fresh()


@pytest.mark.parametrize("happens", WORK)
def test_work_alone_is_looked_at_once_the_calm_is_over(
    two: TwoWorktrees, happens: Callable[[TwoWorktrees], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = two.kept(calm=100.0)
    before = two.look(kept)
    happens(two)
    assert (two.look(kept), two.cost(kept)) == (before, 0)
    later = clock.elapsed() + 100.0
    monkeypatch.setattr(clock, "elapsed", lambda: later)
    assert two.look(kept) == two.fresh() != before


def test_edit_that_nothing_tells_of_is_seen_when_its_turn_comes(two: TwoWorktrees) -> None:
    kept = two.kept()
    before = two.look(kept)
    (two.other / "src/a.py").write_text("edited")
    assert two.look(kept) == before
    kept.doubt(1)
    kept.doubt(1)
    assert (two.cost(kept), two.look(kept)) == (1, before)  # the other was first: it was asked before
    kept.doubt(1)
    assert two.look(kept) == two.fresh() != before
    assert two.cost(kept) == 0
    kept.forget()
    assert two.cost(kept) == 2


def test_note_holds_for_a_while_and_never_for_what_was_written_just_now(
    two: TwoWorktrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = Path(two.fleet.ledger.state, "checkouts.json"), clock.now()
    assert (two.cost(two.noted()), path.exists()) == (2, False)
    monkeypatch.setattr(clock, "now", lambda: now + 60)
    assert [two.cost(two.noted()), two.cost(two.noted())] == [2, 0]
    monkeypatch.setattr(clock, "now", lambda: now + 60 + checkout_signs.HOLDS)
    assert two.cost(two.noted()) == 2
    monkeypatch.setattr(clock, "now", lambda: now)
    assert two.cost(two.noted()) == 2


@pytest.mark.parametrize("broken", [b"{", b"[]", b'{"worktrees": {"a": 1}}', None])
def test_note_that_cannot_be_read_is_none(two: TwoWorktrees, broken: bytes | None) -> None:
    path = Path(two.fleet.ledger.state, "checkouts.json")
    if broken is None:
        path.mkdir()
    else:
        path.write_bytes(broken)
    assert two.look(two.noted()) == two.fresh()


def test_worktree_whose_name_is_no_text_is_kept_as_others_are(
    two: TwoWorktrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout_signs, "_YOUNG", -1)
    odd = two.other.with_name(os.fsdecode(b"odd-\xff"))
    two.git(two.place, "worktree", "add", "--quiet", "-b", "odd", odd)
    noted = two.noted()
    assert two.look(noted) == two.fresh()
    assert two.cost(noted) == 0
