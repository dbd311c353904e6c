"""What whoever was granted paths should know of them at once: how they were read, that there is no such path yet, that
this clone has an older version of them than the trunk has.

Nothing of it changes what was granted. Asks nobody: the claim itself has just brought the trunk here. What cannot be found
out is not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from gitfleet.base.text import display
from gitfleet.claims import model, presence
from gitfleet.claims.patterns import Pattern
from gitfleet.errors import FleetError
from gitfleet.fleet import trunk
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.unmatched import nowhere

SHOWN = 20


class Behind(NamedTuple):
    """A claimed pattern of which the trunk, at `commit`, has newer versions than HEAD: of `files`, the first of them."""

    pattern: str
    files: tuple[str, ...]
    trunk: str
    commit: str


class Remarks(NamedTuple):
    """`absent` and `by_name` are patterns: those that match nothing yet, and those that are also meant as names."""

    absent: tuple[str, ...] = ()
    behind: tuple[Behind, ...] = ()
    by_name: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """As it appears in JSON output."""
        return {
            "absent": list(self.absent),
            "behind": [{**item._asdict(), "files": list(item.files)} for item in self.behind],
            "by_name": list(self.by_name),
        }

    def words(self, hub: str | None) -> list[str]:
        """The same for people."""
        said = [_both(text) for text in self.by_name]
        said += [f"no such path yet: {display(text)}" for text in self.absent]
        return [*said, *(_older(item, hub) for item in self.behind)]


def of_grant(fleet: Fleet, granted: Iterable[Mapping[str, Any]], *, new: bool = True) -> Remarks:
    """The remarks on claims (as records) that were granted just now; without `new`, only what is behind.

    Costs two processes of git, a few more where something is not there, and the folders that are claimed.
    """
    wanted = [model.parsed(str(record["pattern"])) for record in granted]
    wanted = [one for one in wanted if not one.units]
    if not wanted or fleet.repository.worktree is None:
        return Remarks()
    by_name = tuple(one.text for one in wanted if one.names) if new else ()
    absent: list[Pattern] = []
    older: list[Behind] = []
    try:
        absent = nowhere(fleet, wanted) if new else []
        older = list(behind(fleet, (one for one in wanted if one not in absent)))
    except (
        FleetError
    ):  # a tree or a worktree that cannot be read: then nothing is known to be missing, or old
        pass
    return Remarks(tuple(one.text for one in absent), tuple(older), by_name)


def behind(fleet: Fleet, wanted: Iterable[Pattern]) -> Iterator[Behind]:
    """Those of `wanted` that the trunk has changed since this worktree's HEAD left it, and that HEAD has otherwise.

    Compares trees, and goes into no folder that is the same on both sides. Raises Corrupt, GitFailed.
    """
    here, node, objects = fleet.repository.here, fleet.ledger.node, fleet.ledger.objects
    head, tip = trunk.with_head(here, node)
    if head is None or tip is None or head == tip:
        return
    exact = fleet.policy.case_sensitive
    ours, theirs = presence.tree_of(objects, head), presence.tree_of(objects, tip)
    base: list[str | None] = []
    for one in wanted:
        found = [path for path, *_ in presence.differing(objects, ours, theirs, one, case_sensitive=exact)]
        if not found:
            continue
        if not base:
            left = here.line("merge-base", head, tip)
            base.append(presence.tree_of(objects, left) if left else None)
        moved = (path for path, *_ in presence.differing(objects, base[0], theirs, one, case_sensitive=exact))
        newer = tuple(islice((path for path in moved if path in set(found)), SHOWN))
        if newer:
            yield Behind(one.text, newer, node.trunk, tip)


def _both(text: str) -> str:
    name = "/".join(model.parsed(text).names or ()) + "/" * text.endswith("/")
    return (
        f"{display(text)} is claimed as that name, and also as a pattern in which `[…]` is one character; "
        f"'{display(name)}' is the name alone"
    )


def _older(item: Behind, hub: str | None) -> str:
    names = ", ".join(display(path) for path in item.files[:3])
    more = f" and {len(item.files) - 3} more" if len(item.files) > 3 else ""
    what = "" if item.files == (item.pattern,) else f" ({names}{more})"
    how = f"`git pull {hub} {item.trunk}`" if hub else f"`git merge {item.trunk}`"
    return (
        f"behind: merge first: '{display(item.trunk)}' has a newer version of {display(item.pattern)}{what} than this "
        f"worktree; {display(how)}"
    )
