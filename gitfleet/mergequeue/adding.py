"""How a branch enters the queue: what is checked of it, and what enters with it.

All that needs git is looked at here, before; the ledger then decides (`rules.add`). The branch, and those that it is stacked on as far as
the fleet knows them, enter in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gitfleet.base import advice
from gitfleet.base.names import BranchName, Oid, SessionId
from gitfleet.base.text import display, one_line
from gitfleet.claims import model as claims
from gitfleet.claims.model import Claim
from gitfleet.claims.policy import Policy
from gitfleet.codec import Struct
from gitfleet.errors import NoEntry, PolicyRefused, RefMoved, UsageError
from gitfleet.git import merge_rules
from gitfleet.git.quarantine import Merged, quarantine
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import PERSON, SESSION, Actor, Changes, Operation, Refused, View
from gitfleet.ledger.overlay import Overlay
from gitfleet.mergequeue import branches, model, naming, rules, stacks
from gitfleet.mergequeue.branches import Placed
from gitfleet.mergequeue.model import EntryPin, QueueEntry
from gitfleet.mergequeue.requests import Add, Added
from gitfleet.mergequeue.stacks import Stacked
from gitfleet.sessions import session_records, session_rules
from gitfleet.sessions.reading import Reading
from gitfleet.sessions.session_records import Session
from gitfleet.trunk import commit_verdicts, incoming, policy_file, queue_policy
from gitfleet.trunk.incoming import IncomingCommit

_COMMIT_FIRST = "Commit something on it first, or name another branch."
TRIES = 3
"""How often what an entry is stacked on may change while it is asked for."""


class Wanted(Struct):
    """What is to be queued: `branch` "" is the session's own. None keeps what the entry has, or takes what is usual.

    `after` names entries that are to land before it. `by_another`: it is not the session itself that asks (see `queue_policy`).
    `ceiling`: what may be given, where that is not by the rules. `accepted_by`: the session of a person who asks for it, having reviewed it at
    `head`; then the session that it is queued for may be another clone's. `head` "": whatever is there.
    """

    branch: str = ""
    title: str | None = None
    priority: int | None = None
    after: Sequence[str] = ()
    by_another: bool = False
    ceiling: int | None = None
    accepted_by: SessionId = SessionId("")
    head: str = ""


class QueuedBranch(Struct):
    """The entry; those below it that were queued with it; whether its branch was pushed for that, and what else is to be said."""

    added: Added
    below: Sequence[Added]
    pushed: bool
    warnings: Sequence[str]


class Adding:
    """One branch on its way into the queue, for one session."""

    def __init__(
        self,
        repository: Repository,
        ledger: Ledger,
        policy: Callable[[], Policy],
        session: SessionId,
        wanted: Wanted,
    ) -> None:
        self._repository = repository
        self._git = repository.git
        self._ledger = ledger
        self._policy = policy
        self._wanted = wanted
        self._count = 0
        self._absent: Sequence[Stacked] = ()
        self._landed: QueueEntry | None = None
        view, node = ledger.current().view, ledger.node.id
        self._asks = session_rules.of_node(view, wanted.accepted_by or session, node)
        self._who: Session = session_rules.required(view, session)
        if wanted.accepted_by and not self._asks.person:
            hint = f"Ask one, or add the branch: {advice.QUEUE_ADD.of('BRANCH')}."
            raise PolicyRefused("Only a person may accept the work of a session.", hint=hint)

    def run(self, timeout: float) -> QueuedBranch:
        """Check the branch, and have it queued. Raises as `service.MergeQueue.add`."""
        wanted, who = self._wanted, self._who
        naming.check_title(wanted.title)
        branch = branches.checked(wanted.branch) if wanted.branch else self._branch()
        if branch == self._target:
            words = f"{display(branch)} is the branch that entries land on, so it cannot be an entry itself."
            raise UsageError(words, hint="Put your work on a branch of its own: `git switch -c NAME`.")
        self._check_ceiling()
        placed = branches.find(self._repository, self._ledger, branch)
        self._check_head(placed)
        warnings = [*policy_file.refresh(self._repository, self._ledger.node)]
        self._check_ceiling()
        base, commits = self._commits(placed)
        judged = commit_verdicts.judged(self._view, self._policy(), self._git, commits)
        commit_verdicts.settle(self._policy(), judged, warnings.append)
        self._rehearse(self._operations(placed, base))
        for row in self._absent if placed.on_hub else ():
            lower = placed._replace(branch=row.branch, head=row.head)
            branches.push(self._repository, self._ledger.node.hub, lower, who.id)
        if placed.ahead:
            branches.push(self._repository, self._ledger.node.hub, placed, who.id)
        added = self._enter(placed, base, timeout)
        return QueuedBranch(added[-1], added[:-1], placed.ahead, warnings)

    def _branch(self) -> BranchName:
        """The branch that the session is on; of another clone's, as it was told. Raises UsageError where it is on none."""
        if self._who.node == self._ledger.node.id:
            return branches.current(self._repository, self._who.worktree)
        return branches.checked(self._who.branch)

    def _check_head(self, placed: Placed) -> None:
        if self._wanted.head and placed.head != self._wanted.head:
            words = f"{display(placed.branch)} is at {placed.head[:12]} now, and no longer at {self._wanted.head[:12]}, which was looked at."
            raise RefMoved(
                words,
                hint="Look at what is new there, and accept it again.",
                ref=branches.HEADS + placed.branch,
                expected=self._wanted.head,
                found=placed.head,
            )

    @property
    def _target(self) -> BranchName:
        return BranchName(self._ledger.node.trunk)

    @property
    def _view(self) -> View:
        return self._ledger.current().view

    @property
    def _ceiling(self) -> int:
        by_rules = queue_policy.load(self._ledger.state).ceiling_for(named=self._wanted.by_another)
        return by_rules if self._wanted.ceiling is None else self._wanted.ceiling

    def _check_ceiling(self) -> None:
        """Before anything is pushed; the ledger's own decision asks the same."""
        priority = self._wanted.priority
        if not self._asks.person and priority is not None and priority > self._ceiling:
            raise rules.above(priority, self._ceiling)

    def _commits(self, placed: Placed) -> tuple[Oid, Sequence[IncomingCommit]]:
        """Where the branch left the target, and its commits since. Raises UsageError where there is nothing to land."""
        base = self._git.line("merge-base", placed.target, placed.head)
        name, target = display(placed.branch), display(self._target)
        if not base:
            words = f"{name} and {target} have no commit in common."
            raise UsageError(words, hint="Make the branch from what it is to land on.")
        if base == placed.head:
            words = f"{name} has nothing to land: {target} has all its commits."
            raise UsageError(words, hint=_COMMIT_FIRST)
        landed = self._landed = stacks.landed_part(self._view, self._git, placed)
        if landed and landed.head == placed.head:
            words = f"{name} has nothing to land: it has landed on {target} as {landed.landed[:12]}."
            raise UsageError(words, hint=_COMMIT_FIRST)
        if self._changes_nothing(placed):
            words = f"{name} has nothing to land: {target} has all that it changes."
            raise UsageError(words, hint=_COMMIT_FIRST)
        shut = [f"^{landed.head}"] if landed else []
        return Oid(base), list(incoming.commits(self._git, placed.head, f"^{placed.target}", *shut))

    def _changes_nothing(self, placed: Placed) -> bool:
        """Whether the target would have the same files with the branch: its changes came there by hand, say."""
        with quarantine(self._git, merge_rules.of_tree(self._git, placed.target, {})) as place:
            found = place.merge(placed.target, placed.head)
            return isinstance(found, Merged) and found.tree == place.tree(placed.target)

    def _enter(self, placed: Placed, base: Oid, timeout: float) -> list[Added]:
        """Have the branch queued, and what belongs to its stack; what was added, the branch last."""
        for tries in range(TRIES):
            operations = self._operations(placed, base)
            results = self._ledger.submit(operations, timeout=timeout)
            failed = [result.error for result in results if result.error is not None]
            if not failed:
                answers = [result.answer for result in results]
                return [answer for answer in answers if isinstance(answer, Added)][: self._count]
            if tries == TRIES - 1 or not isinstance(failed[0], NoEntry) or self._wanted.after:
                raise failed[0]
        raise AssertionError

    def _rehearse(self, operations: Sequence[Operation]) -> None:
        """Raise what the ledger would answer now, before anything is pushed."""
        state = self._ledger.current()
        changes: Changes = {}
        for operation in operations:
            view = Overlay(state.view, changes)
            decision = rules.add.decide(view, operation, rules.add.read(operation), state.tip.generation + 1)
            if isinstance(decision, Refused):
                raise decision.error
            changes |= decision.changes

    def _operations(self, placed: Placed, base: Oid) -> list[Operation]:
        """One for each branch of the stack that is new or has changed, the lowest first, and then those above that were there before."""
        view = self._view
        entries = [one for one in model.readable(view) if one.target == self._target]
        others = [one for one in entries if one.branch != placed.branch]
        heads = stacks.heads_of(self._git, others, placed, self._target, self._landed)
        rows = stacks.stacked(self._git, heads, placed.target)
        self._absent = [
            row for row in stacks.chain(rows, placed.branch)[:-1] if row.branch not in placed.there
        ]
        ids: dict[str, str] = {one.branch: one.id for one in entries}
        made: list[Operation] = []
        for row in stacks.chain(rows, placed.branch)[:-1]:
            if row.branch not in ids:
                made.append(self._lower(row, self._upon(rows, ids, row.branch), base, placed.target))
                ids[row.branch] = made[-1].id
        made.append(
            self._own(placed, base, rows[placed.branch], self._upon(rows, ids, placed.branch), entries)
        )
        self._count = len(made)
        own = ids.setdefault(placed.branch, made[-1].id)
        made += [
            self._above(one, EntryPin(own, placed.head))
            for one in others
            if one.branch in rows and rows[one.branch].upon == placed.branch and one.stack != own
        ]
        return made

    def _own(
        self,
        placed: Placed,
        base: Oid,
        row: Stacked,
        below: EntryPin | None,
        entries: Sequence[QueueEntry],
    ) -> Operation:
        there = next((one for one in entries if one.branch == placed.branch), None)
        before = [naming.find(self._view, name).id for name in self._wanted.after]
        if there is not None and not self._wanted.after:
            before = [need for need in there.needs if need != there.stack and rules.is_open(self._view, need)]
            below = below or stacks.landed_below(self._view, self._git, there, placed.head)
        title = self._wanted.title
        if title is None and there is None:
            title = one_line(self._who.title or self._subject(placed.head), model.MAX_TITLE)
        return self._operation(
            Add(
                branch=placed.branch,
                head=placed.head,
                target=self._target,
                base=base,
                title=title,
                priority=self._wanted.priority,
                needs=tuple(before),
                stack=below.id if below else "",
                under=below.head if below else Oid(""),
                claims=self._claims(self._who.id, row, placed.target, below),
                ceiling=self._ceiling,
                most_tries=queue_policy.load(self._ledger.state).tries,
                owner=self._who.id if self._asks.id != self._who.id else SessionId(""),
            )
        )

    def _lower(self, row: Stacked, below: EntryPin | None, base: Oid, target: str) -> Operation:
        """What the branch is built upon enters with it, for the session that is on it."""
        owners = [one.id for one in session_records.readable(self._view) if one.branch == row.branch]
        owner = owners[0] if len(owners) == 1 else self._who.id
        title = one_line(self._subject(row.head), model.MAX_TITLE)
        return self._operation(
            Add(
                branch=row.branch,
                head=row.head,
                target=self._target,
                base=base,
                title=title,
                needs=(),
                stack=below.id if below else "",
                under=below.head if below else Oid(""),
                claims=self._claims(owner, row, target, below),
                owner=owner,
            )
        )

    def _above(self, entry: QueueEntry, below: EntryPin) -> Operation:
        """An entry that was there before what it is built upon."""
        needs = tuple(need for need in entry.needs if need != entry.stack)
        return self._operation(
            Add(
                branch=entry.branch,
                head=entry.head,
                target=entry.target,
                needs=needs,
                stack=below.id,
                under=below.head,
            )
        )

    def _upon(self, rows: Mapping[str, Stacked], ids: Mapping[str, str], branch: str) -> EntryPin | None:
        """The entry that a branch is built upon, at the commit of it that the branch has."""
        upon = rows[branch].upon
        if upon in ids:
            return EntryPin(ids[upon], rows[upon].head)
        return self._landed.pin if self._landed else None

    def _operation(self, body: Add) -> Operation:
        who = Actor(PERSON if self._asks.person else SESSION, self._asks.id)
        heard = Reading(self._ledger.state).seen(self._asks.id)
        return self._ledger.operation(rules.add, who, body, heard=heard)

    def _claims(self, owner: SessionId, row: Stacked, target: str, below: EntryPin | None) -> tuple[str, ...]:
        """A session's claims that go when its branch has landed: those that its own commits name, and those made on it."""
        lower = [f"^{below.head}"] if below else []
        commits = incoming.commits(self._git, row.head, f"^{target}", *lower)
        named = {one.partition("@")[0] for commit in commits for one in commit.claims}
        mine = [one for one in claims.of_session(self._view, owner) if isinstance(one, Claim)]
        return tuple(one.id for one in mine if one.id in named or one.branch == row.branch)

    def _subject(self, head: str) -> str:
        return self._git.line("log", "-1", "--no-show-signature", "--format=%s", head, "--") or ""
