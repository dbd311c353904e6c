"""Whether a candidate would take away what others have landed: judged by what it changes, before any gate runs.

Two tests. *Vanished lines*: a line that the candidate takes out of the target although no commit of the branch's own takes it
out; a merge in the branch that was resolved wrongly, or a merge driver, does that. Merges are not the branch's own work, so
what they leave out counts; where a merge put something new in its place, both sides have been thought of, and it passes.
*Undone commits*: a commit of the branch that puts every path of an earlier commit of the target back to what it was, and does not
say that it reverts something: work of an old checkout, committed on a new base, does that.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitfleet.git.program import Git

_TIME = 300.0
_RECENT = 200
"""So many commits of the target before the branch began are looked at for one that was undone."""
_MOST_PATHS = 400
_PATCH = (
    "-r",
    "-p",
    "-U0",
    "--text",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-prefix",
    "--root",
)
_RAW = ("-r", "--raw", "-z", "--no-renames", "--no-abbrev", "--root")
_REVERTS = re.compile(rb"\brevert", re.IGNORECASE)
_RANGES = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_QUOTED = re.compile(rb"\\([0-7]{3}|.)")
_WORD = re.compile(rb"[0-9A-Za-z_\x80-\xff]")
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}

Change = tuple[str, str]


class Vanished(NamedTuple):
    """Lines of one path that would be lost, the first of them as text; `lines` is how many."""

    path: str
    lines: int
    sample: tuple[str, ...]


class Undone(NamedTuple):
    """A commit of the target that a commit of the branch undoes as a whole."""

    commit: str
    subject: str
    by: str
    paths: tuple[str, ...]


class TakenAway(NamedTuple):
    """What a candidate would take away; false where that is nothing."""

    vanished: tuple[Vanished, ...] = ()
    undone: tuple[Undone, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.vanished or self.undone)


class _Hunk(NamedTuple):
    path: str
    removed: list[bytes]
    added: list[bytes]


def losses(git: Git, before: str, after: str, head: str, *, without: Sequence[str]) -> TakenAway:
    """What would be lost from the commit `before` if `after` took its place, because of a branch at `head`.

    `without` are the commits whose history is not the branch's own: the target's, and the head of the branch that it is stacked on.
    Costs five git processes, and the patches of the branch's commits for the paths that lose lines. Raises GitFailed.
    """
    shut = [f"^{commit}" for commit in without if commit]
    rows = git.run("rev-list", "--parents", head, *shut, "--", timeout=_TIME).decode("ascii").splitlines()
    commits = [row.split(" ") for row in rows]
    own = [commit for commit, *parents in commits if len(parents) < 2]
    merged = [parent for _, *parents in commits if len(parents) > 1 for parent in parents]
    return TakenAway(tuple(_vanished(git, before, after, own, merged)), tuple(_undone(git, own, without)))


def _vanished(
    git: Git, before: str, after: str, own: Sequence[str], merged: Sequence[str]
) -> Iterator[Vanished]:
    hunks = list(_hunks(git.run("diff-tree", *_PATCH, before, after, timeout=_TIME)))
    losing = {hunk.path for hunk in hunks if hunk.removed}
    if not losing:
        return
    taken, put = _work(git, own, {hunk.path for hunk in hunks})
    known = {path: _lines(git, merged, path) for path in losing} if merged else {}
    moved = Counter(line for hunk in hunks for line in hunk.added) - put
    lost: dict[str, list[bytes]] = defaultdict(list)
    for hunk in hunks:
        resolved = hunk.path in known and any(
            _WORD.search(line) and line not in known[hunk.path] for line in hunk.added
        )
        for line in hunk.removed:
            if taken[hunk.path][line] > 0:
                taken[hunk.path][line] -= 1
            elif moved[line] > 0:
                moved[line] -= 1
            elif _WORD.search(line) and not resolved:
                lost[hunk.path].append(line)
    for path, lines in lost.items():
        yield Vanished(path, len(lines), tuple(line[:200].decode("utf-8", "replace") for line in lines[:3]))


def _work(
    git: Git, own: Sequence[str], paths: Collection[str]
) -> tuple[Mapping[str, Counter[bytes]], Counter[bytes]]:
    """The lines that the branch's own commits take out, by path, and those that they put in anywhere."""
    taken: dict[str, Counter[bytes]] = defaultdict(Counter)
    put: Counter[bytes] = Counter()
    if own:
        only = ["--", *sorted(paths)] if len(paths) <= _MOST_PATHS else []
        literal = Git(git.git_dir, cwd=git.cwd, env={**git.env, "GIT_LITERAL_PATHSPECS": "1"})
        data = "".join(f"{commit}\n" for commit in own).encode()
        for hunk in _hunks(literal.run("diff-tree", "--stdin", *_PATCH, *only, data=data, timeout=_TIME)):
            taken[hunk.path].update(hunk.removed)
            put.update(hunk.added)
    return taken, put


def _lines(git: Git, commits: Iterable[str], path: str) -> set[bytes]:
    """The lines of a path in any of these commits."""
    data = "".join(f"{commit}:{path}\n" for commit in commits if "\n" not in path).encode(
        errors="surrogateescape"
    )
    return set(git.run("cat-file", "--batch", data=data, timeout=_TIME).split(b"\n"))


def _hunks(patch: bytes) -> Iterator[_Hunk]:
    """The hunks of patches without context."""
    path, lines = "", iter(patch.split(b"\n"))
    for line in lines:
        if line.startswith(b"diff --git "):
            path = _path(line.removeprefix(b"diff --git "))
        elif found := _RANGES.match(line):
            out, put = (1 if count is None else int(count) for count in found.groups())
            hunk = _Hunk(path, [], [])
            while len(hunk.removed) < out or len(hunk.added) < put:
                row = next(lines)
                if row[:1] == b"-":
                    hunk.removed.append(row[1:])
                elif row[:1] == b"+":
                    hunk.added.append(row[1:])
            yield hunk


def _path(names: bytes) -> str:
    """The path in the head of a patch, which stands there twice, in quotes where it has odd characters."""
    name = names[: len(names) // 2]
    if name[:1] == b'"':
        name = _QUOTED.sub(_unquote, name[1:-1])
    return os.fsdecode(name)


def _unquote(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8)]) if code.isdigit() else _ESCAPES.get(code, code)


def _undone(git: Git, own: Sequence[str], without: Sequence[str]) -> Iterator[Undone]:
    """What the branch's own commits undo of the target's commits that they are built on."""
    if not own or not without:
        return
    brought = {commit: changes for commit, changes in _changes(git, own) if changes}
    theirs = list(_target_commits(git, own[-1], without[0]))
    for commit, changes in brought.items():
        for other, others in theirs:
            back = {path: (new, old) for path, (old, new) in others.items()}
            if not back or any(changes.get(path) != how for path, how in back.items()):
                continue
            if not _says_so(git, commit) and git.ask("merge-base", "--is-ancestor", other, commit).code == 0:
                yield Undone(other, _subject(git, other), commit, tuple(sorted(back)))
                break


def _target_commits(git: Git, first: str, target: str) -> Iterator[tuple[str, dict[str, Change]]]:
    """The newest commits of the target that a branch was begun on, each with what it changed by path."""
    base = git.line("merge-base", target, first)
    if not base:
        return
    newest = git.run(
        "rev-list", "--first-parent", f"--max-count={_RECENT}", base, "--", timeout=_TIME
    ).split()
    yield from _changes(git, [oid.decode("ascii") for oid in newest])


def _changes(git: Git, commits: Sequence[str]) -> Iterator[tuple[str, dict[str, Change]]]:
    """What each commit changes against its first parent: by path, its blob (with the mode) before and after."""
    data = "".join(f"{commit}\n" for commit in commits).encode()
    out = git.run("diff-tree", "--stdin", "-m", "--first-parent", *_RAW, data=data, timeout=_TIME)
    commit, changes = "", dict[str, Change]()
    fields = iter(os.fsdecode(out).split("\0"))
    for field in fields:
        if field[:1] == ":":
            old_mode, new_mode, old, new, _ = field[1:].split(" ")
            changes[next(fields)] = (f"{old_mode} {old}", f"{new_mode} {new}")
        elif field:
            if commit:
                yield commit, changes
            commit, changes = field.split(" ")[0].strip(), {}
    if commit:
        yield commit, changes


def _says_so(git: Git, commit: str) -> bool:
    """Whether a commit's message says that it takes something back."""
    return bool(_REVERTS.search(git.run("show", "--no-patch", "--format=%B", commit)))


def _subject(git: Git, commit: str) -> str:
    return os.fsdecode(git.run("show", "--no-patch", "--format=%s", commit)).strip()
