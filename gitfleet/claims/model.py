"""A claim as a record, and where it is filed.

Pure. Claims are filed in a tree that mirrors the claimed paths (`claims/=src/=api/=a.py/@<id>.json`), by comparison
key, a glob at its literal prefix. So "who holds this path" reads the path's ancestors and what is below it,
whatever else is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from typing import Any, NamedTuple

from gitfleet.base import canonical
from gitfleet.base.ids import is_ulid
from gitfleet.claims import patterns
from gitfleet.claims.patterns import Pattern
from gitfleet.errors import Corrupt, FleetError
from gitfleet.ledger import format
from gitfleet.ledger.model import FORMAT, View
from gitfleet.sessions import model as sessions

ROOT = "claims"
EXCLUSIVE = "exclusive"
SHARED = "shared"
MODES = (EXCLUSIVE, SHARED)


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim. `pattern` is its canonical text, `token` the generation of its grant, `ttl` in seconds.

    `granted_at` is the wall clock of the session's own node. `operation` is the id of the operation that made it.
    `accept_within` is not 0 while the session has yet to take up what the waiting line gave it: seconds that it has.
    """

    id: str
    session: str
    node: str
    pattern: str
    mode: str
    token: int
    ttl: int
    granted_at: int
    nonce: str = ""
    reason: str = ""
    branch: str = ""
    operation: str = ""
    accept_within: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_record(self) -> dict[str, Any]:
        """As it is written into the ledger."""
        known = asdict(self)
        extra = known.pop("extra")
        if (
            not self.accept_within
        ):  # younger than the format: a record without it must replay to the same bytes
            del known["accept_within"]
        return {**extra, **known, "v": FORMAT, "kind": "claim"}

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.as_record())

    @property
    def where(self) -> str:
        """Where it is filed."""
        return f"{folder(parsed(self.pattern).prefix_key)}/@{self.id}.json"


class Unreadable(NamedTuple):
    """Something filed among the claims that cannot be read: it holds its place, since unknown means keep."""

    where: str
    error: FleetError

    @property
    def pattern(self) -> Pattern:
        """All that it could be about: what it is filed under, or everything when that is no path either."""
        names = [name.removeprefix("=") for name in self.where.split("/")[1:-1]]
        try:
            return patterns.literal("/".join(names), directory=True)
        except FleetError:
            return parsed("**")


_TYPES: dict[str, type] = {
    f.name: int if f.name in {"token", "ttl", "granted_at", "accept_within"} else str
    for f in fields(Claim)
    if f.name != "extra"
}
_NEEDED = frozenset(["id", "session", "node", "pattern", "mode", "token", "ttl", "granted_at"])


def folder(keys: Sequence[str]) -> str:
    """The folder for a literal prefix given as comparison keys."""
    return "/".join([ROOT, *(f"={key}" for key in keys)])


@lru_cache(maxsize=4096)
def parsed(text: str) -> Pattern:
    """The one pattern that a record's text stands for. Raises BadPattern, BadPath."""
    found = patterns.parse(text)
    if len(found) != 1:
        raise Corrupt(f"{text!a} is more than one pattern.", where=text)
    return found[0]


def parse(data: bytes, where: str) -> Claim:
    """The claim in a record. Raises Corrupt, NewerFormat; one that is filed in the wrong place is corrupt."""
    raw = format.record(data, where, "claim")
    known: dict[str, Any] = {}
    for name, kind in _TYPES.items():
        value = raw.pop(name, None)
        if value is None and name not in _NEEDED:
            continue
        if type(value) is not kind or (isinstance(value, str) and len(value) > sessions.MAX_TEXT):
            raise Corrupt(
                f"{where} in the ledger has a broken field '{name}'. It was left alone.", where=where
            )
        known[name] = value
    raw.pop("v", None)
    raw.pop("kind", None)
    claim = Claim(**known, extra=raw)
    try:
        placed = is_ulid(claim.id) and claim.mode in MODES and claim.where == where
    except FleetError:
        placed = False
    if not placed:
        raise Corrupt(
            f"{where} in the ledger is no claim for the place it is filed in. It was left alone.", where=where
        )
    return claim


def from_record(record: Mapping[str, Any]) -> Claim:
    """The claim in a record that one of our own answers holds."""
    data = canonical.dump(record)
    known = {f.name: record[f.name] for f in fields(Claim) if f.name in record}
    claim = Claim(**known)
    return parse(data, claim.where)


def read(view: View, where: str) -> Claim | Unreadable:
    """The claim filed at `where`, or why it cannot be read."""
    try:
        return parse(view.get(where) or b"", where)
    except FleetError as error:
        return Unreadable(where, error)


def holds(claim: Claim, renewed_at: int, *, now: int, margin: int) -> bool:
    """Whether its holder may still act on it, by the clock of the holder's own node.

    That ends `margin` seconds before its time to live does (or half of it, for a short one), and others wait as
    long behind it: however far apart two clocks run within that, no two sessions act on one path.
    """
    return now - max(renewed_at, claim.granted_at) < claim.ttl - min(margin, claim.ttl // 2)


def near(view: View, keys: Sequence[str]) -> Iterator[Claim | Unreadable]:
    """Every claim that could overlap a pattern with this literal prefix: at its ancestors, at it, and below it.

    Costs one tree an ancestor and one tree and record for each claim below, whatever else is claimed.
    """
    for depth in range(len(keys)):
        yield from _filed(view, folder(keys[:depth]))
    for where in view.files(folder(keys)):
        yield read(view, where)


def of_session(view: View, session_id: str) -> Iterator[Claim | Unreadable]:
    """The claims of one session, through its own index."""
    for name, _ in view.names(f"{sessions.folder(session_id)}/claims"):
        data = view.get(sessions.claim_index(session_id, name))
        try:
            where = str(canonical.load(data or b"")["where"])
        except (ValueError, KeyError) as error:
            broken = Corrupt(f"The index of session {session_id} is broken at {name}: {error}", where=name)
            yield Unreadable(f"{ROOT}/@{name}.json", broken)
            continue
        found = read(view, where)
        if isinstance(found, Unreadable) or found.session == session_id:
            yield found


def everything(view: View) -> Iterator[Claim | Unreadable]:
    """All claims, by path."""
    for where in view.files(ROOT):
        yield read(view, where)


def put(claim: Claim) -> dict[str, bytes | None]:
    """The changes that file a claim, in the tree and in its session's index."""
    where = claim.where
    note = canonical.dump({"where": where})
    return {where: claim.as_bytes(), sessions.claim_index(claim.session, claim.id): note}


def drop(claim: Claim) -> dict[str, bytes | None]:
    """The changes that take a claim away."""
    return {claim.where: None, sessions.claim_index(claim.session, claim.id): None}


def _filed(view: View, place: str) -> Iterator[Claim | Unreadable]:
    for name, is_folder in view.names(place):
        if name.startswith("@") and not is_folder:
            yield read(view, f"{place}/{name}")
