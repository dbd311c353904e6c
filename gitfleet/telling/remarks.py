"""What whoever was granted paths should know of them at once: how they were read, that there is no such path yet, that
this clone has an older version of them than the trunk has.

Nothing of it changes what was granted. Asks nobody: the claim itself has just brought the trunk here. What cannot be found
out is not said.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice

from gitfleet.base import shellwords
from gitfleet.base.ids import is_oid
from gitfleet.base.text import display
from gitfleet.claims import ended_grants, existing_files, model
from gitfleet.claims.ended_grants import EndedGrant
from gitfleet.claims.model import Claim
from gitfleet.clone import Clone
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import overlap
from gitfleet.radar.hot_paths import DAYS, HotPaths
from gitfleet.telling.claims_without_files import nowhere
from gitfleet.trunk import position

SHOWN = 20
MOST_PAST = 200


class Behind(Struct):
    """A claimed pattern of which `branch`, at `commit`, has newer versions than HEAD: of `files`, the first of them.

    The branch is the trunk or, with `session`, where the last holder pushed what has not landed; then `files` is empty
    where that commit is not here.
    """

    pattern: str
    files: tuple[str, ...]
    branch: str
    commit: str
    session: str = ""


class Remarks(Struct):
    """`absent` and `by_name` are patterns: those that match nothing yet, and those that are also meant as names. `hot` are
    paths over which branches conflict often, and how often.
    """

    absent: tuple[str, ...] = ()
    behind: tuple[Behind, ...] = ()
    by_name: tuple[str, ...] = ()
    hot: tuple[tuple[str, int], ...] = ()

    def words(self, hub: str | None) -> list[str]:
        """The same for people."""
        said = [_both(text) for text in self.by_name]
        said += [f"no such path yet: {display(text)}" for text in self.absent]
        said += [
            f"hot: branches have conflicted over {display(path)} {times} times within {DAYS} days; keep changes there small"
            for path, times in self.hot[:3]
        ]
        return [*said, *(_older(item, hub) for item in self.behind)]


def of_grant(
    clone: Clone,
    granted: Sequence[Claim],
    renewed: Sequence[Claim] = (),
    *,
    new: bool = True,
) -> Remarks:
    """The remarks on claims that were granted just now; without `new`, only what is behind, as for what was `renewed`.

    Costs a process or two of git, a few more where something is not there, and the folders that are claimed.
    """
    wanted, again = _paths(granted), _paths(renewed)
    if not (wanted or again) or clone.repository.worktree is None:
        return Remarks()
    by_name = tuple(one.text for one in wanted if one.names) if new else ()
    absent: list[Pattern] = []
    older: list[Behind] = []
    try:
        absent = nowhere(clone, wanted) if new else []
        older = list(behind(clone, [*wanted, *again], [*granted, *renewed]))
    except (
        FleetError
    ):  # a tree or a worktree that cannot be read: then nothing is known to be missing, or old
        pass
    hot = _hot(clone, granted) if new else ()
    return Remarks(tuple(one.text for one in absent), tuple(older), by_name, hot)


def _hot(clone: Clone, granted: Sequence[Claim]) -> tuple[tuple[str, int], ...]:
    found = HotPaths(clone.ledger.state).among(granted, case_sensitive=clone.policy.case_sensitive)
    return tuple((path, one.count) for path, one in found[:SHOWN])


def _paths(claims: Iterable[Claim]) -> list[Pattern]:
    found = [claim.meant for claim in claims]
    return [one for one in found if not one.units]


def behind(clone: Clone, wanted: Iterable[Pattern], granted: Sequence[Claim]) -> Iterator[Behind]:
    """Those of `wanted` that others have changed since this worktree's HEAD left them, and that HEAD has otherwise, and the
    index too: what is staged, as by `git merge --squash`, is about to be there.

    Others are the trunk and, of each pattern, the last holder, if that was none of those `granted` now. Compares trees, and
    goes into no folder that is the same on both sides. What is remembered of grants below a folder is looked at up to a
    bound. Raises Corrupt, GitFailed.
    """
    here, node = clone.repository.here, clone.ledger.node
    head, tip = position.with_head(clone.repository, node)
    if head is None:
        return
    landed = _Versions(clone, head, tip) if tip and tip != head else None
    own = {claim.session for claim in granted}
    for one in wanted:
        newer = landed.newer(one) if landed else ()
        if newer and tip and not _is_merged(here, tip):
            yield Behind(one.text, newer, node.trunk, tip)
        last = _last(clone, one)
        if last is None or last.session in own or any(_contains(here, end, last.head) for end in (head, tip)):
            continue
        known = refs.resolve(here, f"{last.head}^{{commit}}") is not None
        newer = _Versions(clone, head, last.head).newer(one) if known else ()
        if (newer or not known) and not _is_merged(here, last.head):
            yield Behind(one.text, newer, last.branch, last.head, last.session)


class _Versions:
    """What one commit has that another one, `head`, has not."""

    def __init__(self, clone: Clone, head: str, other: str) -> None:
        self._clone, self._ends = clone, (head, other)
        self._ours, self._theirs = (existing_files.tree_of(clone.ledger.objects, end) for end in self._ends)

    def newer(self, one: Pattern) -> tuple[str, ...]:
        """The files that the other has changed since the two went apart, and that `head` and the index have otherwise; the
        first of them.
        """
        found = set(self._differing(self._ours, one))
        found = self._not_staged(found, one) if found else found
        return (
            tuple(islice((path for path in self._differing(self._base, one) if path in found), SHOWN))
            if found
            else ()
        )

    def _not_staged(self, paths: set[str], one: Pattern) -> set[str]:
        """Those of `paths` that the index has otherwise than the other; all where git cannot tell."""
        argv = ("diff-index", "--cached", "--name-only", "--no-renames", "-z", self._ends[1], "--")
        done = self._clone.repository.here.ask(*argv, *existing_files.pathspecs(one))
        return paths & set(os.fsdecode(done.stdout).split("\0")) if done.code == 0 else paths

    @cached_property
    def _base(self) -> str | None:
        left = self._clone.repository.here.line("merge-base", *self._ends)
        return existing_files.tree_of(self._clone.ledger.objects, left) if left else None

    def _differing(self, old: str | None, one: Pattern) -> Iterator[str]:
        objects, exact = self._clone.ledger.objects, self._clone.policy.case_sensitive
        return (
            path
            for path, *_ in existing_files.differing(objects, old, self._theirs, one, case_sensitive=exact)
        )


def _last(clone: Clone, one: Pattern) -> EndedGrant | None:
    """The last grant that is over of what a pattern matches, if its session had pushed what has not landed."""
    exact = clone.policy.case_sensitive
    met = [
        grant
        for grant in ended_grants.near(clone.current().view, one.prefix_key, most=MOST_PAST)
        if overlap(model.parsed(grant.pattern), one, case_sensitive=exact)
    ]
    last = max(met, key=lambda grant: grant.token, default=None)
    return last if last and is_oid(last.head) else None


def _contains(here: Git, commit: str | None, other: str) -> bool:
    return commit is not None and here.ask("merge-base", "--is-ancestor", other, commit).code == 0


def _is_merged(here: Git, commit: str) -> bool:
    """Whether a merge that brings the commit is open here."""
    return _contains(here, refs.resolve(here, "MERGE_HEAD"), commit)


def _both(text: str) -> str:
    name = "/".join(model.parsed(text).names or ()) + "/" * text.endswith("/")
    return (
        f"{display(text)} is claimed as that name, and also as a pattern in which `[…]` is one character; "
        f"'{display(name)}' is the name alone"
    )


def _older(item: Behind, hub: str | None) -> str:
    names = ", ".join(display(path) for path in item.files[:3])
    more = f" and {len(item.files) - 3} more" if len(item.files) > 3 else ""
    what = "" if item.files in {(), (item.pattern,)} else f" ({names}{more})"
    command = ["git", "pull", hub, item.branch] if hub else ["git", "merge", item.branch]
    who = f", where session {item.session} pushed it," if item.session else ""
    return (
        f"behind: merge first: '{display(item.branch)}'{display(who)} has a newer version of {display(item.pattern)}{what} "
        f"than this worktree; `{shellwords.line(command)}`"
    )
