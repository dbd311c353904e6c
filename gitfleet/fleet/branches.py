"""What becomes of the branches that retain claims: pushed, landed, or gone from the hub.

Owns the look at git that `claims.retained` needs as facts. Everything is asked of this clone and, once for all branches,
of the hub; with nothing retained nobody is asked. What cannot be told changes nothing: a branch that was never seen on
the hub is not gone from it, and one whose commits are not here has not landed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from gitfleet.base import canonical, files
from gitfleet.claims import model
from gitfleet.claims import retained as rules
from gitfleet.claims.model import Claim
from gitfleet.errors import FleetError
from gitfleet.fleet import landing, leaving, trunk
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.landing import HEADS, Branch
from gitfleet.git import refs
from gitfleet.git.remote import Remote
from gitfleet.ledger.model import Operation, Status
from gitfleet.sessions import model as sessions
from gitfleet.sessions.model import Session

AT_ONCE = 200


def retain_pushed(fleet: Fleet, only: str | None = None) -> list[str]:
    """Have the branches of this node's sessions (or `only` one) retain what was pushed of their claims; those that do now.

    Local: git notes where the hub's branch is when it has pushed there. One transaction, and none when nothing is new.
    """
    hub, node = fleet.ledger.node.hub, fleet.ledger.node.id
    if not hub:
        return []
    asked: dict[str, Operation] = {}
    for session in _own_sessions(fleet, node) if only is None else _own_session(fleet, only):
        mine = leaving.claims(fleet.current().view, session)
        here = leaving.branch_of(fleet.repository, session) if mine else None
        there = refs.read(fleet.repository.git, f"refs/remotes/{hub}/{here.name}") if here else {}
        pushed = there.get(f"refs/remotes/{hub}/{here.name}") if here else None
        if here is None or pushed is None:
            continue
        more = [claim for claim in mine if claim.head != pushed]
        body = leaving.retained(
            fleet.repository, fleet.ledger.node, fleet.policy, Branch(here.name, pushed), more
        )
        if body:
            asked[here.name] = fleet.ledger.operation("claim.retain", session.id, body)
    return _submit(fleet, asked)


def settle(fleet: Fleet) -> tuple[list[str], list[str]]:
    """Let go what branches retained that have landed or are gone; what was let go in words, and warnings.

    One question to the hub for all branches. Proposed to the fleet with the commit that each was judged at, so that of
    several nodes that do so at once one does it, and a branch that has moved on meanwhile keeps its claims.
    """
    found = [item for item in model.retained(fleet.current().view) if isinstance(item, Claim)]
    memory = Memory(fleet)
    wanted = sorted({Branch(claim.retained, claim.head) for claim in found if _plain(claim.retained)})
    if not wanted:
        memory.forget()
        return [], []
    try:
        tips = _tips(fleet, {branch.name for branch in wanted})
        asked = dict(_proposals(fleet, wanted, tips, memory))
    except FleetError as error:
        return [], [f"what branches retain could not be looked at: {error.message}"]
    finally:
        memory.keep({branch.name for branch in wanted})
    return _submit(fleet, asked), []


def _proposals(
    fleet: Fleet, wanted: Sequence[Branch], tips: Mapping[str, str] | None, memory: Memory
) -> Iterable[tuple[str, Operation]]:
    tip = trunk.tip(fleet.repository.git, fleet.ledger.node)
    if tips is None or tip is None:
        return
    judge = landing.Judge(fleet.repository.git, fleet.ledger.node.hub, fleet.ledger.lock, tip)
    for branch in wanted:
        there = tips.get(branch.name)
        if there:
            memory.seen.add(branch.name)
        known = f"{tip} {there}"
        which = f"{branch.name} {branch.head}"
        how = "" if memory.judged.get(which) == known else judge.how(branch, there)
        if how is not None:
            memory.judged[which] = known
        outcome = rules.LANDED if how else rules.DELETED
        if not how and (there or branch.name not in memory.seen):
            continue
        evidence = {"trunk": tip, "tip": there or "", "how": how or "seen there before, and now not"}
        body = {"branch": branch.name, "head": branch.head, "outcome": outcome, "evidence": evidence}
        words = f"branch {branch.name} {'has landed' if how else 'is gone from the hub'}"
        yield (
            f"{words} ({branch.head[:12]})",
            fleet.ledger.operation("claim.landed", fleet.ledger.node.id, body),
        )


def _submit(fleet: Fleet, asked: Mapping[str, Operation]) -> list[str]:
    """Have the operations decided at once; the keys of those that were. Another node may have been faster."""
    results = fleet.ledger.submit(list(asked.values())) if asked else []
    agreed = {result.operation for result in results if result.status not in {Status.REFUSED, Status.FAILED}}
    return [words for words, operation in asked.items() if operation.id in agreed]


def _own_sessions(fleet: Fleet, node: str) -> list[Session]:
    """The sessions of one node."""
    found = sessions.everyone(fleet.current().view)
    return [item for item in found if isinstance(item, Session) and item.node == node]


def _own_session(fleet: Fleet, id_: str) -> list[Session]:
    found = sessions.find(fleet.current().view, id_)
    return [found] if found is not None and found.node == fleet.ledger.node.id else []


def _plain(name: str) -> bool:
    """Whether a recorded name can be one of git's branches: what is none would be an option or a glob to it."""
    return (
        bool(name)
        and not name.startswith(("-", "/"))
        and not set(name) & set(" ~^:?*[\\\x7f")
        and name.isprintable()
    )


def _tips(fleet: Fleet, names: set[str]) -> dict[str, str] | None:
    """Where branches are on the hub, now (or here, where this clone is the hub); None when the answer cannot be whole."""
    node = fleet.ledger.node
    wanted = [HEADS + name for name in sorted({*names, node.trunk})]
    if node.hub:
        remote = Remote(fleet.repository.git, node.hub)
        found = remote.look(*(wanted if len(wanted) <= AT_ONCE else [f"{HEADS}*"]))
    else:
        found = refs.read(fleet.repository.git, *(wanted if len(wanted) <= AT_ONCE else [HEADS]))
    if HEADS + node.trunk not in found:
        return None
    return {ref.removeprefix(HEADS): oid for ref, oid in found.items() if ref in wanted}


class Memory:
    """What this clone has seen of branches that retain claims: which were on the hub, and which were judged already.

    Lost, it only makes the next look longer, and a branch that is gone by then stays retained until a person lets it go.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._path = os.path.join(fleet.ledger.state, "branches.json")
        try:
            raw = canonical.load(files.read(self._path) or b"{}")
            self.seen = {str(name) for name in raw.get("seen", [])}
            self.judged = {str(key): str(value) for key, value in raw.get("judged", {}).items()}
        except (ValueError, AttributeError, TypeError):
            self.seen, self.judged = set(), {}

    def keep(self, names: set[str]) -> None:
        """Remember what concerns these branches."""
        judged = {key: value for key, value in self.judged.items() if key.rpartition(" ")[0] in names}
        files.replace(self._path, canonical.dump({"seen": sorted(self.seen & names), "judged": judged}))

    def forget(self) -> None:
        """Nothing is retained: there is nothing to remember."""
        files.remove(self._path)
