"""What real git may push from a clone of a fleet."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitfleet.githooks.fast_push import updates
from gitfleet.githooks.install import install
from tests.fleetbench import join
from tests.gatebench import GATE, Copies, Gated, hook, refused
from tests.workbench import UNSEEN, Git


def behind_the_gate(clone: Gated, path: str, *, message: str = "raw") -> str:
    """A commit on main that no hook has seen, as `update-ref` or `git am` make it."""
    blob = clone.out("hash-object", "-w", "--stdin", stdin=f"{path}\n")
    index = {"GIT_INDEX_FILE": str(clone.fleets.root / "index")}
    clone.git("read-tree", "HEAD", env=index).ok()
    clone.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index).ok()
    tree = clone.git("write-tree", env=index).ok().stdout.strip()
    made = clone.out("commit-tree", tree, "-p", "HEAD", "-m", message)
    clone.out("update-ref", "refs/heads/main", made)
    clone.out("reset", "--quiet", "--hard")
    return made


def push(clone: Gated, *args: str) -> None:
    clone.git("push", "--quiet", *(args or ("origin", "main"))).ok()


def join_with_hooks(clone: Path) -> None:
    """Make a clone a node of the fleet at its origin, with hooks and the session `s-1`."""
    join(clone, ["s-1"])
    install(str(clone / ".git"), str(clone), interpreter=sys.executable, gate=str(GATE))


def on_hub(clone: Gated, ref: str = "refs/heads/main") -> str:
    return clone.out("ls-remote", "origin", ref).split("\t")[0]


def test_push_of_commits_made_under_claims_passes_also_when_they_were_released(ada: Gated) -> None:
    ada.claim("src/")
    ada.write("src/api/a.py")
    ada.commit().ok()
    ada.release()
    push(ada)
    assert on_hub(ada) == ada.out("rev-parse", "HEAD")


def test_push_of_a_commit_that_nobody_claimed_is_refused(ada: Gated) -> None:
    before = on_hub(ada)
    behind_the_gate(ada, "src/raw.py")
    refused(ada.git("push", "origin", "main"), "src/raw.py", "has not claimed")
    refused(ada.git("push", "origin", "HEAD:refs/heads/elsewhere"), "src/raw.py")
    assert on_hub(ada) == before
    ada.claim("src/raw.py")
    push(ada)


def test_push_of_a_commit_below_one_that_names_claims_is_judged_too(ada: Gated) -> None:
    behind_the_gate(ada, "src/raw.py")
    ada.claim("README.md")
    ada.write("README.md")
    ada.commit().ok()
    refused(ada.git("push", "origin", "main"), "src/raw.py")


def test_push_of_a_root_commit_is_judged_whole_whatever_git_shows(ada: Gated) -> None:
    ada.out("config", "log.showRoot", "false")
    tree = ada.out("rev-parse", "HEAD^{tree}")
    made = ada.out("commit-tree", tree, "-m", "another root")
    refused(ada.git("push", "origin", f"{made}:refs/heads/island"), "README.md")


def test_push_of_what_another_session_holds_by_now_is_refused(ada: Gated) -> None:
    ada.claim("src/")
    ada.write("src/api/a.py")
    ada.commit().ok()
    ada.release()
    ada.claim("src/", session=ada.other)
    refused(ada.git("push", "origin", "main"), "src/api/a.py", ada.other)


def test_push_by_somebody_else_of_a_session_that_still_holds_its_paths_passes(ada: Gated) -> None:
    ada.claim("src/", session=ada.other)
    ada.write("src/api/a.py")
    ada.git("commit", "-qm", "theirs", env=ada.as_session(ada.other)).ok()
    push(ada)


def test_push_with_several_sessions_in_the_worktree_needs_none_for_commits_that_name_theirs(
    ada: Gated,
) -> None:
    ada.claim("src/")
    ada.write("src/api/a.py")
    ada.commit().ok()
    ada.git("push", "origin", "main", env=ada.as_session(None)).ok()


@pytest.mark.parametrize(
    "args",
    [
        ("origin", "+HEAD:refs/fleet/coord"),
        ("origin", ":refs/fleet/coord"),
        ("--delete", "origin", "refs/fleet/coord"),
        ("origin", "HEAD:refs/fleet/anything"),
        ("--mirror",),
        ("--mirror", "origin"),
        ("origin", "+refs/*:refs/*"),
    ],
    ids=" ".join,
)
def test_push_over_the_records_of_the_fleet_is_refused(ada: Gated, args: tuple[str, ...]) -> None:
    before = on_hub(ada, "refs/fleet/coord")
    if args[0] == "--mirror":
        ada.out("config", "--unset", "remote.origin.fetch")
    refused(ada.git("push", *args), "the fleet's own record", "Nothing was pushed")
    ada.policy(commits="off")
    refused(ada.git("push", *args), "the fleet's own record")
    assert on_hub(ada, "refs/fleet/coord") == before


def test_push_of_a_tag_and_deletion_of_a_branch_are_nobodys_business(ada: Gated) -> None:
    behind_the_gate(ada, "src/raw.py")
    ada.out("tag", "-a", "-m", "tag", "v1")
    push(ada, "origin", "v1")
    ada.out("push", "--quiet", "origin", "origin/main:refs/heads/old")
    push(ada, "origin", ":refs/heads/old")


def test_push_to_a_branch_with_a_blank_of_unicode_in_its_name_is_judged(ada: Gated) -> None:
    behind_the_gate(ada, "src/raw.py")
    refused(ada.git("push", "origin", "HEAD:refs/heads/a\u00a0b\u2028c"), "src/raw.py")
    refused(ada.git("push", "origin", ":/raw:refs/heads/x"), "src/raw.py")
    refused(ada.git("push", "origin", os.fsdecode(b"HEAD:refs/heads/caf\xe9")), "src/raw.py")


def test_push_lines_are_read_as_git_writes_them() -> None:
    lines = b"HEAD@{1 day ago} 11 refs/heads/m\xe9 00\n(delete) 00 refs/heads/x\xc2\xa0y 11\n"
    assert updates(lines) == [
        (os.fsdecode(b"refs/heads/m\xe9"), "11"),
        ("refs/heads/x\u00a0y", "00"),
    ]
    assert updates(b"") == []


def test_push_of_paths_and_messages_that_look_like_separators_is_judged(ada: Gated) -> None:
    behind_the_gate(ada, "src/\x01a\x02b\n.py", message="x\n\nFleet-Claimed: \x01\x02\n")
    refused(ada.git("push", "origin", "main"), "src/\\x01a\\x02b\\x0a.py")


def test_push_of_history_from_before_the_fleet_to_an_empty_hub_passes(git: Git, tmp_path: Path) -> None:
    fresh, empty = tmp_path / "fresh", tmp_path / "empty.git"
    git(tmp_path, "init", "--quiet", "--bare", empty)
    git(tmp_path, "init", "--quiet", fresh)
    git.commit(fresh, {"old.py": "1\n"})
    git(fresh, "remote", "add", "origin", empty)
    join_with_hooks(fresh)
    git(fresh, "push", "--quiet", "origin", "main")
    git(
        fresh, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", "x", env={"GITFLEET_SESSION": "s-1"}
    )
    git(fresh, *UNSEEN, "commit", "--quiet", "--allow-empty", "-m", "unseen")
    git(fresh, *UNSEEN, "rm", "--quiet", "old.py")
    git(fresh, *UNSEEN, "commit", "--quiet", "-m", "unseen")
    refused(git.ask(fresh, "push", "origin", "main"), "old.py")


def test_push_that_is_only_warned_about_passes(ada: Gated) -> None:
    ada.policy(commits="warn")
    behind_the_gate(ada, "src/raw.py")
    ran = ada.git("push", "origin", "main").ok()
    assert "warning: not claimed: " in ran.stderr


def test_push_hook_without_updates_does_nothing(ada: Gated) -> None:
    hook(ada.path, "pre-push", "origin", "url", env={"GITFLEET_SESSION": "../x"}).ok()


def test_push_of_a_clone_that_is_its_own_hub_runs_free(copies: Copies, git: Git, tmp_path: Path) -> None:
    alone = copies.clone("alone")
    git(tmp_path, "init", "--quiet", "--bare", "backup.git")
    behind_the_gate(alone, "src/raw.py")
    push(alone, str(tmp_path / "backup.git"), "main")
    refused(alone.git("push", str(tmp_path / "backup.git"), "refs/fleet/coord"), "own record")


def signed(clone: Gated, path: str, *cited: str, session: str = "ada-1") -> str:
    """A commit that no hook has seen and that names a session and claims."""
    lines = "".join(f"Fleet-Claim: {claim}\n" for claim in cited)
    return behind_the_gate(clone, path, message=f"raw\n\nFleet-Session: {session}\n{lines}")


def test_push_of_a_commit_with_made_up_claims_is_refused(ada: Gated) -> None:
    real = ada.claim("docs/")
    ada.release()
    signed(ada, "src/raw.py", "01ARZ3NDEKTSV4RRFFQ69G5FAV@3", real)
    refused(ada.git("push", "origin", "main"), "src/raw.py", "has not claimed")
    signed(ada, "docs/raw.md", real, session="bob-1")
    refused(ada.git("push", "origin", "main"), "docs/raw.md")
    signed(ada, "docs/raw.md", real)
    refused(ada.git("push", "origin", "main"), "docs/raw.md", "src/raw.py")


def test_push_of_a_commit_that_names_real_claims_passes_whatever_made_it(ada: Gated) -> None:
    real = ada.claim("src/")
    ada.release()
    signed(ada, "src/raw.py", real)
    push(ada)


@pytest.mark.always
def test_push_is_refused_as_stale_when_another_has_been_granted_the_path_since(
    ada: Gated, bob: Gated
) -> None:
    ada.claim("src/")
    ada.write("src/api/a.py")
    ada.commit().ok()
    ada.release()
    bob.claim("src/api/")
    bob.release()
    with ada.open() as fleet:
        fleet.ledger.sync()
    refused(
        ada.git("push", "origin", "main"), "src/api/a.py: stale", "session bob-1 has been granted src/api/"
    )
    ada.policy(commits="warn")
    assert "warning: granted to others since" in ada.git("push", "origin", "main").ok().stderr


def test_push_of_a_stale_commit_passes_once_it_was_made_anew_under_a_new_claim(ada: Gated) -> None:
    ada.claim("src/")
    ada.write("src/api/a.py")
    ada.commit().ok()
    ada.release()
    ada.claim("src/", session=ada.other)
    ada.release(session=ada.other)
    refused(ada.git("push", "origin", "main"), "stale")
    ada.claim("src/")
    refused(ada.git("push", "origin", "main"), "stale")
    ada.commit("--amend", "--no-edit").ok()
    push(ada)
