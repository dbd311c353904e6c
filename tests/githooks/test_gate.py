"""What real git may commit in a clone of a fleet: every kind of change, on every way that leads to a commit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.base.ids import ulid
from gitfleet.claims import model
from gitfleet.sessions import session_records
from tests.gatebench import Gated, hook, refused
from tests.operations import ask, raw

Change = Callable[[Gated], None]
HOOKS = ("pre-commit", "prepare-commit-msg")


def edit(clone: Gated) -> None:
    clone.write("src/api/a.py")


def add(clone: Gated) -> None:
    clone.write("src/new/file.py")


def delete(clone: Gated) -> None:
    clone.out("rm", "--quiet", "src/api/a.py")


def mode(clone: Gated) -> None:
    clone.out("update-index", "--chmod=+x", "src/api/a.py")


def link(clone: Gated) -> None:
    (clone.path / "src/api/a.py").unlink()
    (clone.path / "src/api/a.py").symlink_to("b.py")
    clone.out("add", "src/api/a.py")


def to_folder(clone: Gated) -> None:
    delete(clone)
    clone.write("src/api/a.py/inner.py")


def rename(clone: Gated) -> None:
    clone.out("mv", "src/api/a.py", "src/api/moved.py")


def submodule(clone: Gated) -> None:
    head = clone.out("rev-parse", "HEAD")
    clone.out("update-index", "--add", "--cacheinfo", f"160000,{head},vendor/lib")


def blank(clone: Gated) -> None:
    clone.write('docs/two words/it\'s "quoted" $HOME.md')


def newline(clone: Gated) -> None:
    clone.write("docs/new\nline.md")


def not_utf8(clone: Gated) -> None:
    clone.write(os.fsdecode(b"docs/caf\xe9.md"))


def decomposed(clone: Gated) -> None:
    clone.write("docs/cafe\u0301.md")


def wildcards(clone: Gated) -> None:
    clone.write("docs/a[1]*.md")


CHANGES: dict[str, tuple[Change, list[str]]] = {
    "edit": (edit, ["src/api/a.py"]),
    "new": (add, ["src/new/file.py"]),
    "deletion": (delete, ["src/api/a.py"]),
    "mode": (mode, ["src/api/a.py"]),
    "symlink": (link, ["src/api/a.py"]),
    "file-to-folder": (to_folder, ["src/api/a.py/"]),
    "rename": (rename, ["src/api/a.py", "src/api/moved.py"]),
    "submodule": (submodule, ["vendor/lib"]),
    "blanks-and-quotes": (blank, ["docs/two words/"]),
    "newline": (newline, ["docs/"]),
    "not-utf8": (not_utf8, [os.fsdecode(b"docs/caf\xe9.md")]),
    "decomposed": (decomposed, ["docs/caf\u00e9.md"]),
    "wildcards": (wildcards, ["docs/a[[]1]\\*.md"]),
}


def head(clone: Gated) -> str:
    return clone.out("rev-parse", "HEAD")


def trailers(clone: Gated, *claims: str) -> list[str]:
    return [f"Fleet-Session: {clone.session}", *(f"Fleet-Claim: {claim}" for claim in sorted(claims))]


def in_the_past(clone: Gated, seconds: int, *paths: str, ttl: int = 2700) -> None:
    """Claim paths as a session that has done nothing since so many seconds."""
    with clone.open() as fleet:
        rows = [{"pattern": path, "claim": ulid(), "mode": "exclusive"} for path in paths]
        body = {"paths": rows, "ttl": ttl}
        at = clock.now() - seconds
        operation = raw("claim.acquire", fleet.ledger.node.id, clone.session, body, at=at)
        assert fleet.ledger.submit([operation])[0].error is None


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.always
def test_commit_of_a_change_needs_a_claim_on_each_of_its_paths(alone: Gated, kind: str) -> None:
    change, claims = CHANGES[kind]
    before = head(alone)
    change(alone)
    refused(alone.commit(), alone.session, "has not claimed", "gitfleet claim")
    assert head(alone) == before
    for number, path in enumerate(claims):
        alone.claim(path)
        if number + 1 < len(claims):
            refused(alone.commit(), "has not claimed")
    alone.commit().ok()
    assert head(alone) != before
    assert len(alone.trailers()) == 1 + len(claims)


@pytest.mark.sample(4)
@pytest.mark.parametrize("kind", CHANGES)
def test_commit_of_a_change_that_another_session_claims_is_refused_with_its_name(
    alone: Gated, kind: str
) -> None:
    change, claims = CHANGES[kind]
    alone.claim(*claims, session=alone.other)
    change(alone)
    refused(alone.commit(), "other sessions hold", alone.other, "left")
    alone.git("commit", "-qm", "try", env=alone.as_session(alone.other)).ok()


def test_commit_of_claimed_paths_names_session_and_claims(alone: Gated) -> None:
    file, folder, unused = alone.claim("README.md"), alone.claim("src/"), alone.claim("docs/")
    alone.write("README.md")
    alone.write("src/api/a.py")
    alone.write("src/api/b.py")
    alone.commit().ok()
    assert alone.trailers() == trailers(alone, file, folder)
    assert unused not in alone.message()


def test_commit_without_a_change_names_the_session(alone: Gated) -> None:
    alone.commit("--allow-empty", "-m", "nothing").ok()
    assert alone.trailers() == trailers(alone)


def test_commit_names_differing_in_case_alone_are_one_path(alone: Gated) -> None:
    claim = alone.claim("readme.md")
    alone.write("README.md")
    alone.commit().ok()
    assert alone.trailers() == trailers(alone, claim)


@pytest.mark.parametrize(
    ("claimed", "made"),
    [
        ("newdir", "newdir/one.py"),
        ("newdir", "newdir/deep/er/one.py"),
        ("newdir/", "newdir"),
        ("NewDir", "newdir/one.py"),
        ("app/[id]/page.tsx", "app/[id]/page.tsx"),
        ("app/[id]", "app/[id]/page.tsx"),
        ("app/(group)/[[...slug]]/*.tsx", "app/(group)/[[...slug]]/page.tsx"),
        (r"app/\[id]/", "app/[id]/page.tsx"),
    ],
)
def test_commit_of_what_was_claimed_before_it_was_there_is_its_holders(
    alone: Gated, claimed: str, made: str
) -> None:
    claim = alone.claim(claimed, session=alone.other)
    alone.write(made)
    refused(alone.commit(), "other sessions hold", alone.other)
    alone.git("commit", "-qm", "try", env=alone.as_session(alone.other)).ok()
    assert f"Fleet-Claim: {claim}" in alone.message()


def test_commit_all_judges_what_is_not_staged_yet(alone: Gated) -> None:
    (alone.path / "src/api/a.py").write_text("changed\n")
    refused(alone.commit("-a", "-m", "all"), "src/api/a.py")
    alone.claim("src/api/a.py")
    alone.commit("-a", "-m", "all").ok()


def test_commit_of_named_paths_judges_these_alone(alone: Gated) -> None:
    alone.claim("README.md")
    alone.write("src/api/a.py")
    (alone.path / "README.md").write_text("changed\n")
    alone.commit("-m", "one", "README.md").ok()
    assert alone.paths() == ["README.md"]
    ran = refused(alone.commit("-m", "other", "src/api/a.py"), "src/api/a.py")
    assert "README.md" not in ran.stderr


def test_commit_on_an_unborn_branch_is_judged_whole(alone: Gated) -> None:
    alone.out("checkout", "--quiet", "--orphan", "fresh")
    ran = refused(alone.commit(), "README.md")
    assert "src/api/b.py" in ran.stderr
    alone.claim("README.md", "docs/", "src/")
    alone.commit().ok()
    assert len(alone.trailers()) == 4


def test_commit_in_a_linked_worktree_is_judged_by_the_claims_of_all(alone: Gated, tmp_path: Path) -> None:
    linked = tmp_path / "linked tree"
    alone.out("worktree", "add", "--quiet", "-b", "linked", linked)
    (linked / "src/api/a.py").write_text("changed\n")
    refused(alone.commit("-am", "linked", at=linked), "src/api/a.py")
    alone.claim("src/api/a.py", session=alone.other)
    refused(alone.commit("-am", "linked", at=linked), alone.other)
    alone.release(session=alone.other)
    claim = alone.claim("src/api/a.py")
    alone.commit("-am", "linked", at=linked).ok()
    assert f"Fleet-Claim: {claim}" in alone.out("log", "-1", "--format=%B", at=linked)


def test_commit_from_a_subfolder_is_judged_by_paths_from_the_root(alone: Gated) -> None:
    (alone.path / "src/api/a.py").write_text("changed\n")
    inside = alone.path / "src/api"
    refused(alone.commit("-m", "sub", "a.py", at=inside), "src/api/a.py")
    alone.claim("src/api/a.py")
    alone.commit("-m", "sub", "a.py", at=inside).ok()


def test_commit_without_verification_is_stopped_all_the_same(alone: Gated) -> None:
    before = head(alone)
    edit(alone)
    refused(alone.commit("--no-verify", "-m", "sneak"), "src/api/a.py")
    assert head(alone) == before
    claim = alone.claim("src/api/a.py")
    alone.commit("--no-verify", "-m", "claimed").ok()
    assert alone.trailers() == trailers(alone, claim)


def test_amending_judges_what_is_added_and_keeps_trailers_once(alone: Gated) -> None:
    claim = alone.claim("src/api/a.py")
    edit(alone)
    alone.commit().ok()
    alone.commit("--amend", "--no-edit").ok()
    assert alone.trailers() == trailers(alone, claim)
    alone.write("src/api/b.py")
    refused(alone.commit("--amend", "--no-edit"), "src/api/b.py")
    more = alone.claim("src/api/b.py")
    alone.commit("--amend", "--no-edit").ok()
    assert sorted(alone.trailers()) == sorted(trailers(alone, claim, more))


def branches(clone: Gated, *, clash: bool) -> None:
    """`theirs` has a commit of the other session on `src/api/`, `main` one of ours on README.md (and, with `clash`, a.py)."""
    clone.claim("src/api/", session=clone.other)
    clone.out("checkout", "--quiet", "-b", "theirs")
    clone.write("src/api/a.py", "theirs\n")
    clone.git("commit", "-qm", "theirs", env=clone.as_session(clone.other)).ok()
    clone.out("checkout", "--quiet", "main")
    clone.claim("README.md")
    clone.write("README.md", "ours\n")
    if clash:
        clone.release(session=clone.other)
        clone.claim("src/api/a.py")
        clone.write("src/api/a.py", "ours\n")
    clone.commit("-m", "ours").ok()


def test_merge_of_paths_that_others_hold_carries_them_over(alone: Gated) -> None:
    branches(alone, clash=False)
    alone.git("merge", "--no-edit", "--quiet", "theirs").ok()
    assert alone.out("rev-list", "--count", "--merges", "HEAD") == "1"
    assert alone.trailers() == trailers(alone)


def test_merge_conflict_resolved_in_a_path_of_another_is_refused(alone: Gated) -> None:
    branches(alone, clash=True)
    alone.release()
    alone.claim("src/api/", session=alone.other)
    assert alone.git("merge", "theirs").returncode == 1
    alone.write("src/api/a.py", "both\n")
    refused(alone.commit("-m", "merged"), "src/api/a.py", alone.other)
    alone.out("checkout", "--quiet", "theirs", "--", "src/api/a.py")
    alone.commit("-m", "merged").ok()  # exactly theirs: carried over, nobody's edit


def test_merge_conflict_resolved_in_an_own_path_names_its_claim(alone: Gated) -> None:
    branches(alone, clash=True)
    assert alone.git("merge", "theirs").returncode == 1
    alone.write("src/api/a.py", "both\n")
    alone.commit("-m", "merged").ok()
    assert len(alone.trailers()) == 2


def test_merge_that_brings_an_edit_of_nobody_is_refused(alone: Gated) -> None:
    branches(alone, clash=False)
    alone.out("merge", "--no-commit", "--no-ff", "theirs")
    alone.write("docs/readme.md", "smuggled\n")
    refused(alone.commit("-m", "merged"), "docs/readme.md")


@pytest.mark.parametrize("how", [("cherry-pick", "theirs"), ("revert", "--no-edit", "theirs")])
def test_commit_made_by_git_itself_is_judged(alone: Gated, how: tuple[str, ...]) -> None:
    branches(alone, clash=False)
    if how[0] == "revert":
        alone.git("merge", "--no-edit", "--quiet", "theirs").ok()
    before = head(alone)
    refused(alone.git(*how), "src/api/a.py", alone.other)
    assert head(alone) == before
    alone.git(how[0], "--abort")
    alone.out("reset", "--quiet", "--hard")
    alone.release(session=alone.other)
    claim = alone.claim("src/api/a.py")
    alone.git(*how).ok()
    assert f"Fleet-Claim: {claim}" in alone.trailers()
    assert f"Fleet-Session: {alone.session}" in alone.trailers()


def test_rebase_of_paths_that_others_hold_is_refused(alone: Gated) -> None:
    branches(alone, clash=False)
    alone.out("checkout", "--quiet", "theirs")
    refused(alone.git("rebase", "--quiet", "main"), "src/api/a.py")
    alone.git("rebase", "--abort")
    done = alone.git("rebase", "--quiet", "main", env=alone.as_session(alone.other))
    done.ok()
    assert alone.trailers()[0] == f"Fleet-Session: {alone.other}"
    assert len(alone.trailers()) == 2


def test_squash_merge_needs_claims_on_all_that_it_brings(alone: Gated) -> None:
    branches(alone, clash=False)
    alone.out("merge", "--squash", "theirs")
    refused(alone.commit("-m", "squashed"), "src/api/a.py", alone.other)
    alone.release(session=alone.other)
    alone.claim("src/api/a.py")
    alone.commit("-m", "squashed").ok()


def test_commit_in_a_clone_that_left_the_fleet_runs_free(alone: Gated) -> None:
    (alone.fleets.state("alone") / "node.json").unlink()
    edit(alone)
    alone.commit().ok()
    assert alone.trailers() == []


def test_hook_without_a_fleet_starts_no_python(alone: Gated, tmp_path: Path) -> None:
    (alone.fleets.state("alone") / "node.json").unlink()
    (alone.fleets.state("alone") / "launcher").unlink()
    for name in HOOKS:
        hook(alone.path, name).ok()


@pytest.mark.parametrize("named", ["../x", "-x", "a/b", "x" * 300, "a\x1b[31m", "x\ny"])
def test_commit_as_a_session_with_a_hostile_name_is_refused(alone: Gated, named: str) -> None:
    alone.claim("src/api/a.py")
    edit(alone)
    ran = refused(alone.git("commit", "-qm", "x", env={"GITFLEET_SESSION": named}), "not a session id")
    assert "\x1b" not in ran.stderr
    alone.out("config", "fleet.session", named)
    refused(alone.git("commit", "-qm", "x", env={"GITFLEET_SESSION": None}), "not a session id")


def test_commit_as_a_session_that_the_fleet_does_not_know_is_refused(alone: Gated) -> None:
    edit(alone)
    refused(alone.git("commit", "-qm", "x", env=alone.as_session("gone-1")), "no session 'gone-1'")


def test_commit_as_a_session_of_another_node_is_refused(ada: Gated, bob: Gated) -> None:
    with bob.open() as fleet:
        fleet.ledger.sync()
    with ada.open() as fleet:
        fleet.ledger.sync()
    bob.claim("src/")
    with ada.open() as fleet:
        fleet.ledger.sync()
    edit(ada)
    refused(ada.git("commit", "-qm", "x", env=ada.as_session(bob.session)), "is at work on node")


def test_commit_without_a_session_is_refused_with_what_to_do(alone: Gated) -> None:
    edit(alone)
    refused(
        alone.git("commit", "-qm", "x", env=alone.as_session(None)),
        "no session is at work in this worktree",
        "gitfleet session start",
    )


def test_commit_under_a_lease_that_is_over_takes_it_back_when_it_still_stands(alone: Gated) -> None:
    in_the_past(alone, 2600, "src/api/a.py")
    edit(alone)
    alone.commit().ok()
    assert len(alone.trailers()) == 2


def test_commit_under_a_lease_that_was_taken_over_is_refused_with_the_new_holder(alone: Gated) -> None:
    in_the_past(alone, 10_000, "src/api/a.py")
    with alone.open() as fleet:
        held = fleet.current().view
        (claim,) = [c for c in model.of_session(held, alone.session) if isinstance(c, model.Claim)]
        renewed = session_records.find(held, alone.session)
        assert renewed is not None
        rows = [{"pattern": "src/", "claim": ulid(), "mode": "exclusive"}]
        body = {"paths": rows, "ttl": 2700, "lapsed": {claim.id: renewed.renewed}}
        taken = ask(fleet.ledger, "claim.acquire", alone.other, body)["taken_over"]
    assert [item["id"] for item in taken] == [claim.id]
    edit(alone)
    refused(alone.commit(), alone.other, "other sessions hold")


def unreachable(clone: Gated) -> None:
    shutil.move(clone.fleets.hub, clone.fleets.root / "away.git")


def forget_when_the_hub_was_seen(clone: Gated) -> None:
    os.utime(clone.fleets.state(clone.name) / "seen", (1, 1))


def test_commit_offline_of_own_and_of_free_paths(ada: Gated) -> None:
    ada.claim("src/api/a.py")
    unreachable(ada)
    edit(ada)
    ada.commit().ok()
    ada.write("README.md")
    refused(ada.commit(), "README.md", "has not claimed")


def test_commit_on_knowledge_that_is_too_old_is_unverifiable_but_for_own_paths(ada: Gated) -> None:
    ada.claim("src/api/a.py")
    forget_when_the_hub_was_seen(ada)
    edit(ada)
    ada.commit().ok()
    ada.write("README.md")
    refused(ada.commit(), "too long ago", "README.md", "gitfleet sync")
    ada.policy(unverifiable="warn")
    ran = ada.commit("--allow-empty", "-m", "warned").ok()
    assert "too long ago" in ran.stderr


def test_commit_where_the_hub_was_never_seen_is_unverifiable(ada: Gated) -> None:
    (ada.fleets.state("ada") / "seen").unlink()
    edit(ada)
    refused(ada.commit(), "too long ago")


def test_commit_offline_under_a_lease_that_is_over_is_unverifiable_however_often_it_was_renewed_offline(
    ada: Gated,
) -> None:
    in_the_past(ada, 10_000, "src/api/a.py")
    unreachable(ada)
    edit(ada)
    refused(ada.commit(), "claims have expired", "src/api/a.py")
    ada.claim("docs/")  # tentative, and a renewal of everything, if the hub ever agrees
    refused(ada.commit(), "claims have expired", "src/api/a.py")


def test_commit_offline_of_a_tentative_claim_says_so_in_its_trailer(ada: Gated) -> None:
    unreachable(ada)
    claim = ada.claim("src/api/a.py")
    edit(ada)
    ada.commit().ok()
    assert ada.trailers() == [
        f"Fleet-Session: {ada.session}",
        f"Fleet-Claim: {claim.split('@')[0]}@tentative",
    ]


def test_commit_tells_the_session_what_it_lost(alone: Gated) -> None:
    with alone.open() as fleet:
        fleet.ledger.notices.leave(alone.session, "You lost \x1b[31msomething.", kind="lost")
    alone.claim("src/api/a.py")
    edit(alone)
    ran = alone.commit().ok()
    assert "You lost \\x1b[31msomething." in ran.stderr
    assert "\x1b" not in ran.stderr


def test_commit_shows_what_other_sessions_say_once(alone: Gated) -> None:
    claim = alone.claim("src/api/a.py")
    with alone.open() as fleet:
        fleet.claims.tell(alone.other, alone.session, "Mind \x1b[31mthe gap.")
    edit(alone)
    ran = alone.commit().ok()
    assert ran.stderr.count('alone-2 says: "Mind /x1b[31mthe gap."') == 1
    assert alone.trailers() == trailers(alone, claim)
    alone.write("src/api/a.py", "more\n")
    assert "Mind" not in alone.commit().ok().stderr
