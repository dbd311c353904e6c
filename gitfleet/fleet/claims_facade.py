"""The claims as the facade has them: what `gitfleet claim` and `gitfleet release` do, and no less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from gitfleet.base.names import SessionId
from gitfleet.claims.asking import Released
from gitfleet.claims.service import Claims
from gitfleet.errors import FleetError

if TYPE_CHECKING:
    from gitfleet.clone import Clone
    from gitfleet.sessions.session_records import Session


class FleetClaims(Claims):
    """The claims of a fleet. Threads may use one at once."""

    def __init__(
        self,
        clone: Clone,
        folder: str | None,
        *,
        elsewhere: Callable[[Session], bool],
        announce: Callable[[str], None] | None,
    ) -> None:
        super().__init__(
            clone.repository,
            clone.ledger,
            lambda: clone.policy,
            folder,
            elsewhere=elsewhere,
            announce=announce,
        )
        self._clone = clone

    def release(self, session: SessionId, texts: Sequence[str] | None, *, timeout: float = 30.0) -> Released:
        """Release the session's claims on or below `texts`, or all of them (None).

        On which branch its work on them was pushed is told first, so that who has them next is told.
        """
        if self._clone.ledger.node.hub:
            from gitfleet.upkeep import branches  # what has landed takes much to tell; of no use to a claim

            with suppress(FleetError):
                branches.retain_pushed(self._clone, session)
        return super().release(session, texts, timeout=timeout)
