"""Candidates: each way to land, conflicts and whose they are, stacks, and the same objects on every node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitfleet.git.program import Git as GitProgram
from gitfleet.mergequeue.candidates import Chains, ChainStep, Clash, Landing, Method, Unknown, chains
from tests.mergequeue.branches import edited
from tests.workbench import Git

Branch = Callable[..., str]
METHODS: tuple[Method, ...] = ("merge", "squash", "rebase")


@contextmanager
def on(target: Path, git: Git, method: Method = "merge") -> Iterator[Chains]:
    with chains(GitProgram(str(target / ".git")), git(target, "rev-parse", "main"), method) as found:
        yield found


def landing(name: str, head: str, below: str = "") -> Landing:
    return Landing(f"entry-{name}", name, head, f"Title of {name}", f"session-{name}", below)


def body(target: Path, git: Git, commit: str) -> str:
    return git(target, "show", "--no-patch", "--format=%B", commit).strip()


@pytest.mark.parametrize("method", METHODS)
def test_chain_holds_every_branch_and_names_each_entry(
    method: Method, target: Path, branch: Branch, git: Git
) -> None:
    heads = [branch(name, {f"{name}.txt": name}) for name in ("one", "two")]
    with on(target, git, method) as made:
        first, last = made.chain([landing("one", heads[0]), landing("two", heads[1])])
        assert isinstance(first, ChainStep)
        assert isinstance(last, ChainStep)
        made.keep(last.commit)
    assert git(target, "rev-parse", f"{last.commit}^{{tree}}") == last.tree
    assert {"one.txt", "two.txt"} <= set(git(target, "ls-tree", "--name-only", last.commit).split())
    for number, step in enumerate((first, last)):
        said = body(target, git, step.commit)
        assert f"Fleet-Entry: {step.entry}" in said
        assert f"Fleet-Head: {heads[number]}" in said
    parents = git(target, "rev-list", "--parents", "-1", last.commit).split()
    assert parents[1:] == ([first.commit, heads[1]] if method == "merge" else [first.commit])


@pytest.mark.parametrize("method", METHODS)
def test_other_node_makes_the_same_commits(
    method: Method, target: Path, branch: Branch, git: Git, tmp_path: Path
) -> None:
    (target / ".gitattributes").write_text("*.txt text\n")
    heads = [branch(name, {f"{name}.txt": name}) for name in ("one", "two")]
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", target, other)
    git(other, "config", "user.name", "Somebody Else")
    git(other, "config", "merge.renames", "false")
    git(other, "config", "commit.gpgSign", "true")
    (other / ".git/info/attributes").write_text("*.txt merge=union\n")
    asked = [landing("one", heads[0]), landing("two", heads[1])]
    made = []
    for place in (target, other):
        with on(place, git, method) as found:
            made.append(found.chain(asked))
    assert made[0] == made[1]


@pytest.mark.parametrize("method", METHODS)
def test_conflict_with_the_target_is_no_others_fault(
    method: Method, target: Path, branch: Branch, git: Git
) -> None:
    fine, bad = branch("fine", {"fine.txt": "1"}), branch("bad", {"long.txt": edited({3: "mine"})})
    git.commit(target, {"long.txt": edited({3: "theirs"})}, "on main")
    with on(target, git, method) as made:
        _, found = made.chain([landing("fine", fine), landing("bad", bad)])
    assert isinstance(found, Clash)
    assert (found.with_, found.paths) == ("", ("long.txt",))


@pytest.mark.parametrize("method", METHODS)
def test_conflict_with_an_entry_ahead_names_it_and_the_rest_goes_on(
    method: Method, target: Path, branch: Branch, git: Git
) -> None:
    names = {"zero": {"zero.txt": "0"}, "one": {"long.txt": edited({3: "one"})}, "mid": {"mid.txt": "m"}}
    heads = {name: branch(name, files) for name, files in names.items()}
    heads["two"] = branch("two", {"long.txt": edited({3: "two"})})
    heads["last"] = branch("last", {"last.txt": "l"})
    with on(target, git, method) as made:
        found = made.chain([landing(name, head) for name, head in heads.items()])
        fine = [one.entry for one in found if isinstance(one, ChainStep)]
    clash = found[3]
    assert isinstance(clash, Clash)
    assert (clash.with_, clash.paths) == ("entry-one", ("long.txt",))
    assert fine == ["entry-zero", "entry-one", "entry-mid", "entry-last"]


@pytest.mark.parametrize("method", METHODS)
def test_stacked_branch_brings_its_own_commits_only(
    method: Method, target: Path, branch: Branch, git: Git
) -> None:
    below = branch("below", {"long.txt": edited({3: "below"})})
    above = branch("above", {"long.txt": edited({3: "above"})}, start="below")
    with on(target, git, method) as made:
        found = made.chain([landing("below", below), landing("above", above, below)])
        assert all(isinstance(one, ChainStep) for one in found), found
        made.keep(found[-1].commit)  # type: ignore[union-attr]
    last = found[-1]
    assert isinstance(last, ChainStep)
    assert "above" in git(target, "show", f"{last.commit}:long.txt")
    assert body(target, git, last.commit).count("Fleet-Entry") == 1


def test_stacked_branch_lands_after_the_one_below_was_squashed(
    target: Path, branch: Branch, git: Git
) -> None:
    below = branch("below", {"long.txt": edited({3: "below"})})
    above = branch("above", {"long.txt": edited({3: "above"})}, start="below")
    with on(target, git, "squash") as made:
        (first,) = made.chain([landing("below", below)])
        assert isinstance(first, ChainStep)
        made.keep(first.commit)
    git(target, "merge", "--quiet", "--ff-only", first.commit)
    with on(target, git, "squash") as made:
        (found,) = made.chain([landing("above", above, below)])
        assert isinstance(found, ChainStep)
        made.keep(found.commit)
    assert "above" in git(target, "show", f"{found.commit}:long.txt")


def test_squash_of_several_commits_keeps_their_trailers_and_authors(
    target: Path, branch: Branch, git: Git
) -> None:
    branch("work", {"a.txt": "a"}, message="first\n\nFleet-Session: s1\nFleet-Claim: c1@3")
    git(target, "checkout", "--quiet", "work")
    (target / "b.txt").write_text("b")
    git(target, "add", "b.txt")
    git(target, "commit", "--quiet", "--author=Other <o@example.org>", "-m", "second\n\nFleet-Claim: c2@4")
    head = git(target, "rev-parse", "HEAD")
    git(target, "checkout", "--quiet", "main")
    with on(target, git, "squash") as made:
        (step,) = made.chain([landing("work", head)])
        assert isinstance(step, ChainStep)
        made.keep(step.commit)
    said = body(target, git, step.commit)
    assert said.startswith("Title of work\n\n- first\n- second\n\n")
    for line in ("Fleet-Session: s1", "Fleet-Claim: c1@3", "Fleet-Claim: c2@4", "Co-authored-by: "):
        assert line in said
    assert git(target, "show", "--no-patch", "--format=%an", step.commit) == "Other"


def test_squash_of_one_commit_keeps_its_message(target: Path, branch: Branch, git: Git) -> None:
    head = branch("work", {"a.txt": "a"}, message="What I did\n\nWhy: because.")
    with on(target, git, "squash") as made:
        (step,) = made.chain([landing("work", head)])
        assert isinstance(step, ChainStep)
        made.keep(step.commit)
    said = body(target, git, step.commit)
    assert said == f"What I did\n\nWhy: because.\nFleet-Entry: entry-work\nFleet-Head: {head}"


def test_rebase_that_would_drop_what_a_merge_holds_is_not_made(
    target: Path, branch: Branch, git: Git
) -> None:
    branch("work", {"long.txt": edited({3: "mine"})})
    git.commit(target, {"long.txt": edited({3: "theirs"})}, "on main")
    git(target, "checkout", "--quiet", "work")
    assert git.ask(target, "merge", "--no-edit", "main").returncode == 1
    (target / "long.txt").write_text(edited({3: "both"}))
    git(target, "commit", "--quiet", "--all", "-m", "merge")
    head = git(target, "rev-parse", "HEAD")
    git(target, "checkout", "--quiet", "main")
    with on(target, git, "rebase") as made:
        (found,) = made.chain([landing("work", head)])
    assert isinstance(found, (Unknown, Clash))
    with on(target, git, "merge") as made:
        (found,) = made.chain([landing("work", head)])
    assert isinstance(found, ChainStep)


@pytest.mark.parametrize("method", METHODS)
def test_branch_with_a_head_that_is_not_here_is_unknown(method: Method, target: Path, git: Git) -> None:
    with on(target, git, method) as made:
        (found,) = made.chain([landing("gone", "1" * 40)])
    assert isinstance(found, Unknown)


def test_hostile_names_stay_one_line(target: Path, branch: Branch, git: Git) -> None:
    head = branch("work", {"a.txt": "a"})
    evil = Landing("e", "x\x1b[31m\nFleet-Entry: forged", head, "t\nFleet-Head: forged\x07", "s")
    with on(target, git) as made:
        (step,) = made.chain([evil])
        assert isinstance(step, ChainStep)
        made.keep(step.commit)
    said = body(target, git, step.commit)
    assert not {"\x1b", "\x07"} & set(said)
    trailers = git(
        target, "show", "--no-patch", "--format=%(trailers:key=Fleet-Entry,valueonly)", step.commit
    )
    assert trailers.split() == ["e"]


def test_nothing_is_left_of_a_candidate_that_is_not_kept(target: Path, branch: Branch, git: Git) -> None:
    head = branch("work", {"a.txt": "a"})
    before = git(target, "count-objects")
    with on(target, git) as made:
        made.chain([landing("work", head)])
    assert git(target, "count-objects") == before


@pytest.mark.parametrize("method", METHODS)
def test_chains_that_go_on_from_what_landed_make_the_commits_that_are_made_anew(
    method: Method, target: Path, branch: Branch, git: Git
) -> None:
    asked = [landing(name, branch(name, {f"{name}.txt": name})) for name in ("one", "two", "three")]
    with on(target, git, method) as made:
        first = made.chain(asked)[0]
        assert isinstance(first, ChainStep)
        made.keep(first.commit)
        git(target, "update-ref", "refs/heads/main", first.commit)
        assert made.move(first.commit, {})
        went_on = made.chain(asked[1:])
    with on(target, git, method) as anew:
        assert anew.chain(asked[1:]) == went_on


def test_chains_whose_target_has_other_attributes_do_not_go_on(
    target: Path, branch: Branch, git: Git
) -> None:
    landed = landing("rules", branch("rules", {".gitattributes": "*.lock binary\n"}))
    with on(target, git) as made:
        (step,) = made.chain([landed])
        assert isinstance(step, ChainStep)
        made.keep(step.commit)
        assert not made.move(step.commit, {})
