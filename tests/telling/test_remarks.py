"""What a grant says of its paths: no such path yet, an older version, read both ways."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import grants
from gitfleet.telling import remarks
from gitfleet.telling.remarks import Remarks
from gitfleet.upkeep import branches
from tests.fleetbench import Fleets
from tests.operations import raw
from tests.workbench import Git

ADA_1 = SessionId("ada-1")
BOB_1 = SessionId("bob-1")


@pytest.fixture
def fleet(fleets: Fleets) -> Iterator[Fleet]:
    with fleets.open("ada") as opened:
        yield opened


def claim(fleet: Fleet, *texts: str) -> Remarks:
    """The remarks on what is granted for `texts`, after which nothing is held any more."""
    granted = fleet.claims.claim(ADA_1, texts).granted
    found = remarks.of_grant(fleet, granted)
    fleet.claims.release(ADA_1, None)
    return found


def land(fleets: Fleets, git: Git, files: dict[str, str], branch: str = "main") -> None:
    """Have bob commit files, and push them past all claims."""
    bob = fleets.clone("bob")
    git.commit(bob, files)
    git(bob, "-c", "core.hooksPath=/dev/null", "push", "-q", "--no-verify", "origin", f"HEAD:{branch}")


def behind(found: Remarks) -> dict[str, tuple[str, ...]]:
    return {item.pattern: item.files for item in found.behind}


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("src/api/a.py", False),
        ("SRC", False),
        ("scr/", True),
        ("src/*.pyy", True),
        ("src/**", False),
        ("only/there.py", False),
        ("loose.txt", False),
        ("deep/new.py", True),
        ("[lx]oose.txt", False),
        ("res:gpu", False),
    ],
)
def test_claim_that_matches_nothing_anywhere_is_said_to_at_once(
    fleet: Fleet, fleets: Fleets, git: Git, text: str, absent: bool
) -> None:
    top = fleets.clone("ada")
    git(top, "switch", "-q", "-c", "elsewhere")
    git.commit(top, {"only/there.py": "1\n"})
    git(top, "switch", "-q", "-")
    git(top, "worktree", "add", "-q", "--detach", str(fleets.root / "linked"))
    (fleets.root / "linked/loose.txt").write_text("1\n")
    found = claim(fleet, text)
    assert found.absent == ((text,) if absent else ())
    assert [words for words in found.words("origin") if "no such path yet" in words] == (
        [f"no such path yet: {text}"] if absent else []
    )


def test_claim_of_what_the_ledger_itself_has_is_no_path_of_the_repository(fleet: Fleet) -> None:
    assert claim(fleet, "sessions", "fleet.json").absent == ("sessions", "fleet.json")


@pytest.mark.sample(2)
@pytest.mark.parametrize("text", ["src/api/a.py", "src", "src/", "src/api/*.py", "**/*.py", "SRC/API/A.PY"])
def test_claim_of_what_the_trunk_has_in_a_newer_version_says_merge_first(
    fleet: Fleet, fleets: Fleets, git: Git, text: str
) -> None:
    assert claim(fleet, text) == Remarks()
    land(fleets, git, {"src/api/a.py": "newer\n", "docs/new.md": "1\n"})
    found = claim(fleet, text)
    assert behind(found) == {text: ("src/api/a.py",)}
    (words,) = found.words("origin")
    assert words.startswith("behind: merge first: 'main' has a newer version of ")
    assert "git pull origin main" in words
    git(fleets.clone("ada"), "pull", "-q", "--no-rebase", "origin", "main")
    assert claim(fleet, text) == Remarks()


@pytest.mark.parametrize(
    "text", ["README.md", "src/web", "src/api/b*", "docs/*.txt", "res:gpu", "src/new.py"]
)
def test_claim_beside_what_the_trunk_has_changed_says_nothing_of_it(
    fleet: Fleet, fleets: Fleets, git: Git, text: str
) -> None:
    land(fleets, git, {"src/api/a.py": "newer\n", "docs/new.md": "1\n"})
    assert claim(fleet, text).behind == ()


def test_claim_of_a_file_that_the_trunk_has_made_or_deleted_is_behind(
    fleet: Fleet, fleets: Fleets, git: Git
) -> None:
    bob = fleets.clone("bob")
    git(bob, "rm", "-q", "README.md")
    git(bob, "-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "Away with it")
    land(fleets, git, {"new/x.py": "1\n"})
    assert behind(claim(fleet, "README.md", "new", "new/y.py")) == {
        "README.md": ("README.md",),
        "new": ("new/x.py",),
    }


def test_claim_of_what_only_this_branch_has_changed_is_not_behind(
    fleet: Fleet, fleets: Fleets, git: Git
) -> None:
    git.commit(fleets.clone("ada"), {"src/api/a.py": "mine\n"})
    land(fleets, git, {"README.md": "theirs\n"})
    assert behind(claim(fleet, "src", "README.md")) == {"README.md": ("README.md",)}


def test_claim_of_what_both_have_changed_is_behind_until_it_is_the_same(
    fleet: Fleet, fleets: Fleets, git: Git
) -> None:
    top = fleets.clone("ada")
    git.commit(top, {"src/api/a.py": "mine\n"})
    land(fleets, git, {"src/api/a.py": "theirs\n"})
    assert behind(claim(fleet, "src")) == {"src": ("src/api/a.py",)}
    git.commit(top, {"src/api/a.py": "theirs\n"})  # picked, not merged
    assert claim(fleet, "src").behind == ()


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "begin", [("merge", "--squash"), ("merge", "--no-commit", "--no-ff"), ("checkout", "HEAD", "--", "src")]
)
def test_claim_of_what_is_staged_as_the_trunk_has_it_is_not_behind(
    fleet: Fleet, fleets: Fleets, git: Git, begin: tuple[str, ...]
) -> None:
    land(fleets, git, {"src/api/a.py": "newer\n"})
    assert behind(claim(fleet, "src")) == {"src": ("src/api/a.py",)}
    top = fleets.clone("ada")
    git(top, "fetch", "-q", "origin", "main")
    git(
        top,
        *[word.replace("HEAD", "FETCH_HEAD") for word in begin],
        *([] if "--" in begin else ["FETCH_HEAD"]),
    )
    assert claim(fleet, "src", "src/api/*.py").behind == ()
    git(top, "reset", "-q", "--hard")
    assert behind(claim(fleet, "src")) == {"src": ("src/api/a.py",)}


def test_claim_of_what_conflicts_in_an_open_merge_with_the_trunk_is_not_behind(
    fleet: Fleet, fleets: Fleets, git: Git
) -> None:
    top = fleets.clone("ada")
    git.commit(top, {"src/api/a.py": "mine\n"})
    land(fleets, git, {"src/api/a.py": "theirs\n"})
    git(top, "fetch", "-q", "origin", "main")
    git.ask(top, "merge", "FETCH_HEAD").ended(1)
    assert claim(fleet, "src").behind == ()


def test_claim_that_is_renewed_says_that_its_path_is_behind_since(
    fleet: Fleet, fleets: Fleets, git: Git
) -> None:
    fleet.claims.claim(ADA_1, ["docs/", "src/", "[ab].py"])
    land(fleets, git, {"src/api/a.py": "newer\n"})
    again = fleet.claims.claim(ADA_1, ["src/", "[ab].py"])
    found = remarks.of_grant(fleet, again.granted, again.already_held)
    assert behind(found) == {"src/": ("src/api/a.py",)}
    assert (found.absent, found.by_name) == ((), ())


@pytest.mark.parametrize("fetched", [False, True])
def test_claim_of_what_the_last_holder_has_pushed_and_not_landed_says_so(
    fleet: Fleet, fleets: Fleets, git: Git, fetched: bool
) -> None:
    bob, top = fleets.clone("bob"), fleets.clone("ada")
    git(bob, "switch", "-q", "-c", "feat")
    with fleets.open("bob") as there:
        there.ledger.submit(
            [raw("session.start", there.ledger.node.id, "bob-1", {"worktree": str(bob), "resume": True})]
        )
        there.claims.claim(BOB_1, ["src/api/", "README.md"])
        land(fleets, git, {"src/api/a.py": "feat\n"}, "feat")
        git(bob, "fetch", "-q", "origin")
        assert branches.retain_pushed(there, "bob-1") == ["feat"]
        there.claims.release(BOB_1, None)
    if fetched:
        git(top, "fetch", "-q", "origin")
    assert behind(claim(fleet, "README.md")) == {}
    found = claim(fleet, "src/api/a.py")
    assert behind(found) == {"src/api/a.py": ("src/api/a.py",) if fetched else ()}
    assert (found.behind[0].branch, found.behind[0].session) == ("feat", "bob-1")
    assert "'feat', where session bob-1 pushed it, has a newer version" in found.words("origin")[0]
    git(top, "pull", "-q", "--no-rebase", "origin", "feat")
    with fleets.open("ada") as again:
        granted = again.claims.claim(SessionId("ada-2"), ["src"]).granted
        assert remarks.of_grant(again, granted).behind == ()


def test_claim_asks_the_hub_no_more_often_for_knowing_the_trunk(
    fleet: Fleet, fleets: Fleets, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(fleets, git, {"src/api/a.py": "newer\n"})
    asked = fleets.root / "asked"
    service = fleets.root / "upload-pack"
    service.write_text(f'#!/bin/sh\necho x >>{asked}\nexec git-upload-pack "$@"\n')
    service.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git(fleets.root, '--exec-path')}:{os.environ['PATH']}")
    git(fleets.clone("ada"), "config", "remote.origin.uploadpack", str(service))
    granted = fleet.claims.claim(ADA_1, ["src"]).granted
    before = asked.read_text()
    assert behind(remarks.of_grant(fleet, granted)) == {"src": ("src/api/a.py",)}
    assert asked.read_text() == before
    assert len(before.split()) <= 2, "one to fetch, one to read back"


def test_claim_in_a_worktree_that_is_behind_the_trunk_of_the_clone_itself_says_so(
    fleets: Fleets, git: Git
) -> None:
    top, linked = fleets.clone("alone"), fleets.root / "linked"
    git(top, "worktree", "add", "-q", "-b", "side", str(linked))
    git.commit(top, {"src/api/a.py": "newer\n"})
    with Fleet.open(str(linked)) as fleet:
        granted = fleet.claims.claim(SessionId("alone-1"), ["src/api"]).granted
        found = remarks.of_grant(fleet, granted)
    assert behind(found) == {"src/api": ("src/api/a.py",)}
    assert "`git merge main`" in found.words(None)[0]


def test_claim_before_the_first_commit_or_without_a_trunk_says_nothing_of_versions(
    fleet: Fleet, fleets: Fleets, git: Git
) -> None:
    top: Path = fleets.clone("ada")
    git(top, "switch", "-q", "--orphan", "empty")
    assert claim(fleet, "src").behind == ()


def test_claim_with_brackets_says_that_it_is_read_both_ways(fleet: Fleet) -> None:
    found = claim(fleet, "app/[id]/page.tsx", r"app/\[id]/x.tsx", "src/*.py", "[ab]*.md", "[a]/*")
    assert found.by_name == ("app/[id]/page.tsx", "[a]/*")
    words = " ".join(found.words("origin"))
    assert r"'app/\[id]/page.tsx' is the name alone" in words
    assert r"'\[a]/*'" in words


def test_names_in_remarks_are_safe_to_show(fleet: Fleet) -> None:
    found = claim(fleet, "a\u202eb")
    assert all(words.isprintable() for words in found.words("origin"))
    assert grants.remarks(found)["absent"] == ["a\u202eb"]
