"""A round finds exactly what merging all pairs finds, with few merges; and what is known is not tried again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest

from gitfleet.git.merge_rules import PLAIN, MergeRules
from gitfleet.git.program import Git as Program
from gitfleet.git.quarantine import Conflicted, Merged, Quarantine, quarantine
from gitfleet.radar.cache import Cache
from gitfleet.radar.looking import Look
from gitfleet.radar.model import Findings, Head
from tests.radar import forest
from tests.workbench import Git


class Scope:
    """The engine over the branches of one repository, with a cache that lasts."""

    def __init__(self, path: Path, git: Git, store: Path, rules: MergeRules = PLAIN) -> None:
        self.path, self.git, self.store, self.rules = path, git, store, rules
        store.mkdir(exist_ok=True)

    def heads(self) -> list[Head]:
        rows = self.git(
            self.path, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"
        ).splitlines()
        return [Head(name, oid, oid) for name, oid in (row.rsplit(" ", 1) for row in rows) if name != "main"]

    def place(self) -> Quarantine:
        return Quarantine(Program(str(self.path / ".git")), str(self.store), self.rules)

    def look(self, heads: Sequence[Head] | None = None) -> Findings:
        cache = Cache(str(self.store / "cache.json"))
        base = self.git(self.path, "rev-parse", "main")
        found = Look(self.place(), cache, base).run(self.heads() if heads is None else heads)
        cache.save()
        return found

    def brute(self) -> tuple[set[str], set[tuple[str, str]]]:
        """Branches that conflict with the base, and pairs that conflict beyond it: by merging everything."""
        base = self.git(self.path, "rev-parse", "main")
        broken, normal, below = set(), [], {}
        with quarantine(Program(str(self.path / ".git")), self.rules) as place:
            root = place.stand_in(place.tree(base))
            seen: dict[str, Head] = {}
            for head in self.heads():
                if self.git.ask(self.path, "merge-base", "--is-ancestor", head.commit, "main").returncode:
                    seen.setdefault(head.commit, head)
            for head in seen.values():
                found = place.merge(base, head.commit)
                if isinstance(found, Merged):
                    normal.append((head, place.stand_in(found.tree, root)))
                else:
                    broken.add(head.name)
                below[head.commit] = set(self.git(self.path, "rev-list", head.commit, "^main").split())
            pairs = [
                (one, two)
                for one, two in combinations(normal, 2)
                if one[0].commit not in below[two[0].commit] and two[0].commit not in below[one[0].commit]
            ]
            found_pairs = place.merge_all([(one[1], two[1]) for one, two in pairs])
        return broken, {
            (one[0].name, two[0].name)
            for (one, two), answer in zip(pairs, found_pairs, strict=True)
            if isinstance(answer, Conflicted)
        }


@pytest.fixture
def scope(repository: Path, git: Git, tmp_path: Path) -> Scope:
    git(repository, "checkout", "--quiet", "--detach")
    return Scope(repository, git, tmp_path / "radar")


def names(found: Findings) -> set[tuple[str, str]]:
    return {(clash.one.name, clash.two.name) for clash in found.clashes}


@pytest.mark.parametrize("seed", range(6))
def test_round_over_random_branches_finds_what_brute_force_finds(scope: Scope, seed: int) -> None:
    forest.forest(scope.path, seed, 30, files=30)
    found = scope.look()
    broken, pairs = scope.brute()
    assert {one.head.name for one in found.base_clashes} == broken
    assert names(found) == pairs
    assert not found.untold
    assert names(scope.look()) == pairs


def test_round_over_a_hundred_branches_merges_a_tenth_of_the_pairs_at_most(scope: Scope) -> None:
    forest.forest(scope.path, 7, 100, files=300, most=3)
    found = scope.look()
    assert found.effort.pairs == 4950
    assert found.effort.merges <= 495
    assert names(found) == scope.brute()[1]
    assert scope.look().effort.merges == 0
