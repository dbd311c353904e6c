"""Grants that are over, as records: who had which paths, under which token. Pure.

A commit names the claims that it was made under, and may be judged long after they were released. So a claim that goes
leaves a small record (`past/=src/=api/@<hash>.json`, filed as claims are). A newer grant of the same pattern takes
its place, so what is kept grows with the patterns that were ever claimed, not with the claims. Only `fencing` reads it;
claiming, checking and showing claims never do. To forget a record is safe: a commit that cites it is then called
unclaimed, never covered.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from gitfleet.base import canonical
from gitfleet.base.digests import sha256
from gitfleet.base.ids import is_name, is_ulid
from gitfleet.base.names import SessionId
from gitfleet.claims.keepers import Keeper
from gitfleet.codec import TEXT, WHOLE, Broken, Many, Maybe, One, Record, Shape, Struct, Text, field
from gitfleet.errors import Corrupt, FleetError
from gitfleet.ledger import format
from gitfleet.ledger.model import Accepted, Answer, Changes, Operation, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation
from gitfleet.patterns.resources import PREFIX

ROOT = "past"
EARLIER = 32
"""How many former grants of one session to one pattern are remembered; before these, its commits count as unclaimed."""
MAX_FORGOTTEN = 1000


class EndingClaim(Protocol):
    """What a record needs to know of the claim that goes; `claims.model.Claim` is one."""

    @property
    def id(self) -> str: ...
    @property
    def token(self) -> int: ...
    @property
    def session(self) -> SessionId: ...
    @property
    def pattern(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def upon(self) -> str: ...
    @property
    def retained(self) -> tuple[Keeper, ...]: ...
    @property
    def where(self) -> str: ...


class Former(Struct):
    """A grant by its session (or, among `earlier`, its id) and token."""

    who: str
    token: int


class _FormerShape(Shape[Former]):
    """A former grant, as a list of who had it and its token."""

    plain = False

    def decode(self, raw: object) -> Former:
        if not isinstance(raw, list) or len(raw) != 2:
            raise Broken("a former grant was expected")
        return Former(TEXT.decode(raw[0]), WHOLE.decode(raw[1]))

    def encode(self, value: Former) -> list[object]:
        return [value.who, value.token]


_FORMER = _FormerShape()


class EndedGrant(Record):
    """The last grant of a pattern that is over, ended at `at` (seconds, the clock of whoever ended it).

    `earlier` are grants of the same pattern to the same session before it, with nobody's in between (id and token);
    `after` is the last grant to another session before those. `upon` is the claim's own (`claims.model`). `branch` and
    `head` say where its session had pushed work on it that had not landed when the grant was over.
    """

    KIND = "grant"

    id: str = field(Text[str](26, valid=is_ulid))
    token: int = field(WHOLE)
    session: SessionId = field(Text[SessionId](64, valid=is_name))
    pattern: str = field(TEXT)
    mode: str = field(TEXT)
    at: int = field(WHOLE)
    earlier: tuple[Former, ...] = field(Many(_FORMER), default=(), omit=True)
    after: Former | None = field(Maybe(_FORMER), default=None, omit=True)
    upon: str = field(TEXT, default="", omit=True)
    branch: str = field(TEXT, default="", omit=True)
    head: str = field(TEXT, default="", omit=True)

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())


def note(view: View, claim: EndingClaim, at: int, *, unlanded: bool = True) -> Changes:
    """The change that remembers a claim which goes; none for a resource, which no commit touches.

    Unless not `unlanded`, a branch that it stayed with still has something of it that the trunk has not.
    Costs one record and the trees above it.
    """
    if claim.pattern.startswith(PREFIX):
        return {}
    where = _where(claim)
    try:
        before = read(view, where)
    except FleetError:  # it cannot be read by anybody, and what it said may as well be forgotten
        before = None
    earlier: tuple[Former, ...] = ()
    after = None
    if before is not None and before.session == claim.session:
        known = [*before.earlier, Former(before.id, before.token)]
        mine = Former(claim.id, claim.token)
        earlier = tuple(former for former in known if former != mine)[-EARLIER:]
        after = before.after
    elif before is not None:
        after = Former(before.session, before.token)
    branch = next((keeper for keeper in claim.retained if keeper.branch and unlanded), Keeper())
    grant = EndedGrant(
        claim.id, claim.token, claim.session, claim.pattern, claim.mode, at, earlier, after, claim.upon,
        branch.branch, branch.head,
    )  # fmt: skip
    return {where: grant.as_bytes()}


def former(view: View, claim: EndingClaim) -> tuple[Former, ...]:
    """The grants of a claim's pattern to its session before this one, with nobody's in between, oldest first."""
    try:
        before = read(view, _where(claim))
    except FleetError:
        return ()
    if before is None or before.session != claim.session:
        return ()
    return (*before.earlier, Former(before.id, before.token))


def read(view: View, where: str) -> EndedGrant | None:
    """The record at `where`, or None. Raises Corrupt, NewerFormat."""
    data = view.get(where)
    return None if data is None else format.read(EndedGrant, data, where)


def filed(view: View, keys: tuple[str, ...]) -> Iterator[tuple[str, EndedGrant | FleetError]]:
    """What is filed at exactly this literal prefix (comparison keys): where, and the grant or why it cannot be read."""
    place = "/".join([ROOT, *(f"={key}" for key in keys)])
    for name, is_folder in view.names(place):
        if name.startswith("@") and not is_folder:
            yield f"{place}/{name}", _try(view, f"{place}/{name}")


def near(view: View, keys: tuple[str, ...], *, most: int) -> Iterator[EndedGrant]:
    """The records that could be about a pattern with this literal prefix, unreadable ones aside; below it, `most` at most."""
    for depth in range(len(keys)):
        yield from (grant for _, grant in filed(view, keys[:depth]) if isinstance(grant, EndedGrant))
    place = "/".join([ROOT, *(f"={key}" for key in keys)])
    for where in islice(view.files(place), most):
        grant = _try(view, where)
        if isinstance(grant, EndedGrant):
            yield grant


def everything(view: View) -> Iterator[tuple[str, EndedGrant | FleetError]]:
    """Every record: where, and the grant or why it cannot be read."""
    for where in view.files(ROOT):
        yield where, _try(view, where)


class Gone(Struct):
    """Where a record is that is to go, and the token that it must still have."""

    where: str = field(TEXT)
    token: int = field(WHOLE)


class Forget(Struct):
    """The records that are to go."""

    grants: tuple[Gone, ...] = field(Many(One(Gone), least=1, most=MAX_FORGOTTEN))


class Forgotten(Answer):
    """Where the records were that went."""

    forgotten: tuple[str, ...] = field(Many(TEXT))


@operation("grant.forget", body=Forget, answer=Forgotten, actors=BY_NODES)
def forget(view: View, operation: Operation, body: Forget, generation: int) -> Decision[Forgotten]:
    """`grant.forget`: drop records of grants that are over, each if it still has the token that is named.

    Which are old enough is the requester's judgement, by its own clock.
    """
    del generation, operation
    changes: Changes = {}
    for gone in body.grants:
        found = _try(view, gone.where) if gone.where.startswith(f"{ROOT}/") else None
        if isinstance(found, EndedGrant) and found.token == gone.token:
            changes[gone.where] = None
    subject = f"{len(changes)} grants that ended long ago are forgotten"
    return Accepted(changes, Forgotten(tuple(sorted(changes))), subject)


def _where(claim: EndingClaim) -> str:
    said = [claim.pattern, claim.mode] + ([claim.session] if claim.mode == "shared" else [])
    name = sha256(canonical.dump({"said": said})).hexdigest()[:16]
    _, _, below = claim.where.rpartition("/")[0].partition("/")
    return "/".join([ROOT, *([below] if below else []), f"@{name}.json"])


def _try(view: View, where: str) -> EndedGrant | FleetError:
    try:
        found = read(view, where)
    except FleetError as error:
        return error
    return found if found is not None else Corrupt(f"{where} in the ledger is gone.", where=where)


KINDS = (forget,)
