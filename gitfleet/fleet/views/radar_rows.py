"""What the radar finds, as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypedDict

from gitfleet.base.names import BranchName, Oid, RepoPath
from gitfleet.clone import Clone
from gitfleet.fleet.views.rows import row_of
from gitfleet.radar import alerts
from gitfleet.radar.hot_paths import HotPath
from gitfleet.radar.model import Effort, PairClash, PathClash, WorkHead
from gitfleet.radar.radar import Radar, RadarRound


class HeadRow(TypedDict):
    """One line of work that was looked at."""

    branch: BranchName
    """Its name; of a worktree without a branch its path."""
    commit: Oid
    """Its tip, without what is not committed."""
    session: str
    """Whose it is; "" for nobody's."""
    title: str
    dirty: bool
    """Whether what is not committed in its worktree, on this node, counts too."""


class ConflictPathRow(TypedDict):
    """One path in conflict."""

    path: RepoPath
    kinds: list[str]
    """In git's words: `contents`, `modify/delete`, `rename/rename`, `file/directory`, …"""
    hunks: list[list[int]]
    """The lines that both change, of the file as it was before both: first and last, from 1. Empty for what is no dispute about lines."""


class PairRow(TypedDict):
    """Two lines of work that will conflict; `a` came first."""

    id: str
    """The same in every round and on every node."""
    a: HeadRow
    b: HeadRow
    paths: list[ConflictPathRow]


class TrunkConflictRow(TypedDict):
    """One that conflicts with the trunk: it is compared with no other until that is resolved."""

    head: HeadRow
    paths: list[ConflictPathRow]


class WatchRow(TypedDict):
    """Two that merge cleanly and most likely should not: both add a definition of the same name at the same place of a file."""

    a: HeadRow
    b: HeadRow
    path: RepoPath
    name: str


class UntoldRow(TypedDict):
    """What could not be looked at, and why."""

    branches: list[str]
    why: str


class EffortRow(TypedDict):
    """What the round cost."""

    heads: int
    pairs: int
    """All pairs."""
    met: int
    """Those that change the same paths, or paths that get into each other's way."""
    touching: int
    """Those of them whose changed lines touch, or that do more than edit files."""
    merges: int
    """The merges that were made for all this."""
    known: int
    """Answers that earlier rounds had found."""


class HotPathRow(TypedDict):
    """A path over which branches conflict again and again."""

    path: RepoPath
    conflicts: int
    """Within 30 days; each counts once, when it comes."""
    last: int
    """When the last one came, in seconds."""


class RadarAnswer(TypedDict):
    """`radar`."""

    trunk: BranchName
    base: Oid
    """The commit of the trunk that everything was compared with."""
    conflicts: list[PairRow]
    trunk_conflicts: list[TrunkConflictRow]
    watch: list[WatchRow]
    order: list[HeadRow]
    """In which order they land with the fewest conflicts to resolve."""
    untold: list[UntoldRow]
    told: list[str]
    """The ids of the pairs of which a session was told by this round."""
    effort: EffortRow


class RadarHotAnswer(TypedDict):
    """`radar --hot`."""

    paths: list[HotPathRow]


def answer(clone: Clone, found: RadarRound, told: Collection[str]) -> RadarAnswer:
    """All that a round found."""
    findings = found.findings
    return {
        "trunk": BranchName(clone.ledger.node.trunk),
        "base": Oid(findings.base),
        "conflicts": [_pair(clash) for clash in findings.clashes],
        "trunk_conflicts": [
            {"head": _head(one.head), "paths": _paths(one.paths)} for one in findings.base_clashes
        ],
        "watch": [
            {"a": _head(one.one), "b": _head(one.two), "path": RepoPath(one.path), "name": one.name}
            for one in findings.doublets
        ],
        "order": [_head(head) for head in findings.order],
        "untold": [{"branches": list(one.names), "why": one.why} for one in findings.untold],
        "told": sorted(told),
        "effort": _effort(findings.effort),
    }


def hot(radar: Radar) -> RadarHotAnswer:
    """The hottest paths, the hottest first."""
    return {"paths": [_hot(path, one) for path, one in radar.hot()]}


def _hot(path: str, one: HotPath) -> HotPathRow:
    return {"path": RepoPath(path), "conflicts": one.count, "last": one.last}


def _pair(clash: PairClash) -> PairRow:
    return {
        "id": alerts.pair_id(clash.one.name, clash.two.name),
        "a": _head(clash.one),
        "b": _head(clash.two),
        "paths": _paths(clash.paths),
    }


def _head(head: WorkHead) -> HeadRow:
    return {
        "branch": BranchName(head.name),
        "commit": Oid(head.tip),
        "session": head.owner,
        "title": head.title,
        "dirty": head.dirty,
    }


def _paths(paths: Sequence[PathClash]) -> list[ConflictPathRow]:
    return [
        {"path": RepoPath(one.path), "kinds": list(one.kinds), "hunks": [list(hunk) for hunk in one.hunks]}
        for one in paths
    ]


def _effort(effort: Effort) -> EffortRow:
    return row_of(EffortRow, effort)
