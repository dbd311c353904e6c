"""What becomes of the branches that retain claims: pushed, landed, or gone from the hub. Of worktrees: `retained_worktrees`.

Owns the look at git that `claims.retained_claims` needs as facts. Everything is asked of this clone and, once for all branches,
of the hub; with nothing retained nobody is asked. What cannot be told changes nothing: a branch that was never seen on
the hub is not gone from it, and one whose commits are not here has not landed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from gitfleet.base import canonical, files, statefile
from gitfleet.base.digests import sha256
from gitfleet.claims import model, retained_claims
from gitfleet.claims.keepers import Keeper, Keeping
from gitfleet.clone import Clone
from gitfleet.codec import TEXT, Many, Struct, Table, field
from gitfleet.errors import FleetError
from gitfleet.git import refs
from gitfleet.git.advertisement import Shown
from gitfleet.git.remote import Remote
from gitfleet.ledger.model import SESSION, Actor, Operation
from gitfleet.sessions import session_records
from gitfleet.trunk import landing, position, retention
from gitfleet.trunk.landing import HEADS, Branch
from gitfleet.trunk.session_work import Subject
from gitfleet.upkeep import retained_worktrees

AT_ONCE = 200


def retain_pushed(clone: Clone, only: str | None = None) -> list[str]:
    """Have the branches of this node's sessions (or `only` one) retain what was pushed of their claims; those that do now.

    Once one of a session's branches is on the hub, all of them do. Local: git notes where the hub's branches are when it has
    pushed there. One transaction, and none when nothing is new.
    """
    hub, node = clone.ledger.node.hub, clone.ledger.node.id
    if not hub:
        return []
    view = clone.current().view
    own = list(session_records.readable(view, node)) if only is None else [session_records.find(view, only)]
    mine = [session for session in own if session is not None and session.node == node]
    subjects = [retention.subject_of(clone.ledger, view, session) for session in mine]
    subjects = [subject for subject in subjects if subject.claims]
    pushed = refs.read(clone.repository.git, f"refs/remotes/{hub}/") if subjects else {}
    memory = Memory(clone)
    now = _fingerprint(clone, pushed, subjects)
    if not subjects or (only is None and memory.pushed == now):
        return []
    found = retention.Look(clone.repository, clone.ledger.node, clone.policy).branches(subjects)
    asked: list[tuple[str, Operation]] = []
    for subject in subjects:
        rows = [row for row in found[subject.session.id] if _is_news(row, subject)]
        names = [row.keeper.branch for row in found[subject.session.id]]
        if rows and any(f"refs/remotes/{hub}/{name}" in pushed for name in names):
            words = ", ".join(row.keeper.branch for row in rows)
            actor = Actor(SESSION, subject.session.id)
            asked.append(
                (
                    words,
                    clone.ledger.operation(
                        retained_claims.retain, actor, retained_claims.Retain(tuple(rows))
                    ),
                )
            )
    agreed = retained_worktrees.agreed(clone, asked)
    if only is None and len(agreed) == len(asked):
        memory.pushed = now
        memory.keep()
    return agreed


def settle(clone: Clone, shown: Shown | None = None) -> tuple[list[str], list[str]]:
    """Let go what branches retained that have landed or are gone, and worktrees whose changes are; what was let go in words,
    and warnings.

    `shown` is what the hub has just shown of its branches. What is missing there is asked for, once for all branches; and a look at each worktree of this clone that keeps something. Proposed to the
    fleet with the commit that each was judged at, so that of several nodes that do so at once one does it, and a branch that
    has moved on meanwhile keeps its claims.
    """
    found = list(model.retained(clone.current().view))
    kept = {keeper for claim in found for keeper in claim.retained}
    settled = retained_worktrees.settle(clone, found)
    memory = Memory(clone)
    wanted = sorted(Branch(one.branch, one.head) for one in kept if one.branch and refs.is_branch(one.branch))
    names = {branch.name for branch in wanted}
    if not wanted:
        memory.forget(names)
        return settled, []
    try:
        tips = _tips(clone, names, shown)
        asked = list(_proposals(clone, wanted, tips, memory))
    except FleetError as error:
        return settled, [f"the claims that branches retain could not be checked: {error.message}"]
    finally:
        memory.forget(names)
    return [*settled, *retained_worktrees.agreed(clone, asked)], []


def _is_news(row: Keeping, subject: Subject) -> bool:
    """Whether one of the claims does not yet stay with this branch at this commit."""
    return any(claim.id in row.claims and row.keeper not in claim.retained for claim in subject.claims)


def _fingerprint(clone: Clone, pushed: Mapping[str, str], subjects: Sequence[Subject]) -> str:
    """What decides whether a look at pushed branches can find anything new: where they are, the trunk, and the claims."""
    tip = position.tip(clone.repository.git, clone.ledger.node)
    claims = sorted([claim.id, *claim.retained] for subject in subjects for claim in subject.claims)
    said = {
        "pushed": dict(pushed),
        "trunk": tip or "",
        "claims": [[str(part) for part in row] for row in claims],
    }
    return sha256(canonical.dump(said)).hexdigest()


def _proposals(
    clone: Clone, wanted: Sequence[Branch], tips: Mapping[str, str] | None, memory: Memory
) -> Iterable[tuple[str, Operation]]:
    tip = position.tip(clone.repository.git, clone.ledger.node)
    if tips is None or tip is None:
        return
    judge = landing.Judge(clone.repository.git, clone.ledger.node.hub, clone.ledger.lock, tip)
    for branch in wanted:
        there = tips.get(branch.name)
        if there:
            memory.seen.add(branch.name)
        known = f"{tip} {there}"
        which = f"{branch.name} {branch.head}"
        how = "" if memory.judged.get(which) == known else judge.how(branch, there)
        if how is not None:
            memory.judged[which] = known
        outcome = retained_claims.LANDED if how else retained_claims.DELETED
        if not how and (there or branch.name not in memory.seen):
            continue
        evidence = {"trunk": tip, "tip": there or "", "how": how or "seen there before, and now not"}
        body = retained_claims.LetGo(Keeper(branch=branch.name, head=branch.head), outcome, evidence=evidence)
        words = f"branch {branch.name} {'has landed' if how else 'is gone from the hub'}"
        yield (
            f"{words} ({branch.head[:12]})",
            clone.ledger.operation(retained_claims.let_go, clone.ledger.itself, body),
        )


def _tips(clone: Clone, names: set[str], shown: Shown | None) -> dict[str, str] | None:
    """Where branches are on the hub, now (or here, where this clone is the hub); None when the answer cannot be whole."""
    node = clone.ledger.node
    if shown and {*names, node.trunk} <= shown.branches.keys():
        return {name: shown.branches[name] for name in {*names, node.trunk}}
    wanted = [HEADS + name for name in sorted({*names, node.trunk})]
    if node.hub:
        remote = Remote(clone.repository.git, node.hub)
        found = remote.look(*(wanted if len(wanted) <= AT_ONCE else [f"{HEADS}*"]))
    else:
        found = refs.read(clone.repository.git, *(wanted if len(wanted) <= AT_ONCE else [HEADS]))
    if HEADS + node.trunk not in found:
        return None
    return {ref.removeprefix(HEADS): oid for ref, oid in found.items() if ref in wanted}


class _Remembered(Struct):
    seen: tuple[str, ...] = field(Many(TEXT), default=())
    judged: Mapping[str, str] = field(Table(TEXT), default={})
    pushed: str = field(TEXT, default="")


class Memory:
    """What this clone has seen of branches that retain claims: which were on the hub, and which were judged already; and what
    was pushed when that was looked at last.

    Lost, it only makes the next look longer, and a branch that is gone by then stays retained until a person lets it go.
    """

    def __init__(self, clone: Clone) -> None:
        self._path = os.path.join(clone.ledger.state, "branches.json")
        note = statefile.load(_Remembered, self._path) or _Remembered()
        self.seen, self.judged, self.pushed = set(note.seen), dict(note.judged), note.pushed

    def forget(self, names: set[str]) -> None:
        """Remember of branches only what concerns these."""
        self.seen &= names
        self.judged = {key: value for key, value in self.judged.items() if key.rpartition(" ")[0] in names}
        self.keep()

    def keep(self) -> None:
        """Write it down, or that there is nothing to remember."""
        if self.seen or self.judged or self.pushed:
            statefile.save(self._path, _Remembered(tuple(sorted(self.seen)), self.judged, self.pushed))
        else:
            files.remove(self._path)
