"""The audit log with its filters, its verification, and commits held against it."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from gitfleet.base import advice, files
from gitfleet.base.ids import is_name
from gitfleet.base.names import SessionId
from gitfleet.claims import model
from gitfleet.clone import OPERATIONS
from gitfleet.codec import Struct
from gitfleet.errors import Corrupt, FleetError, NoFleet
from gitfleet.ledger import log, replay
from gitfleet.ledger.touched import ALL, LogScope
from gitfleet.patterns.overlap import overlap
from gitfleet.sessions import session_records

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from gitfleet.claims.grant_history import Grants
    from gitfleet.clone import Clone
    from gitfleet.githooks.commit_audit import Audit
    from gitfleet.ledger.commits import Tip
    from gitfleet.ledger.log import Line


class AuditedCommits(Struct):
    """What was `found`, by which `grants`; `cut` are the commits at which the history of this clone ends though it goes on."""

    found: Audit
    grants: Grants
    cut: Collection[str]


def lines(
    clone: Clone, path: str | None, *, session: SessionId | None, kind: str | None, limit: int | None
) -> list[Line]:
    """The operations that are asked for, newest first."""
    tip = _tip(clone)
    meets = None if path is None else meeting(clone, path)
    scope = LogScope(_folder(session), meets, model.ROOT, _pattern)
    found = log.lines(clone.ledger.objects, OPERATIONS, tip, session=session, kind=kind, scope=scope)
    return list(itertools.islice(found, limit))


def audit(clone: Clone, revisions: Sequence[str], since: str | None) -> AuditedCommits:
    """Hold commits against the grants in the ledger."""
    from gitfleet.claims import grant_history  # who reads the log needs none of them
    from gitfleet.githooks import commit_audit
    from gitfleet.githooks import history as commits

    granted = grant_history.read(clone.repository.git, _tip(clone))
    made = commits.walk(clone.repository.here, revisions, since=since)
    found = commit_audit.audit(made, granted, case_sensitive=clone.policy.case_sensitive)
    cut = files.read(os.path.join(clone.repository.common_dir, "shallow")) or b""
    return AuditedCommits(found, granted, cut.decode("ascii", "replace").split())


def between(clone: Clone, generations: range, *, session: str, kind: str) -> Iterator[Line]:
    """The operations of these generations, of a session and of a kind ("": of all), newest first. Raises NoFleet, Corrupt."""
    who = SessionId(session) or None
    scope = LogScope(_folder(who)) if is_name(session) else ALL
    return log.lines(
        clone.ledger.objects, OPERATIONS, _tip(clone), session=who, kind=kind or None, scope=scope,
        generations=generations,
    )  # fmt: skip


def _folder(session: SessionId | None) -> str:
    """Where the records of a session are. Raises BadName."""
    return "" if session is None else session_records.folder(session)


def _pattern(data: bytes, where: str) -> str:
    try:
        return model.parse(data, where).pattern
    except FleetError:
        return ""


def meeting(clone: Clone, path: str) -> Callable[[str], bool]:
    """Whether a pattern of the log meets this path. Raises BadPath, BadPattern."""
    wanted = clone.claims.patterns([path])
    exact = clone.policy.case_sensitive

    def meets(text: str) -> bool:
        try:
            said = model.parsed(text)
        except FleetError:
            return False
        return any(overlap(said, one, case_sensitive=exact) for one in wanted)

    return meets


def verify(clone: Clone, progress: Callable[[int], None]) -> int:
    """Replay everything; how many commits there are. Raises Corrupt."""
    checked, problem = replay.check(clone.ledger.objects, OPERATIONS, _tip(clone), progress=progress)
    if problem is not None:
        raise Corrupt(
            f"Ledger commit {problem.commit} (generation {problem.generation}) does not verify: {problem.words} "
            f"The {checked} commits before it do.",
            hint=f"{advice.DOCTOR} checks whether the hub has the same chain.",
            where=problem.commit,
            generation=problem.generation,
            verified=checked,
        )
    return checked


def _tip(clone: Clone) -> Tip:
    tip = clone.ledger.tip()
    if tip is None:
        raise NoFleet("This clone has no ledger yet.", hint=f"Run {advice.INIT} here.")
    return tip
