"""Whether a candidate would take away what others have landed: judged by what it changes, before any gate runs.

Two tests. *Vanished lines*: a line that the candidate takes out of the target although no commit of the branch's own takes it
out. Git's own merge never does that, so it is a merge driver, or a merge in the branch that somebody ended by hand; what that
has dropped of what git would have made is looked at (`resolutions`).
*Undone commits*: a commit of the branch that puts every path of an earlier commit of the target back to what it was, and does not
say that it reverts something: work of an old checkout, committed on a new base, does that.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitfleet.git.program import Git
from gitfleet.git.quarantine import Quarantine
from gitfleet.mergequeue import patches, resolutions
from gitfleet.mergequeue.commit_changes import ABSENT, Past

_TIME = 300.0
_MOST_PATHS = 400
_REMOVES = re.compile(
    rb"\b(revert|remov|delet|drop|renam|mov[ei]|retir|prun|obsolete|dead|unused|no longer)", re.IGNORECASE
)
_REVERTS = re.compile(rb"\b(revert|undo|back(s|ed)? out|roll(s|ed)? back)", re.IGNORECASE)
_NAMES_ONLY = re.compile(
    rb"\s*(from\s+\S+\s+import\b|import\b|export\b.*\bfrom\b|#\s*include\b|(pub\s+)?use\s|using\s|require(_relative)?\b|(const|let|var)\b.*\brequire\()"
)
"""Lines that only make names of other files known: where one is lost that is needed, the gate fails."""
_WORD = re.compile(rb"[0-9A-Za-z_\x80-\xff]")


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


def losses(
    place: Quarantine,
    past: Past,
    before: str,
    after: str,
    head: str,
    *,
    without: Sequence[str],
    plain: bool = True,
) -> TakenAway:
    """What would be lost from the commit `before` if `after` took its place, because of a branch at `head`.

    `without` are the commits whose history is not the branch's own: the target's, and then the commit below that the branch is built upon.
    `plain`: git's own merge made `after`; a merge driver may have lost anything. Costs what `commit_changes` does and, where lines
    vanish that nobody took, one merge in memory for each merge in the branch. Raises GitFailed.
    """
    target, *below = without
    commits = past.own(target, head, below)
    own = [one.oid for one in commits if len(one.parents) < 2]
    merges = [one for one in commits if len(one.parents) > 1]
    vanished: tuple[Vanished, ...] = ()
    if merges or not plain:
        lost = _lost(place.git, before, after, own)
        dropped = resolutions.dropped(place, merges) if lost and plain else None
        vanished = _vanished(lost, dropped)
    undone = _undone(place.git, past, own, past.begun(target, commits, below))
    return TakenAway(vanished, tuple(undone))


def _lost(git: Git, before: str, after: str, own: Sequence[str]) -> Mapping[str, list[bytes]]:
    """By path, the lines that go although none of the branch's own commits takes them, and that are nowhere else by then."""
    hunks = list(patches.hunks(git.run("diff-tree", *patches.OPTIONS, before, after, timeout=_TIME)))
    lost: dict[str, list[bytes]] = defaultdict(list)
    if not any(hunk.removed for hunk in hunks):
        return lost
    taken, put = _work(git, own, {hunk.path for hunk in hunks})
    moved = Counter(line for hunk in hunks for line in hunk.added) - put
    for hunk in hunks:
        still = set(patches.lines(git, [after], hunk.path)) if hunk.removed else set()
        for line in hunk.removed:
            if taken[hunk.path][line] > 0:
                taken[hunk.path][line] -= 1
            elif moved[line] > 0:
                moved[line] -= 1
            elif _WORD.search(line) and line not in still:
                lost[hunk.path].append(line)
    return lost


def _vanished(lost: Mapping[str, Sequence[bytes]], dropped: Counter[bytes] | None) -> tuple[Vanished, ...]:
    """Those of the lost lines that merges of the branch have `dropped` (None: all of them). Lines that only import are none by themselves."""
    gone: dict[str, list[bytes]] = defaultdict(list)
    for path, lines in lost.items():
        for line in lines:
            if dropped is None or dropped[line] > 0:
                gone[path].append(line)
                if dropped is not None:
                    dropped[line] -= 1
    if dropped is not None and all(_NAMES_ONLY.match(line) for lines in gone.values() for line in lines):
        return ()
    return tuple(
        Vanished(path, len(lines), tuple(line[:200].decode("utf-8", "replace") for line in lines[:3]))
        for path, lines in gone.items()
    )


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
        for hunk in patches.hunks(
            literal.run("diff-tree", "--stdin", *patches.OPTIONS, *only, data=data, timeout=_TIME)
        ):
            taken[hunk.path].update(hunk.removed)
            put.update(hunk.added)
    return taken, put


def _undone(git: Git, past: Past, own: Sequence[str], begun: str) -> Iterator[Undone]:
    """What the branch's own commits undo of the target's commits that they are built on, up to that one."""
    if not own or not begun:
        return
    theirs = past.changes(past.before(begun))
    for commit, changes in past.changes(own).items():
        for other, others in theirs.items():
            back = {path: (new, old) for path, (old, new) in others.items()}
            if not back or any(changes.get(path) != how for path, how in back.items()):
                continue
            if _says_so(git, commit, deletes=all(new == ABSENT for _, new in back.values())):
                continue
            if (
                not set(back) <= _renamed(git, commit)
                and git.ask("merge-base", "--is-ancestor", other, commit).code == 0
            ):
                yield Undone(other, _subject(git, other), commit, tuple(sorted(back)))
                break


def _says_so(git: Git, commit: str, *, deletes: bool) -> bool:
    """Whether a commit's message says that it takes something back or, where it only deletes files, that it takes them away."""
    words = _REMOVES if deletes else _REVERTS
    return bool(words.search(git.run("show", "--no-patch", "--format=%B", commit)))


def _renamed(git: Git, commit: str) -> set[str]:
    """The paths that a commit brings elsewhere."""
    how = (
        "-r",
        "-z",
        "-M",
        "--diff-filter=R",
        "--name-only",
        "--raw",
        "--no-commit-id",
        "-m",
        "--first-parent",
        "--root",
    )
    fields = os.fsdecode(git.run("diff-tree", *how, commit, timeout=_TIME)).split("\0")
    return {fields[at + 1] for at in range(0, len(fields) - 2, 3)}


def _subject(git: Git, commit: str) -> str:
    return os.fsdecode(git.run("show", "--no-patch", "--format=%s", commit)).strip()
