"""Commits that were made, as an audit reads them: who made each, what it says of its claims, which paths it changes.

As in `trunk.incoming`, paths of a merge are those that differ from every parent, and renames are never guessed. Here every
session and claim that a message names counts: a commit that was picked or rebased has those of both its makers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitfleet.base import clock
from gitfleet.base.text import display
from gitfleet.errors import UsageError
from gitfleet.git.program import Git, redact
from gitfleet.trunk import commit_log

_FIELDS = "%H%x00%ct%x00%aN <%aE>%x00%s"
_PATIENCE = 1800.0


class HistoryCommit(NamedTuple):
    """One commit. `at` is its committer's clock (seconds since 1970), `author` a name and an address."""

    oid: str
    at: int
    author: str
    subject: str
    sessions: tuple[str, ...]
    claims: tuple[str, ...]
    paths: tuple[str, ...]


def walk(git: Git, revisions: Sequence[str], *, since: str | None = None) -> Iterator[HistoryCommit]:
    """The commits of a range (as for `git rev-list`), newest first; one git process, one pass.

    `since` is a date in any of git's spellings, held against committers' clocks. Raises UsageError for a range that git
    does not know. Takes some 300 bytes of memory a commit.
    """
    mark = commit_log.mark()
    dates = _since(git, since) if since else []
    asked = commit_log.arguments(mark, *dates, "--end-of-options", *revisions, fields=_FIELDS)
    done = git.ask(*asked, timeout=_PATIENCE)
    if done.code:
        words = redact(done.stderr.decode("utf-8", "replace")).strip() or "it took too long"
        raise UsageError(
            f"git cannot list the commits of {display(' '.join(revisions))}: {words}",
            hint="Name a range as for `git log`, e.g. v1.0..main.",
        )
    for (oid, at, author, subject), paths, sessions, claims in commit_log.rows(mark, done.stdout):
        yield HistoryCommit(oid, int(at), author, subject, sessions, claims, paths)


def _since(git: Git, since: str) -> list[str]:
    """The option for `git log`. To git whatever is no date is now, and no commit is younger. Raises UsageError."""
    before = clock.now()
    said = git.line("rev-parse", f"--since={since}") or ""
    number = said.removeprefix("--max-age=")
    if not number.isdigit() or int(number) >= before:
        raise UsageError(
            f"'{display(since[:80])}' is not a time in the past.",
            hint="Write a date, e.g. 2024-06-01 or 1.year.",
        )
    return [said]
