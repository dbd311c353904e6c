"""Claiming, releasing, listing and checking: what callers use. Decisions are in `rules`, the wire in `ledger`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from gitfleet import codec
from gitfleet.base import clock, uptime
from gitfleet.base.ids import ulid
from gitfleet.base.names import SessionId
from gitfleet.base.text import display, span
from gitfleet.claims import conflicts, leases, model, paths, rules, tickets, units
from gitfleet.claims.asking import Acquire, Claimed, Release, Released
from gitfleet.claims.bounds import check_size
from gitfleet.claims.model import EXCLUSIVE, SHARED, Claim, Unreadable
from gitfleet.claims.observed_leases import Watch
from gitfleet.claims.policy import Policy
from gitfleet.claims.tickets import Want
from gitfleet.codec import Struct
from gitfleet.errors import Conflict, NoneHeld, PolicyRefused, UsageError
from gitfleet.git.repository import Repository
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.ledger import Ledger, State
from gitfleet.ledger.model import PERSON, SESSION, Actor, Receipt, Status, Timing, Who
from gitfleet.ledger.operations import A, B, Kind, Nothing
from gitfleet.obstacles import Obstacle
from gitfleet.patterns import language
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import covers, takes_in
from gitfleet.sessions import session_records, session_rules
from gitfleet.sessions.reading import Reading

if TYPE_CHECKING:
    from gitfleet.claims import handover, retained_claims, ticket_turns
    from gitfleet.claims.orphans import Orphans
    from gitfleet.claims.waiting import Waited
    from gitfleet.sessions import inbox

Standing = Literal["free", "mine", "theirs", "unverifiable"]
FREE: Standing = "free"
MINE: Standing = "mine"
THEIRS: Standing = "theirs"
UNVERIFIABLE: Standing = "unverifiable"
Kept = Mapping[str, Sequence[Mapping[str, str]]]
Contained = Mapping[str, tuple[str, ...]]
"""By claim id, the marks of the keepers whose work is all here."""


class PathVerdict(Struct):
    """What is true of one path for one session; `holders` have it where it is theirs."""

    path: str
    state: Standing
    holders: tuple[Obstacle, ...] = ()


class Terms(Struct):
    """How paths are wanted: `shared` None takes the policy's mode for each path, `ttl` None its time to live (seconds)."""

    shared: bool | None = None
    ttl: int | None = None
    reason: str = ""
    branch: str = ""
    partial: bool = False
    wait: bool = False
    priority: int = tickets.DEFAULT_PRIORITY


DEFAULT = Terms()


class Claims:
    """The claims of a fleet, through one node's ledger."""

    def __init__(
        self,
        repository: Repository,
        ledger: Ledger,
        policy: Callable[[], Policy],
        folder: str | None = None,
        *,
        elsewhere: Callable[[session_records.Session], bool] = lambda _: False,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        """`policy` tells the rules of now; `elsewhere`: see `orphans`; `announce` hears why waiting may take long."""
        self._repository = repository
        self._ledger = ledger
        self._rules = policy
        self._folder = folder
        self._watch = Watch(ledger.state)
        self._announce = announce
        self._elsewhere = elsewhere

    @cached_property
    def orphans(self) -> Orphans:
        """What is known of holders' processes."""
        from gitfleet.claims.orphans import Orphans  # only who is refused pays for it

        return Orphans(self._ledger, self._elsewhere)

    @property
    def _policy(self) -> Policy:
        return self._rules()

    def patterns(self, texts: Iterable[str], *, counted: bool = True) -> list[Pattern]:
        """The patterns that `texts` stand for (`paths.resolve`; `./` counts from the folder that the fleet was opened in).

        Without `counted`, a resource is meant whole. Raises BadPath, BadPattern.
        """
        return paths.resolve(texts, self._repository, self._folder, counted=counted)

    def claim(
        self, session: SessionId, texts: Sequence[str], terms: Terms = DEFAULT, *, timeout: float = 30.0
    ) -> Claimed:
        """Claim all of `texts` for `session`, or nothing; with `terms.partial`, what is free.

        One operation, one transaction. Claiming what the session holds renews it. Raises Conflict with every conflict,
        PolicyRefused, and whatever the ledger raises. Of two at once on overlapping paths, one wins.
        """
        wanted = self.patterns(texts)
        check_size(wanted, terms.reason, terms.priority)
        known: Contained = {}
        if terms.wait or terms.partial:
            kept = {c.id: c.keeper_records for c in model.retained(self._ledger.current().view)}
            known = self.built_upon(kept, by_effect=False)
        body = self._wanted(wanted, terms, known)
        try:
            answer = self._request(rules.acquire, session, body, timeout)
        except Conflict as error:
            met = error.conflicts
            self._watch.saw(met)
            based_on = self.built_upon({one.claim: one.retained for one in met if one.retained})
            if based_on.items() <= known.items():
                raise
            answer = self._request(rules.acquire, session, codec.replace(body, based_on=based_on), timeout)
        if not answer.refused:
            return answer
        self._watch.saw(answer.refused)
        return codec.replace(answer, refused=self.orphans.marked(answer.refused))

    def _wanted(self, wanted: Sequence[Pattern], terms: Terms, known: Contained) -> Acquire:
        lapsed, outlived = self._seen_over()
        return Acquire(
            wants=tuple(self._want(pattern, terms.shared) for pattern in wanted),
            ttl=self._ttl(terms.ttl),
            reason=terms.reason,
            branch=terms.branch,
            partial=terms.partial,
            wait=terms.wait,
            ticket=ulid() if terms.wait else "",
            priority=terms.priority,
            case_sensitive=self._policy.case_sensitive,
            take_up=True,
            lapsed=lapsed,
            outlived=outlived,
            based_on=known,
        )

    def renew(self, session: SessionId, *, timeout: float = 30.0) -> session_rules.Renewed:
        """A sign of life: what had lapsed or grown too old and went to nobody comes back, what the line gave is taken up."""
        body = session_rules.Renew(regrant=True, accept=True)
        return self._request(session_rules.renew, session, body, timeout)

    def timing(self) -> Timing:
        """What each operation of this node tells of its moment, for `leases`."""
        return Timing(uptime.stamp(), self._policy.margin, self._policy.max_age)

    def wait(
        self, session: SessionId, texts: Sequence[str], terms: Terms = DEFAULT, *, limit: float | None = None
    ) -> Waited:
        """Claim all of `texts`, standing in line for what others hold; the claims, once all are the session's.

        First come, first served within a priority. Raises Queued after `limit` seconds (the place is kept), Deadlock
        when waiting would close a cycle, Lost when the place went to nobody's good.
        """
        from gitfleet.claims.waiting import Waiter  # only who waits pays for it

        terms = codec.replace(terms, wait=True, partial=False)
        answer = self.claim(session, texts, terms)
        over = lambda: {claim for seen in self._seen_over() for claim in seen}  # noqa: E731
        again = lambda: self.claim(session, texts, terms)  # noqa: E731
        waiter = Waiter(self._ledger, self._watch, over, again, self.orphans, self._announce)
        if answer.ticket is not None:
            return waiter.wait(answer.ticket, limit)
        return waiter.accept(session, list(answer.granted), answer.already_held)

    def break_(self, session: SessionId, texts: Sequence[str], reason: str) -> handover.Broke:
        """Take live claims away from their holders; for sessions of persons only, with a reason that the holders are told."""
        from gitfleet.claims import handover  # no claim pays for it

        body = handover.Break(self._named(texts), reason, case_sensitive=self._policy.case_sensitive)
        return self._request(handover.break_, session, body, who=PERSON)

    def offer(self, session: SessionId, to: SessionId, texts: Sequence[str]) -> handover.Offered:
        """Offer the session's own claims on or below `texts` to another session, which is told."""
        from gitfleet.claims import handover  # as above

        body = handover.Offer(self._named(texts), to=to, case_sensitive=self._policy.case_sensitive)
        return self._request(handover.offer, session, body)

    def accept(self, session: SessionId) -> handover.Taken:
        """Accept everything that is on offer for the session; each claim moves with a new token."""
        from gitfleet.claims import handover  # as above

        return self._request(handover.accept, session, Nothing())

    def tell(self, session: SessionId, to: SessionId, text: str) -> inbox.Sent:
        """Leave a message for another session, shown at its next command or hook. Raises PolicyRefused where that is too many (`sending_rate`)."""
        from gitfleet.sessions import inbox, sending_rate  # as above

        session_records.folder(to)
        if len(text) > inbox.MAX_MESSAGE:
            raise inbox.unfit()
        session_records.folder(session)
        sending_rate.count(self._ledger.state, session)
        return self._request(inbox.send, session, inbox.Send(to, text))

    def leave_line(self, session: SessionId) -> ticket_turns.Left:
        """Give up every place of the session in the waiting line."""
        from gitfleet.claims import ticket_turns  # as above

        return self._request(ticket_turns.leave, session, ticket_turns.Leave())

    def release(self, session: SessionId, texts: Sequence[str] | None, *, timeout: float = 30.0) -> Released:
        """Release the session's claims on or below `texts`, or all of them (None).

        Where it has none there, the answer says so, and the ledger stays as it is (`generation` -1).
        """
        body = Release(None if texts is None else self._named(texts), self._policy.case_sensitive, some=True)
        try:
            return self._request(rules.release, session, body, timeout)
        except NoneHeld as nothing:
            return Released(not_held=nothing.not_held, receipt=Receipt(status=Status.CONFIRMED))

    def let_go(self, session: SessionId, branch: str) -> retained_claims.LetGone:
        """Release what a branch retains, at whatever commit; for sessions of persons only. Raises Conflict when it is nothing."""
        from gitfleet.claims import keepers, retained_claims  # as above
        from gitfleet.git import refs

        body = retained_claims.LetGo(keepers.Keeper(branch=branch, head=refs.ZERO), retained_claims.RELEASED)
        return self._request(retained_claims.let_go, session, body, who=PERSON)

    def find(
        self, state: State, *, session: SessionId | None = None, texts: Sequence[str] = ()
    ) -> Iterator[Claim | Unreadable]:
        """The claims of the fleet, by path: all, those of one session, or those that overlap one of `texts`.

        By session and by path, only what is concerned is read.
        """
        wanted = self.patterns(texts)
        if session is not None:
            session_records.folder(session)  # raises for an id that is none
        exact_case = self._policy.case_sensitive
        if wanted:
            yield from model.overlapping(state.view, wanted, session, case_sensitive=exact_case)
        else:
            yield from model.of_session(state.view, session) if session else model.everything(state.view)

    def check(self, state: State, session: SessionId | None, texts: Sequence[str]) -> list[PathVerdict]:
        """For each of `texts`, what a change there would meet. Local and without the network.

        A claim of the session's own whose time is over is not `mine` any more: its holder may not act on it.
        """
        renewed = self.renewed_at(state, session)
        return [self._verdict(state, session, renewed, pattern) for pattern in self.patterns(texts)]

    def renewed_at(self, state: State, session: SessionId | None) -> int:
        """When the session's lease was last renewed, as the fleet has agreed: what is tentative prolongs nothing.

        On this machine's wall clock as it goes now, however it was set meanwhile; 0 when that cannot be told.
        """
        view = Snapshot(self._ledger.objects, state.tip.tree) if state.tentative else state.view
        found = session_records.find(view, session) if session else None
        now = clock.now()
        idle = leases.idle(found, now, uptime.stamp()) if found else None
        return 0 if idle is None else now - idle

    def holds(self, claim: Claim, renewed_at: int, *, tentative: bool = False) -> bool:
        """Whether the holder of `claim`, a session of this node, may still act on it.

        Not before it has taken up what the waiting line gave it, and not when the claim has reached its greatest age.
        What is `tentative` is measured from its own making.
        """
        now = leases.Moment(clock.now(), uptime.stamp(), self._policy.margin, self._policy.max_age)
        since = claim.granted_at if tentative else renewed_at
        standing = model.holds(claim, since, now=now.at, margin=now.margin)
        return standing and not claim.accept_within and not now.is_old(claim)

    def _verdict(
        self, state: State, session: SessionId | None, renewed: int, pattern: Pattern
    ) -> PathVerdict:
        nearby = list(model.near(state.view, pattern.prefix_key))
        met = conflicts.find(
            state.view, pattern, EXCLUSIVE, session or "", nearby=nearby,
            case_sensitive=self._policy.case_sensitive, capacity=self._policy.capacity(pattern),
        )  # fmt: skip
        mine = [
            claim
            for claim in nearby
            if isinstance(claim, Claim)
            and claim.session == session
            and self.holds(claim, renewed, tentative=claim.operation in state.tentative)
        ]
        if any(self._covers(claim.meant, pattern) for claim in mine):
            return PathVerdict(pattern.text, MINE)
        if holders := tuple(item.obstacle() for item in met):
            return PathVerdict(pattern.text, THEIRS, self.orphans.marked(holders))
        if any(self._is_at(claim, pattern) for claim in mine):
            return PathVerdict(pattern.text, MINE)
        return PathVerdict(pattern.text, UNVERIFIABLE if self.is_old(state) else FREE)

    def is_old(self, state: State) -> bool:
        """Whether what is known of the hub is too old, by policy, to call a path free; also when it was never seen."""
        if not self._ledger.node.hub:
            return False
        return state.age is None or state.age > self._policy.state_max_age

    def _seen_over(self) -> tuple[dict[str, int], dict[str, int]]:
        """What this node has itself watched long enough to be over, as an operation tells it: `lapsed` and `outlived`."""
        margin = self._policy.margin
        lapsed = self._watch.lapsed(margin, lambda one: self.orphans.is_dead(one))  # noqa: PLW0108 - loads what looks
        return lapsed, self._watch.outlived(self._policy.max_age + margin)

    def built_upon(self, kept: Kept, *, by_effect: bool = True) -> Contained:
        """See `contents`."""
        from gitfleet.claims.contents import built_upon  # only what meets a retained claim pays for merges

        return built_upon(self._repository, self._ledger.node.id, kept, by_effect=by_effect) if kept else {}

    def _is_at(self, claim: Claim, wanted: Pattern) -> bool:
        """Whether a claim matches the very path that is asked about; not if it is a folder here: changes are beneath it."""
        top, folder = self._repository.worktree, False
        if top and wanted.shape == "path":
            folder = os.path.isdir(os.path.join(top, *wanted.prefix))
        exact = self._policy.case_sensitive
        return not (wanted.units or folder) and takes_in(claim.meant, wanted, case_sensitive=exact)

    def _covers(self, one: Pattern, other: Pattern) -> bool:
        return one.units >= other.units and covers(one, other, case_sensitive=self._policy.case_sensitive)

    def _named(self, texts: Sequence[str]) -> tuple[str, ...]:
        wanted = self.patterns(texts, counted=False)
        check_size(wanted)
        return tuple(pattern.text for pattern in wanted)

    def _want(self, pattern: Pattern, shared: bool | None) -> Want:
        if pattern.units:
            return self._units(pattern, shared)
        if pattern.everything and not self._policy.everything:
            raise PolicyRefused(
                f"{display(pattern.text)} stands for everything, and this fleet's rules do not let one session claim everything.",
                hint="Claim the directories that you will change.",
            )
        mode = SHARED if shared or (shared is None and self._is_shared(pattern)) else EXCLUSIVE
        return Want(pattern.text, ulid(), mode)

    def _units(self, wanted: Pattern, shared: bool | None) -> Want:
        if shared:
            raise UsageError(
                f"{wanted.text} is a resource, and a resource cannot be shared.",
                hint="Claim it without `--shared`; `resources:` in gitfleet.yaml says how many there are.",
            )
        capacity = self._policy.capacity(wanted)
        units.check(wanted, capacity)
        return Want(wanted.text, ulid(), EXCLUSIVE, capacity)

    def _is_shared(self, pattern: Pattern) -> bool:
        return any(
            takes_in(shared, pattern, case_sensitive=self._policy.case_sensitive)
            for text in self._policy.shared
            for shared in language.parse(text)
        )

    def _ttl(self, ttl: int | None) -> int:
        if ttl is None:
            return self._policy.ttl
        if not 60 <= ttl <= self._policy.max_age:
            words = f"A time to live of {span(ttl)} is not between 1m and {span(self._policy.max_age)}."
            raise UsageError(words, hint="Choose another, such as `--ttl 45m`.")
        return ttl

    def _request(
        self, kind: Kind[B, A], session: SessionId, body: B, timeout: float = 30.0, *, who: Who = SESSION
    ) -> A:
        session_records.folder(session)  # what is no name is refused before anything is in the outbox
        heard = Reading(self._ledger.state).seen(session)
        try:
            return self._ledger.request(kind, Actor(who, session), body, heard=heard, timeout=timeout)
        except Conflict as error:
            raise self.orphans.told(error) from error
