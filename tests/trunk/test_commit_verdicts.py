"""Which commits may land, by the claims that cover them, and what the rules make of the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gitfleet.base import advice
from gitfleet.claims.fencing import OK, STALE, THEIRS, UNCLAIMED, UNVERIFIABLE, CommitVerdict
from gitfleet.claims.policy import COMMITS, CommitRule, Policy
from gitfleet.errors import Conflict, FleetError, PolicyRefused, StaleFence, Unverifiable
from gitfleet.git.program import Git as GitProgram
from gitfleet.trunk import commit_verdicts, incoming
from gitfleet.trunk.commit_verdicts import Judged
from gitfleet.trunk.incoming import IncomingCommit
from tests.claims.world import World, wanted
from tests.workbench import Git

A, B = "src/a.py", "src/b.py"


def claim(world: World, session: str, path: str = A) -> str:
    """Claim a path, as a commit names the claim."""
    (granted,) = world.take(session, "claim.acquire", **wanted(path))["granted"]
    return f"{granted['id']}@{granted['token']}"


def commit(git: Git, where: Path, content: str, session: str, *claims: str, path: str = A) -> str:
    trailers = [f"Fleet-Session: {session}", *(f"Fleet-Claim: {one}" for one in claims)]
    return git.commit(where, {path: content}, "\n".join(["change", "", *trailers]))


def states(world: World, where: Path, *revisions: str, policy: Policy | None = None) -> list[list[str]]:
    """The states of the paths of each commit, newest first."""
    program = GitProgram(str(where / ".git"))
    rows = commit_verdicts.judged(
        world.view, policy or Policy(), program, incoming.commits(program, *revisions)
    )
    return [[verdict.state for verdict in row.verdicts] for row in rows]


def row(*found: str) -> Judged:
    """A commit with a path in each of these states."""
    verdicts = tuple(CommitVerdict(f"{state}-{at}", state) for at, state in enumerate(found))  # type: ignore[arg-type]
    return Judged(IncomingCommit("f" * 40, tuple(one.path for one in verdicts), "", ()), verdicts)


def test_commits_are_told_newest_first_with_what_their_trailers_name(repository: Path, git: Git) -> None:
    first = commit(git, repository, "one\n", "a-1", "X@1", "Y@2")
    git(repository, "mv", A, B)
    git(repository, "commit", "--quiet", "--message", "a rename, and no session")
    second = git(repository, "rev-parse", "HEAD")
    found = list(incoming.commits(GitProgram(str(repository / ".git")), f"{first}~..HEAD"))
    assert found == [
        IncomingCommit(second, (A, B), "", ()),
        IncomingCommit(first, (A,), "a-1", ("X@1", "Y@2"), ("a-1",)),
    ]


def test_merge_brings_only_the_paths_that_it_changes_itself(repository: Path, git: Git) -> None:
    git(repository, "checkout", "--quiet", "-b", "side")
    git.commit(repository, {"side.txt": "side\n"})
    git(repository, "checkout", "--quiet", "main")
    git.commit(repository, {"main.txt": "main\n"})
    git(repository, "merge", "--quiet", "--no-commit", "side")
    (repository / "main.txt").write_text("resolved\n")
    git(repository, "add", "main.txt")
    git(repository, "commit", "--quiet", "--message", "merged")
    (merge, *_) = incoming.commits(GitProgram(str(repository / ".git")), "HEAD", "--max-count=1")
    assert merge.paths == ("main.txt",)


def test_commit_is_judged_by_the_claims_that_it_names(repository: Path, git: Git) -> None:
    world = World("a-1", "b-1")
    mine, theirs = claim(world, "a-1"), claim(world, "b-1", B)
    start = git(repository, "rev-parse", "HEAD")
    commit(git, repository, "one\n", "a-1", mine)
    commit(git, repository, "two\n", "a-1", mine, theirs, path=B)
    commit(git, repository, "three\n", "a-1", path="c.py")
    assert states(world, repository, f"{start}..HEAD") == [[UNCLAIMED], [THEIRS], [OK]]
    assert states(world, repository, f"{start}..HEAD", policy=Policy(commits="off")) == []


@pytest.mark.parametrize(
    ("above", "seen"), [(True, [[OK], [OK]]), (False, [[OK], [STALE]])], ids=["built on it", "beside it"]
)
def test_stale_commit_may_land_with_one_built_on_it_by_who_has_the_path_now(
    repository: Path, git: Git, above: bool, seen: list[list[str]]
) -> None:
    world = World("a-1", "b-1")
    start = git(repository, "rev-parse", "HEAD")
    old = commit(git, repository, "one\n", "a-1", claim(world, "a-1"))
    world.take("a-1", "claim.release", patterns=None)
    new = claim(world, "b-1")
    if not above:
        git(repository, "checkout", "--quiet", "--detach", start)
    top = commit(git, repository, "two\n", "b-1", new)
    found = states(world, repository, "--topo-order", top, old, f"^{start}")
    assert sorted(found) == sorted(seen)
    assert states(world, repository, f"{start}..{old}") == [[STALE]]


@pytest.mark.parametrize(
    ("found", "error"),
    [
        ([OK, UNVERIFIABLE], Unverifiable),
        ([UNVERIFIABLE, UNCLAIMED], PolicyRefused),
        ([UNCLAIMED, STALE], StaleFence),
        ([STALE, THEIRS], Conflict),
    ],
)
def test_refusal_is_that_of_the_worst_state_and_names_every_path(
    found: Sequence[str], error: type[FleetError]
) -> None:
    rows, heard = [row(OK), row(*found)], list[str]()
    with pytest.raises(error) as refused:
        commit_verdicts.settle(Policy(), rows, heard.append)
    assert commit_verdicts.worst(Policy(), rows) == error.exit_code
    assert not heard
    for at, state in enumerate(found):
        assert (f"{'f' * 12} {state}-{at}: " in refused.value.message) == (state != OK)


def test_refusal_of_what_cannot_be_read_says_how_to_look() -> None:
    with pytest.raises(Unverifiable) as refused:
        commit_verdicts.settle(Policy(), [row(UNVERIFIABLE)], lambda _: None)
    assert str(advice.FSCK) in str(refused.value.hint)


@pytest.mark.parametrize("rule", [rule for rule in COMMITS if rule != "off"])
def test_what_the_rules_let_pass_is_warned_about_at_most(rule: CommitRule) -> None:
    policy, heard = Policy(commits=rule), list[str]()
    unclaimed, held = [row(UNCLAIMED)], [row(THEIRS)]
    stops = {UNCLAIMED: rule not in {"warn", "conflicts-only"}, THEIRS: rule != "warn"}
    for rows, state in ((unclaimed, UNCLAIMED), (held, THEIRS)):
        try:
            commit_verdicts.settle(policy, rows, heard.append)
        except FleetError:
            assert stops[state]
        else:
            assert not stops[state]
    assert len(heard) == (2 if rule == "warn" else 0)
    assert bool(commit_verdicts.worst(policy, held)) == (rule != "warn")


def test_refusal_of_many_paths_names_the_first_and_counts_the_rest() -> None:
    with pytest.raises(PolicyRefused) as refused:
        commit_verdicts.settle(Policy(), [row(*[UNCLAIMED] * 30)], lambda _: None)
    assert refused.value.message.count("unclaimed-") == commit_verdicts.SHOWN
    assert refused.value.message.endswith("... and 10 more")
