"""What became of requests for claims, as rows: granted, released, offered, accepted, broken."""

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from gitfleet.base.names import BranchName, Oid, RepoPath, SessionId
from gitfleet.claims.asking import Claimed, Released
from gitfleet.claims.handover import Broke, Offered, Taken
from gitfleet.claims.retained_claims import LetGone
from gitfleet.fleet.views import records
from gitfleet.fleet.views.claim_rows import HolderRow
from gitfleet.fleet.views.records import ClaimRecord, TicketRecord
from gitfleet.fleet.views.rows import encoded, row_of
from gitfleet.ledger.model import Answer
from gitfleet.telling.remarks import Remarks

if TYPE_CHECKING:
    from gitfleet.claims.waiting import Waited

OutcomeWord = Literal["tentative", "confirmed"]


class HowFar(TypedDict):
    """How far an operation came."""

    outcome: OutcomeWord
    """`confirmed`: the hub has it, by its own word, or there was nothing to do; `tentative`: not there yet."""
    generation: int
    """The ledger generation that carries it; -1 while tentative, and where there was nothing to do."""


class DecidedOperation(HowFar):
    """How far an operation came, and which it was."""

    commit: Oid
    """The ledger commit that carries it; empty while tentative, and where there was nothing to do."""
    operation: str
    """Its id; empty where there was nothing to do."""
    session: SessionId
    hub_error: NotRequired[str]
    """While tentative: why the hub did not answer."""


class BehindRow(TypedDict):
    """Claimed paths of which a branch of the hub has newer versions than this worktree's HEAD: merge first."""

    pattern: str
    files: list[RepoPath]
    """Those that it matches and that differ; the first of them, if they are many. Empty where the commit is not here."""
    branch: BranchName
    """The trunk; or, with `session`, where the last holder has pushed what has not landed."""
    commit: Oid
    """Where that branch is."""
    session: SessionId


class HotRow(TypedDict):
    """A claimed path over which branches conflict often."""

    path: RepoPath
    conflicts: int
    """Within 30 days, as the radar of this clone has seen them."""


class RemarksRow(TypedDict):
    """What to know of claims that were granted just now."""

    absent: list[str]
    """Granted, and no such path yet: nothing in a worktree of this clone or on a branch that it knows."""
    behind: list[BehindRow]
    by_name: list[str]
    """Granted with `[…]`, which is read as a name and as a class: both are claimed."""
    hot: list[HotRow]
    """Paths of the claims over which branches conflict often."""


class ClaimAnswer(DecidedOperation, RemarksRow):
    """`claim`."""

    granted: list[ClaimRecord]
    already_held: list[ClaimRecord]
    """What the session held before; renewed."""
    refused: list[HolderRow]
    """With `--partial`: what was not granted."""
    taken_over: list[ClaimRecord]
    """Lapsed claims of others that were replaced."""
    served: NotRequired[list[ClaimRecord]]
    """What thereby went to others who had waited for it."""
    ticket: NotRequired[TicketRecord | None]
    """Always null here: only `--wait` stands in line."""


class WaitAnswer(RemarksRow):
    """`claim --wait`. Once all is granted; before, it is the error `queued`, with `ticket` and `blocked_by`."""

    session: SessionId
    outcome: Literal["granted", "tentative"]
    granted: list[ClaimRecord]
    already_held: list[ClaimRecord]


class ReleaseAnswer(DecidedOperation):
    """`release`."""

    released: list[ClaimRecord]
    not_held: list[str]
    """What was named and nobody holds."""
    branch: NotRequired[str]
    """With `--branch`: the branch that retained it."""
    retained: NotRequired[list[ClaimRecord]]
    """With `--branch`: what other branches or worktrees still retain."""
    served: NotRequired[list[ClaimRecord]]
    """What thereby went to others who had waited for it."""


class TellAnswer(TypedDict):
    """`tell`."""

    session: SessionId
    to: SessionId
    text: str
    message: str
    """Its id, by which it can be checked."""


class OfferAnswer(TypedDict):
    """`offer`."""

    session: SessionId
    to: SessionId
    offered: list[ClaimRecord]


class AcceptAnswer(TypedDict):
    """`accept`."""

    session: SessionId
    taken: list[ClaimRecord]
    behind: list[BehindRow]
    served: NotRequired[list[ClaimRecord]]
    """What thereby went to others who had waited for it."""


class BreakAnswer(TypedDict):
    """`break`."""

    session: SessionId
    reason: str
    broken: list[ClaimRecord]
    """As they were."""
    served: NotRequired[list[ClaimRecord]]
    """What thereby went to others who had waited for it."""


def how_far(answer: Answer) -> HowFar:
    """How far an operation came."""
    return {"outcome": "tentative" if answer.tentative else "confirmed", "generation": answer.generation}


def claimed(session: SessionId, answer: Claimed, said: Remarks) -> ClaimAnswer:
    """What `Claims.claim` came to."""
    return encoded(ClaimAnswer, answer, **_decided(session, answer), **remarks(said))


def waited(session: SessionId, got: "Waited", said: Remarks) -> WaitAnswer:
    """What `Claims.wait` came to."""
    return {
        "session": session,
        "outcome": "tentative" if got.tentative else "granted",
        "granted": records.claims(got.granted),
        "already_held": records.claims(got.already_held),
        **remarks(said),
    }


def released(session: SessionId, answer: Released | LetGone) -> ReleaseAnswer:
    """What `Claims.release` or `Claims.let_go` came to."""
    return encoded(ReleaseAnswer, answer, not_held=[], **_decided(session, answer))


def offered(session: SessionId, answer: Offered) -> OfferAnswer:
    """What `Claims.offer` came to."""
    return {"session": session, "to": answer.to, "offered": records.claims(answer.offered)}


def accepted(session: SessionId, answer: Taken, said: Remarks) -> AcceptAnswer:
    """What `Claims.accept` came to."""
    return {
        "session": session,
        "taken": records.claims(answer.taken),
        "behind": remarks(said)["behind"],
        "served": records.claims(answer.served),
    }


def broken(session: SessionId, answer: Broke) -> BreakAnswer:
    """What `Claims.break_` came to."""
    return encoded(BreakAnswer, answer, session=session)


def remarks(said: Remarks) -> RemarksRow:
    """What to know of claims that were granted just now."""
    hot: list[HotRow] = [{"path": RepoPath(path), "conflicts": times} for path, times in said.hot]
    return row_of(RemarksRow, said, behind=[row_of(BehindRow, item) for item in said.behind], hot=hot)


def _decided(session: SessionId, answer: Answer) -> DecidedOperation:
    decided: DecidedOperation = {
        "outcome": how_far(answer)["outcome"],
        "generation": answer.generation,
        "commit": answer.commit,
        "operation": answer.receipt.operation,
        "session": session,
    }
    if answer.tentative:
        decided["hub_error"] = answer.receipt.hub_error
    return decided
