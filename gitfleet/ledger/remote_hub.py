"""A git remote as the place where the fleet agrees. Loaded only where there is one.

Checks that the hub's chain continues the one that this clone has verified; a chain that vanished, went back or was
rewritten raises `HubAlarm` and is never taken for an empty fleet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from gitfleet.base import advice
from gitfleet.errors import AlarmKind, Corrupt, Damaged, FleetError, HubAlarm, NoFleet
from gitfleet.git import fleetrefs, refs
from gitfleet.git.advertisement import Shown
from gitfleet.git.head import Head
from gitfleet.git.program import TIMEOUT, Git
from gitfleet.git.remote import Push, PushAnswer, Remote, Update
from gitfleet.git.trees import Objects
from gitfleet.ledger import commits
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.hub import links
from gitfleet.ledger.model import Move
from gitfleet.ledger.news import News

CATCH_UP = 10.0
"""Seconds for a look at what is new on the hub beside the ledger, while those wait who have been granted something."""


class RemoteHub:
    """A git remote. One connection to fetch, one to publish.

    What is fetched is the ledger, and on the same connection the trunk (`trunk`: its name now, or ""): whoever is granted a
    path can then be told that the trunk has a newer version of it. What the hub says of its HEAD goes to `heard`. A push that
    shows `news` of either is followed by a fetch of them.
    """

    def __init__(
        self,
        git: Git,
        objects: Objects,
        remote: Remote,
        news: News,
        *,
        trunk: Callable[[], str] = str,
        heard: Callable[[Head | None], None] = lambda _: None,
    ) -> None:
        self._git = git
        self._objects = objects
        self._remote = remote
        self.name = remote.name
        self._seen = fleetrefs.seen_coord(remote.name)
        self._news = news
        self._trunk = trunk
        self._heard = heard

    def fetch(self, beside: Sequence[str] = (), timeout: float = TIMEOUT) -> Tip:
        """The newest agreed state. Raises HubUnreachable, HubRefused, HubAlarm; then nothing here was changed."""
        self._bring(f"+{fleetrefs.COORD}*:{self._seen}*", *beside, timeout=timeout)
        return self.take_over()

    def known(self) -> Tip | None:
        """What our own ref names."""
        ours = refs.read(self._git, fleetrefs.COORD).get(fleetrefs.COORD)
        return commits.read(self._objects, ours) if ours else None

    def _bring(self, *wanted: str, timeout: float) -> None:
        """Fetch refs, and the trunk with them, and hear what HEAD is."""
        branch = self._trunk()
        trunk = [f"+refs/heads/{branch}*:{fleetrefs.seen_trunk(self.name)}*"] if branch else []
        self._heard(self._remote.fetch(*wanted, *trunk, timeout=timeout))
        self._news.heard()

    def take_over(self) -> Tip:
        """Check what was last fetched against what this clone has verified, and make it our own state."""
        known = refs.read(self._git, fleetrefs.COORD, self._seen)
        ours, theirs = known.get(fleetrefs.COORD), known.get(self._seen)
        if ours is None:
            refs.demand_open(self._git, fleetrefs.COORD)
        if theirs is None:
            if ours is None:
                raise NoFleet(
                    "The hub has no ledger yet.", hint=f"Run {advice.INIT} here.", path=self._git.git_dir
                )
            raise alarm("vanished", self.name, ours, None)
        if ours == theirs:
            return commits.read(self._objects, ours)
        tip = self._read(ours, theirs)
        if ours is None:
            self._check_from_root(tip)
        else:
            self._check_descent(tip, ours)
        if not refs.move(self._git, fleetrefs.COORD, new=tip.oid, old=ours):
            raise refs.locked(self._git, fleetrefs.COORD)  # gates read our own ref: it must not stay behind
        return tip

    def publish(self, tip: Tip, moves: Sequence[Move] = ()) -> PushAnswer:
        """Push `tip` with a lease on its parent, and the moves with theirs; then move our own ref (if that fails, the next fetch does it)."""
        with self._news.trace() as trace:
            ledger = Update(fleetrefs.COORD, tip.oid, tip.parent)
            beside = [Update(move.ref, move.new or None, move.old or None) for move in moves]
            answer = self._remote.push([ledger, *beside], trace=trace)
        if answer.outcome is Push.DONE:
            with suppress(FleetError):
                refs.move(self._git, fleetrefs.COORD, new=tip.oid, old=tip.parent)
            self._catch_up(answer.shown)
        return answer

    def _catch_up(self, shown: Shown | None) -> None:
        """Fetch trunk and HEAD if the hub has shown that there is news of them. What fails is left to the next exchange."""
        with suppress(FleetError):
            if self._news.is_due(shown, self._trunk()):
                self._bring(timeout=CATCH_UP)
                if shown and shown.head in {"", self._trunk()}:
                    self._news.note(shown, self._trunk())

    def _read(self, ours: str | None, theirs: str) -> Tip:
        try:
            return commits.read(self._objects, theirs)
        except Damaged:
            raise
        except Corrupt as error:
            raise alarm("unreadable", self.name, ours, theirs) from error

    def _check_descent(self, tip: Tip, ours: str) -> None:
        base = commits.read(self._objects, ours)
        if tip.generation <= base.generation:
            kind: AlarmKind = "behind" if self._ancestor(base, tip) else "diverged"
            raise alarm(kind, self.name, ours, tip.oid)
        if not self._ancestor(tip, base):
            raise alarm("diverged", self.name, ours, tip.oid)

    def _ancestor(self, tip: Tip, base: Tip) -> bool:
        """Whether walking back from `tip`, one generation a step, arrives at `base`."""
        try:
            for link in links(self._objects, tip, down_to=base.generation):
                if link.generation == base.generation:
                    return link.oid == base.oid
        except Damaged:
            raise
        except Corrupt:
            return False
        return False

    def _check_from_root(self, tip: Tip) -> None:
        try:
            first = links(self._objects, tip, down_to=0)[-1]
        except Damaged:
            raise
        except Corrupt as error:
            raise alarm("unreadable", self.name, None, tip.oid) from error
        if first.oid != commits.write_root(self._objects):
            raise alarm("unreadable", self.name, None, tip.oid)


def alarm(kind: AlarmKind, hub: str, verified: str | None, found: str | None) -> HubAlarm:
    """The alarm for a hub whose ledger is not the continuation of what was verified here."""
    words: dict[AlarmKind, str] = {
        "vanished": "no longer has the fleet's ledger",
        "behind": "has gone back to an older state of the fleet's ledger",
        "diverged": "has a different ledger from the one that this clone verified",
        "unreadable": f"has a {fleetrefs.COORD} that is not a gitfleet ledger",
    }
    return HubAlarm(
        f"Alarm: the hub '{hub}' {words[kind]} (here: {(verified or 'none')[:12]}, there: {(found or 'nothing')[:12]}).",
        unharmed="Nothing was changed. This clone's verified copy is intact.",
        hint=f"{advice.DOCTOR} explains it; {advice.REPAIR} restores the hub from the last verified state.",
        kind=kind,
        hub=hub,
        verified=verified,
        found=found,
    )
