"""Repositories with many branches, made quickly: by one `git fast-import`, from a seed."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

Files = dict[str, tuple[str, bytes]]
FOLDERS = ("src/api", "src/web", "src/core/deep", "lib", "docs", "tests")


def lines(chance: random.Random, count: int = 30) -> bytes:
    return b"".join(b"line %d of %x\n" % (number, chance.getrandbits(40)) for number in range(count))


def start(chance: random.Random, count: int) -> Files:
    files: Files = {}
    for number in range(count):
        folder = FOLDERS[number % len(FOLDERS)]
        files[f"{folder}/f{number}.txt"] = ("100644", lines(chance))
    files["hot.txt"] = ("100644", lines(chance, 60))
    files["logo.bin"] = ("100644", b"\0\1\2" * 50)
    return files


def edit(chance: random.Random, data: bytes) -> bytes:
    rows = data.split(b"\n")
    at = chance.randrange(max(1, len(rows) - 1))
    new = b"changed %x" % chance.getrandbits(24)
    match chance.randrange(3):
        case 0:
            rows[at : at + 1] = [new]
        case 1:
            rows[at:at] = [new]
        case _:
            rows[at : at + 2] = []
    return b"\n".join(rows)


def change(chance: random.Random, files: Files) -> None:
    """One change of an agent, mostly an edit."""
    path = chance.choice(sorted(files))
    mode, data = files[path]
    match chance.choices(range(8), [60, 8, 5, 8, 3, 3, 3, 10])[0]:
        case 0:
            files[path] = (mode, edit(chance, data))
        case 1:
            files[f"{os.path.dirname(path) or 'src'}/new{chance.randrange(6)}.txt"] = (
                "100644",
                lines(chance, 9),
            )
        case 2:
            del files[path]
        case 3:
            del files[path]
            files[f"{chance.choice(FOLDERS)}/moved{chance.randrange(30)}.txt"] = (mode, edit(chance, data))
        case 4:  # a whole folder is renamed
            old = chance.choice(FOLDERS)
            for name in [name for name in files if name.startswith(f"{old}/")]:
                files[f"renamed{chance.randrange(2)}/{name.removeprefix(old + '/')}"] = files.pop(name)
        case 5:  # a file takes the place of a folder
            top = chance.choice(["lib", "docs", "extra"])
            for name in [name for name in files if name.startswith(f"{top}/")]:
                del files[name]
            files[top] = ("100644", lines(chance, 5))
        case 6:
            files[path] = ("100755" if mode == "100644" else "100644", data)
        case _:
            files["hot.txt"] = ("100644", edit(chance, files.get("hot.txt", ("", b"x\n"))[1]))


def grow(path: Path | str, base: Files, branches: Mapping[str, tuple[str, Files]]) -> None:
    """Make `main` with the files of `base`, and each branch (its parent branch, its files) with one commit."""
    out: list[bytes] = []
    marks: dict[str, int] = {}

    def commit(ref: str, parent: str, files: Files) -> None:
        marks[ref] = len(marks) + 1
        out.append(
            f"commit refs/heads/{ref}\nmark :{marks[ref]}\ncommitter a <a@b> 1700000000 +0000\ndata 1\nx\n".encode()
        )
        if parent:
            out.append(f"from :{marks[parent]}\n".encode())
        out.append(b"deleteall\n")
        for name, (mode, data) in sorted(files.items()):
            out.append(b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), os.fsencode(name), len(data), data))

    commit("main", "", base)
    for name, (parent, files) in branches.items():
        commit(name, parent, files)
    subprocess.run(["git", "fast-import", "--quiet", "--force"], cwd=path, input=b"".join(out), check=True)


def forest(path: Path | str, seed: int, count: int, *, files: int = 60, most: int = 4) -> Sequence[str]:
    """`count` branches off `main` with some changes each, some of them stacked on others; their names."""
    chance = random.Random(seed)
    base = start(chance, files)
    branches: dict[str, tuple[str, Files]] = {}
    for number in range(count):
        parent = chance.choice(sorted(branches)) if branches and chance.random() < 0.1 else "main"
        new = dict(base if parent == "main" else branches[parent][1])
        for _ in range(chance.randint(1, most)):
            change(chance, new)
        branches[f"agent/b{number:03d}"] = (parent, new)
    grow(path, base, branches)
    return sorted(branches)


def edit_branch(path: Path | str, name: str, seed: int) -> None:
    """One more commit on a branch, which edits the file that it has first."""
    chance = random.Random(seed)
    git = ("git", "-C", str(path))
    files = subprocess.run(
        [*git, "ls-tree", "-r", "--name-only", "-z", name], capture_output=True, check=True
    )
    file = chance.choice([one for one in os.fsdecode(files.stdout).split("\0") if one.endswith(".txt")])
    data = subprocess.run(
        [*git, "cat-file", "blob", f"{name}:{file}"], capture_output=True, check=True
    ).stdout
    new = edit(chance, data)
    out = (
        f"commit refs/heads/{name}\ncommitter a <a@b> 1700000001 +0000\ndata 1\nx\nfrom refs/heads/{name}^0\n"
        f"M 100644 inline {file}\ndata {len(new)}\n"
    ).encode()
    subprocess.run([*git, "fast-import", "--quiet"], input=out + new + b"\n", check=True)
