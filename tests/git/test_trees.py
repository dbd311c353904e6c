"""`Snapshot` against a dict, and against trees that are not what they should be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from gitfleet.errors import Corrupt
from gitfleet.git import trees
from gitfleet.git.objects import PlumbingObjects
from gitfleet.git.trees import EMPTY_TREE, FILE, FOLDER, Entry, Snapshot
from tests.sampling import examples


class Memory:
    """Objects in a dict, as the protocol asks."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, bytes]] = {}
        self.reads: list[str] = []
        self.rounds: list[list[str]] = []

    def read(self, oid: str) -> tuple[str, bytes]:
        self.reads.append(oid)
        return self.kept[oid]

    def prefetch(self, oids: Iterable[str]) -> None:
        self.rounds.append(list(oids))

    def listing(self, tree: str, *, folders: bool = False) -> None:
        pass

    def write(self, kind: str, data: bytes) -> str:
        oid = hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(data), data)).hexdigest()
        self.kept[oid] = (kind, data)
        return oid

    def flush(self) -> None:
        return

    def close(self) -> None:
        self.kept.clear()


COMPONENTS = st.sampled_from(["a", "b", "a.b", "a0", "=x", "\udcff", "\u00e9"])
PATHS = st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), PATHS, st.binary(max_size=3)),
        st.tuples(st.just("delete"), PATHS, st.just(b"")),
        st.tuples(st.just("write"), st.just("a"), st.just(b"")),
        st.tuples(st.just("reload"), st.just("a"), st.just(b"")),
    ),
    max_size=30,
)


def fits(model: Mapping[str, bytes], path: str) -> bool:
    """Whether a file can be at `path` without a file as a folder, or a folder as a file."""
    return not any(
        known.startswith(f"{path}/") or path.startswith(f"{known}/") for known in model if known != path
    )


def check(tree: Snapshot, model: Mapping[str, bytes]) -> None:
    assert sorted(tree.files("")) == sorted(model)
    for path, data in model.items():
        assert tree.get(path) == data
        assert tree.get(f"{path}/below") is None
    for name, is_folder in tree.names(""):
        below = [path for path in model if path == name or path.startswith(f"{name}/")]
        assert is_folder == (name not in model) or not below


@given(STEPS)
@examples(300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_snapshot_through_any_steps_behaves_like_a_dict(steps: list[tuple[str, str, bytes]]) -> None:
    objects = Memory()
    tree, model = Snapshot(objects, None), dict[str, bytes]()
    for step, path, data in steps:
        if step == "put" and fits(model, path):
            tree.put(path, data)
            model[path] = data
        elif step == "put":
            with pytest.raises(Corrupt):
                tree.put(path, data)
        elif step == "delete":
            tree.delete(path)
            model.pop(path, None)
        else:
            oid = tree.write()
            fresh = Snapshot(objects, None)
            fresh.change(model)
            assert oid == fresh.write()
            tree = Snapshot(objects, oid) if step == "reload" else tree
        check(tree, model)


def test_snapshot_of_nothing_writes_the_empty_tree() -> None:
    tree = Snapshot(Memory(), None)
    tree.put("a/b", b"x")
    tree.delete("a/b")
    assert tree.write() == EMPTY_TREE
    assert tree.names("") == []


def test_snapshot_change_deep_down_reads_and_writes_only_that_path() -> None:
    objects = Memory()
    tree = Snapshot(objects, None)
    for one in range(20):
        for two in range(20):
            tree.put(f"{one}/{two}/x", b"%d" % two)
    root = tree.write()
    objects.reads.clear()
    before = len(objects.kept)
    again = Snapshot(objects, root)
    again.put("7/7/x", b"new")
    again.write()
    assert len(objects.reads) == 3
    assert len(objects.kept) - before == 4


def test_snapshot_delete_of_a_folder_s_name_leaves_what_is_below() -> None:
    tree = Snapshot(Memory(), None)
    tree.put("a/b/c", b"x")
    tree.delete("a/b")
    assert tree.get("a/b/c") == b"x"


def test_snapshot_put_where_a_file_should_be_a_folder_raises_corrupt_and_keeps_it() -> None:
    tree = Snapshot(Memory(), None)
    tree.put("sessions", b"hand-made")
    with pytest.raises(Corrupt):
        tree.put("sessions/3f/x", b"record")
    assert tree.get("sessions") == b"hand-made"


@pytest.fixture
def objects(repository: Path) -> Iterator[PlumbingObjects]:
    store = PlumbingObjects(str(repository / ".git"))
    yield store
    store.close()


@pytest.mark.parametrize(
    "mode",
    [FILE, FOLDER, b"100755", b"120000", b"160000"],
    ids=["file", "folder", "executable", "link", "submodule"],
)
def test_snapshot_of_missing_object_raises_corrupt_never_none(objects: PlumbingObjects, mode: bytes) -> None:
    oid = objects.write("tree", trees.serialise({"x": Entry(mode, "12" * 20)}))
    tree = Snapshot(objects, oid)
    with pytest.raises(Corrupt, match="missing"):
        tree.get("x/y" if mode == FOLDER else "x")
    if mode == FOLDER:
        with pytest.raises(Corrupt):
            tree.names("x")
        with pytest.raises(Corrupt):
            list(tree.files(""))
        with pytest.raises(Corrupt):
            tree.put("x/y", b"z")


def test_snapshot_of_wrong_kind_raises_corrupt(objects: PlumbingObjects) -> None:
    blob, tree = objects.write("blob", b"x"), objects.write("tree", b"")
    oid = objects.write("tree", trees.serialise({"file": Entry(FILE, tree), "folder": Entry(FOLDER, blob)}))
    snapshot = Snapshot(objects, oid)
    with pytest.raises(Corrupt):
        snapshot.get("file")
    with pytest.raises(Corrupt):
        snapshot.names("folder")
    with pytest.raises(Corrupt):
        Snapshot(objects, blob)


@pytest.mark.parametrize("raw", [b"100644", b"100644 x", b"100644 x\0short", b"\0\0\0"])
def test_snapshot_of_broken_tree_raises_corrupt(raw: bytes) -> None:
    memory = Memory()
    with pytest.raises(Corrupt):
        Snapshot(memory, memory.write("tree", raw))


def test_load_asks_for_each_depth_of_folders_together(objects: PlumbingObjects) -> None:
    memory = Memory()
    tree = Snapshot(memory, None)
    files = {f"a/{one}/{other}": b"x" for one in "klm" for other in "pq"}
    tree.change(files)
    again = Snapshot(memory, tree.write())
    again.load("a")
    assert [len(asked) for asked in memory.rounds] == [3, 6]
    assert sorted(again.files("a")) == sorted(files)


def test_load_of_what_cannot_be_read_leaves_it_to_who_reads(objects: PlumbingObjects) -> None:
    lost = {"b": Entry(FOLDER, "1" * 40), "c": Entry(FILE, "2" * 40)}
    tree = Snapshot(objects, objects.write("tree", trees.serialise(lost)))
    tree.load("")
    tree.load("nosuch/folder")
    with pytest.raises(Corrupt, match="missing"):
        list(tree.files("b"))
    with pytest.raises(Corrupt, match="missing"):
        tree.get("c")


def _many(objects: PlumbingObjects) -> tuple[Snapshot, dict[str, bytes]]:
    """A tree with very many folders, as it was stored, and its files."""
    names = ["a", "a.b", "a0", "=x", "\u00e9"]
    files = {
        f"all/{name}{n}/{name}/f": f"{name}{n}".encode() for name in names for n in range(trees.MANY // 4)
    }
    made = Snapshot(objects, None)
    made.change({**files, "beside/f": b"other"})
    oid = made.write()
    objects.flush()
    return Snapshot(objects, oid), files


def test_load_of_very_many_folders_has_the_same_files_in_the_same_order(objects: PlumbingObjects) -> None:
    tree, files = _many(objects)
    in_order = list(tree.files("all"))
    tree.load("all")
    assert tree._listed
    assert list(tree.files("all")) == in_order == sorted(files, key=lambda path: path.split("/"))
    assert {path: tree.get(path) for path in in_order} == files
    assert (tree.get("all/a1"), tree.get("all/a1/a"), tree.get("beside/f")) == (None, None, b"other")


def test_change_after_a_load_of_very_many_folders_is_seen(objects: PlumbingObjects) -> None:
    tree, files = _many(objects)
    tree.load("all")
    first, second = list(files)[:2]
    tree.change({first: None, second: b"new", "all/more": b"x"})
    assert (tree.get(first), tree.get(second)) == (None, b"new")
    assert set(tree.files("all")) == {*files, "all/more"} - {first}
    tree.load("all")  # git knows nothing of what is not stored
    assert (tree.get(first), tree.get("all/more")) == (None, b"x")


def test_load_of_very_many_folders_of_which_one_is_lost_leaves_it_to_who_reads(
    objects: PlumbingObjects,
) -> None:
    tree, files = _many(objects)
    everything = trees.parse(objects.read(tree._root.entries["all"].oid)[1])
    everything["a1"] = Entry(FOLDER, "1" * 40)
    broken = objects.write("tree", trees.serialise(everything))
    other = Snapshot(objects, objects.write("tree", trees.serialise({"all": Entry(FOLDER, broken)})))
    objects.flush()
    other.load("all")
    assert other.get("all/a2/a/f") == files["all/a2/a/f"]
    with pytest.raises(Corrupt, match="missing"):
        other.get("all/a1/a/f")


def test_load_to_a_depth_asks_for_nothing_below_it() -> None:
    memory = Memory()
    tree = Snapshot(memory, None)
    tree.change({"a/b/c": b"1", "a/b/d/e": b"2", "a/b/d/f/g": b"3"})
    again = Snapshot(memory, tree.write())
    again.load("a", depth=1)
    assert [len(asked) for asked in memory.rounds] == [1, 1]
    assert again.get("a/b/d/f/g") == b"3"
