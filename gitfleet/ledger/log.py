"""The audit log: what was done, by whom, when, newest first; read from the chain itself."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from gitfleet.base.names import NodeId, Oid, SessionId
from gitfleet.errors import Corrupt, FleetError
from gitfleet.git.trees import Objects
from gitfleet.ledger import commits, replay
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.model import NODE, Accepted, Answer, Operation, operation_from
from gitfleet.ledger.operations import AnyKind, Registry
from gitfleet.ledger.touched import ALL, LogScope

REPLAYED = 2000
"""Records changed that one look at the log decides anew, at most, to tell what operations that do not name their paths were about."""
UNREADABLE = "unreadable"
"""The kind of a line that stands for a commit whose transaction cannot be read."""


class Line(NamedTuple):
    """One operation as it stands in the log. `paths` are the patterns that it was about, `at` its node's clock.

    `session` is who made it, "" where its node made it for itself.
    """

    generation: int
    commit: Oid
    at: int
    node: NodeId
    session: SessionId
    kind: str
    operation: str
    paths: tuple[str, ...]
    subject: str


def lines(
    objects: Objects, kinds: Registry, tip: Tip, *, session: SessionId | None = None, kind: str | None = None,
    scope: LogScope = ALL, generations: range | None = None,
) -> Iterator[Line]:  # fmt: skip
    """The operations of the chain from `tip` back, newest first; filtered by kind (`claim` or `claim.release`), by session (what it
    has made, and what has changed the records in the folder of `scope`) and by a test of patterns: those that an operation names, and
    those of the claims that it has changed. Of these `generations` alone. Costs three objects a generation, and what `scope` costs;
    one where it is passed over. Raises Corrupt at a commit that is none; one whose transaction cannot be read is a line of its own, of the kind UNREADABLE, whatever is
    asked for.

    Operations that do not name their paths (a release of all, a partial claim) are decided anew, which takes as long as they are large:
    without a test of patterns at most `REPLAYED` changes of them, and those beyond have no `paths`.
    """
    meets = scope.meets
    effort = _Effort(REPLAYED if meets is None else None)
    link: Tip | None = tip
    first, end = (generations.start, generations.stop) if generations is not None else (0, tip.generation + 1)
    while link is not None and link.generation >= end:
        link = commits.read(objects, link.parent) if link.parent else None
    while link is not None and link.generation >= first:
        parent = commits.read(objects, link.parent) if link.parent else None
        try:
            carried = commits.transaction(objects, link).raw
        except Corrupt as error:
            carried = ()
            yield Line(
                link.generation, link.oid, 0, NodeId("?"), SessionId(""), UNREADABLE, "", (), error.message
            )
        decided = _Decided(objects, kinds, parent, link, effort)
        changed = scope.changed(objects, parent, link)
        subjects = commits.subjects(link, len(carried))
        for raw, subject in zip(reversed(carried), reversed(subjects), strict=True):
            if kind and not f"{raw.get('kind')}.".startswith(f"{kind}."):
                continue
            own = not session or _session(raw) == session
            if not own and not changed:
                continue
            line = _line(decided, kinds, link, raw, subject)
            about = meets is None or any(meets(path) for path in line.paths)
            if changed and not (own and about):
                touched = decided.touched(line.operation, changed)
                own = own or "" in touched
                more = [pattern for pattern in touched if pattern]
                about = about or bool(more)
                line = line._replace(paths=(*line.paths, *[one for one in more if one not in line.paths]))
            if own and about:
                yield line
        link = parent


def _line(decided: "_Decided", kinds: Registry, link: Tip, raw: Mapping[str, object], said: str) -> Line:
    named, subject = _named(kinds, raw, link.oid), said
    paths: Sequence[str] = named or ()
    if named is None or not said:
        touched, own = decided.of(str(raw.get("id")))
        paths, subject = touched if named is None else paths, own or said or link.subject
    at = raw.get("at")
    return Line(
        generation=link.generation, commit=link.oid, at=at if isinstance(at, int) else 0, node=NodeId(str(raw.get("node"))),
        session=_session(raw), kind=str(raw.get("kind")), operation=str(raw.get("id")), paths=tuple(paths),
        subject=subject,
    )  # fmt: skip


def _session(raw: Mapping[str, object]) -> SessionId:
    """The session that made an operation, "" for none; also of one that only a newer gitfleet can read."""
    actor = raw.get("actor")
    return SessionId(str(actor.get("id")) if isinstance(actor, dict) and actor.get("kind") != NODE else "")


def _named(kinds: Registry, raw: Mapping[str, object], where: str) -> Sequence[str] | None:
    """The patterns that an operation names itself; None when only its decision tells (a partial claim, a release of all)."""
    kind = kinds.get(str(raw.get("kind")))
    try:
        return () if kind is None else kind.paths(kind.read(operation_from(raw, where)), None)
    except FleetError:
        return ()


class _Effort:
    """How many changes may yet be made by deciding anew; None: any number."""

    def __init__(self, left: int | None) -> None:
        self._left = left

    def is_spent(self) -> bool:
        return self._left is not None and self._left <= 0

    def spend(self, changes: int) -> None:
        if self._left is not None:
            self._left -= changes


class _Decided:
    """What a commit's operations came to, decided anew in order, as far as the effort goes, for those of which only that tells."""

    def __init__(
        self, objects: Objects, kinds: Registry, parent: Tip | None, link: Tip, effort: _Effort
    ) -> None:
        self._asked = objects, kinds, parent, link
        self._effort = effort

    def of(self, operation_id: str) -> tuple[Sequence[str], str]:
        """What an operation touched, and its subject; nothing where it cannot be replayed."""
        return self._all.get(operation_id, ((), ""))

    def touched(self, operation_id: str, records: Mapping[str, str]) -> list[str]:
        """What stands in `records` of those that an operation has changed, each once; nothing as above."""
        return list(
            dict.fromkeys(records[one] for one in self._changes.get(operation_id, ()) if one in records)
        )

    @cached_property
    def _all(self) -> dict[str, tuple[Sequence[str], str]]:
        found: dict[str, tuple[Sequence[str], str]] = {}
        if self._effort.is_spent():
            return found
        for operation, decision, kind in self._decisions():
            paths = kind.paths(kind.read(operation), decision.answer) or ()
            found[operation.id] = paths, decision.subject
            self._effort.spend(len(decision.changes))
            if self._effort.is_spent():
                break
        return found

    @cached_property
    def _changes(self) -> dict[str, frozenset[str]]:
        return {operation.id: frozenset(decision.changes) for operation, decision, _ in self._decisions()}

    def _decisions(self) -> Iterator[tuple[Operation, Accepted[Answer], AnyKind]]:
        objects, kinds, parent, link = self._asked
        if parent is None:
            return
        with suppress(FleetError):
            for operation, decision in replay.decisions(objects, kinds, parent, link):
                kind = kinds.get(operation.kind)
                if isinstance(decision, Accepted) and kind is not None:
                    yield operation, decision, kind
