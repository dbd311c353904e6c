"""A claim as a record, and where it is filed.

Pure. Claims are filed in a tree that mirrors the claimed paths (`claims/=src/=api/=a.py/@<id>.json`), by comparison
key, a glob at its literal prefix. So "who holds this path" reads the path's ancestors and what is below it,
whatever else is claimed. Claims on resources are filed apart, by name (`resources/=gpu/@<id>.json`): nothing that asks
about a path ever reads one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

from gitfleet.base import canonical
from gitfleet.base.digests import sha256
from gitfleet.base.ids import is_name, is_ulid, shard
from gitfleet.base.names import NodeId, SessionId
from gitfleet.claims import ended_grants, keepers
from gitfleet.claims.keepers import Keeper
from gitfleet.codec import TEXT, WHOLE, Broken, Choice, Many, One, Record, Struct, Text, Whole, field
from gitfleet.errors import Corrupt, FleetError
from gitfleet.ledger import format
from gitfleet.ledger.model import NODE_ID, SESSION_ID, A, Changes, View
from gitfleet.patterns import language, resources
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import overlap
from gitfleet.sessions import session_records

ROOT = "claims"
RESOURCES = "resources"
KEEPERS = "keepers"
Mode = Literal["exclusive", "shared"]
EXCLUSIVE: Mode = "exclusive"
SHARED: Mode = "shared"
MODE = Choice[Mode](EXCLUSIVE, SHARED)
ULID = Text[str](26, valid=is_ulid)


class Claim(Record):
    """One claim. `pattern` is its canonical text, `token` the generation of its grant, `ttl` in seconds.

    `granted_at` is the wall clock of the session's own node. `operation` is the id of the operation that made it.
    `accept_within` is not 0 while the session has yet to take up what the waiting line gave it: seconds that it has.
    `uptime` is the moment of the grant on that node's other clock (`base.uptime`). `retained` names the branches and
    worktrees that a claim stays with, also when its session has ended; `upon` the grants that its session's work contains,
    since it got the claim from a branch (`session@token`, or `session/claim@token` where that was another claim). On a resource, `slots` are the numbers of its units
    and `capacity` is how many there were, as the session's clone knew it; on a path they are empty and 0.
    """

    KIND = "claim"

    id: str = field(ULID)
    session: SessionId = field(SESSION_ID)
    node: NodeId = field(NODE_ID)
    pattern: str = field(TEXT)
    mode: Mode = field(MODE)
    token: int = field(WHOLE)
    ttl: int = field(WHOLE)
    granted_at: int = field(WHOLE)
    nonce: str = field(TEXT, default="")
    reason: str = field(TEXT, default="")
    branch: str = field(TEXT, default="")
    operation: str = field(TEXT, default="")
    accept_within: int = field(WHOLE, default=0, omit=True)
    capacity: int = field(WHOLE, default=0, omit=True)
    slots: tuple[int, ...] = field(Many(Whole(0, resources.MOST_UNITS - 1)), default=(), omit=True)
    uptime: str = field(TEXT, default="", omit=True)
    retained: tuple[Keeper, ...] = field(Many(keepers.KEEPER, most=keepers.MOST), default=(), omit=True)
    upon: str = field(TEXT, default="", omit=True)

    def check(self) -> None:
        """Raise Broken unless it says which units it has, as many as its pattern names, if that is a resource."""
        if self.slots == () and self.capacity == 0 and language.plain_key(self.pattern):
            return
        try:
            units = self.meant.units
        except FleetError as error:
            raise Broken(error.message, "pattern") from error
        capacity = 0 < self.capacity <= resources.MOST_UNITS if units else self.capacity == 0
        if not capacity or not len(set(self.slots)) == len(self.slots) == units:
            raise Broken("the units of the resource were expected", "slots")

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())

    @property
    def keeper_records(self) -> list[dict[str, str]]:
        """What retains it, as JSON shows that."""
        return [keeper.as_record() for keeper in self.retained]

    @property
    def meant(self) -> Pattern:
        """What it is on. Raises BadPattern, BadPath."""
        return parsed(self.pattern)

    @property
    def where(self) -> str:
        """Where it is filed."""
        if key := language.plain_key(self.pattern):
            return f"{ROOT}/={key.replace('/', '/=')}/@{self.id}.json"
        return f"{folder(self.meant.prefix_key)}/@{self.id}.json"


CLAIMS = Many(One(Claim))
MAX_PATTERNS = 1000
"""Patterns that one operation is about, at most."""
PATTERNS = Many(TEXT, most=MAX_PATTERNS)


class Unreadable(Struct):
    """Something filed among the claims that cannot be read: it holds its place, since unknown means keep."""

    where: str
    error: FleetError

    @property
    def meant(self) -> Pattern:
        """All that it could be on: what it is filed under, or everything when that is nothing either."""
        if self.where.startswith(f"{RESOURCES}/"):
            return _resource(self.where)
        names = [name.removeprefix("=") for name in self.where.split("/")[1:-1]]
        try:
            return language.literal("/".join(names))
        except FleetError:
            return parsed("**")

    @property
    def pattern(self) -> str:
        """The same as text."""
        return self.meant.text


def folder(keys: Sequence[str]) -> str:
    """The folder for a literal prefix given as comparison keys; that of a resource begins with an empty one."""
    if keys and not keys[0]:
        return "/".join([RESOURCES, *(f"={key}" for key in keys[1:])])
    return "/".join([ROOT, *(f"={key}" for key in keys)])


def keeper_index(keeper: str, claim_id: str) -> str:
    """Where a keeper's note of a claim that it retains is. By a hash of its name, since a branch may have any."""
    name = sha256(keeper.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return f"{KEEPERS}/{shard(name)}/{name}/{claim_id}"


@lru_cache(maxsize=4096)
def parsed(text: str) -> Pattern:
    """The one pattern that a record's text stands for. Raises BadPattern, BadPath."""
    found = language.parse(text)
    if len(found) != 1:
        raise Corrupt(f"{text!a} is more than one pattern.", where=text)
    return found[0]


@lru_cache(maxsize=4096)  # rules that decide about the waiting line read the same claims many times
def parse(data: bytes, where: str) -> Claim:
    """The claim in a record. Raises Corrupt, NewerFormat; one that is filed in the wrong place is corrupt."""
    claim = format.read(Claim, data, where)
    if claim.where != where:
        raise Corrupt(
            f"{where} in the ledger is not the claim that belongs there. It was left alone.", where=where
        )
    return claim


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
    return 0 <= now - renewed_at < claim.ttl - min(margin, claim.ttl // 2)


def near(view: View, keys: Sequence[str]) -> Iterator[Claim | Unreadable]:
    """Every claim that could overlap a pattern with this literal prefix: at its ancestors, at it, and below it.

    Costs one tree an ancestor and one tree and record for each claim below, whatever else is claimed.
    """
    for depth in range(len(keys)) if keys and keys[0] else ():
        yield from _filed(view, folder(keys[:depth]))
    for where in view.files(folder(keys)):
        yield read(view, where)


def overlapping(
    view: View, wanted: Sequence[Pattern], session_id: str | None, *, case_sensitive: bool
) -> Iterator[Claim | Unreadable]:
    """The claims, of one session if it is given, that overlap one of `wanted`, each once; those that cannot be read, too."""
    seen = set()
    for pattern in wanted:
        for found in near(view, pattern.prefix_key):
            if found.where in seen or (
                session_id and isinstance(found, Claim) and found.session != session_id
            ):
                continue
            if overlap(found.meant, pattern, case_sensitive=case_sensitive):
                seen.add(found.where)
                yield found


def at(view: View, keys: Sequence[str]) -> Iterator[Claim | Unreadable]:
    """The claims that are filed at exactly this literal prefix (comparison keys)."""
    yield from _filed(view, folder(keys))


def held_by(view: View, session_id: str) -> list[Claim]:
    """The claims of one session that can be read."""
    return [found for found in of_session(view, session_id) if isinstance(found, Claim)]


def patterns(claims: Iterable[Claim] | None) -> list[str] | None:
    """The patterns of claims; None where these are not known."""
    return None if claims is None else [claim.pattern for claim in claims]


def of_answer(claims: Callable[[A], Iterable[Claim]]) -> Callable[[object, A | None], list[str] | None]:
    """What an operation is about of which only the answer tells that: the patterns of its `claims`."""
    return lambda _, answer: None if answer is None else [claim.pattern for claim in claims(answer)]


def of_session(view: View, session_id: str) -> Iterator[Claim | Unreadable]:
    """The claims of one session, through its own index."""
    for found in _indexed(view, f"{session_records.folder(session_id)}/claims"):
        if isinstance(found, Unreadable) or found.session == session_id:
            yield found


def first_of_session(view: View, session_id: str, most: int) -> list[Claim | Unreadable]:
    """The first of a session's claims, in the order of `everything`. Reads the notes of all of them, and these claims."""
    notes = _notes(view, f"{session_records.folder(session_id)}/claims")
    places = sorted(
        (one for one in notes if isinstance(one, str)), key=lambda where: where.replace("/", "\0")
    )
    return [read(view, where) for where in places[:most]]


def _indexed(view: View, index: str) -> Iterator[Claim | Unreadable]:
    """The claims that an index names."""
    for where in _notes(view, index):
        yield read(view, where) if isinstance(where, str) else where


def _notes(view: View, index: str) -> Iterator[str | Unreadable]:
    """Where the claims are that an index names."""
    view.load(index)
    for name, _ in view.names(index):
        try:
            where = str(canonical.load(view.get(f"{index}/{name}") or b"")["where"])
        except (ValueError, KeyError) as error:
            broken = Corrupt(f"The index of claims {index} is broken at {name}: {error}", where=name)
            yield Unreadable(f"{ROOT}/@{name}.json", broken)
            continue
        yield where


def retained(view: View) -> Iterator[Claim]:
    """The claims that branches and worktrees retain, each once; those that cannot be read are passed over. Costs one look while there are none."""
    seen = set()
    for shard_name, _ in view.names(KEEPERS):
        for keeper, _ in view.names(f"{KEEPERS}/{shard_name}"):
            for found in _indexed(view, f"{KEEPERS}/{shard_name}/{keeper}"):
                if isinstance(found, Claim) and found.where not in seen:
                    seen.add(found.where)
                    yield found


def of_keeper(view: View, name: str) -> Iterator[Claim | Unreadable]:
    """The claims that one branch, or one worktree, retains (`Keeper.name`)."""
    for found in _indexed(view, keeper_index(name, "").rstrip("/")):
        if isinstance(found, Unreadable) or any(keeper.name == name for keeper in found.retained):
            yield found


def everything(view: View) -> Iterator[Claim | Unreadable]:
    """All claims, by path; after them those on resources, by name."""
    for root in (ROOT, RESOURCES):
        view.load(root)
        for where in view.files(root):
            yield read(view, where)


def put(*claims: Claim) -> Changes:
    """The changes that file claims: in the tree, in their session's index, and in those of what retains them."""
    changes = stay(*claims)
    for claim in claims:
        changes[session_records.claim_index(claim.session, claim.id)] = canonical.dump({"where": claim.where})
    return changes


def stay(*claims: Claim) -> Changes:
    """The changes that file retained claims whose session ends."""
    changes: Changes = {}
    for claim in claims:
        changes[claim.where] = claim.as_bytes()
        for keeper in claim.retained:
            changes[keeper_index(keeper.name, claim.id)] = canonical.dump({"where": claim.where})
    return changes


def lives(view: View, claim: Claim) -> bool:
    """Whether the session of a claim is still there."""
    return is_name(claim.session) and view.get(session_records.path(claim.session)) is not None


def left(view: View, claim: Claim, after: Claim) -> Changes:
    """The changes by which a claim stays with others than before, or with its session alone: `after` is the same claim then."""
    filed = put(after) if lives(view, claim) else stay(after)
    return {**dict.fromkeys(keeper_index(keeper.name, claim.id) for keeper in claim.retained), **filed}


def drop(view: View, at: int, *claims: Claim, unlanded: bool = True) -> Changes:
    """The changes that take claims away, and remember that they were (`ended_grants`). `at`: when, by the operation's clock.

    `unlanded`: whether what a branch has of them, if they stayed with one, is still to be had there alone.

    Every claim that ends, for whatever reason, goes through here: a commit made under it is judged by what is
    remembered.
    """
    changes: Changes = {}
    for claim in claims:
        changes |= {claim.where: None, session_records.claim_index(claim.session, claim.id): None}
        changes |= ended_grants.note(view, claim, at, unlanded=unlanded)
        changes |= dict.fromkeys(keeper_index(keeper.name, claim.id) for keeper in claim.retained)
    return changes


def _resource(where: str) -> Pattern:
    try:
        return parsed(resources.PREFIX + where.split("/")[1].removeprefix("="))
    except FleetError:
        return parsed("**")


def _filed(view: View, place: str) -> Iterator[Claim | Unreadable]:
    for name, is_folder in view.names(place):
        if name.startswith("@") and not is_folder:
            yield read(view, f"{place}/{name}")
