"""Where the trunk, and other branches that worktrees follow, stand as far as this clone knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from gitfleet.base.digests import sha256
from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.ledger.own_node import Node


def tip(git: Git, node: Node) -> str | None:
    """The newest commit of the trunk that this clone has seen of the hub; of the branch itself without a hub."""
    return known(git, node, [node.trunk])[node.trunk]


def known(git: Git, node: Node, names: Iterable[str]) -> dict[str, str | None]:
    """The same of each of these branches. One git process for all, and one more for each of which two refs differ."""
    wanted = {name: _places(node, name) for name in names}
    found = refs.read(git, *[ref for places in wanted.values() for ref in places]) if wanted else {}
    return {name: _newest(git, [found.get(ref) for ref in places]) for name, places in wanted.items()}


def with_head(repository: Repository, node: Node) -> tuple[str | None, str | None]:
    """A worktree's HEAD, and the same as `tip`. At most one git process, and one more while two refs of the trunk differ."""
    here, names = repository.here, _places(node, node.trunk)
    branch = refs.head(here)
    head, *known = [refs.peek(repository.common_dir, name) for name in (branch, *names) if name]
    if not branch or None in {head, *known}:
        head, *known = refs.look_up(here, "HEAD", *names)
    return head or None, _newest(here, known)


def seen(node: Node, name: str) -> str:
    """The ref of ours for a branch of the hub as it was last fetched."""
    if name == node.trunk:
        return fleetrefs.seen_trunk(node.hub)
    return fleetrefs.seen_base(node.hub, sha256(os.fsencode(name)).hexdigest()[:40])


def _places(node: Node, name: str) -> list[str]:
    """Where a branch is: as it was last seen by us and, of the hub's, by whoever fetched."""
    if not node.hub:
        return [f"refs/heads/{name}"]
    return [seen(node, name), f"refs/remotes/{node.hub}/{name}"]


def _newest(git: Git, known: Sequence[str | None]) -> str | None:
    found = list(dict.fromkeys(oid for oid in known if oid))
    if len(found) < 2:
        return found[0] if found else None
    theirs, tracked = found
    return tracked if git.ask("merge-base", "--is-ancestor", theirs, tracked).code == 0 else theirs


def fetch(git: Git, node: Node) -> None:
    """Bring the hub's trunk into a ref of ours, which goes where the hub has no such branch. Callers hold the node's lock.

    Raises HubUnreachable, HubRefused.
    """
    from gitfleet.git.remote import Remote  # only where there is a hub

    Remote(git, node.hub).fetch(f"+refs/heads/{node.trunk}*:{fleetrefs.seen_trunk(node.hub)}*")
