"""Where the trunk stands, as far as this clone knows."""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.ledger.node import Node


def tip(git: Git, node: Node) -> str | None:
    """The newest commit of the trunk that this clone has seen of the hub; of the branch itself without a hub."""
    names = _names(node)
    known = refs.read(git, *names)
    return _newest(git, [known.get(name) for name in names])


def with_head(repository: Repository, node: Node) -> tuple[str | None, str | None]:
    """A worktree's HEAD, and the same as `tip`. At most one git process, and one more while two refs of the trunk differ."""
    here, names = repository.here, _names(node)
    branch = refs.head(here)
    head, *known = [refs.peek(repository.common_dir, name) for name in (branch, *names) if name]
    if not branch or None in {head, *known}:
        head, *known = refs.look_up(here, "HEAD", *names)
    return head, _newest(here, known)


def _names(node: Node) -> list[str]:
    """Where the trunk is: as it was last seen by us and, of the hub's, by whoever fetched."""
    if not node.hub:
        return [f"refs/heads/{node.trunk}"]
    return [fleetrefs.seen_trunk(node.hub), f"refs/remotes/{node.hub}/{node.trunk}"]


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
