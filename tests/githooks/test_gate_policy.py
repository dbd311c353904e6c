"""Whose rules the gates follow: the trunk's of the hub, in each mode, whatever branches and worktrees say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitfleet.githooks.install import install
from gitfleet.githooks.warned import Warned
from gitfleet.sessions.local import Here
from gitfleet.upkeep import exchange
from tests.gatebench import GATE, Gated, refused
from tests.workbench import run

MODES = ("require-claim", "claim-on-commit", "conflicts-only", "warn", "off")


def land(clone: Gated, rules: str) -> None:
    """Put a gitfleet.yaml on the trunk of the hub, as somebody else would, and exchange with the hub."""
    hub = clone.fleets.hub if clone.name != "alone" else clone.path / ".git"
    blob = clone.out("hash-object", "-w", "--stdin", stdin=rules, at=hub)
    index = {"GIT_INDEX_FILE": str(clone.fleets.root / "index"), "GIT_DIR": str(hub)}
    clone.git("read-tree", "refs/heads/main", env=index, at=hub).ok()
    clone.git("update-index", "--add", "--cacheinfo", f"100644,{blob},gitfleet.yaml", env=index, at=hub).ok()
    tree = clone.git("write-tree", env=index, at=hub).ok().stdout.strip()
    made = clone.out("commit-tree", tree, "-p", "refs/heads/main", "-m", "rules", at=hub)
    clone.out("update-ref", "refs/heads/main", made, at=hub)
    if clone.name == "alone":
        clone.out("reset", "--quiet", "--hard")
    with clone.open() as fleet:
        exchange.sync(fleet)


def commits(mode: str) -> str:
    return f"version: 1\ncommits: {mode}\n"


@pytest.mark.sample(2)
@pytest.mark.parametrize("mode", MODES)
def test_mode_from_the_trunk_decides_about_free_paths(ada: Gated, mode: str) -> None:
    land(ada, commits(mode))
    ada.write("src/api/a.py")
    ran = ada.commit()
    if mode == "require-claim":
        refused(ran, "has not claimed")
        return
    said = ran.ok().stderr
    assert said.count("src/api/a.py") == (mode == "warn")
    assert ("gitfleet: warning: not claimed: src/api/a.py\n" in said) == (mode == "warn")
    assert "Stopped" not in said
    named = {line.split(":")[0] for line in ada.trailers()}
    assert (
        named
        == {
            "claim-on-commit": {"Fleet-Session", "Fleet-Claim"},
            "conflicts-only": {"Fleet-Session"},
            "warn": {"Fleet-Session"},
            "off": set(),
        }[mode]
    )


@pytest.mark.sample(2)
@pytest.mark.parametrize("mode", MODES)
def test_mode_from_the_trunk_decides_about_paths_of_others(ada: Gated, mode: str) -> None:
    land(ada, commits(mode))
    ada.claim("src/", session=ada.other)
    ada.write("src/api/a.py")
    ran = ada.commit()
    if mode in {"warn", "off"}:
        said = ran.ok().stderr
        assert said.count(f"held by session {ada.other}") == (mode == "warn")
        assert ("warning: held by other sessions:" in said) == (mode == "warn")
    else:
        refused(ran, ada.other)


@pytest.mark.parametrize("mode", MODES)
def test_mode_decides_when_nobody_can_tell_who_commits(ada: Gated, mode: str) -> None:
    ada.policy(commits=mode)
    with ada.open() as fleet:
        for name in (ada.session, ada.other):
            fleet.sessions.local.remember(Here(name, fleet.repository.worktree or "", False, None))
    ada.write("src/api/a.py")
    ran = ada.git("commit", "-qm", "who", env=ada.as_session(None))
    if mode in {"warn", "off"}:
        assert ran.ok().stderr.count("which one is meant") == (mode == "warn")
    else:
        refused(ran, ada.session, ada.other)


def test_commit_that_is_only_warned_about_is_told_all_that_is_wrong_once(ada: Gated) -> None:
    """Also where the reference-transaction gate looks a third time; and each commit anew, also past pre-commit."""
    land(ada, f"{commits('warn')}gates:\n  reference-transaction: true\n")
    with ada.open() as fleet:
        install(
            fleet.repository.common_dir, fleet.repository.worktree, interpreter=sys.executable, gate=str(GATE)
        )
    ada.claim("docs/", session=ada.other)
    for args in (["-m", "a"], ["-nm", "b"], ["--no-verify", "--amend", "--no-edit"], ["-m", "c"]):
        ada.write("docs/readme.md", str(args))
        ada.write("src/api/a.py", str(args))
        said = ada.commit(*args).ok().stderr
        assert (said.count("not claimed: src/api/a.py"), said.count("docs/readme.md: held")) == (1, 1), said


def test_warning_whose_time_left_has_gone_on_is_the_same_one(
    ada: Gated, capsys: pytest.CaptureFixture[str]
) -> None:
    with ada.open() as fleet:
        warned = Warned(fleet)
        warned.first("a: held by session x - 45m left")
        warned.again("a: held by session x - 44m left")
        warned.again("b: held by session x - 44m left")
    assert capsys.readouterr().err.splitlines() == [
        "a: held by session x - 45m left",
        "b: held by session x - 44m left",
    ]


def test_rules_in_a_branch_or_a_worktree_count_for_nothing(ada: Gated) -> None:
    ada.claim("gitfleet.yaml")
    ada.write("gitfleet.yaml", commits("off"))
    ada.commit().ok()
    with ada.open() as fleet:
        exchange.sync(fleet)
        assert fleet.policy.commits == "require-claim"
    ada.write("src/api/a.py")
    refused(ada.commit(), "has not claimed")


def test_rules_of_a_clone_without_a_hub_are_those_of_its_trunk(alone: Gated) -> None:
    alone.out("checkout", "--quiet", "-b", "feature")
    land(alone, commits("off"))
    alone.write("src/api/a.py")
    alone.commit().ok()


def test_rules_that_are_broken_are_named_and_change_nothing(ada: Gated) -> None:
    land(ada, commits("conflicts-only"))
    land(ada, "version: 1\ncommits: sometimes\n")
    with ada.open() as fleet:
        told = exchange.sync(fleet)
        assert fleet.policy.commits == "conflicts-only"
    assert any("gitfleet.yaml on the trunk 'main' cannot be used" in words for words in told.warnings)
    ada.write("src/api/a.py")
    ada.commit().ok()


def test_rules_broken_from_the_beginning_leave_the_defaults(ada: Gated) -> None:
    land(ada, "a: [\n")
    ada.write("src/api/a.py")
    refused(ada.commit(), "has not claimed")


def test_rules_compiled_here_that_are_damaged_leave_the_defaults(ada: Gated) -> None:
    path = ada.fleets.state("ada") / "policy.json"
    for damage in (b"\xff", b"{}", b"[]", b'{"commits":"none","ttl":"x"}\n', b'{"margin":-1,"ttl":[]}\n'):
        path.write_bytes(damage)
        ada.write("src/api/a.py")
        refused(ada.commit(), "has not claimed")
    with ada.open() as fleet:
        exchange.sync(fleet)
    assert not path.exists()


def test_rules_that_tell_case_apart_are_followed_to_the_letter(ada: Gated) -> None:
    land(ada, "version: 1\nclaims:\n  case: sensitive\n")
    ada.claim("src/API/")
    ada.write("src/api/a.py")
    refused(ada.commit(), "has not claimed")
    ada.claim("src/api/")
    ada.commit().ok()
    ada.claim("README.md", session=ada.other)
    ada.claim("readme.md")
    ada.release("readme.md")
    with ada.open() as fleet:
        assert {claim.pattern for claim in fleet.claims.find(fleet.current())} == {
            "src/API/",
            "src/api/",
            "README.md",
        }


def test_claiming_on_commit_takes_awkward_names(ada: Gated) -> None:
    ada.policy(commits="claim-on-commit")
    for path in ("docs/a[1]*.md", "docs/new\nline.md", "docs/{x,y}.md", "-dash", "!bang", "back\\slash"):
        (ada.path / path).write_text("x\n")
    ada.out("add", "--all")
    ada.commit().ok()
    assert len(ada.trailers()) == 7
    with ada.open() as fleet:
        assert "docs/new?line.md" in {claim.pattern for claim in fleet.claims.find(fleet.current())}


def test_claiming_on_commit_asks_the_hub_where_knowledge_is_old(ada: Gated, bob: Gated) -> None:
    ada.policy(commits="claim-on-commit")
    bob.claim("src/")
    os.utime(ada.fleets.state("ada") / "seen", (1, 1))
    ada.write("src/api/a.py")
    refused(ada.commit(), bob.session)
    ada.out("reset", "--quiet", "--hard")
    ada.write("README.md")
    ada.commit().ok()


def test_refusal_names_what_to_type_for_any_path(alone: Gated, tmp_path: Path) -> None:
    names = [
        "two words",
        "it's",
        "a*b",
        "-dash",
        os.fsdecode(b"caf\xe9"),
        "new\nline",
        "$HOME",
        "back\\slash",
    ]
    for name in names:
        (alone.path / name).write_text("x\n")
    alone.out("add", "--all", "--", *names)
    ran = refused(alone.commit())
    words = ran.stderr.split("Claim them first: gitfleet claim ")[1].split("\n")[0]
    for text in run(["bash", "-c", f"printf '%s\\0' {words}"], tmp_path).ok().stdout.split("\0")[:-1]:
        alone.claim(text)
    alone.commit().ok()


FAULT = "warning: gitfleet.yaml as staged cannot be used"


@pytest.mark.sample(1)
@pytest.mark.parametrize("mode", ["require-claim", "conflicts-only", "off"])
def test_rules_with_a_fault_are_told_of_when_they_are_committed_and_stop_nothing(
    ada: Gated, mode: str
) -> None:
    ada.policy(commits=mode)
    ada.claim("gitfleet.yaml", "README.md")
    ada.write("gitfleet.yaml", "version: 1\ncommit: warn\n")
    said = ada.commit().ok().stderr
    assert said.count(FAULT) == 1
    assert "did you mean commits?" in said
    ada.write("README.md")
    assert FAULT not in ada.commit().ok().stderr
    ada.write("gitfleet.yaml", "version: [")
    assert "not readable as YAML" in ada.commit().ok().stderr
    ada.write("gitfleet.yaml", "version: 1\n")
    assert FAULT not in ada.commit().ok().stderr


def test_rules_are_looked_at_as_this_commit_takes_them(ada: Gated) -> None:
    ada.claim("gitfleet.yaml", "README.md")
    ada.write("gitfleet.yaml", "version: 1\n")
    (ada.path / "gitfleet.yaml").write_text("version: 1\ncommit: warn\n")
    assert FAULT not in ada.commit().ok().stderr
    ada.write("README.md")
    assert FAULT in ada.commit("-m", "try", "--only", "gitfleet.yaml").ok().stderr
    ada.write("gitfleet.yaml", "zebra: 1\n")
    ada.out("rm", "--quiet", "--force", "gitfleet.yaml")
    assert FAULT not in ada.commit().ok().stderr
