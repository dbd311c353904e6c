"""Which commits no claim covered, by what the ledger says: real commits, real claims, and made-up trailers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.ids import ulid
from gitfleet.claims import grant_history
from gitfleet.claims.grant_history import Grant, Grants
from gitfleet.errors import UsageError
from gitfleet.git.program import Git as GitProgram
from gitfleet.githooks import commit_audit, history
from gitfleet.githooks.commit_audit import Audit
from gitfleet.githooks.history import HistoryCommit
from tests.forms import held
from tests.gatebench import Gated
from tests.operations import ask
from tests.workbench import UNSEEN, Gitfleet

PATH = "src/api/a.py"


def audited(clone: Gated, *revisions: str, since: str | None = None) -> Audit:
    with clone.open() as fleet:
        tip = fleet.ledger.tip()
        assert tip is not None
        granted = grant_history.read(fleet.repository.git, tip)
        made = history.walk(fleet.repository.here, revisions or ("HEAD~1..HEAD",), since=since)
        return commit_audit.audit(made, granted, case_sensitive=fleet.policy.case_sensitive)


def reasons(clone: Gated, *revisions: str) -> list[tuple[str, ...]]:
    return [item.reasons for item in audited(clone, *revisions).uncovered]


def raw(clone: Gated, path: str, message: str, content: str = "raw\n") -> None:
    """A commit that no gate has seen."""
    clone.write(path, content)
    clone.out(*UNSEEN, "commit", "--quiet", "--allow-empty", "-m", message)


def named(clone: Gated, *claims: str, session: str | None = None) -> str:
    lines = [f"Fleet-Session: {session or clone.session}", *(f"Fleet-Claim: {claim}" for claim in claims)]
    return "\n".join(["words", "", *lines])


def test_commit_under_a_claim_is_covered_also_after_it_ended_and_others_came(alone: Gated) -> None:
    alone.claim("src/")
    alone.write(PATH)
    alone.commit().ok()
    assert reasons(alone) == []
    alone.release()
    alone.claim(PATH, session=alone.other)
    assert reasons(alone) == []
    with alone.open() as fleet:
        fleet.sessions.end(alone.session)
    assert reasons(alone) == []


def test_commit_without_trailers_is_reported_with_its_paths(alone: Gated) -> None:
    alone.claim(PATH)
    raw(alone, PATH, "raw")
    (found,) = audited(alone).uncovered
    assert (found.reasons, found.paths, found.claims) == (("unnamed",), (PATH,), ())
    assert (found.commit.subject, found.commit.sessions) == ("raw", ())


@pytest.mark.parametrize(
    "claim", ["01ARZ3NDEKTSV4RRFFQ69G5FAV@3", "x@3", "nonsense", "@", "01ARZ3NDEKTSV4RRFFQ69G5FAV@tentative"]
)
def test_commit_that_names_a_claim_which_never_was_is_reported(alone: Gated, claim: str) -> None:
    raw(alone, PATH, named(alone, claim))
    (found,) = audited(alone).uncovered
    assert (found.reasons, found.claims) == (("unbacked", "outside"), (claim,))


def test_commit_that_names_anothers_claim_or_another_token_is_reported(alone: Gated) -> None:
    claim = alone.claim(PATH, session=alone.other)
    raw(alone, PATH, named(alone, claim))
    assert reasons(alone) == [("unbacked", "outside")]
    identity, _, token = claim.partition("@")
    raw(alone, PATH, named(alone, f"{identity}@{int(token) + 1}", session=alone.other), "more\n")
    assert reasons(alone) == [("unbacked", "outside")]
    raw(alone, PATH, named(alone, claim, session=alone.other), "still more\n")
    assert reasons(alone) == []


def test_commit_with_paths_beside_its_claim_is_reported_with_those(alone: Gated) -> None:
    claim = alone.claim("src/api/")
    alone.write(PATH)
    raw(alone, "docs/readme.md", named(alone, claim))
    (found,) = audited(alone).uncovered
    assert (found.reasons, found.paths, found.claims) == (("outside",), ("docs/readme.md",), ())


def test_commit_that_names_a_made_up_claim_beside_a_good_one_is_reported(alone: Gated) -> None:
    raw(alone, PATH, named(alone, alone.claim(PATH), f"{ulid()}@3"))
    (found,) = audited(alone).uncovered
    assert (found.reasons, found.paths) == (("unbacked",), ())


def test_commit_of_two_sessions_needs_the_claims_of_either(alone: Gated) -> None:
    one, two = alone.claim(PATH), alone.claim("docs/", session=alone.other)
    alone.write(PATH)
    message = f"{named(alone, one)}\nFleet-Session: {alone.other}\nFleet-Claim: {two}"
    raw(alone, "docs/readme.md", message)
    assert reasons(alone) == []


def test_commit_that_changes_nothing_and_merge_that_edits_nothing_are_covered(alone: Gated) -> None:
    alone.out(*UNSEEN, "commit", "--quiet", "--allow-empty", "-m", "empty")
    assert reasons(alone) == []
    alone.out("checkout", "--quiet", "-b", "side", "HEAD~1")
    raw(alone, PATH, "side")
    alone.out("checkout", "--quiet", "main")
    raw(alone, "docs/readme.md", "main")
    alone.out(*UNSEEN, "merge", "--quiet", "--no-edit", "side")
    assert reasons(alone, "HEAD", "^HEAD^1", "^HEAD^2") == []
    assert len(reasons(alone, "HEAD^1..HEAD")) == 1


def test_commit_of_hostile_paths_and_messages_is_read_as_it_is(alone: Gated) -> None:
    alone.claim(os.fsdecode(b"docs/caf\xe9.md"))
    alone.write(os.fsdecode(b"docs/caf\xe9.md"))
    alone.commit().ok()
    assert reasons(alone) == []
    raw(alone, "docs/a\nb\x01.md", "x\n\nFleet-Claim: \x01 \x02\nFleet-Session: ../..")
    (found,) = audited(alone).uncovered
    assert found.paths == ("docs/a\nb\x01.md",)


def test_rebase_keeps_a_commit_covered_and_tentative_claims_are_found_by_their_id(alone: Gated) -> None:
    claim = alone.claim(PATH).partition("@")[0]
    raw(alone, PATH, named(alone, f"{claim}@tentative"))
    assert reasons(alone) == []


def test_claim_that_another_session_has_accepted_covers_each_by_its_own_token(alone: Gated) -> None:
    before = alone.claim(PATH)
    with alone.open() as fleet:
        ask(fleet.ledger, "offer.make", alone.session, {"patterns": [PATH], "to": alone.other})
        ask(fleet.ledger, "offer.accept", alone.other, {})
    after = alone.claim(PATH, session=alone.other)
    assert before != after
    raw(alone, PATH, named(alone, before))
    raw(alone, PATH, named(alone, after, session=alone.other), "more\n")
    raw(alone, PATH, named(alone, after), "again\n")
    raw(alone, PATH, named(alone, before, session=alone.other), "and again\n")
    assert len(reasons(alone, "HEAD~4..HEAD~2")) == 0
    assert len(reasons(alone, "HEAD~2..HEAD")) == 2


def test_grants_are_all_that_ever_were_with_their_time(alone: Gated) -> None:
    one = alone.claim(PATH)
    alone.release()
    two = alone.claim(PATH, session=alone.other)
    with alone.open() as fleet:
        tip = fleet.ledger.tip()
        assert tip is not None
        found = grant_history.read(fleet.repository.git, tip)
    assert len(found) == 2
    (first,), (second,) = found.named(one), found.named(two)
    assert (first.session, first.pattern, first.since, first.until) == (
        alone.session,
        PATH,
        first.token,
        first.token + 1,
    )
    assert (second.session, second.until) == (alone.other, None)
    assert found.generation == tip.generation
    assert found.named("") == found.named("@") == found.named(one.partition("@")[0]) == []


def test_claims_on_resources_are_no_grants_of_paths(alone: Gated) -> None:
    alone.claim("res:gpu")
    assert reasons(alone, "HEAD") == [("unnamed",)]


def test_range_that_git_does_not_know_is_a_usage_error(alone: Gated) -> None:
    for bad in (["nonsense"], ["--output=x"], ["-1"], ["HEAD..nowhere"], [""]):
        with pytest.raises(UsageError):
            audited(alone, *bad)
    assert not (alone.path / "x").exists()


def test_range_can_be_cut_by_date(alone: Gated) -> None:
    assert audited(alone, "HEAD").commits == 1
    assert audited(alone, "HEAD", since="2024-06-01").commits == 0
    for bad in ("garbage", "now", "2099-01-01", "--all"):
        with pytest.raises(UsageError, match="not a time in the past"):
            audited(alone, "HEAD", since=bad)


def made(
    paths: Sequence[str], claims: Sequence[str], sessions: Sequence[str] = ("s",), author: str = "a"
) -> HistoryCommit:
    return HistoryCommit("0" * 40, 1, author, "subject", tuple(sessions), tuple(claims), tuple(paths))


def test_counts_are_by_author_and_session() -> None:
    granted = Grants(9, [Grant("c", 3, "s", "src/**", 3, None)])
    commits = [
        made(["src/a"], ["c@3"]),
        made(["x"], [], ()),
        made(["x"], ["c@3"], ("s", "t"), "b"),
        made([], [], ()),
    ]
    found = commit_audit.audit(commits, granted, case_sensitive=False)
    assert found.commits == 4
    assert {who: dict(tally) for who, tally in found.by_author.items()} == {
        "a": {"commits": 3, "uncovered": 1},
        "b": {"commits": 1, "uncovered": 1},
    }
    assert {who: tally["uncovered"] for who, tally in found.by_session.items()} == {"s": 1, "": 1, "t": 1}


@pytest.mark.parametrize(("token", "ahead"), [("10", True), ("9", False), ("x", False), ("9" * 40, False)])
def test_claim_younger_than_the_ledger_is_said_to_be_ahead(token: str, *, ahead: bool) -> None:
    found = commit_audit.judge(made(["x"], [f"c@{token}"]), Grants(9, []), case_sensitive=False)
    assert found is not None
    assert found.ahead is ahead


def test_case_counts_where_the_rules_say_so() -> None:
    granted = Grants(9, [Grant("c", 3, "s", "README.md", 3, None)])
    one = made(["readme.MD"], ["c@3"])
    assert commit_audit.judge(one, granted, case_sensitive=False) is None
    assert commit_audit.judge(one, granted, case_sensitive=True) is not None


# The command.


def asked(gitfleet: Gitfleet, clone: Gated, *args: str, code: int = 0) -> Any:
    ran = gitfleet(clone.path, "audit", *args, "--json", env=clone.as_session(clone.session)).ended(code)
    answer = ran.json()
    held(answer, code)
    return answer


def test_command_ends_with_16_when_a_commit_is_not_covered(alone: Gated, gitfleet: Gitfleet) -> None:
    alone.claim(PATH)
    alone.write(PATH)
    alone.commit().ok()
    answer = asked(gitfleet, alone, "HEAD~1..HEAD")
    assert answer["status"] == "ok"
    assert (answer["data"]["commits"], answer["data"]["covered"], answer["data"]["grants"]) == (1, 1, 1)
    raw(alone, "docs/\x1b[31m.md", "sneaky \x1b[31m")
    answer = asked(gitfleet, alone, "HEAD~2..", code=16)
    assert answer["status"] == "uncovered"
    assert answer["data"]["by_session"] == [
        {"session": "", "commits": 1, "uncovered": 1},
        {"session": alone.session, "commits": 1, "uncovered": 0},
    ]
    said = gitfleet(alone.path, "audit", "HEAD~2..").ended(16).stdout
    assert "2 commits, 1 covered, 1 not" in said
    assert "names no claim" in said
    assert "\x1b" not in said


def test_command_warns_of_what_this_clone_does_not_know_yet(ada: Gated, gitfleet: Gitfleet) -> None:
    raw(ada, PATH, named(ada, f"{ulid()}@99"))
    (warning,) = asked(gitfleet, ada, "HEAD~1..", code=16)["warnings"]
    assert "gitfleet sync" in warning


def test_command_in_a_clone_whose_history_is_cut_off_says_so(ada: Gated, gitfleet: Gitfleet) -> None:
    (ada.path / ".git/shallow").write_text(ada.out("rev-parse", "HEAD") + "\n")
    (warning,) = asked(gitfleet, ada, "HEAD", code=16)["warnings"]
    assert "cut off" in warning


def test_command_outside_of_a_fleet_is_a_usage_error(repository: Path, gitfleet: Gitfleet) -> None:
    gitfleet(repository, "audit", "HEAD").ended(2)


def test_command_in_a_clone_with_a_missing_record_says_so(alone: Gated, gitfleet: Gitfleet) -> None:
    alone.claim(PATH)
    alone.release()
    git = GitProgram(str(alone.path / ".git"))
    rows = git.run("log", "--all", "--raw", "--no-abbrev", "--format=", "--", "claims").decode().split()
    blob = next(word for word in rows if len(word) == 40 and word.strip("0"))
    (alone.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert "missing" in gitfleet(alone.path, "audit", "HEAD").ended(20).stderr
