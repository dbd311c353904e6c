"""The commits of candidates as bytes: the same from the same branch, whoever makes them.

The author is the branch's own, the committer is the queue; both times are those of the branch's head, so that a candidate
made tomorrow is the candidate of today.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.base.text import one_line
from gitfleet.git.program import Git

_TIME = 300.0
_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S.*|\s+\S.*")
_KEPT = ("fleet-session:", "fleet-claim:", "co-authored-by:", "signed-off-by:")
_OWN_TRAILERS = ("fleet-entry:", "fleet-head:")
_FIELDS = "%H%x00%P%x00%an <%ae> %ad%x00%B"
_COUNT = 4


class Person(NamedTuple):
    """Who is named in a commit."""

    name: str
    mail: str

    def at(self, when: str) -> str:
        """The line for a commit, at git's raw time (`seconds zone`)."""
        return f"{_clean(self.name)} <{_clean(self.mail)}> {when}"


class Own(NamedTuple):
    """One commit of a branch's own: `author` is the whole line, with its time."""

    oid: str
    parents: tuple[str, ...]
    author: str
    message: str


def own(git: Git, head: str, without: Sequence[str], *, merges: bool) -> list[Own]:
    """The commits of `head` that `without` do not have, the oldest first. One git process. Raises GitFailed."""
    which = () if merges else ("--no-merges",)
    shut = [f"^{commit}" for commit in without]
    out = git.run(
        "log", "--no-show-signature", "--no-color", "--no-mailmap", "--encoding=UTF-8", "--date=raw", "--reverse", "--topo-order", "-z",
        f"--format={_FIELDS}", *which, head, *shut, "--", timeout=_TIME,
    )  # fmt: skip
    fields = os.fsdecode(out).split("\0")
    rows = [fields[at : at + _COUNT] for at in range(0, len(fields) - _COUNT + 1, _COUNT)]
    return [Own(oid, tuple(parents.split()), author, text) for oid, parents, author, text in rows]


def when(git: Git, commit: str) -> str:
    """The time of a commit as git writes it: seconds and zone. Raises GitFailed."""
    out = git.run("log", "-1", "--no-show-signature", "--date=raw", "--format=%cd", commit, "--")
    return out.decode("ascii", "replace").strip()


def times(git: Git, commits: Sequence[str]) -> dict[str, str]:
    """The same of many, in one git process; of some at most where a commit is not here."""
    data = "".join(f"{commit}\n" for commit in commits).encode()
    how = ("--no-show-signature", "--date=raw", "--format=%H %cd", "--no-walk=unsorted", "--ignore-missing")
    done = git.ask("log", *how, "--stdin", data=data, timeout=_TIME)
    rows = (row.partition(" ") for row in done.stdout.decode("ascii", "replace").splitlines())
    return {} if done.code else {commit: time.strip() for commit, _, time in rows}


def squashed(commits: Sequence[Own], title: str) -> str:
    """The message of the one commit that stands for these: its own where it is one, else the title and their first lines.

    The trailers that name sessions, claims and authors are kept, each once.
    """
    plain = [one for one in commits if len(one.parents) < 2] or list(commits)
    if len(plain) == 1:
        return plain[0].message
    lines = [f"- {one_line(one.message)}" for one in plain]
    kept = dict.fromkeys(
        line for one in commits for line in _trailers(one.message) if line.lower().startswith(_KEPT)
    )
    authors = dict.fromkeys(one.author.rpartition(">")[0] + ">" for one in plain)
    shared = [
        f"Co-authored-by: {author}"
        for author in list(authors)
        if author != plain[-1].author.rpartition(">")[0] + ">"
    ]
    trailers = list(dict.fromkeys([*shared, *kept]))
    text = "\n".join([one_line(title) or one_line(plain[-1].message), "", *lines])
    return "\n".join([text, "", *trailers]) if trailers else text


def with_trailers(message: str, trailers: Sequence[tuple[str, str]]) -> str:
    """The message with trailers at its end, and without older ones of the queue."""
    lines = message.rstrip().split("\n")
    block = _trailers(message)
    body = lines[: len(lines) - len(block)]
    kept = [line for line in block if not line.lower().startswith(_OWN_TRAILERS)]
    said = [*kept, *(f"{name}: {one_line(value)}" for name, value in trailers)]
    text = "\n".join(body).rstrip()
    return f"{text}\n\n" + "\n".join(said) + "\n" if said else f"{text}\n"


def commit(tree: str, parents: Sequence[str], *, author: str, committer: str, message: str) -> bytes:
    """A commit object's content."""
    rows = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in parents),
        f"author {author}",
        f"committer {committer}",
        "",
        message,
    ]
    return os.fsencode("\n".join(rows))


def _trailers(message: str) -> list[str]:
    """The last paragraph, where all its lines are trailers and it is not the first."""
    head, blank, last = message.rstrip().rpartition("\n\n")
    lines = last.split("\n")
    return lines if blank and head and all(_TRAILER.fullmatch(line) for line in lines) else []


def _clean(text: str) -> str:
    return one_line(text).translate({ord(char): None for char in "<>\n\0"})
