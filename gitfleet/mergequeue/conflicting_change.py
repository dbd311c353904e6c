"""Whose change of the target it is that an entry conflicts with: the landed entry, or the commit, for whoever has to settle it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.base.names import Oid
from gitfleet.base.text import one_line
from gitfleet.git.program import Git
from gitfleet.ledger.model import View
from gitfleet.mergequeue import model
from gitfleet.mergequeue.candidates import Chains, Clash, Landing
from gitfleet.mergequeue.model import EntryEvidence, QueueEntry

_TIME = 300.0
_MOST = 500
_TRAILER = "%(trailers:key=Fleet-Entry,valueonly,separator=%x2C)"
_FORMAT = f"--format=%H%x00%an%x00%s%x00{_TRAILER}%x00"
_FIELDS = 4


class _Commit(NamedTuple):
    oid: str
    author: str
    subject: str
    entry: str


def found(chains: Chains, view: View, landing: Landing, clash: Clash) -> EntryEvidence:
    """The evidence that names the other side, and no more; nothing where none can be told.

    It is the first commit of the target since the branch left it that touches paths in conflict and cannot be merged with the branch.
    Costs three git processes and a few merges in memory. Raises GitFailed.
    """
    line = _commits(chains.git, chains.base, landing.head)
    touching = _touching(chains.git, line, clash.paths) if line else []
    if not touching:
        return EntryEvidence()
    met = chains.meets(landing, [commit.oid for commit in touching])
    commit = next((one for one in touching if one.oid == met), touching[-1])
    entry = _entry(chains.git, view, chains.base, commit)
    if entry is None:
        return EntryEvidence(
            theirs=Oid(commit.oid), author=one_line(commit.author), title=one_line(commit.subject)
        )
    return EntryEvidence(
        theirs=Oid(commit.oid), entry=entry.id, branch=entry.branch, session=entry.session, title=entry.title
    )


def _entry(git: Git, view: View, base: str, commit: _Commit) -> QueueEntry | None:
    """The entry that landed a commit of the target. A rebased one names itself in its last commit only."""
    name = commit.entry
    if not name:
        later = next((one for one in _commits(git, base, commit.oid) if one.entry), None)
        name = later.entry if later else ""
    entry = model.find(view, name.split(",")[-1].strip())
    if entry is None or commit.entry:
        return entry
    within = ("merge-base", "--is-ancestor", commit.oid, entry.before) if entry.before else ()
    return entry if within and git.ask(*within, timeout=_TIME).code == 1 else None


def _commits(git: Git, target: str, since: str) -> list[_Commit]:
    """The target's own line since it had `since` in it, the oldest first."""
    out = git.run(
        "log", "--no-show-signature", "--no-color", "--no-mailmap", "--first-parent", "--reverse", f"--max-count={_MOST}", _FORMAT,
        target, f"^{since}", "--", timeout=_TIME,
    )  # fmt: skip
    fields = out.decode("utf-8", "replace").split("\0")
    rows = [fields[at : at + _FIELDS] for at in range(0, len(fields) - _FIELDS + 1, _FIELDS)]
    return [_Commit(oid.strip(), author, subject, entry.strip()) for oid, author, subject, entry in rows]


def _touching(git: Git, commits: Sequence[_Commit], paths: Sequence[str]) -> list[_Commit]:
    """Those of the commits that change one of these paths, as against their first parents (`git log` with paths leaves out merges)."""
    literal = Git(git.git_dir, cwd=git.cwd, env={**git.env, "GIT_LITERAL_PATHSPECS": "1"})
    data = "".join(f"{commit.oid}\n" for commit in commits).encode()
    how = ("-m", "--first-parent", "-r", "-z", "--name-only", "--no-renames", "--root")
    out = literal.run("diff-tree", "--stdin", *how, "--", *paths[:100], data=data, timeout=_TIME)
    named = {field.split(b" ")[0].strip().decode("ascii", "replace") for field in out.split(b"\0")}
    return [commit for commit in commits if commit.oid in named]
