"""The radar of one clone: rounds over what is live, with what earlier rounds found out.

One round at a time in a clone; a second one waits, and then finds everything known. A round changes nothing but the
radar's own folder, which may be taken away at any time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.locks import NodeLock
from gitfleet.claims.policy import Policy
from gitfleet.errors import FleetError, Unverifiable
from gitfleet.git import merge_rules
from gitfleet.git.program import GitFailed
from gitfleet.git.quarantine import Quarantine
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger
from gitfleet.radar import alerts, heads
from gitfleet.radar.cache import Cache
from gitfleet.radar.deltas import Delta
from gitfleet.radar.heads import Gathered
from gitfleet.radar.hot_paths import HotPath, HotPaths
from gitfleet.radar.last_round import RoundKeeper
from gitfleet.radar.model import Findings
from gitfleet.radar.standing import standing
from gitfleet.radar.sweep import RadarSweep
from gitfleet.trunk import position
from gitfleet.worktrees import upstream

_PATIENCE = 600.0
_MOST_OBJECTS = 40_000


class RadarRound(NamedTuple):
    """What a round found, and warnings about how good that knowledge is; `certain` where it is of this moment."""

    findings: Findings
    warnings: list[str]
    certain: bool = False


class Radar:
    """Conflicts to come, among all live lines of work. Threads may use one at once.

    `ranks` gives the priority of each branch that waits to land: of two, the lower one is told. Worktrees below `aside` are nobody's work.
    """

    def __init__(
        self,
        repository: Repository,
        ledger: Ledger,
        policy: Callable[[], Policy],
        announce: Callable[[str], None] | None = None,
        ranks: Callable[[], Mapping[str, int]] = dict,
        *,
        aside: str = "",
    ) -> None:
        self._repository = repository
        self._ledger = ledger
        self._policy = policy
        self._announce = announce
        self._ranks = ranks
        self._aside = aside
        self._deltas: dict[tuple[str, str], Delta] = {}
        self._folder = os.path.join(ledger.state, "radar")
        self.rounds = RoundKeeper(ledger.state)
        """What the last round found, for who only looks."""

    def look(self, *, fetch: bool = True) -> RadarRound:
        """One round. With `fetch` the hub is asked; where it cannot be, what was last seen counts, and a warning says so.

        Raises Unverifiable where the trunk was never seen, or where a merge driver that the rules demand is not here.
        """
        files.folder(self._folder)
        with NodeLock(os.path.join(self._folder, "lock")).held(_PATIENCE, self._announce):
            base, warnings = self._base(fetch=fetch)
            branches = standing(self._repository.git, self._ledger.node)
            self._bound()
            try:
                found = self._round(base, fetch=fetch)
            except GitFailed:  # objects may have gone from the clone that the radar's own need
                self._forget()
                found = self._round(base, fetch=fetch)
            HotPaths(self._ledger.state).note(_conflicts(found.findings))
            said = [*warnings, *found.warnings]
            self.rounds.keep(found.findings, said, branches)
            return found._replace(warnings=said, certain=fetch and not said)

    def tell(self, found: RadarRound) -> list[str]:
        """Tell sessions of the conflicts that they were not told of yet; the ids of those pairs. Raises the ledger's errors."""
        return alerts.tell(self._ledger, found.findings, certain=found.certain)

    def hot(self) -> list[tuple[str, HotPath]]:
        """The paths over which branches conflict again and again, the hottest first."""
        return HotPaths(self._ledger.state).top()

    def _round(self, base: str, *, fetch: bool) -> RadarRound:
        place = self._place(base)
        gathered = self._gather(place, fetch=fetch)
        findings = self._findings(place, base, gathered)
        if any(len(one.names) > 1 for one in findings.untold):  # as above
            self._forget()
            place = self._place(base)
            gathered = self._gather(place, fetch=False)
            findings = self._findings(place, base, gathered)
        untold = [*gathered.untold, *findings.untold]
        return RadarRound(findings._replace(untold=untold), gathered.warnings)

    def _gather(self, place: Quarantine, *, fetch: bool) -> Gathered:
        patience = self._policy().state_max_age
        return heads.gather(
            self._repository, self._ledger, place, fetch=fetch, patience=patience, aside=self._aside
        )

    def _findings(self, place: Quarantine, base: str, gathered: Gathered) -> Findings:
        cache = Cache(os.path.join(self._folder, "cache.json"))
        ranks = self._ranks()
        live = [head._replace(rank=ranks.get(head.name, -1)) for head in gathered.heads]
        found = RadarSweep(place, cache, base, self._deltas).run(live)
        cache.save()
        return found

    def _place(self, base: str) -> Quarantine:
        git = self._repository.git
        rules = merge_rules.of_tree(git, base, self._policy().merge_drivers)
        return Quarantine(git, files.folder(os.path.join(self._folder, "merges")), rules)

    def _base(self, *, fetch: bool) -> tuple[str, list[str]]:
        git, ledger = self._repository.git, self._ledger
        warnings = []
        tip = position.tip(git, ledger.node)
        if fetch and ledger.node.hub:
            try:
                ledger.sync()
                base = upstream.fetch_trunk(git, ledger)
            except FleetError as error:
                warnings.append(error.message)
            else:
                tip = base.commit or tip
                warnings += [base.error] if base.error else []
        if tip is None:
            raise Unverifiable(
                f"The trunk '{ledger.node.trunk}' was not seen yet, so nothing can be compared with it.",
                hint="Push it first.",
            )
        return tip, warnings

    def _bound(self) -> None:
        """Begin anew where the radar's own objects have become many; a folder of git holds one in 256 of them."""
        if len(files.names(os.path.join(self._folder, "merges", "objects", "17"))) * 256 > _MOST_OBJECTS:
            self._forget()

    def _forget(self) -> None:
        self._deltas.clear()
        shutil.rmtree(os.path.join(self._folder, "merges"), ignore_errors=True)
        Cache(os.path.join(self._folder, "cache.json")).forget()


def _conflicts(found: Findings) -> set[tuple[str, str]]:
    return {
        (alerts.pair_id(clash.one.name, clash.two.name), one.path)
        for clash in found.clashes
        for one in clash.paths
    }
