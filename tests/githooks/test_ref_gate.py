"""What may become of branches where the rules switch on the gate behind all ways to make commits."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitfleet.base.ids import ulid
from gitfleet.githooks import fast_refs
from gitfleet.githooks.install import install
from gitfleet.githooks.ref_gate import _carries
from tests.gatebench import GATE, Gated, refused
from tests.githooks.hookbench import Bench, script, state_of
from tests.workbench import Git, Overlay, Ran

PATH = "src/api/a.py"
ON = {"reference_transaction": True}


def switch_on(clone: Gated, **values: object) -> Gated:
    """Have the gate put in by the rules, and only that one stop anything."""
    clone.policy(**ON, **values)
    install(str(clone.path / ".git"), str(clone.path), interpreter=sys.executable, gate=str(GATE))
    clone.keep_gates("reference-transaction", "commit-msg")
    return clone


@pytest.fixture
def clone(ada: Gated) -> Gated:
    return switch_on(ada)


def made(
    clone: Gated, path: str = PATH, *parents: str, message: str = "raw", env: Overlay | None = None
) -> str:
    """A commit that nothing leads to."""
    blob = clone.git("hash-object", "-w", "--stdin", stdin=f"{ulid()}\n", env=env).ok().stdout.strip()
    env = {**(env or {}), "GIT_INDEX_FILE": str(clone.fleets.root / "index")}
    base = parents or ("HEAD",)
    clone.git("read-tree", base[0], env=env).ok()
    clone.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=env).ok()
    tree = clone.git("write-tree", env=env).ok().stdout.strip()
    args = [word for parent in base for word in ("-p", parent)]
    return clone.git("commit-tree", tree, *args, "-m", message, env=env).ok().stdout.strip()


def move(clone: Gated, to: str, ref: str = "refs/heads/main", env: Overlay | None = None) -> Ran:
    return clone.git("update-ref", ref, to, env=env)


def test_move_to_a_commit_of_claimed_paths_passes_and_another_is_refused(clone: Gated) -> None:
    before, commit = clone.out("rev-parse", "HEAD"), made(clone)
    refused(move(clone, commit), PATH, "has not claimed", "gitfleet claim")
    refused(move(clone, commit, "refs/heads/fresh"), PATH)
    assert clone.out("rev-parse", "HEAD") == before
    clone.claim(PATH, session=clone.other)
    refused(move(clone, commit), PATH, clone.other)
    clone.release(session=clone.other)
    clone.claim(PATH)
    move(clone, commit).ok()


def test_move_to_a_commit_that_names_its_claim_passes_whoever_moves_it(clone: Gated) -> None:
    claim = clone.claim(PATH, session=clone.other)
    words = f"x\n\nFleet-Session: {clone.other}\nFleet-Claim: {claim}\n"
    move(clone, made(clone, message=words)).ok()
    clone.release(session=clone.other)
    move(clone, made(clone, message=words)).ok()  # it is over, and nobody has had the path since
    clone.claim(PATH, session=clone.other)
    clone.release(session=clone.other)


@pytest.mark.parametrize("claim", ["01ARZ3NDEKTSV4RRFFQ69G5FAV@3", "nonsense", "@", "x@tentative"])
def test_move_to_a_commit_that_names_a_claim_which_never_was_is_refused(clone: Gated, claim: str) -> None:
    words = f"x\n\nFleet-Session: {clone.session}\nFleet-Claim: {claim}\n"
    refused(move(clone, made(clone, message=words)), PATH)


def test_move_to_a_commit_of_a_claim_that_somebody_has_had_since_is_refused(clone: Gated) -> None:
    claim = clone.claim(PATH)
    clone.release()
    clone.claim(PATH, session=clone.other)
    words = f"x\n\nFleet-Session: {clone.session}\nFleet-Claim: {claim}\n"
    refused(move(clone, made(clone, message=words)), clone.other)


def test_move_judges_every_new_commit_not_only_the_last(clone: Gated) -> None:
    clone.claim("README.md")
    hidden = made(clone)
    refused(move(clone, made(clone, "README.md", hidden)), PATH)


def test_move_in_a_transaction_of_many_refs_is_all_or_nothing(clone: Gated) -> None:
    commit = made(clone)
    lines = f"create refs/heads/good HEAD\ncreate refs/tags/t {commit}\ncreate refs/heads/bad {commit}\n"
    refused(clone.git("update-ref", "--stdin", stdin=lines), PATH)
    assert clone.out("for-each-ref", "refs/heads/good", "refs/tags") == ""


def test_moves_that_bring_nothing_new_pass(clone: Gated, tmp_path: Path) -> None:
    clone.claim(PATH)
    clone.write(PATH)
    clone.commit().ok()
    clone.release()
    clone.claim("src/", session=clone.other)
    clone.out("branch", "old", "HEAD~1")
    clone.out("branch", "--force", "old", "HEAD")
    clone.out("branch", "--move", "old", "new")
    clone.out("branch", "--delete", "--force", "new")
    clone.out("worktree", "add", "--quiet", "-b", "linked", tmp_path / "linked")
    clone.out("reset", "--quiet", "--hard", "HEAD~1")
    clone.out("tag", "somewhere", made(clone))
    clone.out("update-ref", "refs/other/x", made(clone))
    clone.out("checkout", "--quiet", "--detach")
    clone.write(PATH, "newer\n")  # else it could be the very commit from before
    clone.commit().ok()  # a detached HEAD is no branch
    refused(clone.git("branch", "from-there"), PATH)


def test_move_to_what_the_hub_has_passes_however_it_comes(clone: Gated, git: Git) -> None:
    other = clone.fleets.root / "other"
    git(clone.fleets.root, "clone", "--quiet", "hub.git", "other")
    git.commit(other, {PATH: "theirs\n"})
    git(other, "push", "--quiet", "origin", "HEAD:main", "HEAD:refs/pull/1/head")
    clone.out("fetch", "--quiet", "origin", "main:straight")
    clone.out("pull", "--quiet", "--ff-only", "origin", "main")
    git.commit(other, {PATH: "theirs again\n"})
    git(other, "push", "--quiet", "origin", "HEAD:refs/pull/1/head")
    clone.out("fetch", "--quiet", "origin", "pull/1/head")
    clone.out("checkout", "--quiet", "-b", "review", "FETCH_HEAD")
    git.commit(other, {PATH: "directly\n"})
    clone.out("-C", other, "push", "--quiet", str(clone.path), "HEAD:refs/heads/pushed")


def test_move_during_a_fetch_from_a_clone_that_is_no_remote_passes(clone: Gated, git: Git) -> None:
    git(clone.fleets.root, "clone", "--quiet", "hub.git", "other")
    git.commit(clone.fleets.root / "other", {PATH: "theirs\n"})
    clone.out("-c", "gc.auto=0", "-C", ".", "fetch", "--quiet", "../other", "main:theirs")


def test_move_of_a_merge_judges_what_differs_from_every_parent(clone: Gated) -> None:
    clone.claim("README.md")
    clone.out("checkout", "--quiet", "-b", "mine")
    clone.write("README.md")
    clone.commit().ok()
    clone.out("tag", "theirs", made(clone, PATH, "main"))
    clone.out("merge", "--quiet", "--no-edit", "theirs")
    smuggled = made(clone, "docs/readme.md", "main", "mine")
    refused(move(clone, smuggled), "docs/readme.md")


def test_move_with_objects_kept_elsewhere_is_judged_all_the_same(clone: Gated) -> None:
    place = clone.fleets.root / "objects"
    place.mkdir()
    elsewhere: Overlay = {
        "GIT_OBJECT_DIRECTORY": str(place),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(clone.path / ".git/objects"),
    }
    commit = made(clone, env=elsewhere)
    refused(move(clone, commit, env=elsewhere), PATH)
    clone.claim(PATH)
    move(clone, commit, env=elsewhere).ok()


def test_move_asked_for_from_within_the_git_dir_or_by_its_name_is_judged(
    clone: Gated, tmp_path: Path
) -> None:
    commit = made(clone)
    git_dir = clone.path / ".git"
    refused(clone.git("update-ref", "refs/heads/x", commit, at=git_dir), PATH)
    refused(clone.git(f"--git-dir={git_dir}", "update-ref", "refs/heads/x", commit, at=tmp_path), PATH)
    refused(clone.git("update-ref", "refs/heads/x", commit, at=clone.path / "src"), PATH)


def test_move_of_very_many_branches_is_judged(clone: Gated) -> None:
    commit = made(clone)
    lines = "".join(f"create refs/heads/many/{number} HEAD\n" for number in range(3000))
    refused(clone.git("update-ref", "--stdin", stdin=f"{lines}create refs/heads/bad {commit}\n"), PATH)
    clone.git("update-ref", "--stdin", stdin=lines).ok()


def test_move_that_is_only_warned_about_passes(ada: Gated) -> None:
    clone = switch_on(ada, commits="warn")
    ran = move(clone, made(clone)).ok()
    assert "warning: not claimed: " in ran.stderr
    clone.policy(**ON, commits="off")
    assert move(clone, made(clone)).ok().stderr == ""
    clone.policy(**ON, commits="conflicts-only")
    move(clone, made(clone)).ok()


def test_move_under_claim_on_commit_claims_nothing(ada: Gated) -> None:
    clone = switch_on(ada, commits="claim-on-commit")
    tip = clone.fleets.tip()
    refused(move(clone, made(clone)), "has not claimed")
    assert clone.fleets.tip() == tip


def test_gate_that_is_switched_off_stands_aside_at_once_and_is_taken_out_at_the_next_installation(
    ada: Gated,
) -> None:
    clone = switch_on(ada)
    clone.policy()
    (clone.path / ".git/gitfleet/launcher").unlink()  # nothing is started
    move(clone, made(clone)).ok()
    hooks = clone.path / ".git/hooks"
    assert (hooks / "reference-transaction").exists()
    install(str(clone.path / ".git"), str(clone.path), interpreter=sys.executable, gate=str(GATE))
    assert not (hooks / "reference-transaction").exists()
    assert (hooks / "pre-commit").exists()


def test_gate_that_cannot_start_stops_branches_and_nothing_else(clone: Gated) -> None:
    (clone.path / ".git/gitfleet/launcher").unlink()
    ran = move(clone, made(clone))
    assert ran.returncode
    assert "cannot check this" in ran.stderr
    assert "No branch was moved" in ran.stderr
    clone.out("tag", "still")
    clone.out("update-ref", "refs/other/x", "HEAD")


# Put in and taken out.


def rules(bench: Bench, *, on: bool) -> None:
    text = '{"reference_transaction":true}\n' if on else "{}\n"
    (bench.common / "gitfleet/policy.json").write_text(text)


@pytest.mark.parametrize("theirs", [False, True])
@pytest.mark.parametrize("folder", ["", "own-hooks"])
def test_gate_by_the_rules_is_put_in_and_taken_out_to_the_byte(
    bench: Bench, folder: str, *, theirs: bool
) -> None:
    if folder:
        bench.git("config", "core.hooksPath", folder)
        bench.hook("pre-commit", folder=folder)
    if theirs:
        bench.hook("reference-transaction", folder=folder or ".git/hooks")
    rules(bench, on=False)
    before = state_of(bench)
    bench.install()
    off = state_of(bench)
    rules(bench, on=True)
    assert bench.install().changed
    assert not bench.install().changed
    assert bench.inspect().in_force
    assert bench.states()["reference-transaction"] == "in place"
    rules(bench, on=False)
    assert bench.install().changed
    assert not bench.install().changed
    assert {**state_of(bench), "gitfleet/hooks.json": 0} == {**off, "gitfleet/hooks.json": 0}
    rules(bench, on=True)
    bench.install()
    bench.uninstall()
    rules(bench, on=False)
    assert state_of(bench) == before


@pytest.mark.parametrize("folder", ["", "own-hooks"])
def test_gate_runs_a_hook_of_the_users_first_for_every_state_and_itself_for_branches(
    bench: Bench, folder: str
) -> None:
    place = bench.path / (folder or ".git/hooks")
    if folder:
        bench.git("config", "core.hooksPath", folder)
    script(place / "reference-transaction", '#!/bin/sh\nsed "s/^/user $1 /" >>"$HOOK_LOG"\n')
    rules(bench, on=True)
    bench.install()
    bench.ran()
    head = bench.git("rev-parse", "HEAD")
    bench.git("update-ref", "refs/heads/x", head)
    zero = "0" * 40
    states = [row.split()[:3] for row in bench.ran()]
    assert [row for row in states if row[0] == "gate"] == [["gate", "reference-transaction", "prepared"]]
    first = next(row for row in states if row[0] == "user")
    assert first in (["user", "preparing", zero], ["user", "prepared", zero])  # git 2.55; 2.53 and before
    assert ["user", "prepared", zero] in states
    assert ["user", "committed", zero] in states
    bench.git("update-ref", "refs/other/x", head)
    assert {row.split()[0] for row in bench.ran()} == {"user"}


def test_gate_whose_users_hook_refuses_is_not_asked(bench: Bench) -> None:
    bench.hook("reference-transaction", code=1)
    rules(bench, on=True)
    bench.install()
    bench.ran()
    assert bench._git.ask(bench.path, "update-ref", "refs/heads/x", "HEAD").returncode
    assert {row.split()[0] for row in bench.ran()} == {"user"}


@pytest.mark.parametrize(
    ("line", "carries"),
    [
        ("git fetch origin", True),
        ("/usr/lib/git-core/git fetch --quiet", True),
        ("git -c a=b -C x --no-pager fetch", True),
        ("git --git-dir=x fetch", True),
        ("git-receive-pack .", True),
        ("git receive-pack .", True),
        ("git commit -m fetch", False),
        ("git -C fetch am", False),
        ("git", False),
        ("git --no-pager", False),
        ("sh fetch", False),
        ("", False),
    ],
)
def test_command_that_carries_commits_is_told_from_one_that_makes_them(line: str, *, carries: bool) -> None:
    assert _carries(line.split()) is carries


def test_lines_of_git_are_read_as_it_writes_them() -> None:
    one, two, zero = b"1" * 40, b"2" * 40, b"0" * 40
    lines = [
        zero + b" " + two + b" refs/heads/a b\xe9",
        one + b" " + zero + b" refs/heads/gone",
        one + b" " + two + b" refs/tags/t",
        b"ref:refs/heads/x " + one + b" HEAD",
        one + b" " + one + b" refs/heads/y",
        zero + b" " + b"3" * 40 + b" refs/heads/y.stgit",
        b"nonsense",
    ]
    assert fast_refs.tips(b"\n".join(lines) + b"\n") == [one.decode(), two.decode()]
    assert fast_refs.tips(b"") == []


def test_moves_of_stgits_own_records_pass_and_make_nothing_known(clone: Gated) -> None:
    commit = made(clone)
    move(clone, made(clone, "meta", "HEAD", commit), "refs/heads/main.stgit").ok()
    refused(move(clone, commit), PATH)
    clone.claim(PATH)
    move(clone, commit).ok()


def test_move_after_what_was_fetched_is_gone_is_judged(clone: Gated) -> None:
    (clone.path / ".git/FETCH_HEAD").write_text("1" * 40 + "\t\tbranch 'x' of y\n")
    commit = made(clone)
    refused(move(clone, commit), PATH)
    clone.claim(PATH)
    move(clone, commit).ok()


@pytest.mark.parametrize("session", ["bob-1", "gone-1", "../x"])
def test_move_as_a_session_that_is_none_of_this_clones_is_refused(
    clone: Gated, bob: Gated, session: str
) -> None:
    bob.claim(PATH)
    with clone.open() as fleet:
        fleet.ledger.sync()
    commit = made(clone)
    refused(move(clone, commit, env=clone.as_session(session)))
    refused(move(clone, commit), bob.session)  # as one of its own, it is told whose the path is


def test_gate_is_started_for_branches_that_move_only(bench: Bench) -> None:
    rules(bench, on=True)
    bench.install()
    head = bench.git("rev-parse", "HEAD")
    bench.ran()
    bench.git("update-ref", "refs/heads/x", head)
    assert [row.split()[:3] for row in bench.ran()] == [["gate", "reference-transaction", "prepared"]]
    bench.git("update-ref", "-d", "refs/heads/x")
    bench.git("update-ref", "refs/other/refs/heads/x", head)
    bench.git("tag", "refs/heads/y")
    bench.git("symbolic-ref", "refs/heads/z", "refs/heads/main")
    assert bench.ran() == []
    lines = f"create refs/heads/p {head}\ncreate refs/heads/{os.fsdecode(bytes([0xE9]))} {head}\n"
    bench._git(bench.path, "update-ref", "--stdin", stdin=lines)
    assert [row.split()[:3] for row in bench.ran()] == [["gate", "reference-transaction", "prepared"]]
