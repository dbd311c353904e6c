"""`claim`, `release`, `claims` and `check` as people and agents meet them: what is said where, and the exit code."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.workbench import Ran

ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m"


def said(ran: Ran, *words: str) -> Ran:
    """Itself, having asserted that a refusal is on stderr alone, with a next step and without control characters."""
    assert ran.stdout == "", ran
    assert "next: " in ran.stderr, ran
    for word in words:
        assert word in ran.stderr, f"{word!r} was not said\n{ran}"
    return quiet(ran)


def quiet(ran: Ran) -> Ran:
    for text in (ran.stdout, ran.stderr):
        assert all(line.isprintable() for line in text.split("\n")), repr(text)
    return ran


def claims(cli: Cli, *args: str) -> dict[str, Any]:
    rows = cli("claims", *args, "--json").ok().json()["data"]["claims"]
    return {row["pattern"]: row for row in rows}


def test_claim_says_what_was_granted_and_again_what_is_held(cli: Cli) -> None:
    ran = cli("claim", "src", "README.md", "--reason", "because").ok()
    assert ran.stdout.splitlines()[0].startswith("claimed: src, token ")
    assert ran.stderr == ""
    assert claims(cli)["README.md"]["reason"] == "because"
    assert "already held, renewed: src," in cli("claim", "src/api/a.py").ok().stdout


def test_claim_of_what_another_holds_names_holder_and_next_step(cli: Cli) -> None:
    cli("claim", "src/", "--reason", "refactoring", env=cli.other).ok()
    ran = cli("claim", "LICENSE", "src/api/a.py").ended(10)
    said(
        ran,
        cli.clone.other,
        "refactoring",
        "src/api/a.py",
        "exclusive claim on src/",
        "left",
        "not granted; nothing was",
    )
    answer = cli("claim", "src/api/a.py", "--json").ended(10).json()
    assert (answer["status"], answer["command"]) == ("conflict", "claim")
    (item,) = answer["data"]["error"]["conflicts"]
    assert (item["session"], item["witness"]) == (cli.clone.other, "src/api/a.py")
    assert "LICENSE" not in claims(cli)


def test_claim_of_a_part_takes_what_is_free(cli: Cli) -> None:
    cli("claim", "src/", env=cli.other).ok()
    ran = cli("claim", "src/x", "docs/", "--partial").ended(21)
    assert "claimed: docs/" in ran.stdout
    assert f"not granted: src/x: held by session {cli.clone.other}" in ran.stdout
    answer = cli("claim", "src/x", "docs/", "--partial", "--json").ended(21).json()
    assert answer["status"] == "partial"
    assert [item["path"] for item in answer["data"]["refused"]] == ["src/x"]
    cli("claim", "src/x", "--partial").ended(10)


def test_claim_of_everything_is_refused_by_policy_and_allowed_by_it(cli: Cli) -> None:
    said(cli("claim", ".").ended(16), "everything")
    assert cli("claim", "**", "--json").ended(16).json()["status"] == "policy-refused"
    cli.clone.policy(everything=True)
    assert "claimed: **" in cli("claim", ".").ok().stdout


@pytest.mark.sample(12)
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["claim"], "PATH"),
        (["claim", ""], "empty"),
        (["claim", "../x"], "`..`"),
        (["claim", "/etc/passwd"], "outside"),
        (["claim", "!x"], "excludes"),
        (["claim", "a\nb"], "control character"),
        (["claim", f"a{ESCAPES}"], "control character"),
        (["claim", "a" * 4097], "longer than 4096"),
        (["claim", "x", "--ttl", "5s"], "between"),
        (["claim", "x", "--ttl", "2d"], "between"),
        (["claim", "x", "--ttl", ""], "not a duration"),
        (["claim", "x", "--ttl", "soon"], "not a duration"),
        (["claim", "x", "--shared", "--exclusive"], "either shared or exclusive"),
        (["claim", "x", "--timeout", "5s"], "need --wait"),
        (["claim", "x", "--priority", "90"], "need --wait"),
        (["claim", "d/" * 401], "more than 256 parts"),
        (["claim", "x", "--reason", "r" * 5000], "4096"),
        (["claim", "x", "--session", ""], "not a session id"),
        (["claim", "x", "--session", "../x"], "not a session id"),
        (["claim", "x", "--session", f"a{ESCAPES}"], "not a session id"),
        (["claim", "x", "--session", "nobody-1"], "no session 'nobody-1'"),
        (["release", "x", "--all"], "--all as well"),
        (["check"], "PATH"),
        (["check", "/nowhere"], "outside"),
        (["claims", "--session", "a/b"], "not a session id"),
        (["claims", "--older-than", "old"], "not a duration"),
        (["log", "--session", "a/b"], "not a session id"),
        (["session", "show", "a/b"], "not a session id"),
        (["session", "end", ""], "not a session id"),
        (["session", "end", "a/b"], "not a session id"),
        (["session", "start", "--id", ""], "not a session id"),
        (["session", "start", "--id", "-x"], "not a session id"),
        (["session", "adopt", "--pid", "0"], "no process"),
        (["-C", "/nowhere", "check", "x"], "/nowhere"),
        (["frobnicate"], "frobnicate"),
        (["claim", "x", "--frobnicate"], "--frobnicate"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)  # fmt: skip
def test_request_that_makes_no_sense_ends_with_2_in_words_and_in_json(
    cli: Cli, args: list[str], words: str
) -> None:
    before = cli.clone.fleets.tip("alone")
    said(cli(*args).ended(2), words)
    answer = cli(*args, "--json").ended(2).json()
    assert set(answer) == {"schema_version", "command", "status", "data", "warnings"}
    assert answer["data"]["error"]["message"]
    assert cli.clone.fleets.tip("alone") == before
    assert cli.clone.fleets.waiting("alone") == []


def test_request_for_too_many_paths_ends_with_2(cli: Cli) -> None:
    said(cli("claim", *[f"f{n}" for n in range(1001)]).ended(2), "1001")
    cli("claim", *[f"f{n}" for n in range(1000)]).ok()


def test_release_lets_go_own_claims_only(cli: Cli) -> None:
    cli("claim", "src/", "docs/", "README.md").ok()
    cli("claim", "LICENSE", env=cli.other).ok()
    said(cli("release", "LICENSE").ended(10), cli.clone.other, "not this session's")
    said(cli("release", "src/api/a.py").ended(2), "only part")
    before = cli.clone.fleets.tip("alone")
    assert cli("release", "nothing").ok().stdout == "not held by anybody: nothing\n"
    assert cli.clone.fleets.tip("alone") == before
    assert cli("release", "docs").ok().stdout == "released: docs/\n"
    assert set(cli("release", "--all").ok().stdout.splitlines()) == {"released: README.md", "released: src/"}
    before = cli.clone.fleets.tip("alone")
    assert cli("release", "--all").ok().stdout == "nothing to release\n"
    answer = cli("release", "--all", "--json").ok().json()["data"]
    assert answer == {"session": answer["session"], "outcome": "confirmed", "generation": -1, "commit": "",
                      "operation": "", "released": [], "not_held": [], "served": []}  # fmt: skip
    assert cli.clone.fleets.tip("alone") == before
    assert set(claims(cli)) == {"LICENSE"}


@pytest.mark.parametrize("words", [("release",), ("release", "--all")], ids=" ".join)
def test_release_without_paths_lets_go_of_all_that_the_session_claims(
    cli: Cli, words: tuple[str, ...]
) -> None:
    cli("claim", "src/", "README.md").ok()
    cli("claim", "LICENSE", env=cli.other).ok()
    assert set(cli(*words).ok().stdout.splitlines()) == {"released: README.md", "released: src/"}
    assert cli(*words, "--json").ok().json()["data"]["released"] == []
    assert set(claims(cli)) == {"LICENSE"}


def test_shared_claims_meet_and_upgrade_only_alone(cli: Cli) -> None:
    cli("claim", "docs/", "--shared").ok()
    cli("claim", "docs/", "--shared", env=cli.other).ok()
    said(cli("claim", "docs/", "--exclusive").ended(10), "shared claim")
    cli("release", "--all", env=cli.other).ok()
    assert cli("claim", "docs/", "--exclusive").ok().stdout.startswith("claimed: docs/, token")


def test_check_answers_with_state_and_exit_code(cli: Cli) -> None:
    cli("claim", "src/").ok()
    cli("claim", "docs/", env=cli.other).ok()
    assert cli("check", "src/a", "new").ok().stdout == "mine    src/a\nfree    new\n"
    ran = cli("check", "src/a", "docs/a").ended(10)
    assert ran.stdout.splitlines()[1].startswith(f"theirs  docs/a: held by session {cli.clone.other}")
    answer = cli("check", "src/a", "docs/a", "--json").ended(10).json()
    assert [row["state"] for row in answer["data"]["paths"]] == ["mine", "theirs"]
    assert answer["data"]["session"] == cli.clone.session
    assert cli("check", "src/a", env=cli.nobody).ended(10).stdout.startswith("theirs  src/a")


def test_check_on_old_knowledge_is_unverifiable(hub_cli: Cli) -> None:
    os.utime(hub_cli.clone.fleets.state("ada") / "seen", (1, 1))
    ran = hub_cli("check", "free").ended(13)
    assert ran.stdout == "unknown free\n"
    assert "gitfleet sync" in ran.stderr
    assert hub_cli("check", "free", "--json").ended(13).json()["status"] == "unverifiable"
    hub_cli("sync").ok()
    hub_cli("check", "free").ok()


def test_claim_without_the_hub_says_that_it_is_tentative(hub_cli: Cli) -> None:
    shutil.move(hub_cli.clone.fleets.hub, hub_cli.clone.fleets.root / "away.git")
    ran = hub_cli("claim", "src/").ok()
    assert "claimed: src/ (tentative" in ran.stdout
    assert "tentative until the hub agrees" in ran.stderr
    answer = hub_cli("claim", "src/", "--json").ok().json()
    assert (answer["status"], answer["data"]["outcome"]) == ("tentative", "tentative")
    assert "tentative" in hub_cli("claims").ok().stdout
    said(hub_cli("sync").ended(30), "origin")
    assert hub_cli("sync", "--json").ended(30).json()["status"] == "hub-unreachable"


@pytest.mark.parametrize(
    "name", ["two words", 'it\'s "q"', "-dash", "--json", "$HOME", "caf\u00e9", "#x", "a\\b"]
)
def test_names_that_shells_and_options_stumble_over_go_around(cli: Cli, name: str) -> None:
    (cli.clone.path / name).write_text("x\n")
    text = name.replace("\\", "\\\\")  # what a text means does not depend on what lies there
    cli("claim", "--", text).ok()
    assert cli("check", "--", text).ok().stdout.startswith("mine")
    (pattern,) = claims(cli)
    assert cli("release", "--", pattern).ok().stdout == f"released: {pattern}\n"


def test_names_that_are_no_utf8_go_around(cli: Cli) -> None:
    name = os.fsdecode(b"docs/caf\xe9 \xff.md")
    cli("claim", name).ok()
    assert claims(cli)[name]["pattern"] == name
    assert "caf\\xe9 \\xff.md" in cli("claims").ok().stdout
    assert cli("check", name).ok().stdout == "mine    docs/caf\\xe9 \\xff.md\n"
    answer = cli("check", name, "--json").ok()
    assert answer.stdout.isascii()
    assert answer.json()["data"]["paths"][0]["path"] == name
    cli("release", name).ok()


def test_case_and_unicode_spellings_are_one_path(cli: Cli) -> None:
    cli("claim", "README.md", "docs/caf\u00e9.md", env=cli.other).ok()
    for name in ("readme.md", "ReadMe.MD", "docs/cafe\u0301.md", "DOCS/CAF\u00c9.md"):
        cli("check", name).ended(10)


def test_claims_are_listed_by_path_session_and_age(cli: Cli) -> None:
    cli("claim", "src/", "b").ok()
    cli("claim", "docs/", env=cli.other).ok()
    assert [line.split()[0] for line in cli("claims").ok().stdout.splitlines()] == [
        "PATH",
        "b",
        "docs/",
        "src/",
    ]
    assert set(claims(cli, "--session", cli.clone.other)) == {"docs/"}
    assert set(claims(cli, "src/x", "docs/y")) == {"src/", "docs/"}
    assert claims(cli, "--older-than", "1h") == {}
    assert set(claims(cli, "--older-than", "0s")) == {"b", "docs/", "src/"}
    assert cli("claims", "nothing/here").ok().stdout == "no claims\n"


def test_absolute_paths_and_other_folders_mean_the_same(cli: Cli, tmp_path: Path) -> None:
    top = cli.clone.path
    (tmp_path / "link").symlink_to(top)
    cli("claim", str(top / "src"), str(tmp_path / "link/docs/readme.md")).ok()
    assert set(claims(cli)) == {"src", "docs/readme.md"}
    assert cli("-C", "src/api", "check", "src/api/a.py").ok().stdout == "mine    src/api/a.py\n"


def test_text_of_others_never_reaches_the_terminal_raw(cli: Cli) -> None:
    cli.clone.out("checkout", "--quiet", "-b", "evil\u202ebranch")
    started = cli("session", "start", "--id", "evil-1", "--title", f"t{ESCAPES}", "--agent", f"a{ESCAPES}")
    quiet(started.ok())
    evil = cli.clone.as_session("evil-1")
    quiet(cli("claim", "src/", "a\u202eb", "--reason", f"r{ESCAPES}", env=evil).ok())
    for args, code in [
        (["claim", "src/"], 10), (["claim", "src/", "x", "--partial"], 21), (["check", "src/"], 10), (["claims"], 0),
        (["release", "src/"], 10), (["session", "list"], 0), (["session", "show", "evil-1"], 0), (["log"], 0),
        (["session", "start", "--id", "evil-1"], 0), (["status"], 0), (["session", "end", "evil-1"], 0),
    ]:  # fmt: skip
        quiet(cli(*args).ended(code))
        answer = cli(*args, "--json").stdout
        assert answer.isascii()
        assert "\x1b" not in answer
        json.loads(answer)


def test_session_to_end_is_named_once_and_by_an_id(cli: Cli) -> None:
    ran = cli("session", "end", "--session", cli.clone.session, cli.clone.other).ended(2)
    assert "Two sessions were named" in ran.stderr
    assert "gitfleet: '../x' is not a session id." in cli("offer", "--to", "../x", "src/").ended(2).stderr
    cli("session", "end", "--session", cli.clone.other, cli.clone.other).ok()
