"""The audit: which commits of a range no claim covered, by what the ledger's chain says, not by what they say.

A commit is covered when every path it changes is matched by a claim that its message names, that was granted under
that token, and to a session that its message names. Changes nothing, asks nobody. What it cannot see: whether the
trailers were copied from another commit of the same session on the same paths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gitfleet.claims import model
from gitfleet.claims.grant_history import Grant, Grants
from gitfleet.githooks.history import HistoryCommit
from gitfleet.patterns import language

UNNAMED = "names no claim"
UNBACKED = "names claims that were never granted to its session"
OUTSIDE = "changes paths outside its claims"
Reason = Literal["unnamed", "unbacked", "outside"]
REASONS: Mapping[Reason, str] = {"unnamed": UNNAMED, "unbacked": UNBACKED, "outside": OUTSIDE}


class Uncovered(NamedTuple):
    """A commit that no claim covered: why (keys of REASONS), its paths outside, the claims that no grant backs.

    `ahead` says that it names a token which this clone's ledger has not come to: it may be sound.
    """

    commit: HistoryCommit
    reasons: tuple[Reason, ...]
    paths: tuple[str, ...]
    claims: tuple[str, ...]
    ahead: bool


@dataclass(slots=True)
class Audit:
    """What an audit found. `by_author` and `by_session` count commits: all, and uncovered ones ("": no session)."""

    commits: int = 0
    uncovered: list[Uncovered] = field(default_factory=list)
    by_author: dict[str, Counter[str]] = field(default_factory=dict)
    by_session: dict[str, Counter[str]] = field(default_factory=dict)

    def count(self, made: HistoryCommit, found: Uncovered | None) -> None:
        """Take one commit in."""
        self.commits += 1
        if found:
            self.uncovered.append(found)
        tallies = [self.by_author.setdefault(made.author, Counter())]
        tallies += [self.by_session.setdefault(name, Counter()) for name in made.sessions or ("",)]
        for tally in tallies:
            tally["commits"] += 1
            tally["uncovered"] += found is not None


def audit(commits: Iterable[HistoryCommit], grants: Grants, *, case_sensitive: bool) -> Audit:
    """Judge every commit. One pass; costs a few matches for each path."""
    found = Audit()
    for made in commits:
        found.count(made, judge(made, grants, case_sensitive=case_sensitive))
    return found


def judge(made: HistoryCommit, grants: Grants, *, case_sensitive: bool) -> Uncovered | None:
    """Why a commit is not covered; None when it is. One that changes nothing needs no claim."""
    if not made.paths:
        return None
    backing, unbacked = _backing(made, grants)
    outside = tuple(_outside(made.paths, backing, case_sensitive=case_sensitive))
    if not made.claims:
        return Uncovered(made, ("unnamed",), outside, (), ahead=False)
    checks: list[tuple[Reason, bool]] = [("unbacked", bool(unbacked)), ("outside", bool(outside))]
    reasons = [reason for reason, holds in checks if holds]
    if not reasons:
        return None
    return Uncovered(
        made, tuple(reasons), outside, tuple(unbacked), ahead=any(_ahead(name, grants) for name in unbacked)
    )


def _backing(made: HistoryCommit, grants: Grants) -> tuple[list[Grant], list[str]]:
    """The grants behind the claims that a commit names, and the names behind which there is none."""
    backing: list[Grant] = []
    unbacked = []
    for name in made.claims:
        found = [grant for grant in grants.named(name) if grant.session in made.sessions]
        backing += found
        unbacked += [] if found else [name]
    return backing, unbacked


def _outside(paths: Iterable[str], backing: list[Grant], *, case_sensitive: bool) -> Iterator[str]:
    claimed = [model.parsed(grant.pattern) for grant in backing]
    for path in paths:
        if not any(language.matches(pattern, path, case_sensitive=case_sensitive) for pattern in claimed):
            yield path


def _ahead(name: str, grants: Grants) -> bool:
    token = name.partition("@")[2]
    return token.isascii() and token.isdigit() and len(token) < 16 and int(token) > grants.generation
