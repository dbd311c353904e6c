"""The fleet as it is on the hub right now: the newest ledger and the trunk's rules, for a judgement that may not rest on
what a clone happens to know.

A clone that is part of the fleet asks the hub through its own ledger, verified as ever. Any other (a checkout of CI)
reads the newest ledger commit into a throwaway repository: no history, nothing written into the clone. Whoever
cannot reach the hub learns nothing: that is an error, never an answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gitfleet.base import advice
from gitfleet.base.text import display
from gitfleet.claims import policy
from gitfleet.claims.policy import Policy
from gitfleet.clone import Clone
from gitfleet.errors import NoFleet, UsageError
from gitfleet.gates import policy as gates
from gitfleet.gates.policy import GatePolicy
from gitfleet.git import fleetrefs
from gitfleet.git.objects import open_objects
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.git.scratch import Scratch, scratch
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger import commits, format, own_node
from gitfleet.ledger.commits import Tip
from gitfleet.trunk import hub_head, policy_file, position, queue_policy
from gitfleet.trunk.queue_policy import QueuePolicy


@dataclass(frozen=True, slots=True)
class Present:
    """What holds now. `hub` is the remote's name ("" when this clone is the hub), `trunk` the branch with the rules, and `target` the
    commit that it is at there ("": there is none yet).
    """

    hub: str
    trunk: str
    target: str
    tip: Tip
    view: Snapshot
    policy: Policy
    gate: GatePolicy
    queue: QueuePolicy
    warnings: tuple[str, ...] = ()


@contextmanager
def present(repository: Repository, hub: str | None = None) -> Iterator[Present]:
    """What holds on the hub now; `hub` names a remote (default: that of the clone's fleet, else `origin` or the only one).

    Raises HubUnreachable, HubRefused, HubAlarm; NoFleet when there is no ledger; UsageError for a remote that is none.
    """
    try:
        node = own_node.load(repository.common_dir)
    except NoFleet:
        node = None
    if node is not None and hub in {None, node.hub}:
        with _open(repository) as fleet:
            yield of_node(fleet)
        return
    with scratch(repository.git, remote_of(repository.git, hub)) as place:
        objects = open_objects(place.git.git_dir)
        try:
            yield _of_stranger(place, objects)
        finally:
            objects.close()


def of_node(fleet: Clone) -> Present:
    """The same for a clone that is part of the fleet; its own copy is then as new."""
    ledger = fleet.ledger
    tip = ledger.sync()
    hub_head.ask(fleet.repository, fleet.ledger)
    node = ledger.node  # its trunk may just have moved
    warnings = policy_file.refresh(fleet.repository, node)
    view = Snapshot(ledger.objects, tip.tree)
    format.check(view)
    rules = policy.load(ledger.state), gates.load(ledger.state), queue_policy.load(ledger.state)
    target = position.tip(fleet.repository.git, node) or ""
    return Present(node.hub, node.trunk, target, tip, view, *rules, tuple(warnings))


def remote_of(git: Git, wanted: str | None) -> str:
    """The remote to ask: the one wanted, else `origin`, else the only one. Raises UsageError."""
    remotes = os.fsdecode(git.run("remote")).split("\n")[:-1]
    if wanted is None:
        wanted = "origin" if "origin" in remotes or len(remotes) != 1 else remotes[0]
    if wanted not in remotes:
        known = display(", ".join(remotes)) or "none"
        raise UsageError(
            f"There is no remote '{display(wanted)}' here (remotes: {known}).",
            hint="Name the remote that is the fleet's hub: `--hub REMOTE`.",
        )
    return wanted


def _open(repository: Repository) -> Clone:
    return Clone.open(repository.worktree or repository.common_dir)


def _of_stranger(place: Scratch, objects: Objects) -> Present:
    head, found = place.remote.survey("HEAD", fleetrefs.COORD)
    if fleetrefs.COORD not in found:
        raise NoFleet(
            f"The hub '{place.remote.name}' has no fleet ledger ({fleetrefs.COORD}).",
            hint=f"Run {advice.INIT} in a clone of it, or name another hub: `--hub REMOTE`.",
            path=place.remote.name,
        )
    place.fetch([fleetrefs.COORD], depth=1)
    tip = commits.read(objects, place.tip(0))
    view = Snapshot(objects, tip.tree)
    format.check(view)
    rules: dict[str, object] = {}
    warnings: list[str] = []
    target = ""
    if head.branch:
        place.fetch([f"refs/heads/{head.branch}"], depth=1, contents=False)
        target = place.tip(0)
        rules, warnings = policy_file.compiled_at(place.git, target)
    queue = rules.get("queue", {})
    said = Policy.decode(rules), gates.of(queue), QueuePolicy.decode(queue)
    return Present(place.remote.name, head.branch, target, tip, view, *said, tuple(warnings))
