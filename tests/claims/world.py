"""A fleet's agreement without disk or clock: operations are decided one after the other, at times that a test chooses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from gitfleet.base.ids import ulid
from gitfleet.claims import model
from gitfleet.claims.model import EXCLUSIVE, Claim
from gitfleet.clone import OPERATIONS
from gitfleet.errors import FleetError
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.model import Accepted, Refused, Who
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session
from tests.operations import raw


class Store:
    """Objects in a dict."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[str, bytes]] = {}

    def read(self, oid: str) -> tuple[str, bytes]:
        return self._objects[oid]

    def prefetch(self, oids: Iterable[str]) -> None:
        pass

    def listing(self, tree: str, *, folders: bool = False) -> None:
        pass

    def write(self, kind: str, data: bytes) -> str:
        oid = hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(data), data)).hexdigest()
        self._objects[oid] = (kind, data)
        return oid

    def flush(self) -> None:
        return

    def close(self) -> None:
        return


class World:
    """One ledger, `now` on every node's clock, and sessions `NODE-NUMBER` that live on the node in their name."""

    def __init__(self, *ids: str) -> None:
        self.view = Snapshot(Store(), None)
        self.generation = 0
        self.now = 1_000_000
        for session in ids:
            self.take(
                session, "session.start", worktree=f"/{session}", agent="agent", title=f"work of {session}"
            )

    def ask(
        self, session: str, kind: str, *, node: str | None = None, who: Who | None = None, **body: Any
    ) -> Accepted[Any] | Refused:
        """Have one operation decided, and apply it if it is accepted. `who`: a person where only persons may, else a session."""
        self.generation += 1
        node = node or session.partition("-")[0]
        operation = raw(kind, node, session, body, who=who, at=self.now)
        before = self.records()
        decision = OPERATIONS.decide(self.view, operation, self.generation)
        if isinstance(decision, Accepted):
            self.view.change(decision.changes)
        else:
            assert self.records() == before, "a refusal changed something"
        return decision

    def take(self, session: str, kind: str, **body: Any) -> dict[str, Any]:
        """The answer of an operation that must be accepted."""
        decision = self.ask(session, kind, **body)
        assert isinstance(decision, Accepted), decision
        answer: dict[str, Any] = decision.answer.encode()
        return answer

    def refuse(self, session: str, kind: str, **body: Any) -> FleetError:
        """The error of an operation that must be refused."""
        decision = self.ask(session, kind, **body)
        assert isinstance(decision, Refused), decision
        return decision.error

    def records(self) -> dict[str, bytes | None]:
        return {path: self.view.get(path) for path in self.view.files("")}

    def claims(self, session: str | None = None) -> dict[str, Claim]:
        """The claims that stand, by pattern; no two of them may have the same."""
        found = [item for item in model.everything(self.view) if isinstance(item, Claim)]
        mine = [claim for claim in found if session in {None, claim.session}]
        assert len({claim.pattern for claim in mine}) == len(mine), mine
        return {claim.pattern: claim for claim in mine}

    def session(self, session: str) -> Session:
        found = session_records.find(self.view, session)
        assert found is not None
        return found


def wanted(*paths: str, mode: str = EXCLUSIVE, ttl: int = 2700, **more: Any) -> dict[str, Any]:
    """The body of a `claim.acquire`."""
    rows = [{"pattern": path, "claim": ulid(), "mode": mode} for path in paths]
    return {"paths": rows, "ttl": ttl, **more}


def patterns(records: list[dict[str, Any]]) -> list[str]:
    return [record["pattern"] for record in records]
