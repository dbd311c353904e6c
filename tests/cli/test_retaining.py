"""What is said of claims that stay with branches and worktrees: at the end of a session, in the lists, at a gate, to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.operations import ask
from tests.workbench import Git, Ran


class Branches:
    """A clone of the hub in which its first session works, and then its second."""

    def __init__(self, cli: Cli, git: Git) -> None:
        self.cli, self.git, self.path = cli, git, cli.clone.path
        self.one, self.two = cli.clone.session, cli.clone.other
        with cli.clone.open() as fleet:  # the clone is a copy
            for session in (self.one, self.two):
                ask(fleet.ledger, "session.start", session, {"worktree": str(self.path), "resume": True})

    def work(self, branch: str, *paths: str, push: bool = True) -> None:
        """Change paths on a new branch, as the first session has claimed them."""
        self.git(self.path, "switch", "--quiet", "--create", branch, "main")
        self.cli("claim", *paths).ok()
        for path in paths:
            self.write(path, f"{branch}\n")
            self.git(self.path, "add", "--all")
        self.commit(self.one).ok()
        if push:
            self.git(self.path, "push", "--quiet", "origin", branch)

    def write(self, path: str, text: str) -> None:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, session: str, *args: str) -> Ran:
        env = self.cli.clone.as_session(session)
        return self.git.ask(self.path, "commit", "--quiet", *(args or ("--message", "work")), env=env)

    def as_two(self, *args: str) -> Ran:
        return self.cli(*args, env=self.cli.other)

    def end(self) -> list[str]:
        return self.cli("session", "end").ok().stdout.splitlines()


@pytest.fixture
def branches(hub_cli: Cli, git: Git) -> Branches:
    return Branches(hub_cli, git)


def test_end_of_a_session_says_what_stays_with_what_and_status_and_claims_list_it(branches: Branches) -> None:
    branches.work("one", "src/one")
    branches.work("two", "src/two", push=False)
    branches.git(branches.path, "switch", "--quiet", "main")
    branches.cli("claim", "docs/", "lib/").ok()
    branches.write("docs/new.md", "not committed\n")
    said = branches.end()
    path = str(branches.path)
    assert sorted(said[1:5]) == [
        "released: lib/",
        "retained by branch one until it lands: src/one",
        "retained by branch two until it lands: src/two",
        f"retained by worktree {path} until its changes there are on a branch, or gone: docs/",
    ]
    listed = branches.as_two("claims").ok().stdout
    assert "until branch one lands" in listed
    assert f"until the changes in {path} are on a branch, or gone" in listed
    shown = branches.as_two("status").ok()
    assert "retained after their sessions have ended: 3 claims" in shown.stdout
    assert f"src/one of {branches.one}, until branch one lands" in shown.stdout
    record = branches.as_two("status", "--json").ok().json()["data"]["retained"]
    assert [[one.get("branch") for one in claim["retained"]] for claim in record] == [
        [None],
        ["one"],
        ["two"],
    ]
    for branch in ("one", "two"):
        branches.cli("check", "--range", f"origin/main..{branch}", env=branches.cli.nobody).ok()


def test_gate_on_the_branch_that_retains_names_the_claim_that_takes_it_over(branches: Branches) -> None:
    branches.work("feat", "src/a b.py")
    branches.end()
    branches.write("src/a b.py", "more\n")
    branches.git(branches.path, "add", "--all")
    stopped = branches.commit(branches.two)
    assert stopped.returncode == 1
    assert "next: This is that branch: `gitfleet claim 'src/a b.py'` takes its claims over." in stopped.stderr
    assert branches.as_two("claim", "src/a b.py").ok().stdout.startswith("claimed: src/a b.py")
    assert branches.commit(branches.two).returncode == 0
    branches.cli("check", "--range", "origin/main..feat", env=branches.cli.nobody).ok()


def test_gate_at_a_squash_merge_names_the_claim_that_takes_it_over(branches: Branches) -> None:
    branches.work("feat", "src/x.py")
    branches.end()
    branches.git(branches.path, "switch", "--quiet", "main")
    branches.git(branches.path, "merge", "--quiet", "--squash", "feat")
    stopped = branches.commit(branches.two)
    assert "`gitfleet claim src/x.py` takes its claims over" in stopped.stderr
    branches.as_two("claim", "src/x.py").ok()
    assert branches.commit(branches.two).returncode == 0
    branches.cli("check", "--range", "origin/main..main", env=branches.cli.nobody).ok()


def test_gate_elsewhere_says_what_to_build_on_and_not_to_wait_for_who_has_ended(branches: Branches) -> None:
    branches.work("feat", "src/x.py")
    branches.end()
    branches.git(branches.path, "switch", "--quiet", "--create", "other", "main")
    branches.write("src/x.py", "other\n")
    branches.git(branches.path, "add", "--all")
    stopped = branches.commit(branches.two)
    assert "retained by branch feat" in stopped.stderr
    assert "merge " in stopped.stderr
    assert "wait until their holder" not in stopped.stderr


def test_session_that_starts_where_work_was_left_is_told_and_takes_it_over(branches: Branches) -> None:
    branches.cli("claim", "src/").ok()
    branches.write("src/new.py", "not committed\n")
    branches.end()
    started = branches.cli("session", "start", "--id", "next", env=branches.cli.nobody).ok()
    assert f"worktree {branches.path} still has what session {branches.one} claimed: src/" in started.stderr
    primed = branches.cli("prime", "--session", "next").ok().stdout
    assert 'Sessions that have ended left work here, and their claims: "src/"' in primed
    taken = branches.cli("claim", "--session", "next", "src/new.py").ok().stdout
    assert f"taken over with worktree {branches.path} of {branches.one}: src/" in taken


def test_launched_command_that_leaves_changes_has_its_claims_kept(branches: Branches, tmp_path: Path) -> None:
    script = tmp_path / "agent"
    script.write_text("#!/bin/sh\nmkdir -p lib && echo new >lib/new.py\n")
    script.chmod(0o755)
    ran = branches.cli(
        "session", "start", "--claim", "lib/", "--claim", "docs/", "--", str(script), env=branches.cli.nobody
    )
    ran.ok()
    assert "; released: docs/; retained by worktree " in ran.stderr
    assert "until its changes there are on a branch, or gone: lib/" in ran.stderr
    refused = branches.as_two("claim", "lib/new.py")
    assert (refused.returncode, "retained by worktree" in refused.stderr) == (10, True)


def test_release_by_branch_says_what_other_branches_still_retain(branches: Branches) -> None:
    branches.git(branches.path, "switch", "--quiet", "--create", "one", "main")
    branches.cli("claim", "src/").ok()
    for branch in ("one", "two"):
        branches.git(branches.path, "switch", "--quiet", "--force-create", branch, "main")
        branches.write(f"src/{branch}", "x\n")
        branches.git(branches.path, "add", "--all")
        branches.commit(branches.one).ok()
    branches.end()
    branches.cli("session", "start", "--id", "me", env=branches.cli.nobody).ok()
    with branches.cli.clone.open() as fleet:
        ask(fleet.ledger, "session.start", "person", {"worktree": str(branches.path), "person": True})
    said = branches.cli("release", "--session", "person", "--branch", "one").ok().stdout
    assert said == "still retained by branch two until it lands: src/\n"
    assert branches.cli("release", "--session", "person", "--branch", "two").ok().stdout == "released: src/\n"
