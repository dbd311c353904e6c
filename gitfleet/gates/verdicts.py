"""How a run's verdict gets into the ledger. Pure."""

from __future__ import annotations

from gitfleet.base.names import Oid
from gitfleet.base.text import display, one_line
from gitfleet.codec import FLAG, WHOLE, Choice, Many, Maybe, One, Struct, Text, field, replace
from gitfleet.gates import leases, model
from gitfleet.gates.model import (
    FAILED,
    INDETERMINATE,
    LINES,
    MOST_IN_SHARD,
    MOST_LINES,
    MOST_SECONDS,
    PASSED,
    TAIL_LINES,
    TAIL_WIDTH,
    VERDICTS,
    GateHistory,
    GateOutcome,
    GateResult,
    GateSubject,
    Publisher,
    Verdict,
)
from gitfleet.ledger.model import NODE, PERSON, SESSION, Accepted, Answer, Changes, Operation, View
from gitfleet.ledger.operations import Decision, operation


class PublishVerdict(Struct):
    """How a run ended (see `GateOutcome`): of which subject, and at which commit and tree it was made. `lease` has ended with it."""

    subject: GateSubject = field(One(GateSubject))
    result: GateResult = field(Choice[GateResult](PASSED, FAILED, INDETERMINATE))
    by: Publisher = field(model.PUBLISHER)
    commit: Oid = field(model.GATE_OID, default=Oid(""), omit=True)
    tree: Oid = field(model.GATE_OID, default=Oid(""), omit=True)
    seconds: int = field(WHOLE, default=0)
    code: int | None = field(Maybe(WHOLE), default=None, omit=True)
    reason: str = field(Text[str](2000), default="", omit=True)
    tail: tuple[str, ...] = field(Many(Text[str](TAIL_WIDTH), most=TAIL_LINES), default=(), omit=True)
    log: str = field(Text[str](200), default="", omit=True)
    lease: str = field(Text[str](26), default="", omit=True)


class VerdictPublished(Answer):
    """The key of the verdict, and whether the gate has by now said both of the same subject."""

    key: str = field(Text[str](64))
    flaky: bool = field(FLAG, default=False)


@operation("gate.verdict", body=PublishVerdict, answer=VerdictPublished, actors=(SESSION, PERSON, NODE))
def publish(
    view: View, operation: Operation, body: PublishVerdict, generation: int
) -> Decision[VerdictPublished]:
    """`gate.verdict`: what a gate has said of a tree. Raises PolicyRefused for a session that would be CI or a processor."""
    leases.demand_own_name(operation, body.by)
    subject = body.subject
    key = subject.key
    before = model.verdict(view, key)
    outcome = _outcome(operation, body, before)
    verdict = (before or Verdict(subject, ())).with_outcome(outcome, generation)
    results = {one.result for one in verdict.outcomes}
    flaky = {PASSED, FAILED} <= results
    newly = flaky and not (before and {PASSED, FAILED} <= {one.result for one in before.outcomes})
    changes = _filed(view, subject, verdict, newly=newly, generation=generation)
    changes |= leases.ended(view, operation, body.lease)
    name = f" ({display(subject.part)})" if subject.part else ""
    words = f"gate{name} {body.result} on tree {body.tree[:12] or '?'}, run by {body.by}"
    return Accepted(changes, VerdictPublished(key, flaky), one_line(words))


def _outcome(operation: Operation, body: PublishVerdict, before: Verdict | None) -> GateOutcome:
    same = (
        [one.times for one in before.outcomes if (one.by, one.result) == (body.by, body.result)]
        if before
        else []
    )
    return GateOutcome(
        body.result,
        body.by,
        operation.node,
        operation.at,
        session=operation.session,
        commit=body.commit,
        tree=body.tree,
        seconds=max(0, min(body.seconds, 10**7)),
        code=body.code,
        reason=body.reason[:300],
        tail=body.tail,
        log=body.log,
        times=sum(same) + 1,
    )


def _filed(view: View, subject: GateSubject, verdict: Verdict, *, newly: bool, generation: int) -> Changes:
    """The changes that file a verdict and count it for its command, and let go what there is no more room for."""
    key, line = subject.key, subject.line
    where = model.verdict_path(key)
    changes: Changes = {}
    if view.get(where) is None:
        shard = f"{VERDICTS}/{key[:2]}"
        changes |= dict.fromkeys(model.oldest(view, Verdict, shard, MOST_IN_SHARD), None)
    changes[where] = verdict.as_bytes()
    before = model.history(view, line)
    if before is None:
        before = GateHistory(subject.command, subject.part, subject.environment)
        changes |= dict.fromkeys(model.oldest(view, GateHistory, LINES, MOST_LINES), None)
    changes[model.history_path(line)] = _counted(before, verdict.outcomes[-1], newly, generation).as_bytes()
    return changes


def _counted(before: GateHistory, new: GateOutcome, flaky: bool, generation: int) -> GateHistory:
    ended = () if new.result == INDETERMINATE else (new.seconds,)
    return replace(
        before,
        seconds=(*before.seconds, *ended)[-MOST_SECONDS:],
        passed=before.passed + (new.result == PASSED),
        failed=before.failed + (new.result == FAILED),
        indeterminate=before.indeterminate + (new.result == INDETERMINATE),
        flaky=before.flaky + flaky,
        generation=generation,
    )


KINDS = (publish, *leases.KINDS)
