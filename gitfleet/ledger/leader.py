"""The turn of the process that holds the node's lock: everything in the outbox becomes one commit.

Fetch, decide every operation on the newest state, write one commit, publish it by compare-and-swap. Lost the race:
fetch and decide *everything* anew; a commit that was decided on an old state is never rebased or merged. No answer:
look on the hub for our own operation ids before anything is decided again. No hub: what is decided on the last
verified state is tentative, stays in the outbox, and is decided again when the hub answers.

A crash at any line leaves each operation in the outbox, on the hub, or both; the next turn tells which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import clock
from gitfleet.errors import FleetError, HubRefused, HubUnreachable, InternalError, NewerFormat
from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git
from gitfleet.git.remote import Push, hub_error
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger import commits, format
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.contention import Contention
from gitfleet.ledger.hub import Hub, links
from gitfleet.ledger.model import Accepted, Operation, Refused, Result, Rule, Status
from gitfleet.ledger.notices import Notices
from gitfleet.ledger.outbox import Outbox

MAX_BATCH = 500


class Decided(NamedTuple):
    """One batch decided on one state: the operations that change it, and the results of those that may not."""

    tree: Snapshot
    accepted: list[tuple[Operation, Accepted]]
    refused: list[Result]


class Leader:
    """What one node does with its outbox. Every method needs the node's lock."""

    def __init__(
        self,
        *,
        git: Git,
        objects: Objects,
        hub: Hub,
        outbox: Outbox,
        notices: Notices,
        contention: Contention,
        rules: Mapping[str, Rule],
        node: str,
    ) -> None:
        self._git = git
        self._objects = objects
        self._hub = hub
        self._outbox = outbox
        self._notices = notices
        self._rules = rules
        self._node = node
        self._contention = contention
        self.results: dict[str, Result] = {}

    def turn(self, deadline: float) -> None:
        """Bring the outbox to the hub. Returns when it is empty, tentative, or failed; `results` say which."""
        self._contention.enter()
        while batch := self._outbox.take()[:MAX_BATCH]:
            try:
                more = self._attempt(batch, deadline)
            except HubUnreachable as error:
                self._tentatively(batch, error)
                return
            except FleetError as error:
                self._give_up(batch, error)
                return
            if not more:
                return

    def reconcile(self) -> Tip:
        """Fetch, and settle what an earlier crash left open. Raises the hub's errors."""
        tip = self._hub.fetch()
        self._without_landed(self._outbox.take(), tip)
        return tip

    def _attempt(self, batch: Sequence[Operation], deadline: float) -> bool:
        """Fetch, decide, publish, once. Answers whether the outbox wants another look."""
        tip = self._hub.fetch()
        batch = self._without_landed(batch, tip)
        if not batch:
            return False
        outcome, output = self._round(batch, tip)
        if outcome is Push.DONE:
            return True
        if outcome is Push.REFUSED and self._hub.fetch().oid == tip.oid:
            raise hub_error(self._hub.name, output, what="write to", refused=True)
        if clock.elapsed() > deadline:
            words = f"other nodes won the race {self._contention.losses + 1} times, or its ref stays locked. {output}"
            raise hub_error(self._hub.name, words, what="write to", refused=False)
        self._contention.lost()
        return True

    def _round(self, batch: Sequence[Operation], tip: Tip) -> tuple[Push, str]:
        """Decide on one state and publish. Anything but DONE: fetch, look, and decide again."""
        decided = self._decide(batch, tip)
        if not decided.accepted:
            self._settle(decided, None, Status.REFUSED)
            return Push.DONE, ""
        commit = self._write(decided, tip)
        self._outbox.begin_attempt(tip.oid)
        answer = self._hub.publish(commit)
        if answer.outcome is Push.DONE:
            status = Status.CONFIRMED if self._hub.confirm(commit) else Status.PUBLISHED
            self._settle(decided, commit, status)
            self._outbox.end_attempt()
            self._contention.losses = 0
        return answer.outcome, answer.output

    def _decide(self, batch: Sequence[Operation], tip: Tip) -> Decided:
        tree = Snapshot(self._objects, tip.tree)
        format.check(tree, writing=True)
        accepted, refused = [], []
        for operation in batch:
            decision = decide(self._rules, tree, operation, tip.generation + 1)
            if isinstance(decision, Accepted):
                tree.change(decision.changes)
                accepted.append((operation, decision))
            else:
                refused.append(Result(operation.id, Status.REFUSED, error=decision.error))
        return Decided(tree, accepted, refused)

    def _write(self, decided: Decided, tip: Tip) -> Tip:
        operations = [operation for operation, _ in decided.accepted]
        subjects = [decision.subject for _, decision in decided.accepted]
        return commits.write(
            self._objects, decided.tree, tip, operations, subjects, node=self._node, at=clock.now()
        )

    def _settle(self, decided: Decided, commit: Tip | None, status: Status) -> None:
        for operation, decision in decided.accepted:
            assert commit is not None
            self._finish(
                operation.id,
                Result(operation.id, status, decision.answer, None, commit.oid, commit.generation),
            )
        by_id = {result.operation: result for result in decided.refused}
        for operation in self._outbox.tentative():
            if operation.id in by_id:
                self._report_lost(operation, by_id[operation.id])
        for result in decided.refused:
            self._finish(result.operation, result)

    def _without_landed(self, batch: Sequence[Operation], tip: Tip) -> list[Operation]:
        """What of `batch` is not in the chain yet, where an earlier push may have brought it there unseen."""
        base = self._outbox.attempt()
        if base is None:
            return list(batch)
        landed = self._landed({operation.id for operation in batch}, tip, commits.read(self._objects, base))
        for operation in batch:
            if operation.id in landed:
                found = landed[operation.id]
                answer = self._answer(operation, found)
                self._finish(
                    operation.id,
                    Result(operation.id, Status.CONFIRMED, answer, None, found.oid, found.generation),
                )
        self._outbox.end_attempt()
        return [operation for operation in batch if operation.id not in landed]

    def _landed(self, wanted: set[str], tip: Tip, base: Tip) -> dict[str, Tip]:
        """By operation id, the commits after `base` that carry it. Costs two objects a generation since."""
        found = {}
        for link in links(self._objects, tip, down_to=min(base.generation, tip.generation))[:-1]:
            for operation_id in commits.transaction(self._objects, link).ids & wanted:
                found[operation_id] = link
        return found

    def _answer(self, operation: Operation, landed: Tip) -> Mapping[str, object]:
        """The answer that `operation` had when it landed: its transaction, decided again on its parent."""
        parent = commits.read(self._objects, landed.parent or "")
        tree = Snapshot(self._objects, parent.tree)
        for earlier in commits.transaction(self._objects, landed).operations(landed.oid):
            decision = decide(self._rules, tree, earlier, landed.generation)
            if isinstance(decision, Refused):
                continue
            if earlier.id == operation.id:
                return decision.answer
            tree.change(decision.changes)
        return {}

    def _tentatively(self, batch: Sequence[Operation], error: FleetError) -> None:
        """Decide on the last verified state. Yes is tentative, no is no: it was taken before the hub went away."""
        ours = refs.read(self._git, fleetrefs.COORD).get(fleetrefs.COORD)
        if ours is None:
            self._outbox.end_attempt()
            self._give_up(batch, error)
            return
        tree = Snapshot(self._objects, commits.read(self._objects, ours).tree)
        generation = commits.read(self._objects, ours).generation + 1
        for operation in batch:
            decision = decide(self._rules, tree, operation, generation)
            if isinstance(decision, Refused):
                if not self._outbox.is_tentative(operation):
                    self._finish(operation.id, Result(operation.id, Status.REFUSED, error=decision.error))
                continue
            tree.change(decision.changes)
            if not self._outbox.is_tentative(operation):
                result = Result(
                    operation.id, Status.TENTATIVE, {**decision.answer, "hub_error": error.message}
                )
                self._outbox.keep_tentative(operation)
                self._outbox.tell(result)
                self.results[operation.id] = result

    def _report_lost(self, operation: Operation, result: Result) -> None:
        assert result.error is not None
        text = (
            f"Lost: '{operation.kind}' was accepted tentatively while the hub was out of reach, and was decided "
            f"against when it came back. {result.error.message} {result.error.hint}"
        )
        self._notices.leave(operation.session, text.strip(), kind="lost")

    def _give_up(self, batch: Sequence[Operation], error: FleetError) -> None:
        """Tell callers that nothing was decided. What was accepted tentatively, or may have landed, stays."""
        if self._outbox.attempt() is not None and not isinstance(error, HubRefused):
            self._tentatively(batch, error)
            return
        self._outbox.end_attempt()
        for operation in batch:
            if not self._outbox.is_tentative(operation):
                self._finish(operation.id, Result(operation.id, Status.FAILED, error=error))

    def _finish(self, operation_id: str, result: Result) -> None:
        self._outbox.finish(result)
        self.results[operation_id] = result


def decide(
    rules: Mapping[str, Rule], view: Snapshot, operation: Operation, generation: int
) -> Accepted | Refused:
    """Apply the rule for `operation`. Pure in what it reads. A kind that has no rule here is refused by name."""
    rule = rules.get(operation.kind)
    if rule is None:
        where = f"operation {operation.id}"
        words = f"'{operation.kind}' is an operation that this gitfleet does not know. It was left alone."
        return Refused(
            NewerFormat(words, hint="Upgrade gitfleet on this machine.", where=where, version=0, understood=0)
        )
    try:
        return rule(view, operation, generation)
    except FleetError as error:
        return Refused(error)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        what = f"{operation.kind} {operation.id} could not be decided ({type(error).__name__}: {error}). Nothing was changed."
        return Refused(InternalError(what, hint="Please report this.", operation=operation.id))
