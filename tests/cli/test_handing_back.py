"""`queue process` and what it hands back: who is told what, how it comes back, stacks, and what needs an approval; with real hubs."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base import clock
from tests.cli.conftest import Cli
from tests.gatebench import Copies
from tests.operations import ask
from tests.workbench import Gitfleet

LINES = [f"line {number}" for number in range(20)]
NO_BAD = '["sh", "-c", "echo looking; ! grep -rn BAD . --include=*.txt"]'


def edited(number: int, text: str) -> str:
    return "".join(f"{text if at == number else line}\n" for at, line in enumerate(LINES))


class Pair:
    """Two clones of one hub whose trunk has `long.txt` and rules for the queue."""

    def __init__(self, ada: Cli, bob: Cli, rules: str) -> None:
        self.ada, self.bob = ada, bob
        self.on_main(
            "the rules", **{"gitfleet.yaml": f"version: 1\nqueue: {{{rules}}}\n", "long.txt": edited(-1, "")}
        )
        for cli in (ada, bob):
            cli("sync").ok()
            cli.clone.out("fetch", "--quiet")
            cli.clone.out("reset", "--quiet", "--hard", "origin/main")

    def on_main(self, message: str, **files: str) -> str:
        """A commit on the trunk that no queue knows of; its id."""
        clone = self.bob.clone
        clone.out("fetch", "--quiet")
        clone.out("switch", "--quiet", "--detach", "origin/main")
        for path, text in files.items():
            clone.write(path, text)
        quiet = ("-c", "core.hooksPath=/dev/null")
        clone.git(*quiet, "commit", "--quiet", "--no-verify", "-m", message).ok()
        clone.git(*quiet, "push", "--quiet", "--no-verify", "origin", "HEAD:main").ok()
        return clone.out("rev-parse", "HEAD")

    def branch(self, name: str, text: str, *, path: str = "", upon: str = "origin/main") -> str:
        """A branch of ada's with one commit under a claim; its head."""
        self.ada.clone.out("fetch", "--quiet")
        self.ada.clone.out("switch", "--quiet", "--no-track", "--create", name, upon)
        return self.commit(path or f"{name}.txt", text, name)

    def commit(self, path: str, text: str, message: str = "repair", *, push: bool = False) -> str:
        self.ada("claim", path).ok()
        self.ada.clone.write(path, text)
        self.ada.clone.commit("-m", message).ok()
        if push:
            self.ada.clone.out("push", "--quiet", "--force", "origin", "HEAD")
        return self.ada.clone.out("rev-parse", "HEAD")

    def add(self, *args: str) -> dict[str, Any]:
        return dict(self.ada("queue", "add", "--json", *args).ok().json()["data"]["entry"])

    def process(self, code: int, cli: Cli | None = None) -> dict[str, Any]:
        ran = (cli or self.bob)("queue", "process", "--json")
        assert ran.returncode == code, ran
        return dict(ran.json()["data"])

    def states(self) -> dict[str, tuple[str, str]]:
        """By branch, the state of each entry and its reason, as bob's clone knows them."""
        rows = self.bob("queue", "list", "--json").ok().json()["data"]["entries"]
        return {row["branch"]: (row["state"], row["reason"]) for row in reversed(rows)}

    def why(self, name: str, cli: Cli | None = None) -> dict[str, Any]:
        return dict((cli or self.bob)("queue", "why", name, "--json").ok().json()["data"])


@pytest.fixture
def pair(copies: Copies, gitfleet: Gitfleet, request: pytest.FixtureRequest) -> Pair:
    """Two clones; the gate refuses a tree with BAD in a text file, unless a test gives other rules."""
    ada, bob = (Cli(copies.clone(name), gitfleet) for name in ("ada", "bob"))
    return Pair(ada, bob, getattr(request, "param", f"gate: {NO_BAD}"))


def told(cli: Cli) -> str:
    """What the session is told at its next commands."""
    return cli("sync").ok().stderr + cli("claims").ok().stderr


def test_conflict_with_a_landed_entry_names_it_and_shows_the_hunks(pair: Pair) -> None:
    pair.branch("one", edited(5, "of one"), path="long.txt")
    one = pair.add("--title", "The first")
    pair.process(0)
    pair.branch("two", edited(5, "of two"), path="long.txt", upon=one["base"])
    two = pair.add("--title", "The second")
    pair.process(21)
    found = pair.why("two")
    assert (found["state"], found["reason"], found["next"]) == (
        "conflicted", "conflict", "gitfleet queue add --branch two",
    )  # fmt: skip
    evidence = found["evidence"]
    assert (evidence["entry"], evidence["branch"], evidence["title"], evidence["session"]) == (
        one["id"], "one", "The first", "ada-1",
    )  # fmt: skip
    assert evidence["paths"] == ["long.txt"]
    assert "<<<<<<< main\nof one\n=======\nof two\n>>>>>>> two" in evidence["hunks"]
    said = told(pair.ada)
    assert (
        "Your branch two conflicts with main (one (The first) of ada-1), and comes back to you: long.txt."
        in said
    )
    assert f"`gitfleet queue why {two['id']}`" in said


@pytest.mark.sample(1)
@pytest.mark.parametrize("pair", ["gate: none, method: squash", "gate: none, method: rebase"], indirect=True)
def test_conflict_with_a_plain_commit_names_its_author_and_subject_among_others(pair: Pair) -> None:
    start = pair.on_main("before", **{"x.txt": "x\n"})
    pair.on_main("touches another line", **{"long.txt": edited(15, "fifteen")})
    theirs = pair.on_main("their change", **{"long.txt": edited(5, "theirs")})
    pair.on_main("after", **{"long.txt": edited(5, "theirs").replace("line 18", "eighteen")})
    pair.branch("two", edited(5, "of two"), path="long.txt", upon=start)
    pair.add()
    pair.process(21)
    evidence = pair.why("two")["evidence"]
    assert (evidence["theirs"], evidence["title"], evidence["author"]) == (
        theirs, "their change", pair.bob.clone.out("log", "-1", "--format=%an", theirs),
    )  # fmt: skip
    assert "entry" not in evidence


@pytest.mark.always
def test_rejected_entry_has_the_end_of_the_log_and_another_clone_fetches_all_of_it(pair: Pair) -> None:
    pair.branch("bad", "BAD\n")
    pair.add()
    pair.process(21)
    found = pair.why("bad", pair.bob)
    assert (found["state"], found["reason"]) == ("rejected", "gate-failed")
    assert "bad.txt:1:BAD" in found["evidence"]["log"]
    pair.ada("sync").ok()
    shown = pair.ada("queue", "show", "bad").ok().stdout
    assert f"all of its log: `gitfleet queue show --log {found['id']}`" in shown
    assert (
        "to be repaired by: ada-1, within 23h59m; it may come back 2 times more" in shown
        or "within 1d" in shown
    )
    for cli in (pair.ada, pair.bob):
        assert cli("queue", "show", "bad", "--log").ok().stdout.splitlines() == ["looking", "./bad.txt:1:BAD"]
    data = pair.ada("queue", "show", "bad", "--log", "--json").ok().json()["data"]
    assert data["log"] == "looking\n./bad.txt:1:BAD\n"


def test_log_of_what_never_failed_is_said_to_be_none(pair: Pair) -> None:
    pair.branch("good", "good\n")
    pair.add()
    ran = pair.ada("queue", "show", "good", "--log").ok()
    assert (ran.stdout, "there is no log" in ran.stderr) == ("", True)


def test_only_a_new_head_counts_as_repaired_and_so_often_as_the_rules_say(pair: Pair) -> None:
    pair.branch("bad", "BAD\n")
    entry = pair.add()
    pair.process(21)
    ran = pair.ada("queue", "add")
    assert (ran.returncode, "only a new commit on it counts as a repair" in ran.stderr) == (10, True)
    assert pair.process(0)["runs"] == 0
    for number in (1, 2):
        head = pair.commit("bad.txt", f"BAD {number}\n", push=True)
        done = pair.process(21)
        assert [row["head"] for row in done["rejected"]] == [head]
        assert done["rejected"][0]["tries"] == number
    pair.commit("bad.txt", "good at last\n", push=True)
    assert pair.process(0)["runs"] == 0
    found = pair.why("bad")
    assert "It has come back 2 times, and no more is accepted" in found["why"]
    assert found["next"] == f"gitfleet queue drop {entry['id']}"
    assert pair.ada("queue", "add").returncode == 16


def test_repair_on_the_hub_is_tested_by_the_next_round_with_its_new_base(pair: Pair) -> None:
    pair.branch("one", edited(5, "of one"), path="long.txt")
    base = pair.add()["base"]
    pair.process(0)
    pair.branch("two", edited(5, "of two"), path="long.txt", upon=base)
    entry = pair.add()
    pair.process(21)
    clone = pair.ada.clone
    clone.out("fetch", "--quiet")
    clone.git("merge", "--quiet", "origin/main")
    head = pair.commit("long.txt", edited(5, "of one and two"), "merge", push=True)
    done = pair.process(0)
    assert [(row["id"], row["head"], row["tries"]) for row in done["landed"]] == [(entry["id"], head, 1)]
    assert done["landed"][0]["base"] != base


def test_task_that_nobody_can_receive_is_shown_as_one(pair: Pair) -> None:
    pair.branch("bad", "BAD\n")
    pair.add()
    pair.ada("session", "end", "ada-1").ok()
    pair.process(21)
    assert "Nobody can receive it: there is no session ada-1 any more." in pair.why("bad")["why"]
    assert "Nobody can receive it" in pair.bob("queue", "list").ok().stdout
    assert "to be repaired by: nobody: its session has ended" in pair.bob("queue", "show", "bad").ok().stdout


def test_branch_that_moved_while_it_was_queued_is_stale_until_it_is_added_again_or_returns(
    pair: Pair,
) -> None:
    head = pair.branch("feat", "one\n")
    pair.add()
    pair.ada("queue", "hold", "feat").ok()
    pair.commit("feat.txt", "two\n", push=True)
    pair.process(11)
    found = pair.why("feat")
    assert (found["state"], found["reason"], found["next"]) == (
        "stale", "stale", "gitfleet queue add --branch feat",
    )  # fmt: skip
    pair.ada.clone.out("push", "--quiet", "--force", "origin", f"{head}:feat")
    assert [row["head"] for row in pair.process(0)["landed"]] == [head]


def test_why_needs_neither_the_branch_nor_the_hub(pair: Pair) -> None:
    pair.branch("bad", "BAD\n")
    pair.add()
    pair.process(21, pair.ada)
    pair.bob("sync").ok()
    hub = pair.bob.clone.fleets.hub
    hub.rename(hub.with_suffix(".away"))
    assert pair.bob.clone.git(
        "cat-file", "-e", pair.bob("queue", "show", "bad", "--json").json()["data"]["entry"]["head"]
    ).returncode
    found = pair.why("bad")
    assert (found["reason"], bool(found["evidence"]["log"]), bool(found["next"])) == (
        "gate-failed",
        True,
        True,
    )


METHODS = [f"gate: {NO_BAD}, method: {method}" for method in ("merge", "squash", "rebase")]


def stack(pair: Pair) -> None:
    """Four branches, each upon the one before, the third of them bad; the topmost is added."""
    upon = "origin/main"
    for number in range(1, 5):
        pair.branch(f"s{number}", "BAD\n" if number == 3 else f"{number}\n", upon=upon)
        upon = f"s{number}"
    data = pair.ada("queue", "add", "--json").ok().json()["data"]
    assert [row["branch"] for row in data["below"]] == ["s1", "s2", "s3"]
    assert [row["stack"] for row in (*data["below"][1:], data["entry"])] == [
        row["id"] for row in data["below"]
    ]


@pytest.mark.sample(1)
@pytest.mark.parametrize("pair", METHODS, indirect=True)
def test_longest_good_part_of_a_stack_lands_in_one_push_and_the_rest_after_its_repair(pair: Pair) -> None:
    stack(pair)
    before = pair.bob.clone.git("rev-list", "--count", "main", at=pair.bob.clone.fleets.hub).ok().stdout
    done = pair.process(21)
    assert [row["branch"] for row in done["landed"]] == ["s1", "s2"]
    state = pair.bob("queue", "stats", "--json").ok().json()["data"]
    assert state["counts"]["landings"] == 1, before
    assert pair.states() == {
        "s1": ("landed", "landed"), "s2": ("landed", "landed"), "s3": ("rejected", "gate-failed"), "s4": ("blocked", "stack"),
    }  # fmt: skip
    found = pair.why("s4")
    assert (found["evidence"]["branch"], found["next"]) == (
        "s3",
        f"gitfleet queue why {found['evidence']['entry']}",
    )
    pair.ada.clone.out("switch", "--quiet", "s3")
    pair.commit("s3.txt", "good\n", push=True)
    assert [row["branch"] for row in pair.process(0)["landed"]] == ["s3", "s4"]
    pair.bob.clone.out("fetch", "--quiet")
    files = {f"s{n}.txt": pair.bob.clone.out("show", f"origin/main:s{n}.txt") for n in range(1, 5)}
    assert files == {"s1.txt": "1", "s2.txt": "2", "s3.txt": "good", "s4.txt": "4"}


@pytest.mark.sample(2)
@pytest.mark.parametrize("pair", METHODS, indirect=True)
@pytest.mark.parametrize("how", ["merge", "rebase"])
def test_upper_branch_that_follows_a_repair_below_comes_back_by_itself(pair: Pair, how: str) -> None:
    stack(pair)
    pair.process(21)
    clone = pair.ada.clone
    clone.out("switch", "--quiet", "s3")
    old = clone.out("rev-parse", "s3")
    if how == "merge":
        pair.commit("s3.txt", "good\n", push=True)
        clone.out("switch", "--quiet", "s4")
        clone.out("merge", "--quiet", "--no-edit", "s3")
    else:
        clone.claim("s3.txt")
        clone.write("s3.txt", "good\n")
        clone.git("commit", "--quiet", "--amend", "--no-edit").ok()
        clone.out("push", "--quiet", "--force", "origin", "s3")
        clone.git("rebase", "--quiet", "--onto", "s3", old, "s4").ok()
    clone.out("push", "--quiet", "--force", "origin", "s4")
    done = pair.process(0)
    assert [row["branch"] for row in done["landed"]] == ["s3", "s4"]
    assert done["landed"][1]["tries"] == 0


def test_branch_upon_a_version_that_was_rewritten_comes_back_to_its_session(pair: Pair) -> None:
    stack(pair)
    pair.process(21)
    clone = pair.ada.clone
    clone.out("switch", "--quiet", "s3")
    clone.claim("s3.txt")
    clone.write("s3.txt", "good\n")
    clone.git("commit", "--quiet", "--amend", "--no-edit").ok()
    clone.out("push", "--quiet", "--force", "origin", "s3")
    pair.process(21)
    assert pair.states()["s4"] == ("conflicted", "restack")
    assert "Rebase it onto the present one" in pair.why("s4")["why"]


def test_dropping_one_of_a_stack_holds_those_above_until_they_do_without_it(pair: Pair) -> None:
    stack(pair)
    pair.ada("queue", "drop", "s3").ok()
    assert [row["branch"] for row in pair.process(11)["landed"]] == ["s1", "s2"]
    assert pair.states()["s4"] == ("held", "dependency-dropped")
    ran = pair.ada("queue", "unhold", "s4")
    assert (ran.returncode, "has the commits of what was taken out" in ran.stderr) == (10, True)
    clone = pair.ada.clone
    clone.git("rebase", "--quiet", "--onto", "s2", "s3", "s4").ok()
    clone.out("push", "--quiet", "--force", "origin", "s4")
    pair.add("--branch", "s4")
    assert [row["branch"] for row in pair.process(0)["landed"]] == ["s4"]
    pair.bob.clone.out("fetch", "--quiet")
    assert pair.bob.clone.git("cat-file", "-e", "origin/main:s3.txt").returncode


def spoiled(pair: Pair) -> str:
    """A branch whose merge of main leaves out what others did there; its head."""
    pair.branch("feat", edited(5, "mine"), path="long.txt")
    pair.on_main("theirs", **{"long.txt": edited(15, "fifteen"), "added.txt": "added\n"})
    clone = pair.ada.clone
    clone.out("fetch", "--quiet")
    clone.git("merge", "--quiet", "--no-edit", "--strategy=ours", "origin/main").ok()
    return clone.out("rev-parse", "HEAD")


def test_lines_of_others_that_vanish_hold_an_entry_before_any_gate_runs(pair: Pair) -> None:
    spoiled(pair)
    entry = pair.add()
    done = pair.process(11)
    assert (done["runs"], [row["reason"] for row in done["held"]]) == (0, ["approval"])
    found = pair.why("feat")
    assert found["next"] == f"gitfleet queue approve {entry['id']}"
    assert found["evidence"]["paths"] == ["added.txt", "long.txt"]
    assert "-fifteen" in found["evidence"]["hunks"]
    assert "Your branch feat needs an approval" in told(pair.ada)
    assert pair.ada("queue", "approve", "feat").returncode == 16
    assert pair.ada("queue", "unhold", "feat").returncode == 10
    assert pair.process(11)["runs"] == 0


def test_entry_that_a_person_approves_lands_and_with_a_new_head_needs_it_again(pair: Pair) -> None:
    spoiled(pair)
    pair.add()
    pair.process(11)
    with pair.bob.clone.open() as fleet:
        ask(fleet.ledger, "session.start", "eve", {"worktree": str(pair.bob.clone.path), "person": True})
    pair.bob("queue", "approve", "feat", "--session", "eve").ok()
    pair.commit("more.txt", "more\n", push=True)
    pair.ada("queue", "add", "--branch", "feat").ok()
    assert [row["reason"] for row in pair.process(11)["held"]] == ["approval"], (
        "what was looked at is no more"
    )
    pair.bob("queue", "approve", "feat", "--session", "eve").ok()
    assert [row["branch"] for row in pair.process(0)["landed"]] == ["feat"]


def test_entry_that_is_not_repaired_in_time_expires(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.branch("feat", "BAD")
    pair.add()
    pair.process(21)
    pair.process(0)
    assert pair.states()["feat"] == ("rejected", "gate-failed")
    later = clock.now() + 25 * 3600  # beyond the 24 hours of the rules
    monkeypatch.setattr(clock, "now", lambda: later)
    pair.process(0)
    assert pair.states()["feat"] == ("expired", "expired")
    (row,) = pair.bob("queue", "history", "--json").ok().json()["data"]["entries"]
    assert (row["branch"], row["state"]) == ("feat", "expired")
    assert "was not repaired in time" in told(pair.ada)


def test_honest_merge_of_main_is_not_held(pair: Pair) -> None:
    pair.branch("feat", edited(5, "mine"), path="long.txt")
    pair.on_main("theirs", **{"long.txt": edited(5, "theirs"), "added.txt": "added\n"})
    clone = pair.ada.clone
    clone.out("fetch", "--quiet")
    clone.git("merge", "--quiet", "origin/main")
    pair.commit("long.txt", edited(5, "mine and theirs"), "merge")
    pair.add()
    assert [row["branch"] for row in pair.process(0)["landed"]] == ["feat"]
