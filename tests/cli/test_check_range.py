"""Commits judged against the hub of now: from a clone of the fleet, and from checkouts as CI makes them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from tests.gatebench import Gated
from tests.workbench import UNSEEN, Git, Gitfleet, Overlay, Ran

BOB_1 = SessionId("bob-1")

A = "src/api/a.py"


def branch(clone: Gated, path: str = A, *, name: str = "feature", claim: str | None = None) -> str:
    """A pushed branch with one commit that changes `path` under a claim; the claim as the commit names it."""
    clone.out("checkout", "--quiet", "-B", name, "origin/main")
    cited = clone.claim(claim or path)
    clone.write(path, f"{name}\n")
    clone.commit().ok()
    push(clone, name)
    return cited


def push(clone: Gated, *refs: str) -> None:
    clone.out(*UNSEEN, "push", "--quiet", "--force", "origin", *refs)


def unseen(clone: Gated, path: str, message: str) -> str:
    """A commit that no hook has seen."""
    target = clone.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{message}\n", encoding="utf-8")
    clone.out("add", "--all")
    clone.out(*UNSEEN, "commit", "--quiet", "-m", message)
    return clone.out("rev-parse", "HEAD")


class Ci:
    """A checkout of one branch with its newest commit only, of which gitfleet knows nothing."""

    def __init__(self, git: Git, gitfleet: Gitfleet, path: Path, hub: Path) -> None:
        self.git, self.gitfleet, self.path, self.hub = git, gitfleet, path, hub

    def check(self, text: str, *args: str, env: Overlay | None = None) -> Ran:
        return self.gitfleet(
            self.path, "check", "--range", text, *args, env={"GITFLEET_SESSION": None, **(env or {})}
        )

    def states(self, text: str, code: int) -> dict[str, str]:
        """By path, what is said of it; commits in the range must not share paths."""
        return states(self.check(text, "--json").ended(code).json())

    def facts(self) -> tuple[str, ...]:
        """Everything that a check could leave behind in the checkout."""
        dot_git = self.path / ".git"
        files = {
            str(file.relative_to(dot_git)): file.read_bytes() for file in dot_git.rglob("*") if file.is_file()
        }
        return self.git(self.path, "for-each-ref"), repr(sorted(files.items()))


def states(answer: Any) -> dict[str, str]:
    found = [(path["path"], path["state"]) for one in answer["data"]["commits"] for path in one["paths"]]
    assert len(found) == len(dict(found)), found
    return dict(found)


@pytest.fixture
def ci(ada: Gated, git: Git, gitfleet: Gitfleet, tmp_path: Path) -> Ci:
    """Made when the test asks for it: `ci.path` is cloned by `checked_out`."""
    return Ci(git, gitfleet, tmp_path / "ci", ada.fleets.hub)


def checked_out(ci: Ci, name: str = "feature", depth: int = 1) -> Ci:
    if ci.path.exists():
        shutil.rmtree(ci.path)
    ci.git(
        ci.path.parent, "clone", "--quiet", f"--depth={depth}", "--branch", name, f"file://{ci.hub}", ci.path
    )
    return ci


def test_range_made_under_claims_passes_from_a_checkout_of_one_commit_and_leaves_no_trace(
    ada: Gated, ci: Ci
) -> None:
    cited = branch(ada)
    checked_out(ci)
    before = ci.facts()
    answer = ci.check("origin/main..HEAD", "--json").ok().json()
    assert ci.facts() == before
    (commit,) = answer["data"]["commits"]
    assert (commit["session"], commit["claims"]) == ("ada-1", [cited])
    assert commit["paths"] == [
        {"path": A, "state": "ok", "claim": cited, "holder": "", "token": 0, "held": ""}
    ]
    assert (answer["data"]["trunk"], answer["data"]["rules"]) == ("main", "require-claim")


def test_range_is_named_by_ids_as_ci_knows_them(ada: Gated, ci: Ci) -> None:
    branch(ada)
    base, head = ada.out("rev-parse", "origin/main"), ada.out("rev-parse", "HEAD")
    checked_out(ci, "main")
    assert ci.states(f"{base}..{head}", 0) == {A: "ok"}
    assert ci.states(f"{'0' * 40}..{head}", 0) == {A: "ok"}
    assert ci.states("origin/main..feature", 0) == {A: "ok"}
    assert ci.states("main..", 0) == {}


def test_range_of_a_long_branch_far_behind_the_trunk_is_judged_whole_and_no_further(
    ada: Gated, ci: Ci
) -> None:
    ada.claim("long/")
    ada.out("checkout", "--quiet", "-b", "long")
    tree, tip = ada.out("rev-parse", "HEAD^{tree}"), ada.out("rev-parse", "HEAD")
    for number in range(60):
        tip = ada.out("commit-tree", tree, "-p", tip, "-m", str(number))
    ada.out("reset", "--quiet", "--hard", tip)
    ada.write("long/x")
    ada.commit().ok()
    push(ada, "long")
    ada.out("checkout", "--quiet", "-B", "side", "origin/main")
    for number in range(3):
        unseen(ada, f"side/{number}", "on the trunk")
    push(ada, "side:main")
    checked_out(ci, "long")
    answer = ci.check("origin/main..HEAD", "--json").ok().json()
    assert (len(answer["data"]["commits"]), states(answer)) == (61, {"long/x": "ok"})


def test_range_of_a_branch_that_left_a_long_trunk_long_ago_is_judged_no_further(ada: Gated, ci: Ci) -> None:
    branch(ada)
    tree, tip = ada.out("rev-parse", "origin/main^{tree}"), ada.out("rev-parse", "origin/main")
    for number in range(60):
        tip = ada.out("commit-tree", tree, "-p", tip, "-m", str(number))
    push(ada, f"{tip}:main")
    assert checked_out(ci).states("origin/main..HEAD", 0) == {A: "ok"}
    ci.git(ci.path, "fetch", "--quiet", "--depth=3", "origin", "feature", "main:refs/remotes/origin/main")
    assert ci.states("origin/main..HEAD", 0) == {A: "ok"}


def test_range_is_stale_when_another_session_has_been_granted_the_path_since(
    ada: Gated, bob: Gated, ci: Ci
) -> None:
    cited = branch(ada)
    ada.release()
    assert checked_out(ci).states("origin/main..HEAD", 0) == {A: "ok"}
    token = int(bob.claim("src/").partition("@")[2])
    ran = ci.check("origin/main..HEAD").ended(15)
    assert (
        f"{A}: stale: made under claim {cited}; session bob-1 has been granted src/ (token {token}) since"
        in ran.stdout
    )
    assert "next: claim the paths again" in ran.stdout
    bob.release()
    answer = ci.check("origin/main..HEAD", "--json").ended(15).json()
    assert answer["status"] == "stale"
    (path,) = answer["data"]["commits"][0]["paths"]
    assert (path["state"], path["holder"], path["token"], path["held"]) == ("stale", "bob-1", token, "src/")


def test_range_with_stale_commits_passes_when_whoever_has_the_path_now_goes_on_from_them(
    ada: Gated, bob: Gated, ci: Ci
) -> None:
    branch(ada)
    with ada.open() as fleet:
        fleet.claims.offer(SessionId("ada-1"), BOB_1, [A])
    with bob.open() as fleet:
        fleet.claims.accept(BOB_1)
    assert checked_out(ci).states("origin/main..HEAD", 15) == {A: "stale"}
    bob.out("fetch", "--quiet", "origin")
    bob.out("checkout", "--quiet", "-b", "feature", "origin/feature")
    bob.write(A, "bob went on\n")
    bob.commit().ok()
    push(bob, "feature")
    answer = checked_out(ci).check("origin/main..HEAD", "--json").ok().json()
    assert [one["paths"][0]["state"] for one in answer["data"]["commits"]] == ["ok", "ok"]
    bob.claim("docs/")
    bob.out("reset", "--quiet", "--hard", "origin/feature~1")
    bob.write("docs/x")
    bob.commit().ok()
    push(bob, "feature:elsewhere")
    assert ci.states("origin/main..elsewhere", 0) == {A: "ok", "docs/x": "ok"}
    bob.out("checkout", "--quiet", "-B", "apart", "origin/main")
    bob.write(A, "bob apart\n")
    bob.commit().ok()
    push(bob, "apart")
    head = ada.out("rev-parse", "feature")
    assert ci.states(f"origin/apart..{head}", 15) == {A: "stale"}


def test_range_that_touches_what_another_holds_conflicts(ada: Gated, bob: Gated, ci: Ci) -> None:
    branch(ada)
    bob.claim("docs/")
    unseen(ada, "docs/readme.md", "unseen")
    push(ada, "feature")
    ran = checked_out(ci).check("origin/main..HEAD").ended(10)
    assert "docs/readme.md: held by session bob-1, which claims docs/" in ran.stdout
    assert ci.states("origin/main..HEAD", 10) == {A: "ok", "docs/readme.md": "theirs"}


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "message",
    [
        "nothing",
        "x\n\nFleet-Session: ada-1\nFleet-Claim: 01ARZ3NDEKTSV4RRFFQ69G5FAV@3\n",
        "x\n\nFleet-Session: ada-1\nFleet-Claim: {cited}\n",
        "x\n\nFleet-Session: bob-1\nFleet-Claim: {cited}\n",
        "x\n\nFleet-Session: ../ada\nFleet-Claim: {cited}\n",
    ],
    ids=["none", "made up", "of another path", "of another session", "hostile"],
)
def test_range_whose_claims_are_not_what_the_ledger_has_is_unclaimed(
    ada: Gated, ci: Ci, message: str
) -> None:
    cited = branch(ada)
    path = "README.md" if "bob" not in message else A
    ada.release()
    unseen(ada, path, message.format(cited=cited))
    push(ada, "feature")
    answer = checked_out(ci).check("origin/main..HEAD", "--json").ended(16).json()
    assert answer["status"] == "unclaimed"
    assert answer["data"]["commits"][0]["paths"][0]["state"] == "unclaimed"


def test_merge_counts_only_where_it_differs_from_every_parent(ada: Gated, ci: Ci) -> None:
    branch(ada)
    ada.out("checkout", "--quiet", "-B", "trunk", "origin/main")
    unseen(ada, "docs/other.md", "on the trunk")
    push(ada, "trunk:main")
    ada.out("checkout", "--quiet", "feature")
    ada.out(*UNSEEN, "merge", "--quiet", "--no-edit", "trunk")
    push(ada, "feature")
    assert checked_out(ci).states("origin/main..HEAD", 0) == {A: "ok"}
    ada.write("docs/evil.md")
    ada.out(*UNSEEN, "commit", "--quiet", "--amend", "--no-edit")
    push(ada, "feature")
    assert checked_out(ci).states("origin/main..HEAD", 16) == {A: "ok", "docs/evil.md": "unclaimed"}


def test_path_whose_bytes_are_no_utf_8_is_judged_and_shown(ada: Gated, ci: Ci) -> None:
    path = os.fsdecode(b"src/caf\xe9,a:b%\n.py")
    branch(ada)
    unseen(ada, path, "unseen")
    push(ada, "feature")
    ran = checked_out(ci).check("origin/main..HEAD").ended(16)
    assert r" src/caf\xe9,a:b%\x0a.py: not claimed" in ran.stdout
    assert ci.states("origin/main..HEAD", 16)[path] == "unclaimed"


def rules(clone: Gated, text: str) -> None:
    """Land rules on the hub's trunk, as no hook of ours sees it."""
    clone.out("checkout", "--quiet", "-B", "rules", "origin/main")
    (clone.path / "gitfleet.yaml").write_text(text, encoding="utf-8")
    clone.out("add", "gitfleet.yaml")
    clone.out(*UNSEEN, "commit", "--quiet", "-m", "rules")
    push(clone, "rules:main")
    clone.out("fetch", "--quiet", "origin")


@pytest.mark.parametrize(
    ("commits", "code"),
    [("conflicts-only", 0), ("warn", 0), ("off", 0), ("claim-on-commit", 16), ("nonsense", 16)],
)
def test_rules_are_those_of_the_hubs_trunk(ada: Gated, ci: Ci, commits: str, code: int) -> None:
    rules(ada, f"version: 1\ncommits: {commits}\n")
    ada.out("checkout", "--quiet", "-B", "feature", "origin/main")
    unseen(ada, A, "unseen")
    push(ada, "feature")
    ran = checked_out(ci).check("origin/main..HEAD").ended(code)
    assert ("nothing was judged" in ran.stdout) == (commits == "off")
    assert ("stops nothing" in ran.stderr) == (commits == "warn")
    assert ("cannot be used" in ran.stderr) == (commits == "nonsense")


def test_rules_of_the_branch_under_judgement_are_nobodys(ada: Gated, ci: Ci) -> None:
    ada.out("checkout", "--quiet", "-B", "feature", "origin/main")
    unseen(ada, "gitfleet.yaml", "version: 1\ncommits: 'off'")
    push(ada, "feature")
    assert checked_out(ci).states("origin/main..HEAD", 16) == {"gitfleet.yaml": "unclaimed"}


def test_conflicts_only_still_stops_at_what_others_hold_or_were_granted_since(
    ada: Gated, bob: Gated, ci: Ci
) -> None:
    rules(ada, "version: 1\ncommits: conflicts-only\n")
    branch(ada)
    ada.release()
    bob.claim(A)
    assert checked_out(ci).states("origin/main..HEAD", 15) == {A: "stale"}


def test_hub_that_cannot_be_reached_is_never_fine(ada: Gated, ci: Ci) -> None:
    branch(ada)
    checked_out(ci)
    ci.hub.rename(ci.hub.with_name("away.git"))
    assert ci.check("HEAD..HEAD", "--json").ended(30).json()["status"] == "hub-unreachable"
    ran = ada_check(ada, ci, "origin/main..HEAD")
    assert ran.returncode == 30, ran


def ada_check(clone: Gated, ci: Ci, *args: str) -> Ran:
    return ci.gitfleet(clone.path, "check", "--range", *args, env=clone.as_session(clone.session))


def test_hub_without_a_fleet_is_an_error(ada: Gated, ci: Ci, git: Git) -> None:
    branch(ada)
    checked_out(ci)
    git(ci.hub, "update-ref", "-d", "refs/fleet/coord")
    assert ci.check("HEAD..HEAD", "--json").ended(2).json()["status"] == "no-fleet"


def test_ledger_that_cannot_be_read_is_never_fine(ada: Gated, ci: Ci, git: Git) -> None:
    branch(ada)
    checked_out(ci)
    git(ci.hub, "update-ref", "refs/fleet/coord", "refs/heads/main")
    assert ci.check("origin/main..HEAD").returncode in {13, 20}


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "text",
    [
        "main",
        "..main",
        "main...HEAD",
        "--all..HEAD",
        "-x..HEAD",
        "main..--output=x",
        "main..no such\nthing",
        "",
        "..",
    ],
)
def test_range_that_is_none_is_refused(ada: Gated, ci: Ci, text: str) -> None:
    branch(ada)
    checked_out(ci)
    before = ci.facts()
    ci.check(text).ended(2)
    assert ci.facts() == before
    assert not (ci.path / "x").exists()


def test_range_with_a_commit_that_the_hub_does_not_have_is_unverifiable(ada: Gated, ci: Ci) -> None:
    branch(ada)
    checked_out(ci)
    assert ci.check(f"{'1' * 40}..HEAD", "--json").ended(13).json()["status"] == "unverifiable"


def test_range_in_a_clone_of_the_fleet_is_judged_by_the_hub_of_now(ada: Gated, bob: Gated, ci: Ci) -> None:
    branch(ada)
    ada.release()
    ada_check(ada, ci, "origin/main..feature").ok()
    bob.claim(A)
    ran = ada_check(ada, ci, "origin/main..feature").ended(15)
    assert "session bob-1" in ran.stdout


def test_staged_paths_are_judged_as_a_commit_of_the_session(
    ada: Gated, bob: Gated, gitfleet: Gitfleet
) -> None:
    def check() -> Any:
        return gitfleet(ada.path, "check", "--staged", "--json", env=ada.as_session(ada.session))

    check().ok()
    ada.write(A)
    assert states(check().ended(16).json()) == {A: "unclaimed"}
    bob.claim("src/")
    assert states(check().ended(10).json()) == {A: "theirs"}
    bob.release()
    ada.claim(A)
    assert states(check().ok().json()) == {A: "ok"}


def test_range_and_paths_together_are_refused(ada: Gated, gitfleet: Gitfleet) -> None:
    for args in (["--range", "a..b", "x"], ["--range", "a..b", "--staged"], ["--staged", "x"]):
        gitfleet(ada.path, "check", *args).ended(2)


# What CI shows.

HOSTILE = os.fsdecode(b"::error::x,%0A:##[error]\n\r\xe9")


def test_annotations_on_github_hold_names_that_can_command_nothing(ada: Gated, ci: Ci) -> None:
    branch(ada)
    unseen(ada, HOSTILE, "unseen")
    push(ada, "feature")
    out = checked_out(ci).check("origin/main..HEAD", env={"GITHUB_ACTIONS": "true"}).ended(16).stdout
    lines = out.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert len(token) == 32
    end = lines.index(f"::{token}::")
    assert any("not claimed" in line for line in lines[:end])
    (annotation,) = lines[end + 1 :]
    place = r"%3A%3Aerror%3A%3Ax%2C%250A%3A##[error]\x0a\x0d\xe9"
    assert annotation.startswith(f"::error file={place},title=gitfleet unclaimed::")
    assert "::" not in annotation.removeprefix("::error ").split("::", 1)[1]


def test_annotations_appear_only_on_github(ada: Gated, ci: Ci) -> None:
    branch(ada)
    unseen(ada, "README.md", "unseen")
    push(ada, "feature")
    assert "::" not in checked_out(ci).check("origin/main..HEAD").ended(16).stdout
    ci.check("origin/main..HEAD", "--json", env={"GITHUB_ACTIONS": "true"}).ended(16).json()


def test_report_for_gitlab_lists_what_stops(ada: Gated, ci: Ci) -> None:
    branch(ada)
    unseen(ada, HOSTILE, "unseen")
    push(ada, "feature")
    checked_out(ci).check("origin/main..HEAD", "--gitlab-report", "report.json").ended(16)
    (item,) = json.loads((ci.path / "report.json").read_text(encoding="utf-8"))
    assert item["location"] == {"path": r"::error::x,%0A:##[error]\x0a\x0d\xe9", "lines": {"begin": 1}}
    assert (item["check_name"], item["severity"], len(item["fingerprint"])) == (
        "gitfleet-unclaimed",
        "critical",
        40,
    )


@pytest.mark.parametrize("path", ["nowhere/report.json", ".", "README.md/report.json"])
def test_report_for_gitlab_that_cannot_be_written_is_a_usage_error(ada: Gated, ci: Ci, path: str) -> None:
    branch(ada)
    unseen(ada, "README.md", "unseen")
    push(ada, "feature")
    said = checked_out(ci).check("origin/main..HEAD", "--gitlab-report", path).ended(2).stderr
    assert "report cannot be written" in said


# Other places to stand in.


def test_range_in_a_clone_that_is_its_own_hub_and_in_its_worktrees(
    alone: Gated, gitfleet: Gitfleet, tmp_path: Path
) -> None:
    alone.claim(A)
    alone.out("worktree", "add", "--quiet", "-b", "side", tmp_path / "side")
    alone.write(A)
    alone.commit().ok()
    for place, text in (
        (alone.path, "HEAD~1..HEAD"),
        (tmp_path / "side", "HEAD..main"),
        (alone.path, "0" * 40 + "..main"),
    ):
        env = alone.as_session(alone.session)
        answer = gitfleet(place, "check", "--range", text, "--json", env=env).ok().json()
        assert states(answer) == ({} if text.startswith("0") else {A: "ok"})
        assert (answer["data"]["hub"], answer["data"]["trunk"]) == ("", "main")
    gitfleet(alone.path, "check", "--range", "none..HEAD").ended(2)


def test_range_in_a_partial_clone_and_from_a_remote_of_another_name(ada: Gated, ci: Ci, git: Git) -> None:
    branch(ada)
    git(ci.hub, "config", "uploadpack.allowFilter", "true")
    args = (
        "clone",
        "--quiet",
        "--filter=tree:0",
        "--no-checkout",
        "--origin",
        "there",
        f"file://{ci.hub}",
        ci.path,
    )
    git(ci.path.parent, *args)
    assert ci.states("there/main..there/feature", 0) == {A: "ok"}
    assert ci.states("there/main..feature", 0) == {A: "ok"}
    git(ci.path, "remote", "add", "other", "/nowhere")
    assert "There is no remote 'origin'" in ci.check("there/main..there/feature").ended(2).stderr
    ci.check("there/main..there/feature", "--hub", "there").ok()
    assert ci.check("there/main..there/feature", "--hub", "--upload-pack=x").returncode == 2


def test_range_in_a_clone_of_the_fleet_that_was_cut_off_is_made_whole_elsewhere(
    ada: Gated, ci: Ci, gitfleet: Gitfleet
) -> None:
    branch(ada)
    checked_out(ci)
    gitfleet(ci.path, "init").ok()
    shallow = (ci.path / ".git/shallow").read_bytes()
    assert ci.states("origin/main..feature", 0) == {A: "ok"}
    assert (ci.path / ".git/shallow").read_bytes() == shallow
    gitfleet(ci.path, "fsck").ok()
