"""Gates as commands need them: what is known on the hub now, and a fleet to run one in, also in a checkout of CI."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from gitfleet.base.ids import is_oid
from gitfleet.errors import NoFleet
from gitfleet.fleet import hub_state, joining
from gitfleet.fleet.fleet import Fleet
from gitfleet.gates import service
from gitfleet.git.objects import open_objects
from gitfleet.git.repository import Repository
from gitfleet.ledger import own_node

if TYPE_CHECKING:
    from gitfleet.gates.service import GateStanding


def status(
    repository: Repository, revision: str, hub: str | None, *, tree: bool
) -> tuple[GateStanding, list[str]]:
    """What is known of a tree on the hub now, and warnings; of use in any clone of it. Writes nothing into one that is in no fleet.

    Raises UsageError, Unverifiable, and the hub's errors.
    """
    objects = open_objects(repository.common_dir)
    try:
        wanted = revision  # a tree that is not here may be known all the same
        if not (tree and is_oid(revision) and service.is_absent(repository.here, revision)):
            wanted = service.target(repository.here, objects, revision, tree=tree).tree
        with hub_state.present(repository, hub) as now:
            return service.look(now.view, objects, wanted, now.gate), list(now.warnings)
    finally:
        objects.close()


def opened(repository: Repository, hub: str | None, announce: Callable[[str], None], *, join: bool) -> Fleet:
    """The fleet of a clone; with `join` one that is in no fleet becomes a node of it first, without hooks or session."""
    try:
        own_node.load(repository.common_dir)
    except NoFleet:
        if not join:
            raise
        joining.join(repository, hub, announce)
    return Fleet.open(repository.worktree or os.curdir, announce=announce)
