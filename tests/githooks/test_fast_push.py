"""The quick way to yes for a push says nothing that the full gate would not, and what is plain it does say."""

from __future__ import annotations

import sys

import pytest

from gitfleet.githooks import fast_push
from tests.gatebench import GATE, Gated, refused
from tests.workbench import run

ZERO = "0" * 40


def line(clone: Gated, ref: str = "refs/heads/main", new: str = "HEAD") -> bytes:
    """What git tells the hook of one ref."""
    oid = new if new == ZERO else clone.out("rev-parse", new)
    return f"refs/heads/main {oid} {ref} {ZERO}\n".encode()


@pytest.fixture
def quick(ada: Gated, monkeypatch: pytest.MonkeyPatch) -> Gated:
    """A clone with a commit that names its claim, in whose place the quick way is asked."""
    ada.claim("src/")
    ada.write("src/api/a.py")
    ada.commit().ok()
    monkeypatch.setenv("GITFLEET_SESSION", ada.session)
    monkeypatch.chdir(ada.path)
    return ada


def said(clone: Gated, *lines: bytes) -> bool:
    try:
        return fast_push.quick(b"".join(lines) or line(clone))
    except Exception:  # noqa: BLE001 - a doubt of whatever kind
        return False


def named(clone: Gated, path: str, *trailers: str) -> None:
    """A commit whose trailers say what a test wants."""
    clone.write(path, f"{trailers}\n")
    tree = clone.out("write-tree")
    body = "\n".join(trailers)
    made = clone.out("commit-tree", tree, "-p", "HEAD", "-m", f"made\n\n{body}")
    clone.out("update-ref", "refs/heads/main", made)


def test_push_of_commits_that_name_standing_claims_is_answered_at_once(quick: Gated) -> None:
    assert said(quick)
    assert said(quick, line(quick), line(quick, "refs/heads/other"), line(quick, "refs/heads/gone", ZERO))
    quick.git("push", "--quiet", "origin", "HEAD:refs/heads/main").ok()
    assert said(quick)  # nothing new


def test_push_that_is_answered_at_once_loads_the_standard_library_alone(quick: Gated) -> None:
    words = [sys.executable, "-X", "importtime", "-I", "-S", str(GATE), "pre-push", "origin", "url"]
    ran = run(words, quick.path, stdin=line(quick).decode(), env={"GITFLEET_SESSION": quick.session}).ok()
    loaded = {
        one.rsplit("|", 1)[1].strip() for one in ran.stderr.splitlines() if one.startswith("import time:")
    }
    assert "gitfleet.githooks.fast_push" in loaded
    assert not loaded & {
        "gitfleet.githooks.push_gate",
        "re",
        "json",
        "dataclasses",
        "subprocess",
        "site",
        "tempfile",
    }


@pytest.mark.parametrize("ref", ["refs/fleet/coord", "refs/fleet/nodes/x", "refs/fleet-hub/origin/trunk"])
def test_push_to_the_fleets_own_refs_is_for_the_full_gate(quick: Gated, ref: str) -> None:
    assert not said(quick, line(quick), line(quick, ref))
    assert not said(quick, line(quick), line(quick, ref, ZERO))


@pytest.mark.parametrize(
    "trailers",
    [
        ("Fleet-Session: {session}",),
        ("Fleet-Session: {session}", "Fleet-Claim: {id}@{older}"),
        ("Fleet-Session: {session}", "Fleet-Claim: {id}@{newer}"),
        ("Fleet-Session: {session}", "Fleet-Claim: {id}@{token}", "Fleet-Claim: {id}@{newer}"),
        ("Fleet-Session: {session}", "Fleet-Claim: {id}@tentative"),
        ("Fleet-Session: {other}", "Fleet-Claim: {id}@{token}"),
        ("Fleet-Claim: {id}@{token}",),
        ("Fleet-Session: {session}", "Fleet-Claim: {id}"),
    ],
)
def test_commit_that_names_anything_else_is_for_the_full_gate(
    quick: Gated, trailers: tuple[str, ...]
) -> None:
    claim, _, token = quick.trailers()[1].removeprefix("Fleet-Claim: ").partition("@")
    facts = {"session": quick.session, "other": quick.other, "id": claim, "token": token}
    facts |= {"older": str(int(token) - 1), "newer": str(int(token) + 1)}
    named(quick, "src/api/b.py", *(text.format(**facts) for text in trailers))
    assert not said(quick)


def test_commit_that_changes_more_than_its_claims_cover_is_for_the_full_gate(quick: Gated) -> None:
    session, claim = quick.trailers()
    named(quick, "README.md", session, claim)
    assert not said(quick)
    refused(quick.git("push", "origin", "main"), "README.md")


def test_commit_whose_claim_was_released_is_for_the_full_gate(quick: Gated) -> None:
    quick.release("src/")
    assert not said(quick)
    quick.claim("src/")  # another grant than the one that the commit names
    assert not said(quick)


@pytest.mark.parametrize("what", ["a message", "a notice", "an offline claim", "nobody", "case", "no hub"])
def test_push_with_something_to_be_said_or_found_out_is_for_the_full_gate(
    quick: Gated, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(quick)
    state = quick.fleets.state("ada")
    if what == "a message":
        with quick.open() as fleet:
            fleet.claims.tell(quick.other, quick.session, "hello")
    elif what == "a notice":
        with quick.open() as fleet:
            fleet.ledger.notices.leave(quick.session, "news", kind="lost")
    elif what == "an offline claim":
        (state / "outbox/tentative").mkdir(parents=True, exist_ok=True)
        (state / "outbox/tentative/x").write_text("")
    elif what == "nobody":
        monkeypatch.delenv("GITFLEET_SESSION")
    elif what == "case":
        quick.policy(case_sensitive=True)
    else:
        node = (state / "node.json").read_text()
        (state / "node.json").write_text(node.replace('"hub":"origin"', '"hub":""'))
    assert not said(quick)


def test_full_gate_reads_what_the_quick_one_has_read(quick: Gated) -> None:
    named(quick, "README.md")
    refused(quick.git("push", "origin", "main"), "README.md", "has not claimed")
    told = line(quick, "refs/heads/NUMBER").decode()
    lines = "".join(told.replace("NUMBER", str(number)) for number in range(2000))  # more than a pipe holds
    words = [sys.executable, "-I", "-S", str(GATE), "pre-push", "origin", "url"]
    ran = run(words, quick.path, stdin=lines, env={"GITFLEET_SESSION": quick.session})
    assert ran.returncode == 16
