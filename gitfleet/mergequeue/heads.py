"""Where the branches of the queue are on the hub, as the last fetch of them showed: in refs of ours, one for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.ledger.own_node import Node
from gitfleet.trunk import position


def refspecs(node: Node, branches: Iterable[str]) -> list[str]:
    """What a fetch asks for, so that `known` is true. One that is gone from the hub goes here, too."""
    names = dict.fromkeys(name for name in branches if name != node.trunk)
    return [f"+refs/heads/{name}*:{position.seen(node, name)}*" for name in names] if node.hub else []


def known(git: Git, node: Node, branches: Iterable[str]) -> Mapping[str, str | None]:
    """The commit of each branch, None where there is none; of the clone's own branches where it is the hub."""
    names = list(dict.fromkeys(branches))
    where = {name: position.seen(node, name) if node.hub else f"refs/heads/{name}" for name in names}
    found = refs.read(git, *where.values()) if names else {}
    return {name: found.get(ref) for name, ref in where.items()}


def lacking(git: Git, commits: Sequence[str]) -> list[str]:
    """Those of the commits that are not in this clone. Nothing is fetched for the answer."""
    if not commits:
        return []
    data = "".join(f"{commit}\n" for commit in commits).encode()
    out = git.run(
        "cat-file", "--batch-check=%(objecttype)", data=data, timeout=300.0, env={"GIT_NO_LAZY_FETCH": "1"}
    )
    rows = out.decode("ascii", "replace").splitlines()
    return [commit for commit, row in zip(commits, rows, strict=False) if row != "commit"]
