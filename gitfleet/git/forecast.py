"""What a merge or a rebase would come to, without touching anything: in a quarantine, so the same on every node."""

from __future__ import annotations

from gitfleet.git.program import Git
from gitfleet.git.quarantine import Merge, Merged, Quarantine, quarantine

_TIME = 600.0


def rebase(place: Quarantine, source: Git, head: str, onto: str) -> Merge:
    """Put the commits of `head` that `onto` does not have on top of it. Raises GitFailed. Two git processes for each."""
    tree = place.tree(onto)
    for commit, parents in _own(source, head, onto, "--cherry-pick", "--no-merges"):
        base = parents[0] if parents else place.write("tree", b"")
        found = place.merge_trees(base, tree, commit)
        if not isinstance(found, Merged):
            return found
        tree = found.tree
    return Merged(tree)


def own_merge(place: Quarantine, source: Git, head: str, onto: str) -> str:
    """A merge among the commits of `head` that `onto` does not have, which holds more than git makes of its parents; "" for none.

    A rebase leaves merges out, and would drop that.
    """
    for commit, parents in _own(source, head, onto, "--min-parents=2"):
        if len(parents) != 2 or place.merge(parents[0], parents[1]) != Merged(place.tree(commit)):
            return commit
    return ""


def plain_tree(source: Git, one: str, other: str) -> str | None:
    """The tree of the merge of two commits by the built-in rules alone; None for a conflict, and where it cannot be told.

    A merge driver that keeps our side would make it look as if the other brought nothing.
    """
    with quarantine(source) as place:
        found = place.merge(one, other)
    return found.tree if isinstance(found, Merged) else None


def _own(source: Git, head: str, onto: str, *which: str) -> list[tuple[str, list[str]]]:
    """Commits of `head` that `onto` does not have, the oldest first, each with its parents."""
    out = source.run(
        "rev-list", "--reverse", "--topo-order", "--parents", "--right-only", *which, f"{onto}...{head}", "--",
        timeout=_TIME,
    )  # fmt: skip
    rows = [row.split(" ") for row in out.decode("ascii", "replace").splitlines()]
    return [(row[0], row[1:]) for row in rows]
