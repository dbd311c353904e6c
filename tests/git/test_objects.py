"""One contract for both object stores: whatever one writes the other reads, byte for byte."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gitfleet.git import trees
from gitfleet.git.objects import BulkObjects, PlumbingObjects, open_objects
from gitfleet.git.trees import EMPTY_TREE, FILE, FOLDER, Entry, Objects, Snapshot
from tests.workbench import Git

STORES: Mapping[str, Callable[[str], Objects]] = {"plumbing": PlumbingObjects, "bulk": BulkObjects}
MISSING = "0123456789" * 4
COMMIT = b"tree %s\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nwords\n" % EMPTY_TREE.encode()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, repository: Path) -> Iterator[Objects]:
    objects = STORES[request.param](str(repository / ".git"))
    yield objects
    objects.close()


@pytest.fixture(params=STORES)
def other(request: pytest.FixtureRequest, repository: Path) -> Iterator[Objects]:
    """A second process' view of the same repository, through either store."""
    objects = STORES[request.param](str(repository / ".git"))
    yield objects
    objects.close()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("blob", b""),
        ("blob", b"words\n"),
        ("blob", bytes(range(256)) * 4096),
        ("blob", os.urandom(3_000_000)),
        ("tree", b""),
        ("commit", COMMIT),
    ],
    ids=["empty", "text", "bytes", "big", "empty-tree", "commit"],
)
def test_write_any_object_is_read_alike_by_both_and_by_git(
    store: Objects, other: Objects, repository: Path, git: Git, kind: str, data: bytes
) -> None:
    oid = store.write(kind, data)
    assert store.read(oid) == (kind, data)
    store.flush()
    assert oid == hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(data), data)).hexdigest()
    assert other.read(oid) == store.read(oid) == (kind, data)
    assert git(repository, "cat-file", "-t", oid) == kind
    assert store.write(kind, data) == other.write(kind, data) == oid
    store.flush()
    other.flush()


@pytest.mark.parametrize("count", [5, 300], ids=["loose", "pack"])
def test_flush_of_few_or_many_objects_makes_all_of_them_readable(
    store: Objects, other: Objects, repository: Path, git: Git, count: int
) -> None:
    entries = {
        f"{number:04}": Entry(FILE, store.write("blob", b"%d\n" % number * 50)) for number in range(count)
    }
    tree = store.write("tree", trees.serialise(entries))
    assert git.ask(repository, "cat-file", "-e", tree).returncode != 0
    store.flush()
    assert git(repository, "ls-tree", "--name-only", tree).split() == list(entries)
    assert other.read(tree) == store.read(tree)
    assert all(other.read(entry.oid) == store.read(entry.oid) for entry in entries.values())
    git(repository, "fsck", "--strict", "--no-dangling")
    assert list((repository / ".git/objects").rglob("tmp_*")) == []


def test_flush_of_nothing_does_nothing(store: Objects, repository: Path) -> None:
    before = sorted((repository / ".git/objects").rglob("*"))
    store.flush()
    assert sorted((repository / ".git/objects").rglob("*")) == before


def test_write_of_records_passes_strict_fsck(store: Objects, repository: Path, git: Git) -> None:
    tree = Snapshot(store, None)
    for path in (
        "claims/=src/=api/@1.json",
        os.fsdecode(b"claims/=\xff\xfe/@2.json"),
        "claims/=\u00e9.x/@3.json",
        "fleet.json",
    ):
        tree.put(path, path.encode("utf-8", "surrogateescape"))
    empty = store.write("tree", b"")
    commit = store.write("commit", COMMIT.replace(empty.encode(), tree.write().encode()))
    store.flush()
    git(repository, "update-ref", "refs/fleet/coord", commit)
    git(repository, "fsck", "--strict", "--no-dangling")
    names = git(repository, "ls-tree", "-r", "-z", "--name-only", commit).split("\0")
    assert os.fsdecode(b"claims/=\xff\xfe/@2.json") in names


@pytest.mark.parametrize(
    "oid",
    [
        MISSING,
        "",
        "HEAD",
        "refs/heads/main",
        "main:README.md",
        MISSING[:39],
        MISSING[:4],
        MISSING.upper(),
        "x" * 40,
    ],
)
def test_read_what_is_no_object_here_raises_keyerror_and_goes_on(store: Objects, oid: str) -> None:
    blob = store.write("blob", b"there")
    store.flush()
    for _ in range(2):
        with pytest.raises(KeyError):
            store.read(oid)
    assert store.read(blob) == ("blob", b"there")


def test_read_in_the_same_place_of_blob_tree_commit_answers_each_kind(
    store: Objects, repository: Path, git: Git
) -> None:
    for revision, kind in (("HEAD", "commit"), ("HEAD^{tree}", "tree"), ("HEAD:README.md", "blob")):
        assert store.read(git(repository, "rev-parse", revision))[0] == kind


def test_read_what_another_process_wrote_meanwhile_finds_it(
    store: Objects, repository: Path, git: Git
) -> None:
    with pytest.raises(KeyError):
        store.read(MISSING)
    loose = git(repository, "hash-object", "-w", "--stdin", stdin="one")
    assert store.read(loose) == ("blob", b"one")
    packed = git(repository, "hash-object", "-w", "--stdin", stdin="two")
    git(repository, "tag", "keep", packed)
    git(repository, "repack", "-a", "-d", "-q")
    assert store.read(packed) == ("blob", b"two")


@pytest.mark.parametrize("damage", [b"", b"\x78\x01no zlib at all"], ids=["empty", "garbage"])
def test_read_broken_object_raises_keyerror_and_others_are_still_read(
    store: Objects, repository: Path, git: Git, damage: bytes
) -> None:
    broken, sound = (git(repository, "hash-object", "-w", "--stdin", stdin=text) for text in ("bad", "good"))
    path = repository / ".git/objects" / broken[:2] / broken[2:]
    path.chmod(0o644)
    path.write_bytes(damage)
    for _ in range(2):
        with pytest.raises(KeyError):
            store.read(broken)
        assert store.read(sound) == ("blob", b"good")


@pytest.mark.parametrize("bulk", [False, True], ids=STORES)
def test_read_of_object_above_the_limit_raises_and_others_are_still_read(
    repository: Path, bulk: bool
) -> None:
    objects = open_objects(str(repository / ".git"), bulk=bulk, limit=1000)
    big, small = (objects.write("blob", b"x" * size) for size in (1001, 1000))
    objects.flush()
    with pytest.raises(ValueError, match="1001 bytes"):
        objects.read(big)
    assert objects.read(small) == ("blob", b"x" * 1000)
    objects.close()


def test_read_of_replaced_object_answers_the_original(store: Objects, repository: Path, git: Git) -> None:
    one, two = (git(repository, "hash-object", "-w", "--stdin", stdin=text) for text in ("one", "two"))
    git(repository, "replace", one, two)
    assert store.read(one) == ("blob", b"one")


def test_write_in_shared_repository_keeps_its_permissions(repository: Path) -> None:
    (repository / ".git/objects").chmod(0o2775)
    objects = PlumbingObjects(str(repository / ".git"))
    oid = objects.write("blob", b"shared by a group")
    objects.flush()
    objects.close()
    assert (repository / ".git/objects" / oid[:2]).stat().st_mode & 0o7777 == 0o2775


def test_open_objects_where_libgit2_refuses_the_repository_answers_plumbing(
    repository: Path, git: Git
) -> None:
    git(repository, "config", "core.repositoryFormatVersion", "1")
    git(repository, "config", "extensions.noSuchThingYet", "true")
    objects = open_objects(str(repository / ".git"), bulk=True)
    objects.close()
    assert isinstance(objects, PlumbingObjects)


def test_serialise_names_that_sort_around_folders_gives_git_s_order(
    store: Objects, repository: Path, git: Git
) -> None:
    blob = store.write("blob", b"x")
    folder = store.write("tree", trees.serialise({"f": Entry(FILE, blob)}))
    entries = {
        "a": Entry(FOLDER, folder),
        "a.b": Entry(FILE, blob),
        "a0": Entry(FILE, blob),
        "a-": Entry(FILE, blob),
    }
    oid = store.write("tree", trees.serialise(entries))
    store.flush()
    assert trees.parse(store.read(oid)[1]) == entries
    listed = git(repository, "ls-tree", oid)
    made = git(repository, "mktree", stdin=listed + "\n")
    assert made == oid


def test_prefetch_of_many_is_read_alike_and_leaves_out_what_is_missing(store: Objects) -> None:
    oids = [store.write("blob", b"%d" % number) for number in range(1000)]
    store.flush()
    store.prefetch([MISSING, *oids, "no id", *oids[:3]])
    assert [store.read(oid)[1] for oid in oids] == [b"%d" % number for number in range(1000)]
    with pytest.raises(KeyError):
        store.read(MISSING)


def test_prefetch_of_an_object_above_the_limit_leaves_it_to_read(repository: Path) -> None:
    objects = PlumbingObjects(str(repository / ".git"), limit=1000)
    small, large = objects.write("blob", b"x"), objects.write("blob", b"x" * 1001)
    objects.flush()
    again = PlumbingObjects(str(repository / ".git"), limit=1000)
    again.prefetch([large, small])
    with pytest.raises(ValueError, match="more than may be here"):
        again.read(large)
    assert again.read(small) == ("blob", b"x")
    again.close()


def test_prefetch_at_a_broken_object_goes_on_with_a_new_git(repository: Path) -> None:
    objects = PlumbingObjects(str(repository / ".git"))
    oids = [objects.write("blob", b"%d" % number) for number in range(3)]
    objects.flush()
    broken = repository / ".git/objects" / oids[1][:2] / oids[1][2:]
    broken.chmod(0o600)
    broken.write_bytes(b"nothing that git has written")
    again = PlumbingObjects(str(repository / ".git"))
    again.prefetch(oids)
    assert [again.read(oid)[1] for oid in (oids[0], oids[2])] == [b"0", b"2"]
    with pytest.raises(KeyError):
        again.read(oids[1])
    again.close()


def test_listing_of_a_tree_tells_every_file_below_it_or_nothing(store: Objects, repository: Path) -> None:
    blob = store.write("blob", b"x")
    folder = store.write("tree", trees.serialise({"f\udcff\n": Entry(FILE, blob)}))
    tree = store.write("tree", trees.serialise({"a": Entry(FOLDER, folder), "b": Entry(FILE, blob)}))
    assert store.listing(tree) is None
    store.flush()
    told = {"a/f\udcff\n": blob, "b": blob} if isinstance(store, PlumbingObjects) else None
    assert store.listing(tree) == told
    broken = store.write("tree", trees.serialise({"a": Entry(FOLDER, MISSING)}))
    store.flush()
    assert store.listing(broken) is None


def test_read_between_objects_that_are_read_ahead_is_the_right_one(repository: Path) -> None:
    objects = PlumbingObjects(str(repository / ".git"))
    oids = [objects.write("blob", b"%d" % number) for number in range(1000)]
    objects.flush()
    again = PlumbingObjects(str(repository / ".git"))
    again.prefetch([MISSING, *oids[:600]])
    for number in (599, 3, 700, 0, 450, 999):
        assert again.read(oids[number]) == ("blob", b"%d" % number)
    again.prefetch(oids)
    assert [again.read(oid)[1] for oid in reversed(oids)] == [
        b"%d" % number for number in reversed(range(1000))
    ]
    again.prefetch(oids[:5])
    again.close()


def test_read_when_git_was_killed_while_it_read_ahead_asks_another_one(repository: Path) -> None:
    objects = PlumbingObjects(str(repository / ".git"))
    oids = [objects.write("blob", b"%d" % number) for number in range(1000)]
    objects.flush()
    again = PlumbingObjects(str(repository / ".git"))
    again.prefetch(oids)
    assert again.read(oids[0]) == ("blob", b"0")
    assert again._reader is not None
    os.kill(again._reader.pid, signal.SIGKILL)
    assert [again.read(oid)[1] for oid in oids] == [b"%d" % number for number in range(1000)]
    again.close()
