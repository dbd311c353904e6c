"""Whether a commit may still land: were its paths its session's when it was made, and has nobody had them since? Pure.

A commit names its session (those that made it, if it was amended) and the claims that it was made under (`id@token`). That is what its author says, and is
believed only where the ledger has such a grant: same id, same token, same session, a pattern that covers the path.
The ledger's tip alone answers, from the claims that stand and the last grants that are over (`ended_grants`):

================  ======================================================================================
`ok`              a claim that it names stands; or is over, and no other session was granted the path since
`stale`           another session was granted the path after the newest claim that it names for it
`theirs`          another session holds the path, and the commit names no claim that covers it
`unclaimed`       it names no claim that the ledger knows and that covers the path
`unverifiable`    a record that cannot be read could be such a grant to another
================  ======================================================================================

Shared grants do not displace each other. What the verdict leads to is policy's business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from gitfleet.base.ids import is_name, is_ulid
from gitfleet.claims import ended_grants, model
from gitfleet.claims.ended_grants import EndedGrant
from gitfleet.claims.model import EXCLUSIVE, SHARED, Claim, Unreadable
from gitfleet.errors import FleetError
from gitfleet.ledger.model import View
from gitfleet.patterns import language
from gitfleet.patterns.language import Pattern

OK: Final = "ok"
STALE: Final = "stale"
THEIRS: Final = "theirs"
UNCLAIMED: Final = "unclaimed"
UNVERIFIABLE: Final = "unverifiable"
FenceState = Literal["ok", "stale", "theirs", "unclaimed", "unverifiable"]
TENTATIVE = "tentative"


class CommitVerdict(NamedTuple):
    """What is true of one path of one commit.

    `claim` is the claim it was made under, `id@token`, where the ledger knows that. `holder`, `token` and `held` are the
    other session that has the path (`theirs`) or was granted it since (`stale`), with which token and for which
    pattern; empty and 0 where nobody is known.
    """

    path: str
    state: FenceState
    claim: str = ""
    holder: str = ""
    token: int = 0
    held: str = ""


class _Had(NamedTuple):
    """One grant that matches a path, over or not."""

    pattern: Pattern
    grant: Claim | EndedGrant


class _Filed(NamedTuple):
    """What is filed at one prefix: grants, and the patterns of what cannot be read."""

    grants: tuple[_Had, ...]
    unreadable: tuple[Pattern, ...]


class _Other(NamedTuple):
    session: str
    token: int
    pattern: str


class Fence:
    """Judges commits against one snapshot of the ledger. Keeps what it has read; one tree and its records a folder."""

    def __init__(self, view: View, *, case_sensitive: bool = False) -> None:
        self._view = view
        self._exact_case = case_sensitive
        self._known: dict[tuple[str, ...], _Filed] = {}

    def judge(
        self, session: str | Collection[str], cited: Iterable[str], paths: Iterable[str]
    ) -> list[CommitVerdict]:
        """One verdict for each of `paths`, for a commit that names `session` (or several) and claims (`id@token`)."""
        named = [session] if isinstance(session, str) else session
        sessions = frozenset(name for name in named if is_name(name))
        said = _cited(cited) if sessions else {}
        return [self._path(sessions, said, path) for path in paths]

    def _path(self, sessions: frozenset[str], said: Mapping[str, int | None], path: str) -> CommitVerdict:
        grants, doubtful = self._on(path)
        mine = _newest(_own(grants, sessions, said))
        if mine is None:
            return _uncovered(path, sessions, said, grants, doubtful=doubtful)
        since = None if mine.standing else _since(grants, {mine.session}, mine.token, mine.mode)
        if since is not None:
            return CommitVerdict(path, STALE, mine.name, since.session, since.token, since.pattern)
        return CommitVerdict(path, UNVERIFIABLE if doubtful and not mine.standing else OK, mine.name)

    def _on(self, path: str) -> tuple[list[_Had], bool]:
        """The grants that match a path, and whether something that cannot be read may do so, too."""
        keys = tuple(language.key(part) for part in path.split("/"))
        grants: list[_Had] = []
        doubtful = False
        for depth in range(len(keys) + 1):
            filed = self._filed(keys[:depth])
            grants += [had for had in filed.grants if self._matches(had.pattern, path)]
            doubtful = doubtful or any(self._matches(pattern, path) for pattern in filed.unreadable)
        return grants, doubtful

    def _matches(self, pattern: Pattern, path: str) -> bool:
        return language.matches(pattern, path, case_sensitive=self._exact_case)

    def _filed(self, keys: tuple[str, ...]) -> _Filed:
        known = self._known.get(keys)
        if known is None:
            known = self._known[keys] = self._read(keys)
        return known

    def _read(self, keys: tuple[str, ...]) -> _Filed:
        grants: list[_Had] = []
        unreadable: list[Pattern] = []
        for item in model.at(self._view, keys):
            if isinstance(item, Unreadable):
                unreadable.append(item.meant)
            else:
                grants.append(_Had(item.meant, item))
        for where, grant in ended_grants.filed(self._view, keys):
            try:
                if isinstance(grant, FleetError):
                    raise grant
                grants.append(_Had(model.parsed(grant.pattern), grant))
            except FleetError as error:
                unreadable.append(Unreadable(where, error).meant)
        return _Filed(tuple(grants), tuple(unreadable))


class _Mine(NamedTuple):
    session: str
    token: int
    mode: str
    name: str
    standing: bool


def _cited(cited: Iterable[str]) -> dict[str, int | None]:
    """Tokens by claim id, the newest of each; None for one that was granted while the hub was away."""
    found: dict[str, int | None] = {}
    for text in cited:
        claim, _, token = text.partition("@")
        if not is_ulid(claim):
            continue
        if token == TENTATIVE:
            found.setdefault(claim, None)
        elif token.isascii() and token.isdigit() and len(token) < 18:
            found[claim] = max(int(token), found.get(claim) or 0)
    return found


def _own(
    grants: Iterable[_Had], sessions: Collection[str], said: Mapping[str, int | None]
) -> Iterator[_Mine]:
    """The grants that the commit names, each to a session that it names, as the ledger knows them.

    A claim may get a newer token while it stands (its time was over, and nobody had come): its id is the same, and
    what was made under the older token was made under a grant of that id all the same. One that was had with a branch
    keeps its id, and tells of the grants before.
    """
    for _, grant in grants:
        before = 0
        for who, claim, until in _upon(grant):
            named = said.get(claim, 0)
            held = until if named is None else named
            if who in sessions and before < held <= until:
                yield _Mine(who, held, grant.mode, f"{claim}@{held}", standing=False)
            before = until
        if grant.session not in sessions:
            continue
        tokens = {grant.id: grant.token}
        if isinstance(grant, EndedGrant):
            tokens = {**{former.who: former.token for former in grant.earlier}, **tokens}
        for claim, token in tokens.items():
            named = said.get(claim, 0)
            held = token if named is None else named
            if 0 < held <= token:
                standing = isinstance(grant, Claim) and held == token
                yield _Mine(grant.session, held, grant.mode, f"{claim}@{held}", standing)


def _uncovered(
    path: str,
    sessions: Collection[str],
    said: Mapping[str, int | None],
    grants: Iterable[_Had],
    *,
    doubtful: bool,
) -> CommitVerdict:
    """The verdict on a path for which the commit names no claim that the ledger knows."""
    for pattern, grant in grants:
        if isinstance(grant, Claim) and grant.session not in sessions:
            return CommitVerdict(path, THEIRS, "", grant.session, grant.token, pattern.text)
    if doubtful:
        return CommitVerdict(path, UNVERIFIABLE)
    tokens = [token for token in said.values() if token is not None]
    since = _since(grants, sessions, max(tokens), EXCLUSIVE) if tokens else None
    if since is not None:  # what it names may be forgotten by now, but is too old whatever it was
        return CommitVerdict(path, STALE, "", since.session, since.token, since.pattern)
    return CommitVerdict(path, UNCLAIMED)


def _newest(found: Iterable[_Mine]) -> _Mine | None:
    return max(found, key=lambda mine: (mine.standing, mine.token), default=None)


def _since(grants: Iterable[_Had], sessions: Collection[str], token: int, mode: str) -> _Other | None:
    """The newest grant to another session than these after `token` that displaces one in `mode`."""
    found: list[_Other] = []
    for pattern, grant in grants:
        if mode == SHARED and grant.mode == SHARED:
            continue
        if grant.session not in sessions:
            if not _builds_upon(grant, sessions, token):
                found.append(_Other(grant.session, grant.token, pattern.text))
        elif isinstance(grant, EndedGrant) and grant.after is not None and grant.after.who not in sessions:
            found.append(_Other(grant.after.who, grant.after.token, pattern.text))
    newer = [other for other in found if other.token > token]
    return max(newer, key=lambda other: other.token, default=None)


def _builds_upon(grant: Claim | EndedGrant, sessions: Collection[str], token: int) -> bool:
    """Whether a claim was had from a branch, and its session's work contains what was done under the other.

    See `retained_claims`: a retained claim goes to another session only with the work that it stays with.
    """
    return any(who in sessions and token <= until for who, _, until in _upon(grant))


def _upon(grant: Claim | EndedGrant) -> Iterator[tuple[str, str, int]]:
    """The grants (session, claim and token) that the work under this one builds upon, oldest first; mostly of the same claim."""
    for text in grant.upon.split():
        named, _, until = text.rpartition("@")
        who, _, claim = named.partition("/")
        if until.isascii() and until.isdigit() and len(until) < 18:
            yield who, claim or grant.id, int(until)
