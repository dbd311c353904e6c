"""The one registry of operations: which kinds there are, and how each is decided.

A `Kind` is all that is to be known of one operation: its name, its body and its answer as types, who may make it, which paths
it is about, and the pure function that decides it. A function becomes a kind by `@operation(...)`; the kinds of a package
are listed in its modules (`KINDS`), and those of the product in `gitfleet.fleet.fleet`.

    class Wave(Struct):
        to: SessionId = field(SESSION_ID)

    class Waved(Answer):
        to: SessionId = field(SESSION_ID)

    @operation("message.wave", body=Wave, answer=Waved)
    def wave(view: View, operation: Operation, body: Wave, generation: int) -> Decision[Waved]:
        ...

What another node wrote is read through its kind before anything is decided: a body that is none is refused as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from gitfleet.base import advice
from gitfleet.base.ids import is_ulid
from gitfleet.base.text import display
from gitfleet.codec import Broken, Struct
from gitfleet.errors import UNCHANGED, FleetError, InternalError, Malformed, NewerFormat, PolicyRefused
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import format
from gitfleet.ledger.model import NODE, PERSON, SESSION, Accepted, Answer, Operation, Refused, View, Who

B = TypeVar("B", bound=Struct)
A = TypeVar("A", bound=Answer)
Decision = Accepted[A] | Refused
Decide = Callable[[View, Operation, B, int], Decision[A]]
"""`decide(view, operation, body, generation)`: generation is that of the commit which would carry it. Pure."""
Paths = Callable[[B, A | None], Sequence[str] | None]
"""The patterns that an operation is about, from its body and, once it is decided, its answer; None: only the answer tells."""

BY_SESSIONS: tuple[Who, ...] = (SESSION, PERSON)
BY_PERSONS: tuple[Who, ...] = (PERSON,)
BY_NODES: tuple[Who, ...] = (NODE,)


class Nothing(Struct):
    """The body of an operation that says all by its kind."""


class Kind(Generic[B, A]):
    """One kind of operation."""

    def __init__(
        self, name: str, body: type[B], answer: type[A], decide: Decide[B, A], actors: tuple[Who, ...], paths: Paths[B, A],
        *, moves: bool,
    ) -> None:  # fmt: skip
        self.name = name
        self.body = body
        self.answer = answer
        self.decide = decide
        self.actors = actors
        self.paths = paths
        self.moves = moves
        self.waits = not moves
        self.__doc__ = decide.__doc__

    def read(self, operation: Operation) -> B:
        """The body of `operation`. Raises Malformed, also where its id is none: records are named after it."""
        if not is_ulid(operation.id):
            raise malformed(operation, "its id is not a ULID", "id")
        try:
            return self.body.decode(operation.body)
        except Broken as error:
            raise malformed(operation, str(error), error.field) from error

    def check_moves(self, decision: Accepted[A]) -> None:
        """Raise ValueError for moves of a kind that did not say so."""
        if decision.moves and not self.moves:
            raise ValueError("a kind that moves refs says so")

    def check_actor(self, operation: Operation) -> None:
        """Raise PolicyRefused unless `operation` is made by somebody who may, Malformed where that is nobody."""
        actor = operation.actor
        if actor.kind == NODE and actor.id != operation.node:
            raise malformed(operation, "one node acts for another", "actor")
        if actor.kind not in self.actors:
            only = " or ".join(_WHO[who] for who in self.actors if who != PERSON or len(self.actors) == 1)
            words = f"Only {only} may do this ({self.name})."
            raise PolicyRefused(words, hint=f"See {advice.HELP} for what you can do instead.")


_WHO: dict[Who, str] = {SESSION: "a session", PERSON: "a person", NODE: "a node, for itself,"}


def operation(
    name: str,
    *,
    body: type[B],
    answer: type[A],
    actors: tuple[Who, ...] = BY_SESSIONS,
    paths: Paths[B, A] = lambda _, __: (),
    moves: bool = False,
    waits: bool = True,
) -> Callable[[Decide[B, A]], Kind[B, A]]:
    """Make a kind of operation of the function that decides it. `moves`: it may move refs of the hub (`ledger.moves`).

    `waits`: it may wait for a hub that is away, and is tentative until then. One that moves refs does not; nor does one that its caller
    must be certain of.
    """

    def made(decide: Decide[B, A]) -> Kind[B, A]:
        kind = Kind(name, body, answer, decide, actors, paths, moves=moves)
        kind.waits = waits and not moves
        return kind

    return made


AnyKind = Kind[Any, Any]
"""One of several kinds: each reads and answers what only it knows."""
Keep = Callable[[View, Operation, Struct, int, Accepted[Answer]], Accepted[Answer]]


class Registry:
    """Kinds by name; no two have the same (ValueError).

    `keep` goes over each decision that is yes: what holds for all kinds, whatever they decide. `late` has kinds that are made when
    one of them is first asked for: by the whole name, or by what their names begin with (`queue` for `queue.add`).
    """

    def __init__(
        self,
        kinds: Iterable[AnyKind],
        *,
        keep: Keep = lambda view, operation, body, generation, yes: yes,
        late: Mapping[str, Callable[[], Iterable[AnyKind]]] | None = None,
    ) -> None:
        self._keep = keep
        self._kinds: dict[str, AnyKind] = {}
        self._late = dict(late or {})
        for kind in kinds:
            self._put(kind)

    def _put(self, kind: AnyKind) -> None:
        if kind.name in self._kinds:
            raise ValueError(f"there are two operations of the name '{kind.name}'")
        self._kinds[kind.name] = kind

    def __iter__(self) -> Iterator[AnyKind]:
        for begins in list(self._late):
            self._make(begins)
        return iter(self._kinds.values())

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def get(self, name: str) -> AnyKind | None:
        """The kind of this name."""
        self._make(name)
        if name not in self._kinds:
            self._make(name.partition(".")[0])
        return self._kinds.get(name)

    def _make(self, begins: str) -> None:
        make = self._late.get(begins)
        if make is None:
            return
        for kind in make():
            if self._kinds.get(kind.name) is not kind:  # else another thread was here before
                self._put(kind)
        self._late.pop(begins, None)

    def decide(self, view: View, operation: Operation, generation: int) -> Decision[Answer]:
        """Decide `operation`. Pure in what it reads. A kind that is not known here is refused by name, a body that is none as such."""
        kind = self.get(operation.kind)
        if kind is None:
            return Refused(unknown_kind(operation))
        try:
            kind.check_actor(operation)
            body = kind.read(operation)
            decision = kind.decide(view, operation, body, generation)
            if isinstance(decision, Accepted):
                kind.check_moves(decision)
                return self._keep(view, operation, body, generation, decision)
        except FleetError as error:
            return Refused(error)
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
            what = f"{operation.kind} {operation.id} could not be decided ({type(error).__name__}: {error})."
            return Refused(
                InternalError(what, hint="Please report this.", unharmed=UNCHANGED, operation=operation.id)
            )
        return decision

    def apply(self, view: Snapshot, operation: Operation, generation: int) -> Decision[Answer]:
        """Decide `operation` and, if it is accepted, change `view`. What cannot be filed there is refused; `view` is unchanged then."""
        decision = self.decide(view, operation, generation)
        if isinstance(decision, Accepted):
            try:
                view.change(decision.changes)
            except FleetError as error:
                return Refused(error)
        return decision


def malformed(operation: Operation, why: str, part: str = "") -> Malformed:
    """The error about an operation whose body is not what its kind demands."""
    words = f"The operation {display(operation.kind)} {display(operation.id)} of node {display(operation.node)} is malformed"
    hint = "It was written by another program, or is damaged. Upgrade gitfleet where it was made, then try again."
    return Malformed(
        f"{words} ({display(why)}). It was refused.", hint=hint, where=f"operation {operation.id}", part=part
    )


def unknown_kind(operation: Operation) -> NewerFormat:
    """The error about an operation of a kind that is not known here."""
    words = (
        f"'{display(operation.kind)}' is an operation that this gitfleet does not know. It was left alone."
    )
    where = f"operation {operation.id}"
    return NewerFormat(words, hint=format.UPGRADE, where=where, version=0, understood=0)
