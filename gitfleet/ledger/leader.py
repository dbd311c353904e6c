"""The turn of the process that holds the node's lock: everything in the outbox becomes one commit.

Decide every operation on the last verified state, write one commit, publish it by compare-and-swap: if the hub takes it,
that state was the newest, and all that was decided on it holds, each no as well as each yes. Nothing accepted, or the
push lost: fetch and decide *everything* anew; a commit that was decided on an old state is never rebased or merged. No
answer: look on the hub for our own operation ids before anything is decided again. No hub: what is decided on the last
verified state is tentative, stays in the outbox, and is decided again when the hub answers.

A crash at any line leaves each operation in the outbox, on the hub, or both; the next turn tells which.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

from gitfleet.base import clock
from gitfleet.codec import Struct, replace
from gitfleet.errors import UNCHANGED, FleetError, HubUnreachable, LocalStorage, NewerFormat
from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git
from gitfleet.git.push_answer import Push, PushAnswer
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger import commits, format, moves
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.contention import Contention
from gitfleet.ledger.hub import Hub, carriers
from gitfleet.ledger.model import Accepted, Answer, Move, Operation, Result, Status
from gitfleet.ledger.notices import LOST, Notices
from gitfleet.ledger.operations import Registry
from gitfleet.ledger.outbox import Outbox

MAX_BATCH = 500


class Decided(Struct):
    """One batch decided on one state: the operations that change it, and the results of those that may not."""

    tree: Snapshot
    accepted: list[tuple[Operation, Accepted[Answer]]]
    refused: list[Result]


class Leader:
    """What one node does with its outbox. Every method needs the node's lock."""

    def __init__(  # noqa: PLR0913 - all that a turn touches, each by name, so that nothing is reached for
        self,
        *,
        git: Git,
        objects: Objects,
        hub: Hub,
        outbox: Outbox,
        notices: Notices,
        contention: Contention,
        kinds: Registry,
        node: str,
    ) -> None:
        self._git = git
        self._objects = objects
        self._hub = hub
        self._outbox = outbox
        self._notices = notices
        self._kinds = kinds
        self._node = node
        self._contention = contention
        self._own: frozenset[str] = frozenset()
        self._left: set[str] = set()
        self._stuck = False
        self._broke = False
        self._look = False
        self._undo: Callable[[], None] | None = None
        """Forgets the last push, which the hub said that it did not take, as soon as its ledger shows the same."""
        self._guessed = ""
        self.met = False
        """Whether the hub has answered: the last verified state was the newest a moment ago."""
        self.results: dict[str, Result] = {}
        self.trouble: FleetError | None = None

    def turn(self, deadline: float, own: Collection[str] = ()) -> None:
        """Bring the outbox to the hub. Returns when it is empty, tentative, or failed; `results` say which, `trouble` why.

        `own` are the ids of the caller's operations: as soon as they are decided it returns, and whoever waits for
        more leads next. What only a newer gitfleet can decide is left in the outbox for it, unless it is `own`.
        """
        self._own = frozenset(own)
        self._contention.enter()
        while batch := self._batch():
            try:
                self._attempt(batch, deadline)
            except HubUnreachable as error:
                self.trouble = error
                self._tentatively(batch, error)
                return
            except FleetError as error:
                self.trouble = error
                self._give_up(batch, error)
                return
            if self._own and self._own <= self.results.keys():
                return

    def _batch(self) -> list[Operation]:
        if self._stuck:
            return []
        return [operation for operation in self._outbox.take() if operation.id not in self._left][:MAX_BATCH]

    def reconcile(self, beside: Sequence[str] = ()) -> Tip:
        """Fetch, the refspecs `beside` the ledger too, and settle what an earlier crash left open. Raises the hub's errors."""
        tip = self._fetch(beside)
        self._without_landed(self._outbox.take(), tip)
        return tip

    def _attempt(self, batch: Sequence[Operation], deadline: float) -> None:
        """Decide and publish, once: on the last verified state, or on what a fetch brings if that did not do."""
        guess = None if self._look or moves.asks_first(self._kinds, batch) else self._hub.known()
        tip = guess or self._fetch()
        if guess is not None:
            self._guessed = guess.oid
        elif self._guessed not in {"", tip.oid}:
            self._contention.met_others()
        self._look = False
        if not (batch := self._without_landed(batch, tip)):
            return
        decided = self._decide(moves.together(self._kinds, batch), tip)
        if not decided.accepted:
            self._look = guess is not None  # whoever is in the way may have let go since
            if not self._look:
                self._settle(decided, None)
            return
        commit = self._write(decided, tip)
        moving = moves.of(decided.accepted)
        answer = self._publish(decided, commit, moving)
        if answer is None:
            return
        if answer.outcome is Push.DONE:
            self._done(decided, commit)
            return
        self._look = True
        failed = answer.outcome is Push.UNKNOWN or (answer.outcome is Push.LOST and guess is None)
        error = self._again(tip, answer, moving, deadline, raced=guess is None) if failed else None
        if error and moving and answer.outcome is Push.LOST:
            self._without_landed(batch, self._fetch())
            self._give_up_alone(decided, error)
        elif error:
            raise error

    def _fetch(self, beside: Sequence[str] = ()) -> Tip:
        tip = self._hub.fetch(beside)
        self.met = True
        return tip

    def _publish(self, decided: Decided, commit: Tip, moving: Sequence[Move]) -> PushAnswer | None:
        """Push, with a note of what this may bring there for as long as it may. None: its one operation, which was to move refs, has ended.

        Raises what makes another attempt useless, when it is certain that this one did nothing.
        """
        ids = [operation.id for operation, _ in decided.accepted]
        if missing := moves.check(self._objects, moving):
            self._refuse(decided, missing)
            return None
        self._undo = None
        before = self._outbox.begin_attempt(commit.parent or "", ids)
        try:
            answer = self._hub.publish(commit, moving)
        except FleetError as error:
            self._outbox.undo_attempt(before)
            if not moving:
                raise
            self._give_up_alone(decided, error)
            return None
        refused = moves.verdict(self._hub.name, moving, answer)
        if refused or answer.unsent or answer.outcome in {Push.REFUSED, Push.BROKEN}:
            self._outbox.undo_attempt(before)
        if refused:
            self.met = True
            self._refuse(decided, refused.error)
            return None
        if answer.outcome is Push.REFUSED or (answer.outcome is Push.BROKEN and self._broke):
            from gitfleet.git import answers  # only who is refused pays for it

            no = answers.of_no(answer, self._hub.name, self._git.git_dir)
            if not moving:
                raise no
            self.met |= answer.outcome is Push.REFUSED
            self._give_up_alone(decided, no)
            return None
        self._broke |= answer.outcome is Push.BROKEN  # what was only written just now is written once more
        self._undo = partial(self._outbox.undo_attempt, before) if answer.rejected else None
        return answer

    def _refuse(self, decided: Decided, error: FleetError) -> None:
        """End a transaction of one operation, which moves refs and cannot."""
        rest = [Result(operation.id, Status.REFUSED, error=error) for operation, _ in decided.accepted]
        self._settle(replace(decided, accepted=[], refused=[*rest, *decided.refused]), None)

    def _give_up_alone(self, decided: Decided, error: FleetError) -> None:
        """End a transaction of one operation, which moves refs: it was not carried out, and the others in hand go on."""
        operations = [operation for operation, _ in decided.accepted]
        self._left |= {operation.id for operation in operations}
        self._give_up(operations, error)
        if any(self._outbox.is_tentative(operation) for operation in operations):
            self.trouble = error

    def _done(self, decided: Decided, commit: Tip) -> None:
        self.met = True
        self._settle(decided, commit)
        if not self._stuck:
            self._outbox.end_attempt()
        self._contention.published()

    def _again(
        self, tip: Tip, answer: PushAnswer, moving: Sequence[Move], deadline: float, *, raced: bool
    ) -> FleetError | None:
        """Before another attempt: wait, where it was `raced` for; why there is none when there is no time for it."""
        if raced:
            self._contention.lost(tip.oid)
        held = bool(moving) and answer.refs.get(fleetrefs.COORD) is Push.HELD  # it is about another ref, then
        if clock.elapsed() > deadline or (held and self._contention.is_stuck):
            if not self._hub.name:
                self._outbox.end_attempt()
                return refs.locked(self._git, *(move.ref for move in moving), fleetrefs.COORD)
            from gitfleet.git import answers  # as above

            words = "" if held else self._contention.words(lost=answer.outcome is Push.LOST)
            return answers.hub_error(self._hub.name, words + answer.output, what="write to", refused=False)
        if raced:
            self._contention.wait()
        return None

    def _decide(self, batch: Sequence[Operation], tip: Tip) -> Decided:
        tree = Snapshot(self._objects, tip.tree)
        format.check(tree, writing=True)
        accepted, refused = [], []
        for operation in batch:
            decision = self._kinds.apply(tree, operation, tip.generation + 1)
            if isinstance(decision, Accepted):
                accepted.append((operation, decision))
            elif not self._leave(operation, decision.error):
                refused.append(Result(operation.id, Status.REFUSED, error=decision.error))
        return Decided(tree, accepted, refused)

    def _leave(self, operation: Operation, error: FleetError) -> bool:
        """Whether an operation stays in the outbox, for a newer gitfleet that can decide it."""
        if not isinstance(error, NewerFormat) or operation.id in self._own:
            return False
        self._left.add(operation.id)
        self._outbox.warnings.append(f"operation {operation.id} stays in the outbox: {error.message}")
        return True

    def _write(self, decided: Decided, tip: Tip) -> Tip:
        operations = [operation for operation, _ in decided.accepted]
        subjects = [decision.subject for _, decision in decided.accepted]
        return commits.write(
            self._objects, decided.tree, tip, operations, subjects, node=self._node, at=clock.now()
        )

    def _settle(self, decided: Decided, commit: Tip | None) -> None:
        for operation, decision in decided.accepted:
            assert commit is not None
            less = bool(decision.lacking) and self._outbox.was_whole(operation)
            self._finish(
                operation.id,
                Result(operation.id, Status.CONFIRMED, decision.answer, None, commit.oid, commit.generation),
                lost=operation if less else None,
                why=decision.lacking,
            )
        told = {operation.id: operation for operation in self._outbox.tentative()} if decided.refused else {}
        for result in decided.refused:
            assert result.error is not None
            why = f"{result.error.message} {result.error.hint}".strip()
            self._finish(result.operation, result, lost=told.get(result.operation), why=why)

    def _without_landed(self, batch: Sequence[Operation], tip: Tip) -> list[Operation]:
        """What of `batch` is not in the chain yet, where an earlier push may have brought it there unseen."""
        attempt = self._outbox.attempt()
        if attempt is None or attempt.base == tip.oid:
            # The note stays: a push from here that its leader did not survive may still land.
            if self._undo is not None:
                self._undo()
            return list(batch)
        landed = carriers(self._objects, {operation.id for operation in batch}, tip, attempt.base)
        for operation in batch:
            if operation.id in landed:
                found = landed[operation.id]
                self._finish(
                    operation.id,
                    Result(
                        operation.id,
                        Status.CONFIRMED,
                        self._answer(operation, found),
                        None,
                        found.oid,
                        found.generation,
                    ),
                )
        if not self._stuck:
            self._outbox.end_attempt()
        return [operation for operation in batch if operation.id not in landed]

    def _answer(self, operation: Operation, landed: Tip) -> Answer:
        """The answer that `operation` had when it landed: its transaction, decided again on its parent."""
        parent = commits.read(self._objects, landed.parent or "")
        tree = Snapshot(self._objects, parent.tree)
        for earlier in commits.transaction(self._objects, landed).operations(landed.oid):
            decision = self._kinds.apply(tree, earlier, landed.generation)
            if isinstance(decision, Accepted) and earlier.id == operation.id:
                answer: Answer = decision.answer
                return answer
        return Answer()  # which cannot be: it is in there, and was accepted

    def _tentatively(self, batch: Sequence[Operation], error: FleetError) -> None:
        """Decide on the last verified state. Yes is tentative, no is no: it was taken before the hub went away."""
        tip = self._hub.known()
        if tip is None:
            self._outbox.end_attempt()
            self._give_up(batch, error)
            return
        tree = Snapshot(self._objects, tip.tree)
        unsure = self._unsure()
        kept: list[Operation] = []
        undecided = [operation for operation in batch if operation.id not in self.results]
        for operation in sorted(undecided, key=lambda operation: operation.id not in unsure):
            decision = self._kinds.apply(tree, operation, tip.generation + 1)
            if isinstance(decision, Accepted):
                if operation.id not in unsure and not moves.may_be_tentative(self._kinds, operation):
                    self._finish(operation.id, Result(operation.id, Status.FAILED, error=error))
                    continue
                whole = not decision.lacking
                result = Result(operation.id, Status.TENTATIVE, decision.answer, hub_error=error.message)
                if self._keep(operation, result, unsure=operation.id in unsure, whole=whole):
                    kept.append(operation)
                    continue
                tree = Snapshot(self._objects, tip.tree)  # without what could not be kept
                for earlier in kept:
                    self._kinds.apply(tree, earlier, tip.generation + 1)
            elif not (
                operation.id in unsure
                or self._outbox.is_tentative(operation)
                or self._leave(operation, decision.error)
            ):
                self._finish(operation.id, Result(operation.id, Status.REFUSED, error=decision.error))

    def _keep(self, operation: Operation, result: Result, *, unsure: bool, whole: bool) -> bool:
        """Keep an operation as tentative and tell its caller, once. False when there is no room for that: it has failed.

        One that may have landed never fails: it stays in hand, where the next turn looks for it.
        """
        try:
            if not self._outbox.is_tentative(operation):
                self._outbox.keep_tentative(operation, whole=whole)
                self.results[operation.id] = result
                self._outbox.tell(result)
        except LocalStorage as error:
            self._stuck = True
            if not unsure and not self._outbox.is_tentative(operation):
                self._finish(operation.id, Result(operation.id, Status.FAILED, error=error))
                return False
        self.results[operation.id] = result
        return True

    def _unsure(self) -> frozenset[str]:
        """The operations that a push may have brought to the hub without our knowing."""
        return attempt.operations if (attempt := self._outbox.attempt()) else frozenset()

    def _report_lost(self, operation: Operation, result: Result, why: str) -> None:
        became = "was granted only in part" if result.ok else "was refused"
        text = (
            f"Lost: '{operation.kind}' was accepted tentatively while the hub was out of reach, and {became} "
            f"when it came back. {why}"
        )
        self._notices.leave(operation.session, text, kind=LOST, about=operation.id)

    def _give_up(self, batch: Sequence[Operation], error: FleetError) -> None:
        """Tell callers that nothing was decided. What was accepted tentatively, or may have landed, stays."""
        unsure = self._unsure()
        kept = []
        for operation in batch:
            if operation.id in unsure or self._outbox.is_tentative(operation):
                kept.append(operation)
            elif operation.id not in self.results and not self._leave(operation, error):
                error.unharmed = error.unharmed or UNCHANGED
                self._finish(operation.id, Result(operation.id, Status.FAILED, error=error))
        if any(operation.id in unsure and operation.id not in self.results for operation in kept):
            self._tentatively(kept, error)

    def _finish(
        self, operation_id: str, result: Result, *, lost: Operation | None = None, why: str = ""
    ) -> None:
        """Let an operation go and tell its caller; `lost` is one whose session believes that it holds, `why` it does not.

        Where there is no room to tell, the operation stays in hand and the turn ends: the next one finds it again.
        """
        self.results[operation_id] = result
        try:
            if lost is not None:
                self._report_lost(lost, result, why)
            self._outbox.finish(result)
        except LocalStorage:
            self._stuck = True
