"""One exchange with the hub: what waits here goes there, what was agreed there comes here.

What was lost by that stays in the notices of the sessions concerned, whatever fails afterwards, until they have heard it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from gitfleet.base import files
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.git.advertisement import Shown
from gitfleet.ledger import own_node
from gitfleet.ledger.notices import LOST
from gitfleet.trunk import hub_head, policy_file
from gitfleet.upkeep import branches


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an exchange brought: the agreed generation, operations brought to the hub, and what became of branches that
    retained claims.
    """

    generation: int
    commit: str
    brought: int
    settled: Sequence[str] = ()
    warnings: Sequence[str] = field(default_factory=list)


def sync(clone: Clone) -> Exchange:
    """Exchange everything with the hub, the trunk's rules included. Raises the hub's errors.

    Costs one connection to fetch and one to push, and one more for what waited here.
    """
    ledger = clone.ledger
    before = _waiting(clone)
    node_ref = clone.node_ref
    tip = ledger.sync(*node_ref.wanted)
    hub_head.ask(clone.repository, clone.ledger)
    warnings = [*_archived(clone), *_planned(clone), *node_ref.exchange()]
    warnings += policy_file.refresh(clone.repository, ledger.node)
    warnings += hub_head.news(clone.ledger, once=True)
    brought = max(0, before - _waiting(clone))
    settled, troubles = _settle(clone, node_ref.shown)
    tip = ledger.tip() or tip
    return Exchange(tip.generation, tip.oid, brought, settled, [*warnings, *troubles])


def _archived(clone: Clone) -> list[str]:
    """Bring along the jobs that have ended since; warnings back. Costs a look at two folders where there are none."""
    folder = own_node.jobs_folder(clone.repository.common_dir)
    if not any(files.names(os.path.join(folder, name)) for name in ("archiving", "archived")):
        return []
    from gitfleet.jobs.archives import telling_others  # of no use to who has no jobs

    try:
        return telling_others.exchange(clone)
    except FleetError as error:
        return [f"ended jobs were not archived: {error.message}"]


def _planned(clone: Clone) -> list[str]:
    """Bring along plans over hosts that the hub does not have yet; warnings back. Costs a look at a folder where none was made."""
    if not os.path.isdir(os.path.join(clone.ledger.state, "triage")):
        return []
    from gitfleet.triage.plans import PlanRefs  # of no use to who plans nothing

    return PlanRefs(clone.repository, clone.ledger).send_all()


def lost(clone: Clone) -> list[str]:
    """What sessions of this clone have lost and not heard of yet, in words. They are told by their own next command."""
    notices = clone.ledger.notices
    return [
        f"{session}: {notice.text}"
        for session in notices.sessions()
        for notice in notices.kept(session)
        if notice.kind == LOST
    ]


def _settle(clone: Clone, shown: Shown | None) -> tuple[list[str], list[str]]:
    """What branches retain is brought up to date with what was pushed, has landed, or is gone."""
    try:
        retained = [f"branch {name} retains what it changes" for name in branches.retain_pushed(clone)]
        settled, warnings = branches.settle(clone, shown)
    except FleetError as error:
        return [], [f"the claims that branches retain were not updated: {error.message}"]
    return [*retained, *settled], warnings


def _waiting(clone: Clone) -> int:
    root = clone.ledger.outbox.root
    return sum(len(files.names(os.path.join(root, place))) for place in ("new", "taken", "tentative"))
