"""Bulky archives in refs of their own: written once, fetched on demand, whatever others put there."""

from __future__ import annotations

import os
import random
from functools import partial
from pathlib import Path

import pytest

from gitfleet.errors import BadName, Blocked, Corrupt, HubUnreachable
from gitfleet.fleet.fleet import Fleet
from gitfleet.git import fleetrefs
from gitfleet.nodes import archives
from gitfleet.nodes.archives import NodeArchives
from tests.fleetbench import Fleets
from tests.nodes.killing import killed, lines_of
from tests.workbench import Git

EVENTS = {"events/0001.jsonl": b'{"n":1}\n', "summary.txt": b"done\n"}


def test_archive_that_was_written_is_read_listed_and_deleted_by_all(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        node = ada.ledger.node.id
        assert ada.archives.write("job-1", EVENTS) == []
        assert ada.archives.write("job-1", EVENTS) == []
        assert [(one.node, one.name) for one in bob.archives.list()] == [(node, "job-1")]
        assert bob.archives.list(bob.ledger.node.id) == []
        assert bob.archives.read(node, "job-1") == ada.archives.read(node, "job-1") == EVENTS
        assert bob.archives.read(node, "job-2") is None
        assert ada.archives.delete("job-1")
        assert not ada.archives.delete("job-1")
        assert bob.archives.list() == []
        assert ada.archives.write("job-1", {"other": b"1"}) == []


def test_archive_of_another_node_is_brought_by_no_exchange_and_leaves_nothing_when_it_was_read(
    fleets: Fleets, git: Git
) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        ada.archives.write("job-1", EVENTS)
        ada.node_ref.exchange()
        bob.ledger.sync()
        bob.node_ref.exchange()
        bob.archives.read(ada.ledger.node.id, "job-1")
        clone = fleets.clone("bob")
        oid = git(fleets.hub, "rev-parse", fleetrefs.bulk(ada.ledger.node.id, "job-1"))
        assert "bulk" not in git(clone, "for-each-ref", "--format=%(refname)")
        assert f"{oid} missing" in git(clone, "cat-file", "--batch-check", stdin=oid)


def test_archive_without_a_hub_stays_in_the_clone(fleets: Fleets) -> None:
    with fleets.open("alone") as alone:
        assert alone.archives.write("job-1", EVENTS) == []
        assert [one.name for one in alone.archives.list()] == ["job-1"]
        assert alone.archives.read(alone.ledger.node.id, "job-1") == EVENTS
        assert alone.archives.read("other", "job-1") is None
        assert alone.archives.delete("job-1")
        assert alone.archives.list() == []


def test_archive_written_while_the_hub_is_away_is_sent_later(fleets: Fleets) -> None:
    away = fleets.root / "away.git"
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        fleets.hub.rename(away)
        (words,) = ada.archives.write("job-1", EVENTS)
        assert "not sent" in words
        assert ada.archives.read(ada.ledger.node.id, "job-1") == EVENTS
        with pytest.raises(HubUnreachable):
            ada.archives.delete("job-1")
        away.rename(fleets.hub)
        assert ada.archives.send() == []
        assert bob.archives.read(ada.ledger.node.id, "job-1") == EVENTS


def test_archive_that_arrived_although_its_answer_was_lost_is_not_sent_twice(
    fleets: Fleets, git: Git
) -> None:
    with fleets.open("ada") as ada:
        ada.archives.write("job-1", EVENTS)
        seen = fleetrefs.seen_bulk("origin", ada.ledger.node.id, "job-1")
        git(fleets.clone("ada"), "update-ref", "-d", seen)
        assert ada.archives.send() == []
        assert git(fleets.clone("ada"), "for-each-ref", "--format=%(refname)", seen) == seen


def test_archive_with_other_content_under_a_name_that_is_taken_changes_nothing(fleets: Fleets) -> None:
    with fleets.open("ada") as ada:
        node = ada.ledger.node.id
        ada.archives.write("job-1", EVENTS)
        with pytest.raises(Blocked, match="other content"):
            ada.archives.write("job-1", {"a": b"other"})
        assert ada.archives.read(node, "job-1") == EVENTS


def test_archive_that_another_clone_with_our_id_put_there_is_left_alone(fleets: Fleets, git: Git) -> None:
    with fleets.open("ada") as ada:
        ref = fleetrefs.bulk(ada.ledger.node.id, "job-1")
        theirs = git(fleets.hub, "rev-parse", "main")
        git(fleets.hub, "update-ref", ref, theirs)
        (words,) = ada.archives.write("job-1", EVENTS)
        assert "other content" in words
        assert ada.archives.delete("job-1")
        assert git(fleets.hub, "rev-parse", ref) == theirs


def write(name: str, fleet: Fleet) -> None:
    fleet.archives.write(name, EVENTS)


def test_archive_whose_writer_was_killed_at_any_line_is_written_again_and_whole(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        node = ada.ledger.node.id
        total = lines_of(archives, lambda: ada.archives.write("first", EVENTS))
        for stop in range(total) if os.environ.get("EVERY_LINE") else random.sample(range(total), 5):
            name = f"job-{stop}"
            killed(fleets.clone("ada"), archives, partial(write, name), stop)
            assert bob.archives.read(node, name) in (None, EVENTS)
            assert ada.archives.write(name, EVENTS) == [], stop
            assert bob.archives.read(node, name) == EVENTS
            assert ada.archives.delete(name)


@pytest.mark.parametrize("name", ["", "..", "a/b", "x.lock", "-x", "a b", "\x1b"])
def test_archive_with_a_name_that_is_none_is_refused(fleets: Fleets, name: str) -> None:
    with fleets.open("alone") as alone:
        for act in (
            lambda: alone.archives.write(name, EVENTS),
            lambda: alone.archives.delete(name),
            lambda: alone.archives.read(alone.ledger.node.id, name),
            lambda: alone.archives.read(name, "job-1"),
        ):
            with pytest.raises(BadName):
                act()


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "a//b", "../up", "a/../b", ".git/config", "a/.GIT/x", "\0", "d/" * 40 + "x"]
)
def test_archive_with_a_path_that_leads_elsewhere_is_refused(fleets: Fleets, path: str) -> None:
    with fleets.open("alone") as alone, pytest.raises(BadName):
        alone.archives.write("job-1", {path: b""})


def test_archive_above_its_bounds_is_refused(fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> None:
    with fleets.open("alone") as alone:
        monkeypatch.setattr(archives, "MOST_BYTES", 10)
        with pytest.raises(Blocked, match="more than one archive"):
            alone.archives.write("job-1", {"a": b"x" * 11})
        monkeypatch.setattr(archives, "MOST_ARCHIVES", 1)
        alone.archives.write("job-1", {"a": b"x"})
        with pytest.raises(Blocked, match="may have 1"):
            alone.archives.write("job-2", {"a": b"x"})
        assert [one.name for one in alone.archives.list()] == ["job-1"]


# What others wrote.


def tree(hub: Path, git: Git, *rows: str) -> str:
    return git(hub, "mktree", "--missing", stdin="".join(f"{row}\n" for row in rows))


def blob(hub: Path, git: Git, content: str) -> str:
    return git(hub, "hash-object", "-w", "--stdin", stdin=content)


def bomb(hub: Path, git: Git) -> str:
    """A tree of few objects with 10^12 files."""
    inner = tree(hub, git, f"100644 blob {blob(hub, git, 'x')}\tx")
    for _ in range(12):
        inner = tree(hub, git, *[f"040000 tree {inner}\t{number}" for number in range(10)])
    return inner


@pytest.mark.parametrize("case", ["blob", "link", "module", "program", "bomb", "deep", "large"])
def test_archive_that_strangers_made_is_refused_before_much_of_it_is_read(
    fleets: Fleets, git: Git, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    hub, some = fleets.hub, blob(fleets.hub, git, "x" * 64)
    deep = tree(hub, git, f"100644 blob {some}\tx")
    for _ in range(40):
        deep = tree(hub, git, f"040000 tree {deep}\td")
    made = {
        "link": lambda: tree(hub, git, f"120000 blob {some}\tx"),
        "module": lambda: tree(hub, git, f"160000 commit {git(hub, 'rev-parse', 'main')}\tx"),
        "program": lambda: tree(hub, git, f"100755 blob {some}\tx"),
        "bomb": lambda: bomb(hub, git),
        "deep": lambda: deep,
        "large": lambda: tree(hub, git, f"100644 blob {some}\tx"),
    }
    monkeypatch.setattr(archives, "MOST_BYTES", 32 if case == "large" else archives.MOST_BYTES)
    oid = some if case == "blob" else git(hub, "commit-tree", made[case](), "-m", "x")
    git(hub, "update-ref", fleetrefs.bulk("evil", "job-1"), oid)
    git(hub, "update-ref", fleetrefs.bulk("evil", "a/b"), oid)
    with fleets.open("bob") as bob:
        assert [one.name for one in NodeArchives(bob.repository, bob.ledger).list()] == ["job-1"]
        with pytest.raises(Corrupt):
            bob.archives.read("evil", "job-1")
