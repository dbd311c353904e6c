"""Does this hub do what a fleet needs? Tried on two throw-away refs before anything else is written there.

What is tried is what the ledger relies on: creating refs outside `refs/heads`, seeing them where fetches come from, a
leased update, a race that one push is certain to lose, two refs in one atomic push, and deletion. Refs only move
forward, as the ledger's does: many hubs (`git init --shared`) refuse anything else.

The names are few and fixed. On a hub that deletes nothing, a later try goes on from where an earlier one left them;
two tries at once in one place see that they meet, and the one that loses tries the next place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gitfleet.base import advice
from gitfleet.errors import UNCHANGED, FleetError, HubError, HubRefused
from gitfleet.git import answers, fleetrefs, racing
from gitfleet.git.remote import Addresses, Push, PushAnswer, Remote, Update, elsewhere, hub_error

CREATE, UPDATE, RACE, ATOMIC, DELETE = "create", "leased update", "lost race", "atomic pair", "delete"
PLACES = 16
_TRIES = 4
_NOT_RUN = "it could not be tried: git ran no pre-push hook here, or the hub serves one connection at a time"
_NO_ANSWER = "the losing push ended without an answer from the hub"
_NOT_ATOMIC = "it has no atomic push: each ref moves by itself, and the merge queue lands nothing there by a push of its own"
_BEARABLE = frozenset([_NOT_RUN, _NO_ANSWER, _NOT_ATOMIC])


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing that was tried, whether the hub did as it should, and its words when not."""

    what: str
    ok: bool
    words: str = ""


class Ground(NamedTuple):
    """Where the hub is tried from: `place` is the first of the places there, `hooks` a folder that git may run hooks from.

    `commit` makes a new commit, like no other, that follows the one given (None: none), and answers its id.
    """

    place: int
    hooks: str
    commit: Callable[[str | None], str]


def names(place: int) -> tuple[str, str]:
    """The two refs of a place."""
    base = f"{fleetrefs.PROBE}{place % PLACES}"
    return f"{base}-one", f"{base}-two"


def probe(remote: Remote, addresses: Addresses, ground: Ground, found: Mapping[str, str]) -> list[Trial]:
    """Try the hub; `found` is what its refs of the first place stand at. Leaves no ref behind unless deletion is what it refuses.

    Costs five connections. Raises HubUnreachable when it does not answer; HubRefused when it refuses the namespace, when
    what was pushed does not show, or when others were at work in every place.
    """
    for number in range(_TRIES):
        pair = names(ground.place if number == 0 else os.urandom(1)[0])
        known = remote.look(*pair) if number else found
        findings = _Try(remote, addresses, ground, pair).run(
            {name: known[name] for name in pair if name in known}
        )
        if findings is not None:
            return findings
    words = f"others moved the refs below {fleetrefs.PROBE} meanwhile, {_TRIES} times"
    raise hub_error(remote.name, words, what="try", refused=False)


def demand(findings: Sequence[Trial], hub: str) -> list[str]:
    """Raise HubRefused when something that safety rests on does not hold; warnings about the rest."""
    missing = {finding.what: finding.words for finding in findings if not finding.ok}
    bad = [what for what, words in missing.items() if what != DELETE and words not in _BEARABLE]
    for what in bad:
        raise HubRefused(
            f"The hub '{hub}' does not handle a compare-and-swap push safely ({what}): {missing[what]}. "
            "A fleet cannot be safe there.",
            unharmed="Nothing was changed but throw-away refs.",
            hint=f"Choose another hub: {advice.INIT_HUB.of('REMOTE')}.",
            hub=hub,
            output=missing[what],
        )
    return [f"the hub '{hub}' did not behave as expected: {what}: {words}" for what, words in missing.items()]


class _Try:
    """One try in one place."""

    def __init__(self, remote: Remote, addresses: Addresses, ground: Ground, pair: tuple[str, str]) -> None:
        self._remote = remote
        self._addresses = addresses
        self._ground = ground
        self._one, self._two = pair
        self._values: dict[str, list[str]] = {name: [] for name in pair}
        """What each ref may stand at by now, the likeliest last."""
        self._slow: dict[str, str] = {}

    def run(self, left: Mapping[str, str]) -> list[Trial] | None:
        """Everything; None when somebody else is at work in this place."""
        try:
            findings = self._steps(left)
        except FleetError:
            self._clean()
            raise
        ours = {oid for values in self._values.values() for oid in values}
        deleted = self._clean()
        if findings is None:
            return None
        if deleted.outcome is Push.LOST and not ours & set(self._remote.look(self._one, self._two).values()):
            deleted = PushAnswer(Push.DONE, "")  # another try was faster
        return [*findings, Trial(DELETE, deleted.outcome is Push.DONE, _said(deleted))]

    def _steps(self, left: Mapping[str, str]) -> list[Trial] | None:
        if left and not self._bring(left):
            return None
        start = {name: self._ground.commit(left.get(name)) for name in self._values}
        created = self._push([Update(name, oid, left.get(name)) for name, oid in start.items()])
        if created.outcome is Push.LOST:
            return None
        if created.outcome is not Push.DONE:
            refused = created.outcome is not Push.UNKNOWN
            raise hub_error(self._remote.name, created.output, what="write to", refused=refused)
        findings = [Trial(CREATE, ok=True)]
        both = self._race(start, self._one, self._two)
        if both.slow.not_atomic:
            alone = self._race({**start, self._two: self._values[self._two][-1]}, self._two)
            return self._judged(findings, alone, start, Trial(ATOMIC, ok=False, words=_NOT_ATOMIC))
        return self._judged(findings, both, start, None)

    def _race(self, start: Mapping[str, str], *refs: str) -> racing.Raced:
        """Race for the last of `refs`: the slow push wants all of them, the fast one the last."""
        contested = refs[-1]
        self._slow = {ref: self._ground.commit(start[ref]) for ref in refs}
        for ref, oid in self._slow.items():
            self._values[ref].insert(0, oid)
        fast = self._ground.commit(start[contested])
        slow = [Update(ref, oid, start[ref]) for ref, oid in self._slow.items()]
        raced = racing.race(
            self._remote, slow, [Update(contested, fast, start[contested])], self._ground.hooks
        )
        self._values[contested].append(fast)
        return raced

    def _judged(
        self, findings: list[Trial], raced: racing.Raced, start: Mapping[str, str], atomic: Trial | None
    ) -> list[Trial] | None:
        there = self._remote.look(self._one, self._two)
        if not there and self._clean().outcome is not Push.LOST:
            raise self._unseen()
        if len(there) < len(self._values) or (raced.fast is not None and raced.fast.outcome is Push.LOST):
            return None
        if raced.fast is not None:
            findings.append(Trial(UPDATE, raced.fast.outcome is Push.DONE, _said(raced.fast)))
        words = self._lost(raced, there)
        findings.append(Trial(RACE, not words, words))
        if atomic is None and not words:
            if there[self._one] not in {start[self._one], self._slow[self._one]}:
                return None
            whole = there[self._one] == start[self._one]
            atomic = Trial(
                ATOMIC, whole, "" if whole else "one of two refs moved although the other could not"
            )
        return [*findings, atomic] if atomic else findings

    def _lost(self, raced: racing.Raced, there: Mapping[str, str]) -> str:
        """What is wrong with how the lost race was told; "" where it was told rightly."""
        if raced.fast is None:
            return _NOT_RUN
        if there.get(self._two) == self._slow[self._two]:
            return "the losing push overwrote the winning one"
        if raced.slow.outcome is Push.DONE:
            return "the losing push was told that it succeeded"
        return "" if raced.slow.rejected else _NO_ANSWER

    def _unseen(self) -> HubRefused:
        name = self._remote.name
        if self._addresses.apart:
            return elsewhere(
                name, self._addresses, why="What is pushed does not appear where fetches come from."
            )
        return HubRefused(
            f"The hub '{name}' takes refs below {fleetrefs.ROOT}, and does not show them.",
            unharmed=UNCHANGED,
            hint=f"Have it show them (`uploadpack.hideRefs` there), or choose another hub: {advice.INIT_HUB.of('REMOTE')}.",
            hub=name,
            output="",
        )

    def _bring(self, left: Mapping[str, str]) -> bool:
        """Have the commits here that an earlier try could not take away: what follows them can be pushed then.

        False where they were none, but those of a try that has just ended.
        """
        place = fleetrefs.seen_probe(self._remote.name)
        try:
            self._remote.fetch(*[f"+{name}:{place}{name[-3:]}" for name in left])
        except HubError as error:
            if answers.NO_REF in error.output:
                return False
            raise
        return True

    def _push(self, updates: Sequence[Update]) -> PushAnswer:
        for update in updates:
            self._values[update.ref].append(update.new or "")
        return self._remote.push(updates, atomic=False)

    def _clean(self) -> PushAnswer:
        """Take away what may be there, by every value that each ref may have. Needs no look: what was pushed may not show."""
        likely = [Update(name, None, values[-1]) for name, values in self._values.items() if values]
        answer = self._remote.push(likely, atomic=False)
        if answer.outcome is Push.LOST:
            for name, values in self._values.items():
                for oid in reversed(values):
                    answer = self._remote.push([Update(name, None, oid)])
                    if answer.outcome is not Push.LOST:
                        break
        self._values = {name: [] for name in self._values}
        return answer


def _said(answer: PushAnswer) -> str:
    return "" if answer.outcome is Push.DONE else answers.words(answer.output) or answer.outcome.value


def folder(state: str) -> str:
    """Where hooks of a try lie, below the folder `state` of this clone."""
    return os.path.join(state, "probe")
