"""A round finds exactly what merging all pairs finds, with few merges; and what is known is not tried again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest

from gitfleet.git import merge_rules
from gitfleet.git.drivers import MergeDriver
from gitfleet.git.merge_rules import PLAIN, MergeRules
from gitfleet.git.program import Git as Program
from gitfleet.git.quarantine import Conflicted, Merged, Quarantine, quarantine
from gitfleet.radar.cache import Cache
from gitfleet.radar.model import Findings, WorkHead
from gitfleet.radar.sweep import RadarSweep
from tests.radar import forest
from tests.workbench import Git


class Scope:
    """The engine over the branches of one repository, with a cache that lasts."""

    def __init__(self, path: Path, git: Git, store: Path, rules: MergeRules = PLAIN) -> None:
        self.path, self.git, self.store, self.rules = path, git, store, rules
        store.mkdir(exist_ok=True)

    def heads(self) -> list[WorkHead]:
        rows = self.git(
            self.path, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"
        ).splitlines()
        return [
            WorkHead(name, oid, oid) for name, oid in (row.rsplit(" ", 1) for row in rows) if name != "main"
        ]

    def place(self) -> Quarantine:
        return Quarantine(Program(str(self.path / ".git"), cwd=str(self.path)), str(self.store), self.rules)

    def look(self, heads: Sequence[WorkHead] | None = None) -> Findings:
        cache = Cache(str(self.store / "cache.json"))
        base = self.git(self.path, "rev-parse", "main")
        found = RadarSweep(self.place(), cache, base).run(self.heads() if heads is None else heads)
        cache.save()
        return found

    def brute(self) -> tuple[set[str], set[tuple[str, str]]]:
        """Branches that conflict with the base, and pairs that conflict beyond it: by merging everything."""
        base = self.git(self.path, "rev-parse", "main")
        broken, normal, below = set(), [], {}
        with quarantine(Program(str(self.path / ".git")), self.rules) as place:
            seen: dict[str, WorkHead] = {}
            for head in self.heads():
                if self.git.ask(self.path, "merge-base", "--is-ancestor", head.commit, "main").returncode:
                    seen.setdefault(head.commit, head)
            for head in seen.values():
                found = place.merge(base, head.commit)
                if isinstance(found, Merged):
                    normal.append((head, place.stand_in(found.tree, base, head.commit)))
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


@pytest.mark.sample(2)
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


def write(git: Git, path: Path, name: str, files: dict[str, str | None], start: str = "main") -> str:
    """A branch with one commit; None deletes a file."""
    git(path, "checkout", "--quiet", "--detach", start)
    for file, text in files.items():
        target = path / file
        if text is None:
            target.unlink()
            continue
        if target.parent.is_file():
            target.parent.unlink()
        if target.is_dir():
            target.rmdir()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "-m", name)
    git(path, "update-ref", f"refs/heads/{name}", "HEAD")
    return git(path, "rev-parse", "HEAD")


TEXT = "".join(f"{number}\n" for number in range(1, 31))
OTHER = "".join(f"other {number}\n" for number in range(30))


def line(*changes: tuple[int, str]) -> str:
    rows = TEXT.split("\n")
    for number, new in changes:
        rows[number - 1] = new
    return "\n".join(rows)


CASES: dict[str, tuple[dict[str, str | None], dict[str, str | None], str | None]] = {
    "the same line": ({"f": line((5, "a"))}, {"f": line((5, "b"))}, "contents"),
    "adjacent lines": ({"f": line((5, "a"))}, {"f": line((6, "b"))}, "contents"),
    "a gap of one line": ({"f": line((5, "a"))}, {"f": line((7, "b"))}, None),
    "the same change": ({"f": line((5, "a"))}, {"f": line((5, "a"))}, None),
    "insertions at one place": ({"f": line((5, "5\na"))}, {"f": line((5, "5\nb"))}, "contents"),
    "an insertion beside a change": ({"f": line((5, "5\na"))}, {"f": line((6, "b"))}, "contents"),
    "a file where the other makes a folder": ({"new": "x\n"}, {"new/y": "y\n"}, "file/directory"),
    "a file in place of a folder that the other adds to": (
        {"d/one": None, "d/two": None, "d": "x\n"}, {"d/three": "y\n"}, "file/directory",
    ),
    "a folder renamed that the other adds to": (
        {"d/one": None, "d/two": None, "e/one": TEXT, "e/two": OTHER}, {"d/new": "n\n"}, "directory rename suggested",
    ),
    "a deep folder renamed that the other adds to above": (
        {"p/q/one": None, "p/q/two": None, "r/q/one": TEXT + "p\n", "r/q/two": OTHER + "p\n"}, {"p/new": "n\n"},
        "directory rename suggested",
    ),
    "a file deleted in a folder that the other adds to": ({"d/one": None, "x": "x\n"}, {"d/new": "n\n"}, None),
    "one file renamed to two names": ({"f": None, "g": TEXT}, {"f": None, "h": TEXT}, "rename/rename"),
    "two files renamed to one name": (
        {"f": None, "to": TEXT}, {"o": None, "to": OTHER}, "contents",
    ),
    "renamed and deleted": ({"f": None, "g": TEXT}, {"f": None}, "rename/delete"),
    "renamed and edited": ({"f": None, "g": TEXT}, {"f": line((5, "a"))}, None),
    "deleted and edited": ({"f": None}, {"f": line((5, "a"))}, "modify/delete"),
    "both deleted": ({"f": None}, {"f": None}, None),
    "both added": ({"new": "a\n"}, {"new": "b\n"}, "contents"),
    "both added alike": ({"new": "a\n"}, {"new": "a\n"}, None),
    "binary": ({"bin": "\0a"}, {"bin": "\0b"}, "binary"),
    "different files": ({"f": line((5, "a"))}, {"o": "a\n"}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_pair_that_meets_in_one_way_is_found_as_a_real_merge_finds_it(
    scope: Scope, git: Git, case: str
) -> None:
    files = {
        "f": TEXT,
        "o": OTHER,
        "d/one": TEXT,
        "d/two": OTHER,
        "bin": "\0",
        "p/q/one": TEXT + "p\n",
        "p/q/two": OTHER + "p\n",
    }
    write(
        git,
        scope.path,
        "main",
        {
            name: text + (name if name not in {"f", "o"} and "/" not in name else "")
            for name, text in files.items()
        },
    )
    one, two, kind = CASES[case]
    write(git, scope.path, "one", one)
    write(git, scope.path, "two", two)
    found = scope.look()
    assert names(found) == scope.brute()[1]
    assert {kind for clash in found.clashes for path in clash.paths for kind in path.kinds} >= (
        {kind} if kind else set()
    )
    assert bool(found.clashes) == bool(kind)


def test_pair_along_a_stack_or_within_one_session_is_silent(scope: Scope, git: Git) -> None:
    write(git, scope.path, "main", {"f": TEXT})
    lower = write(git, scope.path, "lower", {"f": line((5, "a"))})
    write(git, scope.path, "upper", {"f": line((5, "b"))}, "lower")
    write(git, scope.path, "rival", {"f": line((5, "c"))})
    heads = scope.heads()
    assert names(scope.look(heads)) == {("lower", "rival"), ("rival", "upper")}
    mine = [head._replace(owner="s" if head.name != "upper" else "") for head in heads]
    assert names(scope.look(mine)) == {("upper", "rival")} or names(scope.look(mine)) == {("rival", "upper")}
    assert scope.look(heads).stacks == [("lower", "upper")]
    dirty = [head._replace(tip=lower, dirty=True) if head.name == "rival" else head for head in heads]
    assert ("lower", "rival") in names(scope.look(dirty))


def test_branch_that_conflicts_with_the_base_is_reported_as_that_and_not_as_pairs(
    scope: Scope, git: Git
) -> None:
    write(git, scope.path, "main", {"f": TEXT, "o": OTHER})
    old = git(scope.path, "rev-parse", "main")
    write(git, scope.path, "one", {"f": line((5, "a"))})
    write(git, scope.path, "two", {"f": line((5, "b"))})
    write(git, scope.path, "main", {"f": line((5, "base"))})
    assert old != git(scope.path, "rev-parse", "main")
    found = scope.look()
    assert {one.head.name for one in found.base_clashes} == {"one", "two"}
    assert not found.clashes
    assert [head.name for head in found.order] == ["one", "two"]


def test_round_after_one_new_commit_tries_that_branchs_pairs_only(scope: Scope, git: Git) -> None:
    forest.forest(scope.path, 11, 40, files=120, most=2)
    scope.look()
    name = "agent/b007"
    write(git, scope.path, name, {"src/api/f0.txt": "all new\n"}, name)
    found = scope.look()
    mine = [pair for pair in scope.brute()[1] if name in pair]
    assert found.effort.merges <= len(mine) + 3
    assert names(found) == scope.brute()[1]


def test_round_after_the_base_has_moved_elsewhere_merges_no_pair_again(scope: Scope, git: Git) -> None:
    forest.forest(scope.path, 12, 30, files=60, most=2)
    scope.look()
    write(git, scope.path, "main", {"unrelated.md": "new\n"})
    found = scope.look()
    assert found.effort.merges == found.effort.heads
    assert names(found) == scope.brute()[1]


def test_round_over_paths_and_branches_with_odd_names_finds_them_as_they_are(scope: Scope, git: Git) -> None:
    odd = [
        "a b",
        "tab\there",
        "line\nbreak",
        "\x1b[31mred",
        "-option",
        'quo"te',
        "ü\udcff".encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape"),
    ]
    write(git, scope.path, "main", {f"d\n1/{name}": TEXT for name in odd})
    write(git, scope.path, "x'$(touch)'", {f"d\n1/{name}": line((5, "a")) for name in odd})
    write(git, scope.path, "--all", {f"d\n1/{name}": line((5, "b")) for name in odd})
    write(
        git,
        scope.path,
        "moved",
        {**{f"d\n1/{name}": None for name in odd}, **{f"e/{name}": TEXT for name in odd}},
    )
    write(git, scope.path, "adds", {"d\n1/new": "n\n"})
    found = scope.look()
    assert names(found) == scope.brute()[1]
    pair = next(clash for clash in found.clashes if "--all" in clash[0].name + clash[1].name)
    assert {one.path for one in pair.paths} >= {f"d\n1/{name}" for name in odd}


def test_round_with_attributes_follows_the_rules_of_the_base(scope: Scope, git: Git) -> None:

    write(git, scope.path, "main", {".gitattributes": "log merge=union\nf -merge\n", "log": "a\n", "f": TEXT})
    write(git, scope.path, "one", {"log": "a\none\n", "f": line((5, "a"))})
    write(git, scope.path, "two", {"log": "a\ntwo\n"})
    write(git, scope.path, "three", {"f": line((25, "c"))})
    source = Program(str(scope.path / ".git"))
    assert names(scope.look()) == {("one", "two")}
    scope.rules = merge_rules.of_tree(source, "main", {"union": MergeDriver()})
    assert names(scope.look()) == {("one", "three")} == scope.brute()[1]


@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
def test_round_in_a_partial_clone_finds_what_a_whole_one_finds(
    scope: Scope, git: Git, tmp_path: Path, kind: str
) -> None:
    forest.forest(scope.path, 3, 12, files=30)
    git(scope.path, "config", "uploadpack.allowFilter", "true")
    git(scope.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    there = tmp_path / "partial"
    source = os.path.relpath(scope.path, there)  # a path that is read from where git runs
    git(tmp_path, "clone", "--quiet", "--no-checkout", f"--filter={kind}", scope.path.as_uri(), str(there))
    git(there, "fetch", "--quiet", "origin", "+refs/heads/*:refs/heads/*")
    git(there, "remote", "set-url", "origin", source)
    git(there, "config", "merge.renames", "false")
    found = Scope(there, git, tmp_path / "other").look()
    assert names(found) == names(scope.look()) != set()
    assert not found.untold


def test_round_of_criss_cross_branches_finds_what_brute_force_finds(scope: Scope, git: Git) -> None:
    path = scope.path
    write(git, path, "main", {"f": TEXT, "o": OTHER})
    write(git, path, "one", {"f": line((5, "a"))})
    write(git, path, "two", {"f": line((20, "b"))})
    git(path, "checkout", "--quiet", "one")
    git(path, "merge", "--quiet", "--no-edit", "two")
    git(path, "checkout", "--quiet", "two")
    git(path, "merge", "--quiet", "--no-edit", "one~")
    write(git, path, "one", {"f": line((5, "a"), (20, "b"), (10, "x"))}, "one")
    write(git, path, "two", {"f": line((5, "a"), (20, "b"), (10, "y"))}, "two")
    found = scope.look()
    assert names(found) == scope.brute()[1] == {("one", "two")}


def test_order_lands_what_conflicts_least_first_and_what_conflicts_with_the_base_last(
    scope: Scope, git: Git
) -> None:
    write(git, scope.path, "main", {"f": TEXT})
    write(git, scope.path, "hub", {"f": line((5, "h"), (15, "h"), (25, "h"))})
    for name, at in (("a", 5), ("b", 15), ("c", 25)):
        write(git, scope.path, name, {"f": line((at, name))})
    assert [head.name for head in scope.look().order] == ["a", "b", "c", "hub"]


def test_files_that_both_sides_give_the_same_definition_are_watched(scope: Scope, git: Git) -> None:
    code = "class A:\n    def run(self):\n        pass\n\n\nclass B:\n    def stop(self):\n        pass\n\n\nend = 1\n\n\n\n"
    write(git, scope.path, "main", {"m.py": code})
    write(git, scope.path, "one", {"m.py": "def helper():\n    return 1\n\n\n" + code})
    write(git, scope.path, "two", {"m.py": code + "\n\ndef helper():\n    return 2\n"})
    write(
        git, scope.path, "three", {"m.py": code.replace("class B:", "class B:\n    def helper(self): ...\n")}
    )
    found = scope.look()
    assert not found.clashes
    assert [(one.one.name, one.two.name, one.path, one.name) for one in found.doublets] == [
        ("one", "two", "m.py", "helper")
    ]


def test_pairs_that_share_commits_which_have_not_landed_are_judged_from_where_they_parted(
    scope: Scope, git: Git
) -> None:
    path = scope.path
    write(git, path, "main", {"f": TEXT, "o": OTHER})
    write(git, path, "common", {"f": line((5, "c")), "new": TEXT})
    write(git, path, "one", {"f": line((5, "a")), "new": line((9, "n"))}, "common")
    write(git, path, "two", {"o": "two\n"}, "common")
    write(git, path, "reverts", {"f": TEXT}, "common")
    git(path, "update-ref", "-d", "refs/heads/common")
    write(git, path, "main", {"unrelated": "x\n"})
    found = scope.look()
    assert names(found) == {("one", "reverts")} == scope.brute()[1]


def test_hundred_branches_off_one_that_has_not_landed_cost_no_more_than_others(
    scope: Scope, git: Git
) -> None:
    forest.forest(scope.path, 3, 60, files=200, most=2)
    write(git, scope.path, "develop", {"src/api/f0.txt": "develop\n"})
    develop = git(scope.path, "rev-parse", "develop^{tree}")
    for head in scope.heads():
        if head.name != "develop":
            tree = (
                git(scope.path, "merge-tree", "--write-tree", "develop", head.name).splitlines()[0]
                if not git.ask(scope.path, "merge-tree", "--write-tree", "develop", head.name).returncode
                else develop
            )
            commit = git(scope.path, "commit-tree", "-p", "develop", "-m", "x", tree)
            git(scope.path, "update-ref", f"refs/heads/{head.name}", commit)
    found = scope.look()
    assert names(found) == scope.brute()[1]
    assert found.effort.merges <= found.effort.pairs / 10


def test_pair_in_the_queue_is_ordered_by_priority_before_age(scope: Scope, git: Git) -> None:
    write(git, scope.path, "main", {"f": TEXT})
    for name in ("old", "new"):
        write(git, scope.path, name, {"f": line((5, name))})
    old, new = (next(head for head in scope.heads() if head.name == name) for name in ("old", "new"))
    heads = [old._replace(since=1, rank=40), new._replace(since=2, rank=90)]
    found = scope.look(heads)
    assert [(clash.one.name, clash.two.name) for clash in found.clashes] == [("new", "old")]
    assert [head.name for head in found.order] == ["new", "old"]
