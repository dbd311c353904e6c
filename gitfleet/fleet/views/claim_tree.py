"""The claims of the fleet as a tree of folders: what is folded is counted and not read, so that a hundred thousand claims cost what is shown.

A folder that has nothing but one folder is shown together with that. Every row is named by a digest of where it is filed, so that
an address can say which folders are open, whatever these are called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from typing import Literal

from gitfleet.base import advice
from gitfleet.claims import model
from gitfleet.claims.conflict_text import time_left
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views.claim_counts import ClaimCounts
from gitfleet.fleet.views.waiting_lines import LinePlace, WaitingLines
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.ledger import State
from gitfleet.nodes import liveness
from gitfleet.nodes.peers import Peers
from gitfleet.nodes.records import DEAD
from gitfleet.patterns import resources
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session

FEW = 100
"""With at most so many claims, all folders are open unless somebody folds them."""
IN_A_FOLDER = 200
"""Rows of one folder that are shown unless more are asked for."""
MOST = 3000
"""Rows of a tree."""

Standing = Literal["held", "shared", "retained", "given", "lapsed", "dead", "tentative"]
"""`given`: the line gave it, and its session has yet to take it up. `lapsed`: its time is over, and nobody has taken it."""


class ClaimShown(Struct):
    """A claim as it stands. `until`: when its lease ends, by the clock of its node, in seconds; 0 where no lease counts.

    `keepers` are the branches and worktrees that it stays with; `waiting` the line behind it; `step` the one next thing to do.
    """

    pattern: str
    session: str
    title: str
    agent: str
    standing: Standing
    mode: model.Mode
    until: int
    ttl: int
    reason: str
    keepers: Sequence[str]
    waiting: Sequence[LinePlace]
    slots: int
    capacity: int
    step: str


class TreeRow(Struct):
    """One row: a folder, a claim, both, or what was left out (`more`: so many rows; `more_rows` is what to ask for to see some). `name` is relative to the row above it.

    `fold`: what an address names to turn it, "" where there is nothing below; `below`: the claims below it; `sessions`: how many wait for
    something there. `problem`: why what is filed there cannot be read. `hit`: it meets the path that was asked about.
    """

    key: str
    depth: int
    name: str
    path: str
    fold: str = ""
    open: bool = False
    below: int = 0
    sessions: int = 0
    claim: ClaimShown | None = None
    more: int = 0
    more_rows: int = 0
    problem: str = ""
    hit: bool = False


class Folding(Struct):
    """What an address says: the folders that are turned from how they would be, and how many rows of each are shown."""

    turned: Collection[str] = ()
    rows: int = IN_A_FOLDER


class ResourceShown(Struct):
    """A resource: how many of its units are taken, of how many (by the rules, or the claims where these say nothing), and by whom."""

    key: str
    name: str
    taken: int
    capacity: int
    held: Sequence[ClaimShown]
    waiting: Sequence[LinePlace]
    problem: str = ""


class ClaimTree(Struct):
    """The tree, how many claims on paths there are in all, and the resources."""

    rows: Sequence[TreeRow]
    claims: int
    resources: Sequence[ResourceShown]
    cut: bool
    """Whether there would be more rows than a tree has."""


class ClaimTrees:
    """The trees of one fleet; what was counted for one is known to the next."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.counts = ClaimCounts(fleet.ledger.objects)

    def tree(
        self,
        state: State,
        lines: WaitingLines,
        folding: Folding,
        hits: Collection[str] = (),
        way: Sequence[str] = (),
    ) -> ClaimTree:
        """The tree of a state. `hits` are the ids of claims to be marked; folders along `way` (comparison keys) are open.

        Costs a few reads for each row that is shown. Raises Corrupt.
        """
        with self._fleet.peers() as peers:
            claims = self.counts.below(state.view, model.ROOT)
            growing = _Growing(self._fleet, state, lines, peers, self.counts)
            growing.begin(folding, hits, way, unfolded=claims <= FEW)
            rows: list[TreeRow] = []
            for row in growing.folder((), (), 0):
                if len(rows) == MOST:
                    return ClaimTree(tuple(rows), claims, tuple(growing.resources()), cut=True)
                rows.append(row)
            return ClaimTree(tuple(rows), claims, tuple(growing.resources()), cut=False)


class _Growing:
    """A tree in the making."""

    def __init__(
        self, fleet: Fleet, state: State, lines: WaitingLines, peers: Peers, counts: ClaimCounts
    ) -> None:
        self._fleet, self._state, self._lines, self._peers, self._counts = fleet, state, lines, peers, counts
        self._view: Snapshot = state.view
        self._sessions: dict[str, tuple[Session | None, bool]] = {}
        self._folding, self._unfolded = Folding(), False
        self._hits: Collection[str] = ()
        self._way: tuple[str, ...] = ()

    def begin(self, folding: Folding, hits: Collection[str], way: Sequence[str], *, unfolded: bool) -> None:
        """Say how it is to be shown."""
        self._folding, self._hits, self._way, self._unfolded = folding, hits, tuple(way), unfolded

    def folder(self, keys: tuple[str, ...], spelled: tuple[str, ...], depth: int) -> Iterator[TreeRow]:
        """The rows of what is in a folder, whose names as people write them are `spelled`."""
        names = self._view.names(model.folder(keys))
        if not keys:  # a claim on everything, or on what begins with a wildcard, stands at the root
            yield from self._claims(keys, (), depth, fold="", opened=False)
        folders = [name.removeprefix("=") for name, is_folder in names if is_folder]
        for name in folders[: self._folding.rows]:
            yield from self._node((*keys, name), spelled, depth)
        left = len(folders) - self._folding.rows
        if left > 0:
            yield TreeRow(
                f"m-{_digest(keys)}",
                depth,
                "",
                "/".join(spelled),
                more=left,
                more_rows=min(MOST, self._folding.rows + IN_A_FOLDER),
            )

    def resources(self) -> Iterator[ResourceShown]:
        """Each resource that the rules name or somebody holds, by name."""
        known = self._fleet.policy.resources
        held = {name.removeprefix("=") for name, _ in self._view.names(model.RESOURCES)}
        for name in sorted({*known, *held})[:IN_A_FOLDER]:
            found = list(model.at(self._view, ("", name)))
            claims = [self.shown(one) for one in found if isinstance(one, Claim)]
            problem = next((one.error.message for one in found if isinstance(one, Unreadable)), "")
            capacity = known.get(name) or max((one.capacity for one in claims), default=1)
            try:
                line = self._lines.of_resource(model.parsed(resources.PREFIX + name))
            except FleetError:  # the name of no resource
                line = ()
            taken = sum(one.slots for one in claims)
            yield ResourceShown(f"r-{name}", name, taken, capacity, tuple(claims), line, problem)

    def _node(self, keys: tuple[str, ...], above: tuple[str, ...], depth: int) -> Iterator[TreeRow]:
        try:
            names = self._view.names(model.folder(keys))
            while len(names) == 1 and names[0][1]:  # nothing but one folder
                keys = (*keys, names[0][0].removeprefix("="))
                names = self._view.names(model.folder(keys))
            spelled = self._spelled(keys)
        except FleetError as error:  # it holds its place
            yield TreeRow(
                f"u-{_digest(keys)}",
                depth,
                "/".join(keys[len(above) :]),
                "/".join(keys),
                problem=error.message,
            )
            return
        inside = any(is_folder for _, is_folder in names)
        own = any(not is_folder for _, is_folder in names)
        fold = _digest(keys) if inside else ""
        opened = inside and self._is_open(keys, fold)
        if own:
            yield from self._claims(keys, above, depth, fold=fold, opened=opened)
        elif inside:
            name = "/".join(spelled[len(above) :]) + "/"
            below = self._counts.below(self._view, model.folder(keys))
            yield TreeRow(
                f"f-{fold}", depth, name, "/".join(spelled), fold, opened, below, self._lines.below(keys)
            )
        if opened:
            yield from self.folder(keys, spelled, depth + 1)

    def _is_open(self, keys: tuple[str, ...], fold: str) -> bool:
        along = bool(self._way) and self._way[: len(keys)] == keys
        return (self._unfolded or along) != (fold in self._folding.turned)

    def _claims(
        self, keys: tuple[str, ...], above: tuple[str, ...], depth: int, *, fold: str, opened: bool
    ) -> Iterator[TreeRow]:
        """The claims at one folder; the first of them folds what is below it."""
        place = model.folder(keys)
        for found in model.at(self._view, keys):
            if isinstance(found, Claim):
                name = "/".join(found.meant.components[len(above) :]) or found.pattern
                name += "/" * (found.pattern.endswith("/") and not name.endswith("/"))
            else:
                name = found.pattern
            row = self._claim(found, depth, name)
            if fold:
                below = self._counts.below(self._view, place) - sum(
                    1 for one, is_folder in self._view.names(place) if not is_folder and one.startswith("@")
                )
                yield TreeRow(
                    row.key, depth, f"{name.rstrip('/')}/", row.path, fold, opened, below,
                    claim=row.claim, problem=row.problem, hit=row.hit,
                )  # fmt: skip
                fold = ""
            else:
                yield row

    def _claim(self, found: Claim | Unreadable, depth: int, name: str) -> TreeRow:
        if isinstance(found, Unreadable):
            key = f"u-{_digest((found.where,))}"
            return TreeRow(
                key, depth, name, found.pattern, problem=found.error.message, hit=found.where in self._hits
            )
        hit = found.id in self._hits
        return TreeRow(f"c-{found.id}", depth, name, found.pattern, claim=self.shown(found), hit=hit)

    def shown(self, claim: Claim) -> ClaimShown:
        """A claim with what is known of it now."""
        session, dead = self._session(claim.session)
        left = time_left(claim, session)
        keepers = tuple(keeper.branch or keeper.worktree for keeper in claim.retained)
        standing = self._standing(claim, left, known=session is not None, dead=dead)
        counted = standing != "retained" or session is not None
        step = advice.END.of(claim.session) if standing == "dead" and not keepers else ""
        return ClaimShown(
            pattern=claim.pattern, session=claim.session, title=session.title if session else "", agent=session.agent if session else "",
            standing=standing, mode=claim.mode, until=_until(claim, session) if counted else 0, ttl=claim.ttl, reason=claim.reason,
            keepers=keepers, waiting=self._lines.behind(claim), slots=len(claim.slots), capacity=claim.capacity, step=step,
        )  # fmt: skip

    def _standing(self, claim: Claim, left: int, *, known: bool, dead: bool) -> Standing:
        if claim.operation in self._state.tentative:
            return "tentative"
        if dead and not claim.retained:
            return "dead"
        if claim.retained and not known:
            return "retained"
        if claim.accept_within:
            return "given"
        if left <= 0:
            return "retained" if claim.retained else "lapsed"
        return "shared" if claim.mode == model.SHARED else "held"

    def _session(self, session_id: str) -> tuple[Session | None, bool]:
        """A session, and whether its process is known to be gone."""
        if session_id not in self._sessions:
            session = session_records.known(self._view, session_id)
            gone = False
            if session is not None:
                try:
                    found = liveness.liveness(session, self._fleet.ledger.node.id, self._peers)
                    gone = found.word == DEAD
                except FleetError:  # unknown, then
                    gone = False
            self._sessions[session_id] = session, gone
        return self._sessions[session_id]

    def _spelled(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """The names of a folder as the first claim on or below it spells them; comparison keys have one case only."""
        where = next(self._view.files(model.folder(keys)), None)
        found = model.read(self._view, where) if where else None
        if isinstance(found, Claim) and len(found.meant.prefix) >= len(keys):
            return found.meant.prefix[: len(keys)]
        return keys


def _until(claim: Claim, session: Session | None) -> int:
    return max(claim.granted_at, session.renewed_at if session else 0) + claim.ttl


def _digest(keys: Sequence[str]) -> str:
    data = "\0".join(keys).encode("utf-8", "surrogateescape")
    return blake2b(data, digest_size=6).hexdigest()
