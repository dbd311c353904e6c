"""Candidates: what the target would be with some entries landed, made in memory, the same on every node.

A candidate is a chain of commits on the target. Each node makes the same objects from the same entries: merges are done in a
quarantine, and names and times come from the entries' branches, never from who does it. So a candidate is never sent
anywhere before it lands. What has been made once is not made again while the chain is open. With the method `merge` a chain of
entries that change different files costs two git processes, whatever their number, and some 0.5 ms an entry; one more process for each
entry that meets another one in a file. With the other methods it is one to three processes an entry, of some 10 ms each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Literal, NamedTuple

from gitfleet.base.text import one_line
from gitfleet.git import merge_rules, quarantine
from gitfleet.git.drivers import MergeDriver
from gitfleet.git.program import Git, GitFailed
from gitfleet.git.quarantine import Conflicted, Merge, Merged, Quarantine
from gitfleet.git.trees import EMPTY_TREE
from gitfleet.mergequeue import commit_text, integrity
from gitfleet.mergequeue.commit_changes import Past
from gitfleet.mergequeue.commit_text import Person
from gitfleet.mergequeue.foresight import Foresight
from gitfleet.mergequeue.integrity import TakenAway

Method = Literal["merge", "squash", "rebase"]
Drivers = Mapping[str, MergeDriver]
QUEUE = Person("Merge queue", "queue@gitfleet.invalid")
"""Who commits, unless the rules name another."""


_MOST = 10_000
"""So many merges are made in one quarantine before another one is begun."""
_AHEAD = 100
"""So many parts of a chain are guessed ahead of git; a guess that was wrong throws away those behind it."""


class Landing(NamedTuple):
    """What is to be landed of one entry. `below` is the commit of the branch below that it is built upon, or ""."""

    entry: str
    branch: str
    head: str
    title: str
    session: str
    below: str = ""


class ChainStep(NamedTuple):
    """One entry's part of a candidate: the commit that ends it, and that commit's tree."""

    entry: str
    commit: str
    tree: str


class Clash(NamedTuple):
    """An entry that cannot be put on top of others. `with_` names the entry ahead that it meets; "" for the target itself."""

    entry: str
    merge: Conflicted
    with_: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths in conflict."""
        return self.merge.paths


class Unknown(NamedTuple):
    """An entry of which it cannot be told: a commit is not here, or git cannot merge it."""

    entry: str
    words: str


Put = ChainStep | Clash | Unknown


class Chains:
    """Candidates on one commit of the target. Not for two threads at once."""

    def __init__(self, git: Git, place: Quarantine, base: str, method: Method, committer: Person) -> None:
        self.base = base
        self._git = git
        self._place = place
        self._method = method
        self._committer = committer
        self._made: dict[tuple[str, Landing], Put] = {}
        self._merge_of: dict[tuple[str, str], Merge] = {}
        self._lost: dict[tuple[str, Landing], TakenAway] = {}
        self._kept: set[str] = set()
        self._when: dict[str, str] = {}
        self._past = Past(place.git)
        self._foresight = Foresight(place)

    def close(self) -> None:
        """Let go of what trees are read by."""
        self._foresight.close()

    def move(self, base: str, drivers: Drivers) -> bool:
        """Go on from another commit of the target, with what still holds of what was made; whether that can be.

        What was merged on top of a commit stays what it is when that commit lands. Commits that are made one by one are
        made anew, since which ones they are is counted from the target. Raises GitFailed, Unverifiable.
        """
        rules = merge_rules.of_tree(self._git, base, drivers)
        if rules.fingerprint != self._place.rules.fingerprint or len(self._made) > _MOST:
            return False
        kept = self._made.items() if self._method == "merge" else ()
        self._made = {key: put for key, put in kept if not isinstance(put, Unknown)}
        self._lost.clear()
        self._merge_of.clear()
        self.base = base
        return True

    def _ask_times(self, landings: Sequence[Landing]) -> None:
        """Ask git for the times of all commits that are to be landed at once."""
        heads = {landing.head for landing in landings} - self._when.keys()
        if len(heads) > 1:
            self._when |= commit_text.times(self._git, sorted(heads))

    @property
    def git(self) -> Git:
        """git, where what candidates are made of can be read."""
        return self._place.git

    def chain(self, landings: Sequence[Landing]) -> list[Put]:
        """One part after the other; an entry that cannot be put there is left out, with the reason in its place."""
        self._ask_times(landings)
        made: list[Put] = []
        ahead: list[tuple[Landing, str]] = []
        for number, landing in enumerate(landings):
            before = ahead[-1][1] if ahead else self.base
            if (before, landing) not in self._made:
                self._foresee(before, landings[number : number + _AHEAD])
            part = self._put(before, landing)
            if isinstance(part, Clash) and ahead:
                part = self._blamed(part, landing, ahead)
            elif isinstance(part, ChainStep):
                ahead.append((landing, part.commit))
            made.append(part)
        return made

    def read_ahead(self, landings: Sequence[Landing]) -> None:
        """Read at once what `losses` looks at of entries. Raises GitFailed."""
        self._past.read(
            self.base, [one for landing in landings for one in (landing.head, landing.below) if one]
        )

    def losses(self, before: str, landing: Landing, step: ChainStep) -> TakenAway:
        """What the entry would take away from the commit `before`. Raises GitFailed."""
        key = (before, landing)
        if key not in self._lost:
            shut = [one for one in (self.base, landing.below) if one]
            plain = not self._place.rules.drivers or self._is_plain(before, landing, step)
            self._lost[key] = integrity.losses(
                self._place, self._past, before, step.commit, landing.head, without=shut, plain=plain
            )
        return self._lost[key]

    def _is_plain(self, before: str, landing: Landing, step: ChainStep) -> bool:
        """Whether git's own merge, without drivers, comes to the same."""
        self._place.keep(before)
        with quarantine.quarantine(self._git, merge_rules.of_tree(self._git, self.base, {})) as place:
            found = (
                place.merge_trees(landing.below, before, landing.head)
                if landing.below and self._method != "merge"
                else place.merge(before, landing.head)
            )
        return isinstance(found, Merged) and found.tree == step.tree

    def meets(self, landing: Landing, commits: Sequence[str]) -> str:
        """The first of some commits of the target, the oldest first, that an entry cannot be put upon; "" when it can be upon the last."""
        low, high = 0, len(commits)
        while low < high:
            middle = (low + high) // 2
            if isinstance(self._put(commits[middle], landing), Clash):
                high = middle
            else:
                low = middle + 1
        return commits[low] if low < len(commits) else ""

    def keep(self, commit: str) -> None:
        """Store a commit of a candidate, and all that it needs, in the clone."""
        if commit not in self._kept:
            self._place.keep(commit)
            self._kept.add(commit)

    def _put(self, before: str, landing: Landing) -> Put:
        known = self._made.get((before, landing))
        if known is None:
            make = {"merge": self._merge, "squash": self._squash, "rebase": self._rebase}[self._method]
            try:
                known = make(before, landing)
            except GitFailed as error:
                known = Unknown(landing.entry, error.message)
            self._made[before, landing] = known
        return known

    def _foresee(self, before: str, landings: Sequence[Landing]) -> None:
        """Make the next parts of a chain ahead of `_put`, as far as they can be foreseen: two processes for all of them."""
        if self._method != "merge" or self._place.is_shallow or len(landings) < 2:
            return
        with suppress(GitFailed):
            pairs, guesses = self._guessed(before, landings)
            merges = self._merges([(at, one.head) for at, one in pairs])
            for (at, one), guess, merge in zip(pairs, guesses, merges, strict=True):
                if guess is not None and merge == Merged(guess.tree):
                    self._made[at, one] = guess
                    continue
                self._made[at, one] = self._merged(at, one, merge)
                if guess is not None or isinstance(merge, Merged):
                    return  # what comes behind was asked for on top of something else

    def _guessed(
        self, before: str, landings: Sequence[Landing]
    ) -> tuple[list[tuple[str, Landing]], list[ChainStep | None]]:
        """What each part of a chain is put upon, and what it will be; None where it will not merge, and where git has to tell: there it ends."""
        at, tree, base = before, self._place.tree(before), self._place.tree(self.base)
        pairs: list[tuple[str, Landing]] = []
        guesses: list[ChainStep | None] = []
        sides = self._merges([(self.base, one.head) for one in landings])
        self._foresight.read_ahead(side.tree for side in sides if isinstance(side, Merged))
        for landing, side in zip(landings, sides, strict=True):
            pairs.append((at, landing))
            guesses.append(None)
            if isinstance(side, Merged):
                tree = self._foresight.tree(base, tree, side.tree)
                step = self._merged(at, landing, Merged(tree)) if tree else None
                if not isinstance(step, ChainStep):
                    break
                guesses[-1], at = step, step.commit
        return pairs, guesses

    def _merges(self, pairs: Sequence[tuple[str, str]]) -> list[Merge]:
        """What merges come to, by one process for those that are not known."""
        new = [one for one in pairs if one not in self._merge_of]
        self._merge_of.update(zip(new, self._place.merge_all(new), strict=True))
        return [self._merge_of[one] for one in pairs]

    def _blamed(self, clash: Clash, landing: Landing, ahead: Sequence[tuple[Landing, str]]) -> Clash:
        """The same clash, with the first entry ahead that is enough for it; the target itself where it takes none."""
        alone = self._put(self.base, landing)
        if isinstance(alone, Clash):
            return alone
        if self._method == "merge" and not self._place.is_shallow:
            self._merges([(commit, landing.head) for _, commit in ahead])
        for other, commit in ahead:
            if isinstance(self._put(commit, landing), Clash):
                return clash._replace(with_=other.entry)
        return clash._replace(with_=ahead[-1][0].entry)

    def _merge(self, before: str, landing: Landing) -> Put:
        return self._merged(before, landing, self._merges([(before, landing.head)])[0])

    def _merged(self, before: str, landing: Landing, found: Merge) -> Put:
        """The part of a chain that a merge of an entry comes to."""
        message = f"Merge branch '{one_line(landing.branch)}'"
        if landing.title:
            message = f"{one_line(landing.title)}\n\n{message}"
        return self._ended(landing, found, (before, landing.head), message)

    def _squash(self, before: str, landing: Landing) -> Put:
        own = self._own(landing, merges=True)
        found = self._between(before, landing) if landing.below else self._place.merge(before, landing.head)
        return self._ended(landing, found, (before,), commit_text.squashed(own, landing.title), own)

    def _between(self, before: str, landing: Landing) -> Merge:
        """What a stacked branch adds to the one below it."""
        return self._place.merge_trees(landing.below, before, landing.head)

    def _rebase(self, before: str, landing: Landing) -> Put:
        own = self._own(landing, merges=False)
        at: Put = ChainStep(landing.entry, before, self._place.tree(before))
        for number, commit in enumerate(own, 1):
            if not isinstance(at, ChainStep):
                return at
            start = commit.parents[0] if commit.parents else EMPTY_TREE
            found = self._place.merge_trees(start, at.commit, commit.oid)
            if not isinstance(found, Merged) or found.tree != at.tree or number == len(own):
                parents = (at.commit,)
                at = self._ended(landing, found, parents, commit.message, [commit], named=number == len(own))
        return self._whole(before, landing, at)

    def _whole(self, before: str, landing: Landing, made: Put) -> Put:
        """What was made commit by commit, if it comes to what the branch as a whole brings."""
        if not isinstance(made, ChainStep):
            return made
        merged = self._between(before, landing) if landing.below else self._place.merge(before, landing.head)
        if isinstance(merged, Merged) and merged.tree == made.tree:
            return made
        words = (
            "its commits one by one do not come to what the branch is: a merge in it holds changes of its own"
        )
        return Unknown(landing.entry, words)

    def _own(self, landing: Landing, *, merges: bool) -> list[commit_text.Own]:
        shut = [one for one in (self.base, landing.below) if one]
        return commit_text.own(self._git, landing.head, shut, merges=merges)

    def _ended(
        self, landing: Landing, found: Merge, parents: Sequence[str], message: str,
        own: Sequence[commit_text.Own] = (), *, named: bool = True,
    ) -> Put:  # fmt: skip
        if isinstance(found, Conflicted):
            return Clash(landing.entry, found)
        if not isinstance(found, Merged):
            return Unknown(landing.entry, found.words)
        trailers = [("Fleet-Entry", landing.entry), ("Fleet-Head", landing.head)] if named else []
        if named and landing.session and self._method == "merge":
            trailers.append(("Fleet-Session", landing.session))
        when = self._when.get(landing.head) or commit_text.when(self._git, landing.head)
        self._when[landing.head] = when
        data = commit_text.commit(
            found.tree,
            parents,
            author=own[-1].author if own else self._committer.at(when),
            committer=self._committer.at(when),
            message=commit_text.with_trailers(message, trailers),
        )
        step = ChainStep(landing.entry, self._place.write("commit", data), found.tree)
        self._place.know(step.commit, step.tree)
        return step


@contextmanager
def chains(
    git: Git,
    base: str,
    method: Method,
    *,
    drivers: Drivers | None = None,
    committer: Person = QUEUE,
) -> Iterator[Chains]:
    """Candidates on the commit `base` of the target, by the attributes of its tree. Raises GitFailed, Unverifiable."""
    rules = merge_rules.of_tree(git, base, drivers)
    with (
        quarantine.quarantine(git, rules) as place,
        closing(Chains(git, place, base, method, committer)) as made,
    ):
        yield made
