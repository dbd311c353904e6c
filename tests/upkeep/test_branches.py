"""What branches retain, over two clones and their hub, with real commits, pushes, merges and deletions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from gitfleet.claims import model
from gitfleet.claims.model import Claim
from gitfleet.claims.service import MINE, Terms
from gitfleet.errors import Conflict, HubUnreachable
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.program import Git as GitProgram
from gitfleet.git.remote import Remote
from gitfleet.trunk import landing
from gitfleet.upkeep import branches, exchange
from tests.fleetbench import SESSIONS, Fleets
from tests.operations import ask, raw
from tests.workbench import Git

ADA_1 = SessionId("ada-1")
BOB_1 = SessionId("bob-1")
SIDE_1 = SessionId("side-1")

Opened = Callable[[str], AbstractContextManager[Fleet]]


def move_in(fleets: Fleets, name: str) -> None:
    """The sessions of a copied clone say where they are now."""
    with fleets.open(name) as fleet:
        asked = [
            raw(
                "session.start",
                fleet.ledger.node.id,
                session,
                {"worktree": str(fleets.clone(name)), "resume": True},
            )
            for session in SESSIONS[name]
        ]
        assert all(result.error is None for result in fleet.ledger.submit(asked))


def keeping(claim: Claim) -> str:
    """What a claim stays with: branches by their names, worktrees by their paths."""
    return " ".join(keeper.branch or keeper.worktree for keeper in claim.retained)


class Hubbed:
    """Clones `ada` and `bob` of a hub, and what sessions do in them."""

    def __init__(self, fleets: Fleets, git: Git) -> None:
        self.fleets, self.git = fleets, git
        for name in ("ada", "bob"):
            move_in(fleets, name)

    def at(self, name: str) -> Path:
        return self.fleets.clone(name)

    def commit(self, name: str, path: str, text: str = "changed\n") -> str:
        return self.git.commit(self.at(name), {path: text}, f"change {path}")

    def branch(self, name: str, branch: str = "feature") -> None:
        self.git(self.at(name), "switch", "--quiet", "--create", branch)

    def push(self, name: str, *refs: str) -> None:
        self.git(self.at(name), "push", "--quiet", "origin", *(refs or ("HEAD",)))

    def claim(self, name: str, session: str, *paths: str) -> None:
        self.fleets.claim(name, session, *paths)

    def end(self, name: str, session: str) -> dict[str, Any]:
        with self.fleets.open(name) as fleet:
            return dict(fleet.sessions.end(SessionId(session)).encode())

    def sync(self, name: str) -> exchange.Exchange:
        with self.fleets.open(name) as fleet:
            return exchange.sync(fleet)

    def standing(self, name: str) -> dict[str, str]:
        """What each claim stays with (branches by name, worktrees by path), as a clone knows it."""
        with self.fleets.open(name) as fleet:
            found = model.everything(fleet.current().view)
            return {claim.pattern: keeping(claim) for claim in found if isinstance(claim, Claim)}

    def merge_on_hub(self, name: str, how: str, branch: str = "feature") -> None:
        """Somebody merges the branch into the trunk, and pushes that."""
        at = self.at(name)
        self.git(at, "fetch", "--quiet", "origin")
        self.git(at, "switch", "--quiet", "main")
        self.git(at, "merge", "--quiet", "--ff-only", "origin/main")
        if how == "merge":
            self.git(at, "merge", "--quiet", "--no-ff", "--no-edit", f"origin/{branch}")
        elif how == "squash":
            self.git(at, "merge", "--quiet", "--squash", f"origin/{branch}")
            self.git(at, "commit", "--quiet", "-m", "squashed")
        elif how == "cherry-pick":
            self.git(at, "cherry-pick", f"origin/main..origin/{branch}")
        else:
            self.git(at, "merge", "--quiet", "--ff-only", f"origin/{branch}")
        self.git(at, "push", "--quiet", "origin", "main")


@pytest.fixture
def hubbed(fleets: Fleets, git: Git) -> Hubbed:
    return Hubbed(fleets, git)


@pytest.fixture
def left(hubbed: Hubbed) -> Hubbed:
    """ada-1 has changed src/api/a.py on a branch, pushed it and ended; what else it claimed is free again."""
    hubbed.claim("ada", "ada-1", "src/", "docs/")
    hubbed.branch("ada")
    hubbed.commit("ada", "src/api/a.py")
    hubbed.commit("ada", "src/api/a.py", "changed twice\n")
    hubbed.push("ada")
    answer = hubbed.end("ada", "ada-1")
    assert [claim["pattern"] for claim in answer["released"]] == ["docs/"]
    return hubbed


@pytest.mark.sample(2)
@pytest.mark.parametrize("how", ["merge", "fast-forward", "squash", "cherry-pick"])
def test_branch_that_landed_lets_its_claims_go_whoever_looks(left: Hubbed, how: str) -> None:
    assert left.sync("bob").settled == []
    assert left.standing("bob") == {"src/": "feature"}
    if how == "cherry-pick":
        other = left.git(left.at("bob"), "rev-parse", "origin/main")
        left.git.commit(left.at("bob"), {"README.md": "moved on\n"})
        left.push("bob", "HEAD:main")
        assert other != left.git(left.at("bob"), "rev-parse", "HEAD")
    left.merge_on_hub("ada", how)
    settled = left.sync("bob").settled
    assert ["has landed" in words for words in settled] == [True]
    assert left.standing("bob") == {}
    assert left.sync("ada").settled == []
    left.fleets.chain()


def test_branch_that_is_gone_from_the_hub_lets_its_claims_go_where_it_was_seen(left: Hubbed) -> None:
    left.sync("bob")
    left.push("ada", ":feature")
    assert ["is gone" in words for words in left.sync("bob").settled] == [True]
    assert left.standing("bob") == {}
    left.fleets.chain()


def test_branch_that_was_never_seen_on_the_hub_is_not_gone(hubbed: Hubbed) -> None:
    hubbed.claim("ada", "ada-1", "src/")
    hubbed.branch("ada")
    hubbed.commit("ada", "src/api/a.py")
    hubbed.end("ada", "ada-1")
    for name in ("ada", "bob", "ada"):
        assert hubbed.sync(name).settled == []
    assert hubbed.standing("bob") == {"src/": "feature"}
    hubbed.push("ada")
    hubbed.sync("ada")
    hubbed.push("ada", ":feature")
    assert hubbed.sync("bob").settled == []  # bob has never seen it
    assert ["is gone" in words for words in hubbed.sync("ada").settled] == [True]


def test_hub_that_shows_no_trunk_makes_nothing_look_gone(left: Hubbed) -> None:
    left.sync("bob")
    left.git(left.fleets.hub, "update-ref", "-d", "refs/heads/feature")
    left.git(left.fleets.hub, "symbolic-ref", "HEAD", "refs/heads/elsewhere")
    left.git(left.fleets.hub, "branch", "-m", "main", "moved")
    assert left.sync("bob").settled == []
    assert left.standing("bob") == {"src/": "feature"}


def test_hub_that_cannot_be_reached_makes_nothing_look_gone(left: Hubbed) -> None:
    left.sync("bob")
    left.push("ada", ":feature")
    shutil.move(left.fleets.hub, left.fleets.root / "away.git")
    with left.fleets.open("bob") as fleet:
        settled, warnings = branches.settle(fleet)
    assert settled == []
    assert "could not be checked" in warnings[0]
    assert left.standing("bob") == {"src/": "feature"}


def test_branch_with_one_commit_more_than_the_trunk_has_not_landed(left: Hubbed) -> None:
    first = left.git(left.at("ada"), "rev-parse", "HEAD~1")
    left.git(left.at("ada"), "push", "--quiet", "origin", f"{first}:main")
    assert left.sync("bob").settled == []
    assert left.standing("bob") == {"src/": "feature"}


def test_branch_that_others_carry_on_lands_as_it_is_then(left: Hubbed, git: Git) -> None:
    bob = left.at("bob")
    git(bob, "fetch", "--quiet", "origin")
    git(bob, "switch", "--quiet", "feature")
    left.commit("bob", "notes.txt")
    left.push("bob", "feature")
    left.sync("ada")
    left.merge_on_hub("bob", "squash")
    assert ["has landed" in words for words in left.sync("ada").settled] == [True]


def test_nothing_retained_asks_nobody(hubbed: Hubbed, monkeypatch: pytest.MonkeyPatch) -> None:
    hubbed.claim("ada", "ada-1", "src/")
    before = hubbed.fleets.tip()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    with hubbed.fleets.open("ada") as fleet:
        monkeypatch.setattr(Remote, "look", never)
        assert branches.settle(fleet) == ([], [])
        assert branches.retain_pushed(fleet) == []
    assert hubbed.fleets.tip() == before


def test_all_branches_are_asked_for_at_once(
    hubbed: Hubbed, monkeypatch: pytest.MonkeyPatch, git: Git
) -> None:
    for number in (1, 2):
        git(hubbed.at("ada"), "switch", "--quiet", "--create", f"f{number}", "main")
        hubbed.claim("ada", f"ada-{number}", f"src/{number}")
        hubbed.commit("ada", f"src/{number}")
        hubbed.end("ada", f"ada-{number}")
    asked: list[tuple[str, ...]] = []
    look = Remote.look

    def counted(self: Remote, *patterns: str, **more: Any) -> dict[str, str]:
        asked.append(patterns)
        return look(self, *patterns, **more)

    monkeypatch.setattr(Remote, "look", counted)
    with hubbed.fleets.open("ada") as fleet:
        branches.settle(fleet)
    assert asked == [("refs/heads/f1", "refs/heads/f2", "refs/heads/main")]


# While the session lives.


def test_pushed_branch_retains_for_its_live_session_which_goes_on(hubbed: Hubbed) -> None:
    hubbed.claim("ada", "ada-1", "src/", "docs/")
    hubbed.branch("ada")
    hubbed.commit("ada", "src/api/a.py")
    assert hubbed.sync("ada").settled == []  # not pushed yet
    hubbed.push("ada")
    assert hubbed.sync("ada").settled == ["branch feature retains what it changes"]
    assert hubbed.sync("ada").settled == []
    assert hubbed.standing("ada") == {"src/": "feature", "docs/": ""}
    with hubbed.fleets.open("ada") as fleet:
        states = fleet.claims.check(fleet.current(), ADA_1, ["src/api/a.py"])
        assert [verdict.state for verdict in states] == [MINE]
    hubbed.merge_on_hub("bob", "squash")
    assert ["has landed" in words for words in hubbed.sync("bob").settled] == [True]
    with hubbed.fleets.open("ada") as fleet:
        fleet.ledger.sync()
        (told,) = fleet.messages(ADA_1)
        assert "feature has landed" in told
        assert fleet.messages(ADA_1) == []
    assert hubbed.standing("ada") == {"docs/": ""}


def test_session_that_goes_on_with_a_branch_that_was_squashed_keeps_what_it_claims_anew(
    hubbed: Hubbed,
) -> None:
    hubbed.claim("ada", "ada-1", "src/")
    hubbed.branch("ada")
    hubbed.commit("ada", "src/api/a.py")
    hubbed.push("ada")
    hubbed.sync("ada")
    hubbed.merge_on_hub("bob", "squash")
    assert ["has landed" in words for words in hubbed.sync("ada").settled] == [True]
    hubbed.claim("ada", "ada-1", "src/")
    for _ in range(2):
        assert hubbed.sync("ada").settled == []
    assert hubbed.standing("ada") == {"src/": ""}
    hubbed.commit("ada", "src/api/b.py")
    hubbed.push("ada")
    assert hubbed.sync("ada").settled == ["branch feature retains what it changes"]


def test_branch_whose_commits_cannot_be_had_is_judged_again(
    left: Hubbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    left.merge_on_hub("ada", "squash")
    fetch = Remote.fetch

    def partly(self: Remote, *specs: str, **more: Any) -> None:
        if "refs/heads/feature" in specs:
            raise HubUnreachable("not now")
        fetch(self, *specs, **more)

    with monkeypatch.context() as away:
        away.setattr(Remote, "fetch", partly)
        assert left.sync("bob").settled == []
    assert ["has landed" in words for words in left.sync("bob").settled] == [True]


def test_commits_on_the_trunk_itself_are_retained_until_they_are_pushed(hubbed: Hubbed) -> None:
    hubbed.claim("ada", "ada-1", "src/")
    hubbed.commit("ada", "src/api/a.py")
    hubbed.end("ada", "ada-1")
    assert hubbed.sync("ada").settled == []
    assert hubbed.standing("ada") == {"src/": "main"}
    hubbed.push("ada")
    assert ["has landed" in words for words in hubbed.sync("ada").settled] == [True]


@pytest.mark.parametrize("state", ["nothing", "pushed-to-trunk", "ignored", "others' changes"])
def test_session_without_work_of_its_own_leaves_nothing(hubbed: Hubbed, git: Git, state: str) -> None:
    hubbed.claim("ada", "ada-1", "src/")
    if state == "pushed-to-trunk":
        hubbed.commit("ada", "src/api/a.py")
        hubbed.push("ada")
    elif state == "ignored":
        (hubbed.at("ada") / ".git/info/exclude").write_text("*.log\n")
        (hubbed.at("ada") / "src/api/x.log").write_text("noise\n")
    elif state == "others' changes":
        (hubbed.at("ada") / "README.md").write_text("dirty\n")
        git(hubbed.at("bob"), "switch", "--quiet", "--create", "theirs")
        hubbed.commit("bob", "src/api/a.py")
        hubbed.push("bob")
        git(hubbed.at("ada"), "fetch", "--quiet", "origin")
        git(hubbed.at("ada"), "switch", "--quiet", "theirs")
        git(hubbed.at("ada"), "switch", "--quiet", "main")
    assert hubbed.end("ada", "ada-1")["retained"] == []
    assert hubbed.standing("ada") == {}


def test_clone_that_is_its_own_hub_retains_until_its_trunk_has_it(fleets: Fleets, git: Git) -> None:
    alone = fleets.clone("alone")
    move_in(fleets, "alone")
    git(alone, "switch", "--quiet", "--create", "feature")
    fleets.claim("alone", "alone-1", "src/")
    git.commit(alone, {"src/api/a.py": "changed\n"})
    with fleets.open("alone") as fleet:
        assert fleet.sessions.end(SessionId("alone-1")).retained
        assert exchange.sync(fleet).settled == []
        git(alone, "switch", "--quiet", "main")
        git(alone, "merge", "--quiet", "feature")
        assert ["has landed" in words for words in exchange.sync(fleet).settled] == [True]


def test_worktree_that_is_gone_leaves_its_branch_retaining(fleets: Fleets, git: Git, tmp_path: Path) -> None:
    from gitfleet.sessions.service import Start

    ada, side = fleets.clone("ada"), fleets.root / "side"
    git(ada, "worktree", "add", "--quiet", "-b", "side", str(side))
    with Fleet.open(str(side)) as fleet:
        fleet.sessions.start(Start(id="side-1", pid=os.getpid()))
        fleet.claims.claim(SIDE_1, ["src/"])
    git.commit(side, {"src/api/a.py": "changed\n"})
    shutil.rmtree(side)
    with fleets.open("ada") as fleet:
        answer = fleet.sessions.end(SIDE_1)
    (claim,) = answer.retained
    assert (claim.pattern, [one.branch for one in claim.retained]) == ("src/", ["side"])


# Who may have it.


def test_who_builds_on_the_branch_gets_the_claim_and_nobody_else(left: Hubbed, git: Git) -> None:
    bob = left.at("bob")
    with left.fleets.open("bob") as fleet:
        with pytest.raises(Conflict) as caught:
            fleet.claims.claim(BOB_1, ["src/api/a.py"])
        assert "merge" in caught.value.hint
        assert "feature" in caught.value.hint
        git(bob, "fetch", "--quiet", "origin")
        git(bob, "switch", "--quiet", "--create", "on-top", "origin/feature~1")
        with pytest.raises(Conflict):
            fleet.claims.claim(BOB_1, ["src/api/a.py"])
        git(bob, "merge", "--quiet", "origin/feature")
        answer = fleet.claims.claim(BOB_1, ["src/api/a.py"])
        assert [(c.pattern, c.session) for c in answer.granted] == [("src/", "bob-1")]
    assert left.standing("bob") == {"src/": ""}
    left.fleets.chain()


def test_partial_request_of_who_builds_on_the_branch_gets_it_too(left: Hubbed, git: Git) -> None:
    left.claim("ada", "ada-2", "docs/")
    git(left.at("bob"), "fetch", "--quiet", "origin")
    git(left.at("bob"), "switch", "--quiet", "--create", "on-top", "origin/feature")
    with left.fleets.open("bob") as fleet:
        fleet.ledger.sync()
        answer = fleet.claims.claim(BOB_1, ["src/", "docs/"], Terms(partial=True))
    assert [c.pattern for c in answer.granted] == ["src/"]
    assert [item.path for item in answer.refused] == ["docs/"]


# Landed or not.


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("same", "ancestor"),
        ("behind", "ancestor"),
        ("ahead", ""),
        ("picked", "tree"),
        ("picked-and-changed-since", "patches"),
        ("squashed", "tree"),
        ("half-picked", ""),
        ("conflicting", ""),
        ("missing", ""),
    ],
)
def test_landing_is_told_by_ancestry_patches_or_effect(
    repository: Path, git: Git, what: str, how: str
) -> None:
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "switch", "--quiet", "--create", "feature")
    one = git.commit(repository, {"one": "1\n"})
    two = git.commit(repository, {"src/api/a.py": "A = 2\n"})
    git(repository, "switch", "--quiet", "main")
    if what == "same":
        git(repository, "merge", "--quiet", "feature")
    elif what == "behind":
        git(repository, "merge", "--quiet", "feature")
        git.commit(repository, {"later": "x\n"})
    elif what in {"picked", "picked-and-changed-since", "half-picked"}:
        git.commit(repository, {"README.md": "x\n"})
        git(repository, "cherry-pick", *([one] if what == "half-picked" else [one, two]))
        if what == "picked-and-changed-since":
            git.commit(repository, {"src/api/a.py": "A = 9\n"})
    elif what == "squashed":
        git.commit(repository, {"README.md": "x\n"})
        git(repository, "merge", "--quiet", "--squash", "feature")
        git(repository, "commit", "--quiet", "-m", "all of it")
    elif what == "conflicting":
        git.commit(repository, {"src/api/a.py": "A = 3\n"})
    trunk = git(repository, "rev-parse", "main")
    head = "1" * 40 if what == "missing" else two
    assert landing.how(GitProgram(str(repository / ".git")), trunk, head) == how
    assert base


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", ["-x", "a*", "a b", "a:b", "", "a\nb", "/x", "a[b"])
def test_recorded_name_that_is_no_branch_is_asked_of_nobody(left: Hubbed, name: str) -> None:
    with left.fleets.open("ada") as fleet:
        fleet.claims.claim(SessionId("ada-2"), ["lib/"])
        claim = next(model.of_session(fleet.current().view, "ada-2"))
        assert isinstance(claim, Claim)
        row = {"keeper": {"branch": name or "x", "head": "a" * 40}, "claims": [claim.id]}
        ask(fleet.ledger, "claim.retain", "ada-2", {"retain": [row]})
        settled, warnings = branches.settle(fleet)
    assert (settled, warnings) == ([], [])


def test_sync_hears_of_branches_on_the_connections_that_it_has_anyway(left: Hubbed, tmp_path: Path) -> None:
    left.sync("ada")
    log, program = tmp_path / "log", tmp_path / "counting"
    program.write_text(f'#!/bin/sh\necho . >>"{log}"\nexec git-upload-pack "$@"\n')
    program.chmod(0o755)
    left.git(left.at("ada"), "config", "remote.origin.uploadpack", str(program))
    left.sync("ada")
    assert log.read_text().split() == ["."]
    assert left.standing("ada") == {"src/": "feature"}
