"""How live lines of work descend from each other: which contains which, and where two of them have diverged.

Only commits that the base lacks are looked at, by one git process. Of these only tips and forks can be where two have
parted, so each is a bit, and what a tip contains is one number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gitfleet.git.quarantine import Quarantine

_TIME = 1800.0


class Lineage:
    """The commits that `base` lacks and `tips` have. Raises GitFailed."""

    def __init__(self, place: Quarantine, base: str, tips: Iterable[str]) -> None:
        wanted = set(tips)
        data = "".join(f"{commit}\n" for commit in wanted) + f"^{base}\n"
        out = place.git.run(
            "rev-list", "--stdin", "--topo-order", "--reverse", "--no-commit-header", "--format=%H %T %P",
            data=data.encode(), timeout=_TIME,
        )  # fmt: skip
        rows = [row.split() for row in out.decode("ascii").splitlines()]
        children = Counter(parent for row in rows for parent in row[2:])
        self._forks: list[str] = []
        self._bits: dict[str, int] = {}
        self._inside: dict[str, int] = {}
        self._ahead: set[str] = {base}
        for commit, tree, *parents in rows:
            inside = 0
            for parent in parents:
                inside |= self._inside.get(parent, 0)
            if commit in wanted or children[commit] > 1:
                self._bits[commit] = 1 << len(self._forks)
                inside |= self._bits[commit]
                self._forks.append(commit)
                place.know(commit, tree)
            self._inside[commit] = inside
            if not self._ahead.isdisjoint(parents):
                self._ahead.add(commit)

    def lacked(self, commit: str) -> bool:
        """Whether the base lacks it."""
        return commit in self._inside

    def has_base(self, commit: str) -> bool:
        """Whether it contains the base, so that there is nothing to merge with it."""
        return commit in self._ahead

    def contains(self, upper: str, lower: str) -> bool:
        """Whether one tip contains another that the base lacks."""
        own = self._bits.get(lower, 0)
        return bool(own & self._inside.get(upper, 0))

    def parted(self, one: str, two: str) -> tuple[str, ...]:
        """The newest commits that both tips contain and the base lacks; () for none: then they part where the base is."""
        common, found = self._inside[one] & self._inside[two], []
        while common:
            newest = self._forks[common.bit_length() - 1]
            found.append(newest)
            common &= ~self._inside[newest]
        return tuple(found)
