"""Claiming, releasing, listing and checking: what callers use. Decisions are in `rules`, the wire in `ledger`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gitfleet.base import clock
from gitfleet.base.ids import ulid
from gitfleet.base.text import display
from gitfleet.claims import conflicts, model, paths, patterns
from gitfleet.claims.model import EXCLUSIVE, SHARED, Claim, Unreadable
from gitfleet.claims.overlap import covers, overlap
from gitfleet.claims.patterns import Pattern
from gitfleet.claims.policy import Policy
from gitfleet.claims.watch import Watch
from gitfleet.errors import Conflict, PolicyRefused, UsageError
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger, State
from gitfleet.ledger.model import Result
from gitfleet.sessions import model as sessions

FREE = "free"
MINE = "mine"
THEIRS = "theirs"
UNVERIFIABLE = "unverifiable"


class Verdict(NamedTuple):
    """What is true of one path for one session: free, mine, theirs or unverifiable; `holders` as JSON-ready conflicts."""

    path: str
    state: str
    holders: tuple[dict[str, Any], ...] = ()


class Terms(NamedTuple):
    """How paths are wanted: `shared` None takes the policy's mode for each path, `ttl` None its time to live (seconds)."""

    shared: bool | None = None
    ttl: int | None = None
    reason: str = ""
    branch: str = ""
    partial: bool = False


DEFAULT = Terms()


class Claims:
    """The claims of a fleet, through one node's ledger."""

    def __init__(self, repository: Repository, ledger: Ledger, policy: Policy) -> None:
        self._repository = repository
        self._ledger = ledger
        self._policy = policy
        self._watch = Watch(ledger.state)

    def patterns(self, texts: Iterable[str]) -> list[Pattern]:
        """The patterns that `texts` stand for. Raises BadPath, BadPattern."""
        return paths.resolve(texts, worktree=self._repository.worktree, git=self._repository.git)

    def claim(
        self, session: str, texts: Sequence[str], terms: Terms = DEFAULT, *, timeout: float = 30.0
    ) -> Result:
        """Claim all of `texts` for `session`, or nothing; with `terms.partial`, what is free.

        One operation, one transaction; the answer has `granted`, `already_held`, `refused`, `taken_over` (records).
        Claiming what the session holds renews it. Raises Conflict with every conflict, PolicyRefused, and whatever
        the ledger raises. Of two at once on overlapping paths, one wins.
        """
        rows = [self._row(pattern, terms.shared) for pattern in self.patterns(texts)]
        if not rows:
            raise UsageError("No path was given.", hint="Name what to claim: `gitfleet claim PATH...`.")
        body = {
            "paths": rows,
            "ttl": self._ttl(terms.ttl),
            "reason": terms.reason,
            "branch": terms.branch,
            "partial": terms.partial,
            "case_sensitive": self._policy.case_sensitive,
            "lapsed": self._watch.lapsed(self._policy.margin),
        }
        try:
            return self._request("claim.acquire", session, body, timeout)
        except Conflict as error:
            self._watch.saw(error.facts.get("conflicts", []))
            raise

    def release(self, session: str, texts: Sequence[str] | None, *, timeout: float = 30.0) -> Result:
        """Release the session's claims on or below `texts`, or all of them (None). The answer has `released`, `not_held`."""
        wanted = None if texts is None else [pattern.text for pattern in self.patterns(texts)]
        return self._request("claim.release", session, {"patterns": wanted}, timeout)

    def find(
        self, state: State, *, session: str | None = None, texts: Sequence[str] = ()
    ) -> Iterator[Claim | Unreadable]:
        """The claims of the fleet, by path: all, those of one session, or those that overlap one of `texts`.

        By session and by path, only what is concerned is read.
        """
        wanted = self.patterns(texts)
        if not wanted:
            yield from model.of_session(state.view, session) if session else model.everything(state.view)
            return
        seen = set()
        for pattern in wanted:
            for found in model.near(state.view, pattern.prefix_key):
                if found.where in seen or (session and isinstance(found, Claim) and found.session != session):
                    continue
                if overlap(_pattern(found), pattern, case_sensitive=self._policy.case_sensitive):
                    seen.add(found.where)
                    yield found

    def check(self, state: State, session: str | None, texts: Sequence[str]) -> list[Verdict]:
        """For each of `texts`, what a change there would meet. Local and without the network."""
        return [self._verdict(state, session, pattern) for pattern in self.patterns(texts)]

    def _verdict(self, state: State, session: str | None, pattern: Pattern) -> Verdict:
        nearby = list(model.near(state.view, pattern.prefix_key))
        met = list(
            conflicts.find(
                state.view,
                pattern,
                EXCLUSIVE,
                session or "",
                nearby=nearby,
                case_sensitive=self._policy.case_sensitive,
            )
        )
        mine = [c for c in nearby if isinstance(c, Claim) and c.session == session]
        if any(covers(model.parsed(claim.pattern), pattern) for claim in mine):
            return Verdict(pattern.text, MINE)
        if met:
            return Verdict(pattern.text, THEIRS, tuple(item.as_record() for item in met))
        if state.age is not None and state.age > self._policy.state_max_age:
            return Verdict(pattern.text, UNVERIFIABLE)
        return Verdict(pattern.text, FREE)

    def _row(self, pattern: Pattern, shared: bool | None) -> dict[str, str]:
        if pattern.everything and not self._policy.everything:
            raise PolicyRefused(
                f"{display(pattern.text)} is everything, and this fleet's policy does not let one session claim everything. "
                "Nothing was changed.",
                hint="Claim the directories that you will change.",
            )
        mode = SHARED if shared or (shared is None and self._is_shared(pattern)) else EXCLUSIVE
        return {"pattern": pattern.text, "claim": ulid(), "mode": mode}

    def _is_shared(self, pattern: Pattern) -> bool:
        return any(covers(shared, pattern) for text in self._policy.shared for shared in patterns.parse(text))

    def _ttl(self, ttl: int | None) -> int:
        if ttl is None:
            return self._policy.ttl
        if not 60 <= ttl <= self._policy.max_age:
            words = f"A time to live of {ttl} s is not between 60 s and {self._policy.max_age} s. Nothing was changed."
            raise UsageError(words, hint="Choose another, such as `--ttl 45m`.")
        return ttl

    def _request(self, kind: str, session: str, body: dict[str, Any], timeout: float) -> Result:
        sessions.folder(session)  # a name that is none is refused before anything is left in the outbox
        return self._ledger.request(kind, session, body, timeout=timeout)


def time_left(claim: Claim, session: sessions.Session | None) -> int:
    """Seconds until the lease lapses, by the clock of the node that granted it; for display only."""
    last = session.renewed_at if session else claim.granted_at
    return max(claim.granted_at, last) + claim.ttl - clock.now()


def _pattern(found: Claim | Unreadable) -> Pattern:
    return found.pattern if isinstance(found, Unreadable) else model.parsed(found.pattern)
