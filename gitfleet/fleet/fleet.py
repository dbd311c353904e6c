"""`Fleet.open(path)`: one clone's way into its fleet, with every service wired once.

What a service needs is imported when it is first used: a claim from the command line pays neither for pydantic nor
for libgit2.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from gitfleet.claims import handover, leases, past, policy, retained
from gitfleet.claims import rules as claim_rules
from gitfleet.claims.service import Claims
from gitfleet.errors import FleetError
from gitfleet.git.objects import open_objects
from gitfleet.git.repository import Repository, discover
from gitfleet.ledger import node as nodes
from gitfleet.ledger.ledger import Ledger, State
from gitfleet.sessions import inbox
from gitfleet.sessions import rules as session_rules
from gitfleet.sessions.local import LocalSessions, whoami
from gitfleet.sessions.reading import Reading

if TYPE_CHECKING:
    from gitfleet.sessions.service import Sessions
    from gitfleet.worktrees.service import Worktrees

RULES = leases.keeping(
    {
        **session_rules.RULES,
        **inbox.RULES,
        **claim_rules.RULES,
        **handover.RULES,
        **retained.RULES,
        **past.RULES,
    }
)


class Fleet:
    """One clone's fleet. Not for use by two threads at once; any number of processes may have one open."""

    def __init__(
        self, repository: Repository, ledger: Ledger, announce: Callable[[str], None] | None = None
    ) -> None:
        self.repository = repository
        self.ledger = ledger
        self._announce = announce
        self.policy = policy.load(ledger.state)
        self.claims = Claims(repository, ledger, self.policy)
        ledger.facts = self.claims.facts

    @classmethod
    def open(
        cls,
        path: str = ".",
        *,
        bulk: bool = False,
        announce: Callable[[str], None] | None = None,
        patience: float | None = None,
    ) -> Fleet:
        """The fleet that the repository at `path` belongs to. Raises NoRepository, NoFleet, UnsupportedRepository.

        `bulk` prepares for reading thousands of records; `announce` is told why something takes long. The hub may
        take `patience` seconds for all that it is asked together; then it counts as out of reach. Close it, or use it
        as a context manager.
        """
        repository = discover(path)
        node = nodes.load(repository.common_dir)
        objects = open_objects(repository.common_dir, bulk=bulk)
        ledger = Ledger(
            common_dir=repository.common_dir,
            git=repository.git,
            objects=objects,
            node=node,
            rules=RULES,
            announce=announce,
            patience=patience,
        )
        return cls(repository, ledger, announce)

    @cached_property
    def sessions(self) -> Sessions:
        """The fleet's sessions."""
        from gitfleet.fleet import leaving
        from gitfleet.sessions.service import Sessions  # its marker tables and process look-ups cost 30 ms
        from gitfleet.worktrees import reservation

        return Sessions(
            self.repository,
            self.ledger,
            policy.markers(self.ledger.state),
            lambda id_: leaving.facts(self.repository, self.ledger, self.policy, id_),
            reservation.clear,
        )

    @cached_property
    def worktrees(self) -> Worktrees:
        """The managed worktrees of this clone."""
        from gitfleet.worktrees.service import Worktrees  # only the commands for worktrees pay for it

        return Worktrees(self.repository, self.ledger, announce=self._announce)

    def whoami(self, flag: str | None = None) -> str:
        """The session that a command in this worktree acts for. Raises NoSession, BadName."""
        here = self.repository
        local = LocalSessions(self.ledger.state)
        return whoami(flag, os.environ, here.here, local, here.worktree or here.common_dir)

    def current(self) -> State:
        """The agreed state as last verified here, with what is tentative on top. Without lock or network."""
        return self.ledger.current()

    def messages(self, session: str) -> list[str]:
        """What the session has to be told now, each once: what it lost here, and what its inbox holds."""
        told = self.ledger.notices.show(session)
        try:
            return [*told, *Reading(self.ledger.state).fresh(self.current().view, session)]
        except FleetError:
            return told

    def close(self) -> None:
        """Let go of processes and files."""
        self.ledger.close()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
