"""`queue …` on real hubs: what is queued, by whom, and what is refused with nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.claims import model as claims
from gitfleet.claims.model import Claim
from gitfleet.mergequeue import landings, model
from gitfleet.mergequeue.requests import EntryLanding, Land, Proof
from tests.cli.conftest import Cli
from tests.gatebench import Copies
from tests.workbench import UNSEEN, Gitfleet, Ran


@pytest.fixture
def two(copies: Copies, gitfleet: Gitfleet) -> tuple[Cli, Cli]:
    """The command line in the clones `ada` and `bob` of one hub."""
    ada, bob = (Cli(copies.clone(name), gitfleet) for name in ("ada", "bob"))
    return ada, bob


def branch(cli: Cli, name: str, *paths: str, upon: str = "main") -> str:
    """A branch with one commit under a claim for each path; its head. It is checked out then."""
    cli.clone.out("switch", "--quiet", "--create", name, upon)
    for path in paths or (f"{name}.txt",):
        cli.clone.claim(path)
        cli.clone.write(path)
        cli.clone.commit("-m", f"{name}: {path}").ok()
    return cli.clone.out("rev-parse", "HEAD")


def listed(cli: Cli) -> dict[str, dict[str, Any]]:
    return {row["branch"]: row for row in cli("queue", "list", "--json").ok().json()["data"]["entries"]}


def hub(cli: Cli, name: str) -> str:
    return cli.clone.git(
        "rev-parse", "--verify", "--quiet", f"refs/heads/{name}", at=cli.clone.fleets.hub
    ).stdout.strip()


def there(cli: Cli) -> list[str]:
    """The files on the trunk of the hub."""
    return cli.clone.git("ls-tree", "--name-only", "main", at=cli.clone.fleets.hub).ok().stdout.split()


def rules(cli: Cli, queue: str) -> None:
    """Have the trunk's rules say this of the queue."""
    (cli.clone.path / "gitfleet.yaml").write_text(f"version: 1\nqueue: {queue}\n")
    cli.clone.out("add", "gitfleet.yaml")
    cli.clone.git(*UNSEEN, "commit", "--quiet", "-m", "rules").ok()
    cli.clone.git(*UNSEEN, "push", "--quiet", "origin", "main").ok()
    cli("sync").ok()


def land(cli: Cli, *names: str) -> None:
    """Have entries land as the commit of the last one, which is on top of the target."""
    with cli.clone.open() as fleet:
        fleet.ledger.sync()
        entries = [fleet.queue.find(name) for name in names]
        rows = tuple(EntryLanding(entry.id, entry.head, entry.head) for entry in entries)
        body = Land(entries[-1].target, entries[-1].base, entries[-1].head, rows, Proof("none"))
        fleet.ledger.request(landings.land, fleet.ledger.itself, body)


def test_queue_of_the_runbook_works_as_it_is_written(hub_cli: Cli) -> None:
    branch(hub_cli, "codex/parser")
    session = hub_cli.clone.session
    args = ("--session", session, "--branch", "codex/parser", "--priority", "70", "--title", "The parser")
    hub_cli("queue", "add", *args, env=hub_cli.nobody).ok()
    row = listed(hub_cli)["codex/parser"]
    assert {key: row[key] for key in ("state", "position", "priority", "band", "title", "session", "reason")} == {
        "state": "queued", "position": 1, "priority": 70, "band": "security", "title": "The parser", "session": session, "reason": "no-gate",
    }  # fmt: skip
    assert "codex/parser" in hub_cli("queue", "list").ok().stdout


def test_branch_that_is_only_here_is_pushed_and_queued_and_every_clone_sees_it(two: tuple[Cli, Cli]) -> None:
    ada, bob = two
    head = branch(ada, "feat")
    data = ada("queue", "add", "--json").ok().json()["data"]
    assert (data["pushed"], data["new"], data["entry"]["head"], hub(ada, "feat")) == (True, True, head, head)
    bob("sync").ok()
    assert listed(bob)["feat"]["head"] == head
    again = ada("queue", "add", "--json").ok().json()["data"]
    assert (again["pushed"], again["new"], again["changes"]) == (False, False, [])
    bob("queue", "add", "--branch", "feat", "--title", "of bob").ok()
    ada("sync").ok()
    assert (listed(ada)["feat"]["title"], listed(ada)["feat"]["id"]) == ("of bob", data["entry"]["id"])


def test_new_head_is_said_and_pushed(hub_cli: Cli) -> None:
    branch(hub_cli, "feat")
    hub_cli("queue", "add").ok()
    hub_cli.clone.write("feat.txt", "more\n")
    hub_cli.clone.commit("-m", "more").ok()
    head = hub_cli.clone.out("rev-parse", "HEAD")
    said = hub_cli("queue", "add").ok().stdout
    assert "queued already: feat" in said
    assert f"its head is {head[:12]}: it is tested anew" in said
    assert hub(hub_cli, "feat") == head


def test_branch_of_the_hub_alone_is_queued_as_it_is_there(two: tuple[Cli, Cli]) -> None:
    ada, bob = two
    head = branch(ada, "feat")
    ada.clone.out("push", "--quiet", "origin", "feat")
    assert bob("queue", "add", "--branch", "feat", "--json").ok().json()["data"]["entry"]["head"] == head


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--branch", "nope"), 2, "There is no branch 'nope'"),
        (("--branch", "main"), 2, "main is the branch that entries land on"),
        (("--branch", "empty"), 2, "empty has nothing to land: main has all its commits"),
        (("--branch=-delete",), 2, "'-delete' is not the name of a branch"),
        (("--branch", "a..b"), 2, "is not the name of a branch"),
        (("--branch", "refs/fleet/coord"), 2, "There is no branch 'refs/fleet/coord'"),
        (("--branch", ""), 2, "on no branch"),
        (("--branch", "bare"), 16, "not covered by claims of their sessions"),
        (("--priority", "60"), 16, "A priority of 60 is more than sessions may give (59)"),
        (("--priority", "101"), 2, "at most 100"),
        (("--title", "a\x1b[31mb"), 2, "control characters"),
        (("--title", "a\nb"), 2, "control characters"),
        (("--title", "x" * 201), 2, "at most 200 characters"),
        (("--after", "nope"), 2, "no entry"),
    ],
)  # fmt: skip
def test_bad_input_is_a_clear_error_and_changes_nothing(
    hub_cli: Cli, args: tuple[str, ...], code: int, words: str
) -> None:
    hub_cli.clone.out("branch", "empty")
    hub_cli.clone.out("switch", "--quiet", "--create", "bare")
    hub_cli.clone.write("bare.txt")
    hub_cli.clone.git("-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--no-verify", "-m", "bare").ok()
    branch(hub_cli, "feat", upon="main")
    if args == ("--branch", ""):
        hub_cli.clone.out("switch", "--quiet", "--detach")
    before = hub_cli.clone.fleets.tip()
    ran = hub_cli("queue", "add", *args)
    assert ran.returncode == code, ran
    assert words in ran.stderr
    assert "Nothing was changed." in ran.stderr or code == 16 or "Invalid value" in ran.stderr
    assert "\x1b" not in ran.stderr
    assert (hub(hub_cli, "feat"), hub(hub_cli, "bare"), listed(hub_cli)) == ("", "", {})
    if code == 2:
        assert hub_cli.clone.fleets.tip() == before


def test_branch_that_has_parted_from_the_hubs_is_refused(two: tuple[Cli, Cli]) -> None:
    ada, bob = two
    branch(ada, "feat")
    ada("queue", "add").ok()
    theirs = hub(ada, "feat")
    branch(bob, "feat", "other.txt")
    ran = bob("queue", "add")
    assert (ran.returncode, hub(ada, "feat")) == (10, theirs)
    assert "have diverged" in ran.stderr


def test_hub_that_is_away_is_an_error_and_nothing_is_queued(hub_cli: Cli) -> None:
    branch(hub_cli, "feat")
    place = hub_cli.clone.fleets.hub
    place.rename(place.with_suffix(".away"))
    assert hub_cli("queue", "add").returncode == 30
    assert listed(hub_cli) == {}


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "args", [("hold", "feat"), ("drop", "feat"), ("bump", "feat", "1"), ("pause", "--reason", "x")]
)
def test_what_must_be_certain_does_not_wait_for_a_hub_that_is_away(
    hub_cli: Cli, args: tuple[str, ...]
) -> None:
    branch(hub_cli, "feat")
    hub_cli("queue", "add").ok()
    place = hub_cli.clone.fleets.hub
    place.rename(place.with_suffix(".away"))
    assert hub_cli("queue", *args).returncode == 30
    place.with_suffix(".away").rename(place)
    hub_cli("sync").ok()
    row = listed(hub_cli)["feat"]
    assert (row["state"], row["priority"], row["reason"]) == ("queued", 50, "no-gate")


def test_gate_of_the_users_own_stops_the_push_and_nothing_is_queued(hub_cli: Cli) -> None:
    branch(hub_cli, "feat")
    hook = hub_cli.clone.path / ".git/hooks/pre-push"
    hook.write_text("#!/bin/sh\necho 'not on a friday' >&2\nexit 1\n")
    hook.chmod(0o755)
    ran = hub_cli("queue", "add")
    assert ran.returncode == 20, ran
    assert "not on a friday" in ran.stderr
    assert (hub(hub_cli, "feat"), listed(hub_cli)) == ("", {})


def test_each_entry_of_a_stack_has_the_claims_that_its_own_commits_were_made_under(hub_cli: Cli) -> None:
    branch(hub_cli, "low", "low.txt")
    hub_cli.clone.out("push", "--quiet", "origin", "low")
    branch(hub_cli, "top", "top.txt", upon="low")
    data = hub_cli("queue", "add", "--json").ok().json()["data"]
    with hub_cli.clone.open() as fleet:
        view = fleet.current().view
        held = {one.id: one.pattern for one in claims.everything(view) if isinstance(one, Claim)}
        ids = data["below"][0]["id"], data["entry"]["id"]
        found = [fleet.queue.find(name) for name in ids]
        assert [[held[claim] for claim in one.claims] for one in found] == [["low.txt"], ["top.txt"]]


def test_stack_enters_with_its_top_and_what_is_below_comes_first(two: tuple[Cli, Cli]) -> None:
    ada, bob = two
    low = branch(ada, "low")
    ada.clone.out("push", "--quiet", "origin", "low")
    with ada.clone.open() as fleet:  # the session is on that branch
        from tests.operations import ask

        body = {"worktree": str(ada.clone.path), "branch": "low", "resume": True}
        ask(fleet.ledger, "session.start", "ada-2", {**body, "agent": "tester"})
    branch(ada, "top", upon="low")
    data = ada("queue", "add", "--json").ok().json()["data"]
    (below,) = data["below"]
    assert (below["branch"], below["head"], below["session"]) == ("low", low, "ada-2")
    assert (data["entry"]["stack"], data["entry"]["needs"]) == (below["id"], [below["id"]])
    bob("sync").ok()
    rows = listed(bob)
    assert [(rows[name]["position"], rows[name]["reason"]) for name in ("low", "top")] == [
        (1, "no-gate"),
        (2, "stack"),
    ]
    ran = bob("queue", "drop", "low", "--reason", "wrong way").ok()
    assert "held, since it is built upon that: top" in ran.stdout
    ada("sync").ok()
    assert (listed(ada)["top"]["state"], listed(ada)["top"]["reason"]) == ("held", "dependency-dropped")


def test_what_is_queued_after_what_is_built_upon_it_gets_below_it(hub_cli: Cli) -> None:
    branch(hub_cli, "low")
    branch(hub_cli, "top", upon="low")
    hub_cli.clone.out("update-ref", "refs/aside", "low")
    hub_cli.clone.out("branch", "--quiet", "--delete", "--force", "low")
    top = hub_cli("queue", "add", "--json").ok().json()["data"]
    assert (top["below"], top["entry"]["stack"]) == ([], "")
    hub_cli.clone.out("branch", "--quiet", "low", "refs/aside")
    low = hub_cli("queue", "add", "--branch", "low", "--json").ok().json()["data"]["entry"]
    rows = listed(hub_cli)
    assert (rows["top"]["stack"], rows["top"]["id"]) == (low["id"], top["entry"]["id"])
    assert [rows[name]["position"] for name in ("low", "top")] == [1, 2]


def test_entry_comes_after_another_that_is_named(hub_cli: Cli) -> None:
    branch(hub_cli, "one")
    hub_cli("queue", "add", "--priority", "10").ok()
    branch(hub_cli, "two", upon="main")
    hub_cli("queue", "add", "--after", "one").ok()
    rows = listed(hub_cli)
    assert [
        (rows[name]["position"], rows[name]["effective"], rows[name]["lent"]) for name in ("one", "two")
    ] == [(1, 50, 40), (2, 50, 0)]
    why = hub_cli("queue", "why", "two").ok().stdout
    assert "It comes after one" in why
    assert (
        f"next: `gitfleet queue why {rows['one']['id']}`" in why
        or f"next: gitfleet queue why {rows['one']['id']}" in why
    )


def test_entry_is_named_by_id_by_its_end_or_by_its_branch(hub_cli: Cli) -> None:
    branch(hub_cli, "feat")
    row = hub_cli("queue", "add", "--json").ok().json()["data"]["entry"]
    for name in (row["id"], row["id"].lower(), row["id"][-6:], "feat", "refs/heads/feat"):
        assert hub_cli("queue", "why", name, "--json").ok().json()["data"]["id"] == row["id"]
    for name in ("fea", row["id"][-5:], "0" * 26, "-x", ""):
        assert hub_cli("queue", "show", "--", name).returncode == 2


def test_control_of_one_entry(hub_cli: Cli) -> None:
    branch(hub_cli, "feat")
    hub_cli("queue", "add", "--title", "x").ok()
    for args, state in (
        (("bump", "feat", "20"), "queued"),
        (("hold", "feat", "--reason", "not yet"), "held"),
        (("unhold", "feat"), "queued"),
        (("bump", "feat", "--priority", "30", "--title", "y"), "queued"),
        (("drop", "feat", "--reason", "no"), "dropped"),
    ):
        assert hub_cli("queue", *args, "--json").ok().json()["data"]["entry"]["state"] == state
    row = listed(hub_cli)["feat"]
    assert (row["priority"], row["title"], row["position"], row["why"]) == (
        30,
        "y",
        None,
        "ada-1 dropped it: no.",
    )
    assert hub_cli("queue", "drop", "feat").returncode == 10
    assert hub_cli("queue", "retry", "feat").returncode == 10
    assert hub_cli("queue", "bump", "feat", "200").returncode == 2
    assert [
        row["branch"] for row in hub_cli("queue", "history", "--json").ok().json()["data"]["entries"]
    ] == ["feat"]


def test_approval_is_a_persons(hub_cli: Cli) -> None:
    branch(hub_cli, "feat")
    hub_cli("queue", "add").ok()
    assert hub_cli("queue", "approve", "feat").returncode == 16


def test_pause_is_shown_with_its_reason_until_it_is_over(hub_cli: Cli) -> None:
    branch(hub_cli, "feat")
    hub_cli("queue", "add").ok()
    assert hub_cli("queue", "pause").returncode == 2
    assert hub_cli("queue", "pause", "--reason", "x", "--freeze", "--drain").returncode == 2
    hub_cli("queue", "pause", "--reason", "a release", "--floor", "80").ok()
    assert "the queue is paused below 80 by ada-1: a release" in hub_cli("queue", "list").ok().stdout
    assert listed(hub_cli)["feat"]["reason"] == "paused"
    hub_cli("queue", "pause", "--reason", "still", "--freeze").ok()
    assert listed(hub_cli)["feat"]["reason"] == "frozen"
    hub_cli("queue", "resume").ok()
    assert listed(hub_cli)["feat"]["reason"] == "no-gate"


def test_landed_entry_is_listed_with_its_commit_and_its_claims_are_free(two: tuple[Cli, Cli]) -> None:
    ada, bob = two
    head = branch(ada, "feat")
    ada("queue", "add").ok()
    land(ada, "feat")
    assert hub(ada, "main") == head
    assert "Your branch feat has landed on main" in ada("claims").stderr
    row = listed(ada)["feat"]
    assert (row["state"], row["landed"], row["reason"], row["next"]) == ("landed", head, "landed", "")
    bob("claim", "feat.txt").ok()
    said = ada("queue", "stats").ok()
    assert "landed: 1" in said.stdout
    again = ada("queue", "drop", "feat")
    assert (again.returncode, head[:12] in again.stderr) == (10, True)


def test_revert_of_a_landed_entry_is_queued_as_a_branch_of_its_own(hub_cli: Cli) -> None:
    branch(hub_cli, "feat")
    hub_cli("queue", "add", "--title", "the feature").ok()
    assert hub_cli("queue", "revert", "feat").returncode == 2
    land(hub_cli, "feat")
    data = hub_cli("queue", "revert", "feat", "--json").ok().json()["data"]
    entry = data["entry"]
    assert (entry["priority"], entry["title"], data["pushed"]) == (90, "Revert the feature", True)
    assert hub_cli.clone.out("diff", "--name-only", entry["base"], entry["head"]) == "feat.txt"
    assert hub_cli.clone.git("cat-file", "-e", f"{entry['head']}:feat.txt").returncode
    assert any(line.startswith("Fleet-Reverts: ") for line in hub_cli.clone.trailers(entry["head"]))
    again = hub_cli("queue", "revert", "feat", "--json").ok().json()["data"]
    assert (again["entry"]["id"], again["new"]) == (entry["id"], False)
    land(hub_cli, entry["branch"])
    hub_cli.clone.out("branch", "--delete", "--force", entry["branch"])
    ran = hub_cli("queue", "revert", "feat")
    assert (ran.returncode, "Nothing of feat is left" in ran.stderr) == (2, True)


def test_revert_can_be_made_again_once_what_it_took_away_is_back(hub_cli: Cli) -> None:
    rules(hub_cli, "{gate: none}")
    branch(hub_cli, "feat")
    hub_cli("queue", "add").ok()
    hub_cli("queue", "process").ok()
    for _ in range(2):
        entry = hub_cli("queue", "revert", "feat", "--json").ok().json()["data"]["entry"]
        hub_cli("queue", "process").ok()
        assert "feat.txt" not in there(hub_cli)
        hub_cli("queue", "revert", entry["branch"]).ok()
        hub_cli("queue", "process").ok()
        assert "feat.txt" in there(hub_cli)


def test_branch_whose_changes_came_to_the_trunk_by_hand_has_nothing_to_land(hub_cli: Cli) -> None:
    head = branch(hub_cli, "feat")
    tree = hub_cli.clone.out("rev-parse", f"{head}^{{tree}}")
    by_hand = hub_cli.clone.out("commit-tree", tree, "-p", "origin/main", "-m", "by hand")
    hub_cli.clone.git(*UNSEEN, "push", "--quiet", "--no-verify", "origin", f"{by_hand}:main").ok()
    ran = hub_cli("queue", "add")
    assert (ran.returncode, "main has all that it changes" in ran.stderr) == (2, True)
    assert (listed(hub_cli), hub(hub_cli, "feat")) == ({}, "")


@pytest.mark.parametrize("method", ["squash", "rebase"])
def test_branch_that_landed_as_other_commits_has_nothing_to_land_until_it_goes_on(
    hub_cli: Cli, method: str
) -> None:
    rules(hub_cli, f"{{gate: none, method: {method}}}")
    branch(hub_cli, "below", "one.txt", "two.txt")
    branch(hub_cli, "feat", "three.txt", upon="below")
    hub_cli("queue", "add").ok()
    hub_cli("queue", "process").ok()
    for name in ("below", "feat"):
        ran = hub_cli("queue", "add", "--branch", name)
        assert (ran.returncode, "nothing to land: it has landed on main as" in ran.stderr) == (2, True)
    assert listed(hub_cli)["feat"]["state"] == "landed"
    hub_cli.clone.claim("three.txt")
    hub_cli.clone.write("three.txt", "changed")
    hub_cli.clone.commit("-m", "more").ok()
    data = hub_cli("queue", "add", "--json").ok().json()["data"]
    assert (data["entry"]["branch"], data["below"]) == ("feat", [])
    hub_cli("queue", "process").ok()
    tip = hub(hub_cli, "main")
    assert hub_cli.clone.git("show", "--name-only", "--format=%s", tip, at=hub_cli.clone.fleets.hub).stdout.split() == ["more", "three.txt"]  # fmt: skip


def test_revert_takes_back_all_commits_that_an_entry_landed_as(hub_cli: Cli) -> None:
    rules(hub_cli, "{gate: none, method: rebase}")
    branch(hub_cli, "feat", "one.txt", "two.txt")
    hub_cli("queue", "add").ok()
    hub_cli("queue", "process").ok()
    hub_cli("queue", "revert", "feat").ok()
    hub_cli("queue", "process").ok()
    assert "gitfleet.yaml" in there(hub_cli)
    assert {"one.txt", "two.txt"}.isdisjoint(there(hub_cli))


def test_claims_of_an_ended_session_go_with_its_branch_whatever_head_they_stayed_with(
    two: tuple[Cli, Cli],
) -> None:
    ada, bob = two
    ada.clone.git(*UNSEEN, "commit", "--quiet", "--allow-empty", "-m", "x").ok()
    (ada.clone.path / "gitfleet.yaml").write_text("version: 1\nqueue: {gate: none}\n")
    ada.clone.out("add", "gitfleet.yaml")
    ada.clone.git(*UNSEEN, "commit", "--quiet", "-m", "rules").ok()
    ada.clone.git(*UNSEEN, "push", "--quiet", "origin", "main").ok()
    branch(ada, "feat", "one.txt")
    ada.clone.out("push", "--quiet", "origin", "feat")
    ada("session", "end", ada.clone.session).ok()
    ada.clone.git(*UNSEEN, "commit", "--quiet", "--allow-empty", "-m", "more").ok()
    ada.clone.git(*UNSEEN, "push", "--quiet", "origin", "feat").ok()
    bob("sync").ok()
    held = bob("claims").ok().stdout
    assert "one.txt" in held
    bob("queue", "add", "--branch", "feat").ok()
    bob("queue", "process").ok()
    assert "one.txt" not in bob("claims").ok().stdout


def test_revert_of_what_has_been_changed_since_is_refused_with_the_paths(hub_cli: Cli) -> None:
    branch(hub_cli, "feat")
    hub_cli("queue", "add").ok()
    land(hub_cli, "feat")
    hub_cli.clone.out("fetch", "--quiet")
    hub_cli.clone.out("switch", "--quiet", "--create", "later", "origin/main")
    hub_cli.clone.claim("feat.txt")
    hub_cli.clone.write("feat.txt", "changed since\n")
    hub_cli.clone.commit("-m", "later").ok()
    hub_cli("queue", "add").ok()
    land(hub_cli, "later")
    ran = hub_cli("queue", "revert", "feat")
    assert (ran.returncode, "what landed later has changed the same lines (feat.txt)" in ran.stderr) == (
        10,
        True,
    )
    assert "revert-" not in hub_cli.clone.out("branch", "--list")


def test_clone_that_is_its_own_hub_has_a_queue_too(cli: Cli) -> None:
    head = branch(cli, "feat")
    assert cli("queue", "add", "--json").ok().json()["data"]["pushed"] is False
    cli.clone.out("switch", "--quiet", "--detach")
    land(cli, "feat")
    assert cli.clone.out("rev-parse", "main") == head


def test_record_that_cannot_be_read_is_said_and_hides_no_other(cli: Cli) -> None:
    branch(cli, "feat")
    cli("queue", "add").ok()
    with cli.clone.open() as fleet:
        entry = fleet.queue.find("feat")
        assert isinstance(entry, model.QueueEntry)
    spoil(
        cli,
        f"queue/live/{entry.id[:-1]}0.json" if entry.id[-1] != "0" else f"queue/live/{entry.id[:-1]}1.json",
    )
    ran = cli("queue", "list").ok()
    assert "feat" in ran.stdout
    assert "cannot be read" in ran.stderr or "broken" in ran.stderr


def spoil(cli: Cli, where: str) -> None:
    """Have something at `where` in the ledger that is no record."""
    from gitfleet.git import fleetrefs

    git: Callable[..., Ran] = cli.clone.git
    tree = cli.clone.out("rev-parse", f"{fleetrefs.COORD}^{{tree}}")
    index = {"GIT_INDEX_FILE": str(cli.clone.path / ".git/spoiled")}
    git("read-tree", tree, env=index).ok()
    blob = git("hash-object", "-w", "--stdin", stdin="{").ok().stdout.strip()
    git("update-index", "--add", "--cacheinfo", f"100644,{blob},{where}", env=index).ok()
    new = git("write-tree", env=index).ok().stdout.strip()
    message = cli.clone.out("log", "-1", "--format=%B", fleetrefs.COORD)
    commit = git("commit-tree", new, "-p", f"{fleetrefs.COORD}~", "-m", message).ok().stdout.strip()
    git("update-ref", fleetrefs.COORD, commit).ok()
    Path(index["GIT_INDEX_FILE"]).unlink()
