"""What a part of a gate is known by: a change of its inputs changes it, and a change of anything else does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gitfleet.gates import keys
from gitfleet.gates.policy import GatePart, GatePolicy
from gitfleet.git.objects import open_objects
from gitfleet.git.trees import Objects
from tests.workbench import Git

FILES = {
    "README.md": "read\n", "web/src/a.ts": "a\n", "web/docs/x.md": "x\n", "py/a.py": "a\n", "py/b.txt": "b\n", "scripts/test": "t\n",
    "py/sub/c.py": "c\n", "odd [x]/é.py": "o\n",
}  # fmt: skip


class Tree:
    """Trees of a repository, and what a part is known by in them."""

    def __init__(self, path: Path, git: Git, objects: Objects) -> None:
        self._path, self._git, self._objects = path, git, objects

    def content(self, part: GatePart, files: Mapping[str, str | None]) -> str:
        for name, text in {**FILES, **files}.items():
            place = self._path / name
            if text is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
        self._git(self._path, "add", "--all")
        tree = self._git(self._path, "write-tree").strip()
        for name in files:
            (self._path / name).unlink(missing_ok=True)
        return keys.content(self._objects, tree, part)


@pytest.fixture
def tree(tmp_path: Path, git: Git) -> Iterator[Tree]:
    git(tmp_path, "init", "--quiet", "trees")
    objects = open_objects(str(tmp_path / "trees/.git"))
    yield Tree(tmp_path / "trees", git, objects)
    objects.close()


def part(*inputs: str, run: tuple[str, ...] = ("make",)) -> GatePart:
    return GatePart(run, "part", inputs)


@pytest.mark.parametrize(
    ("inputs", "change", "differs"),
    [
        (("web/",), {"web/src/a.ts": "b\n"}, True),
        (("web/",), {"web/src/new.ts": "b\n"}, True),
        (("web/",), {"web/docs/x.md": None}, True),
        (("web/",), {"README.md": "other\n"}, False),
        (("web/src",), {"web/docs/x.md": "y\n"}, False),
        (("README.md",), {"README.md": "other\n"}, True),
        (("README.md",), {"web/src/a.ts": "b\n"}, False),
        (("py/**/*.py",), {"py/sub/c.py": "d\n"}, True),
        (("py/**/*.py",), {"py/b.txt": "d\n"}, False),
        (("py/*.py",), {"py/sub/c.py": "d\n"}, False),
        (("*.md",), {"README.md": "other\n"}, True),
        (("*.md",), {"web/docs/x.md": "y\n"}, False),
        (("{web,py}/",), {"py/a.py": "b\n"}, True),
        (("none/",), {"README.md": "other\n"}, False),
        (("none/",), {"none/a": "b\n"}, True),
        (("odd [x]/",), {"odd [x]/é.py": "p\n"}, True),
        ((".",), {"README.md": "other\n"}, True),
        (("web/",), {".gitattributes": "* text\n"}, True),
        (("web/src/",), {"web/.gitattributes": "* text\n"}, True),
        (("web/src/",), {"py/.gitattributes": "* text\n"}, False),
    ],
)
def test_content_changes_with_its_inputs_only(
    tree: Tree, inputs: tuple[str, ...], change: dict[str, str | None], differs: bool
) -> None:
    asked = part(*inputs)
    assert (tree.content(asked, {}) != tree.content(asked, change)) == differs


@pytest.mark.parametrize("word", ["scripts/test", "./scripts/test"])
def test_file_of_the_tree_that_the_command_names_is_an_input(tree: Tree, word: str) -> None:
    asked = part("web/", run=("sh", word, "/etc", "web", ""))
    assert tree.content(asked, {}) != tree.content(asked, {"scripts/test": "other\n"})


def test_part_without_inputs_is_known_by_the_whole_tree(tree: Tree) -> None:
    plain = tree.content(part(), {})
    assert len(plain) == 40
    assert plain != tree.content(part(), {"README.md": "other\n"})


def test_content_depends_on_where_a_file_is(tree: Tree) -> None:
    asked = part("py/")
    moved = {"py/a.py": None, "py/z.py": "a\n"}
    assert tree.content(asked, {}) != tree.content(asked, moved)


def test_tree_that_is_not_here_is_told(tree: Tree) -> None:
    with pytest.raises(KeyError):
        keys.subjects(tree._objects, "b" * 40, GatePolicy((part("web/"),)))
