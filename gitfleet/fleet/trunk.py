"""Where the trunk stands, as far as this clone knows."""

from __future__ import annotations

from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git
from gitfleet.git.remote import Remote
from gitfleet.ledger.node import Node


def tip(git: Git, node: Node) -> str | None:
    """The newest commit of the trunk that this clone has seen of the hub; of the branch itself without a hub."""
    if not node.hub:
        return refs.read(git, f"refs/heads/{node.trunk}").get(f"refs/heads/{node.trunk}")
    theirs, tracked = fleetrefs.seen_trunk(node.hub), f"refs/remotes/{node.hub}/{node.trunk}"
    known = refs.read(git, theirs, tracked)
    if theirs not in known or tracked not in known:
        return known.get(theirs) or known.get(tracked)
    if known[theirs] == known[tracked]:
        return known[theirs]
    newer = git.ask("merge-base", "--is-ancestor", known[theirs], known[tracked]).code == 0
    return known[tracked] if newer else known[theirs]


def fetch(git: Git, node: Node) -> None:
    """Bring the hub's trunk into a ref of ours, which goes where the hub has no such branch. Callers hold the node's lock.

    Raises HubUnreachable, HubRefused.
    """
    Remote(git, node.hub).fetch(f"+refs/heads/{node.trunk}*:{fleetrefs.seen_trunk(node.hub)}*")


def forget(git: Git, hub: str) -> None:
    """Forget where the trunk stood: what is the trunk has changed."""
    ref = fleetrefs.seen_trunk(hub)
    for oid in refs.read(git, ref).values():
        refs.delete(git, ref, old=oid)
