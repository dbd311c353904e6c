"""One clone of a fleet, with every service wired once. `Fleet` is this, and what commands do with it.

What a service needs is imported when it is first used: a claim from the command line pays neither for pydantic nor
for libgit2.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Self

from gitfleet.base import advice, delivery
from gitfleet.base.names import SessionId
from gitfleet.base.text import counted
from gitfleet.claims import policy
from gitfleet.claims.policy import Policy
from gitfleet.codec import Struct
from gitfleet.errors import FleetError, NoFleet
from gitfleet.git.objects import open_objects
from gitfleet.git.repository import Repository, discover
from gitfleet.ledger import own_node
from gitfleet.ledger.ledger import Ledger, State
from gitfleet.ledger.model import PERSON, SESSION, Accepted, Actor, Answer, Operation, View
from gitfleet.ledger.operations import AnyKind, Registry
from gitfleet.sessions.local import LocalSessions, caller, whoami
from gitfleet.sessions.reading import Reading

if TYPE_CHECKING:
    from gitfleet.claims.keepers import Keeping
    from gitfleet.claims.retained_claims import Ended, Started
    from gitfleet.claims.service import Claims
    from gitfleet.gates.service import Gates
    from gitfleet.git.head import Head
    from gitfleet.ledger.model import Timing
    from gitfleet.nodes.archives import NodeArchives
    from gitfleet.nodes.heartbeat import NodeRef
    from gitfleet.nodes.peers import Peers
    from gitfleet.sessions.service import Beginning, Ending, Sessions
    from gitfleet.sessions.session_records import Session
    from gitfleet.worktrees.service import Worktrees


def _gate_kinds() -> Iterable[AnyKind]:
    from gitfleet.gates import verdicts  # a few modules, of which a claim needs none

    return verdicts.KINDS


def _queue_kinds() -> Iterable[AnyKind]:
    from gitfleet.mergequeue import kinds  # a dozen modules, of which a claim needs none

    return kinds.KINDS


def _dispatch_kinds() -> Iterable[AnyKind]:
    from gitfleet.dispatch import kinds  # as above

    return kinds.KINDS


def _asking_kinds() -> Iterable[AnyKind]:
    from gitfleet.claims import rules  # who only looks needs none

    return rules.KINDS


def _claim_kinds() -> Iterable[AnyKind]:
    from gitfleet.claims import (  # as above
        dismissals,
        ended_grants,
        handover,
        retained_claims,
        rules,
        ticket_turns,
    )
    from gitfleet.sessions import inbox, session_rules

    first = (*session_rules.KINDS, *inbox.KINDS)
    return (
        *first, *rules.KINDS, *ticket_turns.KINDS, *handover.KINDS, *retained_claims.KINDS, *ended_grants.KINDS,
        *dismissals.KINDS,
    )  # fmt: skip


def _radar_kinds() -> Iterable[AnyKind]:
    from gitfleet.sessions import told_conflicts  # as above

    return told_conflicts.KINDS


def _keep(
    view: View, operation: Operation, body: Struct, generation: int, decision: Accepted[Answer]
) -> Accepted[Answer]:
    from gitfleet.claims import leases  # as above

    return leases.keep(view, operation, body, generation, decision)


OPERATIONS = Registry(
    [],
    keep=_keep,
    late={
        **dict.fromkeys(("claim.acquire", "claim.release"), _asking_kinds),
        **dict.fromkeys(("claim", "grant", "message", "offer", "session", "ticket"), _claim_kinds),
        "radar": _radar_kinds,
        "queue": _queue_kinds,
        "gate": _gate_kinds,
        **dict.fromkeys(("job", "pool", "risk", "work"), _dispatch_kinds),
    },
)
"""Every operation of a fleet; a session that an operation renews gets back what had lapsed."""


class Clone:
    """One clone's way into its fleet. Any number of threads may use it at once, and any number of processes have one open."""

    def __init__(
        self,
        repository: Repository,
        ledger: Ledger,
        announce: Callable[[str], None] | None = None,
        folder: str | None = None,
    ) -> None:
        self.repository = repository
        self.ledger = ledger
        self._announce = announce
        self._folder = folder
        self._rules = policy.CurrentPolicy(ledger.state)
        ledger.timing = self._timing
        ledger.follow = self._follow

    @classmethod
    def open(
        cls,
        path: str = ".",
        *,
        bulk: bool = False,
        announce: Callable[[str], None] | None = None,
        patience: float | None = None,
    ) -> Self:
        """The fleet that the repository at `path` belongs to. Raises NoRepository, NoFleet, UnsupportedRepository.

        `bulk` prepares for reading thousands of records; `announce` is told why something takes long. The hub may
        take `patience` seconds for all that it is asked together; then it counts as out of reach. Close it, or use it
        as a context manager.
        """
        return cls.of(discover(path), path, bulk=bulk, announce=announce, patience=patience)

    @classmethod
    def of(
        cls,
        repository: Repository,
        folder: str | None = None,
        *,
        bulk: bool = False,
        announce: Callable[[str], None] | None = None,
        patience: float | None = None,
    ) -> Self:
        """The same, for a repository that was found before: its worktree may be gone by now. `./` counts from `folder`."""
        node = _joined(repository)
        objects = open_objects(repository.common_dir, bulk=bulk)
        ledger = Ledger(
            common_dir=repository.common_dir,
            git=repository.git,
            objects=objects,
            node=node,
            kinds=OPERATIONS,
            announce=announce,
            patience=patience,
        )
        return cls(repository, ledger, announce, folder)

    def _timing(self) -> Timing:
        return self.claims.timing()  # an operation pays for the claims; who looks does not

    def _follow(self, head: Head) -> None:
        from gitfleet.trunk import hub_head  # only where a hub tells of its HEAD

        hub_head.follow(self.repository, self.ledger, head)

    @property
    def policy(self) -> Policy:
        """The rules as they were compiled last, by whichever process."""
        return self._rules()

    @cached_property
    def claims(self) -> Claims:
        """The fleet's claims."""
        from gitfleet.claims.service import Claims  # as above

        return Claims(
            self.repository,
            self.ledger,
            self._rules,
            self._folder,
            elsewhere=self._is_dead_elsewhere,
            announce=self._announce,
        )

    @cached_property
    def sessions(self) -> Sessions[Started, Ended]:
        """The fleet's sessions."""
        from gitfleet.sessions.service import Sessions  # its marker tables and process look-ups cost 30 ms
        from gitfleet.worktrees.notes import TreeNotes

        notes = TreeNotes(self.repository.git_dir)
        return Sessions(
            self.repository,
            self.ledger,
            self._begin,
            self._finish,
            markers=lambda: policy.markers(self.ledger.state),
            arrived=notes.release,
            expected=notes.expected,
        )

    @cached_property
    def worktrees(self) -> Worktrees:
        """The managed worktrees of this clone."""
        from gitfleet.worktrees.service import Worktrees  # only the commands for worktrees pay for it

        return Worktrees(self.repository, self.ledger, announce=self._announce)

    @cached_property
    def gates(self) -> Gates:
        """The gates: what is known of trees, and having them tested."""
        from gitfleet.gates.service import Gates  # as above

        return Gates(self.repository, self.ledger, announce=self._announce)

    @property
    def node_ref(self) -> NodeRef:
        """The ref in which this node tells of itself."""
        from gitfleet.nodes.heartbeat import NodeRef  # only an exchange with the hub pays for it
        from gitfleet.trunk import position

        git, node = self.repository.git, self.ledger.node
        patience = self.policy.state_max_age
        return NodeRef(self.repository, self.ledger, patience=patience, trunk=lambda: position.tip(git, node))

    @property
    def archives(self) -> NodeArchives:
        """The bulky things that nodes keep for each other."""
        from gitfleet.nodes.archives import NodeArchives  # as above

        return NodeArchives(self.repository, self.ledger)

    def peers(self) -> Peers:
        """The other nodes, as last seen. The caller closes it."""
        from gitfleet.nodes.peers import Peers  # as above

        return Peers(self.repository, self.ledger, patience=self.policy.state_max_age)

    def _begin(self, beginning: Beginning) -> Started:
        retain = self._kept_of(beginning.id) if beginning.moved else ()
        based_on = self._left_by(beginning.id) if beginning.named else {}
        from gitfleet.claims import retained_claims  # who only looks needs none

        said = {one.name: getattr(beginning.body, one.name) for one in beginning.body.FIELDS}
        body = retained_claims.StartKeeping(**said, retain=retain, based_on=based_on, takes=beginning.takes)
        actor = Actor(PERSON if body.person else SESSION, beginning.id)
        return self.ledger.request(retained_claims.start, actor, body, timeout=beginning.timeout)

    def _finish(self, ending: Ending) -> Ended:
        from gitfleet.claims import retained_claims  # as above

        body = retained_claims.End(self._kept_of(ending.id), ending.was, ending.heir, ending.gives)
        actor = Actor(SESSION, ending.id)
        return self.ledger.request(
            retained_claims.end, actor, body, heard=ending.heard, timeout=ending.timeout
        )

    def _kept_of(self, session: SessionId) -> tuple[Keeping, ...]:
        """What keeps the claims of a session when it ends."""
        from gitfleet.trunk import retention  # the whole of merging: not for the beginning of a session

        return tuple(retention.facts(self.repository, self.ledger, self.policy, session))

    def _left_by(self, session: SessionId) -> Mapping[str, tuple[str, ...]]:
        """What of the claims that a session left when it ended is built upon in this worktree."""
        from gitfleet.claims import retained_claims  # as above

        found = retained_claims.left_by(self.current().view, session)
        return self.claims.built_upon({c.id: c.keeper_records for c in found})

    def whoami(self, flag: str | None = None) -> SessionId:
        """The session that a command in this worktree acts for. Raises NoSession, BadName."""
        here = self.repository
        local = LocalSessions(self.ledger.state)
        return whoami(flag, os.environ, here.here, local, here.worktree or here.common_dir)

    def caller(self, flag: str | None = None) -> SessionId:
        """The session that the caller is in for certain; never one that happens to be at work here. Raises as `whoami`."""
        here = self.repository
        local = LocalSessions(self.ledger.state)
        return caller(flag, os.environ, here.here, local, here.worktree or here.common_dir)

    def current(self) -> State:
        """The agreed state as last verified here, with what is tentative on top. Without lock or network."""
        return self.ledger.current()

    def messages(self, session: SessionId) -> list[str]:
        """What the session has to be told now: what it lost here, and what its inbox holds; words of other sessions are `Fenced`.

        It goes out with the present answer, and counts as heard when whoever writes that calls `delivery.done`.
        """
        return self._messages(session, delivery.begin)

    def _messages(self, session: SessionId, begin: delivery.Begin) -> list[str]:
        told = self.ledger.notices.fresh(session, begin)
        try:
            state = self.current()
            messages, more = Reading(self.ledger.state).fresh(state.view, session, begin)
        except FleetError:
            return told
        if not messages:
            return told
        from gitfleet.sessions import fencing  # only who hears something pays for it

        later = [f"{counted(more, 'more message')} will be shown with the next answer."] if more else []
        return [*told, *fencing.lines(self.ledger.objects, state.tip, messages), *later]

    def _is_dead_elsewhere(self, session: Session) -> bool:
        """Whether another node has told that the process of its session is gone."""
        from gitfleet.nodes import liveness  # only who is refused pays for it
        from gitfleet.nodes.records import DEAD

        try:
            with self.peers() as peers:
                return liveness.liveness(session, self.ledger.node.id, peers).word == DEAD
        except FleetError:
            return False

    def close(self) -> None:
        """Let go of processes and files."""
        self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _joined(repository: Repository) -> own_node.Node:
    """The node of a repository. Raises NoFleet; where nobody commits, with the way to where one may join."""
    try:
        return own_node.load(repository.common_dir)
    except NoFleet as error:
        if repository.worktree is not None:
            raise
        place = f"Run {advice.INIT} in a clone of this repository, or in one of its worktrees."
        raise error.again(
            "This repository has no worktree here, and is not part of a fleet.", hint=place
        ) from error
