"""What a change of the target is, held against the ledger: landed by entries, or strange."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.names import Oid
from gitfleet.codec import replace
from gitfleet.errors import PolicyRefused
from gitfleet.git import refs
from gitfleet.git.program import Git as Plumbing
from gitfleet.mergequeue import arrivals, model
from gitfleet.mergequeue.model import LandingNote
from tests.mergequeue.queues import Queues
from tests.workbench import Git


class Target:
    """A repository whose `main` is pushed from `old`; entries land as its commits."""

    def __init__(self, world: Queues, path: Path, git: Git) -> None:
        self.world, self.path, self.git = world, path, git
        self.old = git(path, "rev-parse", "main")

    def commit(self, name: str, entry: str = "") -> str:
        trailer = f"\n\nFleet-Entry: {entry}" if entry else ""
        return self.git.commit(self.path, {f"{name}.txt": name}, f"{name}{trailer}")

    def landed(self, name: str, *, before: str = "") -> str:
        """A commit as which an entry has landed."""
        entry = self.world.add(name)
        commit = self.commit(name, entry.id)
        self.world.put(entry, "landed", landed=commit, before=before, reason="landed")
        return commit

    def note(self, base: str, commit: str) -> None:
        state = model.queue(self.world.view)
        notes = (*state.landings, LandingNote(base, commit, 1, 1, 1, 1))  # type: ignore[arg-type]
        self.world.view.change({model.STATE_FILE: replace(state, landings=notes).as_bytes()})

    def judge(self, new: str, old: str = "") -> arrivals.Arrival:
        plumbing = Plumbing(str(self.path / ".git"), cwd=str(self.path))
        return arrivals.judged(self.world.view, plumbing, "main", old or self.old, new)


@pytest.fixture
def main(world: Queues, target: Path, git: Git) -> Target:
    return Target(world, target, git)


def test_commits_that_entries_landed_as_are_no_strangers(main: Target) -> None:
    main.landed("one")
    assert main.judge(main.landed("two")).landed


def test_commit_on_top_of_and_below_landed_ones_is_named(main: Target) -> None:
    one = main.landed("one")
    below = main.commit("below")
    two = main.landed("two", before=below)
    top = main.commit("top")
    assert list(main.judge(one).strange) == []
    assert list(main.judge(two).strange) == [below]
    assert list(main.judge(top).strange) == [top, below]


def test_commits_of_a_rebased_entry_belong_to_it(main: Target) -> None:
    main.commit("first")
    main.commit("second")
    assert main.judge(main.landed("third", before=main.old)).landed


def test_commits_of_a_landing_that_the_queue_remembers_belong_to_it(main: Target) -> None:
    main.commit("first")
    last = main.commit("last")
    main.note(main.old, last)
    assert main.judge(last).landed
    assert list(main.judge(main.commit("more")).strange) == [main.git(main.path, "rev-parse", "main")]


def test_trailer_of_an_entry_that_landed_as_another_commit_is_no_proof(main: Target) -> None:
    main.landed("one")
    made_up = main.commit("x", next(iter(model.finished(main.world.view))).id)
    assert list(main.judge(made_up).strange) == [made_up]


@pytest.mark.parametrize("changes", [{"reason": "landed-elsewhere"}, {"state": "dropped", "landed": ""}])
def test_entry_that_others_brought_to_the_target_is_no_landing(main: Target, changes: dict[str, Any]) -> None:
    entry = main.world.add("one")
    commit = main.commit("one", entry.id)
    main.world.put(entry, **{"state": "landed", "landed": commit, **changes})
    assert list(main.judge(commit).strange) == [commit]


def test_target_that_goes_back_or_away_or_sideways_is_not_landed(main: Target) -> None:
    one = main.landed("one")
    assert main.judge(main.old, old=one).back
    assert main.judge(refs.ZERO, old=one).back
    assert main.judge(one, old="f" * 40).strange == (one,)
    assert main.judge(one, old=refs.ZERO).landed
    assert main.judge(one, old=one).landed


def test_merge_that_has_the_target_as_its_second_parent_is_strange(
    main: Target, branch: Callable[..., str]
) -> None:
    one = main.landed("one")
    head = branch("side", {"side.txt": "side"}, main.old)
    tree = main.git(main.path, "rev-parse", "main^{tree}")
    made = main.git(main.path, "commit-tree", tree, "-p", head, "-p", one, "-m", "upside down")
    assert set(main.judge(made, old=one).strange) == {made, head}


def test_tree_that_the_host_was_handed_is_landed_before_the_ledger_knows(main: Target) -> None:
    entry = main.world.add("one")
    commit = main.commit("one")
    tree = main.git(main.path, "rev-parse", f"{commit}^{{tree}}")
    evidence = replace(entry.evidence, tree=Oid(tree))
    main.world.put(entry, "queued", reason="host", evidence=evidence)
    assert main.judge(commit).landed
    assert not main.judge(main.commit("two")).landed


def test_circle_of_landings_in_a_damaged_ledger_ends(main: Target) -> None:
    one, two = main.commit("one"), main.commit("two")
    main.note(two, one)
    main.note(one, two)
    assert main.judge(two).strange or main.judge(two).landed


def test_refusal_names_the_commits_and_the_queue(main: Target) -> None:
    commit = main.commit("one")
    plumbing = Plumbing(str(main.path / ".git"), cwd=str(main.path))
    with pytest.raises(PolicyRefused) as error:
        arrivals.check(main.world.view, plumbing, main.judge(commit))
    assert "no entry has landed 1 commit of this" in error.value.message
    assert commit in error.value.message
    assert error.value.hint.startswith("Add your branch to the queue")
