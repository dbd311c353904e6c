"""`git commit --amend` with a message given anew: the commit goes on naming its claims, and a new commit only its own."""

from __future__ import annotations

import pytest

from gitfleet.base import clock
from tests.gatebench import Gated, refused
from tests.workbench import UNSEEN, Overlay, Ran

PATH = "src/api/a.py"
EARLIER: Overlay = {"GIT_AUTHOR_DATE": "@1700000000 +0230", "GIT_COMMITTER_DATE": "@1700000000 +0230"}


def first(clone: Gated, path: str = PATH, env: Overlay = EARLIER) -> str:
    """A commit of a claimed path, made a while ago; the claim as it names it."""
    claim = clone.claim(path)
    clone.write(path)
    clone.commit("-m", "first", env=env).ok()
    return claim


def ahead() -> Overlay:
    """A moment that has not passed, and is the present one for whoever asks whether it has."""
    return dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"@{clock.now() + 1000} +0000")


def amend(clone: Gated, *args: str, env: Overlay | None = None) -> Ran:
    return clone.commit("--amend", *(args or ("-m", "other words")), env=env)


def claims(clone: Gated) -> set[str]:
    return {line.partition(": ")[2] for line in clone.trailers() if line.startswith("Fleet-Claim")}


@pytest.mark.parametrize(
    "args", [["-m", "x"], ["--message=x", "--no-verify"], ["-F", "README.md"], ["-C", "HEAD"]]
)
def test_amended_commit_names_the_claims_of_all_that_it_changes(alone: Gated, args: list[str]) -> None:
    claim = first(alone)
    unused = alone.claim("docs/")
    amend(alone, *args).ok()
    assert claims(alone) == {claim}
    assert unused not in alone.message()
    assert alone.out("rev-list", "--count", "HEAD") == "2"


def test_amended_commit_with_more_changes_names_their_claims_too(alone: Gated) -> None:
    claim, more = first(alone), alone.claim("README.md")
    alone.write("README.md")
    amend(alone).ok()
    assert claims(alone) == {claim, more}
    alone.write("docs/readme.md")
    refused(amend(alone), "docs/readme.md")


def test_amended_commit_of_this_very_second_with_more_changes_names_the_claims_of_all(alone: Gated) -> None:
    claim, more = first(alone, env=ahead()), alone.claim("README.md")
    alone.write("README.md")
    amend(alone).ok()
    assert claims(alone) == {claim, more}


def test_new_commit_of_the_same_second_names_only_its_own_claims(alone: Gated) -> None:
    env = ahead()
    first(alone, env=env)
    more = alone.claim("README.md")
    alone.write("README.md")
    alone.commit("-m", "second", env=env).ok()
    assert claims(alone) == {more}


def test_amended_commit_goes_on_naming_a_claim_that_is_over_unless_others_came(alone: Gated) -> None:
    claim = first(alone)
    alone.release()
    amend(alone).ok()
    assert claims(alone) == {claim}
    alone.claim(PATH, session=alone.other)
    amend(alone, "-m", "and again").ok()
    assert claims(alone) == set()


def test_amended_commit_of_another_session_names_no_claims_of_that(alone: Gated) -> None:
    first(alone)
    alone.release()
    alone.git("commit", "--quiet", "--amend", "-m", "x", env=alone.as_session(alone.other)).ok()
    assert alone.trailers() == [f"Fleet-Session: {alone.other}"]


def test_amended_commit_that_no_gate_had_seen_names_its_claims(alone: Gated) -> None:
    alone.write(PATH)
    alone.git(*UNSEEN, "commit", "--quiet", "-m", "raw", env=EARLIER).ok()
    claim = alone.claim(PATH)
    amend(alone, "--no-edit").ok()
    assert claims(alone) == {claim}


def test_amended_merge_and_root_commit_name_what_they_change(alone: Gated) -> None:
    claim = alone.claim(PATH)
    alone.out("checkout", "--quiet", "--orphan", "fresh")
    alone.out("rm", "--quiet", "--cached", "-r", ".")
    alone.write(PATH)
    alone.git(*UNSEEN, "commit", "--quiet", "-m", "root", env=EARLIER).ok()
    amend(alone).ok()
    assert claims(alone) == {claim}
    alone.out("checkout", "--quiet", "--force", "main")
    alone.git(
        *UNSEEN, "merge", "--quiet", "--no-commit", "--allow-unrelated-histories", "-X", "ours", "fresh"
    ).ok()
    alone.git(*UNSEEN, "commit", "--quiet", "-m", "merged", env=EARLIER).ok()
    amend(alone).ok()
    assert claims(alone) == set()


def test_new_commit_names_its_own_claims_only_also_within_the_same_second(alone: Gated) -> None:
    first(alone, env={})
    more = alone.claim("README.md")
    alone.write("README.md")
    alone.commit().ok()
    assert claims(alone) == {more}


def test_new_commit_by_the_same_author_at_another_time_names_its_own_claims_only(alone: Gated) -> None:
    first(alone)
    more = alone.claim("README.md")
    alone.write("README.md")
    alone.commit(env={"GIT_AUTHOR_DATE": "@1700000001 +0230"}).ok()
    assert claims(alone) == {more}


def test_new_commit_by_another_author_at_the_same_time_names_its_own_claims_only(alone: Gated) -> None:
    first(alone)
    more = alone.claim("README.md")
    alone.write("README.md")
    alone.commit(env={**EARLIER, "GIT_AUTHOR_NAME": "Sömeone Else"}).ok()
    assert claims(alone) == {more}


def test_picks_of_one_moment_name_their_own_claims_only(alone: Gated) -> None:
    one, two = alone.claim(PATH), alone.claim("README.md")
    alone.out("checkout", "--quiet", "-b", "side")
    for path in (PATH, "README.md"):
        alone.write(path)
        alone.git(*UNSEEN, "commit", "--quiet", "-m", "raw", env=EARLIER).ok()
    alone.out("checkout", "--quiet", "main")
    alone.out(*UNSEEN, "commit", "--quiet", "--allow-empty", "-m", "parted")
    alone.out("cherry-pick", "side~1", "side")
    assert claims(alone) == {two}
    assert f"Fleet-Claim: {one}" in alone.trailers("HEAD~1")
