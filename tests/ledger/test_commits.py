"""Ledger commits: what is written is read back, and what is none is never taken for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitfleet.codec import replace
from gitfleet.errors import Corrupt, NewerFormat
from gitfleet.git.objects import PlumbingObjects
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import commits
from gitfleet.ledger.model import Operation
from tests.operations import raw
from tests.workbench import Git

HEADS = "tree {tree}\nparent {parent}\nauthor a <a@x> 1 +0000\ncommitter a <a@x> 1 +0000\n\n"


@pytest.fixture
def objects(repository: Path) -> Iterator[PlumbingObjects]:
    store = PlumbingObjects(str(repository / ".git"))
    yield store
    store.close()


@pytest.fixture
def root(objects: PlumbingObjects) -> commits.Tip:
    return commits.read(objects, commits.write_root(objects))


def operation(session: str, body: dict[str, object] | None = None) -> Operation:
    return replace(
        raw("claim.acquire", "node", session, body or {}, at=7), id="01M7Y5000000000000000000AA", nonce="n"
    )


def test_root_is_the_same_everywhere(root: commits.Tip) -> None:
    assert root.oid == "d2759a7949c7ee61221e960e9eff488d267dda8a"
    assert (root.generation, root.parent) == (0, None)


def test_commit_that_was_written_is_read_back_and_passes_git_s_own_checks(
    objects: PlumbingObjects, root: commits.Tip, repository: Path, git: Git
) -> None:
    wanted = [operation("ada"), operation("bob", {"path": "\udcff\u2028\u0007", "deep": [1, None, True]})]
    subjects = ["ada claims \x1b[2J", "bob\nFleet-Generation: 99\n\nclaims"]
    tree = Snapshot(objects, root.tree)
    tip = commits.write(objects, tree, root, wanted, subjects, node="node-1.x", at=1_700_000_000)
    git(repository, "update-ref", "refs/fleet/coord", tip.oid)
    git(repository, "fsck", "--strict", "--no-dangling")
    again = commits.read(objects, tip.oid)
    assert again == tip
    assert (again.generation, again.parent) == (1, root.oid)
    found = commits.transaction(objects, again)
    assert found.operations("here") == wanted
    assert "\x1b" not in git(repository, "log", "-1", "--format=%B", tip.oid)
    trailers = git(
        repository, "log", "-1", "--format=%(trailers:key=Fleet-Generation,valueonly)", tip.oid
    ).split()
    assert trailers == ["1"]


@pytest.mark.parametrize(
    "message",
    [
        "words",
        "x\n\nFleet-Generation: 1\n",
        "x\n\nFleet-Generation: one\nFleet-Schema: 1\n",
        "x\n\nFleet-Generation: 0\nFleet-Schema: 1\n",
        "x\n\nFleet-Generation: -1\nFleet-Schema: 1\n",
        "x\n\nFleet-Schema: 1\nFleet-Generation: " + "9" * 5000 + "\n",
        "x\n\nFleet-Generation: 1\nFleet-Schema: 1\n\nno trailers any more",
    ],
)
def test_commit_without_sound_trailers_is_corrupt(
    objects: PlumbingObjects, root: commits.Tip, message: str
) -> None:
    data = HEADS.format(tree=root.tree, parent=root.oid) + message
    with pytest.raises(Corrupt):
        commits.read(objects, objects.write("commit", data.encode()))


def test_commit_of_a_newer_schema_is_refused_by_name(objects: PlumbingObjects, root: commits.Tip) -> None:
    data = HEADS.format(tree=root.tree, parent=root.oid) + "x\n\nFleet-Generation: 1\nFleet-Schema: 2\n"
    with pytest.raises(NewerFormat, match="schema 2"):
        commits.read(objects, objects.write("commit", data.encode()))


@pytest.mark.parametrize("separator", ["\u2028", "\x0c", "\x85", "\r"])
def test_commit_whose_author_pretends_to_be_a_header_is_read_as_git_reads_it(
    objects: PlumbingObjects, root: commits.Tip, separator: str
) -> None:
    data = HEADS.format(tree=root.tree, parent=root.oid).replace(
        "author a", f"author a{separator}parent {'1' * 40}"
    )
    data += "x\n\nFleet-Generation: 1\nFleet-Schema: 1\n"
    assert commits.read(objects, objects.write("commit", data.encode())).parent == root.oid


@pytest.mark.parametrize("oid", ["", "HEAD", "12" * 20])
def test_read_of_what_is_no_commit_is_corrupt(objects: PlumbingObjects, oid: str) -> None:
    with pytest.raises(Corrupt):
        commits.read(objects, oid)


@pytest.mark.parametrize(
    "data", [b"", b"words", b"[]", b"{}", b'{"v":1,"kind":"transaction","generation":2,"node":"n","at":1,"operations":[]}',
             b'{"v":1,"kind":"transaction","generation":1,"node":"n","at":1,"operations":[7]}']
)  # fmt: skip
def test_transaction_that_is_not_the_commit_s_own_is_corrupt(
    objects: PlumbingObjects, root: commits.Tip, data: bytes
) -> None:
    tree = Snapshot(objects, root.tree)
    tree.put("transaction.json", data)
    message = "x\n\nFleet-Generation: 1\nFleet-Schema: 1\n"
    oid = objects.write("commit", commits.as_bytes(tree.write(), root.oid, "n", 1, message))
    with pytest.raises(Corrupt):
        commits.transaction(objects, commits.read(objects, oid))
