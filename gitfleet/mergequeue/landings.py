"""How the queue changes when entries land. Pure.

`queue.land` is the only way onto the target: it moves the branch and the ledger in one push (`ledger.moves`), and with them all that a
landing means. It is decided on the ledger that it is pushed onto, so what was dropped, held or paused a moment before does not land.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.base import advice
from gitfleet.base.ids import is_name
from gitfleet.base.names import BranchName, Oid, RefName
from gitfleet.base.text import display, one_line
from gitfleet.claims import keepers, waiting_line
from gitfleet.claims.model import Claim, drop, left, of_keeper, of_session, patterns
from gitfleet.codec import Struct, replace
from gitfleet.errors import EntryMoved, PolicyRefused, UsageError
from gitfleet.ledger.model import Accepted, Changes, Move, Operation, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation
from gitfleet.ledger.overlay import Overlay
from gitfleet.mergequeue import model, states, transitions, vouching
from gitfleet.mergequeue.model import LandingNote, QueueEntry, QueueState
from gitfleet.mergequeue.requests import EntriesLanded, EntryLanding, Land, Proof, Reconcile
from gitfleet.mergequeue.states import Verb
from gitfleet.mergequeue.transitions import moved
from gitfleet.mergequeue.trials import check_pause
from gitfleet.sessions import inbox, session_records


def _patterns(_: Struct, answer: EntriesLanded | None) -> list[str] | None:
    return patterns(answer.released if answer else None)


@operation("queue.land", body=Land, answer=EntriesLanded, actors=BY_NODES, paths=_patterns, moves=True)
def land(view: View, operation: Operation, body: Land, generation: int) -> Decision[EntriesLanded]:
    """`queue.land`: the target moves from `base` to `commit`, and the entries have landed.

    Their claims are released, the waiting line is served, their sessions are told. Refused: with EntryMoved when an entry is not live, is
    held, has another head or comes after one that has not landed; with PolicyRefused when the queue is paused or frozen for it, or a verdict
    that its gate demands is missing; with RefMoved when the target is not at `base`.
    """
    if len({one.id for one in body.entries}) < len(body.entries):
        raise UsageError("An entry lands once.")
    found = [transitions.pinned(view, one.pin, "land") for one in body.entries]
    check_ready(view, body.target, found, body.proof)
    decision = _landed(view, operation, "land", found, body.entries, generation)
    note = LandingNote(body.base, body.commit, operation.at, len(body.entries), 0, body.seconds)
    state = _noted(view, decision, [note], body.window)
    move = Move(RefName(f"refs/heads/{body.target}"), body.commit, body.base)
    return replace(decision, changes={**decision.changes, model.STATE_FILE: state.as_bytes()}, moves=(move,))


def check_ready(view: View, target: BranchName, found: Sequence[QueueEntry], proof: Proof) -> None:
    """Raise unless entries may land on the target now, in this order: see `land`."""
    for entry in found:
        if entry.target != target:
            raise UsageError(
                f"{display(entry.branch)} is to land on {display(entry.target)}, not on {display(target)}."
            )
    _check_needs(view, found)
    check_pause(view, found, modes=("paused", "frozen"))
    lacking = vouching.missing(view, proof)
    if lacking:
        words = f"What is to land on {display(target)} lacks {len(lacking)} of the verdicts that its gate demands."
        raise PolicyRefused(words, hint=f"Have it tested: {advice.QUEUE_PROCESS}.")


def _check_needs(view: View, landing: Sequence[QueueEntry]) -> None:
    """Raise EntryMoved unless all that each entry needs has landed, or lands before it."""
    before: set[str] = set()
    for entry in landing:
        for need in entry.needs:
            below = model.find(view, need)
            if need not in before and (below is None or below.state != states.LANDED):
                name = display(below.branch) if below else need
                words = f"{display(entry.branch)} comes after {name}, which has not landed."
                raise EntryMoved(
                    words, hint=f"See {advice.QUEUE_WHY.of(need)}.", entry=entry.id, state=entry.state
                )
        before.add(entry.id)


def _noted(
    view: View, decision: Accepted[EntriesLanded], notes: Sequence[LandingNote], window: int = 0
) -> QueueState:
    """The state of the queue with these landings among the last ones."""
    data = decision.changes[model.STATE_FILE]
    assert data is not None
    state = model.parse_queue(data)
    runs = state.counts.get("runs", 0)
    since = runs - state.counts.get("runs at last landing", 0)
    new = (replace(notes[0], runs=since), *notes[1:])
    count = state.counts.get("landings", 0) + len(notes)
    counts = {**state.counts, "landings": count, "runs at last landing": runs}
    last = (*state.landings, *new)[-model.RECENT :]
    return replace(state, counts=counts, window=window or state.window, landings=last)


@operation("queue.reconcile", body=Reconcile, answer=EntriesLanded, actors=BY_NODES, paths=_patterns)
def reconcile(view: View, operation: Operation, body: Reconcile, generation: int) -> Decision[EntriesLanded]:
    """`queue.reconcile`: the target has these entries already, whatever the queue thought of them. All of it, or nothing (EntryMoved).

    What the host was handed, and has landed as that was tested, is a landing of the queue.
    """
    found = [transitions.pinned(view, one.pin, "reconcile") for one in body.entries]
    decision = _landed(view, operation, "reconcile", found, body.entries, generation)
    notes = [
        LandingNote(one.before, one.commit, operation.at, 1, 0, 0)
        for entry, one in zip(found, body.entries, strict=True)
        if entry.reason == "host" and one.before
    ]
    if not notes:
        return decision
    changes = {**decision.changes, model.STATE_FILE: _noted(view, decision, notes).as_bytes()}
    return replace(decision, changes=changes)


def _landed(
    view: View,
    operation: Operation,
    verb: Verb,
    found: Sequence[QueueEntry],
    landing: Sequence[EntryLanding],
    generation: int,
) -> Accepted[EntriesLanded]:
    after = [
        moved(entry, verb, states.LANDED, operation, landed=one.commit, before=one.before, **_why(verb, entry))
        for entry, one in zip(found, landing, strict=True)
    ]  # fmt: skip
    changes = transitions.finish(view, *after)
    released: list[Claim] = []
    retained: list[Claim] = []
    for number, (entry, one) in enumerate(zip(after, landing, strict=True)):
        gone, stay, freed = _let_go(Overlay(view, changes), entry, {entry.head, *one.heads}, operation)
        changes |= freed
        released += gone
        retained += stay
        changes |= inbox.post(
            Overlay(view, changes), entry.session, _words(entry, gone), operation, number=number
        )
    changes, served = waiting_line.serve(view, changes, generation, operation.at)
    answer = EntriesLanded(tuple(after), tuple(released), tuple(retained), tuple(served))
    what = ", ".join(entry.name for entry in after)
    subject = (
        f"{what} {'lands' if len(after) == 1 else 'land'} on {after[0].target}{waiting_line.given(served)}"
    )
    return Accepted(changes, answer, one_line(subject))


def _why(verb: Verb, entry: QueueEntry) -> dict[str, object]:
    """The reason and the evidence of an entry that lands."""
    if verb == "land" or entry.reason == "host":
        return {"reason": "landed"}
    if entry.recalled:
        words = f"it was {entry.state}" + (f" ({entry.evidence.words})" if entry.evidence.words else "")
        return {"reason": "landed-by-host", "evidence": replace(entry.evidence, words=words)}
    return {"reason": "landed-elsewhere"}


def _words(entry: QueueEntry, gone: Sequence[Claim]) -> str:
    mine = ", ".join(claim.pattern for claim in gone if claim.session == entry.session)
    freed = f" Your claims on {mine} are released." if mine else ""
    return f"Your branch {entry.branch} has landed on {entry.target} as {entry.landed[:12]}.{freed}"


def _let_go(
    view: View, entry: QueueEntry, heads: set[Oid], operation: Operation
) -> tuple[list[Claim], list[Claim], Changes]:
    """The claims that go with a landed branch: those that stayed with it, and those of its session that it was made under.

    What stays with another branch, with a worktree, or with an entry that has yet to land, stays. Answers those that went, those that stay, and the changes.
    """
    changes: Changes = {}
    gone: list[Claim] = []
    stay: list[Claim] = []
    for claim in _concerned(view, entry, heads):
        keeping = tuple(k for k in claim.retained if not (k.branch == entry.branch and k.head in heads))
        after = replace(claim, retained=keeping)
        if keeping:
            stay.append(after)
            changes |= left(view, claim, after)
        else:
            gone.append(claim)
            changes |= drop(view, operation.at, claim, unlanded=False)
    return gone, stay, changes


def _concerned(view: View, entry: QueueEntry, heads: set[Oid]) -> list[Claim]:
    found: dict[str, Claim] = {}
    name = keepers.Keeper(branch=entry.branch, head=entry.head).name
    for claim in of_keeper(view, name):
        if isinstance(claim, Claim) and any(
            k.branch == entry.branch and k.head in heads for k in claim.retained
        ):
            found[claim.id] = claim
    if is_name(entry.session) and session_records.find(view, entry.session) is not None:
        kept = {
            claim for other in model.readable(view) for claim in other.claims
        }  # what has landed is there no more
        wanted = set(entry.claims) - kept
        for claim in of_session(view, entry.session):
            if isinstance(claim, Claim) and claim.id in wanted:
                found[claim.id] = claim
    return list(found.values())


KINDS = (land, reconcile)
