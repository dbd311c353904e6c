"""What the last round of this clone's radar found, and what rounds elsewhere have told of: for who looks, without a round of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from gitfleet.base import advice
from gitfleet.codec import Struct
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.ledger import State
from gitfleet.radar import alerts
from gitfleet.radar.hot_paths import HOT
from gitfleet.radar.last_round import LastRound, RoundKeeper, SeenHead, SeenPath
from gitfleet.radar.standing import standing
from gitfleet.sessions import told_conflicts
from gitfleet.sessions.told_conflicts import ToldPair
from gitfleet.trunk import position

MOST_BRANCHES = 30
"""Branches of a matrix: those that meet most."""
MOST_HOT = 8

Tier = Literal["trunk", "conflict", "watch"]
"""With the trunk; two with each other; two that merge cleanly and should not."""


class MeetingPath(Struct):
    """A path, and what is in dispute there, in words."""

    path: str
    words: str


class BranchMeeting(Struct):
    """A conflict to come. `two` is None where it is one with the trunk. `since`: when this clone first saw it, or another node told of it.

    `new`: the last round was the first that saw it. `told`: a session was told. `elsewhere`: only the node of that name has seen it.
    """

    key: str
    tier: Tier
    one: SeenHead
    two: SeenHead | None
    paths: Sequence[MeetingPath]
    since: int
    new: bool
    told: bool
    elsewhere: str
    step: str


class MatrixCell(Struct):
    """Where two branches meet: how many files conflict (0: they are only to be watched), and the row of the pair."""

    key: str
    tier: Tier
    files: int
    words: str


class MatrixRow(Struct):
    """One branch, and its cells with those before it; None where they do not meet."""

    number: int
    name: str
    cells: Sequence[MatrixCell | None]


class HotPathShown(Struct):
    """A path over which branches conflict again and again; `share` of the hottest, in hundredths."""

    path: str
    conflicts: int
    last: int
    share: int


class RadarSeen(Struct):
    """The last round. `at` 0: there was none here. `moved`: the trunk is elsewhere by now; `changed`: other branches are. `cut`: branches that the matrix leaves out."""

    at: int
    trunk: str
    base: str
    moved: bool
    changed: bool
    lines: int
    meetings: Sequence[BranchMeeting]
    matrix: Sequence[MatrixRow]
    cut: int
    order: Sequence[SeenHead]
    hot: Sequence[HotPathShown]
    untold: Sequence[tuple[str, str]]
    warnings: Sequence[str]


def look(fleet: Fleet, state: State) -> RadarSeen:
    """What is known. Reads two files, the refs and the ledger, and asks git where the trunk is; makes no merge."""
    last = RoundKeeper(fleet.ledger.state).last()
    told = {one.pair: one for one in told_conflicts.everything(state.view)}
    trunk = fleet.ledger.node.trunk
    met = list(_of_round(last, told, trunk)) if last else []
    met += _elsewhere(told, {one.key for one in met}, fleet.ledger.node.id, trunk)
    met.sort(key=lambda one: (("trunk", "conflict", "watch").index(one.tier), -one.since, one.key))
    matrix, cut = _matrix(met)
    tip = position.tip(fleet.repository.git, fleet.ledger.node)
    noted = last.branches if last else ""
    changed = bool(noted) and noted != standing(fleet.repository.git, fleet.ledger.node)
    return RadarSeen(
        changed=changed, at=last.at if last else 0, trunk=trunk, base=last.base if last else "", moved=bool(last and tip and tip != last.base),
        lines=last.lines if last else 0, meetings=met, matrix=matrix, cut=cut,
        order=[last.heads[place] for place in last.order] if last else [], hot=_hot(fleet),
        untold=[(", ".join(one.names), one.why) for one in last.untold] if last else [], warnings=last.warnings if last else [],
    )  # fmt: skip


def _of_round(last: LastRound, told: Mapping[str, ToldPair], trunk: str) -> Iterator[BranchMeeting]:
    for one in last.conflicts:
        first, second = last.heads[one.one], last.heads[one.two] if one.two >= 0 else None
        pair = alerts.pair_id(first.name, second.name if second else trunk)
        yield BranchMeeting(
            key=pair, tier="conflict" if second else "trunk", one=first, two=second, paths=[_path(path) for path in one.paths],
            since=one.since, new=one.since == last.at, told=pair in told, elsewhere="", step=_step(first, second),
        )  # fmt: skip
    for two in last.doublets:
        first, other = last.heads[two.one], last.heads[two.two]
        pair = alerts.pair_id(first.name, other.name, two.path, two.name)
        words = f"both add {two.name}; merges cleanly"
        yield BranchMeeting(
            key=pair, tier="watch", one=first, two=other, paths=[MeetingPath(two.path, words)], since=two.since,
            new=two.since == last.at, told=False, elsewhere="", step=_step(first, other),
        )  # fmt: skip


def _elsewhere(
    told: Mapping[str, ToldPair], known: set[str], node: str, trunk: str
) -> Iterator[BranchMeeting]:
    """What other nodes have told of and this clone's round does not have: of work that only they can see, or newer than the round."""
    for pair, one in told.items():
        if pair in known or one.node == node:
            continue
        heads = [
            SeenHead(name, "", owner)
            for name, owner in zip(one.branches, one.owners, strict=True)
            if name != trunk
        ]
        if not heads:
            continue
        second = heads[1] if len(heads) > 1 else None
        yield BranchMeeting(
            key=pair, tier="conflict" if second else "trunk", one=heads[0], two=second,
            paths=[MeetingPath(path, "") for path in one.paths], since=one.at, new=False, told=True, elsewhere=one.node,
            step=_step(heads[0], second),
        )  # fmt: skip


def _path(found: SeenPath) -> MeetingPath:
    return MeetingPath(found.path, alerts.what(found.kinds, found.hunks))


def _step(first: SeenHead, second: SeenHead | None) -> str:
    """What to do next: look at the work of the session that was told, which is the one that came later."""
    owner = (second.owner if second else "") or first.owner
    return advice.REVIEW.of(owner) if owner else advice.RADAR


def _matrix(met: Sequence[BranchMeeting]) -> tuple[list[MatrixRow], int]:
    """The branches that meet, those that meet most first; and how many are left out."""
    pairs = {(one.one.name, one.two.name): one for one in reversed(met) if one.two is not None}
    counts: dict[str, int] = {}
    for names in pairs:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    shown = ranked[:MOST_BRANCHES]
    rows = [
        MatrixRow(number, name, [_cell(pairs, other, name) for other in shown[: number - 1]])
        for number, name in enumerate(shown, start=1)
    ]
    return rows, len(ranked) - len(shown)


def _cell(pairs: Mapping[tuple[str, str], BranchMeeting], one: str, two: str) -> MatrixCell | None:
    found = pairs.get((one, two)) or pairs.get((two, one))
    if found is None:
        return None
    files = len(found.paths) if found.tier == "conflict" else 0
    return MatrixCell(found.key, found.tier, files, ", ".join(path.path for path in found.paths[:5]))


def _hot(fleet: Fleet) -> list[HotPathShown]:
    found = [(path, one) for path, one in fleet.radar.hot() if one.count >= HOT][:MOST_HOT]
    most = max((one.count for _, one in found), default=1)
    return [HotPathShown(path, one.count, one.last, round(100 * one.count / most)) for path, one in found]
